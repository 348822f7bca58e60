//! Devolución: a copy comes back.

use jiff::{SignedDuration, Timestamp};

use crate::domain::foto::{Foto, Marca, Prestamo};
use crate::domain::rechazo::Rechazo;
use crate::domain::solicitud::{Negativa, Solicitud};

/// Closes the loan of the named copy (whoever has it, unless a user is named), or the user's
/// loan of the book. With `edad_ms`, the time since the return was acknowledged as queued,
/// only a loan that existed then: an old return must not close a newer loan.
///
/// # Errors
/// [`Negativa`]: `PrestamoNoActivo` when there was such a loan before, else
/// `PrestamoNoEncontrado`; nothing is changed then.
pub fn devolver(
    foto: &mut Foto,
    solicitud: Solicitud<'_>,
    edad_ms: Option<u64>,
    ahora: Timestamp,
) -> Result<Prestamo, Negativa> {
    let hasta = edad_ms.map_or(Timestamp::MAX, |edad| antes(ahora, edad));
    let abierto = solicitado(foto, solicitud)
        .filter(|prestamo| prestamo.prestado_en <= hasta)
        .map(|prestamo| prestamo.ejemplar.clone());
    if let Some(prestamo) = abierto.and_then(|ejemplar| foto.devolver(&ejemplar, ahora)) {
        return Ok(prestamo);
    }
    let hubo = marca(foto, solicitud)
        .and_then(|marca| foto.marca(&marca))
        .is_some_and(|desde| desde <= hasta);
    Err(Negativa::por(if hubo {
        Rechazo::PrestamoNoActivo
    } else {
        Rechazo::PrestamoNoEncontrado
    }))
}

/// The open loan that a return or a renewal means.
pub(super) fn solicitado<'a>(foto: &'a Foto, solicitud: Solicitud<'_>) -> Option<&'a Prestamo> {
    let Some(ejemplar) = solicitud.ejemplar else {
        return foto.abierto_de_libro(solicitud.usuario?, solicitud.isbn?);
    };
    foto.abierto_de_ejemplar(ejemplar)
        .filter(|prestamo| solicitud.isbn.is_none_or(|isbn| *isbn == prestamo.isbn))
        .filter(|prestamo| solicitud.usuario.is_none_or(|u| *u == prestamo.usuario))
}

/// What to ask the past for when there is no open loan; none when the request names a copy
/// and a book that is not the copy's.
pub(super) fn marca(foto: &Foto, solicitud: Solicitud<'_>) -> Option<Marca> {
    let Some(ejemplar) = solicitud.ejemplar else {
        return Some(Marca::Libro(
            solicitud.usuario?.clone(),
            solicitud.isbn?.clone(),
        ));
    };
    if let Some(isbn) = solicitud.isbn
        && foto.copia(ejemplar).is_none_or(|copia| copia.isbn != *isbn)
    {
        return None;
    }
    Some(match solicitud.usuario {
        Some(usuario) => Marca::Ejemplar(usuario.clone(), ejemplar.clone()),
        None => Marca::Alguien(ejemplar.clone()),
    })
}

/// `edad_ms` before `ahora`; an age beyond all calendars is the beginning of time.
fn antes(ahora: Timestamp, edad_ms: u64) -> Timestamp {
    let edad = SignedDuration::from_millis(i64::try_from(edad_ms).unwrap_or(i64::MAX));
    ahora.checked_sub(edad).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::muestra::{Muestra, t};

    fn devuelve(
        muestra: &mut Muestra,
        usuario: Option<&str>,
        edad_ms: Option<u64>,
    ) -> Result<Prestamo, Rechazo> {
        let usuario = usuario.map(|nombre| crate::domain::ids::UsuarioId::parse(nombre).unwrap());
        let (primero, s1) = (muestra.primero.clone(), muestra.s1.clone());
        let solicitud = Solicitud {
            isbn: None,
            ejemplar: Some(&primero),
            usuario: usuario.as_ref(),
            sede: &s1,
        };
        devolver(&mut muestra.foto, solicitud, edad_ms, t(100)).map_err(|n| n.codigo())
    }

    #[test]
    fn a_copy_closes_whoevers_loan_and_a_second_return_changes_nothing() {
        let mut muestra = Muestra::nueva().con_prestamo(0);
        let devuelto = devuelve(&mut muestra, None, None).unwrap();
        assert_eq!(devuelto.devuelto_en, Some(t(100)));
        assert_eq!(
            devuelve(&mut muestra, None, None),
            Err(Rechazo::PrestamoNoActivo)
        );
    }

    #[test]
    fn a_user_who_is_named_must_be_the_one_who_has_it() {
        let mut muestra = Muestra::nueva().con_prestamo(0);
        let negado = devuelve(&mut muestra, Some("beto"), None);
        assert_eq!(negado, Err(Rechazo::PrestamoNoEncontrado));
        assert!(devuelve(&mut muestra, Some("ana"), None).is_ok());
    }

    #[test]
    fn a_return_queued_before_the_loan_does_not_close_it() {
        // Lent at t(0); now is t(100): 101 s ago there was no such loan, 99 s ago there was.
        let mut muestra = Muestra::nueva().con_prestamo(0);
        let vieja = devuelve(&mut muestra, None, Some(101_000));
        assert_eq!(vieja, Err(Rechazo::PrestamoNoEncontrado));
        let remota = devuelve(&mut muestra, None, Some(u64::MAX));
        assert_eq!(remota, Err(Rechazo::PrestamoNoEncontrado));
        assert!(devuelve(&mut muestra, None, Some(99_000)).is_ok());
    }

    #[test]
    fn of_what_was_never_lent_nothing_is_returned() {
        let mut muestra = Muestra::nueva();
        assert_eq!(
            devuelve(&mut muestra, None, None),
            Err(Rechazo::PrestamoNoEncontrado)
        );
        let ana = muestra.ana.clone();
        let por_libro = muestra.por_libro(&ana);
        assert!(solicitado(&muestra.foto, por_libro).is_none());
    }
}
