//! How often somebody may ask: a bucket of permits for each, refilled at a steady rate. Pure:
//! the caller gives the time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Permits that a full bucket holds: a page with all it loads, several times over.
const CUBO: f64 = 400.0;

/// Permits that come back in a second: more than people at desks need, less than what would
/// keep the thread of the door busy.
const POR_SEGUNDO: f64 = 200.0;

/// Those that are remembered; with more, the idle ones are forgotten, whose buckets are full.
const RECORDADOS_MAX: usize = 4_096;

/// See the module's doc.
#[derive(Debug, Default)]
pub struct Ritmo {
    cubos: HashMap<String, Cubo>,
}

#[derive(Debug, Clone, Copy)]
struct Cubo {
    permisos: f64,
    cuando: Instant,
}

impl Cubo {
    fn en(self, ahora: Instant) -> f64 {
        let pasado = ahora.saturating_duration_since(self.cuando).as_secs_f64();
        (self.permisos + pasado * POR_SEGUNDO).min(CUBO)
    }
}

impl Ritmo {
    /// Takes `coste` permits of `quien`.
    ///
    /// # Errors
    /// How long to wait until there are that many.
    pub fn pedir(&mut self, ahora: Instant, quien: &str, coste: f64) -> Result<(), Duration> {
        if !self.cubos.contains_key(quien) && self.cubos.len() >= RECORDADOS_MAX {
            self.cubos.retain(|_, cubo| cubo.en(ahora) < CUBO);
            if self.cubos.len() >= RECORDADOS_MAX {
                return Err(Duration::from_secs(1));
            }
        }
        let cubo = self.cubos.entry(quien.to_owned()).or_insert(Cubo {
            permisos: CUBO,
            cuando: ahora,
        });
        let permisos = cubo.en(ahora);
        if permisos < coste {
            return Err(Duration::from_secs_f64((coste - permisos) / POR_SEGUNDO));
        }
        *cubo = Cubo {
            permisos: permisos - coste,
            cuando: ahora,
        };
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_that_floods_is_stopped_others_are_not_and_time_heals() {
        let mut ritmo = Ritmo::default();
        let ahora = Instant::now();
        let dadas = (0..1_000)
            .filter(|_| ritmo.pedir(ahora, "uno", 1.0).is_ok())
            .count();
        assert_eq!(dadas, 400);
        assert_eq!(ritmo.pedir(ahora, "otro", 1.0), Ok(()));
        let espera = ritmo.pedir(ahora, "uno", 1.0).unwrap_err();
        assert!(espera <= Duration::from_millis(5));
        assert!(ritmo.pedir(ahora + espera * 2, "uno", 1.0).is_ok());
    }

    #[test]
    fn a_crowd_of_strangers_does_not_grow_the_memory() {
        let mut ritmo = Ritmo::default();
        let ahora = Instant::now();
        for n in 0..10_000 {
            let _ = ritmo.pedir(ahora, &n.to_string(), 1.0);
        }
        assert!(ritmo.cubos.len() <= RECORDADOS_MAX);
        assert!(
            ritmo
                .pedir(ahora + Duration::from_secs(3), "nuevo", 1.0)
                .is_ok()
        );
    }
}
