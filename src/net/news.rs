//! The news feed: a PUB socket. Nothing depends on anybody listening, so what cannot be sent
//! at once is dropped.

use tokio::sync::mpsc;

use crate::net::socket::{Contexto, NetError, publicador};

/// News that may wait for the socket's task.
const COLA_NOTICIAS: usize = 1024;

/// Where news go in; never blocks, never fails.
#[derive(Clone)]
pub struct Noticias(mpsc::Sender<Vec<u8>>);

impl Noticias {
    /// Publishes one frame, or drops it when the feed is behind.
    pub fn publicar(&self, trama: Vec<u8>) {
        let _ = self.0.try_send(trama);
    }
}

/// Binds the feed and starts its task, which ends with the last [`Noticias`].
///
/// # Errors
/// [`NetError`] when the address cannot be bound.
pub fn abrir(contexto: &Contexto, extremo: &str) -> Result<Noticias, NetError> {
    let socket = publicador(contexto, extremo)?;
    let (entrada, mut salida) = mpsc::channel::<Vec<u8>>(COLA_NOTICIAS);
    actix_rt::spawn(async move {
        while let Some(trama) = salida.recv().await {
            let _ = socket.send(trama, zmq::DONTWAIT);
        }
    });
    Ok(Noticias(entrada))
}
