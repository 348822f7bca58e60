//! The check of every message, in and out, at one door: its peer's key against the live list.
//!
//! A handshake is decided once, but a key may be retired while its connection lives. Used by
//! the ROUTER loop only; a door without keys has none.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::net::curve::lista::Lista;
use crate::net::curve::llavero::Llavero;
use crate::net::curve::{Dominio, Quien};
use crate::net::server::Par;

/// A peer that has said nothing for this long (twice, at most) is owed no answer: the longest
/// deadline is 30 s, and nodes beat four times a second. It bounds what is remembered, for
/// nobody tells of a client's end.
const RECUERDO: Duration = Duration::from_secs(60);

/// See the module's doc.
pub struct Guardia {
    llavero: Arc<Llavero>,
    dominio: Dominio,
    lista: Arc<Lista>,
    recientes: HashMap<Par, String>,
    anteriores: HashMap<Par, String>,
    desde: Instant,
}

impl Guardia {
    pub fn nueva(llavero: Arc<Llavero>, dominio: Dominio) -> Self {
        Self {
            lista: llavero.lista(),
            llavero,
            dominio,
            recientes: HashMap::new(),
            anteriores: HashMap::new(),
            desde: Instant::now(),
        }
    }

    /// Who sends this, if it may now; `clave` is what the handshake proved.
    pub fn entra(&mut self, par: &Par, clave: Option<&str>) -> Option<Quien> {
        let clave = clave?;
        let autorizado = self.llavero.admite(clave, self.dominio)?;
        if !self.recientes.contains_key(par) {
            self.recientes.insert(Arc::clone(par), clave.to_owned());
        }
        Some(Quien::autorizado(autorizado))
    }

    /// Whether something may be sent to it now.
    pub fn sale(&self, par: &Par) -> bool {
        let clave = self.recientes.get(par).or_else(|| self.anteriores.get(par));
        clave.is_some_and(|clave| self.llavero.admite(clave, self.dominio).is_some())
    }

    /// Forgets a peer that has gone.
    pub fn olvidar(&mut self, par: &Par) {
        self.recientes.remove(par);
        self.anteriores.remove(par);
    }

    /// Once a beat: those whose key was retired since the last one, and forgets the silent.
    pub fn retirados(&mut self) -> Vec<Par> {
        if self.desde.elapsed() >= RECUERDO {
            self.anteriores = std::mem::take(&mut self.recientes);
            self.desde = Instant::now();
        }
        let lista = self.llavero.lista();
        if Arc::ptr_eq(&lista, &self.lista) {
            return Vec::new();
        }
        self.lista = lista;
        let todos = self.recientes.iter().chain(&self.anteriores);
        let fuera: Vec<Par> = todos
            .filter(|(_, clave)| self.llavero.admite(clave, self.dominio).is_none())
            .map(|(par, _)| Arc::clone(par))
            .collect();
        for par in &fuera {
            self.olvidar(par);
        }
        fuera
    }
}
