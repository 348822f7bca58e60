//! Frames between Rust nodes: one version byte, then bincode. The only file that names it.

use bincode::Options;

use crate::wire::mensaje::Mensaje;

/// Largest frame, in bytes (design §2); the sockets refuse a larger one unread.
pub const TRAMA_BYTES_MAX: usize = 64 * 1024;

/// First byte of every frame. A JSON text cannot begin with it, so one socket serves both.
pub const VERSION: u8 = 1;

/// Why a frame cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// No bytes at all.
    #[error("empty frame")]
    Vacia,
    /// Written by a version that this one does not read.
    #[error("frame of unknown version {0}")]
    Version(u8),
    /// Not a message of ours.
    #[error("unreadable frame: {0}")]
    Ilegible(#[from] bincode::Error),
}

fn formato() -> impl Options {
    bincode::DefaultOptions::new()
        .with_limit(TRAMA_BYTES_MAX as u64)
        .with_fixint_encoding()
        .reject_trailing_bytes()
}

/// Writes a message.
///
/// # Errors
/// [`CodecError::Ilegible`] when it would not fit [`TRAMA_BYTES_MAX`].
pub fn encode(mensaje: &Mensaje) -> Result<Vec<u8>, CodecError> {
    let mut trama = Vec::with_capacity(512);
    trama.push(VERSION);
    formato().serialize_into(&mut trama, mensaje)?;
    Ok(trama)
}

/// Reads a message. Never panics, whatever the bytes.
///
/// # Errors
/// [`CodecError`] says what is wrong with the frame.
pub fn decode(trama: &[u8]) -> Result<Mensaje, CodecError> {
    match trama.split_first() {
        None => Err(CodecError::Vacia),
        Some((&VERSION, cuerpo)) => Ok(formato().deserialize(cuerpo)?),
        Some((&otra, _)) => Err(CodecError::Version(otra)),
    }
}
