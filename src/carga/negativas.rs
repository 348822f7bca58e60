//! When a refusal is told: at once, but for a connection that was refused a moment ago.
//!
//! A refusal says after how long to ask again. To a client that does not wait, a refusal at once
//! is an invitation: it asks again at once, and reading and refusing it takes the time in which
//! others would be decided. Its next refusals wait a moment, and with them what it asks next.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::net::server::{Par, Salida};
use crate::wire::json::REINTENTAR_MS;

/// How long such a refusal waits: well under the 50 ms in which any of them is due.
const ESPERA: Duration = Duration::from_millis(15);

/// Those of so long a time are told together, when the first of them is.
const TANDA: Duration = Duration::from_millis(5);

/// What a refused connection should let pass.
const PAUSA: Duration = Duration::from_millis(REINTENTAR_MS as u64);

/// Refusals that may wait; the next ones are told at once, as slow as that makes everybody.
const EN_ESPERA_MAX: usize = 4096;

/// See the module's doc.
#[derive(Default)]
pub struct Negativas {
    /// When each connection was refused last, those of long ago left out.
    ultimas: HashMap<Par, Instant>,
    /// In the order of their instants.
    en_espera: VecDeque<(Instant, Salida)>,
}

impl Negativas {
    /// One more refusal; back when it is to be told now.
    pub fn negar(&mut self, ahora: Instant, salida: Salida) -> Option<Salida> {
        let anterior = self.ultimas.insert(salida.par.clone(), ahora);
        let vuelve_pronto = anterior.is_some_and(|anterior| ahora < anterior + PAUSA);
        if !vuelve_pronto || self.en_espera.len() >= EN_ESPERA_MAX {
            return Some(salida);
        }
        let propia = ahora + ESPERA;
        let tanda = self
            .ultima_tanda()
            .filter(|cuando| propia < *cuando + TANDA);
        self.en_espera.push_back((tanda.unwrap_or(propia), salida));
        None
    }

    fn ultima_tanda(&self) -> Option<Instant> {
        self.en_espera.back().map(|(cuando, _)| *cuando)
    }

    /// When the next one is due.
    #[must_use]
    pub fn proxima(&self) -> Option<Instant> {
        self.en_espera.front().map(|(cuando, _)| *cuando)
    }

    /// Takes out those that are due.
    pub fn vencidas(&mut self, ahora: Instant) -> impl Iterator<Item = Salida> {
        let vencidas = self
            .en_espera
            .partition_point(|(cuando, _)| *cuando <= ahora);
        self.en_espera.drain(..vencidas).map(|(_, salida)| salida)
    }

    /// How many wait.
    #[must_use]
    pub fn cuantas(&self) -> usize {
        self.en_espera.len()
    }

    /// Takes out all of them.
    pub fn todas(&mut self) -> impl Iterator<Item = Salida> {
        self.en_espera.drain(..).map(|(_, salida)| salida)
    }

    /// Forgets who was refused long enough ago.
    pub fn olvidar(&mut self, ahora: Instant) {
        self.ultimas.retain(|_, cuando| ahora < *cuando + PAUSA);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::server::Sobre;

    fn negativa(par: &[u8]) -> Salida {
        Salida {
            par: Par::from(par),
            sobre: Sobre::default(),
            libera: false,
            trama: Vec::new(),
        }
    }

    #[test]
    fn only_whoever_comes_back_before_its_time_waits_for_its_refusal() {
        let mut negativas = Negativas::default();
        let inicio = Instant::now();
        assert!(negativas.negar(inicio, negativa(b"a")).is_some());
        let pronto = inicio + PAUSA / 2;
        assert!(negativas.negar(pronto, negativa(b"a")).is_none());
        assert!(negativas.negar(pronto, negativa(b"b")).is_some());
        assert!(
            negativas
                .negar(pronto + TANDA / 2, negativa(b"a"))
                .is_none()
        );
        assert!(negativas.negar(pronto + TANDA, negativa(b"a")).is_none());
        assert_eq!(negativas.proxima(), Some(pronto + ESPERA));
        assert_eq!(negativas.vencidas(pronto).count(), 0);
        assert_eq!(
            negativas.vencidas(pronto + ESPERA).count(),
            2,
            "told together"
        );
        assert_eq!(negativas.proxima(), Some(pronto + TANDA + ESPERA));
        assert_eq!(negativas.vencidas(pronto + TANDA + ESPERA).count(), 1);
        assert_eq!(negativas.proxima(), None);
        let a_tiempo = pronto + TANDA + PAUSA;
        assert!(negativas.negar(a_tiempo, negativa(b"a")).is_some());
    }

    #[test]
    fn those_that_wait_have_a_bound_and_nobody_is_remembered_for_long() {
        let mut negativas = Negativas::default();
        let inicio = Instant::now();
        let dichas = (0..EN_ESPERA_MAX + 3)
            .filter_map(|_| negativas.negar(inicio, negativa(b"a")))
            .count();
        assert_eq!(dichas, 3);
        assert_eq!(negativas.cuantas(), EN_ESPERA_MAX);
        assert_eq!(negativas.todas().count(), EN_ESPERA_MAX);
        negativas.olvidar(inicio + PAUSA);
        assert!(negativas.ultimas.is_empty());
    }
}
