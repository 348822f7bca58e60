//! How a node is, as it tells whoever asks: for `biblioteca estado` and the drill.

use serde::{Deserialize, Serialize};

use crate::domain::operacion::Operacion;
use crate::wire::mensaje::Disposicion;

/// What a node's door knows of the role behind it. On the wire: append only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EstadoNodo {
    /// A load manager.
    Carga(EstadoDeCarga),
    /// A storage supervisor.
    Almacenamiento(EstadoDeAlmacen),
}

/// A load manager and the actors that work for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EstadoDeCarga {
    /// `nodo.id`.
    pub nodo: String,
    /// Whether its actor answers; the counts are 0 when it does not.
    pub vivo: bool,
    /// Clients that wait for an answer.
    pub esperan: u64,
    /// Operations with an actor.
    pub entregadas: u64,
    /// Operations waiting for credits.
    pub en_cola: u64,
    /// Acknowledged as queued and not decided yet.
    pub encoladas: u64,
    /// Of those, set aside for a person.
    pub apartadas: u64,
    /// Since the oldest undecided one was accepted, in ms; 0 with none.
    pub edad_max_ms: u64,
    /// The living actors that have told of themselves.
    pub actores: Vec<EstadoDeActor>,
}

/// An actor, as it tells the cargas twice a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EstadoDeActor {
    /// Drawn at its start: tells apart actors of the same name, and shows that two cargas mean
    /// the same one.
    pub vida: u64,
    /// `nodo.id`, role and number.
    pub nombre: String,
    /// What it writes; every actor also reads.
    pub tema: Operacion,
    /// Most operations it holds at once for one carga.
    pub creditos: u32,
    /// Operations in hand, of all cargas.
    pub en_curso: u64,
    /// Every almacenamiento as it sees it, in its configuration's order.
    pub almacenes: Vec<EstadoDeEnlace>,
}

/// An almacenamiento as an actor sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EstadoDeEnlace {
    /// `tcp://host:port`.
    pub extremo: String,
    /// The actor's breaker for it.
    pub cortacircuitos: Cortacircuitos,
    /// Whether it answers and owns the database.
    pub listo: bool,
}

/// Where a breaker stands, on the wire: append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cortacircuitos {
    /// Operations pass.
    Cerrado,
    /// None passes.
    Abierto,
    /// One probe passes.
    MedioAbierto,
}

impl Cortacircuitos {
    /// The word in tables, logs and JSON.
    #[must_use]
    pub const fn palabra(self) -> &'static str {
        match self {
            Self::Cerrado => "CERRADO",
            Self::Abierto => "ABIERTO",
            Self::MedioAbierto => "MEDIO_ABIERTO",
        }
    }
}

/// A storage supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EstadoDeAlmacen {
    /// `nodo.id`.
    pub nodo: String,
    /// Whether it would take an operation now.
    pub disposicion: Disposicion,
    /// Which database it serves; empty until it has opened it.
    pub base_id: String,
    /// The database's file, or its servers.
    pub archivo: String,
    /// Operations waiting for their commit.
    pub en_cola: u64,
    /// Reads waiting for a connection.
    pub lecturas: u64,
}
