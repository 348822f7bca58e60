//! Replays take second place while many new entries are on their way to the disk: somebody waits
//! for each of those, and hardly anybody for a replay.

use std::time::{Duration, Instant};

/// New entries on their way that are many.
pub(super) const MUCHAS: usize = 64;

/// How long it goes on after the last time: whoever was just told comes back at once, with the
/// next operation.
const DURA: Duration = Duration::from_millis(20);

/// Meanwhile so many replays of each kind may go, all at once if they are ready, and as many
/// again after the pause: a few large commits leave most of the machine to whoever waits, and it
/// goes on draining however long it lasts. A trickle would cost more: each commit costs the same,
/// whatever is in it.
pub(super) const TANDA: usize = 128;
pub(super) const PAUSA_MS: u64 = 70;

/// See the module's doc.
#[derive(Debug, Default)]
pub(super) struct Apremio {
    hasta: Option<Instant>,
    /// How many of each kind may still go, and until when that holds.
    quedan: [usize; 3],
    otra_tanda: Option<Instant>,
}

impl Apremio {
    /// Looks at how many new entries are on their way.
    pub(super) fn mirar(&mut self, ahora: Instant, abriendo: usize) {
        if abriendo >= MUCHAS {
            self.hasta = Some(ahora + DURA);
        }
        if self.otra_tanda.is_none_or(|cuando| cuando <= ahora) {
            self.otra_tanda = Some(ahora + Duration::from_millis(PAUSA_MS));
            self.quedan = [TANDA; 3];
        }
    }

    /// Whether one more replay of that kind may go.
    pub(super) fn deja(&self, ahora: Instant, clase: usize) -> bool {
        self.quedan[clase] > 0 || self.hasta.is_none_or(|hasta| hasta <= ahora)
    }

    /// One goes.
    pub(super) const fn sale(&mut self, clase: usize) {
        self.quedan[clase] = self.quedan[clase].saturating_sub(1);
    }
}
