//! A clock that never goes back, whatever happens to the PC's own.
//!
//! Loans are compared with returns by their instants, so a clock set back must not let a new
//! loan look older than an old return.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;

/// Where the wall-clock time comes from; tests bring their own.
pub type Pared = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// Advances by the monotonic clock from the latest instant known, and follows the wall clock
/// forward only. Read at most once a batch.
pub struct Reloj {
    pared: Pared,
    ancla: Mutex<(Instant, Timestamp)>,
}

impl Reloj {
    /// Starts at the wall clock, or at `ultimo`, the latest instant in the database, if that
    /// is later.
    #[must_use]
    pub fn desde(pared: Pared, ultimo: Option<Timestamp>) -> Self {
        let ahora = pared();
        let ancla = ultimo.map_or(ahora, |ultimo| ahora.max(ultimo));
        Self {
            pared,
            ancla: Mutex::new((Instant::now(), ancla)),
        }
    }

    /// Now, in whole ms; never earlier than any answer before.
    #[must_use]
    pub fn ahora(&self) -> Timestamp {
        let mut ancla = self.ancla.lock().unwrap_or_else(PoisonError::into_inner);
        let instante = Instant::now();
        let avanzado = ancla
            .1
            .checked_add(instante.duration_since(ancla.0))
            .unwrap_or(ancla.1);
        let ahora = avanzado.max((self.pared)());
        *ancla = (instante, ahora);
        // Text in the database has ms; a finer value here would compare unequal to itself there.
        Timestamp::from_millisecond(ahora.as_millisecond()).unwrap_or(ahora)
    }
}

impl fmt::Debug for Reloj {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloj").finish_non_exhaustive()
    }
}

/// UTC with fixed ms, so that the order of the text is the order of time.
#[must_use]
pub fn texto_utc(instante: Timestamp) -> String {
    instante.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    fn manual(ms: i64, ultimo: Option<i64>) -> (Arc<AtomicI64>, Reloj) {
        let valor = Arc::new(AtomicI64::new(ms));
        let lector = Arc::clone(&valor);
        let pared = move || Timestamp::from_millisecond(lector.load(Ordering::Relaxed)).unwrap();
        let ultimo = ultimo.map(|ms| Timestamp::from_millisecond(ms).unwrap());
        (valor, Reloj::desde(Box::new(pared), ultimo))
    }

    #[test]
    fn it_follows_the_wall_clock_forward_and_never_back() {
        let (pared, reloj) = manual(1_000_000, None);
        pared.store(9_000_000, Ordering::Relaxed);
        let adelante = reloj.ahora();
        assert!(adelante.as_millisecond() >= 9_000_000);
        pared.store(2_000_000, Ordering::Relaxed);
        assert!(reloj.ahora() >= adelante);
    }

    #[test]
    fn it_starts_no_earlier_than_what_the_database_has() {
        let (_pared, reloj) = manual(1_000_000, Some(5_000_000));
        assert!(reloj.ahora().as_millisecond() >= 5_000_000);
    }

    #[test]
    fn the_order_of_the_text_is_the_order_of_time() {
        let texto = texto_utc("2026-11-24T09:21:27.1Z".parse().unwrap());
        assert_eq!(texto, "2026-11-24T09:21:27.100Z");
    }
}
