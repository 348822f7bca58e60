//! Who there is, what they say to each other, and what can happen to them.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use biblioteca::db::diario::{Cerrada, Suerte};
use biblioteca::net::server::Par;
use biblioteca::wire::mensaje::{Encargo, EstadoAlmacen, LatidoActor, Resultado};

use crate::caso::Caso;

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nodo {
    Cliente(usize),
    Carga(usize),
    Actor(usize),
    Almacen(usize),
}

impl fmt::Display for Nodo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cliente(i) => write!(f, "solicitante{i}"),
            Self::Carga(i) => write!(f, "carga{i}"),
            Self::Actor(i) => write!(f, "actor{i}"),
            Self::Almacen(i) => write!(f, "almacen{i}"),
        }
    }
}

/// One message on a link.
#[derive(Debug, Clone)]
pub enum Paquete {
    /// A client's request, in the contract's JSON.
    Peticion {
        intento: u32,
        trama: Vec<u8>,
    },
    /// Its answer, in the contract's JSON.
    Respuesta {
        intento: u32,
        trama: Vec<u8>,
    },
    LatidoActor(LatidoActor),
    Adios,
    Encargo(Encargo),
    Resultado(Resultado),
    LatidoAlmacen,
    EstadoAlmacen(EstadoAlmacen),
}

impl fmt::Display for Paquete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peticion { intento, trama } => {
                write!(f, "peticion #{intento} {}", String::from_utf8_lossy(trama))
            }
            Self::Respuesta { intento, trama } => {
                write!(f, "respuesta #{intento} {}", String::from_utf8_lossy(trama))
            }
            Self::LatidoActor(_) => f.write_str("latido de actor"),
            Self::Adios => f.write_str("adios"),
            Self::Encargo(encargo) => write!(
                f,
                "encargo {} intento {} plazo {} ms",
                encargo.pedido.op_id, encargo.intento, encargo.plazo_ms
            ),
            Self::Resultado(resultado) => write!(f, "resultado {:?}", resultado.desenlace),
            Self::LatidoAlmacen => f.write_str("latido a almacen"),
            Self::EstadoAlmacen(estado) => write!(f, "estado {:?}", estado.disposicion),
        }
    }
}

/// Something that happens at an instant. `vida` tells the lives of one process apart: what
/// was meant for a former one is void.
#[derive(Debug)]
pub enum Evento {
    Entrega {
        de: Nodo,
        a: Nodo,
        conexion: u64,
        paquete: Paquete,
    },
    Tic(Nodo, u64),
    Latido(usize, u64),
    /// A carga learns that an actor's connection is gone.
    Ausente(usize, Par),
    /// An actor learns that its connection to an almacenamiento is gone.
    Desconectado(usize, u64, usize),
    /// An actor learns that this was certainly not sent to that almacenamiento.
    SinEnviar(usize, u64, usize, u64),
    /// A carga has read its diario's file; its batch is on the disk; it hears of it.
    LeeDiario(usize, u64),
    Sincroniza(usize, u64),
    DeVuelta(usize, u64, Vec<Suerte>, Vec<Option<Cerrada>>),
    /// A client learns that its link to a carga fell.
    Caida(usize, usize),
    /// A client's alarm.
    Despierta(usize, u64),
    /// An almacenamiento tries to open the database.
    Abre(usize, u64),
    /// It begins a transaction, commits it, answers.
    Lote(usize, u64),
    Commit(usize, u64),
    Contesta(usize, u64),
    /// A named fault begins, or changes.
    Caso(Caso),
    /// A fault is drawn; those that follow end one.
    Falta,
    Revive(Nodo),
    Descongela(Nodo),
    /// An actor that has said goodbye ends.
    Retira(usize, u64),
    Repara(Nodo, Nodo),
    /// All faults end for good.
    Sanar,
}

impl Evento {
    /// The process that has to be running for it to happen.
    pub const fn de_quien(&self) -> Option<Nodo> {
        Some(match *self {
            Self::Entrega { a, .. } => a,
            Self::Tic(nodo, _) => nodo,
            Self::Latido(i, _)
            | Self::Desconectado(i, ..)
            | Self::SinEnviar(i, ..)
            | Self::Retira(i, _) => Nodo::Actor(i),
            Self::Ausente(i, _)
            | Self::LeeDiario(i, _)
            | Self::Sincroniza(i, _)
            | Self::DeVuelta(i, ..) => Nodo::Carga(i),
            Self::Abre(i, _) | Self::Lote(i, _) | Self::Commit(i, _) | Self::Contesta(i, _) => {
                Nodo::Almacen(i)
            }
            _ => return None,
        })
    }

    /// The life of its process that it was meant for, if it matters.
    const fn vida(&self) -> Option<u64> {
        match *self {
            Self::Tic(_, vida)
            | Self::Latido(_, vida)
            | Self::Desconectado(_, vida, _)
            | Self::SinEnviar(_, vida, ..)
            | Self::Retira(_, vida)
            | Self::LeeDiario(_, vida)
            | Self::Sincroniza(_, vida)
            | Self::DeVuelta(_, vida, ..)
            | Self::Abre(_, vida)
            | Self::Lote(_, vida)
            | Self::Commit(_, vida)
            | Self::Contesta(_, vida) => Some(vida),
            _ => None,
        }
    }
}

/// A process: its core while it lives, and what waits while it is frozen. Its clock has its
/// own zero and its own pace.
#[derive(Debug)]
pub struct Proceso<N> {
    pub nucleo: Option<N>,
    pub vida: u64,
    pub congelado: bool,
    /// When it was last thawed.
    pub descongelado_us: u64,
    pospuestos: VecDeque<Evento>,
    origen: Instant,
    ppm: u64,
}

impl<N> Proceso<N> {
    /// A dead one; `adelanto_us` and `ppm` (a million: exact) make its clock.
    pub fn nuevo(base: Instant, adelanto_us: u64, ppm: u64) -> Self {
        Self {
            nucleo: None,
            vida: 0,
            congelado: false,
            descongelado_us: 0,
            pospuestos: VecDeque::new(),
            origen: base + Duration::from_micros(adelanto_us),
            ppm,
        }
    }

    /// What its clock says.
    pub fn hora(&self, ahora_us: u64) -> Instant {
        self.origen + Duration::from_micros(ahora_us * self.ppm / 1_000_000)
    }

    pub fn nace(&mut self, nucleo: N) {
        self.vida += 1;
        self.nucleo = Some(nucleo);
    }

    /// The event, if the process is there to see it now and is the one it was meant for.
    pub fn filtrar(&mut self, evento: Evento) -> Option<Evento> {
        let viejo = evento.vida().is_some_and(|vida| vida != self.vida);
        if self.nucleo.is_none() || viejo {
            return None;
        }
        if self.congelado {
            self.pospuestos.push_back(evento);
            return None;
        }
        Some(evento)
    }

    /// Goes on; gives back what has happened meanwhile.
    pub fn descongelar(&mut self, ahora_us: u64) -> VecDeque<Evento> {
        if self.congelado {
            self.descongelado_us = ahora_us;
        }
        self.congelado = false;
        std::mem::take(&mut self.pospuestos)
    }

    pub fn muere(&mut self) {
        self.nucleo = None;
        self.congelado = false;
        self.pospuestos.clear();
    }
}
