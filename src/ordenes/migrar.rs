//! `migrar`: brings the tables of a PostgreSQL up to date, with its owner's address, and moves
//! a library there from its SQLite file.

use std::path::Path;

use crate::db::mudanza::mudar;
use crate::db::{Fallo, postgres};
use crate::ordenes::{Salida, SalidaError, cuantos};
use crate::settings::Ajustes;
use crate::sistema::salida::decir;

/// Does it.
///
/// # Errors
/// [`SalidaError`] when a database cannot be had or is not as it must be.
pub async fn migrar(ajustes: &Ajustes, desde: Option<&Path>) -> Result<Salida, SalidaError> {
    if ajustes.ruta_sqlite().is_some() {
        if desde.is_some() {
            return Err(SalidaError::Uso(
                "--desde es para mudarse a PostgreSQL: ponga su dirección, la de la dueña, en \
                 almacenamiento.base_datos"
                    .to_owned(),
            ));
        }
        decir("Con SQLite no hace falta: cada nodo pone al día su archivo al abrirlo.")?;
        return Ok(Salida::Bien);
    }
    let urls = &ajustes.almacenamiento.base_datos;
    match postgres::migrar(urls).await.map_err(salida)? {
        0 => decir("Las tablas ya estaban al día.")?,
        hechas => decir(format!(
            "Tablas al día: {}.",
            cuantos(hechas as u64, "migración nueva", "migraciones nuevas")
        ))?,
    };
    if let Some(ruta) = desde {
        for (tabla, filas) in mudar(ruta, urls).await.map_err(salida)? {
            decir(format!("{tabla}: {filas} filas, las mismas en ambas."))?;
        }
        decir(format!(
            "La biblioteca está en PostgreSQL. Cambie almacenamiento.base_datos en todos los \
             nodos antes de arrancarlos, y guarde {} como respaldo: lo que se escriba en él ya \
             no cuenta.",
            ruta.display()
        ))?;
    }
    Ok(Salida::Bien)
}

/// What a database that cannot be had means for whoever asked for it.
pub(super) fn salida(fallo: Fallo) -> SalidaError {
    match fallo {
        Fallo::Ocupada => SalidaError::Nadie(
            "un nodo tiene abierto el archivo SQLite: deténgalo antes de mudarse".to_owned(),
        ),
        Fallo::Inservible(motivo) => SalidaError::Uso(motivo),
        otro => otro.into(),
    }
}
