//! What an almacenamiento has seen of its primary, kept in a file of `nodo.datos`: after a
//! restart a primary that a promotion left behind is still one of the past.
//!
//! Written before the store is used for the first time, whole and synced or not at all. Read
//! by `buscar`; nobody else touches it but a person who means to move to another cluster.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::db::Fallo;
use crate::sistema::motivo;

/// Its name in `nodo.datos`.
pub const ARCHIVO: &str = "primario.json";

/// What a new primary must agree with.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memoria {
    /// The highest timeline; 0 before the first.
    pub linea: u32,
    /// The cluster's system identifier.
    pub sistema: Option<String>,
    /// The library's database.
    pub base_id: Option<String>,
}

impl Memoria {
    /// As written at `ruta`; nothing seen when there is no such file.
    ///
    /// # Errors
    /// [`Fallo::Inservible`] when it is there and says nothing: to go on without it would be to
    /// forget.
    pub fn leer(ruta: &Path) -> Result<Self, Fallo> {
        let ilegible = |causa: &str| {
            Fallo::Inservible(format!(
                "no se puede leer {}, donde este almacenamiento anota qué primario ha visto: \
                 {causa}. Si sabe cuál es el primario de verdad, bórrelo y arranque de nuevo",
                ruta.display()
            ))
        };
        match fs::read(ruta) {
            Ok(texto) => {
                serde_json::from_slice(&texto).map_err(|_| ilegible("su contenido no se entiende"))
            }
            Err(causa) if causa.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(causa) => Err(ilegible(&motivo(&causa))),
        }
    }

    /// Puts it in the place of what was there, so that a loss of power leaves one or the other.
    ///
    /// # Errors
    /// What the disk says.
    pub fn guardar(&self, ruta: &Path) -> std::io::Result<()> {
        let carpeta = ruta.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(carpeta)?;
        // Another almacenamiento of this PC may write the same file at this moment.
        let nuevo = PathBuf::from(format!("{}.{}", ruta.display(), std::process::id()));
        let mut archivo = File::create(&nuevo)?;
        archivo.write_all(&serde_json::to_vec(self)?)?;
        archivo.sync_all()?;
        fs::rename(&nuevo, ruta)?;
        File::open(carpeta)?.sync_all()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_there_again_and_garbage_is_not_taken_for_nothing() {
        let carpeta = tempfile::tempdir().unwrap();
        let ruta = carpeta.path().join("datos").join(ARCHIVO);
        assert_eq!(Memoria::leer(&ruta).unwrap(), Memoria::default());
        let vista = Memoria {
            linea: 3,
            sistema: Some("7".into()),
            base_id: Some("b".into()),
        };
        vista.guardar(&ruta).unwrap();
        assert_eq!(Memoria::leer(&ruta).unwrap(), vista);
        assert_eq!(fs::read_dir(ruta.parent().unwrap()).unwrap().count(), 1);
        fs::write(&ruta, "{").unwrap();
        assert!(matches!(Memoria::leer(&ruta), Err(Fallo::Inservible(_))));
    }
}
