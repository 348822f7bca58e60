//! A copy of a SQLite library while it works, or while nobody does: one moment of it, made by
//! SQLite itself, checked, on the disk before it has its name.
//!
//! The library's file is read through SQLite only, and neither locked nor changed. The copy is
//! another file, nobody's database until somebody restores it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Error};

use crate::db::motivo::motivo;
use crate::db::sqlite::conexion::CIRCULACION;
use crate::sistema;

/// How long a statement waits for a recovery that another process makes.
const ESPERA_MAX: Duration = Duration::from_secs(5);

/// Of a copy that is being made; one that is left behind has been cut off.
const PARCIAL: &str = ".parcial";

/// Only its owner reads who borrowed what.
const PERMISOS: u32 = 0o600;

/// A copy that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Respaldo {
    /// The database's identity, the same in the copy.
    pub base_id: String,
    /// Decided operations in it.
    pub operaciones: i64,
    /// Its size.
    pub bytes: u64,
}

/// Why there is no copy; `Display` is the Spanish sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum RespaldoError {
    /// There is nothing to copy.
    #[error(
        "no hay base de datos en {}: respaldar se ejecuta en el equipo que la tiene",
        .0.display()
    )]
    SinBase(PathBuf),
    /// The file belongs to another program.
    #[error("{} no es una base de datos de biblioteca", .0.display())]
    Ajena(PathBuf),
    /// A backup is never written over another.
    #[error("{} ya existe: un respaldo no se escribe encima de nada; indique otra ruta", .0.display())]
    YaExiste(PathBuf),
    /// Somebody is at it, or was when the PC went down.
    #[error(
        "{} ya existe: otro respaldo está en marcha o quedó a medias; si nadie lo está haciendo, bórrelo",
        .0.display()
    )]
    AMedias(PathBuf),
    /// The path is no text that SQLite takes.
    #[error("{} no es una ruta en UTF-8", .0.display())]
    Ruta(PathBuf),
    /// The copy is not what it should be, and was thrown away.
    #[error("el respaldo no salió sano ({0}): revise el disco; se descartó")]
    Danado(String),
    /// There is no place of that name for a new file.
    #[error("no se puede escribir {}: {}", ruta.display(), sin_lugar(causa))]
    Lugar {
        /// The file that was asked for.
        ruta: PathBuf,
        /// What the system said.
        #[source]
        causa: io::Error,
    },
    /// The disk said no.
    #[error("no se puede escribir {}: {}", ruta.display(), sistema::motivo(causa))]
    Disco {
        /// The file.
        ruta: PathBuf,
        /// What the system said.
        #[source]
        causa: io::Error,
    },
    /// SQLite said no.
    #[error("no se pudo copiar {}: {}", base.display(), motivo(causa))]
    Base {
        /// The library's file.
        base: PathBuf,
        /// What it said.
        #[source]
        causa: Error,
    },
}

/// Copies the library at `base` to the new file `destino`: whole and on the disk when this
/// returns `Ok`, else not there at all.
///
/// # Errors
/// [`RespaldoError`].
pub async fn respaldar(base: &Path, destino: &Path) -> Result<Respaldo, RespaldoError> {
    if !base.exists() {
        return Err(RespaldoError::SinBase(base.to_owned()));
    }
    if destino.symlink_metadata().is_ok() {
        return Err(RespaldoError::YaExiste(destino.to_owned()));
    }
    let mut nombre = destino.as_os_str().to_owned();
    nombre.push(PARCIAL);
    let parcial = PathBuf::from(nombre);
    reservar(&parcial, destino)?;
    let hecho = match copiar(base, &parcial).await {
        Ok(respaldo) => asentar(&parcial, destino).map(|()| respaldo),
        Err(error) => Err(error),
    };
    if hecho.is_err() {
        // Ours alone: it was made new.
        let _ = fs::remove_file(&parcial);
    }
    hecho
}

/// Makes the empty file that SQLite then fills, so that nobody else ever could read it.
fn reservar(parcial: &Path, destino: &Path) -> Result<(), RespaldoError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PERMISOS)
        .open(parcial)
        .map(drop)
        .map_err(|causa| match causa.kind() {
            io::ErrorKind::AlreadyExists => RespaldoError::AMedias(parcial.to_owned()),
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::InvalidFilename => RespaldoError::Lugar {
                ruta: destino.to_owned(),
                causa,
            },
            _ => disco(destino, causa),
        })
}

async fn copiar(base: &Path, parcial: &Path) -> Result<Respaldo, RespaldoError> {
    let ruta = parcial
        .to_str()
        .ok_or_else(|| RespaldoError::Ruta(parcial.to_owned()))?;
    let fallo = |causa| RespaldoError::Base {
        base: base.to_owned(),
        causa,
    };
    let mut origen = abrir(base).await.map_err(fallo)?;
    let aplicacion: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut origen)
        .await
        .map_err(fallo)?;
    if aplicacion != CIRCULACION.aplicacion {
        return Err(RespaldoError::Ajena(base.to_owned()));
    }
    sqlx::query("VACUUM INTO $1")
        .bind(ruta)
        .execute(&mut origen)
        .await
        .map_err(fallo)?;
    let base_id: String = sqlx::query_scalar("SELECT base_id FROM base")
        .fetch_one(&mut origen)
        .await
        .map_err(fallo)?;
    origen.close().await.map_err(fallo)?;
    revisar(parcial, base_id).await
}

/// Reads the whole copy once more.
async fn revisar(parcial: &Path, base_id: String) -> Result<Respaldo, RespaldoError> {
    let danado = |causa: Error| RespaldoError::Danado(motivo(&causa));
    let mut copia = abrir(parcial).await.map_err(danado)?;
    let hallazgo: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(&mut copia)
        .await
        .map_err(danado)?;
    let (suya, operaciones): (String, i64) =
        sqlx::query_as("SELECT base_id, (SELECT count(*) FROM operaciones) FROM base")
            .fetch_one(&mut copia)
            .await
            .map_err(danado)?;
    copia.close().await.map_err(danado)?;
    if hallazgo != "ok" || suya != base_id {
        return Err(RespaldoError::Danado(hallazgo));
    }
    let bytes = fs::metadata(parcial).map_or(0, |datos| datos.len());
    Ok(Respaldo {
        base_id,
        operaciones,
        bytes,
    })
}

/// Puts the copy on the disk, and only then gives it its name.
fn asentar(parcial: &Path, destino: &Path) -> Result<(), RespaldoError> {
    // VACUUM INTO waits for no disk.
    File::open(parcial)
        .and_then(|archivo| archivo.sync_all())
        .map_err(|causa| disco(parcial, causa))?;
    renameat_with(CWD, parcial, CWD, destino, RenameFlags::NOREPLACE).map_err(
        |causa| match causa {
            rustix::io::Errno::EXIST => RespaldoError::YaExiste(destino.to_owned()),
            _ => disco(destino, causa.into()),
        },
    )?;
    let carpeta = match destino.parent() {
        Some(carpeta) if !carpeta.as_os_str().is_empty() => carpeta,
        _ => Path::new("."),
    };
    File::open(carpeta)
        .and_then(|carpeta| carpeta.sync_all())
        .map_err(|causa| disco(carpeta, causa))
}

async fn abrir(ruta: &Path) -> Result<SqliteConnection, Error> {
    SqliteConnectOptions::new()
        .filename(ruta)
        .read_only(true)
        .busy_timeout(ESPERA_MAX)
        .disable_statement_logging()
        .connect()
        .await
}

/// It is the folder that is not there: the file is to be made.
fn sin_lugar(causa: &io::Error) -> String {
    match causa.kind() {
        io::ErrorKind::NotFound => "su carpeta no existe".to_owned(),
        _ => sistema::motivo(causa),
    }
}

fn disco(ruta: &Path, causa: io::Error) -> RespaldoError {
    RespaldoError::Disco {
        ruta: ruta.to_owned(),
        causa,
    }
}
