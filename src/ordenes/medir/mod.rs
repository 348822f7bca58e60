//! `biblioteca medir`: N clients in a closed loop against a running carga.
//!
//! Each client is a connection of its own with one request outstanding. A client lends a
//! random book to its own user and, when it was granted, returns it; so the library is after
//! the run as it was before. `carga` is what they ask, `informe` the figures.

mod carrera;
mod informe;

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::cli::Medida;
use crate::net::client::{Destino, Enlace, Suceso, conectar};
use crate::net::socket::{Contexto, NetError};
use crate::ordenes::medir::carrera::Cliente;
use crate::ordenes::medir::informe::Informe;
use crate::wire::codec::TRAMA_BYTES_MAX;
use crate::wire::json_cliente::RespuestaCliente;

/// Silence after which a client gives its request up and asks the next: longer than a carga
/// may take (30 s is the longest deadline, 2.5 s the usual one).
const SILENCIO_MAX: Duration = Duration::from_secs(5);

/// How often silent clients are looked for.
const MIRADA: Duration = Duration::from_millis(250);

/// Runs the measurement and prints its table on standard output.
///
/// # Errors
/// [`NetError`] when a connection cannot be made; 69 is the caller's to say when nobody
/// answered, which the count in the result tells.
pub async fn medir(medida: &Medida, cargas: &[String]) -> Result<u64, NetError> {
    let contexto = Contexto::nuevo();
    let (llegadas, mut llegan) = mpsc::channel(2 * medida.clientes as usize + 64);
    let mut puestos = Vec::with_capacity(medida.clientes as usize);
    for numero in 0..medida.clientes as usize {
        let extremo = &cargas[numero % cargas.len()];
        let llegadas = llegadas.clone();
        let destino = Destino {
            extremo,
            trama_bytes_max: TRAMA_BYTES_MAX,
            latido: None,
        };
        let enlace = conectar(&contexto, destino, move |suceso| {
            // One outstanding request a client: there is always room.
            let _ = llegadas.try_send((numero, suceso));
        })?;
        puestos.push(Puesto {
            enlace,
            cliente: Cliente::nuevo(numero, medida),
            enviada: None,
        });
    }
    let mut informe = Informe::nuevo();
    let inicio = Instant::now();
    let fin = tokio::time::sleep(medida.duracion);
    tokio::pin!(fin);
    let mut reloj = tokio::time::interval(MIRADA);
    loop {
        tokio::select! {
            biased;
            () = &mut fin => break,
            Some((numero, suceso)) = llegan.recv() => puestos[numero].suceder(suceso, &mut informe),
            _ = reloj.tick() => puestos.iter_mut().for_each(|puesto| puesto.mirar(&mut informe)),
        }
    }
    println!("{}", informe.tabla(medida, inicio.elapsed()));
    Ok(informe.contestadas())
}

/// A client and its connection.
struct Puesto {
    enlace: Enlace,
    cliente: Cliente,
    enviada: Option<Instant>,
}

impl Puesto {
    fn suceder(&mut self, suceso: Suceso, informe: &mut Informe) {
        match suceso {
            Suceso::Conectado if self.enviada.is_none() => self.pedir(),
            Suceso::Conectado | Suceso::Desconectado => {}
            Suceso::SinEnviar(_) => self.enviada = None,
            Suceso::Tramas(tramas) => {
                for trama in tramas {
                    self.recibir(&trama, informe);
                }
            }
        }
    }

    fn recibir(&mut self, trama: &[u8], informe: &mut Informe) {
        let Ok(respuesta) = RespuestaCliente::parse(trama) else {
            return informe.ilegible();
        };
        // The answer to a request that was given up says nothing about this one.
        if !self.cliente.es_suya(&respuesta) {
            return;
        }
        if let Some(enviada) = self.enviada.take() {
            informe.anotar(&respuesta, enviada.elapsed());
        }
        self.cliente.avanzar(&respuesta);
        self.pedir();
    }

    fn pedir(&mut self) {
        let texto = self.cliente.pedir();
        self.enviada = Some(Instant::now());
        if self.enlace.enviar(Vec::new(), texto.into_bytes()).is_err() {
            self.enviada = None;
        }
    }

    fn mirar(&mut self, informe: &mut Informe) {
        match self.enviada {
            Some(enviada) if enviada.elapsed() < SILENCIO_MAX => {}
            Some(_) => {
                informe.sin_respuesta();
                self.pedir();
            }
            None => self.pedir(),
        }
    }
}
