//! A desk: asks under one op_id, at one carga after the other, until it is decided, and
//! remembers what it was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::llaves::Llaves;

/// How long one attempt waits: the carga's own deadline, and the way.
const INTENTO_MS: i32 = 3_500;
/// Nothing in these tests keeps an operation undecided for longer.
const PACIENCIA: Duration = Duration::from_secs(60);

/// What a desk was told.
#[derive(Debug, Default)]
pub struct Libreta {
    /// Receipts of what was confirmed, as `auditar` reads them.
    pub confirmadas: Vec<Value>,
    /// op_ids that were refused.
    pub rechazadas: Vec<String>,
    /// Decisions that were an earlier attempt's.
    pub repetidas: usize,
    /// Attempts that ended DESCONOCIDO.
    pub desconocidas: usize,
    /// Attempts that nobody answered.
    pub silencios: usize,
    /// The longest wait for a decision.
    pub hueco: Duration,
}

/// Where a desk asks: address, and with keys the desk's and the public one of who is there.
#[derive(Clone)]
pub struct Puerta {
    pub extremo: String,
    pub llaves: Option<(Llaves, Vec<u8>)>,
}

impl Puerta {
    /// The same carga, reached through another address.
    pub fn por(&self, extremo: String) -> Self {
        Self {
            extremo,
            llaves: self.llaves.clone(),
        }
    }
}

pub struct Mostrador {
    cargas: Vec<zmq::Socket>,
    turno: usize,
    pub libreta: Libreta,
    _contexto: zmq::Context,
}

impl Mostrador {
    pub fn nuevo(cargas: &[Puerta]) -> Self {
        let contexto = zmq::Context::new();
        let sockets = cargas.iter().map(|carga| {
            let socket = contexto.socket(zmq::DEALER).unwrap();
            socket.set_linger(0).unwrap();
            socket.set_immediate(true).unwrap();
            socket.set_reconnect_ivl(50).unwrap();
            socket.set_reconnect_ivl_max(500).unwrap();
            socket.set_heartbeat_ivl(500).unwrap();
            socket.set_heartbeat_timeout(1_500).unwrap();
            socket.set_connect_timeout(1_000).unwrap();
            socket.set_sndtimeo(500).unwrap();
            if let Some((llaves, servidor)) = &carga.llaves {
                socket.set_curve_serverkey(servidor).unwrap();
                socket.set_curve_publickey(&llaves.publica).unwrap();
                socket.set_curve_secretkey(&llaves.secreta).unwrap();
            }
            socket.connect(&format!("tcp://{}", carga.extremo)).unwrap();
            socket
        });
        Self {
            cargas: sockets.collect(),
            turno: 0,
            libreta: Libreta::default(),
            _contexto: contexto,
        }
    }

    /// Whose turn is next.
    pub fn turno_a(&mut self, turno: usize) {
        self.turno = turno;
    }

    /// One attempt at the carga whose turn it is, sent `veces` times.
    pub fn intentar(&mut self, solicitud: &Value, veces: usize) -> Option<Value> {
        let socket = &self.cargas[self.turno % self.cargas.len()];
        let texto = solicitud.to_string();
        for _ in 0..veces {
            socket.send(texto.as_bytes(), 0).ok()?;
        }
        let hasta = Instant::now() + Duration::from_millis(INTENTO_MS as u64);
        while let Some(queda) = hasta.checked_duration_since(Instant::now()) {
            socket.set_rcvtimeo(queda.as_millis() as i32).unwrap();
            let marcos = socket.recv_multipart(0).ok()?;
            let respuesta: Value = serde_json::from_slice(marcos.last()?).unwrap();
            // A late answer to an earlier attempt is another operation's.
            if solicitud["op_id"].is_null() || respuesta["op_id"] == solicitud["op_id"] {
                return Some(respuesta);
            }
        }
        None
    }

    /// Until it is decided.
    pub fn decidir(&mut self, solicitud: &Value, veces: usize) -> Value {
        let desde = Instant::now();
        loop {
            let respuesta = self.intentar(solicitud, veces);
            let estado = respuesta
                .as_ref()
                .map_or("", |dicha| dicha["estado"].as_str().unwrap());
            let op_id = solicitud["op_id"].as_str().unwrap_or_default().to_owned();
            match estado {
                "CONFIRMADO" => {
                    let dicha = respuesta.as_ref().unwrap();
                    self.libreta.confirmadas.push(recibo(solicitud, dicha));
                }
                "RECHAZADO" => self.libreta.rechazadas.push(op_id),
                otro => {
                    self.libreta.desconocidas += usize::from(otro == "DESCONOCIDO");
                    self.libreta.silencios += usize::from(otro.is_empty());
                    self.turno += 1;
                    assert!(desde.elapsed() < PACIENCIA, "never decided: {respuesta:?}");
                    std::thread::sleep(Duration::from_millis(30));
                    continue;
                }
            }
            self.libreta.hueco = self.libreta.hueco.max(desde.elapsed());
            let respuesta = respuesta.unwrap();
            self.libreta.repetidas += usize::from(respuesta["repetida"] == true);
            return respuesta;
        }
    }
}

fn recibo(solicitud: &Value, dicha: &Value) -> Value {
    let fecha = &dicha["fechaOperacion"];
    json!({"op_id": dicha["op_id"], "operacion": solicitud["operacion"],
        "isbn": solicitud["isbn"], "ejemplar": null, "usuario": solicitud["usuario"],
        "estado": "CONFIRMADO", "codigo": null, "datos": dicha["datos"],
        "inicio": fecha, "fin": fecha, "intentos": 1})
}

/// A desk that lends and takes back, over and over, until it is told to close.
pub struct Abierto {
    cerrar: Arc<AtomicBool>,
    hilo: JoinHandle<Libreta>,
}

impl Abierto {
    pub fn nuevo(nombre: &str, cargas: &[Puerta], veces: usize) -> Self {
        let cerrar = Arc::new(AtomicBool::new(false));
        let (cierre, cargas, nombre) = (Arc::clone(&cerrar), cargas.to_vec(), nombre.to_owned());
        let hilo = std::thread::spawn(move || {
            let mut mostrador = Mostrador::nuevo(&cargas);
            let primero = if nombre.ends_with('b') { 201 } else { 1 };
            for numero in 0.. {
                if cierre.load(Ordering::Relaxed) {
                    break;
                }
                // Of every fifth seeded book the one copy may be lent; and no two desks meet.
                let libro = numero % 40;
                let isbn = format!("Libro{}", primero + libro + libro / 4);
                for operacion in ["prestamo", "devolucion"] {
                    let op_id = format!("{nombre}-{numero}-{operacion}");
                    mostrador.decidir(
                        &json!({"operacion": operacion, "isbn": isbn,
                        "usuario": nombre, "op_id": op_id, "modo": "sincrono"}),
                        veces,
                    );
                }
            }
            mostrador.libreta
        });
        Self { cerrar, hilo }
    }

    pub fn cerrar(self) -> Libreta {
        self.cerrar.store(true, Ordering::Relaxed);
        self.hilo.join().unwrap()
    }
}
