//! Opening the file: options of the connections, checks that it is ours and sound, migrations.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteLockingMode, SqlitePool,
    SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Error};

use crate::db::Fallo;
use crate::db::motivo::motivo;
use crate::plantado::{Defecto, plantado};

/// SQLite older than this corrupts a WAL that is reset while another connection reads it.
const VERSION_MIN: (u32, u32, u32) = (3, 51, 3);

/// Largest file that is checked page by page at opening, in bytes: about a second of reading;
/// a longer check would delay a standby's takeover.
const REVISION_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// How long a statement waits for another program that holds the file, in ms: shorter than an
/// almacenamiento's answer to its client.
const ESPERA_MS: u64 = 700;

/// Pages in the WAL before they are copied to the file, 32 MiB: random keys touch the same
/// index pages again and again, and each copy costs another wait for the disk.
const PUNTO_PAGINAS: &str = "8192";

/// Pages that the writing connection keeps, 16 MiB: the upper levels of the indexes that a
/// batch touches. What it does not hold is in the system's own cache; with 64 MiB a role was
/// larger than the 64 MiB that it may have, and not faster.
const ESCRITOR_CACHE: &str = "-16384";

/// The same of a reader, 4 MiB.
const LECTOR_CACHE: &str = "-4096";

/// Where a statement keeps what it may have to undo: a batch changes so many pages that each of
/// its statements would make a file for them, write it and remove it. No part of durability.
const AL_LADO: &str = "MEMORY";

/// What tells one kind of our files from another.
#[derive(Debug)]
pub struct Clase {
    /// `PRAGMA application_id`, set by the first migration.
    pub aplicacion: i64,
    /// Its tables.
    pub migraciones: Migrator,
    /// What to do about a file of another program, after "…es de otro programa; ".
    pub si_ajena: &'static str,
    /// What to do about a damaged one, after "No la borre: ".
    pub si_danada: &'static str,
}

/// The library's circulation.
pub static CIRCULACION: Clase = Clase {
    aplicacion: 0x4269_626C,
    migraciones: sqlx::migrate!("migrations/sqlite"),
    si_ajena: "indique otra ruta en almacenamiento.base_datos",
    si_danada: "detenga los nodos, guarde una copia de la carpeta y restaure el último respaldo",
};

/// The writer: one connection, full durability.
///
/// # Errors
/// [`Fallo::Inservible`] when the file is no database of ours or damaged.
pub async fn abrir_escritor(base: &Path, clase: &Clase) -> Result<SqliteConnection, Fallo> {
    let sincronia = if plantado(Defecto::SinFsync) {
        SqliteSynchronous::Off
    } else {
        SqliteSynchronous::Full
    };
    opciones(base)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(sincronia)
        .pragma("wal_autocheckpoint", PUNTO_PAGINAS)
        .pragma("cache_size", ESCRITOR_CACHE)
        .pragma("temp_store", AL_LADO)
        .connect()
        .await
        .map_err(|causa| explicar(base, clase, causa))
}

/// Readers: they never write, and see the last commit.
pub fn abrir_lectores(base: &Path, cuantos: u32) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(cuantos.max(1))
        .acquire_timeout(Duration::from_millis(ESPERA_MS))
        .connect_lazy_with(opciones(base).read_only(true))
}

/// Refuses what is not ours, brings the tables up to date and looks for damage. What was being
/// made when the power went is made now: the list of migrations is a commit of its own, before
/// the first of them says whose file it is.
///
/// # Errors
/// [`Fallo::Inservible`] with what a person should do.
pub async fn preparar(
    base: &Path,
    clase: &Clase,
    escritor: &mut SqliteConnection,
) -> Result<(), Fallo> {
    let explicado = |causa| explicar(base, clase, causa);
    let (version, aplicacion, tablas): (String, i64, i64) = sqlx::query_as(
        "SELECT sqlite_version(), (SELECT application_id FROM pragma_application_id), \
         (SELECT count(*) FROM sqlite_master WHERE tbl_name <> '_sqlx_migrations')",
    )
    .fetch_one(&mut *escritor)
    .await
    .map_err(explicado)?;
    revisar_version(&version)?;
    let nuestra = aplicacion == clase.aplicacion;
    if !nuestra && (tablas > 0 || aplicacion != 0) {
        return Err(Fallo::Inservible(format!(
            "{} es una base de datos de otro programa; {}",
            base.display(),
            clase.si_ajena
        )));
    }
    if nuestra || tablas > 0 {
        revisar_paginas(base, clase, escritor).await?;
    }
    // What a migration sorts may be more than fits in the memory.
    guardar_aparte(escritor, "FILE").await.map_err(explicado)?;
    clase
        .migraciones
        .run(&mut *escritor)
        .await
        .map_err(|causa| sin_migrar(base, clase, causa))?;
    guardar_aparte(escritor, AL_LADO).await.map_err(explicado)
}

async fn guardar_aparte(escritor: &mut SqliteConnection, donde: &str) -> Result<(), Error> {
    let pragma = format!("PRAGMA temp_store = {donde}");
    sqlx::query(AssertSqlSafe(pragma))
        .execute(escritor)
        .await
        .map(|_| ())
}

/// The database's identity and the latest instant in it.
///
/// # Errors
/// [`Fallo::Inservible`] when they cannot be read.
pub async fn identidad(
    base: &Path,
    escritor: &mut SqliteConnection,
) -> Result<(String, Option<Timestamp>), Fallo> {
    let (base_id, ultimo): (String, String) = sqlx::query_as(
        "SELECT base_id, max(creada_en,
             coalesce((SELECT creada_en FROM operaciones ORDER BY rowid DESC LIMIT 1), ''),
             coalesce((SELECT max(repetida_en) FROM operaciones
                       WHERE rowid > (SELECT max(rowid) - 1000 FROM operaciones)), ''),
             coalesce((SELECT fecha FROM historial ORDER BY id DESC LIMIT 1), ''))
         FROM base",
    )
    .fetch_one(escritor)
    .await
    .map_err(|causa| explicar(base, &CIRCULACION, causa))?;
    Ok((base_id, ultimo.parse().ok()))
}

/// What every connection of ours has.
pub fn opciones(base: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(base)
        .locking_mode(SqliteLockingMode::Normal)
        .busy_timeout(Duration::from_millis(ESPERA_MS))
        .foreign_keys(true)
        .pragma("cache_size", LECTOR_CACHE)
        .disable_statement_logging()
}

fn revisar_version(version: &str) -> Result<(), Fallo> {
    let mut partes = version.split('.').map(|parte| parte.parse().unwrap_or(0));
    let mut parte = || partes.next().unwrap_or(0);
    if (parte(), parte(), parte()) >= VERSION_MIN {
        return Ok(());
    }
    let (a, b, c) = VERSION_MIN;
    Err(Fallo::Inservible(format!(
        "SQLite {version} puede dañar la base de datos; compile con SQLite {a}.{b}.{c} o \
         posterior"
    )))
}

async fn revisar_paginas(
    base: &Path,
    clase: &Clase,
    escritor: &mut SqliteConnection,
) -> Result<(), Fallo> {
    // Only its size is asked: the file itself is opened by SQLite alone.
    let bytes = std::fs::metadata(base).map_or(0, |datos| datos.len());
    if bytes > REVISION_BYTES_MAX {
        return Ok(());
    }
    let (hallazgo,): (String,) = sqlx::query_as("PRAGMA quick_check(1)")
        .fetch_one(escritor)
        .await
        .map_err(|causa| explicar(base, clase, causa))?;
    if hallazgo == "ok" {
        return Ok(());
    }
    Err(danada(base, clase, &hallazgo))
}

fn sin_migrar(base: &Path, clase: &Clase, causa: MigrateError) -> Fallo {
    match causa {
        MigrateError::Execute(causa) | MigrateError::ExecuteMigration(causa, _) => {
            explicar(base, clase, causa)
        }
        otra => Fallo::Inservible(format!(
            "las tablas de {} no son de esta versión ({otra}); use la versión de biblioteca que \
             la creó o una posterior",
            base.display()
        )),
    }
}

/// What SQLite says of a file at opening, as advice to a person.
pub fn explicar(base: &Path, clase: &Clase, causa: Error) -> Fallo {
    // SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_CANTOPEN.
    match codigo(&causa) {
        Some(11 | 26) => danada(base, clase, &motivo(&causa)),
        Some(14) => Fallo::Inservible(format!(
            "no se puede abrir {}. Revise la ruta y los permisos de su carpeta",
            base.display()
        )),
        _ => Fallo::NoAplicado(causa),
    }
}

/// SQLite's primary code: the low byte of the extended one.
#[must_use]
pub fn codigo(causa: &Error) -> Option<i32> {
    match causa {
        Error::Database(error) => error.code()?.parse::<i32>().ok().map(|c| c & 0xff),
        _ => None,
    }
}

fn danada(base: &Path, clase: &Clase, detalle: &str) -> Fallo {
    Fallo::Inservible(format!(
        "{} no es una base de datos sana ({detalle}). No la borre: {}",
        base.display(),
        clase.si_danada
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(revisar_version("3.51.3").is_ok());
        assert!(revisar_version("3.100.0").is_ok());
        assert!(revisar_version("3.9.9").is_err());
        assert!(revisar_version("3.51.2").is_err());
    }
}
