//! Renovación: an open loan gets a later due date.

use jiff::Timestamp;

use crate::domain::devolucion::{marca, solicitado};
use crate::domain::foto::{Foto, Prestamo};
use crate::domain::plazo;
use crate::domain::prestamo::revisar_membresia;
use crate::domain::rechazo::Rechazo;
use crate::domain::reglas::Reglas;
use crate::domain::solicitud::{Negativa, Solicitud};

/// Renews the user's loan of the copy or book.
///
/// # Errors
/// [`Negativa`] with every rule that speaks against it; nothing is changed then.
pub fn renovar(
    foto: &mut Foto,
    reglas: &Reglas,
    solicitud: Solicitud<'_>,
    ahora: Timestamp,
) -> Result<Prestamo, Negativa> {
    let mut motivos = Vec::new();
    if let Some(usuario) = solicitud.usuario.and_then(|id| foto.usuario(id)) {
        revisar_membresia(usuario, reglas, ahora, &mut motivos);
    }
    // Without a user nobody's loan is meant: a renewal by copy alone would let anyone do it.
    let abierto = solicitud.usuario.and_then(|_| solicitado(foto, solicitud));
    let elegido = abierto.map(|prestamo| (prestamo.ejemplar.clone(), prestamo.vence_en));
    match abierto {
        None if hubo(foto, solicitud) => motivos.push(Rechazo::PrestamoNoActivo),
        None => motivos.push(Rechazo::PrestamoNoEncontrado),
        Some(prestamo) if prestamo.renovaciones >= reglas.renovaciones_max => {
            motivos.push(Rechazo::LimiteRenovaciones);
        }
        Some(_) => {}
    }
    if let Some(negativa) = Negativa::de(motivos) {
        return Err(negativa);
    }
    elegido
        .and_then(|(ejemplar, vence)| {
            let nueva = plazo::prorroga(vence, reglas.dias_renovacion, &reglas.zona_horaria);
            foto.renovar(&ejemplar, nueva.timestamp())
        })
        .ok_or_else(|| Negativa::por(Rechazo::PrestamoNoEncontrado))
}

fn hubo(foto: &Foto, solicitud: Solicitud<'_>) -> bool {
    solicitud.usuario.is_some()
        && marca(foto, solicitud).is_some_and(|marca| foto.marca(&marca).is_some())
}
