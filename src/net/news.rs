//! The news feed: a PUB socket. Nothing depends on anybody listening, so what cannot be sent
//! at once is dropped.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::net::curve::Dominio;
use crate::net::curve::clave::ClavePublica;
use crate::net::curve::lista::Papel;
use crate::net::curve::llavero::Llavero;
use crate::net::socket::{Contexto, NetError, direccion, publicador};

/// News that may wait for the socket's task.
const COLA_NOTICIAS: usize = 1024;

/// How often the feed looks whether a listener's key was retired.
const MIRADA: Duration = Duration::from_millis(250);

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
    let (entrada, salida) = mpsc::channel::<Vec<u8>>(COLA_NOTICIAS);
    let oyentes = contexto.llavero_de(Dominio::Eventos).map(oyentes);
    let feed = Feed {
        contexto: contexto.clone(),
        // The port it got, where the system chose: it is opened again there.
        extremo: direccion(&socket, extremo),
        socket: Some(socket),
        oyentes: oyentes.unwrap_or_default(),
    };
    actix_rt::spawn(feed.correr(salida));
    Ok(Noticias(entrada))
}

/// The keys that may listen.
fn oyentes(llavero: &Arc<Llavero>) -> BTreeSet<ClavePublica> {
    let lista = llavero.lista();
    lista
        .todos()
        .into_iter()
        .filter(|uno| uno.papeles.contains(&Papel::Eventos))
        .map(|uno| uno.clave.clone())
        .collect()
}

struct Feed {
    contexto: Contexto,
    extremo: String,
    /// None while the address is waited for.
    socket: Option<zmq::Socket>,
    oyentes: BTreeSet<ClavePublica>,
}

impl Feed {
    async fn correr(mut self, mut salida: mpsc::Receiver<Vec<u8>>) {
        let mut reloj = tokio::time::interval(MIRADA);
        loop {
            tokio::select! {
                trama = salida.recv() => match trama {
                    None => return,
                    Some(trama) => {
                        if let Some(socket) = &self.socket {
                            let _ = socket.send(trama, zmq::DONTWAIT);
                        }
                    }
                },
                _ = reloj.tick() => self.mirar(),
            }
        }
    }

    /// libzmq can't drop one subscriber: when a key is retired the feed closes on all of them
    /// and opens again, and those who may listen come back by themselves.
    fn mirar(&mut self) {
        if let Some(llavero) = self.contexto.llavero_de(Dominio::Eventos) {
            let ahora = oyentes(llavero);
            if !self.oyentes.is_subset(&ahora)
                && let Some(socket) = self.socket.take()
            {
                let _ = socket.set_linger(0);
                let _ = socket.unbind(&self.extremo);
            }
            self.oyentes = ahora;
        }
        if self.socket.is_none() {
            match publicador(&self.contexto, &self.extremo) {
                Ok(socket) => self.socket = Some(socket),
                Err(error) => tracing::debug!(%error, "las noticias esperan su dirección"),
            }
        }
    }
}
