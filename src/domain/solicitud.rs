//! What an operation asks of the rules, and how they say no.

use crate::domain::ids::{Ejemplar, Isbn, Sede, UsuarioId};
use crate::domain::rechazo::Rechazo;

/// An operation's content, borrowed. Which fields stand was checked where it was parsed; the
/// rules refuse what they cannot find, so an absent field is a refusal and never a panic.
#[derive(Debug, Clone, Copy)]
pub struct Solicitud<'a> {
    /// The book.
    pub isbn: Option<&'a Isbn>,
    /// One copy.
    pub ejemplar: Option<&'a Ejemplar>,
    /// Who.
    pub usuario: Option<&'a UsuarioId>,
    /// Whose copies a loan by isbn may take.
    pub sede: &'a Sede,
}

/// A refusal with everything that speaks against the operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negativa {
    codigo: Rechazo,
    motivos: Vec<Rechazo>,
}

impl Negativa {
    /// A refusal for one reason.
    #[must_use]
    pub fn por(codigo: Rechazo) -> Self {
        Self {
            codigo,
            motivos: vec![codigo],
        }
    }

    /// A refusal for all of these, or none when there is no reason.
    #[must_use]
    pub fn de(mut motivos: Vec<Rechazo>) -> Option<Self> {
        motivos.sort_unstable();
        motivos.dedup();
        let codigo = *motivos.first()?;
        Some(Self { codigo, motivos })
    }

    /// The reason that wins (contract §2).
    #[must_use]
    pub const fn codigo(&self) -> Rechazo {
        self.codigo
    }

    /// All reasons, in order of precedence.
    #[must_use]
    pub fn motivos(&self) -> &[Rechazo] {
        &self.motivos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_in_precedence_is_the_code_whatever_the_order_found() {
        let negativa = Negativa::de(vec![Rechazo::LimitePrestamos, Rechazo::UsuarioBloqueado]);
        assert_eq!(
            negativa.as_ref().map(Negativa::codigo),
            Some(Rechazo::UsuarioBloqueado)
        );
        assert_eq!(Negativa::de(Vec::new()), None);
    }
}
