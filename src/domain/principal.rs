//! Whose an op_id is: the holder of the key that used it first, or the group it belongs to.
//!
//! Set at the doors, carried with the operation, stored with its answer. Without keys
//! everybody is the same one.

use std::fmt;

/// A name or a group of the allow-list; empty for whoever came without a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Principal(String);

impl Principal {
    /// Whoever came without a key.
    #[must_use]
    pub const fn nadie() -> Self {
        Self(String::new())
    }

    /// The one of this name.
    #[must_use]
    pub fn de(nombre: impl Into<String>) -> Self {
        Self(nombre.into())
    }

    /// The name; empty for nobody.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it came without a key.
    #[must_use]
    pub fn es_nadie(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it may see and repeat what `duena` used first. What was used without a key has
    /// no owner: a library that gets keys goes on knowing its earlier operations.
    #[must_use]
    pub fn alcanza(&self, duena: &Self) -> bool {
        duena.es_nadie() || self == duena
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_op_id_is_seen_by_its_owner_and_one_without_owner_by_all() {
        let (una, otra) = (Principal::de("sede1"), Principal::de("sede2"));
        assert!(una.alcanza(&una) && una.alcanza(&Principal::nadie()));
        assert!(!una.alcanza(&otra) && !Principal::nadie().alcanza(&una));
    }
}
