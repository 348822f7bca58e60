//! `biblioteca medir`: N clients in a closed loop against a running carga.
//!
//! Each client is a connection of its own to every carga with one request outstanding; when
//! its carga goes, or the answer is `DESCONOCIDO`, it repeats the request under the same op_id.
//! A client lends a random book to its own user and, when it was granted, returns it; so the
//! library is after the run as it was before, but for what was under way. `carrera` is what they ask, `informe` the figures.

mod carrera;
mod informe;

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::cli::Medida;
use crate::net::client::{Destino, Enlace, Suceso, conectar};
use crate::net::curve::Dominio;
use crate::net::socket::NetError;
use crate::nodo;
use crate::ordenes::medir::carrera::Cliente;
use crate::ordenes::medir::informe::Informe;
use crate::ordenes::{SalidaError, cargas_de};
use crate::settings::Ajustes;
use crate::wire::codec::TRAMA_BYTES_MAX;
use crate::wire::json_cliente::RespuestaCliente;
use crate::wire::respuesta::Estado;

/// Silence after which a client repeats its request: longer than a carga may take by default
/// (2.5 s).
const SILENCIO_MAX: Duration = Duration::from_secs(5);

/// How often silent clients are looked for.
const MIRADA: Duration = Duration::from_millis(250);

/// Runs the measurement and prints its table on standard output.
///
/// # Errors
/// [`SalidaError`] when a connection cannot be made; 69 is the caller's to say when nobody
/// answered, which the count in the result tells.
pub async fn medir(ajustes: &Ajustes, medida: &Medida) -> Result<u64, SalidaError> {
    let contexto = nodo::contexto(ajustes)?;
    let cargas = cargas_de(ajustes);
    let (llegadas, mut llegan) = mpsc::channel(4 * cargas.len() * medida.clientes as usize + 64);
    let mut puestos = Vec::with_capacity(medida.clientes as usize);
    for numero in 0..medida.clientes as usize {
        let enlaces = cargas
            .iter()
            .enumerate()
            .map(|(carga, extremo)| {
                let llegadas = llegadas.clone();
                let destino = Destino {
                    extremo,
                    dominio: Dominio::Clientes,
                    trama_bytes_max: TRAMA_BYTES_MAX,
                    latido: None,
                };
                conectar(&contexto, destino, move |suceso| {
                    // One outstanding request a client: there is always room.
                    let _ = llegadas.try_send((numero, carga, suceso));
                })
            })
            .collect::<Result<Vec<Enlace>, NetError>>()?;
        puestos.push(Puesto {
            vivos: vec![false; enlaces.len()],
            turno: numero % enlaces.len(),
            enlaces,
            cliente: Cliente::nuevo(numero, medida),
            pendiente: None,
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
            Some((numero, carga, suceso)) = llegan.recv() => {
                puestos[numero].suceder(carga, suceso, &mut informe);
            }
            _ = reloj.tick() => puestos.iter_mut().for_each(|puesto| puesto.mirar(&mut informe)),
        }
    }
    println!("{}", informe.tabla(medida, inicio.elapsed()));
    Ok(informe.contestadas())
}

/// A client and its connections.
struct Puesto {
    enlaces: Vec<Enlace>,
    vivos: Vec<bool>,
    /// The carga it asks; the next one when this one is gone.
    turno: usize,
    cliente: Cliente,
    pendiente: Option<Pendiente>,
}

/// The one request under way.
struct Pendiente {
    texto: String,
    enviada: Instant,
}

impl Puesto {
    fn suceder(&mut self, carga: usize, suceso: Suceso, informe: &mut Informe) {
        match suceso {
            Suceso::Conectado => {
                let sin_carga = !self.vivos[self.turno];
                self.vivos[carga] = true;
                if sin_carga {
                    self.turno = carga;
                    self.enviar();
                }
                if self.pendiente.is_none() {
                    self.pedir();
                }
            }
            Suceso::Desconectado | Suceso::SinEnviar(_) => {
                self.vivos[carga] = false;
                if carga == self.turno {
                    self.repetir();
                }
            }
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
        let Some(pendiente) = &mut self.pendiente else {
            return;
        };
        informe.anotar(&respuesta, pendiente.enviada.elapsed());
        if respuesta.estado == Estado::Desconocido {
            // Until it is known, nobody knows whether the client has a loan to return.
            pendiente.enviada = Instant::now();
            self.enviar();
        } else {
            self.cliente.avanzar(&respuesta);
            self.pedir();
        }
    }

    fn pedir(&mut self) {
        let texto = self.cliente.pedir();
        self.pendiente = Some(Pendiente {
            texto,
            enviada: Instant::now(),
        });
        self.enviar();
    }

    /// The same request, under its op_id, at the next living carga; its wait goes on.
    fn repetir(&mut self) {
        let n = self.enlaces.len();
        let siguiente = (1..=n)
            .map(|paso| (self.turno + paso) % n)
            .find(|&i| self.vivos[i]);
        if let Some(siguiente) = siguiente {
            self.turno = siguiente;
            self.enviar();
        }
    }

    fn enviar(&mut self) {
        if let Some(pendiente) = &self.pendiente {
            // A full queue cannot be with one request under way; silence is looked for anyway.
            let texto = pendiente.texto.clone().into_bytes();
            let _ = self.enlaces[self.turno].enviar(vec![0], texto);
        }
    }

    /// A request that nobody answers is counted, and repeated elsewhere.
    fn mirar(&mut self, informe: &mut Informe) {
        if let Some(pendiente) = &mut self.pendiente
            && pendiente.enviada.elapsed() >= SILENCIO_MAX
        {
            informe.sin_respuesta();
            pendiente.enviada = Instant::now();
            self.repetir();
        }
    }
}
