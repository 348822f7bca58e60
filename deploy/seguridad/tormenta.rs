//! The strangers of `deploy/seguridad.sh` (fault case 39): half-open handshakes that stay, raw
//! TCP, clients without a key and with a key that is in no list, all at once and for so many
//! seconds, at every door given. Prints what it did and how many answers strangers got.
//!
//! Paced, so that the same storm falls on a fast and on a slow machine.

use std::collections::VecDeque;
use std::env;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Connections that say half a greeting and wait.
const MUDAS: usize = 200;
/// Connections that speak no ZeroMQ at all, in the whole time.
const CRUDAS: u32 = 2_000;
/// Of so many raw ones comes one client of each other kind.
const CRUDAS_POR_AJENA: u32 = 10;
/// Strangers of each kind that knock at the same time; the oldest leaves for the next.
const AJENAS_A_LA_VEZ: usize = 20;
/// The beginning of ZeroMQ's greeting.
const MEDIO_SALUDO: [u8; 4] = [0xff, 0, 0, 0];
/// What a plain client would like to have.
const PIDE: &str = r#"{"operacion":"prestamo","isbn":"Libro1","usuario":"ajeno"}"#;

/// A key file's half.
fn mitad(texto: &str, campo: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let linea = texto.lines().find(|linea| linea.contains(campo));
    let clave = linea.and_then(|linea| linea.split('"').nth(1));
    Ok(zmq::z85_decode(clave.ok_or("no es una clave")?)?)
}

/// Those who knock in ZeroMQ's own language.
struct Ajenas {
    contexto: zmq::Context,
    servidor: Vec<u8>,
    publica: Vec<u8>,
    secreta: Vec<u8>,
    dentro: VecDeque<zmq::Socket>,
    llegadas: u64,
    contestadas: u64,
}

impl Ajenas {
    fn llamar(&mut self, puerto: &str, con_clave: bool) -> Result<(), Box<dyn Error>> {
        let socket = self.contexto.socket(zmq::DEALER)?;
        socket.set_linger(0)?;
        if con_clave {
            socket.set_curve_serverkey(&self.servidor)?;
            socket.set_curve_publickey(&self.publica)?;
            socket.set_curve_secretkey(&self.secreta)?;
        }
        socket.connect(&format!("tcp://127.0.0.1:{puerto}"))?;
        // Waits in the socket until somebody lets it in; it may be thrown out already.
        let _ = socket.send(PIDE, zmq::DONTWAIT);
        self.llegadas += 1;
        self.dentro.push_back(socket);
        while self.dentro.len() > 2 * AJENAS_A_LA_VEZ {
            self.despedir();
        }
        Ok(())
    }

    fn despedir(&mut self) {
        if let Some(socket) = self.dentro.pop_front() {
            self.contestadas += u64::from(socket.recv_bytes(zmq::DONTWAIT).is_ok());
        }
    }
}

fn correr(argumentos: &[String]) -> Result<String, Box<dyn Error>> {
    let [servidor, ajena, segundos, puertos @ ..] = argumentos else {
        return Err("uso: tormenta PUBLICA_DEL_SERVIDOR CLAVE_AJENA SEGUNDOS PUERTO…".into());
    };
    let total = Duration::from_secs(segundos.parse()?);
    let ajena = fs::read_to_string(ajena)?;
    let mut ajenas = Ajenas {
        contexto: zmq::Context::new(),
        servidor: mitad(&fs::read_to_string(servidor)?, "public-key")?,
        publica: mitad(&ajena, "public-key")?,
        secreta: mitad(&ajena, "secret-key")?,
        dentro: VecDeque::new(),
        llegadas: 0,
        contestadas: 0,
    };
    let conectar = |numero: usize| -> Result<TcpStream, Box<dyn Error>> {
        let puerto: u16 = puertos[numero % puertos.len()].parse()?;
        Ok(TcpStream::connect(("127.0.0.1", puerto))?)
    };
    let inicio = Instant::now();
    let mut mudas = Vec::with_capacity(MUDAS);
    for numero in 0..MUDAS {
        let mut muda = conectar(numero)?;
        muda.write_all(&MEDIO_SALUDO)?;
        mudas.push(muda);
    }
    for numero in 0..CRUDAS {
        let toca = total.mul_f64(f64::from(numero) / f64::from(CRUDAS));
        std::thread::sleep(toca.saturating_sub(inicio.elapsed()));
        let mut cruda = conectar(numero as usize)?;
        // Refused in the middle of it is an answer too.
        let _ = cruda.write_all(PIDE.as_bytes());
        if numero % CRUDAS_POR_AJENA == 0 {
            let puerto = &puertos[(numero / CRUDAS_POR_AJENA) as usize % puertos.len()];
            ajenas.llamar(puerto, true)?;
            ajenas.llamar(puerto, false)?;
        }
    }
    while !ajenas.dentro.is_empty() {
        ajenas.despedir();
    }
    Ok(format!(
        "{} {CRUDAS} {} {}",
        mudas.len(),
        ajenas.llegadas,
        ajenas.contestadas
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
