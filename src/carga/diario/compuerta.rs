//! How many replays of one kind of operation are under way: many while they are decided, one
//! at a time, with growing pauses, while nobody can decide them.

use std::time::{Duration, Instant};

/// First and longest pause after failures in a row. The longest is short enough that a full
/// diario starts to drain at once when actors and almacenamientos return.
const PAUSA: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// First and longest pause of one entry between two of its own attempts (design §2).
const PROPIA: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A small generator of the same numbers for the same seed (splitmix64).
#[derive(Debug)]
pub struct Azar(u64);

impl Azar {
    /// One of this seed.
    #[must_use]
    pub const fn con_semilla(semilla: u64) -> Self {
        Self(semilla)
    }

    /// Full jitter after the `n`-th failure (from 1): anything from the shortest pause to what
    /// doubles with each failure, `max` at most.
    fn pausa(&mut self, n: u32, (min, max): (Duration, Duration)) -> Duration {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let tope = min.saturating_mul(1 << n.min(16)).min(max);
        let ancho = u64::try_from((tope - min).as_millis()).unwrap_or(0);
        min + Duration::from_millis(z % (ancho + 1))
    }

    /// The pause of one entry after its `n`-th attempt.
    pub fn propia(&mut self, n: u32) -> Duration {
        self.pausa(n, PROPIA)
    }
}

/// See the module's doc.
#[derive(Debug)]
pub struct Compuerta {
    max: usize,
    ventana: usize,
    en_vuelo: usize,
    abre: Option<Instant>,
    fallos: u32,
}

impl Compuerta {
    /// Open for one, and soon for `max`.
    #[must_use]
    pub const fn nueva(max: usize) -> Self {
        Self {
            max,
            ventana: 1,
            en_vuelo: 0,
            abre: None,
            fallos: 0,
        }
    }

    /// Whether one more may go.
    #[must_use]
    pub fn deja(&self, ahora: Instant) -> bool {
        self.en_vuelo < self.ventana && self.abre.is_none_or(|abre| abre <= ahora)
    }

    /// One goes.
    pub const fn sale(&mut self) {
        self.en_vuelo += 1;
    }

    /// One was decided.
    pub fn acierto(&mut self) {
        self.vuelve();
        self.ventana = (self.ventana * 2).min(self.max);
        self.fallos = 0;
        self.abre = None;
    }

    /// One came back without a decision, for a reason that others share.
    pub fn fallo(&mut self, ahora: Instant, azar: &mut Azar) {
        self.vuelve();
        self.ventana = 1;
        // Those that were under way together fail together: that is one failure.
        if self.abre.is_none_or(|abre| abre <= ahora) {
            self.fallos = self.fallos.saturating_add(1);
            self.abre = Some(ahora + azar.pausa(self.fallos, PAUSA));
        }
    }

    /// One came back for a reason of its own.
    pub const fn vuelve(&mut self) {
        self.en_vuelo = self.en_vuelo.saturating_sub(1);
    }

    /// Under way.
    #[must_use]
    pub const fn en_vuelo(&self) -> usize {
        self.en_vuelo
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_by_doubling_and_a_failure_leaves_one_probe_after_a_pause() {
        let (mut azar, ahora) = (Azar::con_semilla(1), Instant::now());
        let mut compuerta = Compuerta::nueva(8);
        for esperada in [1, 2, 4, 8, 8] {
            let mut salidas = 0;
            while compuerta.deja(ahora) {
                compuerta.sale();
                salidas += 1;
            }
            assert_eq!(salidas, esperada);
            (0..salidas.min(1)).for_each(|_| compuerta.acierto());
            (1..salidas).for_each(|_| compuerta.vuelve());
        }
        compuerta.sale();
        compuerta.fallo(ahora, &mut azar);
        assert!(!compuerta.deja(ahora), "not at once");
        let luego = ahora + PAUSA.1;
        assert!(compuerta.deja(luego));
        compuerta.sale();
        assert!(!compuerta.deja(luego), "one probe");
    }

    #[test]
    fn pauses_stay_between_their_bounds_and_differ() {
        let mut azar = Azar::con_semilla(7);
        let pausas: Vec<Duration> = (1..200).map(|n| azar.propia(n)).collect();
        assert!(pausas.iter().all(|p| (PROPIA.0..=PROPIA.1).contains(p)));
        assert!(pausas.iter().max() > pausas.iter().min());
    }
}
