//! The door for actors (5557): reads their frames, keeps the beat, and tells the load manager
//! who has gone. It decides nothing about an operation. To anybody who asks how the carga is
//! it answers from the load manager's snapshot and from what the actors told of themselves.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::carga::actividad::Actividad;
use crate::carga::actor::{Ausente, Carga, DeActores};
use crate::carga::asistencia::Asistencia;
use crate::net::curve::Quien;
use crate::net::curve::lista::Papel;
use crate::net::server::{Entrada, Par, Puerta, Salida, Sobre};
use crate::runtime::guardian::Puesto;
use crate::wire::codec::{decode, encode};
use crate::wire::estado::EstadoNodo;
use crate::wire::mensaje::Mensaje;

/// Peers that are remembered for the beat. More actors than any library has; a flood of
/// connections gets no beat rather than our memory.
const PARES_MAX: usize = 1024;

/// Who works.
const ACTORES: [Papel; 3] = [
    Papel::ActorPrestamo,
    Papel::ActorDevolucion,
    Papel::ActorRenovacion,
];

/// See the module's doc.
pub struct Trabajo {
    puesto: Puesto<Carga>,
    asistencia: Asistencia,
    actividad: Actividad,
    salidas: mpsc::Sender<Salida>,
    pares: HashSet<Par>,
    latido: Vec<u8>,
}

impl Trabajo {
    /// A door to `puesto`; `salidas` is its own outgoing queue.
    ///
    /// # Errors
    /// When the beat cannot be encoded, which no input can cause.
    pub fn nueva(
        puesto: Puesto<Carga>,
        asistencia: Asistencia,
        actividad: Actividad,
        salidas: mpsc::Sender<Salida>,
    ) -> Result<Self, crate::wire::codec::CodecError> {
        let latido = encode(&Mensaje::LatidoCarga)?;
        Ok(Self {
            puesto,
            asistencia,
            actividad,
            salidas,
            pares: HashSet::new(),
            latido,
        })
    }

    /// Keeps what is for this door; the rest is for the load manager.
    fn apartar(&mut self, par: &Par, mensaje: Mensaje) -> Option<Mensaje> {
        match mensaje {
            Mensaje::VerEstado => self.contar_estado(Arc::clone(par)),
            Mensaje::VerActividad => {
                let vista = Mensaje::Actividad(self.actividad.vista());
                contar(&self.salidas, Arc::clone(par), &vista);
            }
            Mensaje::EstadoActor(estado) => {
                if self.pares.contains(par) {
                    self.asistencia.anotar(Arc::clone(par), estado);
                }
            }
            otro => return Some(otro),
        }
        None
    }

    /// Answers from a task of its own: a load manager that is busy or gone holds up nobody.
    fn contar_estado(&self, par: Par) {
        let salidas = self.salidas.clone();
        let asistencia = self.asistencia.clone();
        actix_rt::spawn(async move {
            let estado = asistencia.estado().await;
            let estado = Mensaje::EstadoNodo(EstadoNodo::Carga(estado));
            contar(&salidas, par, &estado);
        });
    }
}

/// Whether that key may say that here: to work a kind of operation takes its own role.
fn puede(quien: &Quien, mensaje: &Mensaje) -> bool {
    match mensaje {
        Mensaje::VerEstado | Mensaje::VerActividad => true,
        Mensaje::LatidoActor(latido) => {
            Papel::de(latido.tema).is_some_and(|papel| quien.puede(papel))
        }
        _ => ACTORES.into_iter().any(|papel| quien.puede(papel)),
    }
}

fn contar(salidas: &mpsc::Sender<Salida>, par: Par, mensaje: &Mensaje) {
    match encode(mensaje) {
        Ok(trama) => {
            // Full: whoever asked asks again.
            let _ = salidas.try_send(Salida {
                par,
                sobre: Sobre::default(),
                libera: false,
                trama,
            });
        }
        Err(error) => tracing::error!(%error, "no se pudo escribir el estado"),
    }
}

impl Puerta for Trabajo {
    fn recibir(&mut self, entradas: Vec<Entrada>, _inmediatas: &mut Vec<Salida>) {
        let mut mensajes = Vec::with_capacity(entradas.len());
        for entrada in entradas {
            let Some(trama) = entrada.tramas.last() else {
                continue;
            };
            match decode(trama) {
                Ok(mensaje) if !puede(&entrada.quien, &mensaje) => {
                    let quien = entrada.quien.nombre();
                    tracing::warn!(quien, "su clave no puede decir esto a una carga; se ignora");
                }
                Ok(mensaje) => {
                    let pregunta = matches!(mensaje, Mensaje::VerEstado | Mensaje::VerActividad);
                    if !pregunta && self.pares.len() < PARES_MAX {
                        self.pares.insert(Arc::clone(&entrada.par));
                    }
                    if let Some(mensaje) = self.apartar(&entrada.par, mensaje) {
                        mensajes.push((entrada.par, mensaje));
                    }
                }
                Err(error) => tracing::warn!(%error, "trama ilegible de un actor; se ignora"),
            }
        }
        if !mensajes.is_empty() {
            // With nobody in the place the actors' beats bring the state back by themselves.
            let _ = self.puesto.entregar(DeActores(mensajes));
        }
    }

    fn latir(&mut self, inmediatas: &mut Vec<Salida>) {
        inmediatas.extend(self.pares.iter().map(|par| Salida {
            par: Arc::clone(par),
            sobre: Sobre::default(),
            libera: false,
            trama: self.latido.clone(),
        }));
    }

    fn liberar(&mut self, _par: &Par) {}

    fn ausente(&mut self, par: &Par) {
        self.pares.remove(par);
        self.asistencia.borrar(par);
        let _ = self.puesto.entregar(Ausente(Arc::clone(par)));
    }
}
