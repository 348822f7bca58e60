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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::muestra::{Muestra, t, usuario};

    fn pide(
        muestra: &mut Muestra,
        reglas: &Reglas,
        ejemplar: Option<&Ejemplar>,
    ) -> Result<Prestamo, Vec<Rechazo>> {
        let (isbn, ana, s1) = (
            muestra.isbn.clone(),
            muestra.ana.clone(),
            muestra.s1.clone(),
        );
        let solicitud = Solicitud {
            isbn: ejemplar.is_none().then_some(&isbn),
            ejemplar,
            usuario: Some(&ana),
            sede: &s1,
        };
        prestar(&mut muestra.foto, reglas, solicitud, t(100))
            .map_err(|negativa| negativa.motivos().to_vec())
    }

    #[test]
    fn a_loan_by_book_takes_a_copy_of_the_sede_and_the_last_one_taken_is_the_last() {
        let mut muestra = Muestra::nueva();
        for nombre in ["uno", "dos"] {
            muestra.ana = UsuarioId::parse(nombre).unwrap();
            let prestado = pide(&mut muestra, &Reglas::default(), None).unwrap();
            assert_eq!(prestado.sede, muestra.s1);
        }
        muestra.ana = UsuarioId::parse("tres").unwrap();
        let negado = pide(&mut muestra, &Reglas::default(), None).unwrap_err();
        assert_eq!(
            negado,
            [Rechazo::SinEjemplaresDisponibles],
            "one is left in the other sede"
        );
    }

    #[test]
    fn a_named_copy_may_belong_to_another_sede_and_keeps_it() {
        let mut muestra = Muestra::nueva();
        let ajeno = muestra.ajeno.clone();
        let prestado = pide(&mut muestra, &Reglas::default(), Some(&ajeno)).unwrap();
        assert_eq!((prestado.sede.as_str(), prestado.ejemplar), ("s2", ajeno));
    }

    #[test]
    fn the_same_book_twice_is_refused_and_so_is_one_beyond_the_limit() {
        let mut muestra = Muestra::nueva();
        let reglas = Reglas {
            prestamos_max: 1,
            ..Reglas::default()
        };
        pide(&mut muestra, &reglas, None).unwrap();
        let negado = pide(&mut muestra, &reglas, None).unwrap_err();
        assert_eq!(negado, [Rechazo::PrestamoActivo, Rechazo::LimitePrestamos]);
    }

    #[test]
    fn a_membership_ends_after_its_last_day_where_the_library_is() {
        let reglas = Reglas::default();
        let hoy = plazo::dia(t(100), &reglas.zona_horaria);
        for (vence, negado) in [(hoy, false), (hoy.yesterday().unwrap(), true)] {
            let mut muestra = Muestra::nueva();
            let vencida = Usuario {
                vence: Some(vence),
                bloqueado: negado,
                ..usuario()
            };
            muestra.foto.con_usuario(muestra.ana.clone(), vencida);
            let esperado = [Rechazo::UsuarioVencido, Rechazo::UsuarioBloqueado];
            match pide(&mut muestra, &reglas, None) {
                Ok(_) => assert!(!negado),
                Err(motivos) => assert_eq!(motivos, esperado),
            }
        }
    }

    #[test]
    fn a_stranger_is_registered_by_a_granted_loan_only_where_registration_is_open() {
        for (registro, alta) in [(Registro::Abierto, true), (Registro::Cerrado, false)] {
            let mut muestra = Muestra::nueva();
            muestra.ana = UsuarioId::parse("nueva").unwrap();
            let reglas = Reglas {
                registro,
                ..Reglas::default()
            };
            assert_eq!(pide(&mut muestra, &reglas, None).is_ok(), alta);
            assert_eq!(muestra.foto.cambios().usuarios.len(), usize::from(alta));
        }
    }

    #[test]
    fn a_copy_that_is_lent_or_unknown_cannot_be_lent() {
        let mut muestra = Muestra::nueva().con_prestamo(0);
        muestra.ana = UsuarioId::parse("beto").unwrap();
        let (primero, nadie) = (muestra.primero.clone(), Ejemplar::parse("Z").unwrap());
        let reglas = Reglas::default();
        let negado = pide(&mut muestra, &reglas, Some(&primero)).unwrap_err();
        assert_eq!(negado, [Rechazo::SinEjemplaresDisponibles]);
        let negado = pide(&mut muestra, &reglas, Some(&nadie)).unwrap_err();
        assert_eq!(negado, [Rechazo::EjemplarNoEncontrado]);
    }
}
