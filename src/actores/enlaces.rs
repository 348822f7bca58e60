//! An actor's links: one to each carga, one to each almacenamiento.

use std::time::Duration;

use crate::actores::actor::{ActorOperacion, DeAlmacen, DeCarga};
use crate::domain::operacion::Operacion;
use crate::net::client::{Destino, Enlace, Suceso, conectar};
use crate::net::curve::Dominio;
use crate::net::socket::{Contexto, NetError};
use crate::runtime::guardian::Puesto;
use crate::wire::codec::{CodecError, TRAMA_BYTES_MAX, decode, encode};
use crate::wire::mensaje::{LatidoActor, Mensaje};

/// Where an actor works.
#[derive(Debug, Clone)]
pub struct Lugar {
    /// `tcp://host:port` of every carga's work door.
    pub cargas: Vec<String>,
    /// `tcp://host:port` of every almacenamiento.
    pub almacenes: Vec<String>,
    /// Most operations held for one carga.
    pub creditos: u32,
    /// Heartbeat period.
    pub latido: Duration,
}

/// The links, in the configuration's order.
pub struct Enlaces {
    /// To the cargas.
    pub cargas: Vec<Enlace>,
    /// To the almacenamientos.
    pub almacenes: Vec<Enlace>,
}

/// Why an actor could not make its links.
#[derive(Debug, thiserror::Error)]
pub enum EnlaceError {
    /// The address is none, or the system has no sockets left.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The beat cannot be written, which no input can cause.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// Connects to everybody; what arrives goes to the actor in `puesto`.
///
/// # Errors
/// [`EnlaceError`]; nothing is left connected then.
pub fn tender(
    contexto: &Contexto,
    lugar: &Lugar,
    tema: Operacion,
    puesto: &Puesto<ActorOperacion>,
) -> Result<Enlaces, EnlaceError> {
    let alta = encode(&Mensaje::LatidoActor(LatidoActor {
        tema,
        creditos: lugar.creditos,
    }))?;
    let pulso = encode(&Mensaje::LatidoAlmacen)?;
    let mut cargas = Vec::new();
    for (i, extremo) in lugar.cargas.iter().enumerate() {
        let puesto = puesto.clone();
        let destino = destino(extremo, Dominio::Trabajo, lugar.latido, alta.clone());
        cargas.push(conectar(contexto, destino, move |suceso| {
            if let Suceso::Tramas(tramas) = suceso {
                let _ = puesto.entregar(DeCarga(i, leer(tramas)));
            }
        })?);
    }
    let mut almacenes = Vec::new();
    for (i, extremo) in lugar.almacenes.iter().enumerate() {
        let puesto = puesto.clone();
        let destino = destino(extremo, Dominio::Almacen, lugar.latido, pulso.clone());
        almacenes.push(conectar(contexto, destino, move |suceso| {
            let mensaje = match suceso {
                Suceso::Tramas(tramas) => DeAlmacen::Mensajes(i, leer(tramas)),
                Suceso::Desconectado => DeAlmacen::Desconectado(i),
                Suceso::SinEnviar(ids) => DeAlmacen::SinEnviar(i, ids),
                Suceso::Conectado => return,
            };
            let _ = puesto.entregar(mensaje);
        })?);
    }
    Ok(Enlaces { cargas, almacenes })
}

fn destino(extremo: &str, dominio: Dominio, periodo: Duration, trama: Vec<u8>) -> Destino<'_> {
    Destino {
        extremo,
        dominio,
        trama_bytes_max: TRAMA_BYTES_MAX,
        latido: Some((periodo, trama)),
    }
}

fn leer(tramas: Vec<Vec<u8>>) -> Vec<Mensaje> {
    tramas
        .iter()
        .filter_map(|trama| match decode(trama) {
            Ok(mensaje) => Some(mensaje),
            Err(error) => {
                tracing::warn!(%error, "trama ilegible; se ignora");
                None
            }
        })
        .collect()
}
