//! Sockets with every option set: none of libzmq's defaults is safe for all of our uses.

use std::net::ToSocketAddrs;
use std::sync::Arc;

use zmq::{Context, Socket, SocketType};

use crate::net::curve::Dominio;
use crate::net::curve::llavero::Llavero;
use crate::sistema;

/// Messages that may wait in a pipe of a link between nodes, each way. Credits bound what is
/// outstanding; this only has to hold the frames of one burst.
const NODOS_HWM_TRAMAS: i32 = 1024;

/// Requests that may wait from one client: what a connection may have unanswered, twice.
const CLIENTES_RCVHWM_TRAMAS: i32 = 2 * 512 + 64;

/// Answers that may wait for one client. More than its requests: one that sends thousands
/// before it reads gets as many answers at once, most of them `OCUPADO`, and none may be lost.
const CLIENTES_SNDHWM_TRAMAS: i32 = 16 * 512;

/// First and longest pause between attempts to reconnect, in ms.
const RECONEXION_MS: (i32, i32) = (100, 5_000);

/// ZeroMQ's own heartbeat, period and limit, in ms: finds half-open connections of peers
/// that do not speak our heartbeats.
const LATIDO_ZMQ_MS: (i32, i32) = (2_000, 6_000);

/// How long a closed socket goes on sending what it was given, in ms: the last answers of a
/// node that ends in order must arrive, and a peer that is gone must not hold it up.
const DESPEDIDA_MS: i32 = 500;

/// Longest handshake, in ms: a peer that connects and says nothing is dropped.
const SALUDO_MS: i32 = 5_000;

/// What a socket could not do; `Display` is Spanish, it reaches the operator.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The address cannot be listened on.
    #[error("no se puede escuchar en {extremo}: {}", motivo(*causa))]
    Escuchar {
        /// As configured.
        extremo: String,
        /// From libzmq.
        causa: zmq::Error,
    },
    /// Any other refusal of libzmq.
    #[error("ZeroMQ: {0}")]
    Zmq(#[from] zmq::Error),
    /// There are keys, and nobody said which one that server has.
    #[error(
        "no se sabe la clave de {0}: añada ese equipo a la lista con biblioteca claves autorizar CLAVE --nombre N --papeles P --en HOST"
    )]
    SinClaveDeServidor(String),
    /// The thread that decides handshakes.
    #[error("no se pudo empezar un hilo: {}", sistema::motivo(.0))]
    Hilo(std::io::Error),
    /// The runtime could not watch the socket.
    #[error("ZeroMQ: {0}")]
    Tmq(#[from] tmq::TmqError),
}

/// What an operator can do something about, in Spanish; the rest as libzmq says it.
fn motivo(causa: zmq::Error) -> &'static str {
    match causa {
        zmq::Error::EADDRINUSE => "otro proceso ya usa esa dirección",
        zmq::Error::ENODEV => "ese nombre no tiene dirección",
        zmq::Error::EADDRNOTAVAIL => "esa dirección no es de este equipo",
        zmq::Error::EACCES => "no hay permiso para ese puerto",
        otra => otra.message(),
    }
}

/// The process's ZeroMQ context, with its keys if it has any; cheap to clone.
#[derive(Clone)]
pub struct Contexto {
    contexto: Context,
    llavero: Option<Arc<Llavero>>,
}

impl Contexto {
    /// A new one without keys, with a single I/O thread: ample for links that batch.
    #[must_use]
    pub fn nuevo() -> Self {
        Self {
            contexto: Context::new(),
            llavero: None,
        }
    }

    /// A new one whose every TCP socket is encrypted, but for what the keys leave open. To
    /// listen, it needs a [`crate::net::curve::portero`] first.
    #[must_use]
    pub fn con_claves(llavero: Llavero) -> Self {
        Self {
            llavero: Some(Arc::new(llavero)),
            ..Self::nuevo()
        }
    }

    /// Another context of the same process: its own sockets and thread, the same keys.
    #[must_use]
    pub fn otro(&self) -> Self {
        Self {
            llavero: self.llavero.clone(),
            ..Self::nuevo()
        }
    }

    /// The keys of this process.
    #[must_use]
    pub const fn llavero(&self) -> Option<&Arc<Llavero>> {
        self.llavero.as_ref()
    }

    pub(super) const fn contexto(&self) -> &Context {
        &self.contexto
    }

    /// The keys of that door, when it has any.
    pub(super) fn llavero_de(&self, dominio: Dominio) -> Option<&Arc<Llavero>> {
        self.llavero
            .as_ref()
            .filter(|llavero| llavero.protege(dominio))
    }

    /// Checks that the key of each of these endpoints of that door is known, where it has one.
    ///
    /// # Errors
    /// [`NetError::SinClaveDeServidor`] names the first that is not.
    pub fn exigir_servidores<E: std::fmt::Display>(
        &self,
        dominio: Dominio,
        extremos: &[E],
    ) -> Result<(), NetError> {
        let Some(llavero) = self.llavero_de(dominio) else {
            return Ok(());
        };
        let desconocido = extremos
            .iter()
            .map(ToString::to_string)
            .find(|extremo| llavero.servidor(extremo).is_none());
        desconocido.map_or(Ok(()), |extremo| Err(NetError::SinClaveDeServidor(extremo)))
    }

    fn servir(&self, socket: &Socket, dominio: Dominio) -> Result<(), zmq::Error> {
        match self.llavero_de(dominio) {
            Some(llavero) => llavero.par().servir(socket, dominio.palabra()),
            None => Ok(()),
        }
    }
}

/// A bound ROUTER and the address that it really got.
pub(super) fn router(
    contexto: &Contexto,
    extremo: &str,
    dominio: Dominio,
    trama_bytes_max: usize,
) -> Result<(Socket, String), NetError> {
    let socket = contexto.contexto.socket(SocketType::ROUTER)?;
    // Plain clients: small frames, many of them.
    let de_clientes = dominio == Dominio::Clientes;
    let hwm = if de_clientes {
        CLIENTES_RCVHWM_TRAMAS
    } else {
        NODOS_HWM_TRAMAS
    };
    comunes(&socket, extremo, hwm, trama_bytes_max)?;
    if de_clientes {
        socket.set_sndhwm(CLIENTES_SNDHWM_TRAMAS)?;
    }
    contexto.servir(&socket, dominio)?;
    // A send to somebody who has gone is an error that we count, not a silent loss.
    socket.set_router_mandatory(true)?;
    socket.set_backlog(1024)?;
    escuchar(&socket, extremo)?;
    let real = direccion(&socket, extremo);
    Ok((socket, real))
}

/// A DEALER for one endpoint, not yet on its way: whoever wants to hear of the connection has
/// to listen before. It queues nothing while there is none.
pub(super) fn dealer(
    contexto: &Contexto,
    extremo: &str,
    dominio: Dominio,
    trama_bytes_max: usize,
) -> Result<Socket, NetError> {
    let socket = contexto.contexto.socket(SocketType::DEALER)?;
    comunes(&socket, extremo, NODOS_HWM_TRAMAS, trama_bytes_max)?;
    if let Some(llavero) = contexto.llavero_de(dominio) {
        let servidor = llavero
            .servidor(extremo)
            .ok_or_else(|| NetError::SinClaveDeServidor(extremo.to_owned()))?;
        llavero.par().pedir(&socket, &servidor)?;
    }
    socket.set_immediate(true)?;
    socket.set_reconnect_ivl(RECONEXION_MS.0)?;
    socket.set_reconnect_ivl_max(RECONEXION_MS.1)?;
    socket.set_connect_timeout(3_000)?;
    Ok(socket)
}

/// A bound PUB: a news feed that nobody has to listen to.
pub(super) fn publicador(contexto: &Contexto, extremo: &str) -> Result<Socket, NetError> {
    let socket = contexto.contexto.socket(SocketType::PUB)?;
    comunes(&socket, extremo, NODOS_HWM_TRAMAS, 4096)?;
    contexto.servir(&socket, Dominio::Eventos)?;
    escuchar(&socket, extremo)?;
    Ok(socket)
}

fn comunes(
    socket: &Socket,
    extremo: &str,
    hwm: i32,
    trama_bytes_max: usize,
) -> Result<(), zmq::Error> {
    socket.set_linger(DESPEDIDA_MS)?;
    socket.set_sndhwm(hwm)?;
    socket.set_rcvhwm(hwm)?;
    socket.set_maxmsgsize(i64::try_from(trama_bytes_max).unwrap_or(i64::MAX))?;
    socket.set_heartbeat_ivl(LATIDO_ZMQ_MS.0)?;
    socket.set_heartbeat_timeout(LATIDO_ZMQ_MS.1)?;
    socket.set_handshake_ivl(SALUDO_MS)?;
    // On for addresses in brackets only: else every IPv4 address would be told as `::ffff:…`.
    socket.set_ipv6(extremo.contains('['))?;
    Ok(())
}

/// libzmq listens on addresses and interfaces, not on names: those are looked up here.
fn escuchar(socket: &Socket, extremo: &str) -> Result<(), NetError> {
    let nombrado = |causa| NetError::Escuchar {
        extremo: extremo.to_owned(),
        causa,
    };
    match socket.bind(extremo) {
        Err(zmq::Error::ENODEV) => {
            let numerico = numerico(extremo).ok_or_else(|| nombrado(zmq::Error::ENODEV))?;
            socket.bind(&numerico).map_err(nombrado)
        }
        resultado => resultado.map_err(nombrado),
    }
}

/// The first IPv4 address of the name in `tcp://name:port`, else its first address.
fn numerico(extremo: &str) -> Option<String> {
    let direcciones = extremo.strip_prefix("tcp://")?.to_socket_addrs().ok()?;
    let mut direcciones: Vec<_> = direcciones.collect();
    direcciones.sort_by_key(|direccion| !direccion.is_ipv4());
    direcciones
        .first()
        .map(|direccion| format!("tcp://{direccion}"))
}

/// The address that a bound socket really has.
pub(super) fn direccion(socket: &Socket, pedida: &str) -> String {
    match socket.get_last_endpoint() {
        Ok(Ok(real)) => real,
        _ => pedida.to_owned(),
    }
}
