//! What Rust nodes say to each other. Written by `codec`; append only.

use serde::{Deserialize, Serialize};

use crate::domain::operacion::Operacion;
use crate::wire::actividad::ActividadDeCarga;
use crate::wire::admin::{Cumplido, Encomienda, Informe};
use crate::wire::base::EstadoDeBase;
use crate::wire::estado::{EstadoDeActor, EstadoNodo};
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::Desenlace;

/// One frame between nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mensaje {
    /// An actor announces itself and shows that it lives: actor → carga, every beat.
    LatidoActor(LatidoActor),
    /// A carga shows that it lives: carga → actor, every beat.
    LatidoCarga,
    /// An actor asks whether the endpoint is there: actor → almacenamiento, every beat.
    LatidoAlmacen,
    /// What an almacenamiento is able to do: almacenamiento → actor, answer to a beat.
    EstadoAlmacen(EstadoAlmacen),
    /// Operations on their way to the database.
    Encargos(Vec<Encargo>),
    /// Outcomes on their way back.
    Resultados(Vec<Resultado>),
    /// The sender is leaving in order: give it nothing more.
    Adios,
    /// Administrative work, to an almacenamiento.
    Encomienda(u64, Encomienda),
    /// Its outcome; the number is the asker's.
    Informe(u64, Result<Informe, String>),
    /// How are you: anybody → carga or almacenamiento.
    VerEstado,
    /// The answer to it.
    EstadoNodo(EstadoNodo),
    /// How an actor is, for those who ask its cargas: actor → carga, twice a second.
    EstadoActor(EstadoDeActor),
    /// The outcome of administrative work that [`Mensaje::Informe`] has no words for; the
    /// number is the asker's.
    Cumplido(u64, Result<Cumplido, String>),
    /// What have you done: anybody → carga. A node of before ignores it.
    VerActividad,
    /// The answer to it.
    Actividad(ActividadDeCarga),
    /// How is your database: anybody → almacenamiento. A node of before ignores it.
    VerBase,
    /// The answer to it; none until it has been looked at.
    EstadoBase(Option<EstadoDeBase>),
    /// [`Mensaje::Encargos`] of whoever came with a key, each with its principal's name. Only
    /// `codec` writes and reads it: everybody else sees `Encargos`.
    EncargosDe(Vec<(String, Encargo)>),
}

/// An actor's beat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatidoActor {
    /// The operation it writes; every actor also reads.
    pub tema: Operacion,
    /// Most operations it holds at once for this carga; 0 when it is leaving.
    pub creditos: u32,
}

/// An almacenamiento's answer to a beat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EstadoAlmacen {
    /// Whether it would take an operation now.
    pub disposicion: Disposicion,
    /// Which database it serves; empty until it knows.
    pub base_id: String,
}

/// Whether an almacenamiento takes operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disposicion {
    /// It owns the database.
    Listo,
    /// Another process owns it; this one takes over when that one dies.
    EnEspera,
    /// It is starting, stopping or its database does not answer.
    NoListo,
}

/// One operation handed to a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encargo {
    /// The sender's own number; comes back with the outcome and means nothing else.
    pub id: u64,
    /// The operation.
    pub pedido: Pedido,
    /// Time left until the sender stops waiting, in ms: a length, so clocks may differ.
    pub plazo_ms: u32,
    /// How long ago it was acknowledged as queued, in ms; none for one that somebody awaits.
    pub edad_ms: Option<u64>,
    /// Which attempt of the sender this is, from 1.
    pub intento: u16,
}

/// One outcome handed back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resultado {
    /// The number of the [`Encargo`].
    pub id: u64,
    /// What became of it.
    pub desenlace: Desenlace,
}
