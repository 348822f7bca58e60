//! The one way in which this program writes for whoever started it: results to standard
//! output, everything else to standard error. Nothing here panics, whatever became of either.
//!
//! Called by `main`, every verb and the report of a solicitante. A reader that has gone, as
//! `| head` does, is no failure: what is left to say is said to nobody. A full device is one.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use crate::sistema::motivo;

/// Whether somebody reads what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lector {
    /// Somebody may.
    Sigue,
    /// Nobody does any more.
    SeFue,
}

/// The results cannot be written; `Display` is the Spanish sentence for the user.
#[derive(Debug, thiserror::Error)]
#[error("no se puede escribir el resultado: {}", motivo(.0))]
pub struct SinSalida(io::Error);

/// Writes a line of results, or several, to standard output.
///
/// # Errors
/// [`SinSalida`] when it takes no more; never because its reader has gone.
pub fn decir(texto: impl Display) -> Result<Lector, SinSalida> {
    escribir(&mut io::stdout().lock(), texto)
}

/// The same to any output.
///
/// # Errors
/// As [`decir`].
pub fn escribir(salida: &mut dyn Write, texto: impl Display) -> Result<Lector, SinSalida> {
    match writeln!(salida, "{texto}").and_then(|()| salida.flush()) {
        Ok(()) => Ok(Lector::Sigue),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Lector::SeFue),
        Err(error) => Err(SinSalida(error)),
    }
}

/// Writes to standard error; if that is gone too there is nobody left to tell.
pub fn avisar(texto: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{texto}");
}
