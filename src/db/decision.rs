//! A batch becomes verdicts: which operations are repeats, which collide, and what the rules
//! say of the rest. Pure; the stores load what it needs and write what it decides.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::db::Asiento;
use crate::domain::foto::{Foto, Prestamo};
use crate::domain::ids::{Ejemplar, OpId};
use crate::domain::operacion::Operacion;
use crate::domain::principal::Principal;
use crate::domain::rechazo::Rechazo;
use crate::domain::reglas::Reglas;
use crate::domain::solicitud::{Negativa, Solicitud};
use crate::domain::{devolucion, prestamo, renovacion};
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::Respuesta;

/// An operation that the database knows: its content hash in hex, its owner and its answer.
#[derive(Debug, Clone)]
pub struct Conocida {
    /// As stored.
    pub cuerpo_hash: String,
    /// Whose it is.
    pub principal: Principal,
    /// As first given, but for `repetida`.
    pub respuesta: Respuesta,
}

/// What the rules say: the loan as it then is, or why not.
pub type Veredicto = Result<Prestamo, Negativa>;

/// What becomes of one operation of the batch.
#[derive(Debug)]
pub enum Suerte {
    /// Decided now; to be stored.
    Nueva(Veredicto),
    /// Decided by an earlier batch; its replay is to be marked.
    Repetida(Respuesta),
    /// The same operation stands earlier in this batch, at that index.
    Eco(usize),
    /// The op_id has other content; nothing is stored.
    Conflicto,
}

/// Decides a batch in order.
pub fn decidir(
    foto: &mut Foto,
    reglas: &Reglas,
    lote: &[Asiento],
    conocidas: &HashMap<OpId, Conocida>,
    ahora: Timestamp,
) -> Vec<Suerte> {
    let mut vistas: HashMap<&OpId, usize> = HashMap::with_capacity(lote.len());
    let mut suertes = Vec::with_capacity(lote.len());
    for (indice, asiento) in lote.iter().enumerate() {
        let pedido = &asiento.pedido;
        let suerte = if let Some(conocida) = conocidas.get(&pedido.op_id) {
            if pedido.principal.alcanza(&conocida.principal)
                && conocida.cuerpo_hash == pedido.huella.to_string()
            {
                Suerte::Repetida(Respuesta {
                    repetida: true,
                    ..conocida.respuesta.clone()
                })
            } else {
                Suerte::Conflicto
            }
        } else if let Some(&primera) = vistas.get(&pedido.op_id) {
            let igual = lote
                .get(primera)
                .is_some_and(|Asiento { pedido: otro, .. }| {
                    pedido.principal.alcanza(&otro.principal) && otro.huella == pedido.huella
                });
            if igual {
                Suerte::Eco(primera)
            } else {
                Suerte::Conflicto
            }
        } else {
            vistas.insert(&pedido.op_id, indice);
            Suerte::Nueva(juzgar(foto, reglas, asiento, ahora))
        };
        suertes.push(suerte);
    }
    suertes
}

/// A change for `historial`: by whom, what, to which copy, and its detail in JSON.
#[derive(Debug, Serialize)]
pub struct Hecho<'a>(pub &'a str, pub &'static str, pub &'a Ejemplar, pub String);

/// What this batch changed: nothing by what was refused or had been decided before.
#[must_use]
pub fn hechos<'a>(lote: &'a [Asiento], suertes: &'a [Suerte]) -> Vec<Hecho<'a>> {
    let decididas = lote.iter().zip(suertes);
    let hechos = decididas.filter_map(|(Asiento { pedido, .. }, suerte)| {
        let Suerte::Nueva(Ok(prestamo)) = suerte else {
            return None;
        };
        let detalle = json!({"op_id": pedido.op_id, "usuario": prestamo.usuario});
        Some(Hecho(
            pedido.principal.autor(),
            pedido.operacion.palabra(),
            &prestamo.ejemplar,
            detalle.to_string(),
        ))
    });
    hechos.collect()
}

/// The part of a request that the rules look at.
pub fn solicitud(pedido: &Pedido) -> Solicitud<'_> {
    Solicitud {
        isbn: pedido.isbn.as_ref(),
        ejemplar: pedido.ejemplar.as_ref(),
        usuario: pedido.usuario.as_ref(),
        sede: &pedido.sede,
    }
}

fn juzgar(foto: &mut Foto, reglas: &Reglas, asiento: &Asiento, ahora: Timestamp) -> Veredicto {
    if asiento.apartada {
        return Err(Negativa::por(Rechazo::OperacionVenenosa));
    }
    let solicitud = solicitud(&asiento.pedido);
    match asiento.pedido.operacion {
        Operacion::Prestamo => prestamo::prestar(foto, reglas, solicitud, ahora),
        Operacion::Devolucion => devolucion::devolver(foto, solicitud, asiento.edad_ms, ahora),
        Operacion::Renovacion => renovacion::renovar(foto, reglas, solicitud, ahora),
        // Stores turn reads away before they decide; a refusal here harms no neighbour.
        Operacion::Consulta | Operacion::Estado => Err(Negativa::por(Rechazo::OperacionVenenosa)),
    }
}
