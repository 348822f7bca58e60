//! The key of the other end.

use std::sync::Arc;

use crate::net::curve::clave::ClavePublica;
use crate::net::curve::lista::Lista;
use crate::net::curve::llavero::Llavero;

/// The key that an endpoint must have, where its door has keys.
pub(super) struct Servidor {
    llavero: Arc<Llavero>,
    clave: Option<ClavePublica>,
    /// The list that it was last looked for in.
    lista: Arc<Lista>,
    vale: bool,
}

impl Servidor {
    pub(super) fn nuevo(llavero: &Arc<Llavero>, extremo: &str) -> Self {
        Self {
            llavero: Arc::clone(llavero),
            clave: llavero.servidor(extremo),
            lista: llavero.lista(),
            vale: true,
        }
    }

    pub(super) fn vigente(&mut self, extremo: &str) -> bool {
        let lista = self.llavero.lista();
        if !Arc::ptr_eq(&lista, &self.lista) {
            self.lista = lista;
            self.vale = self.llavero.servidor(extremo) == self.clave;
        }
        self.vale
    }
}
