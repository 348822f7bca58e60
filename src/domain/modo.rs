//! Whether whoever asks waits for the decision.

use serde::{Deserialize, Deserializer, de};

/// When a writing operation is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modo {
    /// When it is committed in the database.
    Sincrono,
    /// When it is on the carga's disk.
    Asincrono,
}

impl Modo {
    /// The word in settings and requests.
    #[must_use]
    pub const fn palabra(self) -> &'static str {
        match self {
            Self::Sincrono => "sincrono",
            Self::Asincrono => "asincrono",
        }
    }

    /// The mode of exactly this word.
    #[must_use]
    pub fn de_palabra(palabra: &str) -> Option<Self> {
        [Self::Sincrono, Self::Asincrono]
            .into_iter()
            .find(|modo| modo.palabra() == palabra)
    }
}

impl<'de> Deserialize<'de> for Modo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let palabra = String::deserialize(deserializer)?;
        Self::de_palabra(&palabra).ok_or_else(|| {
            de::Error::custom(format_args!(
                "'{palabra}' no es un modo: es sincrono o asincrono"
            ))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_one_of_two_words_and_nothing_else() {
        for modo in [Modo::Sincrono, Modo::Asincrono] {
            assert_eq!(Modo::de_palabra(modo.palabra()), Some(modo));
        }
        let error = serde_json::from_str::<Modo>("\"luego\"").unwrap_err();
        assert!(error.to_string().contains("sincrono o asincrono"));
    }
}
