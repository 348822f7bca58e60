//! What a carga has handed over lately: a network that delivers a hand-over twice must not
//! make two operations of it, or the carga would hear "not applied" of the first while the
//! second is applied.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

/// How long a hand-over is remembered: longer than any copy of it is on its way.
const RECUERDO: Duration = Duration::from_secs(30);

/// Hand-overs remembered at once; beyond it the oldest are forgotten, since our memory must
/// not depend on the traffic. About 4 MiB.
const RECUERDOS_MAX: usize = 65_536;

/// A carga's place, its number of the operation, and the count of the hand-over.
type Entrega = (usize, u64, u16);

/// See the module's doc.
#[derive(Debug, Default)]
pub(super) struct Recibidos {
    vistos: HashSet<Entrega>,
    orden: VecDeque<(Instant, Entrega)>,
}

impl Recibidos {
    /// Notes a hand-over; false when it had been noted before.
    pub(super) fn es_nuevo(&mut self, ahora: Instant, entrega: Entrega) -> bool {
        while let Some(&(desde, vieja)) = self.orden.front()
            && (ahora - desde > RECUERDO || self.orden.len() >= RECUERDOS_MAX)
        {
            self.vistos.remove(&vieja);
            self.orden.pop_front();
        }
        if !self.vistos.insert(entrega) {
            return false;
        }
        self.orden.push_back((ahora, entrega));
        true
    }
}
