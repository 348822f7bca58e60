//! One operation on its way through the almacenamiento, and where its outcome goes.

use std::collections::HashMap;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use crate::net::server::{Par, Salida, Sobre};
use crate::wire::codec::encode_resultados;
use crate::wire::mensaje::Resultado;
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::Desenlace;

/// Who gets the outcome.
#[derive(Debug)]
pub enum Origen {
    /// A node, under its own number.
    Nodo(Par, u64),
    /// A plain client of this door.
    Directo(oneshot::Sender<Desenlace>),
}

/// An operation to decide or to read.
#[derive(Debug)]
pub struct Tarea {
    /// Who gets the outcome.
    pub origen: Origen,
    /// The operation.
    pub pedido: Pedido,
    /// How long ago it was acknowledged as queued when it arrived, in ms.
    pub edad_ms: Option<u64>,
    /// When it arrived: its age grows while it waits for its batch.
    pub recibida: Instant,
    /// When its sender stops waiting: not begun after it.
    pub vence: Instant,
}

/// Sends outcomes, those of one node in as few frames as fit.
#[derive(Debug, Clone)]
pub struct Contestador(mpsc::Sender<Salida>);

impl Contestador {
    /// One that answers through the door's outgoing queue.
    #[must_use]
    pub const fn nuevo(salidas: mpsc::Sender<Salida>) -> Self {
        Self(salidas)
    }

    /// Sends these. A node that does not read loses its outcomes and will ask again; a plain
    /// client that has gone needs none.
    pub fn contestar(&self, desenlaces: impl IntoIterator<Item = (Origen, Desenlace)>) {
        let mut por_nodo: HashMap<Par, Vec<Resultado>> = HashMap::new();
        for (origen, desenlace) in desenlaces {
            match origen {
                Origen::Nodo(par, id) => {
                    por_nodo
                        .entry(par)
                        .or_default()
                        .push(Resultado { id, desenlace });
                }
                Origen::Directo(espera) => {
                    let _ = espera.send(desenlace);
                }
            }
        }
        for (par, resultados) in por_nodo {
            match encode_resultados(resultados) {
                Ok(tramas) => {
                    for trama in tramas {
                        self.enviar(par.clone(), trama);
                    }
                }
                Err(error) => tracing::error!(%error, "no se pudo escribir un resultado"),
            }
        }
    }

    /// Sends one frame to a node.
    pub fn enviar(&self, par: Par, trama: Vec<u8>) {
        let salida = Salida {
            par,
            sobre: Sobre::default(),
            libera: false,
            trama,
        };
        if self.0.try_send(salida).is_err() {
            tracing::warn!("la salida del almacenamiento está llena; se pierde un resultado");
        }
    }
}
