//! The client of `deploy/velocidad.sh`: one connection with so many requests under way, each
//! slot lending a book to a user of its own and returning it; loans and returns alternate, as
//! in the pgbench scripts beside it. What was not taken is asked for again at once, however long
//! it was told to wait: no client is worse. Prints one line of figures; the script makes the
//! table.
//!
//! Lean on purpose: it shares the cores with what it measures.

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// Longest latency told apart, in µs.
const LATENCIA_MAX_MICROS: u64 = 60_000_000;

/// Silence after which the run is over: nothing answers any more.
const SILENCIO_MS: i32 = 10_000;

/// Share of the time that is not counted, for connections and caches to warm up: a tenth.
const CALENTAMIENTO: u32 = 10;

/// One request under way at a time.
struct Turno {
    usuario: String,
    libro: u64,
    prestado: bool,
    numero: u64,
    enviada: Instant,
}

struct Corrida {
    socket: zmq::Socket,
    turnos: Vec<Turno>,
    libros: u64,
    modo: String,
    azar: u64,
}

impl Corrida {
    fn azar(&mut self) -> u64 {
        self.azar ^= self.azar << 13;
        self.azar ^= self.azar >> 7;
        self.azar ^= self.azar << 17;
        self.azar
    }

    /// The next operation of a slot.
    fn seguir(&mut self, lugar: usize) -> Result<(), zmq::Error> {
        let azar = self.azar();
        let turno = &mut self.turnos[lugar];
        if !turno.prestado {
            turno.libro = 1 + azar % self.libros;
        }
        turno.numero += 1;
        self.enviar(lugar)
    }

    fn enviar(&mut self, lugar: usize) -> Result<(), zmq::Error> {
        let turno = &mut self.turnos[lugar];
        let operacion = if turno.prestado {
            "devolucion"
        } else {
            "prestamo"
        };
        turno.enviada = Instant::now();
        let solicitud = format!(
            r#"{{"operacion":"{operacion}","isbn":"V{}","usuario":"{}","op_id":"{}-{}","modo":"{}","id":{lugar}}}"#,
            turno.libro, turno.usuario, turno.usuario, turno.numero, self.modo
        );
        self.socket.send(&solicitud, 0)
    }
}

fn correr(argumentos: &[String]) -> Result<String, Box<dyn std::error::Error>> {
    let [extremo, cuantos, segundos, libros, modo] = argumentos else {
        return Err("uso: disparos tcp://HOST:PUERTO EN_VUELO SEGUNDOS LIBROS MODO".into());
    };
    let contexto = zmq::Context::new();
    let socket = contexto.socket(zmq::DEALER)?;
    socket.set_sndhwm(0)?;
    socket.set_rcvhwm(0)?;
    socket.set_linger(0)?;
    socket.set_rcvtimeo(SILENCIO_MS)?;
    socket.connect(extremo)?;
    let cuantos: usize = cuantos.parse()?;
    let vida = std::process::id();
    let inicio = Instant::now();
    let mut corrida = Corrida {
        socket,
        turnos: (0..cuantos)
            .map(|n| Turno {
                usuario: format!("v{vida}-{n}"),
                libro: 0,
                prestado: false,
                numero: 0,
                enviada: inicio,
            })
            .collect(),
        libros: libros.parse()?,
        modo: modo.clone(),
        azar: 0x9E37_79B9_7F4A_7C15 ^ u64::from(vida),
    };
    for lugar in 0..cuantos {
        corrida.seguir(lugar)?;
    }
    let total = Duration::from_secs(segundos.parse()?);
    medir(&mut corrida, inicio, total)
}

fn medir(
    corrida: &mut Corrida,
    inicio: Instant,
    total: Duration,
) -> Result<String, Box<dyn std::error::Error>> {
    // The times of the answers of each kind, in µs.
    let ninguna = Histogram::<u64>::new_with_max(LATENCIA_MAX_MICROS, 3)?;
    let (mut buenas, mut negadas, mut otras) = (ninguna.clone(), ninguna.clone(), ninguna);
    let desde = inicio + total / CALENTAMIENTO;
    while inicio.elapsed() < total {
        let trama = corrida.socket.recv_bytes(0)?;
        let respuesta: serde_json::Value = serde_json::from_slice(&trama)?;
        let lugar = respuesta["id"]
            .as_u64()
            .and_then(|id| usize::try_from(id).ok());
        let Some(lugar) = lugar.filter(|lugar| *lugar < corrida.turnos.len()) else {
            continue;
        };
        let turno = &mut corrida.turnos[lugar];
        let (cuenta, decidida) = match respuesta["estado"].as_str().unwrap_or_default() {
            "CONFIRMADO" | "ENCOLADO" => {
                turno.prestado = !turno.prestado;
                (&mut buenas, true)
            }
            "RECHAZADO" => {
                turno.prestado = false;
                (&mut negadas, true)
            }
            _ => (&mut otras, false),
        };
        if Instant::now() >= desde {
            cuenta.saturating_record(u64::try_from(turno.enviada.elapsed().as_micros())?);
        }
        if decidida {
            corrida.seguir(lugar)?;
        } else {
            corrida.enviar(lugar)?;
        }
    }
    let medido = (total - total / CALENTAMIENTO).as_secs_f64();
    let de = |tiempos: &Histogram<u64>, cuantil| tiempos.value_at_quantile(cuantil);
    Ok(format!(
        "{:.0} {} {} {} {} {} {}",
        buenas.len() as f64 / medido,
        de(&buenas, 0.5),
        de(&buenas, 0.99),
        negadas.len(),
        otras.len(),
        de(&otras, 0.5),
        de(&otras, 0.99),
    ))
}

fn main() -> ExitCode {
    let argumentos: Vec<String> = env::args().skip(1).collect();
    match correr(&argumentos) {
        Ok(linea) => {
            println!("{linea}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
