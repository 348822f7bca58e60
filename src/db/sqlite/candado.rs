//! Ownership of a database file: an flock on `<db>.candado`, freed by the kernel when its
//! holder dies. The database file itself is never opened here: closing any descriptor of it
//! would drop SQLite's own locks.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::db::Fallo;
use crate::sistema::motivo;

/// Held for the life of a store.
#[derive(Debug)]
pub struct Candado {
    _archivo: File,
}

impl Candado {
    /// Takes the lock of the database at `base` or says at once that another has it.
    /// Makes missing folders.
    ///
    /// # Errors
    /// [`Fallo::Ocupada`] when another process, or another store of this one, holds it;
    /// [`Fallo::Inservible`] when the folder cannot be written.
    pub fn tomar(base: &Path) -> Result<Self, Fallo> {
        let archivo = abrir(base)?;
        match archivo.try_lock() {
            Ok(()) => Ok(Self { _archivo: archivo }),
            Err(TryLockError::WouldBlock) => Err(Fallo::Ocupada),
            Err(TryLockError::Error(causa)) => Err(sin_acceso(base, &causa)),
        }
    }
}

/// Waits until the lock of the database at `base` is free and takes it, for a standby that
/// then opens the store with it. The wait has a thread of its own, as it may last for days;
/// of a dropped future the thread goes on waiting, and frees the lock at once when it gets it.
///
/// # Errors
/// [`Fallo::Inservible`] when the folder cannot be written.
pub async fn esperar_candado(base: &Path) -> Result<Candado, Fallo> {
    let base = base.to_owned();
    let (aviso, espera) = tokio::sync::oneshot::channel();
    let sin_hilo = sin_acceso(&base, &io::Error::other("no se pudo crear un hilo"));
    std::thread::Builder::new()
        .name("candado".to_owned())
        .spawn(move || {
            let resultado = abrir(&base).and_then(|archivo| match archivo.lock() {
                Ok(()) => Ok(Candado { _archivo: archivo }),
                Err(causa) => Err(sin_acceso(&base, &causa)),
            });
            // Nobody waits any more: dropping the lock frees it.
            drop(aviso.send(resultado));
        })
        .map_err(|_| sin_hilo)?;
    espera.await.unwrap_or(Err(Fallo::Ocupada))
}

fn ruta(base: &Path) -> PathBuf {
    let mut nombre = base.as_os_str().to_owned();
    nombre.push(".candado");
    PathBuf::from(nombre)
}

fn abrir(base: &Path) -> Result<File, Fallo> {
    if let Some(carpeta) = base.parent() {
        fs::create_dir_all(carpeta).map_err(|causa| sin_acceso(base, &causa))?;
    }
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(ruta(base))
        .map_err(|causa| sin_acceso(base, &causa))
}

fn sin_acceso(base: &Path, causa: &io::Error) -> Fallo {
    Fallo::Inservible(format!(
        "no se puede usar {}: {}. Revise la ruta y los permisos de su carpeta",
        ruta(base).display(),
        motivo(causa)
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_turned_away_until_the_first_is_gone() {
        let carpeta = tempfile::tempdir().unwrap();
        let base = carpeta.path().join("nueva/carpeta/b.db");
        let primero = Candado::tomar(&base).unwrap();
        assert!(matches!(Candado::tomar(&base), Err(Fallo::Ocupada)));
        drop(primero);
        assert!(Candado::tomar(&base).is_ok());
    }

    #[tokio::test]
    async fn a_standby_wakes_when_the_owner_is_gone() {
        let carpeta = tempfile::tempdir().unwrap();
        let base = carpeta.path().join("b.db");
        let primero = Candado::tomar(&base).unwrap();
        let espera = esperar_candado(&base);
        tokio::pin!(espera);
        let pronto = tokio::time::timeout(std::time::Duration::from_millis(50), &mut espera);
        assert!(pronto.await.is_err(), "the owner still lives");
        drop(primero);
        let plazo = std::time::Duration::from_secs(5);
        assert!(tokio::time::timeout(plazo, espera).await.unwrap().is_ok());
    }
}
