//! A plain client, as any language would write one: a DEALER or a REQ, and JSON.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub struct Cliente {
    socket: zmq::Socket,
    _contexto: zmq::Context,
}

impl Cliente {
    pub fn dealer(puerto: u16) -> Self {
        Self::nuevo(puerto, zmq::DEALER)
    }

    pub fn req(puerto: u16) -> Self {
        Self::nuevo(puerto, zmq::REQ)
    }

    /// A REQ that sends a number with each request and drops an answer without it.
    pub fn req_que_correlaciona(puerto: u16) -> Self {
        Self::con(puerto, zmq::REQ, |socket| {
            socket.set_req_correlate(true).unwrap();
            socket.set_req_relaxed(true).unwrap();
        })
    }

    fn nuevo(puerto: u16, tipo: zmq::SocketType) -> Self {
        Self::con(puerto, tipo, |_| {})
    }

    fn con(puerto: u16, tipo: zmq::SocketType, ajustar: impl Fn(&zmq::Socket)) -> Self {
        let contexto = zmq::Context::new();
        let socket = contexto.socket(tipo).unwrap();
        ajustar(&socket);
        socket.set_linger(0).unwrap();
        socket.set_rcvtimeo(10_000).unwrap();
        socket
            .connect(&format!("tcp://127.0.0.1:{puerto}"))
            .unwrap();
        Self {
            socket,
            _contexto: contexto,
        }
    }

    /// A DEALER that waits no longer than this for an answer.
    pub fn con_espera(puerto: u16, espera: Duration) -> Self {
        let cliente = Self::nuevo(puerto, zmq::DEALER);
        cliente
            .socket
            .set_rcvtimeo(i32::try_from(espera.as_millis()).unwrap())
            .unwrap();
        cliente
    }

    /// Asks once; none when there is no answer in time.
    pub fn intentar(&self, solicitud: &Value) -> Option<Value> {
        self.enviar(solicitud);
        let marcos = self.socket.recv_multipart(0).ok()?;
        Some(serde_json::from_slice(marcos.last()?).unwrap())
    }

    pub fn enviar(&self, solicitud: &Value) {
        self.socket
            .send(solicitud.to_string().as_bytes(), 0)
            .unwrap();
    }

    pub fn enviar_crudo(&self, marcos: &[&[u8]]) {
        self.socket.send_multipart(marcos, 0).unwrap();
    }

    /// Whether the frames went out: a connection that broke the protocol is never made again.
    pub fn intentar_crudo(&self, marcos: &[&[u8]]) -> bool {
        let hay_sitio = self.socket.poll(zmq::POLLOUT, 2_000).unwrap() != 0;
        hay_sitio && self.socket.send_multipart(marcos, zmq::DONTWAIT).is_ok()
    }

    pub fn recibir(&self) -> Value {
        let marcos = self
            .socket
            .recv_multipart(0)
            .expect("an answer within 10 s");
        serde_json::from_slice(marcos.last().unwrap()).unwrap()
    }

    /// An answer that has arrived already.
    pub fn recibir_si_hay(&self) -> Option<Value> {
        let marcos = self.marcos_si_hay()?;
        Some(serde_json::from_slice(marcos.last()?).unwrap())
    }

    /// The frames of an answer that has arrived already.
    pub fn marcos_si_hay(&self) -> Option<Vec<Vec<u8>>> {
        self.socket.recv_multipart(zmq::DONTWAIT).ok()
    }

    pub fn recibir_marcos(&self) -> Vec<Vec<u8>> {
        self.socket
            .recv_multipart(0)
            .expect("an answer within 10 s")
    }

    pub fn nada_por(&self, espera: Duration) -> bool {
        self.socket
            .poll(zmq::POLLIN, i64::try_from(espera.as_millis()).unwrap())
            .unwrap()
            == 0
    }

    pub fn pedir(&self, solicitud: &Value) -> Value {
        self.enviar(solicitud);
        self.recibir()
    }

    /// Repeats under the same op_id until there is a decision, as the contract tells clients
    /// to; the deadline is the test's.
    pub fn decidir(&self, solicitud: &Value) -> Value {
        let limite = Instant::now() + Duration::from_secs(30);
        loop {
            let respuesta = self.pedir(solicitud);
            if ["CONFIRMADO", "RECHAZADO"].contains(&respuesta["estado"].as_str().unwrap()) {
                return respuesta;
            }
            assert!(Instant::now() < limite, "never decided: {respuesta}");
        }
    }
}

pub fn prestamo(isbn: &str, usuario: &str, op_id: &str) -> Value {
    json!({"operacion": "prestamo", "isbn": isbn, "usuario": usuario, "op_id": op_id})
}

pub fn devolucion(isbn: &str, usuario: &str, op_id: &str) -> Value {
    json!({"operacion": "devolucion", "isbn": isbn, "usuario": usuario, "op_id": op_id, "modo": "sincrono"})
}

pub fn consulta(isbn: &str) -> Value {
    json!({"operacion": "consulta", "isbn": isbn})
}
