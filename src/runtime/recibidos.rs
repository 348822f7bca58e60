//! What a peer has handed over lately: a network that delivers a hand-over twice must not make
//! two operations of it, or the sender would hear "not applied" of the first while the second
//! is applied. An actor keeps one for its cargas, an almacenamiento one for its actors.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// How long a hand-over is remembered: longer than any copy of it is on its way.
const RECUERDO: Duration = Duration::from_secs(30);

/// Hand-overs remembered at once; beyond it the oldest are forgotten, since our memory must
/// not depend on the traffic. About 4 MiB.
const RECUERDOS_MAX: usize = 65_536;

/// See the module's doc. `E` names a hand-over: its sender, and the sender's number of it.
#[derive(Debug)]
pub struct Recibidos<E> {
    vistos: HashSet<E>,
    orden: VecDeque<(Instant, E)>,
}

impl<E> Default for Recibidos<E> {
    fn default() -> Self {
        Self {
            vistos: HashSet::new(),
            orden: VecDeque::new(),
        }
    }
}

impl<E: Clone + Eq + Hash> Recibidos<E> {
    /// Notes a hand-over; false when it had been noted before.
    pub fn es_nuevo(&mut self, ahora: Instant, entrega: E) -> bool {
        while let Some((desde, vieja)) = self.orden.front()
            && (ahora - *desde > RECUERDO || self.orden.len() >= RECUERDOS_MAX)
        {
            self.vistos.remove(vieja);
            self.orden.pop_front();
        }
        if !self.vistos.insert(entrega.clone()) {
            return false;
        }
        self.orden.push_back((ahora, entrega));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_over_is_new_once_until_it_is_forgotten() {
        let (mut recibidos, t0) = (Recibidos::default(), Instant::now());
        assert!(recibidos.es_nuevo(t0, ("a", 1)));
        assert!(!recibidos.es_nuevo(t0 + RECUERDO, ("a", 1)));
        assert!(recibidos.es_nuevo(t0, ("a", 2)));
        assert!(recibidos.es_nuevo(t0, ("b", 1)));
        assert!(recibidos.es_nuevo(t0 + RECUERDO + Duration::from_millis(1), ("a", 1)));
    }

    #[test]
    fn memory_is_bounded_by_forgetting_the_oldest() {
        let (mut recibidos, t0) = (Recibidos::default(), Instant::now());
        for numero in 0..=RECUERDOS_MAX {
            assert!(recibidos.es_nuevo(t0, numero));
        }
        assert_eq!(recibidos.orden.len(), RECUERDOS_MAX);
        assert!(!recibidos.es_nuevo(t0, RECUERDOS_MAX));
        assert!(recibidos.es_nuevo(t0, 0));
    }
}
