//! Asks every door how it is, all at once, and waits a little over a second for those that
//! are dead or frozen.

use std::time::Duration;

use futures::future::join_all;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::net::client::{Destino, Suceso, conectar};
use crate::net::curve::Dominio;
use crate::net::socket::Contexto;
use crate::panorama::{Panorama, Sondeada};
use crate::wire::actividad::ActividadDeCarga;
use crate::wire::base::EstadoDeBase;
use crate::wire::codec::{TRAMA_BYTES_MAX, decode, encode};
use crate::wire::estado::EstadoNodo;
use crate::wire::mensaje::Mensaje;

/// How long a door may take: a connection, a question and the 400 ms that a busy role gets,
/// within the 2 s that a person waits.
const RESPUESTA_MAX: Duration = Duration::from_millis(1_300);

/// What a carga is asked, and answers in this order; one of before answers only the second.
pub(super) static A_CARGA: Preguntas = (
    Dominio::Trabajo,
    &[Mensaje::VerActividad, Mensaje::VerEstado],
);

/// What an almacenamiento is asked, likewise.
pub(super) static A_ALMACEN: Preguntas =
    (Dominio::Almacen, &[Mensaje::VerBase, Mensaje::VerEstado]);

/// Which door, and what it is asked.
pub(super) type Preguntas = (Dominio, &'static [Mensaje]);

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
    let preguntar = |extremos: &[String], preguntas: Preguntas| {
        let puertas = extremos.iter();
        let puertas = puertas.map(|extremo| una(contexto, extremo.clone(), preguntas));
        join_all(puertas.collect::<Vec<_>>())
    };
    let (cargas, almacenes) = futures::future::join(
        preguntar(&puertas.cargas, A_CARGA),
        preguntar(&puertas.almacenes, A_ALMACEN),
    )
    .await;
    componer(cargas, almacenes)
}

/// What each door said, put together.
pub(super) fn componer(cargas: Vec<(String, Dicho)>, almacenes: Vec<(String, Dicho)>) -> Panorama {
    Panorama {
        actividades: cargas
            .iter()
            .map(|(_, dicho)| dicho.actividad.clone())
            .collect(),
        cargas: cargas
            .into_iter()
            .map(|(extremo, dicho)| Sondeada {
                extremo,
                estado: match dicho.estado {
                    Some(EstadoNodo::Carga(estado)) => Some(estado),
                    _ => None,
                },
            })
            .collect(),
        bases: almacenes
            .iter()
            .map(|(_, dicho)| dicho.base.clone())
            .collect(),
        almacenes: almacenes
            .into_iter()
            .map(|(extremo, dicho)| Sondeada {
                extremo,
                estado: match dicho.estado {
                    Some(EstadoNodo::Almacenamiento(estado)) => Some(estado),
                    _ => None,
                },
            })
            .collect(),
    }
}

/// What one door said.
#[derive(Default, Clone)]
pub(super) struct Dicho {
    estado: Option<EstadoNodo>,
    actividad: Option<ActividadDeCarga>,
    base: Option<EstadoDeBase>,
}

/// One door's answer; nothing when it is dead, frozen or no node of ours.
pub(super) async fn una(
    contexto: &Contexto,
    extremo: String,
    preguntas: Preguntas,
) -> (String, Dicho) {
    let mut dicho = Dicho::default();
    // What was said before the time was over stands.
    let _ = tokio::time::timeout_at(
        Instant::now() + RESPUESTA_MAX,
        preguntar(contexto, &extremo, preguntas, &mut dicho),
    )
    .await;
    (extremo, dicho)
}

async fn preguntar(
    contexto: &Contexto,
    extremo: &str,
    (dominio, preguntas): Preguntas,
    dicho: &mut Dicho,
) -> Option<()> {
    let preguntas: Vec<Vec<u8>> = preguntas.iter().filter_map(|m| encode(m).ok()).collect();
    let (sucesos, mut llegan) = mpsc::channel(64);
    let destino = Destino {
        extremo,
        dominio,
        trama_bytes_max: TRAMA_BYTES_MAX,
        latido: None,
    };
    let enlace = conectar(contexto, destino, move |suceso| {
        let _ = sucesos.try_send(suceso);
    })
    .ok()?;
    while let Some(suceso) = llegan.recv().await {
        match suceso {
            Suceso::Conectado => {
                for trama in &preguntas {
                    enlace.enviar(Vec::new(), trama.clone()).ok()?;
                }
            }
            Suceso::Tramas(tramas) => {
                for trama in &tramas {
                    match decode(trama) {
                        Ok(Mensaje::EstadoNodo(estado)) => dicho.estado = Some(estado),
                        Ok(Mensaje::EstadoBase(base)) => dicho.base = base,
                        Ok(Mensaje::Actividad(hecho)) => dicho.actividad = Some(hecho),
                        _ => {}
                    }
                }
                if dicho.estado.is_some() {
                    return Some(());
                }
            }
            // It may be starting: the link goes on trying until the time is over.
            Suceso::Desconectado | Suceso::SinEnviar(_) => {}
        }
    }
    None
}
