//! The diario's rows: how an entry is written, and read back.

use serde::Serialize;
use sqlx::Error;

use crate::db::diario::reloj::Marca;
use crate::db::diario::{Cerrada, SinDecidir};
use crate::db::reloj::texto_utc;
use crate::domain::operacion::Operacion;
use crate::domain::principal::Principal;
use crate::domain::rechazo::Rechazo;
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::{Estado, Respuesta};

use jiff::Timestamp;

/// `jsonb_each` brings a whole batch in one statement (see `filas::escribir`).
pub const ABRIR: &str = "INSERT INTO entradas
    (seq, op_id, huella, operacion, pedido, aceptada_en, arranque, arranque_ms, principal)
    SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6,
           value->>7, value->>8 FROM jsonb_each($1) WHERE true
    ON CONFLICT (op_id) DO NOTHING RETURNING seq";

/// NOT INDEXED leaves the primary key: without it every undecided entry is compared with the
/// whole batch, which is read anew for each (with 256 loans queued at a time each cost the carga
/// 423 µs, with it 54).
pub const CERRAR: &str = "UPDATE entradas NOT INDEXED
    SET estado = j.value->>1, codigo = j.value->>2, mensaje = j.value->>3, fecha = j.value->>4,
        datos = j.value->>5, cerrada_en = $2
    FROM jsonb_each($1) j WHERE entradas.seq = j.value->>0 AND entradas.estado IS NULL";

pub const APARTAR: &str = "UPDATE entradas NOT INDEXED SET apartada_en = $2
    FROM json_each($1) j WHERE entradas.seq = j.value AND entradas.estado IS NULL";

pub const BUSCAR: &str =
    "SELECT op_id, huella, operacion, estado, codigo, mensaje, fecha, datos, principal
    FROM entradas WHERE op_id IN (SELECT value FROM json_each($1)) AND estado IS NOT NULL";

pub const SIN_DECIDIR: &str = "SELECT seq, pedido, aceptada_en, arranque, arranque_ms, principal
    FROM entradas WHERE estado IS NULL ORDER BY seq";

pub const PENDIENTES: &str = "SELECT op_id FROM entradas
    WHERE op_id IN (SELECT value FROM json_each($1)) AND estado IS NULL";

pub const EXCEPCIONES: &str = "SELECT pedido, aceptada_en, apartada_en, cerrada_en, codigo, mensaje
    FROM entradas WHERE estado = 'RECHAZADO' OR (estado IS NULL AND apartada_en IS NOT NULL)
    ORDER BY seq";

pub const FALTAS: &str = "SELECT pedido, estado, codigo, mensaje, fecha, datos
    FROM entradas WHERE estado = 'RECHAZADO' ORDER BY seq DESC LIMIT $1";

pub const FALTAS_TOTAL: &str = "SELECT count(*) FROM entradas WHERE estado = 'RECHAZADO'";

#[derive(Serialize)]
pub struct FilaAbierta<'a>(
    u64,
    &'a str,
    String,
    &'static str,
    String,
    String,
    &'a str,
    u64,
    String,
);

impl<'a> FilaAbierta<'a> {
    pub fn nueva(seq: u64, pedido: &'a Pedido, aceptada: &'a Marca) -> Result<Self, Error> {
        Ok(Self(
            seq,
            pedido.op_id.as_str(),
            pedido.huella.to_string(),
            pedido.operacion.palabra(),
            serde_json::to_string(pedido).map_err(Error::decode)?,
            texto_utc(aceptada.pared),
            &aceptada.arranque,
            aceptada.arranque_ms,
            pedido.principal.texto(),
        ))
    }
}

#[derive(Serialize)]
pub struct FilaCerrada<'a>(
    u64,
    &'static str,
    Option<&'static str>,
    &'a str,
    &'a str,
    &'a str,
);

impl<'a> FilaCerrada<'a> {
    pub fn nueva(seq: u64, respuesta: &'a Respuesta) -> Self {
        Self(
            seq,
            respuesta.estado.palabra(),
            respuesta.rechazo.map(|rechazo| rechazo.codigo()),
            &respuesta.mensaje,
            &respuesta.fecha,
            &respuesta.datos,
        )
    }
}

/// A row of [`BUSCAR`].
pub type Hallada = (
    String,
    String,
    String,
    String,
    Option<String>,
    String,
    String,
    String,
    String,
);

/// The op_id of a closed entry, and what stands there.
pub fn cerrada(fila: Hallada) -> Result<(String, Cerrada), Error> {
    let (op_id, huella, operacion, estado, codigo, mensaje, fecha, datos, principal) = fila;
    let rechazo = codigo
        .map(|codigo| Rechazo::de_codigo(&codigo).ok_or_else(|| desconocido("codigo", &codigo)))
        .transpose()?;
    let cerrada = Cerrada {
        operacion: Operacion::de_palabra(&operacion)
            .ok_or_else(|| desconocido("operacion", &operacion))?,
        huella,
        principal: Principal::leer(&principal),
        respuesta: Respuesta {
            estado: Estado::de_palabra(&estado).ok_or_else(|| desconocido("estado", &estado))?,
            rechazo,
            mensaje,
            fecha,
            datos,
            repetida: false,
        },
    };
    Ok((op_id, cerrada))
}

/// A row of [`FALTAS`].
pub type Falta = (String, String, Option<String>, String, String, String);

/// A closed entry: the operation, and how it was decided.
pub fn falta(fila: Falta) -> Result<(Pedido, Respuesta), Error> {
    let (pedido, estado, codigo, mensaje, fecha, datos) = fila;
    let pedido: Pedido = serde_json::from_str(&pedido).map_err(Error::decode)?;
    let operacion = pedido.operacion.palabra().to_owned();
    let hallada = (
        pedido.op_id.to_string(),
        pedido.huella.to_string(),
        operacion,
        estado,
        codigo,
        mensaje,
        fecha,
        datos,
        String::new(),
    );
    let (_, cerrada) = cerrada(hallada)?;
    Ok((pedido, cerrada.respuesta))
}

/// A row of [`SIN_DECIDIR`].
pub type Abierta = (i64, String, String, String, i64, String);

/// An undecided entry, with its age now.
pub fn sin_decidir(fila: Abierta, ahora: &Marca, ultima: Timestamp) -> Result<SinDecidir, Error> {
    let (seq, pedido, aceptada_en, arranque, arranque_ms, principal) = fila;
    let aceptada = Marca {
        pared: aceptada_en.parse().map_err(Error::decode)?,
        arranque,
        arranque_ms: u64::try_from(arranque_ms).unwrap_or(0),
    };
    Ok(SinDecidir {
        seq: u64::try_from(seq).map_err(Error::decode)?,
        pedido: Pedido {
            principal: Principal::leer(&principal),
            ..serde_json::from_str(&pedido).map_err(Error::decode)?
        },
        edad_ms: ahora.desde(&aceptada, ultima),
    })
}

fn desconocido(columna: &str, valor: &str) -> Error {
    Error::Decode(format!("{columna} '{valor}' is not of this version").into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use sqlx::sqlite::SqliteConnection;
    use sqlx::{AssertSqlSafe, Connection};

    use super::*;

    /// The cost of a batch is its own, whatever the backlog.
    #[tokio::test]
    async fn what_is_closed_is_found_by_its_number() {
        let mut conexion = SqliteConnection::connect(":memory:").await.unwrap();
        let migraciones = sqlx::migrate!("migrations/diario");
        migraciones.run(&mut conexion).await.unwrap();
        for sentencia in [CERRAR, APARTAR] {
            let plan: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sentencia}")))
                    .bind("[]")
                    .bind("")
                    .fetch_all(&mut conexion)
                    .await
                    .unwrap();
            let pasos: Vec<&str> = plan.iter().map(|paso| paso.3.as_str()).collect();
            let por_numero = "SEARCH entradas USING INTEGER PRIMARY KEY (rowid=?)";
            assert_eq!(pasos.last(), Some(&por_numero), "{sentencia}: {pasos:?}");
        }
    }
}
