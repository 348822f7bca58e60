//! The operations of a library and their words.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What somebody asks for. The order is on the wire: append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Operacion {
    /// A copy is lent.
    Prestamo,
    /// A copy comes back.
    Devolucion,
    /// An open loan gets a later due date.
    Renovacion,
    /// Is this book there, and how many copies are free.
    Consulta,
    /// What became of an operation, by its op_id.
    Estado,
}

impl Operacion {
    /// All of them, in the glossary's order.
    pub const TODAS: [Self; 5] = [
        Self::Prestamo,
        Self::Devolucion,
        Self::Renovacion,
        Self::Consulta,
        Self::Estado,
    ];

    /// Those that change something: each has actors of its own.
    pub const ESCRITURAS: [Self; 3] = [Self::Prestamo, Self::Devolucion, Self::Renovacion];

    /// The word that stands in requests, SQL, logs and metrics.
    #[must_use]
    pub const fn palabra(self) -> &'static str {
        match self {
            Self::Prestamo => "prestamo",
            Self::Devolucion => "devolucion",
            Self::Renovacion => "renovacion",
            Self::Consulta => "consulta",
            Self::Estado => "estado",
        }
    }

    /// The operation of exactly this word.
    #[must_use]
    pub fn de_palabra(palabra: &str) -> Option<Self> {
        Self::TODAS
            .into_iter()
            .find(|operacion| operacion.palabra() == palabra)
    }

    /// Whether it reads only: never stored, never queued, free to repeat.
    #[must_use]
    pub const fn es_lectura(self) -> bool {
        matches!(self, Self::Consulta | Self::Estado)
    }
}

impl fmt::Display for Operacion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.palabra())
    }
}
