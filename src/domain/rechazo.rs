//! Refusals: a rule said no. An answer, never an error (those are `Fallo`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A refusal's code, in the order in which they win (contract §2), which is also their
/// order on the wire: append only, none renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Rechazo {
    /// No such book in the catalogue.
    LibroNoEncontrado,
    /// No such copy in the catalogue, or not of that book.
    EjemplarNoEncontrado,
    /// The user is not registered and registration is closed.
    UsuarioNoEncontrado,
    /// The user's membership has run out.
    UsuarioVencido,
    /// The user is blocked.
    UsuarioBloqueado,
    /// The user has an open loan of this book.
    PrestamoActivo,
    /// The user has as many open loans as the category allows.
    LimitePrestamos,
    /// No copy in service is free in that sede.
    SinEjemplaresDisponibles,
    /// There never was a loan of that user and book or copy.
    PrestamoNoEncontrado,
    /// There was one and it is closed.
    PrestamoNoActivo,
    /// Renewed as often as the rules allow.
    LimiteRenovaciones,
    /// It made its handlers fail every time and was set aside.
    OperacionVenenosa,
    /// The op_id was used with other content.
    ConflictoOpId,
    /// No operation of that op_id is known here now.
    OperacionNoEncontrada,
}

impl Rechazo {
    /// All of them, in their order of precedence.
    pub const TODOS: [Self; 14] = [
        Self::LibroNoEncontrado,
        Self::EjemplarNoEncontrado,
        Self::UsuarioNoEncontrado,
        Self::UsuarioVencido,
        Self::UsuarioBloqueado,
        Self::PrestamoActivo,
        Self::LimitePrestamos,
        Self::SinEjemplaresDisponibles,
        Self::PrestamoNoEncontrado,
        Self::PrestamoNoActivo,
        Self::LimiteRenovaciones,
        Self::OperacionVenenosa,
        Self::ConflictoOpId,
        Self::OperacionNoEncontrada,
    ];

    /// The code as it stands in answers and SQL.
    #[must_use]
    pub const fn codigo(self) -> &'static str {
        match self {
            Self::LibroNoEncontrado => "LibroNoEncontrado",
            Self::EjemplarNoEncontrado => "EjemplarNoEncontrado",
            Self::UsuarioNoEncontrado => "UsuarioNoEncontrado",
            Self::UsuarioVencido => "UsuarioVencido",
            Self::UsuarioBloqueado => "UsuarioBloqueado",
            Self::PrestamoActivo => "PrestamoActivo",
            Self::LimitePrestamos => "LimitePrestamos",
            Self::SinEjemplaresDisponibles => "SinEjemplaresDisponibles",
            Self::PrestamoNoEncontrado => "PrestamoNoEncontrado",
            Self::PrestamoNoActivo => "PrestamoNoActivo",
            Self::LimiteRenovaciones => "LimiteRenovaciones",
            Self::OperacionVenenosa => "OperacionVenenosa",
            Self::ConflictoOpId => "ConflictoOpId",
            Self::OperacionNoEncontrada => "OperacionNoEncontrada",
        }
    }

    /// The refusal of exactly this code.
    #[must_use]
    pub fn de_codigo(codigo: &str) -> Option<Self> {
        Self::TODOS
            .into_iter()
            .find(|rechazo| rechazo.codigo() == codigo)
    }

    /// The sentence for a person.
    #[must_use]
    pub const fn mensaje(self) -> &'static str {
        match self {
            Self::LibroNoEncontrado => "Ese libro no está en el catálogo",
            Self::EjemplarNoEncontrado => "Ese ejemplar no está en el catálogo",
            Self::UsuarioNoEncontrado => "Ese usuario no está registrado",
            Self::UsuarioVencido => "El registro del usuario está vencido",
            Self::UsuarioBloqueado => "El usuario está bloqueado",
            Self::PrestamoActivo => "El usuario ya tiene ese libro prestado",
            Self::LimitePrestamos => "El usuario llegó a su límite de préstamos",
            Self::SinEjemplaresDisponibles => "No hay ejemplares disponibles en esa sede",
            Self::PrestamoNoEncontrado => "No consta ningún préstamo de ese usuario y libro",
            Self::PrestamoNoActivo => "Ese préstamo ya está cerrado",
            Self::LimiteRenovaciones => "El préstamo llegó a su límite de renovaciones",
            Self::OperacionVenenosa => "La operación falló repetidamente y se apartó",
            Self::ConflictoOpId => "Ese op_id ya se usó con otro contenido; nada cambió",
            Self::OperacionNoEncontrada => "Esa operación no consta aquí por ahora",
        }
    }
}

impl fmt::Display for Rechazo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.codigo())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_and_keeps_its_rank() {
        for (rango, rechazo) in Rechazo::TODOS.into_iter().enumerate() {
            assert_eq!(Rechazo::de_codigo(rechazo.codigo()), Some(rechazo));
            assert_eq!(rechazo as usize, rango);
        }
    }
}
