//! What somebody who comes through the side door may do.

use serde::{Deserialize, Serialize};

/// A role; each may also what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rol {
    /// Look: the panel, the catalogue, what became of an operation.
    Lector,
    /// Lend, return and renew, and see a user's loans.
    Mostrador,
    /// Everything.
    Administracion,
}

impl Rol {
    /// All of them.
    pub const TODOS: [Self; 3] = [Self::Lector, Self::Mostrador, Self::Administracion];

    /// The word in files and on the command line.
    #[must_use]
    pub const fn palabra(self) -> &'static str {
        match self {
            Self::Lector => "lector",
            Self::Mostrador => "mostrador",
            Self::Administracion => "administracion",
        }
    }

    /// The role of exactly this word.
    #[must_use]
    pub fn de_palabra(palabra: &str) -> Option<Self> {
        Self::TODOS.into_iter().find(|rol| rol.palabra() == palabra)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_role_may_what_a_lower_one_may() {
        assert!(Rol::Lector < Rol::Mostrador && Rol::Mostrador < Rol::Administracion);
        for rol in Rol::TODOS {
            assert_eq!(Rol::de_palabra(rol.palabra()), Some(rol));
        }
    }
}
