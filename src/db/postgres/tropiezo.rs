//! What went wrong before COMMIT, and what that asks for. Pure.

use sqlx::Error;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::db::Fallo;
use crate::db::motivo::motivo;

/// `disk_full`.
const DISCO_LLENO: &str = "53100";

/// Why the work of a transaction was not finished; nothing of it is committed.
#[derive(Debug, thiserror::Error)]
pub enum Tropiezo {
    /// The database or the way to it.
    #[error(transparent)]
    Base(#[from] Error),
    /// Another almacenamiento changed, between two statements, what this one had not locked
    /// because it was not there yet.
    #[error("otro almacenamiento cambió {0} mientras tanto")]
    Cambio(&'static str),
    /// Our own code, between two statements: the connection is at rest.
    #[error("el programa falló al decidirlo")]
    Panico,
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
            Self::Panico => Cura::Dejar,
            Self::Base(causa) => cura(causa),
        }
    }

    /// What it is to the caller, once the transaction is undone and not begun again.
    #[must_use]
    pub fn fallo(self) -> Fallo {
        match &self {
            Self::Panico => Fallo::Defecto(self.to_string()),
            Self::Base(causa) if es_defecto(causa) => Fallo::Defecto(motivo(causa)),
            _ => Fallo::NoAplicado(self.causa()),
        }
    }

    /// As sqlx's own error, for a `Fallo`.
    #[must_use]
    pub fn causa(self) -> Error {
        match self {
            Self::Base(causa) => causa,
            Self::Cambio(_) | Self::Panico => Error::Protocol(self.to_string()),
        }
    }
}

/// What an error of sqlx asks for.
#[must_use]
pub fn cura(causa: &Error) -> Cura {
    match causa {
        Error::Database(error) if sigue(error.as_ref()) => {
            de_codigo(&error.code().unwrap_or_default())
        }
        Error::Database(_) => Cura::Buscar,
        Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_)
        | Error::WorkerCrashed
        | Error::PoolClosed => Cura::Buscar,
        _ => Cura::Dejar,
    }
}

/// Whether the same batch would fail the same way: a value that does not fit, a constraint that
/// forbids what the rules allowed, a stored value that cannot be read. A missing right or table
/// is nobody's operation.
fn es_defecto(causa: &Error) -> bool {
    match causa {
        Error::Database(error) => codigo_de_defecto(&error.code().unwrap_or_default()),
        Error::Decode(_) | Error::ColumnDecode { .. } | Error::Encode(_) => true,
        _ => false,
    }
}

/// Data exceptions and broken constraints.
fn codigo_de_defecto(codigo: &str) -> bool {
    codigo.starts_with("22") || codigo.starts_with("23")
}

/// Whether a failed COMMIT is certainly undone: the disk was full before the commit record was
/// written. Once it is written an error ends the session, or the whole server.
#[must_use]
pub fn sin_disco(causa: &Error) -> bool {
    causa
        .as_database_error()
        .is_some_and(|error| sigue(error) && error.code().as_deref() == Some(DISCO_LLENO))
}

/// Whether the server itself said that a statement failed, alone or with its session: what it was
/// sent after that statement it has not read.
#[must_use]
pub fn negada(causa: &Error) -> bool {
    let error = causa.as_database_error();
    let error = error.and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    error.is_some_and(|error| !matches!(error.severity(), PgSeverity::Panic))
}

/// Whether the session goes on after this error.
fn sigue(error: &dyn DatabaseError) -> bool {
    let error = error.try_downcast_ref::<PgDatabaseError>();
    !error.is_some_and(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic))
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
        assert_eq!(Tropiezo::Cambio("un usuario").cura(), Cura::Repetir);
    }

    #[test]
    fn only_what_would_fail_again_is_a_defect() {
        for codigo in ["22001", "22P02", "23503", "23505", "23514"] {
            assert!(codigo_de_defecto(codigo), "{codigo}");
        }
        for codigo in [
            "40001", "40P01", "55P03", "57014", "53100", "42501", "08006",
        ] {
            assert!(!codigo_de_defecto(codigo), "{codigo}");
        }
        assert!(matches!(Tropiezo::Panico.fallo(), Fallo::Defecto(_)));
        let ilegible = Tropiezo::Base(Error::decode("x"));
        assert!(matches!(ilegible.fallo(), Fallo::Defecto(_)));
        let ocupada = Tropiezo::Base(Error::PoolTimedOut);
        assert!(matches!(ocupada.fallo(), Fallo::NoAplicado(_)));
        assert!(matches!(
            Tropiezo::Cambio("un préstamo").fallo(),
            Fallo::NoAplicado(_)
        ));
    }
}
