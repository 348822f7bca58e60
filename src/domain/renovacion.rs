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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::foto::Usuario;
    use crate::domain::muestra::{Muestra, t, usuario};

    fn renueva(muestra: &mut Muestra) -> Result<Prestamo, Vec<Rechazo>> {
        let (isbn, ana, s1) = (
            muestra.isbn.clone(),
            muestra.ana.clone(),
            muestra.s1.clone(),
        );
        let solicitud = Solicitud {
            isbn: Some(&isbn),
            ejemplar: None,
            usuario: Some(&ana),
            sede: &s1,
        };
        renovar(&mut muestra.foto, &Reglas::default(), solicitud, t(100))
            .map_err(|negativa| negativa.motivos().to_vec())
    }

    #[test]
    fn each_renewal_counts_from_the_due_date_until_the_limit() {
        let mut muestra = Muestra::nueva().con_prestamo(0);
        let primera = renueva(&mut muestra).unwrap();
        let segunda = renueva(&mut muestra).unwrap();
        assert_eq!((primera.renovaciones, segunda.renovaciones), (1, 2));
        let dias = segunda.vence_en.duration_since(primera.vence_en).as_hours() / 24;
        assert_eq!(dias, 7);
        assert_eq!(
            renueva(&mut muestra),
            Err(vec![Rechazo::LimiteRenovaciones])
        );
    }

    #[test]
    fn a_blocked_user_renews_nothing() {
        let mut muestra = Muestra::nueva().con_prestamo(0);
        let bloqueada = Usuario {
            bloqueado: true,
            ..usuario()
        };
        muestra.foto.con_usuario(muestra.ana.clone(), bloqueada);
        assert_eq!(renueva(&mut muestra), Err(vec![Rechazo::UsuarioBloqueado]));
    }

    #[test]
    fn without_a_loan_there_is_nothing_to_renew_and_by_copy_alone_nobody_is_meant() {
        let mut muestra = Muestra::nueva();
        assert_eq!(
            renueva(&mut muestra),
            Err(vec![Rechazo::PrestamoNoEncontrado])
        );
        let mut muestra = Muestra::nueva().con_prestamo(0);
        let primero = muestra.primero.clone();
        let s1 = muestra.s1.clone();
        let sin_usuario = Solicitud {
            isbn: None,
            ejemplar: Some(&primero),
            usuario: None,
            sede: &s1,
        };
        let negada = renovar(&mut muestra.foto, &Reglas::default(), sin_usuario, t(100));
        assert_eq!(negada, Err(Negativa::por(Rechazo::PrestamoNoEncontrado)));
    }
}
