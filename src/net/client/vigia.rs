//! What tells of a socket's connection.

use std::sync::atomic::{AtomicU64, Ordering};

use tmq::FromZmqSocket;

use crate::net::socket::{Contexto, NetError};

/// An address of this process alone that no monitor has had.
fn direccion() -> String {
    static SIGUIENTE: AtomicU64 = AtomicU64::new(0);
    let numero = SIGUIENTE.fetch_add(1, Ordering::Relaxed);
    format!("inproc://vigia-{numero}")
}

/// Makes libzmq tell of connections made and lost.
pub(super) fn monitor(
    contexto: &Contexto,
    socket: &zmq::Socket,
) -> Result<tmq::pair::Pair, NetError> {
    let suya = direccion();
    let sucesos = zmq::SocketEvent::DISCONNECTED.to_raw()
        | zmq::SocketEvent::CONNECT_RETRIED.to_raw()
        | zmq::SocketEvent::HANDSHAKE_SUCCEEDED.to_raw()
        | zmq::SocketEvent::HANDSHAKE_FAILED_PROTOCOL.to_raw()
        | zmq::SocketEvent::HANDSHAKE_FAILED_AUTH.to_raw();
    socket.monitor(&suya, i32::from(sucesos))?;
    let par = contexto.contexto().socket(zmq::SocketType::PAIR)?;
    par.set_linger(0)?;
    par.connect(&suya)?;
    Ok(tmq::pair::Pair::from_zmq_socket(par)?)
}

/// libzmq sends a monitor's events with a blocking send from its only I/O thread: one that
/// nobody reads any more stops every socket of the process for ever, and its end too
/// (zeromq/libzmq#3575). So the monitor goes silent before its reader closes; the binding
/// cannot pass the null address that means "none", but a second monitor ends the first, and
/// one of no events never sends.
pub(super) fn callar(socket: &zmq::Socket) {
    if let Err(error) = socket.monitor(&direccion(), 0) {
        tracing::error!(%error, "no se pudo callar el vigía de un enlace");
    }
}
