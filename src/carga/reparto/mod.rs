//! Who gets which operation: the load manager's pure core.
//!
//! `paso(ahora, entrada) -> salidas`; no clock, no sockets. Each operation is in the hands of
//! at most one actor at a time; the work of one that dies, or that reaches no almacenamiento,
//! goes to another, once. What was never handed over ends as certainly not applied, what was
//! ends only as its actor says or as uncertain. `actores` says who may take it, `turnos` whose
//! operation is next.

mod actores;
mod turnos;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use crate::carga::duda::{self, sin_decidir};
use crate::carga::reparto::actores::{Eleccion, Trabajador};
use crate::carga::reparto::turnos::{Origen, Turnos};
use crate::domain::operacion::Operacion;
use crate::net::server::Par;
use crate::plantado::{Defecto, plantado};
use crate::wire::mensaje::{Encargo, LatidoActor, Resultado};
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::{Causa, Desenlace};

/// Times that an operation may be handed over: the first, and one more when its actor dies or
/// reaches no almacenamiento.
const ENTREGAS_MAX: u16 = 2;

/// Share of the client's remaining time that the actor gets, in percent: the rest is for the
/// way back, so that the actor's answer arrives before the carga gives up (design §2).
const PLAZO_ACTOR_PCT: u64 = 80;

/// Its numbers.
#[derive(Debug, Clone, Copy)]
pub struct Ajuste {
    /// Silence after which an actor is dead.
    pub silencio_max: Duration,
    /// Operations of one kind that may wait for an actor.
    pub cola_max: usize,
}

/// What happened.
#[derive(Debug)]
pub enum Entrada {
    /// A client asks; `id` is the caller's own number for it.
    Pedido {
        /// Comes back with the outcome.
        id: u64,
        /// The connection that waits for it; none for the diario's.
        par: Option<Par>,
        /// The operation.
        pedido: Pedido,
        /// How long the client waits.
        plazo: Duration,
        /// Since it was acknowledged as queued, in ms; none for one that somebody awaits.
        edad_ms: Option<u64>,
    },
    /// An actor's beat.
    Latido(Par, LatidoActor),
    /// Outcomes from an actor.
    Resultados(Par, Vec<Resultado>),
    /// An actor leaves in order: no more work for it, what it has it finishes.
    Adios(Par),
    /// An actor's connection is gone.
    Ausente(Par),
    /// Time has passed.
    Tic,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Salida {
    /// Hand it over.
    Enviar(Par, Encargo),
    /// Tell the client; the pedido goes along for the news feed.
    Responder(u64, Pedido, Desenlace),
}

struct Pendiente {
    origen: Origen,
    pedido: Pedido,
    llegada: Instant,
    vence: Instant,
    /// How old it was, in ms, and when.
    edad: Option<(u64, Instant)>,
    entregas: u16,
    actor: Option<Par>,
    /// An actor was lost with it in hand: it may be applied, whatever the next one says.
    incierta: bool,
}

impl Pendiente {
    /// Whether it may be applied when it ends now.
    const fn dudosa(&self) -> bool {
        self.incierta || self.actor.is_some()
    }
}

/// A snapshot for tests, health and panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EstadoReparto {
    /// Living actors of each kind: prestamo, devolucion, renovacion.
    pub actores: [usize; 3],
    /// Operations with an actor.
    pub entregadas: usize,
    /// Operations waiting for an actor.
    pub en_cola: usize,
}

/// See the module's doc.
pub struct Reparto {
    ajuste: Ajuste,
    // In order, so that the same inputs always give the same outputs.
    actores: BTreeMap<Par, Trabajador>,
    hechas: u64,
    pendientes: HashMap<u64, Pendiente>,
    turnos: Turnos,
    /// The kind whose turn is next: none waits for another to have no more.
    tema: usize,
    vencen: BTreeSet<(Instant, u64)>,
}

impl Reparto {
    /// One that knows nobody yet.
    #[must_use]
    pub fn nuevo(ajuste: Ajuste) -> Self {
        Self {
            ajuste,
            actores: BTreeMap::new(),
            hechas: 0,
            pendientes: HashMap::new(),
            turnos: Turnos::default(),
            tema: 0,
            vencen: BTreeSet::new(),
        }
    }

    /// Takes one input; what it causes is pushed to `salidas`.
    pub fn paso(&mut self, ahora: Instant, entrada: Entrada, salidas: &mut Vec<Salida>) {
        match entrada {
            Entrada::Pedido {
                id,
                par,
                pedido,
                plazo,
                edad_ms,
            } => {
                let vence = ahora + plazo;
                self.vencen.insert((vence, id));
                if !pedido.operacion.es_lectura() {
                    self.turnos.llega(&par, ahora);
                }
                let pendiente = Pendiente {
                    origen: par,
                    pedido,
                    llegada: ahora,
                    vence,
                    edad: edad_ms.map(|edad_ms| (edad_ms, ahora)),
                    entregas: 0,
                    actor: None,
                    incierta: false,
                };
                self.pendientes.insert(id, pendiente);
                self.colocar(ahora, id, salidas);
            }
            Entrada::Latido(par, latido) => self.latido(ahora, par, &latido, salidas),
            Entrada::Resultados(par, lista) => self.resultados(ahora, &par, lista, salidas),
            Entrada::Adios(par) => {
                if let Some(actor) = self.actores.get_mut(&par) {
                    actor.se_va = true;
                }
            }
            Entrada::Ausente(par) => self.perder(ahora, &par, salidas),
            Entrada::Tic => self.tic(ahora, salidas),
        }
    }

    /// See [`EstadoReparto`].
    #[must_use]
    pub fn estado(&self) -> EstadoReparto {
        let de = |tema| {
            self.actores
                .values()
                .filter(|actor| actor.tema == tema)
                .count()
        };
        EstadoReparto {
            actores: Operacion::ESCRITURAS.map(de),
            entregadas: self.actores.values().map(|actor| actor.en_vuelo).sum(),
            en_cola: self.turnos.en_total(),
        }
    }

    /// How long the oldest of those that wait for an actor has been here; nothing with none.
    #[must_use]
    pub fn edad_en_cola(&self, ahora: Instant) -> Duration {
        let primeras = self.turnos.primeras();
        let llegadas = primeras.filter_map(|id| Some(self.pendientes.get(&id)?.llegada));
        let llegada = llegadas.min().unwrap_or(ahora);
        ahora.saturating_duration_since(llegada)
    }

    /// Gives the operation to an actor, to the queue, or back.
    fn colocar(&mut self, ahora: Instant, id: u64, salidas: &mut Vec<Salida>) {
        let Some(pendiente) = self.pendientes.get(&id) else {
            return;
        };
        let operacion = pendiente.pedido.operacion;
        let dudosa = pendiente.dudosa();
        // Reads are never queued: whoever asks again gets a fresher answer.
        let lectura = operacion.es_lectura();
        match self.elegir(ahora, operacion) {
            Eleccion::Nadie => self.cerrar(id, sin_decidir(dudosa, Causa::SinActores), salidas),
            Eleccion::Actor(par) if lectura || self.turnos.cabe(&pendiente.origen) => {
                self.entregar(ahora, id, par, salidas);
            }
            _ if lectura || self.turnos.largo(operacion) >= self.ajuste.cola_max => {
                self.cerrar(id, sin_decidir(dudosa, Causa::ColaLlena), salidas);
            }
            _ => self.turnos.espera(operacion, &pendiente.origen, id),
        }
    }

    fn entregar(&mut self, ahora: Instant, id: u64, par: Par, salidas: &mut Vec<Salida>) {
        let Some(pendiente) = self.pendientes.get_mut(&id) else {
            return;
        };
        let Some(actor) = self.actores.get_mut(&par) else {
            return;
        };
        self.hechas += 1;
        actor.ultima = self.hechas;
        actor.en_vuelo += 1;
        if !pendiente.pedido.operacion.es_lectura() {
            self.turnos.entrega(&pendiente.origen);
        }
        pendiente.entregas += 1;
        pendiente.actor = Some(par.clone());
        let resta_ms = pendiente.vence.saturating_duration_since(ahora).as_millis() as u64;
        let encargo = Encargo {
            id,
            pedido: pendiente.pedido.clone(),
            plazo_ms: u32::try_from(resta_ms * PLAZO_ACTOR_PCT / 100).unwrap_or(u32::MAX),
            edad_ms: pendiente
                .edad
                .map(|(edad_ms, cuando)| edad_ms + (ahora - cuando).as_millis() as u64),
            intento: pendiente.entregas,
        };
        if plantado(Defecto::DobleReparto)
            && let Some(otro) = self.actores.keys().find(|otro| **otro != par)
        {
            salidas.push(Salida::Enviar(otro.clone(), encargo.clone()));
        }
        salidas.push(Salida::Enviar(par, encargo));
    }

    fn cerrar(&mut self, id: u64, desenlace: Desenlace, salidas: &mut Vec<Salida>) {
        self.quitar(id);
        let Some(pendiente) = self.pendientes.remove(&id) else {
            return;
        };
        self.vencen.remove(&(pendiente.vence, id));
        let operacion = pendiente.pedido.operacion;
        if !operacion.es_lectura() {
            self.turnos.quita(operacion, &pendiente.origen, id);
            self.turnos.termina(&pendiente.origen);
        }
        let desenlace = duda::de(operacion, desenlace);
        salidas.push(Salida::Responder(id, pendiente.pedido, desenlace));
    }

    /// Hands over what waits, as far as actors and shares allow.
    fn sacar(&mut self, ahora: Instant, salidas: &mut Vec<Salida>) {
        let temas = Operacion::ESCRITURAS;
        let mut en_vano = 0;
        while en_vano < temas.len() {
            let tema = temas[self.tema];
            self.tema = (self.tema + 1) % temas.len();
            if self.sacar_una(ahora, tema, salidas) {
                en_vano = 0;
            } else {
                en_vano += 1;
            }
        }
    }

    fn sacar_una(&mut self, ahora: Instant, tema: Operacion, salidas: &mut Vec<Salida>) -> bool {
        if self.turnos.largo(tema) == 0 {
            return false;
        }
        let Eleccion::Actor(par) = self.elegir(ahora, tema) else {
            return false;
        };
        let Some(id) = self.turnos.siguiente(tema) else {
            return false;
        };
        self.entregar(ahora, id, par, salidas);
        true
    }

    /// With the last actor of a kind gone, nobody will give credits to those who wait.
    fn vaciar_sin_actor(&mut self, ahora: Instant, tema: Operacion, salidas: &mut Vec<Salida>) {
        if !matches!(self.elegir(ahora, tema), Eleccion::Nadie) {
            return;
        }
        for id in self.turnos.vacia(tema) {
            let dudosa = self.pendientes.get(&id).is_some_and(Pendiente::dudosa);
            self.cerrar(id, sin_decidir(dudosa, Causa::SinActores), salidas);
        }
    }

    fn tic(&mut self, ahora: Instant, salidas: &mut Vec<Salida>) {
        let mudos: Vec<Par> = self
            .actores
            .iter()
            .filter(|(_, actor)| ahora - actor.visto > self.ajuste.silencio_max)
            .map(|(par, _)| par.clone())
            .collect();
        for par in mudos {
            self.perder(ahora, &par, salidas);
        }
        while let Some(&(vence, id)) = self.vencen.first() {
            if vence > ahora {
                break;
            }
            self.vencen.remove(&(vence, id));
            let dudosa = self.pendientes.get(&id).is_some_and(Pendiente::dudosa);
            self.cerrar(id, sin_decidir(dudosa, Causa::PlazoVencido), salidas);
        }
        self.turnos.olvida(ahora);
        self.sacar(ahora, salidas);
    }
}
