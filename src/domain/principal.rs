//! Whose an op_id is, and who did what it asks: the holder of the key or token that came with
//! it, and the group in which that holder is one with others.
//!
//! Set at the doors, carried with the operation, stored with its answer. Without keys
//! everybody owns the same op_ids.

use std::fmt;

/// Between the owner and the one who did it, where both are one text. No name has it.
const SEPARA: char = ' ';

/// An owner (a name or a group of the allow-list; empty for whoever came without a key) and
/// the name of whoever of them did it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Principal {
    duena: String,
    autor: String,
}

impl Principal {
    /// Whoever came without a key.
    #[must_use]
    pub const fn nadie() -> Self {
        Self {
            duena: String::new(),
            autor: String::new(),
        }
    }

    /// The one of this name, who is in no group.
    #[must_use]
    pub fn de(nombre: impl Into<String>) -> Self {
        let duena = nombre.into();
        let autor = duena.clone();
        Self { duena, autor }
    }

    /// `autor`, whose op_ids are those of the whole `grupo`.
    #[must_use]
    pub fn en_grupo(grupo: impl Into<String>, autor: impl Into<String>) -> Self {
        Self {
            duena: grupo.into(),
            autor: autor.into(),
        }
    }

    /// Reads what [`Self::texto`] wrote; a text without a separator is an owner alone, as it
    /// was written before anybody asked who did it.
    #[must_use]
    pub fn leer(texto: &str) -> Self {
        match texto.split_once(SEPARA) {
            Some((duena, autor)) => Self::en_grupo(duena, autor),
            None => Self::de(texto),
        }
    }

    /// Both as one text.
    #[must_use]
    pub fn texto(&self) -> String {
        if self.autor == self.duena {
            self.duena.clone()
        } else {
            format!("{}{SEPARA}{}", self.duena, self.autor)
        }
    }

    /// The owner of its op_ids; empty for nobody.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.duena
    }

    /// Who did it, as `historial` tells it.
    #[must_use]
    pub fn autor(&self) -> &str {
        if self.autor.is_empty() {
            "sin clave"
        } else {
            &self.autor
        }
    }

    /// Whether nothing is known of it.
    #[must_use]
    pub fn es_nadie(&self) -> bool {
        self.duena.is_empty() && self.autor.is_empty()
    }

    /// Whether it may see and repeat what `otra` used first. What was used without a key has
    /// no owner: a library that gets keys goes on knowing its earlier operations.
    #[must_use]
    pub fn alcanza(&self, otra: &Self) -> bool {
        otra.duena.is_empty() || self.duena == otra.duena
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.duena)
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

    #[test]
    fn those_of_a_group_own_the_same_and_each_did_its_own() {
        let (ana, luis) = (
            Principal::en_grupo("mostradores", "ana"),
            Principal::en_grupo("mostradores", "luis"),
        );
        assert!(ana.alcanza(&luis) && luis.alcanza(&ana));
        assert!(!ana.alcanza(&Principal::de("ana")));
        assert_eq!((ana.as_str(), ana.autor()), ("mostradores", "ana"));
        let suelta = Principal::en_grupo("", "local");
        assert!(Principal::nadie().alcanza(&suelta) && !suelta.es_nadie());
    }

    #[test]
    fn both_are_one_text_and_an_owner_alone_is_written_as_ever() {
        for principal in [
            Principal::nadie(),
            Principal::de("ana"),
            Principal::en_grupo("mostradores", "ana"),
            Principal::en_grupo("", "local"),
        ] {
            assert_eq!(Principal::leer(&principal.texto()), principal);
        }
        assert_eq!(Principal::de("ana").texto(), "ana");
        assert_eq!(Principal::nadie().texto(), "");
        assert_eq!(Principal::nadie().autor(), "sin clave");
    }
}
