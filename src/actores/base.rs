//! Which database this node works with: remembered in `nodo.datos`, so that a node pointed at
//! another library's database by mistake sends it nothing (contract §4).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file of one node.
#[derive(Debug, Clone)]
pub struct BaseConocida(PathBuf);

impl BaseConocida {
    /// In the folder `datos`.
    #[must_use]
    pub fn en(datos: &Path) -> Self {
        Self(datos.join("base_id"))
    }

    /// The remembered one; none when there is none yet.
    ///
    /// # Errors
    /// When the file is there and cannot be read: guessing would defeat its purpose.
    pub fn leer(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(&self.0) {
            Ok(texto) => Ok(Some(texto.trim().to_owned()).filter(|id| !id.is_empty())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Remembers the first one seen; a node that cannot write goes on and will ask again.
    pub fn recordar(&self, base_id: &str) {
        let provisional = self.0.with_extension("nuevo");
        let escrito =
            fs::write(&provisional, base_id).and_then(|()| fs::rename(&provisional, &self.0));
        if let Err(error) = escrito {
            tracing::warn!(%error, archivo = %self.0.display(), "no se pudo recordar la base de datos");
        }
    }
}
