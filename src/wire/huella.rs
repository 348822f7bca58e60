//! The content hash of an operation: what tells a repeat from another use of its op_id.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::operacion::Operacion;

/// SHA-256 over the content as sent and trimmed (contract §2); printed as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Huella([u8; 32]);

/// The content of an operation as its client sent it, before any default is filled in.
#[derive(Debug, Clone, Copy)]
pub struct Contenido<'a> {
    /// What is asked.
    pub operacion: Operacion,
    /// Trimmed, if sent.
    pub isbn: Option<&'a str>,
    /// Trimmed, if sent.
    pub ejemplar: Option<&'a str>,
    /// Trimmed, if sent.
    pub usuario: Option<&'a str>,
    /// Trimmed, if sent; the carga's own sede is not content.
    pub sede: Option<&'a str>,
}

impl Huella {
    /// Hashes a content. Each field is written with its presence and length, so that no two
    /// contents share an input.
    #[must_use]
    pub fn de(contenido: Contenido<'_>) -> Self {
        let mut hash = Sha256::new();
        hash.update(contenido.operacion.palabra());
        for campo in [
            contenido.isbn,
            contenido.ejemplar,
            contenido.usuario,
            contenido.sede,
        ] {
            match campo {
                None => hash.update([0]),
                Some(texto) => {
                    hash.update([1]);
                    hash.update((texto.len() as u64).to_le_bytes());
                    hash.update(texto);
                }
            }
        }
        Self(hash.finalize().into())
    }
}

impl fmt::Display for Huella {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Huella {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contenido<'a>(isbn: Option<&'a str>, usuario: Option<&'a str>) -> Contenido<'a> {
        Contenido {
            operacion: Operacion::Prestamo,
            isbn,
            ejemplar: None,
            usuario,
            sede: None,
        }
    }

    #[test]
    fn no_shift_between_fields_makes_the_same_hash() {
        let una = Huella::de(contenido(Some("ab"), Some("c")));
        assert_ne!(una, Huella::de(contenido(Some("a"), Some("bc"))));
        assert_ne!(una, Huella::de(contenido(Some("ab"), None)));
        assert_eq!(una, Huella::de(contenido(Some("ab"), Some("c"))));
    }

    #[test]
    fn the_hash_is_stable_across_versions() {
        let texto = Huella::de(contenido(Some("Libro456"), Some("usuario1"))).to_string();
        assert_eq!(texto.len(), 64);
        assert_eq!(
            texto,
            "99afaea1ee3cd44cdf6c1381f460af55c262c91ef25a3ed7fa6af071ee27abbe"
        );
    }
}
