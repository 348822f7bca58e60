//! The numbers the rules obey (contract §3); settings fill them in.

use std::collections::BTreeMap;

use jiff::tz::{Offset, TimeZone};

/// Whether a first loan registers an unknown user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Registro {
    /// A granted loan creates the user.
    #[default]
    Abierto,
    /// An unknown user is refused.
    Cerrado,
}

/// The rules of one library; the defaults are contract §3's.
#[derive(Debug, Clone, PartialEq)]
pub struct Reglas {
    /// Length of a loan, in calendar days.
    pub dias_prestamo: u32,
    /// What a renewal adds to the current due date, in calendar days.
    pub dias_renovacion: u32,
    /// Most renewals of one loan.
    pub renovaciones_max: u32,
    /// Most open loans of a user whose category has no limit of its own.
    pub prestamos_max: u32,
    /// Most open loans by category.
    pub limites: BTreeMap<String, u32>,
    /// Where a calendar day begins and ends.
    pub zona_horaria: TimeZone,
    /// What a loan to an unknown user does.
    pub registro: Registro,
}

/// The name is no time zone; its `Display` is the Spanish sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' no es una zona horaria (ejemplo: America/Bogota)")]
pub struct ZonaInvalida(String);

impl Reglas {
    /// The time zone of an IANA name, from the database bundled in the executable.
    ///
    /// # Errors
    /// [`ZonaInvalida`] when no zone has that name.
    pub fn zona(nombre: &str) -> Result<TimeZone, ZonaInvalida> {
        TimeZone::get(nombre).map_err(|_| ZonaInvalida(nombre.to_owned()))
    }

    /// Most open loans of a user of that category.
    #[must_use]
    pub fn limite(&self, categoria: Option<&str>) -> u32 {
        categoria
            .and_then(|nombre| self.limites.get(nombre))
            .copied()
            .unwrap_or(self.prestamos_max)
    }
}

impl Default for Reglas {
    fn default() -> Self {
        Self {
            dias_prestamo: 14,
            dias_renovacion: 7,
            renovaciones_max: 2,
            prestamos_max: 5,
            limites: BTreeMap::from([("estudiante".into(), 5), ("profesor".into(), 10)]),
            // Bogotá has had this fixed offset since 1993, should its name ever be missing.
            zona_horaria: Self::zona("America/Bogota")
                .unwrap_or_else(|_| TimeZone::fixed(Offset::constant(-5))),
            registro: Registro::Abierto,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_without_a_limit_gets_the_general_one() {
        let reglas = Reglas {
            prestamos_max: 3,
            ..Reglas::default()
        };
        assert_eq!(reglas.limite(Some("profesor")), 10);
        assert_eq!(reglas.limite(Some("egresado")), 3);
        assert_eq!(reglas.limite(None), 3);
    }

    #[test]
    fn a_zone_that_does_not_exist_is_an_error_with_its_name() {
        assert!(Reglas::zona("America/Bogota").is_ok());
        assert!(Reglas::zona("America/Macondo").is_err_and(|e| e.to_string().contains("Macondo")));
    }
}
