//! One batch, one transaction: load, decide, write, commit.

use jiff::Timestamp;
use sqlx::Error;
use sqlx::sqlite::SqliteConnection;

use crate::db::Asiento;
use crate::db::decision::decidir;
use crate::db::filas::Carga;
use crate::db::redaccion::Redactor;
use crate::db::respuestas;
use crate::db::sqlite::cargar::cargar;
use crate::db::sqlite::guardar;
use crate::domain::ids::Isbn;
use crate::domain::reglas::Reglas;
use crate::wire::respuesta::Respuesta;

/// Decides and writes a batch inside the open transaction. Answers stand in its order.
///
/// # Errors
/// What the database says; the caller rolls back.
pub async fn procesar(
    conexion: &mut SqliteConnection,
    reglas: &Reglas,
    lote: &[Asiento],
    ahora: Timestamp,
) -> Result<Vec<Respuesta>, Error> {
    let Carga {
        mut foto,
        conocidas,
    } = cargar(conexion, lote).await?;
    let suertes = decidir(&mut foto, reglas, lote, &conocidas, ahora);
    guardar::efectos(conexion, &foto, reglas, ahora).await?;
    let agotados = respuestas::agotados(&foto, lote, &suertes);
    let libros: Vec<&Isbn> = agotados.iter().flatten().collect();
    let existencias = guardar::existencias(conexion, &libros).await?;
    let redactor = Redactor {
        reglas,
        foto: &foto,
        ahora,
    };
    let respuestas = respuestas::respuestas(&redactor, lote, &suertes, &agotados, &existencias);
    guardar::respuestas(conexion, lote, &suertes, &respuestas, ahora).await?;
    Ok(respuestas)
}
