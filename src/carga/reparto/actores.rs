//! The actors: who is there, who may get an operation, what their answers and their loss mean.

use std::time::{Duration, Instant};

use super::{ENTREGAS_MAX, Reparto, Salida};
use crate::carga::duda::{dudar, sin_decidir};
use crate::domain::operacion::Operacion;
use crate::net::server::Par;
use crate::wire::mensaje::{LatidoActor, Resultado};
use crate::wire::respuesta::{Causa, Desenlace};

/// How long an actor that reached no almacenamiento comes after the others: it answers at once
/// and would attract all the work. As long as four beats, by which it may know more.
const APARTE: Duration = Duration::from_secs(1);

/// An actor, as the carga knows it.
pub(super) struct Trabajador {
    pub(super) tema: Operacion,
    pub(super) creditos: usize,
    pub(super) en_vuelo: usize,
    pub(super) visto: Instant,
    pub(super) se_va: bool,
    /// Number of the last hand-over to it: among equals the one that rested longest is next.
    pub(super) ultima: u64,
    /// When it last said that it reaches no almacenamiento, until it brings a decision.
    aislado: Option<Instant>,
}

impl Trabajador {
    fn alcanza(&self, ahora: Instant) -> bool {
        self.aislado.is_none_or(|desde| ahora - desde > APARTE)
    }
}

/// Who gets an operation.
pub(super) enum Eleccion {
    Actor(Par),
    SinCreditos,
    Nadie,
}

impl Reparto {
    /// The living actor of that kind (any for a read) with the least in hand, of those that
    /// reach an almacenamiento if there are any.
    pub(super) fn elegir(&self, ahora: Instant, operacion: Operacion) -> Eleccion {
        let vivos = || {
            self.actores
                .iter()
                .filter(|(_, actor)| !actor.se_va)
                .filter(|(_, actor)| operacion.es_lectura() || actor.tema == operacion)
        };
        if vivos().next().is_none() {
            return Eleccion::Nadie;
        }
        let alguno_alcanza = vivos().any(|(_, actor)| actor.alcanza(ahora));
        vivos()
            .filter(|(_, actor)| actor.en_vuelo < actor.creditos)
            .filter(|(_, actor)| !alguno_alcanza || actor.alcanza(ahora))
            .min_by_key(|(_, actor)| (actor.en_vuelo, actor.ultima))
            .map_or(Eleccion::SinCreditos, |(par, _)| {
                Eleccion::Actor(par.clone())
            })
    }

    pub(super) fn latido(
        &mut self,
        ahora: Instant,
        par: Par,
        latido: &LatidoActor,
        salidas: &mut Vec<Salida>,
    ) {
        let actor = self.actores.entry(par).or_insert_with(|| {
            tracing::info!(tema = %latido.tema, creditos = latido.creditos, "actor a la orden");
            Trabajador {
                tema: latido.tema,
                creditos: 0,
                en_vuelo: 0,
                visto: ahora,
                se_va: false,
                ultima: 0,
                aislado: None,
            }
        });
        actor.visto = ahora;
        actor.tema = latido.tema;
        actor.creditos = latido.creditos as usize;
        actor.se_va |= actor.creditos == 0;
        self.sacar(ahora, salidas);
    }

    pub(super) fn resultados(
        &mut self,
        ahora: Instant,
        par: &Par,
        lista: Vec<Resultado>,
        salidas: &mut Vec<Salida>,
    ) {
        let Some(actor) = self.actores.get_mut(par) else {
            return;
        };
        actor.visto = ahora;
        for Resultado { id, desenlace } in lista {
            match &desenlace {
                Desenlace::Decidida(_) => self.aislar(par, None),
                Desenlace::NoAplicada(Causa::SinAlmacenamiento) => self.aislar(par, Some(ahora)),
                _ => {}
            }
            let Some(pendiente) = self.pendientes.get(&id) else {
                continue;
            };
            let suyo = pendiente.actor.as_ref() == Some(par);
            // A decision is one whoever brings it; anything less only counts from the actor
            // that has the operation now.
            if suyo && self.otro_puede(ahora, id, &desenlace, salidas) {
                continue;
            }
            let Some(pendiente) = self.pendientes.get(&id) else {
                continue;
            };
            if suyo || matches!(desenlace, Desenlace::Decidida(_)) {
                let desenlace = dudar(pendiente.incierta, desenlace);
                self.cerrar(id, desenlace, salidas);
            }
        }
        self.sacar(ahora, salidas);
    }

    fn aislar(&mut self, par: &Par, cuando: Option<Instant>) {
        if let Some(actor) = self.actores.get_mut(par) {
            actor.aislado = cuando;
        }
    }

    /// Hands what its actor could not bring to any almacenamiento to one that may.
    fn otro_puede(
        &mut self,
        ahora: Instant,
        id: u64,
        desenlace: &Desenlace,
        salidas: &mut Vec<Salida>,
    ) -> bool {
        if *desenlace != Desenlace::NoAplicada(Causa::SinAlmacenamiento) {
            return false;
        }
        let Some(pendiente) = self.pendientes.get(&id) else {
            return false;
        };
        // Never the same again: its first answer, doubled on the way, would end the second try.
        let Eleccion::Actor(otro) = self.elegir(ahora, pendiente.pedido.operacion) else {
            return false;
        };
        let alcanza = self
            .actores
            .get(&otro)
            .is_some_and(|otro| otro.alcanza(ahora));
        if !alcanza || pendiente.entregas >= ENTREGAS_MAX {
            return false;
        }
        self.quitar(id);
        self.entregar(ahora, id, otro, salidas);
        true
    }

    /// Takes it out of its actor's hands, if one has it.
    pub(super) fn quitar(&mut self, id: u64) {
        let Some(pendiente) = self.pendientes.get_mut(&id) else {
            return;
        };
        let Some(par) = pendiente.actor.take() else {
            return;
        };
        if !pendiente.pedido.operacion.es_lectura() {
            self.turnos.vuelve(&pendiente.origen);
        }
        if let Some(actor) = self.actores.get_mut(&par) {
            actor.en_vuelo = actor.en_vuelo.saturating_sub(1);
        }
    }

    pub(super) fn perder(&mut self, ahora: Instant, par: &Par, salidas: &mut Vec<Salida>) {
        let Some(actor) = self.actores.remove(par) else {
            return;
        };
        tracing::warn!(tema = %actor.tema, en_vuelo = actor.en_vuelo, "actor perdido; su trabajo pasa a otro");
        let mut suyas: Vec<u64> = self
            .pendientes
            .iter()
            .filter(|(_, pendiente)| pendiente.actor.as_ref() == Some(par))
            .map(|(&id, _)| id)
            .collect();
        suyas.sort_unstable();
        for id in suyas {
            self.quitar(id);
            let Some(pendiente) = self.pendientes.get_mut(&id) else {
                continue;
            };
            pendiente.incierta = true;
            if pendiente.entregas < ENTREGAS_MAX {
                self.colocar(ahora, id, salidas);
            } else {
                self.cerrar(id, sin_decidir(true, Causa::SinActores), salidas);
            }
        }
        self.vaciar_sin_actor(ahora, actor.tema, salidas);
        self.sacar(ahora, salidas);
    }
}
