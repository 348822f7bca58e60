//! Identifiers that cannot be wrong: parsed once at the edge, trusted inside.
//!
//! Lengths and characters come from contract §2; an isbn is free text on purpose
//! (existing files say `Libro456`).

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What tells one kind of text identifier from another: its name and its longest length.
pub trait Campo {
    /// The field's name in requests, files and messages.
    const NOMBRE: &'static str;
    /// Longest length after trimming, in characters.
    const CARACTERES_MAX: usize;
}

/// A trimmed, non-empty text without control characters, at most `K::CARACTERES_MAX` long.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Texto<K>(Arc<str>, PhantomData<K>);

/// Marks for [`Texto`].
pub mod campo {
    use super::Campo;

    /// See [`super::Isbn`].
    #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub struct Isbn;
    /// See [`super::Ejemplar`].
    #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub struct Ejemplar;
    /// See [`super::UsuarioId`].
    #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub struct Usuario;
    /// See [`super::Sede`].
    #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub struct Sede;
    /// See [`super::Titulo`].
    #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub struct Titulo;

    impl Campo for Isbn {
        const NOMBRE: &'static str = "isbn";
        const CARACTERES_MAX: usize = 64;
    }
    impl Campo for Ejemplar {
        const NOMBRE: &'static str = "ejemplar";
        const CARACTERES_MAX: usize = 64;
    }
    impl Campo for Usuario {
        const NOMBRE: &'static str = "usuario";
        const CARACTERES_MAX: usize = 64;
    }
    impl Campo for Sede {
        const NOMBRE: &'static str = "sede";
        const CARACTERES_MAX: usize = 64;
    }
    impl Campo for Titulo {
        const NOMBRE: &'static str = "titulo";
        const CARACTERES_MAX: usize = 200;
    }
}

/// A book (edition), whatever text its library uses for it.
pub type Isbn = Texto<campo::Isbn>;
/// The bar code of one copy.
pub type Ejemplar = Texto<campo::Ejemplar>;
/// A person who borrows.
pub type UsuarioId = Texto<campo::Usuario>;
/// A branch of the library.
pub type Sede = Texto<campo::Sede>;
/// A title, or the words of one that somebody looks for.
pub type Titulo = Texto<campo::Titulo>;

/// Why a text is not an identifier; its `Display` is the Spanish sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdInvalido {
    /// Nothing is left after trimming.
    #[error("el campo '{0}' está vacío")]
    Vacio(&'static str),
    /// Longer than its limit, in characters.
    #[error("el campo '{0}' tiene más de {1} caracteres")]
    Largo(&'static str, usize),
    /// A control character, or for an op_id anything but printable ASCII.
    #[error("el campo '{0}' tiene caracteres no permitidos")]
    Caracteres(&'static str),
}

impl IdInvalido {
    /// The same of a field that has another name where the text stood.
    #[must_use]
    pub const fn en(self, nombre: &'static str) -> Self {
        match self {
            Self::Vacio(_) => Self::Vacio(nombre),
            Self::Largo(_, max) => Self::Largo(nombre, max),
            Self::Caracteres(_) => Self::Caracteres(nombre),
        }
    }
}

impl<K: Campo> Texto<K> {
    /// Trims and checks `texto`.
    ///
    /// # Errors
    /// [`IdInvalido`] when it is empty, too long or has control characters.
    pub fn parse(texto: &str) -> Result<Self, IdInvalido> {
        let texto = texto.trim();
        if texto.is_empty() {
            return Err(IdInvalido::Vacio(K::NOMBRE));
        }
        if texto.chars().count() > K::CARACTERES_MAX {
            return Err(IdInvalido::Largo(K::NOMBRE, K::CARACTERES_MAX));
        }
        if texto.chars().any(char::is_control) {
            return Err(IdInvalido::Caracteres(K::NOMBRE));
        }
        Ok(Self(Arc::from(texto), PhantomData))
    }
}

impl<K> Texto<K> {
    /// From the text of one that was checked before.
    #[must_use]
    pub(crate) fn leido(texto: &str) -> Self {
        Self(Arc::from(texto), PhantomData)
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<K> fmt::Display for Texto<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<K> fmt::Debug for Texto<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl<K> Serialize for Texto<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, K: Campo> Deserialize<'de> for Texto<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texto = String::deserialize(deserializer)?;
        Self::parse(&texto).map_err(de::Error::custom)
    }
}

/// The idempotency key of one operation: 1–64 printable ASCII characters (contract §2).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpId(Arc<str>);

/// Longest op_id, in bytes; it is ASCII.
pub const OP_ID_BYTES_MAX: usize = 64;

impl OpId {
    /// Checks `texto`; an op_id is compared to the letter and so is not trimmed.
    ///
    /// # Errors
    /// [`IdInvalido`] when it is empty, too long or not printable ASCII.
    pub fn parse(texto: &str) -> Result<Self, IdInvalido> {
        if texto.is_empty() {
            return Err(IdInvalido::Vacio("op_id"));
        }
        if texto.len() > OP_ID_BYTES_MAX {
            return Err(IdInvalido::Largo("op_id", OP_ID_BYTES_MAX));
        }
        if !texto.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Err(IdInvalido::Caracteres("op_id"));
        }
        Ok(Self(Arc::from(texto)))
    }

    /// From the text of one that was checked before.
    #[must_use]
    pub(crate) fn leido(texto: &str) -> Self {
        Self(Arc::from(texto))
    }

    /// A new one that nobody can guess: 122 random bits, so not even its time is told.
    #[must_use]
    pub fn nuevo() -> Self {
        Self(Arc::from(uuid::Uuid::new_v4().to_string()))
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Serialize for OpId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for OpId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texto = String::deserialize(deserializer)?;
        Self::parse(&texto).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_isbn_is_free_text_and_is_trimmed() {
        assert_eq!(
            Isbn::parse("  Libro456 ").map(|i| i.to_string()),
            Ok("Libro456".into())
        );
        assert_eq!(Isbn::parse(" \t"), Err(IdInvalido::Vacio("isbn")));
        assert_eq!(Isbn::parse("a\u{7}b"), Err(IdInvalido::Caracteres("isbn")));
    }

    #[test]
    fn lengths_count_characters_not_bytes() {
        assert!(UsuarioId::parse(&"ñ".repeat(64)).is_ok());
        assert_eq!(
            UsuarioId::parse(&"ñ".repeat(65)),
            Err(IdInvalido::Largo("usuario", 64))
        );
        assert!(Titulo::parse(&"x".repeat(200)).is_ok());
    }

    #[test]
    fn an_op_id_is_printable_ascii_to_the_letter() {
        assert!(OpId::parse(" con espacios ").is_ok_and(|id| id.as_str() == " con espacios "));
        assert!(OpId::parse("á").is_err());
        assert!(OpId::parse(&"x".repeat(65)).is_err());
        assert_ne!(OpId::nuevo(), OpId::nuevo());
    }
}
