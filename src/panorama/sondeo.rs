//! Asks every door how it is, all at once, and waits a little over a second for those that
//! are dead or frozen.

use std::time::Duration;

use futures::future::join_all;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::net::client::{Destino, Suceso, conectar};
use crate::net::socket::Contexto;
use crate::panorama::{Panorama, Sondeada};
use crate::wire::codec::{TRAMA_BYTES_MAX, decode, encode};
use crate::wire::estado::EstadoNodo;
use crate::wire::mensaje::Mensaje;

/// How long a door may take: a connection, a question and the 400 ms that a busy role gets,
/// within the 2 s that a person waits.
const RESPUESTA_MAX: Duration = Duration::from_millis(1_300);

/// The doors of a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Puertas {
    /// Work doors of the cargas, `tcp://host:port`.
    pub cargas: Vec<String>,
    /// Doors of the almacenamientos.
    pub almacenes: Vec<String>,
}

/// Asks them all.
pub async fn sondear(contexto: &Contexto, puertas: &Puertas) -> Panorama {
    let preguntar = |extremos: &[String]| {
        let preguntas: Vec<_> = extremos
            .iter()
            .map(|extremo| una(contexto.clone(), extremo.clone()))
            .collect();
        join_all(preguntas)
    };
    let (cargas, almacenes) =
        futures::future::join(preguntar(&puertas.cargas), preguntar(&puertas.almacenes)).await;
    Panorama {
        cargas: cargas
            .into_iter()
            .map(|(extremo, estado)| Sondeada {
                extremo,
                estado: match estado {
                    Some(EstadoNodo::Carga(estado)) => Some(estado),
                    _ => None,
                },
            })
            .collect(),
        almacenes: almacenes
            .into_iter()
            .map(|(extremo, estado)| Sondeada {
                extremo,
                estado: match estado {
                    Some(EstadoNodo::Almacenamiento(estado)) => Some(estado),
                    _ => None,
                },
            })
            .collect(),
    }
}

/// One door's answer; none when it is dead, frozen or no node of ours.
async fn una(contexto: Contexto, extremo: String) -> (String, Option<EstadoNodo>) {
    let estado = tokio::time::timeout_at(
        Instant::now() + RESPUESTA_MAX,
        preguntar(&contexto, &extremo),
    )
    .await;
    (extremo, estado.ok().flatten())
}

async fn preguntar(contexto: &Contexto, extremo: &str) -> Option<EstadoNodo> {
    let trama = encode(&Mensaje::VerEstado).ok()?;
    let (sucesos, mut llegan) = mpsc::channel(64);
    let destino = Destino {
        extremo,
        trama_bytes_max: TRAMA_BYTES_MAX,
        latido: None,
    };
    let enlace = conectar(contexto, destino, move |suceso| {
        let _ = sucesos.try_send(suceso);
    })
    .ok()?;
    while let Some(suceso) = llegan.recv().await {
        match suceso {
            Suceso::Conectado => enlace.enviar(Vec::new(), trama.clone()).ok()?,
            Suceso::Tramas(tramas) => {
                let estado = tramas.iter().find_map(|trama| match decode(trama) {
                    Ok(Mensaje::EstadoNodo(estado)) => Some(estado),
                    _ => None,
                });
                if estado.is_some() {
                    return estado;
                }
            }
            // It may be starting: the link goes on trying until the time is over.
            Suceso::Desconectado | Suceso::SinEnviar(_) => {}
        }
    }
    None
}
