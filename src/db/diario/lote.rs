//! One batch, and what is read, each in a statement or two: `jsonb_each` brings the rows.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::Serialize;
use sqlx::Error;
use sqlx::sqlite::SqliteConnection;

use crate::db::diario::filas::{self, FilaAbierta, FilaCerrada};
use crate::db::diario::reloj::Marca;
use crate::db::diario::{Apunte, Cargadas, Cerrada, Suerte};
use crate::db::reloj::texto_utc;
use crate::domain::ids::OpId;
use crate::wire::pedido::Pedido;

/// Everything undecided, with its age now.
pub async fn cargar(conexion: &mut SqliteConnection, ahora: &Marca) -> Result<Cargadas, Error> {
    let (ultimo, aceptada, cerrada): (i64, String, String) = sqlx::query_as(
        "SELECT coalesce(max(seq), 0), coalesce(max(aceptada_en), ''),
                coalesce(max(cerrada_en), '') FROM entradas",
    )
    .fetch_one(&mut *conexion)
    .await?;
    let ultima = aceptada.max(cerrada).parse().unwrap_or(Timestamp::MIN);
    let filas: Vec<filas::Abierta> = sqlx::query_as(filas::SIN_DECIDIR)
        .fetch_all(conexion)
        .await?;
    Ok(Cargadas {
        sin_decidir: filas
            .into_iter()
            .map(|fila| filas::sin_decidir(fila, ahora, ultima))
            .collect::<Result<_, _>>()?,
        siguiente: u64::try_from(ultimo).unwrap_or(0) + 1,
    })
}

/// Writes the batch inside the open transaction; with no room, nothing new.
pub async fn anotar(
    conexion: &mut SqliteConnection,
    lote: &[Apunte],
    hay_sitio: bool,
    ahora: &Marca,
) -> Result<Vec<Suerte>, Error> {
    let (mut nuevas, mut cerradas, mut apartadas) = (Vec::new(), Vec::new(), Vec::new());
    for apunte in lote {
        match apunte {
            Apunte::Abrir {
                seq,
                pedido,
                edad_ms,
            } if hay_sitio => nuevas.push((*seq, pedido, ahora.antes(*edad_ms))),
            Apunte::Abrir { .. } => {}
            Apunte::Cerrar { seq, respuesta } => cerradas.push(FilaCerrada::nueva(*seq, respuesta)),
            Apunte::Apartar { seq } => apartadas.push(*seq),
        }
    }
    let cuando = texto_utc(ahora.pared);
    cambiar(conexion, filas::CERRAR, &cerradas, &cuando).await?;
    cambiar(conexion, filas::APARTAR, &apartadas, &cuando).await?;
    let abiertas = abrir(conexion, &nuevas).await?;
    let viejas: Vec<OpId> = nuevas
        .iter()
        .filter(|(seq, ..)| !abiertas.contains(seq))
        .map(|(_, pedido, _)| pedido.op_id.clone())
        .collect();
    let mut halladas = buscar(conexion, &viejas).await?;
    let suertes = lote.iter().map(|apunte| match apunte {
        Apunte::Abrir { seq, pedido, .. } if !abiertas.contains(seq) => {
            let cerrada = halladas.remove(pedido.op_id.as_str());
            cerrada.map_or(Suerte::SinSitio, |cerrada| {
                Suerte::Decidida(Box::new(cerrada))
            })
        }
        _ => Suerte::Hecha,
    });
    Ok(suertes.collect())
}

/// The numbers of those that were new.
async fn abrir(
    conexion: &mut SqliteConnection,
    nuevas: &[(u64, &Pedido, Marca)],
) -> Result<HashSet<u64>, Error> {
    if nuevas.is_empty() {
        return Ok(HashSet::new());
    }
    let filas = nuevas
        .iter()
        .map(|(seq, pedido, aceptada)| FilaAbierta::nueva(*seq, pedido, aceptada))
        .collect::<Result<Vec<_>, _>>()?;
    let abiertas: Vec<(i64,)> = sqlx::query_as(filas::ABRIR)
        .bind(escribir(&filas)?)
        .fetch_all(conexion)
        .await?;
    Ok(abiertas
        .into_iter()
        .filter_map(|(seq,)| u64::try_from(seq).ok())
        .collect())
}

/// The closed ones of these, by op_id.
pub async fn buscar(
    conexion: &mut SqliteConnection,
    op_ids: &[OpId],
) -> Result<HashMap<String, Cerrada>, Error> {
    if op_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let halladas: Vec<filas::Hallada> = sqlx::query_as(filas::BUSCAR)
        .bind(escribir(&op_ids)?)
        .fetch_all(conexion)
        .await?;
    halladas.into_iter().map(filas::cerrada).collect()
}

async fn cambiar(
    conexion: &mut SqliteConnection,
    sentencia: &'static str,
    filas: &[impl Serialize],
    cuando: &str,
) -> Result<(), Error> {
    if filas.is_empty() {
        return Ok(());
    }
    let cambio = sqlx::query(sentencia).bind(escribir(&filas)?).bind(cuando);
    cambio.execute(conexion).await.map(|_| ())
}

fn escribir(filas: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(filas).map_err(Error::decode)
}
