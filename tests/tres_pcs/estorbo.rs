//! A bad line: a TCP proxy that delays what passes, cuts it into single bytes and resets a
//! connection in the middle of a frame. The kernel at hand has no netem.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the line does.
#[derive(Clone, Copy)]
pub struct Linea {
    /// Delay of each piece, at least and at most.
    pub demora_ms: (u64, u64),
    /// Each byte is a segment of its own.
    pub a_bytes: bool,
    /// A connection is reset after about this many bytes.
    pub corta_tras: Option<u64>,
}

/// Where clients connect to reach `destino` through the line.
pub fn tender(destino: &'static str, linea: Linea) -> u16 {
    let oyente = TcpListener::bind("127.0.0.1:0").unwrap();
    let puerto = oyente.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for cliente in oyente.incoming().flatten() {
            let Ok(servidor) = TcpStream::connect(destino) else {
                continue;
            };
            let pasados = Arc::new(AtomicU64::new(0));
            for (de, a) in [(&cliente, &servidor), (&servidor, &cliente)] {
                let (de, a) = (de.try_clone().unwrap(), a.try_clone().unwrap());
                let _ = a.set_nodelay(true);
                let pasados = Arc::clone(&pasados);
                std::thread::spawn(move || pasar(de, a, linea, &pasados));
            }
        }
    });
    puerto
}

fn pasar(mut de: TcpStream, mut a: TcpStream, linea: Linea, pasados: &AtomicU64) {
    let mut trozo = [0; 4096];
    let mut azar = 0x9e37_79b9_u64;
    while let Ok(largo) = de.read(&mut trozo) {
        azar = azar
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695);
        let (minima, maxima) = linea.demora_ms;
        let demora = minima + (azar >> 33) % (maxima - minima + 1);
        std::thread::sleep(Duration::from_millis(demora));
        if largo == 0 {
            break;
        }
        let pieza = if linea.a_bytes { 1 } else { largo };
        for trozo in trozo[..largo].chunks(pieza) {
            let van = pasados.fetch_add(trozo.len() as u64, Ordering::Relaxed);
            if linea.corta_tras.is_some_and(|limite| van > limite) || a.write_all(trozo).is_err() {
                // Both ends: what is on its way is lost in the middle of its frame.
                let _ = de.shutdown(Shutdown::Both);
                let _ = a.shutdown(Shutdown::Both);
                return;
            }
        }
    }
    let _ = a.shutdown(Shutdown::Write);
}
