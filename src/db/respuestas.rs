//! From verdicts to answers, in the batch's order, for every kind of database alike.

use std::collections::HashMap;

use crate::db::Asiento;
use crate::db::decision::Suerte;
use crate::db::redaccion::{PorSede, Redactor};
use crate::domain::foto::Foto;
use crate::domain::ids::Isbn;
use crate::domain::rechazo::Rechazo;
use crate::wire::respuesta::Respuesta;

/// Writes the answers. `agotados` is what [`agotados`] gave, `existencias` what the database
/// has of those books.
#[must_use]
pub fn respuestas(
    redactor: &Redactor<'_>,
    lote: &[Asiento],
    suertes: &[Suerte],
    agotados: &[Option<Isbn>],
    existencias: &HashMap<Isbn, PorSede>,
) -> Vec<Respuesta> {
    let mut respuestas: Vec<Respuesta> = Vec::with_capacity(lote.len());
    for ((asiento, suerte), agotado) in lote.iter().zip(suertes).zip(agotados) {
        let respuesta = match suerte {
            Suerte::Nueva(veredicto) => {
                let sedes = agotado.as_ref().and_then(|isbn| existencias.get(isbn));
                redactor.respuesta(&asiento.pedido, veredicto, sedes)
            }
            Suerte::Repetida(guardada) => guardada.clone(),
            Suerte::Eco(primera) => match respuestas.get(*primera) {
                Some(respuesta) => Respuesta {
                    repetida: true,
                    ..respuesta.clone()
                },
                None => redactor.conflicto(),
            },
            Suerte::Conflicto => redactor.conflicto(),
        };
        respuestas.push(respuesta);
    }
    respuestas
}

/// The book of each operation that was refused for want of a copy: its answer tells where
/// else there are some.
#[must_use]
pub fn agotados(foto: &Foto, lote: &[Asiento], suertes: &[Suerte]) -> Vec<Option<Isbn>> {
    lote.iter()
        .zip(suertes)
        .map(|(asiento, suerte)| {
            let Suerte::Nueva(Err(negativa)) = suerte else {
                return None;
            };
            let falta = Rechazo::SinEjemplaresDisponibles;
            if !negativa.motivos().contains(&falta) {
                return None;
            }
            let pedido = &asiento.pedido;
            let copia = pedido
                .ejemplar
                .as_ref()
                .and_then(|codigo| foto.copia(codigo));
            copia.map_or_else(|| pedido.isbn.clone(), |copia| Some(copia.isbn.clone()))
        })
        .collect()
}
