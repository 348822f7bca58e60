//! What the diario's core is told, and what it says.

use std::time::Duration;

use crate::db::diario::{Apunte, Cargadas, Cerrada, Suerte};
use crate::domain::ids::OpId;
use crate::net::server::Par;
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::{Desenlace, Respuesta};

/// Its numbers.
#[derive(Debug, Clone, Copy)]
pub struct Ajuste {
    /// Undecided entries that it takes.
    pub sin_decidir_max: usize,
    /// Seed of its pauses.
    pub semilla: u64,
}

/// A client's operation; a read other than `estado` has no business here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solicitud {
    /// The caller's own number for the client; comes back with the answer.
    pub id: u64,
    /// Its connection.
    pub par: Par,
    /// The operation.
    pub pedido: Pedido,
    /// How long the client waits.
    pub plazo: Duration,
    /// Whether it is answered when it is on the disk.
    pub asincrona: bool,
}

/// One trip to the disk; the answer brings a fate and an answer for each, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Viaje {
    /// To be written in one commit, first.
    pub apuntes: Vec<Apunte>,
    /// Then to be looked up among the closed.
    pub preguntas: Vec<OpId>,
}

/// What happened.
#[derive(Debug)]
pub enum Entrada {
    /// The file was read; nothing is handed on or acknowledged before.
    Cargadas(Cargadas),
    /// A client asks.
    Solicitud(Solicitud),
    /// The trip came back.
    DeVuelta(Vec<Suerte>, Vec<Option<Cerrada>>),
    /// What became of a replay.
    Desenlace(u64, Desenlace),
    /// Time has passed.
    Tic,
}

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contestacion {
    /// An outcome as it is.
    Desenlace(Desenlace),
    /// It is on the disk.
    Encolada,
    /// The op_id was used with other content.
    Conflicto,
    /// To an `estado`: its place here.
    EnCola {
        /// Since it was accepted, in ms.
        edad_ms: u64,
        /// Replays begun.
        intentos: u32,
        /// It waits for a person.
        apartada: bool,
    },
    /// To an `estado`: how it was decided.
    Guardada(Box<Cerrada>),
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Salida {
    /// Write and look up; the answer is [`Entrada::DeVuelta`].
    Viaje(Viaje),
    /// Hand the client's operation on at once; it is not the diario's.
    Pasar {
        /// The client's number.
        id: u64,
        /// Its connection.
        par: Par,
        /// The operation.
        pedido: Pedido,
        /// What is left of its time.
        plazo: Duration,
    },
    /// Hand an entry on; the answer is [`Entrada::Desenlace`] with this number.
    Replay {
        /// The entry.
        seq: u64,
        /// The operation.
        pedido: Pedido,
        /// How long it may take.
        plazo: Duration,
        /// Since it was accepted, in ms.
        edad_ms: u64,
    },
    /// Tell the client.
    Contestar(u64, Contestacion),
    /// An entry was decided: news.
    Decidida(Pedido, Respuesta),
}

/// A snapshot for tests, health and panel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EstadoDiario {
    /// Whether its file was read.
    pub cargado: bool,
    /// On the disk and undecided, those set aside included.
    pub sin_decidir: usize,
    /// Set aside for a person.
    pub apartadas: usize,
    /// Being replayed now.
    pub en_vuelo: usize,
    /// Since the oldest undecided one was accepted, in ms; 0 with none.
    pub edad_max_ms: u64,
    /// Waiting to be written, or being written.
    pub por_anotar: usize,
}
