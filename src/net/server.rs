//! The ROUTER loop: one task owns the socket, a [`Puerta`] decides what arrives means.
//!
//! Used by the carga (clients, work) and by the almacenamiento. It never blocks on a peer: a
//! peer that does not read loses its own answers, and one that has gone is reported.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use tmq::{AsZmqSocket, FromZmqSocket, Multipart};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::net::curve::guardia::Guardia;
use crate::net::curve::{Dominio, Quien};
use crate::net::llega;
use crate::net::socket::{Contexto, NetError, router};

/// Messages taken from the socket, or sent, before the loop lets others run.
const RAFAGA_TRAMAS: usize = 64;

/// Most frames of an envelope, the empty one included, and most bytes of each: a REQ socket's
/// number and the routing ids of a few proxies on the way.
const SOBRE_TRAMAS_MAX: usize = 4;
const SOBRE_TRAMA_BYTES_MAX: usize = 255;

/// A peer's routing id: drawn by ZeroMQ for each connection, meaningless afterwards.
pub type Par = Arc<[u8]>;

/// What came from a peer, without its routing id.
#[derive(Debug)]
pub struct Entrada {
    /// Who sent it.
    pub par: Par,
    /// What its key proved, where the door has keys.
    pub quien: Quien,
    /// The frames; at least one.
    pub tramas: Vec<Vec<u8>>,
}

/// What stood before a message's body, up to its first empty frame, and goes before the answer:
/// nothing from a DEALER, an empty frame from a REQ, its request's number before that from one
/// that correlates (`ZMQ_REQ_CORRELATE`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sobre(Vec<Vec<u8>>);

impl Sobre {
    /// Parts a message into its envelope and the rest. What is no envelope within the bounds is
    /// all of it body.
    #[must_use]
    pub fn separar(tramas: &[Vec<u8>]) -> (Self, &[Vec<u8>]) {
        let primeras = tramas.iter().take(SOBRE_TRAMAS_MAX).enumerate();
        let vacia = primeras
            .take_while(|(_, trama)| trama.len() <= SOBRE_TRAMA_BYTES_MAX)
            .find_map(|(lugar, trama)| trama.is_empty().then_some(lugar));
        match vacia.map(|lugar| tramas.split_at(lugar + 1)) {
            Some((sobre, resto)) if !resto.is_empty() => (Self(sobre.to_vec()), resto),
            _ => (Self::default(), tramas),
        }
    }
}

/// What goes to a peer.
#[derive(Debug)]
pub struct Salida {
    /// To whom.
    pub par: Par,
    /// What goes before it.
    pub sobre: Sobre,
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
    /// When it has something to say besides; looked at after everything that happens.
    fn proxima(&self) -> Option<Instant> {
        None
    }
    /// That instant has come.
    fn a_su_hora(&mut self, _inmediatas: &mut Vec<Salida>) {}
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
    /// Which door it is: who may come in, with keys.
    pub dominio: Dominio,
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
        escucha.dominio,
        escucha.trama_bytes_max,
    )?;
    let socket = tmq::router::Router::from_zmq_socket(socket)?;
    let guardia = contexto
        .llavero_de(escucha.dominio)
        .map(|llavero| Guardia::nueva(Arc::clone(llavero), escucha.dominio));
    let bucle = Bucle {
        socket,
        puerta,
        guardia,
        inmediatas: Vec::new(),
    };
    let tarea = actix_rt::spawn(bucle.correr(salidas, escucha.latido));
    Ok((real, tarea))
}

struct Bucle<P> {
    socket: tmq::router::Router,
    puerta: P,
    guardia: Option<Guardia>,
    inmediatas: Vec<Salida>,
}

impl<P: Puerta> Bucle<P> {
    async fn correr(mut self, mut salidas: mpsc::Receiver<Salida>, latido: Duration) {
        let mut reloj = tokio::time::interval(latido);
        reloj.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = reloj.tick() => self.latir(),
                salida = salidas.recv() => match salida {
                    None => return,
                    Some(primera) => self.vaciar(primera, &mut salidas),
                },
                () = llega(self.puerta.proxima().map(Into::into)) => self.puerta.a_su_hora(&mut self.inmediatas),
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

    fn latir(&mut self) {
        for par in self.guardia.iter_mut().flat_map(Guardia::retirados) {
            tracing::warn!("una clave retirada queda fuera");
            self.puerta.ausente(&par);
        }
        self.puerta.latir(&mut self.inmediatas);
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
            Ok(mensaje) => entradas.extend(self.entrada(mensaje.0)),
            // A signal came; the next look at the socket finds what is there.
            Err(tmq::TmqError::Zmq(zmq::Error::EINTR)) => {}
            Err(error) => tracing::warn!(%error, "lectura de ZeroMQ fallida"),
        }
        while entradas.len() < RAFAGA_TRAMAS {
            match mensaje(self.socket.get_socket()) {
                Ok(mensaje) => entradas.extend(self.entrada(mensaje)),
                Err(_) => break,
            }
        }
        if !entradas.is_empty() {
            self.puerta.recibir(entradas, &mut self.inmediatas);
        }
    }

    /// A message is a routing id and at least one frame; none when its key may not speak.
    fn entrada(&mut self, mut tramas: VecDeque<zmq::Message>) -> Option<Entrada> {
        let par = Par::from(&tramas.pop_front()?[..]);
        let quien = match &mut self.guardia {
            None => Quien::cualquiera(),
            Some(guardia) => {
                let clave = tramas.back_mut()?.gets("User-Id");
                guardia.entra(&par, clave)?
            }
        };
        let tramas: Vec<Vec<u8>> = tramas.iter().map(|trama| trama.to_vec()).collect();
        (!tramas.is_empty()).then_some(Entrada { par, quien, tramas })
    }

    fn enviar(&mut self, salida: Salida) {
        let Salida {
            par,
            sobre,
            libera,
            trama,
        } = salida;
        let vale = self
            .guardia
            .as_ref()
            .is_none_or(|guardia| guardia.sale(&par));
        let socket = self.socket.get_socket();
        let enviado = if !vale {
            // Its key was retired, or it has not spoken for longer than any answer takes.
            Err(zmq::Error::EHOSTUNREACH)
        } else {
            let mut tramas = vec![&par[..]];
            tramas.extend(sobre.0.iter().map(Vec::as_slice));
            tramas.push(&trama);
            socket.send_multipart(tramas, zmq::DONTWAIT)
        };
        if libera {
            self.puerta.liberar(&par);
        }
        match enviado {
            Ok(()) => {}
            Err(zmq::Error::EHOSTUNREACH) => {
                if let Some(guardia) = &mut self.guardia {
                    guardia.olvidar(&par);
                }
                self.puerta.ausente(&par);
            }
            Err(error) => tracing::debug!(%error, "el par no lee; su mensaje se pierde"),
        }
    }
}

/// One whole message, with what the handshake proved of its sender.
fn mensaje(socket: &zmq::Socket) -> Result<VecDeque<zmq::Message>, zmq::Error> {
    let mut tramas = VecDeque::with_capacity(3);
    loop {
        tramas.push_back(socket.recv_msg(zmq::DONTWAIT)?);
        if !tramas.back().is_some_and(zmq::Message::get_more) {
            return Ok(tramas);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_ends_at_the_first_empty_frame_and_has_bounds() {
        let largo = vec![b'x'; SOBRE_TRAMA_BYTES_MAX + 1];
        let casos: [(&[&[u8]], usize); 8] = [
            (&[b"{}"], 0),
            (&[b"", b"{}"], 1),
            (&[b"0001", b"", b"{}"], 2),
            (&[b"a", b"b", b"c", b"", b"{}"], 4),
            (&[b"a", b"b", b"c", b"d", b"", b"{}"], 0),
            (&[&largo, b"", b"{}"], 0),
            (&[b"", b"", b"{}"], 1),
            (&[b"{}", b""], 0),
        ];
        for (tramas, antes) in casos {
            let tramas: Vec<Vec<u8>> = tramas.iter().map(|trama| trama.to_vec()).collect();
            let (sobre, resto) = Sobre::separar(&tramas);
            assert_eq!(sobre.0, tramas[..antes]);
            assert_eq!(resto, &tramas[antes..]);
        }
    }

    /// Tells what it hears a moment later.
    #[derive(Default)]
    struct Tarda {
        por_decir: VecDeque<(Instant, Salida)>,
    }

    const TARDANZA: Duration = Duration::from_millis(20);

    impl Puerta for Tarda {
        fn recibir(&mut self, entradas: Vec<Entrada>, _: &mut Vec<Salida>) {
            let ahora = Instant::now();
            self.por_decir.extend(entradas.into_iter().map(|entrada| {
                let [trama] = <[Vec<u8>; 1]>::try_from(entrada.tramas).unwrap();
                let salida = Salida {
                    par: entrada.par,
                    sobre: Sobre::default(),
                    libera: false,
                    trama,
                };
                (ahora + TARDANZA, salida)
            }));
        }
        fn latir(&mut self, _: &mut Vec<Salida>) {}
        fn proxima(&self) -> Option<Instant> {
            self.por_decir.front().map(|(cuando, _)| *cuando)
        }
        fn a_su_hora(&mut self, inmediatas: &mut Vec<Salida>) {
            inmediatas.extend(self.por_decir.pop_front().map(|(_, salida)| salida));
        }
        fn liberar(&mut self, _: &Par) {}
        fn ausente(&mut self, _: &Par) {}
    }

    #[actix_rt::test]
    async fn what_waits_is_told_at_its_time() {
        let contexto = Contexto::nuevo();
        let escucha = Escucha {
            extremo: "tcp://127.0.0.1:*",
            dominio: Dominio::Clientes,
            trama_bytes_max: 1024,
            latido: Duration::from_secs(3600),
        };
        let (cola, salidas) = mpsc::channel(1);
        let (extremo, tarea) = servir(&contexto, escucha, Tarda::default(), salidas).unwrap();
        let cliente = contexto.contexto().socket(zmq::SocketType::DEALER).unwrap();
        cliente.set_rcvtimeo(10_000).unwrap();
        cliente.connect(&extremo).unwrap();
        let enviada = Instant::now();
        cliente.send("luego", 0).unwrap();
        let oido = tokio::task::spawn_blocking(move || cliente.recv_bytes(0));
        assert_eq!(oido.await.unwrap().as_deref(), Ok(&b"luego"[..]));
        assert!(enviada.elapsed() >= TARDANZA);
        drop(cola);
        tarea.await.unwrap();
    }
}
