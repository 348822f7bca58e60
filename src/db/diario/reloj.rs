//! How old an entry is, across restarts and whatever happens to the PC's clock.
//!
//! Each entry is stamped by two clocks: the wall clock and the one since boot, which nobody
//! sets. Within one boot the second one tells the age; after another boot only the first can.

use std::fs;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// One instant by both clocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marca {
    /// Wall clock.
    pub pared: Timestamp,
    /// Which boot this is; empty when the system does not tell.
    pub arranque: String,
    /// Since that boot, sleep included, in ms.
    pub arranque_ms: u64,
}

/// Where instants come from; tests bring their own.
pub type Reloj = Box<dyn Fn() -> Marca + Send + Sync>;

impl Marca {
    /// Now, on this PC.
    #[must_use]
    pub fn ahora() -> Self {
        let desde = clock_gettime(ClockId::Boottime);
        let ms = desde.tv_sec.saturating_mul(1000) + desde.tv_nsec / 1_000_000;
        Self {
            pared: Timestamp::now(),
            arranque: fs::read_to_string("/proc/sys/kernel/random/boot_id")
                .map(|texto| texto.trim().to_owned())
                .unwrap_or_default(),
            arranque_ms: u64::try_from(ms).unwrap_or(0),
        }
    }

    /// The instant that lies `edad_ms` before this one.
    #[must_use]
    pub fn antes(&self, edad_ms: u64) -> Self {
        let edad = SignedDuration::from_millis(i64::try_from(edad_ms).unwrap_or(i64::MAX));
        Self {
            pared: self.pared.checked_sub(edad).unwrap_or(Timestamp::MIN),
            arranque: self.arranque.clone(),
            arranque_ms: self.arranque_ms.saturating_sub(edad_ms),
        }
    }

    /// How long ago `otra` was, in ms; never negative. `ultima` is the latest wall-clock
    /// instant that is known to have passed: a clock that was set back behind it does not make
    /// an entry of an earlier boot younger than that.
    #[must_use]
    pub fn desde(&self, otra: &Self, ultima: Timestamp) -> u64 {
        let mismo = !self.arranque.is_empty() && self.arranque == otra.arranque;
        if mismo && self.arranque_ms >= otra.arranque_ms {
            return self.arranque_ms - otra.arranque_ms;
        }
        let edad = self.pared.max(ultima).duration_since(otra.pared);
        Duration::try_from(edad).map_or(0, |edad| {
            u64::try_from(edad.as_millis()).unwrap_or(u64::MAX)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn marca(pared_ms: i64, arranque: &str, arranque_ms: u64) -> Marca {
        Marca {
            pared: Timestamp::from_millisecond(pared_ms).unwrap(),
            arranque: arranque.to_owned(),
            arranque_ms,
        }
    }

    #[test]
    fn within_one_boot_no_change_of_the_clock_changes_an_age() {
        let aceptada = marca(9_000_000, "a", 1_000);
        for pared in [0, 9_000_000, 99_000_000] {
            let ahora = marca(pared, "a", 61_000);
            assert_eq!(ahora.desde(&aceptada, Timestamp::MIN), 60_000);
        }
    }

    #[test]
    fn after_another_boot_the_wall_clock_tells_and_never_a_negative_age() {
        let aceptada = marca(9_000_000, "a", 1_000);
        let ahora = marca(9_500_000, "b", 10);
        assert_eq!(ahora.desde(&aceptada, Timestamp::MIN), 500_000);
        let atrasado = marca(1_000, "b", 10);
        assert_eq!(atrasado.desde(&aceptada, Timestamp::MIN), 0);
        let ultima = Timestamp::from_millisecond(9_200_000).unwrap();
        assert_eq!(atrasado.desde(&aceptada, ultima), 200_000);
    }

    #[test]
    fn the_pc_tells_its_boot_and_its_clock_goes_on() {
        let (una, otra) = (Marca::ahora(), Marca::ahora());
        assert!(!una.arranque.is_empty() && una.arranque == otra.arranque);
        assert!(otra.desde(&una, Timestamp::MIN) < 10_000);
        assert_eq!(una.antes(250).arranque_ms + 250, una.arranque_ms);
    }
}
