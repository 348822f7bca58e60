//! The ROUTER loop: one task owns the socket, a [`Puerta`] decides what arrives means.
//!
//! Used by the carga (clients, work) and by the almacenamiento. It never blocks on a peer: a
//! peer that does not read loses its own answers, and one that has gone is reported.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tmq::{AsZmqSocket, FromZmqSocket, Multipart};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::net::socket::{Contexto, NetError, Publico, router};

/// Messages taken from the socket, or sent, before the loop lets others run.
const RAFAGA_TRAMAS: usize = 64;

/// A peer's routing id: drawn by ZeroMQ for each connection, meaningless afterwards.
pub type Par = Arc<[u8]>;

/// What came from a peer, without its routing id.
#[derive(Debug)]
pub struct Entrada {
    /// Who sent it.
    pub par: Par,
    /// The frames; at least one.
    pub tramas: Vec<Vec<u8>>,
}

/// What goes to a peer.
#[derive(Debug)]
pub struct Salida {
    /// To whom.
    pub par: Par,
    /// Whether an empty frame goes before it, as a REQ socket expects.
    pub delimitada: bool,
    /// Whether it answers an admitted request, whose place becomes free.
    pub libera: bool,
    /// The message.
    pub trama: Vec<u8>,
}

/// What stands behind a ROUTER. Called from the socket's task: must not block or await.
pub trait Puerta {
    /// A burst arrived; what is pushed to `inmediatas` is sent at once.
    fn recibir(&mut self, entradas: Vec<Entrada>, inmediatas: &mut Vec<Salida>);
    /// Once a period.
    fn latir(&mut self, inmediatas: &mut Vec<Salida>);
    /// An answer with `libera` was sent or lost: its place is free.
    fn liberar(&mut self, par: &Par);
    /// The peer has gone.
    fn ausente(&mut self, par: &Par);
}

/// How a server listens.
#[derive(Debug, Clone, Copy)]
pub struct Escucha<'a> {
    /// `tcp://host:port`.
    pub extremo: &'a str,
    /// Who connects.
    pub publico: Publico,
    /// Largest frame, in bytes; a peer that sends a larger one is disconnected.
    pub trama_bytes_max: usize,
    /// Period of [`Puerta::latir`].
    pub latido: Duration,
}

/// Binds the socket and starts its task; answers the address that it really got. The task
/// ends when every sender of `salidas` is gone.
///
/// # Errors
/// [`NetError`] when the address cannot be bound.
pub fn servir(
    contexto: &Contexto,
    escucha: Escucha<'_>,
    puerta: impl Puerta + 'static,
    salidas: mpsc::Receiver<Salida>,
) -> Result<(String, JoinHandle<()>), NetError> {
    let (socket, real) = router(
        contexto,
        escucha.extremo,
        escucha.publico,
        escucha.trama_bytes_max,
    )?;
    let socket = tmq::router::Router::from_zmq_socket(socket)?;
    let bucle = Bucle {
        socket,
        puerta,
        inmediatas: Vec::new(),
    };
    let tarea = actix_rt::spawn(bucle.correr(salidas, escucha.latido));
    Ok((real, tarea))
}

struct Bucle<P> {
    socket: tmq::router::Router,
    puerta: P,
    inmediatas: Vec<Salida>,
}

impl<P: Puerta> Bucle<P> {
    async fn correr(mut self, mut salidas: mpsc::Receiver<Salida>, latido: Duration) {
        let mut reloj = tokio::time::interval(latido);
        reloj.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = reloj.tick() => self.puerta.latir(&mut self.inmediatas),
                salida = salidas.recv() => match salida {
                    None => return,
                    Some(primera) => self.vaciar(primera, &mut salidas),
                },
                mensaje = self.socket.next() => match mensaje {
                    None => return,
                    Some(mensaje) => self.recibir(mensaje),
                },
            }
            for salida in std::mem::take(&mut self.inmediatas) {
                self.enviar(salida);
            }
            tokio::task::yield_now().await;
        }
    }

    fn vaciar(&mut self, primera: Salida, salidas: &mut mpsc::Receiver<Salida>) {
        self.enviar(primera);
        for _ in 1..RAFAGA_TRAMAS {
            match salidas.try_recv() {
                Ok(salida) => self.enviar(salida),
                Err(_) => break,
            }
        }
    }

    fn recibir(&mut self, primero: tmq::Result<Multipart>) {
        let mut entradas = Vec::new();
        match primero {
            Ok(mensaje) => entradas.extend(entrada(mensaje.iter().map(|trama| trama.to_vec()))),
            // A signal came; the next look at the socket finds what is there.
            Err(tmq::TmqError::Zmq(zmq::Error::EINTR)) => {}
            Err(error) => tracing::warn!(%error, "lectura de ZeroMQ fallida"),
        }
        while entradas.len() < RAFAGA_TRAMAS {
            match self.socket.get_socket().recv_multipart(zmq::DONTWAIT) {
                Ok(tramas) => entradas.extend(entrada(tramas.into_iter())),
                Err(_) => break,
            }
        }
        if !entradas.is_empty() {
            self.puerta.recibir(entradas, &mut self.inmediatas);
        }
    }

    fn enviar(&mut self, salida: Salida) {
        let Salida {
            par,
            delimitada,
            libera,
            trama,
        } = salida;
        let socket = self.socket.get_socket();
        let enviado = if delimitada {
            socket.send_multipart([&par[..], &[], &trama[..]], zmq::DONTWAIT)
        } else {
            socket.send_multipart([&par[..], &trama[..]], zmq::DONTWAIT)
        };
        if libera {
            self.puerta.liberar(&par);
        }
        match enviado {
            Ok(()) => {}
            Err(zmq::Error::EHOSTUNREACH) => self.puerta.ausente(&par),
            Err(error) => tracing::debug!(%error, "el par no lee; su mensaje se pierde"),
        }
    }
}

/// A message is a routing id and at least one frame.
fn entrada(mut tramas: impl Iterator<Item = Vec<u8>>) -> Option<Entrada> {
    let par = Par::from(tramas.next()?);
    let tramas: Vec<Vec<u8>> = tramas.collect();
    (!tramas.is_empty()).then_some(Entrada { par, tramas })
}
