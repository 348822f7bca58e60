//! Looks at the database from beside, for `estado`: never through the writer or the readers,
//! so that an operation waits for no look.

use std::fs;
use std::path::{Path, PathBuf};

use crate::db::postgres::Vigilancia;
use crate::wire::base::{EstadoDeBase, EstadoDeServidor, Papel};

/// Room on the disk, in bytes, below which a person is told: what a large commit may add to
/// the WAL, which grows only while it is not written from its beginning again.
const SITIO_MIN_BYTES: u64 = 1024 * 1024;

/// Who looks. One look at a time; each ends within a few seconds whatever is dead.
pub enum Mirador {
    /// At an embedded database: its path.
    Archivo(PathBuf),
    /// At every server of the list.
    Servidores(Vigilancia),
}

impl Mirador {
    /// Whether there is a file to look at; of servers only a look can tell.
    #[must_use]
    pub fn hay_algo(&self) -> bool {
        match self {
            Self::Archivo(ruta) => ruta.exists(),
            Self::Servidores(_) => true,
        }
    }

    /// How the database is now.
    pub async fn mirar(&mut self) -> EstadoDeBase {
        match self {
            Self::Archivo(ruta) => EstadoDeBase {
                servidores: vec![archivo(ruta)],
                ..EstadoDeBase::default()
            },
            Self::Servidores(vigilancia) => vigilancia.mirar().await,
        }
    }
}

/// Sizes by name alone: opening the file but through SQLite would drop SQLite's locks.
fn archivo(ruta: &Path) -> EstadoDeServidor {
    let bytes = |ruta: &Path| fs::metadata(ruta).ok().map(|datos| datos.len());
    let mut wal = ruta.as_os_str().to_owned();
    wal.push("-wal");
    let tamano = bytes(ruta);
    let (papel, detalle) = match tamano {
        None => (Papel::Inalcanzable, "no está"),
        Some(_) if lleno(ruta) => (Papel::SinSitio, "el disco está casi lleno"),
        Some(_) => (Papel::Archivo, "un solo disco"),
    };
    EstadoDeServidor {
        nombre: ruta.display().to_string(),
        papel,
        linea: None,
        replicacion: None,
        bytes: tamano,
        wal_bytes: tamano.map(|_| bytes(Path::new(&wal)).unwrap_or(0)),
        detalle: detalle.to_owned(),
    }
}

/// Whether its disk has hardly any room.
fn lleno(ruta: &Path) -> bool {
    let carpeta = ruta.parent().filter(|carpeta| *carpeta != Path::new(""));
    let carpeta = carpeta.unwrap_or(Path::new("."));
    rustix::fs::statvfs(carpeta)
        .is_ok_and(|disco| disco.f_bavail.saturating_mul(disco.f_frsize) < SITIO_MIN_BYTES)
}
