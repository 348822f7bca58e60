//! What went wrong before COMMIT, and what that asks for. Pure.

use sqlx::Error;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// Why the work of a transaction was not finished; nothing of it is committed.
#[derive(Debug, thiserror::Error)]
pub enum Tropiezo {
    /// The database or the way to it.
    #[error(transparent)]
    Base(#[from] Error),
    /// Another almacenamiento changed, between two statements, what this one had not locked
    /// because it was not there yet.
    #[error("{0} changed meanwhile")]
    Cambio(&'static str),
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cura {
    /// Two transactions met; the same work again will pass.
    Repetir,
    /// The work itself failed; the connection is sound.
    Dejar,
    /// This server takes no writes from us any more, or cannot be reached: search again.
    Buscar,
}

impl Tropiezo {
    /// What to do about it.
    #[must_use]
    pub fn cura(&self) -> Cura {
        match self {
            Self::Cambio(_) => Cura::Repetir,
            Self::Base(causa) => cura(causa),
        }
    }

    /// As sqlx's own error, for a `Fallo`.
    #[must_use]
    pub fn causa(self) -> Error {
        match self {
            Self::Base(causa) => causa,
            Self::Cambio(_) => Error::Protocol(self.to_string()),
        }
    }
}

/// What an error of sqlx asks for.
#[must_use]
pub fn cura(causa: &Error) -> Cura {
    match causa {
        Error::Database(error) => {
            let fatal = error
                .try_downcast_ref::<PgDatabaseError>()
                .is_some_and(|error| {
                    matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic)
                });
            let codigo = error.code().unwrap_or_default();
            if fatal {
                Cura::Buscar
            } else {
                de_codigo(&codigo)
            }
        }
        Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_)
        | Error::WorkerCrashed
        | Error::PoolClosed => Cura::Buscar,
        _ => Cura::Dejar,
    }
}

fn de_codigo(codigo: &str) -> Cura {
    match codigo {
        // Serialization failure, deadlock, lock timeout; a row that another made first.
        "40001" | "40P01" | "55P03" | "23505" => Cura::Repetir,
        // Read-only: a standby, or a primary that was told to stop.
        "25006" => Cura::Buscar,
        // Shutdown, crash recovery, starting up; connection exceptions.
        otro if otro.starts_with("57P0") || otro.starts_with("08") => Cura::Buscar,
        _ => Cura::Dejar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meetings_are_repeated_and_a_lost_primary_is_searched() {
        for codigo in ["40001", "40P01", "55P03", "23505"] {
            assert_eq!(de_codigo(codigo), Cura::Repetir, "{codigo}");
        }
        for codigo in ["25006", "57P01", "57P02", "57P03", "08006", "08003"] {
            assert_eq!(de_codigo(codigo), Cura::Buscar, "{codigo}");
        }
        for codigo in ["57014", "23514", "53100", "42501"] {
            assert_eq!(de_codigo(codigo), Cura::Dejar, "{codigo}");
        }
        assert_eq!(cura(&Error::PoolTimedOut), Cura::Dejar);
        let cortada = Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert_eq!(cura(&cortada), Cura::Buscar);
        assert_eq!(Tropiezo::Cambio("a user").cura(), Cura::Repetir);
    }
}
