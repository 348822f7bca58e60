//! The pure cores between a client and the database, step by step.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cortacircuitos;
mod mesa;
mod nucleo;
mod relevo;
mod reparto;
mod turnos;

use biblioteca::wire::respuesta::{Desenlace, Estado, Respuesta};

/// What the database says when it grants something.
fn decidida() -> Desenlace {
    Desenlace::Decidida(Respuesta {
        estado: Estado::Confirmado,
        rechazo: None,
        mensaje: String::new(),
        fecha: String::new(),
        datos: "{}".into(),
        repetida: false,
    })
}
