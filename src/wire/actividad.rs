//! What a carga has done since it started, as it tells whoever asks: for the panel. The last
//! operations are those of its news feed, which anybody who reaches it may read too.

use serde::{Deserialize, Serialize};

use crate::domain::operacion::Operacion;
use crate::domain::rechazo::Rechazo;
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::{Estado, Respuesta};

/// Counts since the start, and the latest decisions. On the wire: append only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActividadDeCarga {
    /// Admitted requests, in the order of [`Operacion::TODAS`].
    pub pedidas: [u64; 5],
    /// Handed to an actor, repeats and replays included.
    pub entregadas: u64,
    /// Acknowledged as queued.
    pub encoladas: u64,
    /// Decided with a yes for the first time, in the order of [`Operacion::ESCRITURAS`].
    pub confirmadas: [u64; 3],
    /// Decided with a no for the first time, in the same order.
    pub rechazadas: [u64; 3],
    /// The latest decisions, the newest first.
    pub ultimas: Vec<Decision>,
    /// Refused after a yes to be queued: somebody has to be told. The newest first, those
    /// from before the start included.
    pub faltas: Vec<Decision>,
    /// How many of those there are in all.
    pub faltas_total: u64,
}

/// One decided operation. On the wire: append only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What was asked.
    pub operacion: Operacion,
    /// `Confirmado` or `Rechazado`.
    pub estado: Estado,
    /// The refusal.
    pub rechazo: Option<Rechazo>,
    /// The book, as it was asked.
    pub isbn: Option<String>,
    /// The copy, as it was asked.
    pub ejemplar: Option<String>,
    /// The user, as it was asked.
    pub usuario: Option<String>,
    /// The branch.
    pub sede: String,
    /// When it was decided, RFC 3339.
    pub fecha: String,
    /// The sentence for a person.
    pub mensaje: String,
}

impl Decision {
    /// The decision `respuesta` about `pedido`.
    #[must_use]
    pub fn nueva(pedido: &Pedido, respuesta: &Respuesta) -> Self {
        Self {
            operacion: pedido.operacion,
            estado: respuesta.estado,
            rechazo: respuesta.rechazo,
            isbn: pedido.isbn.as_ref().map(ToString::to_string),
            ejemplar: pedido.ejemplar.as_ref().map(ToString::to_string),
            usuario: pedido.usuario.as_ref().map(ToString::to_string),
            sede: pedido.sede.to_string(),
            fecha: respuesta.fecha.clone(),
            mensaje: respuesta.mensaje.clone(),
        }
    }
}
