//! What a process knows of keys: its own pair and the live allow-list.
//!
//! Opened once, before any socket; the portero's thread puts a changed list in its place, and
//! every other reader sees it at its next message.

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use crate::net::curve::Dominio;
use crate::net::curve::clave::{ClaveError, ClavePublica, ParDeClaves, exigir_curve};
use crate::net::curve::lista::{Autorizado, Lista};

/// The node's pair, in the folder of keys.
pub const ARCHIVO_PAR: &str = "nodo.clave";
/// The allow-list, in the same folder.
pub const ARCHIVO_LISTA: &str = "autorizados.txt";

/// See the module's doc.
#[derive(Debug)]
pub struct Llavero {
    par: ParDeClaves,
    ruta: PathBuf,
    lista: RwLock<Arc<Lista>>,
    clientes_sin_clave: bool,
}

impl Llavero {
    /// Reads the pair and the list of a folder. With `clientes_sin_clave` the clients' door
    /// has no keys, on either side of it.
    ///
    /// # Errors
    /// [`ClaveError`].
    pub fn abrir(carpeta: &Path, clientes_sin_clave: bool) -> Result<Self, ClaveError> {
        exigir_curve()?;
        let par = ParDeClaves::leer(&carpeta.join(ARCHIVO_PAR))?;
        let ruta = carpeta.join(ARCHIVO_LISTA);
        let lista = RwLock::new(Arc::new(Lista::leer(&ruta)?));
        Ok(Self {
            par,
            ruta,
            lista,
            clientes_sin_clave,
        })
    }

    /// The node's own pair.
    #[must_use]
    pub const fn par(&self) -> &ParDeClaves {
        &self.par
    }

    /// Whether this door has keys.
    #[must_use]
    pub fn protege(&self, dominio: Dominio) -> bool {
        !(self.clientes_sin_clave && dominio == Dominio::Clientes)
    }

    /// The list as it stands.
    #[must_use]
    pub fn lista(&self) -> Arc<Lista> {
        // Whoever wrote the list and panicked had it whole: it is one pointer.
        let lista = self.lista.read();
        Arc::clone(&lista.unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The entry of a key, if it gets through that door now.
    #[must_use]
    pub fn admite(&self, clave: &str, dominio: Dominio) -> Option<Arc<Autorizado>> {
        let lista = self.lista();
        let autorizado = lista.de(clave)?;
        let entra = dominio
            .papeles()
            .iter()
            .any(|papel| autorizado.papeles.contains(papel));
        entra.then(|| Arc::clone(autorizado))
    }

    /// The key of the server at `tcp://host:port`: the list's, or this node's own for one on
    /// this very PC that the list doesn't name.
    #[must_use]
    pub fn servidor(&self, extremo: &str) -> Option<ClavePublica> {
        let direccion = extremo.strip_prefix("tcp://").unwrap_or(extremo);
        if let Some(clave) = self.lista().servidor(direccion) {
            return Some(clave.clone());
        }
        let host = direccion
            .rsplit_once(':')
            .map_or(direccion, |(host, _)| host);
        let local = host == "localhost" || host == "[::1]" || host.starts_with("127.");
        local.then(|| self.par.publica().clone())
    }

    /// Reads the file again and puts it in place when it is another; whether it was. A file
    /// that can't be read changes nothing: the last good list holds.
    ///
    /// # Errors
    /// [`ClaveError`].
    pub(super) fn releer(&self) -> Result<bool, ClaveError> {
        let nueva = Lista::leer(&self.ruta)?;
        if *self.lista() == nueva {
            return Ok(false);
        }
        let mut lista = self
            .lista
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *lista = Arc::new(nueva);
        Ok(true)
    }
}
