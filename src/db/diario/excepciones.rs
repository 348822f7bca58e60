//! What a carga promised and has not kept yet, or could not: what waits to be decided, the
//! queued yes that became a no, and what waits for a person. Read beside the diario's owner or
//! without one, by `auditar` and by a carga that starts; never written.

use std::collections::HashSet;
use std::path::Path;

use sqlx::{ConnectOptions, Error};

use crate::db::Fallo;
use crate::db::diario::{DIARIO, filas};
use crate::db::sqlite::conexion;
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::Respuesta;

/// A queued yes that became a no, or that nobody could decide: for `auditar --excepciones`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excepcion {
    /// The operation.
    pub pedido: Pedido,
    /// When it was accepted, UTC.
    pub aceptada_en: String,
    /// When it was set aside, UTC; none for a refused one that never was.
    pub apartada_en: Option<String>,
    /// When it was refused, UTC; none while it waits for a person.
    pub cerrada_en: Option<String>,
    /// The refusal's code.
    pub codigo: Option<String>,
    /// The refusal's sentence.
    pub mensaje: Option<String>,
}

/// Which of `op_ids` wait undecided in the diario at `ruta`.
///
/// # Errors
/// [`Fallo::Inservible`] when there is no readable diario there.
pub async fn pendientes(ruta: &Path, op_ids: &[&str]) -> Result<HashSet<String>, Fallo> {
    let leer = async {
        let lista = serde_json::to_string(op_ids).map_err(Error::decode)?;
        let mut conexion = conexion::opciones(ruta).read_only(true).connect().await?;
        let hallados: Vec<String> = sqlx::query_scalar(filas::PENDIENTES)
            .bind(lista)
            .fetch_all(&mut conexion)
            .await?;
        Ok(hallados.into_iter().collect())
    };
    leer.await
        .map_err(|causa| conexion::explicar(ruta, &DIARIO, causa))
}

/// What a carga promised and could not keep, from the diario at `ruta`, beside its owner.
///
/// # Errors
/// [`Fallo::Inservible`] when there is no readable diario there.
pub async fn excepciones(ruta: &Path) -> Result<Vec<Excepcion>, Fallo> {
    type Fila = (
        String,
        String,
        Option<String>,
        Option<String>,
        Option<String>,
        Option<String>,
    );
    let leer = async {
        let mut conexion = conexion::opciones(ruta).read_only(true).connect().await?;
        let filas: Vec<Fila> = sqlx::query_as(filas::EXCEPCIONES)
            .fetch_all(&mut conexion)
            .await?;
        let leidas: Result<Vec<Excepcion>, Error> = filas
            .into_iter()
            .map(
                |(pedido, aceptada_en, apartada_en, cerrada_en, codigo, mensaje)| {
                    Ok(Excepcion {
                        pedido: serde_json::from_str(&pedido).map_err(Error::decode)?,
                        aceptada_en,
                        apartada_en,
                        cerrada_en,
                        codigo,
                        mensaje,
                    })
                },
            )
            .collect();
        leidas
    };
    leer.await
        .map_err(|causa| conexion::explicar(ruta, &DIARIO, causa))
}

/// The last `max` of those that became a no, the oldest first, and how many there are in all.
///
/// # Errors
/// See [`excepciones`].
pub async fn faltas(ruta: &Path, max: usize) -> Result<(Vec<(Pedido, Respuesta)>, u64), Fallo> {
    let leer = async {
        let mut conexion = conexion::opciones(ruta).read_only(true).connect().await?;
        let total: i64 = sqlx::query_scalar(filas::FALTAS_TOTAL)
            .fetch_one(&mut conexion)
            .await?;
        let ultimas: Vec<filas::Falta> = sqlx::query_as(filas::FALTAS)
            .bind(i64::try_from(max).unwrap_or(i64::MAX))
            .fetch_all(&mut conexion)
            .await?;
        let ultimas = ultimas.into_iter().rev().map(filas::falta);
        let ultimas = ultimas.collect::<Result<Vec<_>, Error>>()?;
        Ok((ultimas, u64::try_from(total).unwrap_or(0)))
    };
    leer.await
        .map_err(|causa| conexion::explicar(ruta, &DIARIO, causa))
}
