//! The disk under each carga's diario: what has been synced outlives every crash, what has not
//! is lost with its process.
//!
//! A model of `db::diario`, not that code itself: SQLite is not here.

use std::collections::BTreeMap;

use biblioteca::carga::diario::Viaje;
use biblioteca::carga::nucleo::Entrada;
use biblioteca::db::diario::{Apunte, Cargadas, Cerrada, SinDecidir, Suerte};
use biblioteca::domain::ids::OpId;
use biblioteca::wire::pedido::Pedido;

use crate::defecto::Defecto;
use crate::mundo::Mundo;
use crate::nodo::Evento;

/// How long the file takes to be read at a start, and a batch to be synced, in µs.
const LECTURA_US: (u64, u64) = (500, 200_000);
const SYNC_US: (u64, u64) = (200, 30_000);

/// Between the sync and the news of it: long enough to die in it.
const AVISO_US: (u64, u64) = (0, 3_000);

#[derive(Debug)]
struct Fila {
    pedido: Pedido,
    aceptada_us: u64,
    cerrada: Option<Cerrada>,
}

/// See the module's doc.
#[derive(Debug, Default)]
pub struct DiscoDiario {
    filas: BTreeMap<u64, Fila>,
}

impl DiscoDiario {
    fn cerrada(&self, op_id: &OpId) -> Option<Cerrada> {
        let suya = |fila: &&Fila| fila.pedido.op_id == *op_id;
        self.filas.values().find(suya)?.cerrada.clone()
    }

    fn cargar(&self, ahora_us: u64) -> Cargadas {
        let abiertas = self.filas.iter().filter(|(_, fila)| fila.cerrada.is_none());
        Cargadas {
            sin_decidir: abiertas
                .map(|(&seq, fila)| SinDecidir {
                    seq,
                    pedido: fila.pedido.clone(),
                    edad_ms: (ahora_us - fila.aceptada_us) / 1_000,
                })
                .collect(),
            siguiente: self.filas.keys().next_back().map_or(1, |ultimo| ultimo + 1),
        }
    }

    fn anotar(&mut self, ahora_us: u64, apunte: &Apunte) -> Suerte {
        match apunte {
            Apunte::Abrir {
                seq,
                pedido,
                edad_ms,
            } => {
                if let Some(cerrada) = self.cerrada(&pedido.op_id) {
                    return Suerte::Decidida(Box::new(cerrada));
                }
                let fila = Fila {
                    pedido: pedido.clone(),
                    aceptada_us: ahora_us.saturating_sub(edad_ms * 1_000),
                    cerrada: None,
                };
                self.filas.insert(*seq, fila);
            }
            Apunte::Cerrar { seq, respuesta } => {
                if let Some(fila) = self.filas.get_mut(seq) {
                    fila.cerrada = Some(Cerrada {
                        operacion: fila.pedido.operacion,
                        huella: fila.pedido.huella.to_string(),
                        principal: fila.pedido.principal.clone(),
                        respuesta: respuesta.clone(),
                    });
                }
            }
            Apunte::Apartar { .. } => {}
        }
        Suerte::Hecha
    }
}

impl Mundo {
    /// A life of a carga begins: it will read its file.
    pub fn agendar_lectura(&mut self, i: usize) {
        let demora_us = self.azar.entre(LECTURA_US.0, LECTURA_US.1);
        let vida = self.cargas[i].vida;
        self.agendar(demora_us, Evento::LeeDiario(i, vida));
    }

    pub fn leer_diario(&mut self, i: usize) {
        let mut cargadas = self.diarios[i].cargar(self.ahora_us);
        if self.escenario.defecto == Some(Defecto::PierdeEntrada) {
            cargadas.sin_decidir.pop();
        }
        self.juez.cobertura.releidas += cargadas.sin_decidir.len() as u64;
        self.paso_carga(i, Entrada::Cargadas(cargadas));
    }

    /// A trip to the disk begins.
    pub fn viajar(&mut self, i: usize, viaje: Viaje) {
        let vida = self.cargas[i].vida;
        let demora_us = self.azar.entre(SYNC_US.0, SYNC_US.1);
        if self.escenario.defecto == Some(Defecto::EncolaSinDisco) {
            let suertes = vec![Suerte::Hecha; viaje.apuntes.len()];
            let halladas = vec![None; viaje.preguntas.len()];
            self.agendar(0, Evento::DeVuelta(i, vida, suertes, halladas));
        }
        self.cargas[i].nucleo.as_mut().unwrap().viaje = Some(viaje);
        self.agendar(demora_us, Evento::Sincroniza(i, vida));
    }

    /// It is on the disk, and nobody knows yet.
    pub fn sincronizar(&mut self, i: usize) {
        let vida = self.cargas[i].vida;
        let Some(viaje) = self.cargas[i].nucleo.as_mut().unwrap().viaje.take() else {
            return;
        };
        let (ahora_us, disco) = (self.ahora_us, &mut self.diarios[i]);
        let anotar = |apunte| disco.anotar(ahora_us, apunte);
        let suertes = viaje.apuntes.iter().map(anotar).collect();
        let buscar = |op_id| self.diarios[i].cerrada(op_id);
        let halladas = viaje.preguntas.iter().map(buscar).collect();
        if self.escenario.defecto != Some(Defecto::EncolaSinDisco) {
            let demora_us = self.azar.entre(AVISO_US.0, AVISO_US.1);
            self.agendar(demora_us, Evento::DeVuelta(i, vida, suertes, halladas));
        }
    }
}
