//! The answer to an operation, and the outcome of handing it on.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::rechazo::Rechazo;

/// What an answer claims (contract §2). On the wire: append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Estado {
    /// Committed with full durability (reads: read from the database).
    Confirmado,
    /// On the carga's disk; will be decided exactly once.
    Encolado,
    /// A rule said no; final.
    Rechazado,
    /// This attempt was not taken; try again soon.
    Ocupado,
    /// This attempt was certainly not applied.
    NoDisponible,
    /// This attempt may be applied; repeat to learn.
    Desconocido,
    /// The request is malformed.
    Invalido,
}

impl Estado {
    /// The word in answers, receipts and SQL.
    #[must_use]
    pub const fn palabra(self) -> &'static str {
        match self {
            Self::Confirmado => "CONFIRMADO",
            Self::Encolado => "ENCOLADO",
            Self::Rechazado => "RECHAZADO",
            Self::Ocupado => "OCUPADO",
            Self::NoDisponible => "NO_DISPONIBLE",
            Self::Desconocido => "DESCONOCIDO",
            Self::Invalido => "INVALIDO",
        }
    }

    /// The state of exactly this word.
    #[must_use]
    pub fn de_palabra(palabra: &str) -> Option<Self> {
        [
            Self::Confirmado,
            Self::Encolado,
            Self::Rechazado,
            Self::Ocupado,
            Self::NoDisponible,
            Self::Desconocido,
            Self::Invalido,
        ]
        .into_iter()
        .find(|estado| estado.palabra() == palabra)
    }

    /// Whether the client got what it asked for.
    #[must_use]
    pub const fn exito(self) -> bool {
        matches!(self, Self::Confirmado | Self::Encolado)
    }
}

impl fmt::Display for Estado {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.palabra())
    }
}

/// Why an attempt did not reach a decision; not a refusal. On the wire: append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Causa {
    /// No almacenamiento took it.
    SinAlmacenamiento,
    /// No living actor of that operation.
    SinActores,
    /// A bounded queue is full.
    ColaLlena,
    /// The diario is full, or its disk is.
    DiarioLleno,
    /// Its deadline ended first.
    PlazoVencido,
    /// The request's fields are wrong.
    ParametrosInvalidos,
    /// No such operation.
    OperacionNoSoportada,
    /// A part of the system was restarted while it held the operation.
    FalloInterno,
}

impl Causa {
    /// The code in answers and metrics.
    #[must_use]
    pub const fn codigo(self) -> &'static str {
        match self {
            Self::SinAlmacenamiento => "SinAlmacenamiento",
            Self::SinActores => "SinActores",
            Self::ColaLlena => "ColaLlena",
            Self::DiarioLleno => "DiarioLleno",
            Self::PlazoVencido => "PlazoVencido",
            Self::ParametrosInvalidos => "ParametrosInvalidos",
            Self::OperacionNoSoportada => "OperacionNoSoportada",
            Self::FalloInterno => "FalloInterno",
        }
    }

    /// The sentence for a person who is told this with `estado`: what happened, and what is
    /// certain of the operation.
    #[must_use]
    pub fn mensaje(self, estado: Estado) -> String {
        let que = self.suceso(estado == Estado::Desconocido);
        match estado {
            Estado::Desconocido => format!(
                "{que}: la operación puede haberse aplicado; repita con el mismo op_id para saberlo"
            ),
            Estado::NoDisponible => {
                format!("{que}: este intento no se aplicó; repita con el mismo op_id")
            }
            Estado::Ocupado => format!("{que}: este intento no se tomó; repita en un momento"),
            _ => que.to_owned(),
        }
    }

    /// What happened; with `en_duda`, to an operation that somebody had already.
    const fn suceso(self, en_duda: bool) -> &'static str {
        match (self, en_duda) {
            (Self::SinAlmacenamiento, false) => "Ningún almacenamiento pudo atender la operación",
            (Self::SinAlmacenamiento, true) => "Ningún almacenamiento dijo el resultado",
            (Self::SinActores, false) => "No hay actores vivos para esa operación",
            (Self::SinActores, true) => "El actor que tenía la operación dejó de responder",
            (Self::ColaLlena, _) => "El sistema está ocupado",
            (Self::DiarioLleno, _) => {
                "El diario de esta carga no tiene sitio para más operaciones de este cliente"
            }
            (Self::PlazoVencido, false) => "El plazo terminó antes de que alguien la atendiera",
            (Self::PlazoVencido, true) => "El plazo terminó antes de conocer el resultado",
            (Self::ParametrosInvalidos, _) => "La solicitud no es válida",
            (Self::OperacionNoSoportada, _) => "Esa operación no existe",
            (Self::FalloInterno, false) => "Un componente falló al atender la operación",
            (Self::FalloInterno, true) => "Un componente se reinició mientras tenía la operación",
        }
    }
}

/// An answer's `codigo`: a refusal or the reason for no decision, never both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Codigo {
    /// A rule.
    Rechazo(Rechazo),
    /// Not a rule.
    Causa(Causa),
}

impl Codigo {
    /// The text in answers.
    #[must_use]
    pub const fn texto(self) -> &'static str {
        match self {
            Self::Rechazo(rechazo) => rechazo.codigo(),
            Self::Causa(causa) => causa.codigo(),
        }
    }
}

/// A decided answer: what is stored with the effect and repeated for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Respuesta {
    /// `Confirmado` or `Rechazado`.
    pub estado: Estado,
    /// The refusal that won, if any.
    pub rechazo: Option<Rechazo>,
    /// Spanish sentence for a person.
    pub mensaje: String,
    /// When it was decided, RFC 3339 with offset.
    pub fecha: String,
    /// A JSON object as text: bincode cannot carry a JSON value, and nobody between the
    /// database and the client needs to look inside.
    pub datos: String,
    /// An earlier attempt had already decided it.
    pub repetida: bool,
}

/// What became of one attempt. On the wire: append only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Desenlace {
    /// The database decided (or read).
    Decidida(Respuesta),
    /// Certainly not applied by this attempt.
    NoAplicada(Causa),
    /// Perhaps applied by this attempt.
    Incierta(Causa),
    /// Certainly not applied: the almacenamiento asked does not have the database now.
    EnEspera,
    /// Certainly not applied: this very operation made its handler fail.
    Envenenada,
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAUSAS: [Causa; 8] = [
        Causa::SinAlmacenamiento,
        Causa::SinActores,
        Causa::ColaLlena,
        Causa::DiarioLleno,
        Causa::PlazoVencido,
        Causa::ParametrosInvalidos,
        Causa::OperacionNoSoportada,
        Causa::FalloInterno,
    ];

    #[test]
    fn whatever_the_cause_a_sentence_says_what_its_state_means() {
        for causa in CAUSAS {
            for (estado, dice, calla) in [
                (
                    Estado::Desconocido,
                    "puede haberse aplicado; repita con el mismo op_id",
                    "no se aplicó",
                ),
                (Estado::NoDisponible, "no se aplicó", "puede haberse"),
                (Estado::Ocupado, "no se tomó", "puede haberse"),
            ] {
                let mensaje = causa.mensaje(estado);
                assert!(
                    mensaje.contains(dice) && !mensaje.contains(calla),
                    "{mensaje}"
                );
            }
        }
        let en_duda = Causa::SinAlmacenamiento.mensaje(Estado::Desconocido);
        assert!(!en_duda.contains("pudo atender"), "{en_duda}");
        // A client has a share of it, and nothing of the others' is told.
        let lleno = Causa::DiarioLleno.mensaje(Estado::Ocupado);
        assert!(lleno.contains("de este cliente"), "{lleno}");
        let vencida = Causa::PlazoVencido.mensaje(Estado::NoDisponible);
        assert!(!vencida.contains("conocer el resultado"), "{vencida}");
    }
}
