//! The ZAP handler: decides every handshake of the process's CURVE sockets, and keeps the
//! allow-list fresh.
//!
//! A thread of its own, so that no load of the node holds up who comes in or, worse, keeps a
//! retired key in. It is bound before any CURVE socket; without it libzmq lets everybody in
//! and the guardia's check of each message is what is left, so its end is the process's end.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::net::curve::Dominio;
use crate::net::curve::clave::ClavePublica;
use crate::net::curve::llavero::Llavero;
use crate::net::socket::{Contexto, NetError};

/// Where libzmq asks; fixed by ZeroMQ's RFC 27.
const ZAP: &str = "inproc://zeromq.zap.01";
/// The one version of that protocol.
const ZAP_VERSION: &[u8] = b"1.0";

/// How often the list's file is read: a retired key is out within 2 s, guardia's beat included.
const RELECTURA: Duration = Duration::from_millis(500);
/// Longest sleep of the thread: what its end may hold up the end of the process.
const SUENO_MS: i64 = 50;

/// Refused keys that are remembered, so that each is told once and not every 100 ms.
const DICHAS_MAX: usize = 256;

/// The running handler; it ends when this is dropped.
pub struct Portero {
    parar: Arc<AtomicBool>,
    hilo: Option<JoinHandle<()>>,
}

impl Drop for Portero {
    fn drop(&mut self) {
        self.parar.store(true, Ordering::Relaxed);
        if let Some(hilo) = self.hilo.take() {
            // Its panic was told through the other half of `abrir`.
            let _ = hilo.join();
        }
    }
}

/// Binds the handler and starts its thread, when the context has keys. The receiver ends when
/// the thread does, however it does.
///
/// # Errors
/// [`NetError`] when the handler's address can't be had.
pub fn abrir(contexto: &Contexto) -> Result<Option<(Portero, oneshot::Receiver<()>)>, NetError> {
    let Some(llavero) = contexto.llavero() else {
        return Ok(None);
    };
    let socket = contexto.contexto().socket(zmq::SocketType::REP)?;
    socket.set_linger(0)?;
    socket.bind(ZAP)?;
    let parar = Arc::new(AtomicBool::new(false));
    let (vivo, muerto) = oneshot::channel();
    let bucle = Bucle {
        socket,
        llavero: Arc::clone(llavero),
        dichas: HashSet::new(),
        averiada: false,
    };
    let para = Arc::clone(&parar);
    let hilo = std::thread::Builder::new()
        .name("portero".to_owned())
        .spawn(move || {
            let _vivo: oneshot::Sender<()> = vivo;
            bucle.correr(&para);
        })
        .map_err(NetError::Hilo)?;
    let portero = Portero {
        parar,
        hilo: Some(hilo),
    };
    Ok(Some((portero, muerto)))
}

struct Bucle {
    socket: zmq::Socket,
    llavero: Arc<Llavero>,
    dichas: HashSet<(String, &'static str)>,
    averiada: bool,
}

impl Bucle {
    fn correr(mut self, parar: &AtomicBool) {
        let mut leida = Instant::now();
        while !parar.load(Ordering::Relaxed) {
            if leida.elapsed() >= RELECTURA {
                self.releer();
                leida = Instant::now();
            }
            match self.socket.poll(zmq::POLLIN, SUENO_MS) {
                Ok(0) | Err(zmq::Error::EINTR) => {}
                Ok(_) => self.atender(),
                Err(error) => {
                    tracing::error!(%error, "el portero no puede oír");
                    return;
                }
            }
        }
    }

    fn releer(&mut self) {
        match self.llavero.releer() {
            Ok(cambio) => {
                if cambio {
                    tracing::info!("cambió la lista de claves autorizadas");
                    self.dichas.clear();
                }
                self.averiada = false;
            }
            Err(error) if !self.averiada => {
                self.averiada = true;
                tracing::error!(%error, "la lista de claves no se puede leer; vale la anterior");
            }
            Err(_) => {}
        }
    }

    /// One question, one answer: a REP socket.
    fn atender(&mut self) {
        let Ok(pregunta) = self.socket.recv_multipart(zmq::DONTWAIT) else {
            return;
        };
        let numero = pregunta.get(1).cloned().unwrap_or_default();
        let quien = self.decidir(&pregunta);
        let (estado, texto, quien) = match &quien {
            Some(clave) => ("200", "OK", clave.as_str()),
            None => ("400", "clave no autorizada", ""),
        };
        let respuesta: [&[u8]; 6] = [
            ZAP_VERSION,
            &numero,
            estado.as_bytes(),
            texto.as_bytes(),
            quien.as_bytes(),
            b"",
        ];
        if let Err(error) = self.socket.send_multipart(respuesta, 0) {
            tracing::error!(%error, "el portero no pudo responder");
        }
    }

    /// The key, when it may come in.
    fn decidir(&mut self, pregunta: &[Vec<u8>]) -> Option<ClavePublica> {
        let [version, _, dominio, direccion, _, mecanismo, credencial, ..] = pregunta else {
            return None;
        };
        if version != ZAP_VERSION || mecanismo != b"CURVE" {
            return None;
        }
        let dominio = Dominio::de_palabra(dominio)?;
        let clave = ClavePublica::de_bytes(credencial)?;
        if self.llavero.admite(clave.as_str(), dominio).is_some() {
            return Some(clave);
        }
        let dicha = (clave.as_str().to_owned(), dominio.palabra());
        if self.dichas.len() < DICHAS_MAX && self.dichas.insert(dicha) {
            let desde = String::from_utf8_lossy(direccion);
            let puerta = dominio.palabra();
            tracing::warn!(%clave, %desde, puerta, "clave no autorizada para esta puerta");
        }
        None
    }
}
