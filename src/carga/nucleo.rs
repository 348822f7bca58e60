//! The load manager's whole pure core: the diario in front, the sharing of work behind it.
//!
//! `paso(ahora, entradas) -> salidas`; no clock, no disk, no sockets. A client's write goes
//! through the diario, which keeps it, makes it wait or hands it on; a read goes straight to
//! an actor, `estado` after a look into the diario.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::carga::diario::{self, Contestacion, Diario, EstadoDiario, Solicitud, Viaje};
use crate::carga::reparto::{self, EstadoReparto, Reparto};
use crate::db::diario::{Cargadas, Cerrada, Suerte};
use crate::domain::operacion::Operacion;
use crate::domain::rechazo::Rechazo;
use crate::net::server::Par;
use crate::wire::mensaje::Encargo;
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::{Desenlace, Respuesta};

/// Share of the client's time kept for the answer's own way and for the clock's tick, in
/// percent: the contract promises an answer within the deadline, not at it. Of the whole time,
/// however much of it passes in the diario.
const MARGEN_PCT: u32 = 5;

/// What happened.
#[derive(Debug)]
pub enum Entrada {
    /// A client asks. Its number is one that [`Nucleo::numero`] gave.
    Solicitud(Solicitud),
    /// The diario's file was read.
    Cargadas(Cargadas),
    /// A trip to the disk came back.
    DeVuelta(Vec<Suerte>, Vec<Option<Cerrada>>),
    /// From the actors; never a `Pedido`.
    Reparto(reparto::Entrada),
    /// Time has passed.
    Tic,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Salida {
    /// Hand it to that actor.
    Enviar(Par, Encargo),
    /// Answer the client.
    Contestar(u64, Contestacion),
    /// To the disk.
    Viaje(Viaje),
    /// News: it was decided; whether it had been acknowledged as queued.
    Noticia(Pedido, Respuesta, bool),
}

/// Whether this is a decision that nobody has heard of: not a read, not a repeat, and not the
/// conflict of an op_id, which decides nothing.
fn es_noticia(pedido: &Pedido, respuesta: &Respuesta) -> bool {
    !pedido.operacion.es_lectura()
        && !respuesta.repetida
        && respuesta.rechazo != Some(Rechazo::ConflictoOpId)
}

/// See the module's doc.
pub struct Nucleo {
    diario: Diario,
    reparto: Reparto,
    /// Replays under way: the number at the sharing of work, and the entry.
    replays: HashMap<u64, u64>,
    siguiente: u64,
}

impl Nucleo {
    /// One that knows nobody and has read nothing. Its numbers follow `desde`.
    #[must_use]
    pub fn nuevo(diario: diario::Ajuste, reparto: reparto::Ajuste, desde: u64) -> Self {
        Self {
            diario: Diario::nuevo(diario),
            reparto: Reparto::nuevo(reparto),
            replays: HashMap::new(),
            siguiente: desde,
        }
    }

    /// A number that nothing else has.
    pub const fn numero(&mut self) -> u64 {
        self.siguiente += 1;
        self.siguiente
    }

    /// Takes a burst of inputs; what they cause is pushed to `salidas`.
    pub fn paso(
        &mut self,
        ahora: Instant,
        entradas: impl IntoIterator<Item = Entrada>,
        salidas: &mut Vec<Salida>,
    ) {
        for mut entrada in entradas {
            if let Entrada::Solicitud(solicitud) = &mut entrada {
                solicitud.plazo -= solicitud.plazo * MARGEN_PCT / 100;
            }
            let (mut del_diario, mut del_reparto) = (Vec::new(), Vec::new());
            match entrada {
                Entrada::Solicitud(solicitud)
                    if solicitud.pedido.operacion == Operacion::Consulta =>
                {
                    let pasa = reparto::Entrada::Pedido {
                        id: solicitud.id,
                        par: Some(solicitud.par),
                        pedido: solicitud.pedido,
                        plazo: solicitud.plazo,
                        edad_ms: None,
                    };
                    self.reparto.paso(ahora, pasa, &mut del_reparto);
                }
                Entrada::Solicitud(solicitud) => {
                    let pide = diario::Entrada::Solicitud(solicitud);
                    self.diario.paso(ahora, pide, &mut del_diario);
                }
                Entrada::Cargadas(cargadas) => {
                    let lee = diario::Entrada::Cargadas(cargadas);
                    self.diario.paso(ahora, lee, &mut del_diario);
                }
                Entrada::DeVuelta(suertes, halladas) => {
                    let vuelve = diario::Entrada::DeVuelta(suertes, halladas);
                    self.diario.paso(ahora, vuelve, &mut del_diario);
                }
                Entrada::Reparto(otra) => self.reparto.paso(ahora, otra, &mut del_reparto),
                Entrada::Tic => {
                    self.reparto
                        .paso(ahora, reparto::Entrada::Tic, &mut del_reparto);
                    self.diario
                        .paso(ahora, diario::Entrada::Tic, &mut del_diario);
                }
            }
            self.propagar(ahora, del_diario, del_reparto, salidas);
        }
        // A replay may end at once (no actors), and its end may let another go: the gate lets
        // none through after a failure, so this ends.
        loop {
            let mut del_diario = Vec::new();
            self.diario.fin_de_rafaga(ahora, &mut del_diario);
            if del_diario.is_empty() {
                return;
            }
            self.propagar(ahora, del_diario, Vec::new(), salidas);
        }
    }

    /// The diario's part.
    #[must_use]
    pub fn estado_diario(&self, ahora: Instant) -> EstadoDiario {
        self.diario.estado(ahora)
    }

    /// The sharing of work.
    #[must_use]
    pub fn estado_reparto(&self) -> EstadoReparto {
        self.reparto.estado()
    }

    /// See [`Reparto::edad_en_cola`].
    #[must_use]
    pub fn edad_en_cola(&self, ahora: Instant) -> Duration {
        self.reparto.edad_en_cola(ahora)
    }

    /// What one part says is heard by the other until both are silent.
    fn propagar(
        &mut self,
        ahora: Instant,
        del_diario: Vec<diario::Salida>,
        del_reparto: Vec<reparto::Salida>,
        salidas: &mut Vec<Salida>,
    ) {
        let mut del_diario = VecDeque::from(del_diario);
        let mut del_reparto = VecDeque::from(del_reparto);
        loop {
            if let Some(salida) = del_reparto.pop_front() {
                del_diario.extend(self.oir_reparto(ahora, salida, salidas));
            } else if let Some(salida) = del_diario.pop_front() {
                del_reparto.extend(self.oir_diario(ahora, salida, salidas));
            } else {
                return;
            }
        }
    }

    fn oir_reparto(
        &mut self,
        ahora: Instant,
        salida: reparto::Salida,
        salidas: &mut Vec<Salida>,
    ) -> Vec<diario::Salida> {
        let mut oidas = Vec::new();
        match salida {
            reparto::Salida::Enviar(par, encargo) => salidas.push(Salida::Enviar(par, encargo)),
            reparto::Salida::Responder(id, pedido, desenlace) => {
                if let Some(seq) = self.replays.remove(&id) {
                    let resulta = diario::Entrada::Desenlace(seq, desenlace);
                    self.diario.paso(ahora, resulta, &mut oidas);
                    return oidas;
                }
                if let Desenlace::Decidida(respuesta) = &desenlace
                    && es_noticia(&pedido, respuesta)
                {
                    salidas.push(Salida::Noticia(pedido, respuesta.clone(), false));
                }
                salidas.push(Salida::Contestar(id, Contestacion::Desenlace(desenlace)));
            }
        }
        oidas
    }

    fn oir_diario(
        &mut self,
        ahora: Instant,
        salida: diario::Salida,
        salidas: &mut Vec<Salida>,
    ) -> Vec<reparto::Salida> {
        let mut oidas = Vec::new();
        let pedido = match salida {
            diario::Salida::Viaje(viaje) => {
                salidas.push(Salida::Viaje(viaje));
                return oidas;
            }
            diario::Salida::Contestar(id, contestacion) => {
                salidas.push(Salida::Contestar(id, contestacion));
                return oidas;
            }
            diario::Salida::Decidida(pedido, respuesta) => {
                if es_noticia(&pedido, &respuesta) {
                    salidas.push(Salida::Noticia(pedido, respuesta, true));
                }
                return oidas;
            }
            diario::Salida::Pasar {
                id,
                par,
                pedido,
                plazo,
            } => reparto::Entrada::Pedido {
                id,
                par: Some(par),
                pedido,
                plazo,
                edad_ms: None,
            },
            diario::Salida::Replay {
                seq,
                pedido,
                plazo,
                edad_ms,
            } => {
                let id = self.numero();
                self.replays.insert(id, seq);
                reparto::Entrada::Pedido {
                    id,
                    par: None,
                    pedido,
                    plazo,
                    edad_ms: Some(edad_ms),
                }
            }
        };
        self.reparto.paso(ahora, pedido, &mut oidas);
        oidas
    }
}
