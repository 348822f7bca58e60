//! The DEALER loop: one task, one socket, one endpoint.
//!
//! Used by actors (towards cargas and almacenamientos) and by our own clients. Nothing is
//! queued for an endpoint that is not connected: what cannot be sent at once is reported, so
//! that "certainly not sent" is knowledge and not a guess.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use tmq::{AsZmqSocket, FromZmqSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::net::curve::Dominio;
use crate::net::curve::clave::ClavePublica;
use crate::net::curve::lista::Lista;
use crate::net::curve::llavero::Llavero;
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
    let servidor = contexto
        .llavero_de(dominio)
        .map(|llavero| Servidor::nuevo(llavero, &extremo.direccion));
    let bucle = Bucle {
        socket,
        vigia,
        extremo,
        servidor,
        rehusado: false,
        conectado: false,
        abandono: None,
        al_suceder,
    };
    let tarea = actix_rt::spawn(bucle.correr(envios, latido));
    Ok(Enlace { cola, tarea })
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
}

/// An address of this process alone that no monitor has had.
fn direccion_de_vigia() -> String {
    static SIGUIENTE: AtomicU64 = AtomicU64::new(0);
    let numero = SIGUIENTE.fetch_add(1, Ordering::Relaxed);
    format!("inproc://vigia-{numero}")
}

/// Makes libzmq tell of connections made and lost.
fn monitor(contexto: &Contexto, socket: &zmq::Socket) -> Result<tmq::pair::Pair, NetError> {
    let direccion = direccion_de_vigia();
    let sucesos = zmq::SocketEvent::DISCONNECTED.to_raw()
        | zmq::SocketEvent::CONNECT_RETRIED.to_raw()
        | zmq::SocketEvent::HANDSHAKE_SUCCEEDED.to_raw()
        | zmq::SocketEvent::HANDSHAKE_FAILED_PROTOCOL.to_raw()
        | zmq::SocketEvent::HANDSHAKE_FAILED_AUTH.to_raw();
    socket.monitor(&direccion, i32::from(sucesos))?;
    let par = contexto.contexto().socket(zmq::SocketType::PAIR)?;
    par.set_linger(0)?;
    par.connect(&direccion)?;
    Ok(tmq::pair::Pair::from_zmq_socket(par)?)
}

/// The key that an endpoint must have, where its door has keys.
struct Servidor {
    llavero: Arc<Llavero>,
    clave: Option<ClavePublica>,
    /// The list that it was last looked for in.
    lista: Arc<Lista>,
    vale: bool,
}

impl Servidor {
    fn nuevo(llavero: &Arc<Llavero>, extremo: &str) -> Self {
        Self {
            llavero: Arc::clone(llavero),
            clave: llavero.servidor(extremo),
            lista: llavero.lista(),
            vale: true,
        }
    }

    fn vigente(&mut self, extremo: &str) -> bool {
        let lista = self.llavero.lista();
        if !Arc::ptr_eq(&lista, &self.lista) {
            self.lista = lista;
            self.vale = self.llavero.servidor(extremo) == self.clave;
        }
        self.vale
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
    al_suceder: F,
}

impl<F: FnMut(Suceso)> Drop for Bucle<F> {
    fn drop(&mut self) {
        self.callar();
    }
}

impl<F: FnMut(Suceso)> Bucle<F> {
    async fn correr(
        mut self,
        mut envios: mpsc::Receiver<Envio>,
        latido: Option<(Duration, Vec<u8>)>,
    ) {
        let (periodo, trama) = latido.unzip();
        // A link without heartbeat never asks this clock.
        let mut reloj = tokio::time::interval(periodo.unwrap_or(Duration::from_secs(3600)));
        reloj.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = reloj.tick(), if trama.is_some() => {
                    self.latir(trama.as_deref().unwrap_or_default());
                }
                envio = envios.recv() => match envio {
                    None => return,
                    Some(primero) => self.vaciar(primero, &mut envios),
                },
                () = tokio::time::sleep_until(self.abandono.unwrap_or_else(Instant::now)),
                    if self.abandono.is_some() => self.rehacer(),
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

    /// libzmq sends a monitor's events with a blocking send from its only I/O thread: one that
    /// nobody reads any more stops every socket of the process for ever, and its end too
    /// (zeromq/libzmq#3575). So the monitor goes silent before its reader closes; the binding
    /// cannot pass the null address that means "none", but a second monitor ends the first, and
    /// one of no events never sends.
    fn callar(&self) {
        let socket = self.socket.get_socket();
        if let Err(error) = socket.monitor(&direccion_de_vigia(), 0) {
            tracing::error!(%error, "no se pudo callar el vigía de un enlace");
        }
    }

    /// Takes the place of a socket whose endpoint libzmq has given up.
    fn rehacer(&mut self) {
        self.abandono = None;
        let extremo = &self.extremo.direccion;
        match self.extremo.abrir() {
            Ok((socket, vigia)) => {
                tracing::warn!(
                    extremo,
                    "el enlace se hace de nuevo: el otro lado lo rompió"
                );
                self.callar();
                self.socket = socket;
                self.vigia = vigia;
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
        if self.vigente() {
            (self.al_suceder)(Suceso::Tramas(tramas));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    fn enlazar(contexto: &Contexto, extremo: &str) -> (Enlace, mpsc::Receiver<Suceso>) {
        enlazar_con(contexto, extremo, None)
    }

    fn enlazar_con(
        contexto: &Contexto,
        extremo: &str,
        latido: Option<(Duration, Vec<u8>)>,
    ) -> (Enlace, mpsc::Receiver<Suceso>) {
        let (entrada, sucesos) = mpsc::channel(64);
        let destino = Destino {
            extremo,
            dominio: Dominio::Clientes,
            trama_bytes_max: 1024,
            latido,
        };
        let enlace = conectar(contexto, destino, move |suceso| {
            let _ = entrada.try_send(suceso);
        });
        (enlace.unwrap(), sucesos)
    }

    /// Links to an endpoint that hangs up at once, dropped at every moment of its doing so.
    #[actix_rt::test]
    async fn links_dropped_while_their_connection_falls_leave_the_others_alive() {
        let contexto = Contexto::nuevo();
        // A context whose I/O thread is stuck cannot end: a failure must be told all the same.
        std::mem::forget(contexto.clone());
        let oyente = TcpListener::bind("127.0.0.1:0").unwrap();
        let cuelga = format!("tcp://{}", oyente.local_addr().unwrap());
        std::thread::spawn(move || oyente.incoming().for_each(drop));
        for vueltas in 0..200 {
            let (enlace, _sucesos) = enlazar(&contexto, &cuelga);
            for _ in 0..vueltas % 40 {
                tokio::task::yield_now().await;
            }
            drop(enlace);
            tokio::task::yield_now().await;
        }
        let router = contexto.contexto().socket(zmq::SocketType::ROUTER).unwrap();
        router.bind("tcp://127.0.0.1:*").unwrap();
        let extremo = router.get_last_endpoint().unwrap().unwrap();
        let (_enlace, mut sucesos) = enlazar(&contexto, &extremo);
        let suceso = tokio::time::timeout(Duration::from_secs(10), sucesos.recv()).await;
        assert!(matches!(suceso, Ok(Some(Suceso::Conectado))), "{suceso:?}");
    }

    const LATIDO: &[u8] = b"que late";

    /// A ROUTER's side of the handshake (ZMTP 3.0, mechanism NULL), and then, at once or after
    /// the first beat, a frame that is larger than any socket takes.
    fn enganar(mut conexion: TcpStream, tras_latido: bool) -> std::io::Result<()> {
        let mut saludo = [0; 64];
        saludo[0] = 0xff;
        saludo[9] = 0x7f;
        saludo[10] = 3;
        saludo[12..16].copy_from_slice(b"NULL");
        let listo = b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06ROUTER";
        let enorme = b"\x02\0\0\0\0\x7f\xff\xff\xff";
        if !tras_latido {
            return conexion.write_all(&[&saludo[..], listo, enorme].concat());
        }
        conexion.write_all(&[&saludo[..], listo].concat())?;
        let mut oido = Vec::new();
        while !oido.ends_with(LATIDO) {
            let mut octeto = [0];
            conexion.read_exact(&mut octeto)?;
            oido.extend(octeto);
        }
        conexion.write_all(enorme)
    }

    #[rstest::rstest]
    #[case::in_its_first_words(false)]
    #[case::later(true)]
    #[actix_rt::test]
    async fn a_link_outlives_a_peer_that_breaks_the_protocol(#[case] tras_latido: bool) {
        let contexto = Contexto::nuevo();
        let oyente = TcpListener::bind("127.0.0.1:0").unwrap();
        let extremo = format!("tcp://{}", oyente.local_addr().unwrap());
        let tramposo = std::thread::spawn(move || {
            let conexion = oyente.accept().unwrap().0;
            enganar(conexion.try_clone().unwrap(), tras_latido).map(|()| conexion)
        });
        let latido = Some((Duration::from_millis(20), LATIDO.to_vec()));
        let (_enlace, _sucesos) = enlazar_con(&contexto, &extremo, latido);
        let rota = tokio::task::spawn_blocking(|| tramposo.join().unwrap().unwrap());
        drop(rota.await.unwrap());
        let router = contexto.contexto().socket(zmq::SocketType::ROUTER).unwrap();
        router.bind(&extremo).unwrap();
        let late = tokio::task::spawn_blocking(move || router.poll(zmq::POLLIN, 30_000));
        assert_eq!(late.await.unwrap(), Ok(1), "no beat came");
    }
}
