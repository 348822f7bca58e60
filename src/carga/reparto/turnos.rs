//! Whose turn it is: what waits for an actor, and how much each connection may have with the
//! actors at once.
//!
//! A connection that is alone may have as much as the actors take. Beside one that asks for
//! little it has no more than [`CUOTA`]: what it has there already stands before whoever comes
//! next, so one that floods would make all the others wait for its work. The rest of its
//! work waits here, and the connections that wait take turns.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::domain::operacion::Operacion;
use crate::net::server::Par;

/// What a connection may have with the actors while another asks for little. More would be
/// faster for the one and slower for the others: beside 500 of a flood, of which 8, 16, 32 or
/// all were with the actors, three that asked one by one waited 1.5, 2.0, 2.7 and 22 times as
/// long (median) as alone, and the flood went at 5,600, 6,600, 8,400 and 13,000/s (SQLite).
const CUOTA: usize = 16;

/// What those who all ask for much share, unless [`CUOTA`] for each is more: one commit under
/// way and the next one, with the `almacenamiento.lote_max` that a node has by itself.
const JUNTAS: usize = 512;

/// How long a connection is taken to go on as it did: asking, and for much.
const PRESENCIA: Duration = Duration::from_secs(1);

/// Whose an operation is: a connection's, or, with none, the diario's.
pub(super) type Origen = Option<Par>;

/// What one of them has here.
struct Cuenta {
    /// Waiting or with an actor.
    abiertas: usize,
    /// With an actor.
    entregadas: usize,
    /// When its last operation came.
    vista: Instant,
    /// When it last had more than [`CUOTA`], until that is long ago.
    mucha: Option<Instant>,
}

impl Cuenta {
    /// Whether it asks for little.
    const fn modesta(&self) -> bool {
        self.mucha.is_none()
    }
}

/// What waits of one kind: by whose it is, and in which order those take turns.
#[derive(Default)]
struct Cola {
    turno: VecDeque<Origen>,
    de: HashMap<Origen, VecDeque<u64>>,
    largo: usize,
}

/// See the module's doc.
#[derive(Default)]
pub(super) struct Turnos {
    colas: HashMap<Operacion, Cola>,
    cuentas: HashMap<Origen, Cuenta>,
    /// Connections that ask for little.
    modestas: usize,
}

impl Turnos {
    /// An operation comes.
    pub(super) fn llega(&mut self, origen: &Origen, ahora: Instant) {
        let conexion = usize::from(origen.is_some());
        let cuenta = self.cuentas.entry(origen.clone()).or_insert_with(|| {
            self.modestas += conexion;
            Cuenta {
                abiertas: 0,
                entregadas: 0,
                vista: ahora,
                mucha: None,
            }
        });
        cuenta.abiertas += 1;
        cuenta.vista = ahora;
        if cuenta.abiertas > CUOTA && cuenta.mucha.replace(ahora).is_none() {
            self.modestas -= conexion;
        }
    }

    /// It is over.
    pub(super) fn termina(&mut self, origen: &Origen) {
        if let Some(cuenta) = self.cuentas.get_mut(origen) {
            cuenta.abiertas = cuenta.abiertas.saturating_sub(1);
        }
    }

    /// An actor has it.
    pub(super) fn entrega(&mut self, origen: &Origen) {
        if let Some(cuenta) = self.cuentas.get_mut(origen) {
            cuenta.entregadas += 1;
        }
    }

    /// No actor has it any more.
    pub(super) fn vuelve(&mut self, origen: &Origen) {
        if let Some(cuenta) = self.cuentas.get_mut(origen) {
            cuenta.entregadas = cuenta.entregadas.saturating_sub(1);
        }
    }

    /// Whether one more of its operations may go to an actor now.
    pub(super) fn cabe(&self, origen: &Origen) -> bool {
        let Some(cuenta) = self.cuentas.get(origen) else {
            return true;
        };
        cuenta.entregadas < self.cuota(origen, cuenta)
    }

    fn cuota(&self, origen: &Origen, cuenta: &Cuenta) -> usize {
        let conexiones = self.cuentas.len() - usize::from(self.cuentas.contains_key(&None));
        // Nobody waits for the diario's work: it stands back for any connection.
        let Some(_) = origen else {
            return if conexiones > 0 { CUOTA } else { usize::MAX };
        };
        let otras_modestas = self.modestas - usize::from(cuenta.modesta());
        match conexiones {
            _ if otras_modestas > 0 => CUOTA,
            0 | 1 => usize::MAX,
            varias => CUOTA.max(JUNTAS / varias),
        }
    }

    /// Puts it behind what waits of its kind and origin.
    pub(super) fn espera(&mut self, operacion: Operacion, origen: &Origen, id: u64) {
        let cola = self.colas.entry(operacion).or_default();
        let suyas = cola.de.entry(origen.clone()).or_default();
        if suyas.is_empty() {
            cola.turno.push_back(origen.clone());
        }
        suyas.push_back(id);
        cola.largo += 1;
    }

    /// Takes out the next that may go to an actor.
    pub(super) fn siguiente(&mut self, operacion: Operacion) -> Option<u64> {
        let turno = &self.colas.get(&operacion)?.turno;
        let lugar = turno.iter().position(|origen| self.cabe(origen))?;
        let cola = self.colas.get_mut(&operacion)?;
        let origen = cola.turno.remove(lugar)?;
        let suyas = cola.de.get_mut(&origen)?;
        let id = suyas.pop_front()?;
        cola.largo -= 1;
        if suyas.is_empty() {
            cola.de.remove(&origen);
        } else {
            cola.turno.push_back(origen);
        }
        Some(id)
    }

    /// Takes that one out, if it waits.
    pub(super) fn quita(&mut self, operacion: Operacion, origen: &Origen, id: u64) {
        let Some(cola) = self.colas.get_mut(&operacion) else {
            return;
        };
        let Some(suyas) = cola.de.get_mut(origen) else {
            return;
        };
        let antes = suyas.len();
        suyas.retain(|&otra| otra != id);
        cola.largo -= antes - suyas.len();
        if suyas.is_empty() {
            cola.de.remove(origen);
            cola.turno.retain(|otro| otro != origen);
        }
    }

    /// Takes out everything of that kind, in the order of the turns.
    pub(super) fn vacia(&mut self, operacion: Operacion) -> Vec<u64> {
        let Some(mut cola) = self.colas.remove(&operacion) else {
            return Vec::new();
        };
        let turno = cola.turno.into_iter();
        turno
            .filter_map(|origen| cola.de.remove(&origen))
            .flatten()
            .collect()
    }

    /// Forgets the connections that have nothing here and have asked for nothing of late, and
    /// that others asked for much.
    pub(super) fn olvida(&mut self, ahora: Instant) {
        let modestas = &mut self.modestas;
        self.cuentas.retain(|origen, cuenta| {
            let conexion = usize::from(origen.is_some());
            if cuenta.abiertas > CUOTA {
                cuenta.mucha = Some(ahora);
            } else if cuenta.mucha.is_some_and(|mucha| ahora - mucha > PRESENCIA) {
                cuenta.mucha = None;
                *modestas += conexion;
            }
            let queda = cuenta.abiertas > 0 || ahora - cuenta.vista <= PRESENCIA;
            *modestas -= usize::from(!queda && cuenta.modesta()) * conexion;
            queda
        });
    }

    /// How many of that kind wait.
    pub(super) fn largo(&self, operacion: Operacion) -> usize {
        self.colas.get(&operacion).map_or(0, |cola| cola.largo)
    }

    /// How many of all kinds wait.
    pub(super) fn en_total(&self) -> usize {
        self.colas.values().map(|cola| cola.largo).sum()
    }

    /// Of each kind and origin, the one that has waited longest.
    pub(super) fn primeras(&self) -> impl Iterator<Item = u64> + '_ {
        let de = self.colas.values().flat_map(|cola| cola.de.values());
        de.filter_map(|suyas| suyas.front().copied())
    }
}
