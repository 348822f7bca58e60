//! A plain HTTP/1.1 client: one connection, one request, one answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub struct Vuelta {
    pub codigo: u16,
    pub cabeceras: Vec<(String, String)>,
    pub texto: String,
}

impl Vuelta {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.texto).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn cabecera(&self, nombre: &str) -> Option<&str> {
        let hallada = self
            .cabeceras
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(nombre));
        hallada.map(|(_, valor)| valor.as_str())
    }
}

/// Sends these bytes and reads until the other side closes; none when nobody listens there.
pub fn crudo(puerto: u16, bytes: &[u8]) -> Option<Vuelta> {
    let mut conexion = TcpStream::connect(("127.0.0.1", puerto)).ok()?;
    conexion
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    // A server that has refused closes before it has read everything.
    let _ = conexion.write_all(bytes);
    let mut leido = Vec::new();
    let _ = conexion.read_to_end(&mut leido);
    let texto = String::from_utf8_lossy(&leido).into_owned();
    let (cabeza, cuerpo) = texto.split_once("\r\n\r\n")?;
    let mut lineas = cabeza.lines();
    let codigo = lineas.next()?.split(' ').nth(1)?.parse().ok()?;
    let cabeceras = lineas
        .filter_map(|linea| linea.split_once(": "))
        .map(|(nombre, valor)| (nombre.to_owned(), valor.to_owned()))
        .collect();
    Some(Vuelta {
        codigo,
        cabeceras,
        texto: cuerpo.to_owned(),
    })
}

pub fn get(puerto: u16, ruta: &str) -> Option<Vuelta> {
    let peticion =
        format!("GET {ruta} HTTP/1.1\r\nHost: 127.0.0.1:{puerto}\r\nConnection: close\r\n\r\n");
    crudo(puerto, peticion.as_bytes())
}

/// Asks until the health is this, and answers how long that took.
pub fn espera_listo(puerto: u16, codigo: u16, plazo: Duration) -> (Vuelta, Duration) {
    let inicio = Instant::now();
    loop {
        let vuelta = get(puerto, "/salud/listo");
        let tardo = inicio.elapsed();
        match vuelta {
            Some(vuelta) if vuelta.codigo == codigo => return (vuelta, tardo),
            otra => assert!(tardo < plazo, "not {codigo} after {tardo:?}: {otra:?}"),
        }
        std::thread::yield_now();
    }
}
