//! The time as answers tell it.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::plazo;

/// The clock of `fechaOperacion`: RFC 3339 to the millisecond, with the library's offset.
#[derive(Debug)]
pub struct Hora {
    zona: TimeZone,
    /// The last millisecond that was asked for, and its text: under load many answers share it.
    ultima: Mutex<(i64, String)>,
}

impl Hora {
    /// The time in that zone.
    #[must_use]
    pub const fn en(zona: TimeZone) -> Self {
        Self {
            zona,
            ultima: Mutex::new((i64::MIN, String::new())),
        }
    }

    /// Now.
    #[must_use]
    pub fn ahora(&self) -> String {
        self.escribir(Timestamp::now())
    }

    fn escribir(&self, cuando: Timestamp) -> String {
        let ms = cuando.as_millisecond();
        // A panicked holder may leave it old, never wrong.
        let mut ultima = self.ultima.lock().unwrap_or_else(PoisonError::into_inner);
        if ultima.0 != ms {
            *ultima = (ms, plazo::texto_ms(cuando, &self.zona));
        }
        ultima.1.clone()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_millisecond_has_its_own_text_also_when_the_clock_goes_back() {
        let hora = Hora::en(TimeZone::get("America/Bogota").unwrap());
        for (cuando, dicho) in [
            ("2026-11-24T17:00:00.0019Z", "2026-11-24T12:00:00.001-05:00"),
            ("2026-11-24T17:00:00.0011Z", "2026-11-24T12:00:00.001-05:00"),
            ("2026-11-24T17:00:00.002Z", "2026-11-24T12:00:00.002-05:00"),
            ("2026-11-24T17:00:00.001Z", "2026-11-24T12:00:00.001-05:00"),
        ] {
            assert_eq!(hora.escribir(cuando.parse().unwrap()), dicho);
        }
    }
}
