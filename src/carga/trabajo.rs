//! The door for actors (5557): reads their frames, keeps the beat, and tells the load manager
//! who has gone. It decides nothing about an operation.

use std::collections::HashSet;
use std::sync::Arc;

use crate::carga::actor::{Ausente, Carga, DeActores};
use crate::net::server::{Entrada, Par, Puerta, Salida};
use crate::runtime::guardian::Puesto;
use crate::wire::codec::{decode, encode};
use crate::wire::mensaje::Mensaje;

/// Peers that are remembered for the beat. More actors than any library has; a flood of
/// connections gets no beat rather than our memory.
const PARES_MAX: usize = 1024;

/// See the module's doc.
pub struct Trabajo {
    puesto: Puesto<Carga>,
    pares: HashSet<Par>,
    latido: Vec<u8>,
}

impl Trabajo {
    /// A door to `puesto`.
    ///
    /// # Errors
    /// When the beat cannot be encoded, which no input can cause.
    pub fn nueva(puesto: Puesto<Carga>) -> Result<Self, crate::wire::codec::CodecError> {
        let latido = encode(&Mensaje::LatidoCarga)?;
        Ok(Self {
            puesto,
            pares: HashSet::new(),
            latido,
        })
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
                Ok(mensaje) => {
                    if self.pares.len() < PARES_MAX {
                        self.pares.insert(Arc::clone(&entrada.par));
                    }
                    mensajes.push((entrada.par, mensaje));
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
            delimitada: false,
            libera: false,
            trama: self.latido.clone(),
        }));
    }

    fn liberar(&mut self, _par: &Par) {}

    fn ausente(&mut self, par: &Par) {
        self.pares.remove(par);
        let _ = self.puesto.entregar(Ausente(Arc::clone(par)));
    }
}
