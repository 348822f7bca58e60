//! Préstamo: a copy is lent.

use jiff::Timestamp;

use crate::domain::foto::{Foto, Prestamo, Usuario};
use crate::domain::ids::{Ejemplar, Isbn, Sede, UsuarioId};
use crate::domain::plazo;
use crate::domain::rechazo::Rechazo;
use crate::domain::reglas::{Registro, Reglas};
use crate::domain::solicitud::{Negativa, Solicitud};

/// Lends the named copy, of whatever branch, or any free copy of the book in the branch.
///
/// # Errors
/// [`Negativa`] with every rule that speaks against it; nothing is changed then.
pub fn prestar(
    foto: &mut Foto,
    reglas: &Reglas,
    solicitud: Solicitud<'_>,
    ahora: Timestamp,
) -> Result<Prestamo, Negativa> {
    let mut motivos = Vec::new();
    let libro = elegir_libro(foto, solicitud, &mut motivos);
    let copia = libro
        .as_ref()
        .and_then(|libro| elegir_copia(foto, libro, solicitud, &mut motivos));
    let usuario = solicitud.usuario;
    revisar_usuario(foto, reglas, usuario, ahora, &mut motivos);
    if let (Some(usuario), Some(libro)) = (usuario, &libro)
        && foto.abierto_de_libro(usuario, libro).is_some()
    {
        motivos.push(Rechazo::PrestamoActivo);
    }
    if let Some(negativa) = Negativa::de(motivos) {
        return Err(negativa);
    }
    let (Some(isbn), Some((ejemplar, sede)), Some(usuario)) = (libro, copia, usuario) else {
        return Err(Negativa::por(Rechazo::LibroNoEncontrado));
    };
    let vence = plazo::vencimiento(ahora, reglas.dias_prestamo, &reglas.zona_horaria);
    Ok(foto.prestar(Prestamo {
        id: 0,
        ejemplar,
        isbn,
        usuario: usuario.clone(),
        sede,
        prestado_en: ahora,
        vence_en: vence.timestamp(),
        devuelto_en: None,
        renovaciones: 0,
    }))
}

/// What a membership may stand in the way of, for loans and renewals alike.
pub(super) fn revisar_membresia(
    usuario: &Usuario,
    reglas: &Reglas,
    ahora: Timestamp,
    motivos: &mut Vec<Rechazo>,
) {
    let hoy = plazo::dia(ahora, &reglas.zona_horaria);
    if usuario.vence.is_some_and(|vence| vence < hoy) {
        motivos.push(Rechazo::UsuarioVencido);
    }
    if usuario.bloqueado {
        motivos.push(Rechazo::UsuarioBloqueado);
    }
}

fn revisar_usuario(
    foto: &Foto,
    reglas: &Reglas,
    id: Option<&UsuarioId>,
    ahora: Timestamp,
    motivos: &mut Vec<Rechazo>,
) {
    let Some(id) = id else {
        motivos.push(Rechazo::UsuarioNoEncontrado);
        return;
    };
    let Some(usuario) = foto.usuario(id) else {
        if reglas.registro == Registro::Cerrado {
            motivos.push(Rechazo::UsuarioNoEncontrado);
        } else if reglas.limite(None) == 0 {
            motivos.push(Rechazo::LimitePrestamos);
        }
        return;
    };
    revisar_membresia(usuario, reglas, ahora, motivos);
    if usuario.abiertos >= reglas.limite(usuario.categoria.as_deref()) {
        motivos.push(Rechazo::LimitePrestamos);
    }
}

/// Which book is meant; none with a reason when catalogue and request disagree.
fn elegir_libro(foto: &Foto, solicitud: Solicitud<'_>, motivos: &mut Vec<Rechazo>) -> Option<Isbn> {
    let mut consta = true;
    if let Some(isbn) = solicitud.isbn
        && foto.titulo(isbn).is_none()
    {
        motivos.push(Rechazo::LibroNoEncontrado);
        consta = false;
    }
    let Some(ejemplar) = solicitud.ejemplar else {
        if solicitud.isbn.is_none() {
            motivos.push(Rechazo::LibroNoEncontrado);
        }
        return solicitud.isbn.filter(|_| consta).cloned();
    };
    match foto.copia(ejemplar) {
        Some(copia) if solicitud.isbn.is_none_or(|isbn| *isbn == copia.isbn) => {
            Some(copia.isbn.clone())
        }
        _ => {
            motivos.push(Rechazo::EjemplarNoEncontrado);
            None
        }
    }
}

fn elegir_copia(
    foto: &Foto,
    libro: &Isbn,
    solicitud: Solicitud<'_>,
    motivos: &mut Vec<Rechazo>,
) -> Option<(Ejemplar, Sede)> {
    let elegida = match solicitud.ejemplar {
        None => foto
            .libre(libro, solicitud.sede)
            .map(|ejemplar| (ejemplar.clone(), solicitud.sede.clone())),
        Some(ejemplar) => foto
            .copia(ejemplar)
            .filter(|copia| copia.en_servicio && foto.abierto_de_ejemplar(ejemplar).is_none())
            .map(|copia| (ejemplar.clone(), copia.sede.clone())),
    };
    if elegida.is_none() {
        motivos.push(Rechazo::SinEjemplaresDisponibles);
    }
    elegida
}
