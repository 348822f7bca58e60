//! `biblioteca respaldar`: a copy of the library, with the nodes up or stopped.
//!
//! It reads the SQLite file as `auditar` does, beside its owner and without the lock: a frozen
//! owner is no reason to be without a backup. Of a PostgreSQL it makes none and says how.

use std::path::Path;

use crate::db::respaldo::{self, RespaldoError};
use crate::nodo::almacenamiento::buscador;
use crate::ordenes::{Salida, SalidaError, cuantos};
use crate::settings::Ajustes;
use crate::sistema::salida::decir;

/// Copies the library to a new file.
///
/// # Errors
/// [`SalidaError`] when there is no copy.
pub async fn respaldar(ajustes: &Ajustes, destino: &Path) -> Result<Salida, SalidaError> {
    let Some(base) = ajustes.ruta_sqlite() else {
        let servidores = buscador(ajustes)
            .map_err(|error| SalidaError::Uso(error.to_string()))?
            .map_or_else(String::new, |buscador| buscador.nombre());
        return Err(SalidaError::Uso(con_postgres(&servidores, destino)));
    };
    let hecho = respaldo::respaldar(&base, destino).await.map_err(salida)?;
    decir(format!(
        "Respaldo en {}: {}, {} KiB, base de datos {}. Está completo, revisado y en \
         el disco.",
        destino.display(),
        cuantos(hecho.operaciones.unsigned_abs(), "operación", "operaciones"),
        hecho.bytes.div_ceil(1024),
        hecho.base_id
    ))?;
    decir("Guárdelo en otro equipo. Lo que las cargas tengan sin decidir no está en él.")?;
    Ok(Salida::Bien)
}

fn con_postgres(servidores: &str, destino: &Path) -> String {
    let destino = destino.display();
    format!(
        "la base de datos es PostgreSQL ({servidores}) y este programa no la respalda: lo hacen \
         sus propias órdenes, en marcha y sin detener nada. Con la cuenta dueña:\n  \
         pg_dump --host=EQUIPO --username=biblioteca_duena --dbname=biblioteca --format=custom \
         --file='{destino}'\ny para volver a un instante cualquiera, pg_basebackup con archivo \
         de WAL"
    )
}

fn salida(error: RespaldoError) -> SalidaError {
    match error {
        RespaldoError::SinBase(_)
        | RespaldoError::Ajena(_)
        | RespaldoError::YaExiste(_)
        | RespaldoError::AMedias(_)
        | RespaldoError::Ruta(_)
        | RespaldoError::Lugar { .. } => SalidaError::Uso(error.to_string()),
        _ => SalidaError::Interno(error.to_string()),
    }
}
