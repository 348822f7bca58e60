//! Where this process meets the operating system in front of a person: its errors in Spanish,
//! and standard output and standard error ([`salida`]).
//!
//! Called by whoever writes an error that a user reads. It never decides what an error means.

pub mod salida;

use std::io::{Error, ErrorKind};

/// How the standard library begins when no name server knows a host: there is no kind for it.
const SIN_NOMBRE: &str = "failed to lookup address information";

/// Linux's numbers for what the standard library has no kind for.
const EIO: i32 = 5;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// An error of the operating system in Spanish. One that this program made says its own words;
/// one without words keeps its number.
#[must_use]
pub fn motivo(error: &Error) -> String {
    let dicho = match error.kind() {
        ErrorKind::NotFound => "no existe",
        ErrorKind::PermissionDenied => "no hay permiso",
        ErrorKind::AlreadyExists => "ya existe",
        ErrorKind::IsADirectory => "es una carpeta",
        ErrorKind::NotADirectory => "una parte de la ruta no es una carpeta",
        ErrorKind::InvalidFilename => "ese nombre de archivo no vale",
        ErrorKind::StorageFull => "no queda espacio en el disco",
        ErrorKind::QuotaExceeded => "se agotó la cuota de disco",
        ErrorKind::ReadOnlyFilesystem => "el disco es de solo lectura",
        ErrorKind::FileTooLarge => "el archivo es demasiado grande",
        ErrorKind::ResourceBusy => "está en uso",
        ErrorKind::OutOfMemory => "no queda memoria",
        ErrorKind::ConnectionRefused => "rechaza la conexión",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => "la conexión se cortó",
        ErrorKind::NotConnected => "no hay conexión",
        ErrorKind::BrokenPipe => "quien leía se fue",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            "no hay camino hasta ese equipo"
        }
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "no respondió a tiempo",
        ErrorKind::AddrInUse => "otro proceso ya usa esa dirección",
        ErrorKind::AddrNotAvailable => "esa dirección no es de este equipo",
        ErrorKind::UnexpectedEof => "se acabó antes de tiempo",
        ErrorKind::InvalidData if error.get_ref().is_none() => "no es texto UTF-8",
        _ => return sin_clase(error),
    };
    dicho.to_owned()
}

fn sin_clase(error: &Error) -> String {
    match error.raw_os_error() {
        Some(EIO) => "el disco no lee o no escribe".to_owned(),
        Some(ENFILE | EMFILE) => "hay demasiados archivos abiertos".to_owned(),
        Some(numero) => format!("error {numero} del sistema"),
        None => {
            let dicho = error.to_string();
            if dicho.starts_with(SIN_NOMBRE) {
                "nadie conoce ese nombre".to_owned()
            } else {
                dicho
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::net::ToSocketAddrs;

    use super::*;

    #[test]
    fn what_the_system_says_is_said_in_spanish() {
        let carpeta = tempfile::tempdir().unwrap();
        let (nada, archivo) = (carpeta.path().join("nada"), carpeta.path().join("archivo"));
        fs::write(&archivo, [0xff, b'\n']).unwrap();
        let leer = |ruta| fs::read_to_string(ruta).unwrap_err();
        assert_eq!(motivo(&leer(nada.as_path())), "no existe");
        assert_eq!(motivo(&leer(carpeta.path())), "es una carpeta");
        assert_eq!(motivo(&leer(&archivo)), "no es texto UTF-8");
        let dentro = leer(&archivo.join("x"));
        assert!(motivo(&dentro).ends_with("no es una carpeta"));
        let numero = Error::from_raw_os_error;
        assert_eq!(motivo(&numero(EIO)), "el disco no lee o no escribe");
        assert_eq!(motivo(&numero(111)), "rechaza la conexión");
        assert_eq!(motivo(&numero(125)), "error 125 del sistema");
    }

    #[test]
    fn a_name_that_nobody_knows_is_said_so_and_words_of_ours_stay() {
        let error = ("nadie.invalid", 80).to_socket_addrs().unwrap_err();
        assert_eq!(motivo(&error), "nadie conoce ese nombre");
        assert_eq!(motivo(&Error::other("no hay hilos")), "no hay hilos");
    }
}
