//! A pair of CURVE keys and the file that has it.
//!
//! The file is the certificate format of the ZeroMQ guide, so that a plain client in another
//! language loads the same one (`zmq.auth.load_certificate` in Python). The secret half is
//! never shown, logged or copied.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::sistema;

/// Characters of a key as people write it (Z85).
const CLAVE_CARACTERES: usize = 40;
/// Bytes of a key.
const CLAVE_BYTES: usize = 32;
/// The alphabet of ZeroMQ's RFC 32.
const Z85: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// What is wrong with keys; `Display` is Spanish, it reaches the administrator.
#[derive(Debug, thiserror::Error)]
pub enum ClaveError {
    /// A file can't be read or written.
    #[error("{ruta}: {causa}", ruta = .0.display(), causa = motivo(.1))]
    Archivo(PathBuf, io::Error),
    /// Others than its owner may read or write it.
    #[error("{ruta}: otros usuarios del equipo pueden {1} este archivo (permisos {2:03o}); corríjalo con: chmod {3} {ruta}", ruta = .0.display())]
    Permisos(PathBuf, &'static str, u32, &'static str),
    /// It is no file of ours.
    #[error("{ruta}: {1}", ruta = .0.display())]
    Contenido(PathBuf, String),
    /// Not a key.
    #[error("'{0}' no es una clave pública: son 40 caracteres, o el archivo que la tiene")]
    Texto(String),
    /// Two entries, or a missing one.
    #[error("{0}")]
    Lista(String),
    /// libzmq was built without it.
    #[error(
        "hay claves configuradas (seguridad.claves) y la biblioteca libzmq de este equipo no sabe CURVE: instale libzmq5 de Debian"
    )]
    SinCurve,
}

fn motivo(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AlreadyExists => "ya existe y no se sobrescribe".to_owned(),
        _ => sistema::motivo(error),
    }
}

/// Names a file in what went wrong with it.
pub(super) fn en(ruta: &Path) -> impl FnOnce(io::Error) -> ClaveError {
    let ruta = ruta.to_owned();
    move |error| ClaveError::Archivo(ruta, error)
}

/// A public key, as its 40 characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClavePublica(String);

impl ClavePublica {
    /// Reads the 40 characters.
    ///
    /// # Errors
    /// [`ClaveError::Texto`].
    pub fn parse(texto: &str) -> Result<Self, ClaveError> {
        let texto = texto.trim();
        match binaria(texto) {
            Some(_) => Ok(Self(texto.to_owned())),
            None => Err(ClaveError::Texto(texto.chars().take(60).collect())),
        }
    }

    /// From the bytes of a handshake.
    #[must_use]
    pub fn de_bytes(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == CLAVE_BYTES)
            .then(|| zmq::z85_encode(bytes).ok())
            .flatten()
            .map(Self)
    }

    /// The 40 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for ClavePublica {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClavePublica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClavePublica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The bytes of a key. Our own reading: the binding's takes wrong characters for a key, and
/// loses memory at every call, while the list is read twice a second.
fn binaria(texto: &str) -> Option<Vec<u8>> {
    if texto.len() != CLAVE_CARACTERES {
        return None;
    }
    let mut bytes = Vec::with_capacity(CLAVE_BYTES);
    for grupo in texto.as_bytes().chunks(5) {
        let numero = grupo.iter().try_fold(0_u32, |suma, letra| {
            let valor = Z85.iter().position(|suya| suya == letra)?;
            suma.checked_mul(85)?
                .checked_add(u32::try_from(valor).ok()?)
        })?;
        bytes.extend(numero.to_be_bytes());
    }
    Some(bytes)
}

/// A pair; its secret half never leaves this type but into a socket or its own file.
#[derive(Clone)]
pub struct ParDeClaves {
    publica: ClavePublica,
    secreta: String,
}

impl fmt::Debug for ParDeClaves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParDeClaves({})", self.publica)
    }
}

impl ParDeClaves {
    /// Draws one.
    ///
    /// # Errors
    /// [`ClaveError::SinCurve`].
    pub fn nuevo() -> Result<Self, ClaveError> {
        exigir_curve()?;
        let par = zmq::CurveKeyPair::new().map_err(|_| ClaveError::SinCurve)?;
        let texto = |bytes: &[u8]| zmq::z85_encode(bytes).map_err(|_| ClaveError::SinCurve);
        Ok(Self {
            publica: ClavePublica(texto(&par.public_key)?),
            secreta: texto(&par.secret_key)?,
        })
    }

    /// Reads the file of a pair; only its owner may be able to.
    ///
    /// # Errors
    /// [`ClaveError`].
    pub fn leer(ruta: &Path) -> Result<Self, ClaveError> {
        let texto = std::fs::read_to_string(ruta).map_err(en(ruta))?;
        let permisos = permisos(ruta)?;
        if permisos & 0o077 != 0 {
            let ruta = ruta.to_owned();
            return Err(ClaveError::Permisos(ruta, "leer", permisos, "600"));
        }
        let mal = |falta: &str| ClaveError::Contenido(ruta.to_owned(), format!("falta {falta}"));
        let publica = campo(&texto, "public-key").ok_or_else(|| mal("public-key"))?;
        let secreta = campo(&texto, "secret-key")
            .filter(|secreta| binaria(secreta).is_some())
            .ok_or_else(|| mal("secret-key"))?;
        Ok(Self {
            publica: ClavePublica::parse(publica)?,
            secreta: secreta.to_owned(),
        })
    }

    /// Writes the pair to a new file that only its owner reads, and its public half beside it
    /// (`.publica`), for others to authorize. Their paths.
    ///
    /// # Errors
    /// [`ClaveError::Archivo`]; a file that is there is never overwritten.
    pub fn guardar(&self, ruta: &Path) -> Result<PathBuf, ClaveError> {
        if let Some(carpeta) = ruta.parent() {
            std::fs::create_dir_all(carpeta).map_err(en(carpeta))?;
        }
        let publica = format!("curve\n    public-key = \"{}\"\n", self.publica);
        let par = format!("{publica}    secret-key = \"{}\"\n", self.secreta);
        escribir_nuevo(ruta, 0o600, &par)?;
        let al_lado = ruta.with_extension("publica");
        escribir_nuevo(&al_lado, 0o644, &publica)?;
        Ok(al_lado)
    }

    /// The public half.
    #[must_use]
    pub const fn publica(&self) -> &ClavePublica {
        &self.publica
    }

    /// Makes the socket a server of this pair, whose door is `dominio`.
    pub(in crate::net) fn servir(
        &self,
        socket: &zmq::Socket,
        dominio: &str,
    ) -> Result<(), zmq::Error> {
        socket.set_curve_server(true)?;
        socket.set_curve_secretkey(&bytes(&self.secreta)?)?;
        socket.set_zap_domain(dominio)
    }

    /// Makes the socket a client of this pair, to that server.
    pub(in crate::net) fn pedir(
        &self,
        socket: &zmq::Socket,
        servidor: &ClavePublica,
    ) -> Result<(), zmq::Error> {
        socket.set_curve_serverkey(&bytes(&servidor.0)?)?;
        socket.set_curve_publickey(&bytes(&self.publica.0)?)?;
        socket.set_curve_secretkey(&bytes(&self.secreta)?)
    }
}

fn bytes(clave: &str) -> Result<Vec<u8>, zmq::Error> {
    binaria(clave).ok_or(zmq::Error::EINVAL)
}

/// The public key that a person gave: its characters, or a file of ours that has it.
///
/// # Errors
/// [`ClaveError`].
pub fn publica_de(texto: &str) -> Result<ClavePublica, ClaveError> {
    let ruta = Path::new(texto);
    if binaria(texto.trim()).is_some() || !ruta.is_file() {
        return ClavePublica::parse(texto);
    }
    let contenido = std::fs::read_to_string(ruta).map_err(en(ruta))?;
    campo(&contenido, "public-key").map_or_else(
        || {
            let causa = "no tiene ninguna public-key".to_owned();
            Err(ClaveError::Contenido(ruta.to_owned(), causa))
        },
        ClavePublica::parse,
    )
}

/// Whether this PC's libzmq has CURVE.
///
/// # Errors
/// [`ClaveError::SinCurve`].
pub fn exigir_curve() -> Result<(), ClaveError> {
    match zmq::has("curve") {
        Some(true) => Ok(()),
        _ => Err(ClaveError::SinCurve),
    }
}

pub(super) fn permisos(ruta: &Path) -> Result<u32, ClaveError> {
    let datos = std::fs::metadata(ruta).map_err(en(ruta))?;
    Ok(datos.permissions().mode() & 0o777)
}

fn campo<'a>(texto: &'a str, nombre: &str) -> Option<&'a str> {
    texto.lines().find_map(|linea| {
        let valor = linea.trim().strip_prefix(nombre)?.trim_start();
        Some(valor.strip_prefix('=')?.trim().trim_matches('"'))
    })
}

fn escribir_nuevo(ruta: &Path, modo: u32, texto: &str) -> Result<(), ClaveError> {
    let mut archivo: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(modo)
        .open(ruta)
        .map_err(en(ruta))?;
    archivo
        .write_all(texto.as_bytes())
        .and_then(|()| archivo.sync_all())
        .map_err(en(ruta))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_reads_back_and_its_file_is_its_owners_alone() {
        let carpeta = tempfile::tempdir().unwrap();
        let ruta = carpeta.path().join("claves/nodo.clave");
        let par = ParDeClaves::nuevo().unwrap();
        let publica = par.guardar(&ruta).unwrap();
        assert_eq!(permisos(&ruta).unwrap(), 0o600);
        assert_eq!(ParDeClaves::leer(&ruta).unwrap().publica(), par.publica());
        let al_lado = std::fs::read_to_string(&publica).unwrap();
        assert!(!al_lado.contains(&par.secreta));
        assert_eq!(
            &publica_de(publica.to_str().unwrap()).unwrap(),
            par.publica()
        );
        assert!(matches!(par.guardar(&ruta), Err(ClaveError::Archivo(..))));
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let carpeta = tempfile::tempdir().unwrap();
        let ruta = carpeta.path().join("nodo.clave");
        ParDeClaves::nuevo().unwrap().guardar(&ruta).unwrap();
        for modo in [0o604, 0o640] {
            std::fs::set_permissions(&ruta, std::fs::Permissions::from_mode(modo)).unwrap();
            let dicho = ParDeClaves::leer(&ruta).unwrap_err().to_string();
            assert!(dicho.contains("chmod 600"), "{dicho}");
        }
    }

    #[test]
    fn the_bytes_of_a_key_are_those_that_its_text_was_made_of() {
        let bytes: Vec<u8> = (0..32).map(|numero| numero * 8 + 7).collect();
        let clave = ClavePublica::de_bytes(&bytes).unwrap();
        assert_eq!(binaria(clave.as_str()), Some(bytes));
    }

    #[test]
    fn what_is_no_key_is_told() {
        for texto in ["", "corta", "ñ", &"\u{7f}".repeat(40), &"~".repeat(40)] {
            assert!(ClavePublica::parse(texto).is_err(), "{texto}");
        }
    }
}
