//! The DEALER loop: one task, one socket, one endpoint.
//!
//! Used by actors (towards cargas and almacenamientos) and by our own clients. Nothing is
//! queued for an endpoint that is not connected: what cannot be sent at once is reported, so
//! that "certainly not sent" is knowledge and not a guess.

mod servidor;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod vigia;

use std::time::Duration;

use futures::StreamExt;
use tmq::{AsZmqSocket, FromZmqSocket};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::net::client::servidor::Servidor;
use crate::net::client::vigia::{callar, monitor};
use crate::net::curve::Dominio;
use crate::net::llega;
use crate::net::socket::{Contexto, NetError, dealer};

/// Messages taken or sent before the loop lets others run.
const RAFAGA_TRAMAS: usize = 64;

/// Messages that may wait for the loop: it drains them at once, so this holds one burst.
const COLA_TRAMAS: usize = 1024;

/// How long libzmq may take, after a connection fell, to say that it tries again, or to take
/// frames for one that stands. When the other end broke the protocol it never does: the link
/// would be dead for good, whoever listens there afterwards.
const ABANDONO: Duration = Duration::from_secs(2);

/// What happened on a link.
#[derive(Debug)]
pub enum Suceso {
    /// Frames arrived, one for each message; a leading empty delimiter is dropped.
    Tramas(Vec<Vec<u8>>),
    /// The endpoint accepted the connection.
    Conectado,
    /// The connection ended.
    Desconectado,
    /// These were certainly not sent: the numbers given to [`Enlace::enviar`].
    SinEnviar(Vec<u64>),
}

/// A frame to send, and the numbers of what is in it.
struct Envio {
    ids: Vec<u64>,
    trama: Vec<u8>,
}

/// The near end of a link. When it is dropped, the link closes.
pub struct Enlace {
    cola: mpsc::Sender<Envio>,
    pulso: Option<watch::Sender<Vec<u8>>>,
    tarea: JoinHandle<()>,
}

impl Enlace {
    /// Sends a frame, or reports its `ids` as [`Suceso::SinEnviar`]; when even the queue is
    /// full they come back at once.
    ///
    /// # Errors
    /// The `ids`, certainly not sent.
    pub fn enviar(&self, ids: Vec<u64>, trama: Vec<u8>) -> Result<(), Vec<u64>> {
        self.cola
            .try_send(Envio { ids, trama })
            .map_err(|error| error.into_inner().ids)
    }

    /// From now on this is the beat, also towards whoever takes the connection later. Nothing
    /// for a link without heartbeat.
    pub fn latir_con(&self, trama: Vec<u8>) {
        if let Some(pulso) = &self.pulso {
            pulso.send_replace(trama);
        }
    }
}

impl Drop for Enlace {
    fn drop(&mut self) {
        self.tarea.abort();
    }
}

/// How a link is made.
pub struct Destino<'a> {
    /// `tcp://host:port`.
    pub extremo: &'a str,
    /// Which door of the other node that is.
    pub dominio: Dominio,
    /// Largest frame taken, in bytes.
    pub trama_bytes_max: usize,
    /// The beat, sent every period; none for links that have no heartbeat.
    pub latido: Option<(Duration, Vec<u8>)>,
}

/// Connects and starts the link's task. `al_suceder` is called from it: must not block.
///
/// # Errors
/// [`NetError`] when the address is not one.
pub fn conectar(
    contexto: &Contexto,
    destino: Destino<'_>,
    al_suceder: impl FnMut(Suceso) + 'static,
) -> Result<Enlace, NetError> {
    let Destino {
        extremo,
        dominio,
        trama_bytes_max,
        latido,
    } = destino;
    let extremo = Extremo {
        contexto: contexto.clone(),
        direccion: extremo.to_owned(),
        dominio,
        trama_bytes_max,
    };
    let (socket, vigia) = extremo.abrir()?;
    let (cola, envios) = mpsc::channel(COLA_TRAMAS);
    let servidor = extremo.servidor();
    let bucle = Bucle {
        socket,
        vigia,
        extremo,
        servidor,
        rehusado: false,
        conectado: false,
        abandono: None,
        rehecho: false,
        al_suceder,
    };
    let (periodo, trama) = latido.unzip();
    let (pulso, oido) = trama.map(watch::channel).unzip();
    let tarea = actix_rt::spawn(bucle.correr(envios, periodo.zip(oido)));
    Ok(Enlace { cola, pulso, tarea })
}

/// Where a link goes.
struct Extremo {
    contexto: Contexto,
    direccion: String,
    dominio: Dominio,
    trama_bytes_max: usize,
}

impl Extremo {
    /// A socket on its way there, and what tells of its connection.
    fn abrir(&self) -> Result<(tmq::dealer::Dealer, tmq::pair::Pair), NetError> {
        let socket = dealer(
            &self.contexto,
            &self.direccion,
            self.dominio,
            self.trama_bytes_max,
        )?;
        let vigia = monitor(&self.contexto, &socket)?;
        socket.connect(&self.direccion)?;
        Ok((tmq::dealer::Dealer::from_zmq_socket(socket)?, vigia))
    }

    /// The key that it must have now, if its door has keys.
    fn servidor(&self) -> Option<Servidor> {
        let llavero = self.contexto.llavero_de(self.dominio)?;
        Some(Servidor::nuevo(llavero, &self.direccion))
    }
}

struct Bucle<F: FnMut(Suceso)> {
    socket: tmq::dealer::Dealer,
    vigia: tmq::pair::Pair,
    extremo: Extremo,
    servidor: Option<Servidor>,
    /// A refused handshake was told.
    rehusado: bool,
    /// As far as libzmq has told.
    conectado: bool,
    /// When the socket is given up; see [`ABANDONO`].
    abandono: Option<Instant>,
    /// It was made anew and has heard nothing since: that is told once.
    rehecho: bool,
    al_suceder: F,
}

impl<F: FnMut(Suceso)> Drop for Bucle<F> {
    fn drop(&mut self) {
        callar(self.socket.get_socket());
    }
}

impl<F: FnMut(Suceso)> Bucle<F> {
    async fn correr(
        mut self,
        mut envios: mpsc::Receiver<Envio>,
        latido: Option<(Duration, watch::Receiver<Vec<u8>>)>,
    ) {
        let (periodo, pulso) = latido.unzip();
        // A link without heartbeat never asks this clock.
        let mut reloj = tokio::time::interval(periodo.unwrap_or(Duration::from_secs(3600)));
        reloj.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = reloj.tick(), if pulso.is_some() => {
                    if let Some(pulso) = &pulso {
                        self.latir(&pulso.borrow());
                    }
                }
                envio = envios.recv() => match envio {
                    None => return,
                    Some(primero) => self.vaciar(primero, &mut envios),
                },
                () = llega(self.abandono) => self.rehacer(),
                aviso = self.vigia.next() => match aviso {
                    Some(Ok(aviso)) => self.avisar(aviso.iter().next().map(|trama| &trama[..])),
                    _ => return,
                },
                mensaje = self.socket.next() => match mensaje {
                    None => return,
                    Some(Ok(mensaje)) => {
                        let primera = mensaje.iter().last().map(|trama| trama.to_vec());
                        self.recibir(primera);
                    }
                    // A signal came; the next look at the socket finds what is there.
                    Some(Err(tmq::TmqError::Zmq(zmq::Error::EINTR))) => {}
                    Some(Err(error)) => tracing::warn!(%error, "lectura de ZeroMQ fallida"),
                },
            }
            tokio::task::yield_now().await;
        }
    }

    /// Takes the place of a socket whose endpoint libzmq has given up.
    fn rehacer(&mut self) {
        self.abandono = None;
        let sana = self.socket.get_socket().get_events();
        if self.conectado && sana.is_ok_and(|sucesos| sucesos.contains(zmq::POLLOUT)) {
            return;
        }
        let extremo = &self.extremo.direccion;
        match self.extremo.abrir() {
            Ok((socket, vigia)) => {
                if !std::mem::replace(&mut self.rehecho, true) {
                    tracing::warn!(extremo, "un enlace no se recuperaba solo; se hace de nuevo");
                }
                callar(self.socket.get_socket());
                self.socket = socket;
                self.vigia = vigia;
                self.servidor = self.extremo.servidor();
                if std::mem::take(&mut self.conectado) {
                    (self.al_suceder)(Suceso::Desconectado);
                }
            }
            Err(error) => {
                tracing::error!(extremo, %error, "no se pudo hacer de nuevo un enlace");
                self.abandono = Some(Instant::now() + ABANDONO);
            }
        }
    }

    fn latir(&mut self, trama: &[u8]) {
        if !self.vigente() {
            return;
        }
        // Nobody there: the monitor and the missing answers tell it, a beat needs no report.
        self.mandar(trama);
    }

    /// Whether it went out. A connection that takes nothing for long is none.
    fn mandar(&mut self, trama: &[u8]) -> bool {
        let sale = self.socket.get_socket().send(trama, zmq::DONTWAIT).is_ok();
        if self.conectado {
            let plazo = || Instant::now() + ABANDONO;
            self.abandono = (!sale).then(|| self.abandono.unwrap_or_else(plazo));
        }
        sale
    }

    fn vaciar(&mut self, primero: Envio, envios: &mut mpsc::Receiver<Envio>) {
        self.enviar(primero);
        for _ in 1..RAFAGA_TRAMAS {
            match envios.try_recv() {
                Ok(envio) => self.enviar(envio),
                Err(_) => break,
            }
        }
    }

    fn enviar(&mut self, envio: Envio) {
        if !self.vigente() || !self.mandar(&envio.trama) {
            (self.al_suceder)(Suceso::SinEnviar(envio.ids));
        }
    }

    /// The monitor's first frame is the event's number (u16) and a value.
    fn avisar(&mut self, trama: Option<&[u8]>) {
        let Some([bajo, alto, ..]) = trama else {
            return;
        };
        let suceso = u16::from_le_bytes([*bajo, *alto]);
        if suceso == zmq::SocketEvent::HANDSHAKE_SUCCEEDED.to_raw() {
            self.conectado = true;
            self.abandono = None;
            (self.al_suceder)(Suceso::Conectado);
        } else if suceso == zmq::SocketEvent::CONNECT_RETRIED.to_raw() {
            self.abandono = None;
        } else if suceso == zmq::SocketEvent::DISCONNECTED.to_raw() {
            self.conectado = false;
            self.abandono = Some(Instant::now() + ABANDONO);
            (self.al_suceder)(Suceso::Desconectado);
        } else if !std::mem::replace(&mut self.rehusado, true) {
            let extremo = &self.extremo.direccion;
            tracing::warn!(
                extremo,
                "el saludo falló: una de las dos partes no acepta la clave de la otra, o solo una las usa"
            );
        }
    }

    /// Whether the endpoint is still who it was when the link was made: one whose key was
    /// retired may hold its connection, and is neither heard nor spoken to.
    fn vigente(&mut self) -> bool {
        let extremo = &self.extremo.direccion;
        self.servidor
            .as_mut()
            .is_none_or(|servidor| servidor.vigente(extremo))
    }

    fn recibir(&mut self, primera: Option<Vec<u8>>) {
        let mut tramas: Vec<Vec<u8>> = primera.into_iter().collect();
        while tramas.len() < RAFAGA_TRAMAS {
            match self.socket.get_socket().recv_multipart(zmq::DONTWAIT) {
                Ok(mut partes) => tramas.extend(partes.pop()),
                Err(_) => break,
            }
        }
        self.rehecho = false;
        if self.vigente() {
            (self.al_suceder)(Suceso::Tramas(tramas));
        }
    }
}
