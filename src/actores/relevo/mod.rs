//! Which almacenamiento gets an operation, and what its silence means: an actor's pure core.
//!
//! `paso(ahora, entrada) -> salidas`; no clock, no sockets. One breaker an endpoint; rotation,
//! attempts bounded by `rondas`; an operation that was sent once and not answered ends as
//! uncertain, never as "not applied". A repeat to another endpoint carries the same op_id, so
//! it can only find what the first one did.

mod almacenes;
mod intentos;
mod tardanzas;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use self::tardanzas::{PACIENCIA, Tardanza, Tardanzas};
use crate::runtime::breaker::{self, Breaker, EstadoBreaker, Permiso};
use crate::runtime::recibidos::Recibidos;
use crate::wire::mensaje::{Disposicion, Encargo, EstadoAlmacen, Resultado};

/// Its numbers.
#[derive(Debug, Clone, Copy)]
pub struct Ajuste {
    /// For each endpoint's breaker.
    pub breaker: breaker::Ajuste,
    /// Longest wait for one attempt.
    pub espera: Duration,
    /// Attempts allowed: this many for each endpoint.
    pub rondas: u32,
    /// Silence after which an endpoint is not there.
    pub silencio_max: Duration,
}

/// Numbers that one operation has for its sends: each goes out under its own, so that a late
/// or doubled answer to one is not taken for the answer to another.
const ENVIOS: u64 = 1 << 16;

/// What happened. Cargas and almacenamientos go by their place in the configuration.
#[derive(Debug)]
pub enum Entrada {
    /// Work from a carga.
    Encargos(usize, Vec<Encargo>),
    /// Outcomes from an almacenamiento.
    Resultados(usize, Vec<Resultado>),
    /// An almacenamiento's answer to a beat.
    Estado(usize, EstadoAlmacen),
    /// The connection to an almacenamiento ended.
    Desconectado(usize),
    /// These were certainly not sent to that almacenamiento.
    SinEnviar(usize, Vec<u64>),
    /// Time has passed.
    Tic,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Salida {
    /// Send it to that almacenamiento.
    Enviar(usize, Encargo),
    /// Tell that carga.
    Responder(usize, Resultado),
    /// The first database seen: to be remembered.
    Base(String),
}

struct Almacen {
    extremo: String,
    breaker: Breaker,
    anunciado: EstadoBreaker,
    visto: Option<Instant>,
    disposicion: Disposicion,
    /// When it last said that it is ready; none once it has gone or said otherwise.
    dijo_listo: Option<Instant>,
    /// When it last decided a write that was still asked for; none once it has gone or said that
    /// it cannot.
    decidio: Option<Instant>,
    ajeno: bool,
}

struct EnCurso {
    carga: usize,
    encargo: Encargo,
    recibido: Instant,
    vence: Instant,
    /// When to look at it again: the end of its attempt or of its whole time.
    alarma: Instant,
    destino: Option<(usize, Permiso)>,
    /// When the attempt under way was sent.
    enviado: Instant,
    intentos: u32,
    /// Number of the last send.
    envio: u64,
    /// Some attempt was sent and ended without an answer.
    incierto: bool,
}

impl EnCurso {
    /// The permit of that very send, if it is the one under way.
    fn permiso_de(&self, almacen: usize, envio: u64) -> Option<Permiso> {
        let (destino, permiso) = self.destino?;
        (destino == almacen && self.envio == envio).then_some(permiso)
    }

    /// What is left of the send under way, if one is, should it end without an answer; by its
    /// number. `id` is the operation's own.
    fn tardanza(&self, id: u64, espera: Duration) -> Option<(u64, Tardanza)> {
        let (almacen, permiso) = self.destino?;
        let tardanza = Tardanza {
            almacen,
            permiso,
            lectura: self.es_lectura(),
            // Never before the attempt's own end.
            vence: self.alarma.max(self.enviado + PACIENCIA.min(espera)),
        };
        Some((id + self.envio, tardanza))
    }

    const fn es_lectura(&self) -> bool {
        self.encargo.pedido.operacion.es_lectura()
    }
}

/// One endpoint as `biblioteca estado` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EstadoEndpoint {
    /// `tcp://host:port`.
    pub extremo: String,
    /// Its breaker.
    pub breaker: EstadoBreaker,
    /// Whether it answers and owns the database.
    pub listo: bool,
}

/// See the module's doc.
pub struct Relevo {
    ajuste: Ajuste,
    almacenes: Vec<Almacen>,
    /// By a carga's place, its number of the operation, and the count of the hand-over.
    recibidos: Recibidos<(usize, u64, u16)>,
    en_curso: HashMap<u64, EnCurso>,
    /// Kept back until an endpoint takes them, the oldest first.
    retenidas: BTreeSet<u64>,
    alarmas: BTreeSet<(Instant, u64)>,
    tardanzas: Tardanzas,
    siguiente: u64,
    turno: usize,
    listo_hasta: Option<Instant>,
    base_id: Option<String>,
}

impl Relevo {
    /// One for these endpoints; `base_id` is the database that this node works with, once it
    /// has seen one.
    #[must_use]
    pub fn nuevo(ajuste: Ajuste, extremos: &[String], base_id: Option<String>) -> Self {
        let almacenes = extremos
            .iter()
            .map(|extremo| Almacen {
                extremo: extremo.clone(),
                breaker: Breaker::nuevo(ajuste.breaker),
                anunciado: EstadoBreaker::Cerrado,
                visto: None,
                disposicion: Disposicion::NoListo,
                dijo_listo: None,
                decidio: None,
                ajeno: false,
            })
            .collect();
        Self {
            ajuste,
            almacenes,
            recibidos: Recibidos::default(),
            en_curso: HashMap::new(),
            retenidas: BTreeSet::new(),
            alarmas: BTreeSet::new(),
            tardanzas: Tardanzas::default(),
            // Not 1: a restarted actor must not take answers to its former life for its own.
            siguiente: u64::from(uuid::Uuid::new_v4().as_fields().0) << 32,
            turno: 0,
            listo_hasta: None,
            base_id,
        }
    }

    /// Takes one input; what it causes is pushed to `salidas`.
    pub fn paso(&mut self, ahora: Instant, entrada: Entrada, salidas: &mut Vec<Salida>) {
        // Just started: an endpoint is as much on its way as when one is being replaced.
        self.listo_hasta.get_or_insert(ahora);
        match entrada {
            Entrada::Encargos(carga, encargos) => {
                for encargo in encargos {
                    self.recibir(ahora, carga, encargo, salidas);
                }
            }
            Entrada::Resultados(almacen, lista) => {
                for resultado in lista {
                    self.resultado(ahora, almacen, resultado, salidas);
                }
            }
            Entrada::Estado(almacen, estado) => self.estado_de(ahora, almacen, estado, salidas),
            Entrada::Desconectado(almacen) => self.perder(ahora, almacen, salidas),
            Entrada::SinEnviar(almacen, ids) => {
                for id in ids {
                    self.sin_enviar(ahora, almacen, id, salidas);
                }
            }
            Entrada::Tic => self.tic(ahora, salidas),
        }
        // A probe that came back, or whose lease ended, frees all who waited for it.
        if !self.retenidas.is_empty() && self.alguien_toma(ahora) {
            self.reanudar(ahora, salidas);
        }
        self.anunciar(ahora);
    }

    /// Every endpoint, in the configuration's order.
    #[must_use]
    pub fn estado(&self, ahora: Instant) -> Vec<EstadoEndpoint> {
        self.almacenes
            .iter()
            .map(|almacen| EstadoEndpoint {
                extremo: almacen.extremo.clone(),
                breaker: almacen.breaker.estado(ahora),
                listo: self.listo(ahora, almacen),
            })
            .collect()
    }

    /// Operations in hand.
    #[must_use]
    pub fn en_curso(&self) -> usize {
        self.en_curso.len()
    }

    fn tic(&mut self, ahora: Instant, salidas: &mut Vec<Salida>) {
        let mudos: Vec<usize> = (0..self.almacenes.len())
            .filter(|&i| {
                self.almacenes[i].visto.is_some() && !self.presente(ahora, &self.almacenes[i])
            })
            .collect();
        for almacen in mudos {
            self.perder(ahora, almacen, salidas);
        }
        while let Some(tardanza) = self.tardanzas.vencida(ahora) {
            self.callar(ahora, tardanza);
        }
        while let Some(&(alarma, id)) = self.alarmas.first() {
            if alarma > ahora {
                break;
            }
            self.alarmas.remove(&(alarma, id));
            self.vencer(ahora, id, salidas);
        }
        // Kept back until a successor is there; with none on its way, told at once.
        if !self.hay_relevo(ahora) {
            self.reanudar(ahora, salidas);
        }
    }
}
