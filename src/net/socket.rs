//! Sockets with every option set: none of libzmq's defaults is safe for all of our uses.

use std::net::ToSocketAddrs;

use zmq::{Context, Socket, SocketType};

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

/// The process's ZeroMQ context; cheap to clone.
#[derive(Clone)]
pub struct Contexto(Context);

impl Contexto {
    /// A new one, with a single I/O thread: ample for links that batch.
    #[must_use]
    pub fn nuevo() -> Self {
        Self(Context::new())
    }

    pub(super) fn contexto(&self) -> &Context {
        &self.0
    }
}

/// Who is at the other end of a ROUTER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publico {
    /// Plain clients: small frames, many of them.
    Clientes,
    /// Our own nodes.
    Nodos,
}

/// A bound ROUTER and the address that it really got.
pub(super) fn router(
    contexto: &Contexto,
    extremo: &str,
    publico: Publico,
    trama_bytes_max: usize,
) -> Result<(Socket, String), NetError> {
    let socket = contexto.0.socket(SocketType::ROUTER)?;
    let hwm = match publico {
        Publico::Clientes => CLIENTES_RCVHWM_TRAMAS,
        Publico::Nodos => NODOS_HWM_TRAMAS,
    };
    comunes(&socket, extremo, hwm, trama_bytes_max)?;
    if publico == Publico::Clientes {
        socket.set_sndhwm(CLIENTES_SNDHWM_TRAMAS)?;
    }
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
    trama_bytes_max: usize,
) -> Result<Socket, NetError> {
    let socket = contexto.0.socket(SocketType::DEALER)?;
    comunes(&socket, extremo, NODOS_HWM_TRAMAS, trama_bytes_max)?;
    socket.set_immediate(true)?;
    socket.set_reconnect_ivl(RECONEXION_MS.0)?;
    socket.set_reconnect_ivl_max(RECONEXION_MS.1)?;
    socket.set_connect_timeout(3_000)?;
    Ok(socket)
}

/// A bound PUB: a news feed that nobody has to listen to.
pub(super) fn publicador(contexto: &Contexto, extremo: &str) -> Result<Socket, NetError> {
    let socket = contexto.0.socket(SocketType::PUB)?;
    comunes(&socket, extremo, NODOS_HWM_TRAMAS, 4096)?;
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

fn direccion(socket: &Socket, pedida: &str) -> String {
    match socket.get_last_endpoint() {
        Ok(Ok(real)) => real,
        _ => pedida.to_owned(),
    }
}
