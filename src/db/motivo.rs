//! What a database, or the way to it, says in English, in Spanish.
//!
//! Called by whatever in `db` tells a failure to an operator. It never decides what a failure
//! means: `postgres::tropiezo` and `sqlite` do.

use sqlx::Error;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

use crate::sistema;

/// An error of sqlx in Spanish; what it has no words for is quoted, with its code.
#[must_use]
pub fn motivo(error: &Error) -> String {
    match error {
        Error::Io(causa) => sistema::motivo(causa),
        Error::Tls(causa) => format!("no se pudo cifrar la conexión ({causa})"),
        Error::PoolTimedOut => "ninguna conexión quedó libre a tiempo".to_owned(),
        Error::PoolClosed | Error::WorkerCrashed => "la conexión ya está cerrada".to_owned(),
        Error::RowNotFound => "falta una fila".to_owned(),
        Error::Decode(causa) => format!("un valor guardado no se entiende ({causa})"),
        Error::ColumnDecode { index, source } => {
            format!("un valor guardado en {index} no se entiende ({source})")
        }
        Error::Database(error) => match error.try_downcast_ref::<PgDatabaseError>() {
            Some(error) => de_postgres(error.code(), error.message()),
            None => de_sqlite(error.as_ref()),
        },
        otro => otro.to_string(),
    }
}

fn de_postgres(codigo: &str, mensaje: &str) -> String {
    let dicho = match codigo {
        "28P01" => "la contraseña no vale para esa cuenta",
        "28000" => "esa cuenta no puede entrar desde aquí",
        "3D000" => "no existe esa base de datos",
        "42501" => "la cuenta no tiene permiso",
        "42P01" => "falta una tabla",
        "53100" => "no queda espacio en el disco del servidor",
        "53300" => "el servidor no admite más conexiones",
        "57014" => "la sentencia tardó demasiado",
        "57P01" | "57P02" => "el servidor se detuvo",
        "57P03" => "el servidor está arrancando o deteniéndose",
        "25006" => "es de solo lectura",
        _ => return format!("PostgreSQL dice: {mensaje} (código {codigo})"),
    };
    dicho.to_owned()
}

fn de_sqlite(error: &dyn DatabaseError) -> String {
    let codigo = error.code().unwrap_or_default();
    // The primary code is the low byte of the extended one.
    let dicho = match codigo.parse::<u32>().map(|codigo| codigo & 0xff) {
        Ok(3) => "no hay permiso",
        Ok(5 | 6) => "otro proceso la tiene ocupada",
        Ok(8) => "es de solo lectura",
        Ok(10) => "el disco no lee o no escribe",
        Ok(11) => "el archivo está dañado",
        Ok(13) => "no queda espacio en el disco",
        Ok(14) => "no se puede abrir el archivo",
        Ok(26) => "el archivo no es una base de datos",
        _ => return format!("SQLite dice: {} (código {codigo})", error.message()),
    };
    dicho.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_operator_meets_is_in_spanish_and_the_rest_is_quoted() {
        let sin_nadie = Error::Io(std::io::ErrorKind::ConnectionRefused.into());
        assert_eq!(motivo(&sin_nadie), "rechaza la conexión");
        let clave = de_postgres("28P01", "password authentication failed for user \"u\"");
        assert_eq!(clave, "la contraseña no vale para esa cuenta");
        let rara = de_postgres("XX000", "cache lookup failed");
        assert_eq!(rara, "PostgreSQL dice: cache lookup failed (código XX000)");
    }
}
