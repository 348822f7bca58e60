//! What the solicitante needs of the network: links to a fixed list of cargas.
//!
//! Implemented over `net`, and by fakes in tests. It never repeats a send by itself: the
//! retry budget is the only one that does.

use futures::future::BoxFuture;

/// Certainly nothing was sent: there is no live link to that carga now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no hay enlace vivo con la carga")]
pub struct SinEnlace;

/// What comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Llegada {
    /// One frame of a carga.
    Trama {
        /// Which carga, from 0.
        carga: usize,
        /// Its payload.
        bytes: Vec<u8>,
    },
    /// The link to a carga fell: what was sent to it may or may not have arrived. Optional:
    /// without it the death of a carga is noticed by silence.
    Caida {
        /// Which carga, from 0.
        carga: usize,
    },
}

/// Links to the cargas of `solicitante.cargas`, numbered from 0 in that order.
pub trait Enlace: Send {
    /// How many cargas there are; at least one.
    fn cargas(&self) -> usize;

    /// Hands one frame to the link of a carga and returns without waiting for its answer.
    /// Given up when it takes longer than an attempt, and then counts as perhaps sent.
    fn enviar(&mut self, carga: usize, texto: String) -> BoxFuture<'_, Result<(), SinEnlace>>;

    /// The next thing that comes in, from any carga. Dropping the future must lose nothing.
    /// Pending, not spinning, while all links are down.
    fn recibir(&mut self) -> BoxFuture<'_, Llegada>;
}
