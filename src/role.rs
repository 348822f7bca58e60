//! The roles a process can take, by the contract's words.
//!
//! Parsed by the command line and the settings, read by the wiring that starts a node. It
//! knows nothing of what a role does.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// What a process does (contract §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Load manager: takes requests and hands work to actors.
    Carga,
    /// Loans, and reads.
    ActorPrestamo,
    /// Returns, and reads.
    ActorDevolucion,
    /// Renewals, and reads.
    ActorRenovacion,
    /// Storage supervisor: the only role that opens the database.
    Almacenamiento,
    /// A client that runs a request file and ends.
    Solicitante,
    /// All of them but `Solicitante` in one process.
    Todo,
}

/// A word that names no role; its `Display` is the Spanish sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RolInvalido {
    /// Not one of the words.
    #[error("el rol '{0}' no existe; los roles son {PALABRAS}")]
    Desconocido(String),
    /// A list without any role.
    #[error("la lista de roles está vacía; los roles son {PALABRAS}")]
    Vacia,
}

/// The words, for messages; a test keeps it equal to [`Role::TODOS`].
const PALABRAS: &str =
    "carga, actor-prestamo, actor-devolucion, actor-renovacion, almacenamiento, solicitante, todo";

impl Role {
    /// All of them, `Todo` included, in the contract's order.
    pub const TODOS: [Self; 7] = [
        Self::Carga,
        Self::ActorPrestamo,
        Self::ActorDevolucion,
        Self::ActorRenovacion,
        Self::Almacenamiento,
        Self::Solicitante,
        Self::Todo,
    ];

    /// What `todo` stands for.
    pub const DE_TODO: [Self; 5] = [
        Self::Carga,
        Self::ActorPrestamo,
        Self::ActorDevolucion,
        Self::ActorRenovacion,
        Self::Almacenamiento,
    ];

    /// The word on the command line, in settings, logs and metrics.
    #[must_use]
    pub const fn palabra(self) -> &'static str {
        match self {
            Self::Carga => "carga",
            Self::ActorPrestamo => "actor-prestamo",
            Self::ActorDevolucion => "actor-devolucion",
            Self::ActorRenovacion => "actor-renovacion",
            Self::Almacenamiento => "almacenamiento",
            Self::Solicitante => "solicitante",
            Self::Todo => "todo",
        }
    }

    /// Whether it is one of the three kinds of actor.
    #[must_use]
    pub const fn es_actor(self) -> bool {
        matches!(
            self,
            Self::ActorPrestamo | Self::ActorDevolucion | Self::ActorRenovacion
        )
    }

    /// The roles of a comma-separated list, as written; see [`Role::expandir`].
    ///
    /// # Errors
    /// [`RolInvalido`] for an unknown word and for a list without roles.
    pub fn lista(texto: &str) -> Result<Vec<Self>, RolInvalido> {
        let roles = texto
            .split(',')
            .map(str::trim)
            .filter(|palabra| !palabra.is_empty())
            .map(str::parse)
            .collect::<Result<Vec<_>, _>>()?;
        if roles.is_empty() {
            return Err(RolInvalido::Vacia);
        }
        Ok(roles)
    }

    /// The concrete roles of a list: `todo` replaced by what it stands for, each once, in
    /// the contract's order, so two ways of writing the same node are equal.
    #[must_use]
    pub fn expandir(roles: &[Self]) -> Vec<Self> {
        let todo = roles.contains(&Self::Todo);
        Self::TODOS
            .into_iter()
            .filter(|rol| *rol != Self::Todo)
            .filter(|rol| roles.contains(rol) || (todo && Self::DE_TODO.contains(rol)))
            .collect()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.palabra())
    }
}

impl FromStr for Role {
    type Err = RolInvalido;

    fn from_str(palabra: &str) -> Result<Self, RolInvalido> {
        Self::TODOS
            .into_iter()
            .find(|rol| rol.palabra() == palabra)
            .ok_or_else(|| RolInvalido::Desconocido(palabra.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let palabra = String::deserialize(deserializer)?;
        palabra.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_is_told_when_one_is_wrong() {
        for rol in Role::TODOS {
            assert_eq!(rol.palabra().parse(), Ok(rol));
        }
        assert_eq!(PALABRAS, Role::TODOS.map(Role::palabra).join(", "));
        let error = Role::lista("carga,cargador").unwrap_err();
        assert!(error.to_string().contains("'cargador'"), "{error}");
    }

    #[test]
    fn a_list_tolerates_spaces_and_never_is_empty() {
        assert_eq!(
            Role::lista(" carga , almacenamiento,"),
            Ok(vec![Role::Carga, Role::Almacenamiento])
        );
        assert_eq!(Role::lista(" , "), Err(RolInvalido::Vacia));
    }

    #[test]
    fn todo_is_everything_but_the_solicitante() {
        assert_eq!(Role::expandir(&[Role::Todo]), Role::DE_TODO);
        assert_eq!(
            Role::expandir(&[Role::Almacenamiento, Role::Carga, Role::Carga]),
            [Role::Carga, Role::Almacenamiento]
        );
        assert_eq!(Role::expandir(&[Role::Solicitante]), [Role::Solicitante]);
    }
}
