//! Due dates: a calendar day in the library's zone, given as 23:59 of that day.

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp, Zoned};

/// The calendar day of an instant.
#[must_use]
pub fn dia(instante: Timestamp, zona: &TimeZone) -> Date {
    zona.to_datetime(instante).date()
}

/// The due date of a loan made at `desde`, `dias` calendar days later.
#[must_use]
pub fn vencimiento(desde: Timestamp, dias: u32, zona: &TimeZone) -> Zoned {
    let ultimo = dia(desde, zona).saturating_add(Span::new().days(i64::from(dias.min(DIAS_MAX))));
    fin_del_dia(ultimo, zona).unwrap_or_else(|| desde.to_zoned(zona.clone()))
}

/// A renewed due date: `dias` calendar days after the current one, never earlier than it
/// (the zone or its rules may have changed since).
#[must_use]
pub fn prorroga(vence: Timestamp, dias: u32, zona: &TimeZone) -> Zoned {
    let nueva = vencimiento(vence, dias, zona);
    if nueva.timestamp() < vence {
        return vence.to_zoned(zona.clone());
    }
    nueva
}

/// RFC 3339 with the zone's offset, to the second: `2026-12-08T23:59:00-05:00`.
#[must_use]
pub fn texto(instante: &Zoned) -> String {
    instante.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// RFC 3339 with the zone's offset, to the ms: `2026-11-24T04:21:27.123-05:00`.
#[must_use]
pub fn texto_ms(instante: Timestamp, zona: &TimeZone) -> String {
    let local = instante.to_zoned(zona.clone());
    local.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

/// A century of days: no sensible rule is longer, and no sum overflows.
const DIAS_MAX: u32 = 36_525;

/// 23:59 of a day. Where clocks change at that minute the day is the promise: of a repeated
/// 23:59 the later one, for one that is skipped the instant an hour earlier.
fn fin_del_dia(dia: Date, zona: &TimeZone) -> Option<Zoned> {
    let hora = zona.to_ambiguous_zoned(dia.at(23, 59, 0, 0));
    match hora.offset() {
        AmbiguousOffset::Gap { .. } => hora.earlier().ok(),
        _ => hora.later().ok(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn zona(nombre: &str) -> TimeZone {
        TimeZone::get(nombre).unwrap()
    }

    fn plazo(desde: &str, dias: u32, nombre: &str) -> String {
        texto(&vencimiento(desde.parse().unwrap(), dias, &zona(nombre)))
    }

    #[test]
    fn the_day_is_the_library_s_not_utc_s() {
        // 02:00 UTC on the 25th is still the 24th in Bogotá.
        let vence = plazo("2026-11-25T02:00:00Z", 14, "America/Bogota");
        assert_eq!(vence, "2026-12-08T23:59:00-05:00");
    }

    #[test]
    fn a_change_of_the_clocks_changes_the_offset_and_not_the_hour() {
        let vence = plazo("2026-03-20T12:00:00Z", 14, "Europe/Madrid");
        assert_eq!(vence, "2026-04-03T23:59:00+02:00");
    }

    #[test]
    fn of_a_repeated_minute_the_later_one_counts() {
        // São Paulo put its clocks back at midnight of 2018-02-18: 23:59 of the 17th came twice.
        let vence = plazo("2018-02-03T15:00:00Z", 14, "America/Sao_Paulo");
        assert_eq!(vence, "2018-02-17T23:59:00-03:00");
    }

    #[test]
    fn a_renewal_counts_from_the_due_date() {
        let bogota = zona("America/Bogota");
        let vence: Timestamp = "2026-12-08T23:59:00-05:00".parse().unwrap();
        let nueva = prorroga(vence, 7, &bogota);
        assert_eq!(texto(&nueva), "2026-12-15T23:59:00-05:00");
    }

    #[test]
    fn a_renewal_never_makes_a_due_date_earlier() {
        let bogota = zona("America/Bogota");
        let vence: Timestamp = "2026-12-08T23:59:30-05:00".parse().unwrap();
        assert_eq!(prorroga(vence, 0, &bogota).timestamp(), vence);
    }

    #[test]
    fn absurd_lengths_do_not_overflow() {
        assert!(plazo("9999-12-20T00:00:00Z", u32::MAX, "America/Bogota").starts_with("9999-12-"));
    }
}
