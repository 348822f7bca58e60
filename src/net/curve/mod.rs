//! CURVE and ZAP: who may speak at which door, and proof of who it is.
//!
//! `clave` is a node's pair of keys and its file, `lista` the allow-list that an administrator
//! keeps, `llavero` both as a process uses them, `portero` the ZAP handler that decides every
//! handshake, `guardia` the check of every message after it. Without keys none of this is
//! used and every peer is [`Quien::cualquiera`]. It never decides what a message means.

pub mod clave;
pub(super) mod guardia;
pub mod lista;
pub mod llavero;
pub mod portero;

use std::sync::Arc;

use crate::domain::principal::Principal;
use crate::net::curve::lista::{Autorizado, Papel};

/// A door, which is the ZAP domain of its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dominio {
    /// 5555.
    Clientes,
    /// 5556.
    Eventos,
    /// 5557.
    Trabajo,
    /// 5570.
    Almacen,
}

impl Dominio {
    const TODOS: [Self; 4] = [Self::Clientes, Self::Eventos, Self::Trabajo, Self::Almacen];

    /// The word in the handshake.
    #[must_use]
    pub const fn palabra(self) -> &'static str {
        match self {
            Self::Clientes => "clientes",
            Self::Eventos => "eventos",
            Self::Trabajo => "trabajo",
            Self::Almacen => "almacenamiento",
        }
    }

    fn de_palabra(palabra: &[u8]) -> Option<Self> {
        Self::TODOS
            .into_iter()
            .find(|dominio| dominio.palabra().as_bytes() == palabra)
    }

    /// Who gets through this door at all. What each may say there is the door's own matter:
    /// cargas and almacenamientos only ask how a node is, or bring administrative work.
    #[must_use]
    pub const fn papeles(self) -> &'static [Papel] {
        match self {
            Self::Clientes => &[Papel::Cliente, Papel::Solicitante],
            Self::Eventos => &[Papel::Eventos],
            Self::Trabajo => &[
                Papel::ActorPrestamo,
                Papel::ActorDevolucion,
                Papel::ActorRenovacion,
                Papel::Carga,
                Papel::Almacenamiento,
            ],
            Self::Almacen => &[
                Papel::ActorPrestamo,
                Papel::ActorDevolucion,
                Papel::ActorRenovacion,
                Papel::Carga,
                Papel::Almacenamiento,
                Papel::Directo,
            ],
        }
    }
}

/// Who sent a message: an entry of the allow-list, or anybody at a door without keys.
#[derive(Debug, Clone)]
pub struct Quien(Option<Arc<Autorizado>>);

impl Quien {
    /// Whoever reaches a door without keys may do there what that door is for.
    #[must_use]
    pub const fn cualquiera() -> Self {
        Self(None)
    }

    pub(super) const fn autorizado(quien: Arc<Autorizado>) -> Self {
        Self(Some(quien))
    }

    /// Whether it holds this role.
    #[must_use]
    pub fn puede(&self, papel: Papel) -> bool {
        self.0
            .as_ref()
            .is_none_or(|quien| quien.papeles.contains(&papel))
    }

    /// Whose its op_ids are.
    #[must_use]
    pub fn principal(&self) -> Principal {
        self.0
            .as_ref()
            .map_or_else(Principal::nadie, |quien| quien.principal())
    }

    /// For diagnostics.
    #[must_use]
    pub fn nombre(&self) -> &str {
        self.0.as_ref().map_or("sin clave", |quien| &quien.nombre)
    }
}
