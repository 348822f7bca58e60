//! After the desks have closed and everything is healed: every operation gets its outcome,
//! and some are asked once more, since a repeat must change nothing and be told the same.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::db::auditoria::{self, Fuente};
use crate::domain::ids::{Isbn, OpId, UsuarioId};
use crate::domain::modo::Modo;
use crate::domain::operacion::Operacion;
use crate::net::socket::Contexto;
use crate::ordenes::SalidaError;
use crate::ordenes::auditar::cotejo::sin_decidir;
use crate::ordenes::cargas::Cargas;
use crate::ordenes::simulacro::mostrador::recibo;
use crate::solicitante::intercambio::Intercambio;
use crate::solicitante::recibos::Recibo;
use crate::solicitante::reintento::{Azar, Limites};
use crate::wire::json_cliente::Solicitud;
use crate::wire::respuesta::Estado;

/// How long all that was queued may take once everything is healed (fault case 45).
const DECISION_MAX: Duration = Duration::from_secs(60);

/// Between two looks at it.
const MIRADA: Duration = Duration::from_millis(250);

/// Decided operations that are asked once more.
const REPETICIONES: u64 = 200;

/// What the repeats said.
#[derive(Debug, Default)]
pub(super) struct Repeticiones {
    /// How many were made.
    pub(super) hechas: u64,
    /// Those that were told something else than the first time, in Spanish.
    pub(super) distintas: Vec<String>,
}

/// Asks again after what no desk got a definite outcome of; the receipts are added. How many
/// such operations there were.
///
/// # Errors
/// [`SalidaError`] when there are no sockets.
pub(super) async fn resolver(
    contexto: &Contexto,
    cargas: &[String],
    recibos: &mut Vec<Recibo>,
) -> Result<usize, SalidaError> {
    let abiertas: Vec<Recibo> = recibos
        .iter()
        .filter(|recibo| {
            let estado = Estado::de_palabra(&recibo.estado);
            !matches!(
                estado,
                Some(Estado::Confirmado | Estado::Rechazado | Estado::Encolado)
            )
        })
        .cloned()
        .collect();
    let mut enlaces = Cargas::conectar(contexto, cargas)?;
    let (_parar, parado) = watch::channel(false);
    let mut red = Intercambio::nuevo(&mut enlaces, parado, Azar::con_semilla(1));
    for abierta in &abiertas {
        let Some(solicitud) = la_misma(abierta) else {
            continue;
        };
        let inicio = Timestamp::now();
        let fin = red.pedir(solicitud.clone(), Limites::default(), true).await;
        recibos.push(recibo(&solicitud, &fin, inicio));
    }
    Ok(abiertas.len())
}

/// Waits until the database has every ENCOLADO. What is missing then, the audit names.
///
/// # Errors
/// [`SalidaError`] when the database cannot be read.
pub(super) async fn esperar_decididas(
    base: &Fuente,
    recibos: &[Recibo],
) -> Result<(), SalidaError> {
    let limite = Instant::now() + DECISION_MAX;
    let op_ids: Vec<&str> = recibos
        .iter()
        .filter(|recibo| recibo.estado == Estado::Encolado.palabra())
        .map(|recibo| recibo.op_id.as_str())
        .collect();
    while !op_ids.is_empty() && Instant::now() < limite {
        let auditoria = auditoria::auditar(base, &op_ids)
            .await
            .map_err(|error| SalidaError::Interno(error.to_string()))?;
        if sin_decidir(recibos, &auditoria.guardadas).is_empty() {
            break;
        }
        tokio::time::sleep(MIRADA).await;
    }
    Ok(())
}

/// Asks some decided operations once more, at the other carga than is asked first.
///
/// # Errors
/// [`SalidaError`] when there are no sockets.
pub(super) async fn repetir(
    contexto: &Contexto,
    cargas: &[String],
    recibos: &[Recibo],
    semilla: u64,
) -> Result<Repeticiones, SalidaError> {
    let decididos: Vec<&Recibo> = recibos
        .iter()
        .filter(|recibo| {
            let estado = Estado::de_palabra(&recibo.estado);
            matches!(estado, Some(Estado::Confirmado | Estado::Rechazado))
        })
        .collect();
    let mut al_reves = cargas.to_vec();
    al_reves.reverse();
    let mut enlaces = Cargas::conectar(contexto, &al_reves)?;
    let (_parar, parado) = watch::channel(false);
    let mut azar = Azar::con_semilla(semilla);
    let mut red = Intercambio::nuevo(&mut enlaces, parado, Azar::con_semilla(2));
    let mut repeticiones = Repeticiones::default();
    for _ in 0..REPETICIONES.min(decididos.len() as u64) {
        let cual = azar.hasta(decididos.len() as u64 - 1);
        let primero = decididos[usize::try_from(cual).unwrap_or(0)];
        let Some(solicitud) = la_misma(primero) else {
            continue;
        };
        let fin = red.pedir(solicitud.clone(), Limites::default(), true).await;
        repeticiones.hechas += 1;
        let segundo = recibo(&solicitud, &fin, Timestamp::now());
        let repetida = fin.respuesta().is_some_and(|respuesta| respuesta.repetida);
        let igual = (&segundo.estado, &segundo.codigo, &segundo.datos)
            == (&primero.estado, &primero.codigo, &primero.datos);
        if !igual || !repetida {
            repeticiones.distintas.push(format!(
                "{}: primero {} {}, después {} {}",
                primero.op_id, primero.estado, primero.datos, segundo.estado, segundo.datos
            ));
        }
    }
    Ok(repeticiones)
}

/// The request of a receipt, to the letter of its content.
fn la_misma(recibo: &Recibo) -> Option<Solicitud> {
    Some(Solicitud {
        isbn: recibo
            .isbn
            .as_deref()
            .and_then(|isbn| Isbn::parse(isbn).ok()),
        usuario: recibo
            .usuario
            .as_deref()
            .and_then(|usuario| UsuarioId::parse(usuario).ok()),
        op_id: Some(OpId::parse(&recibo.op_id).ok()?),
        modo: Some(Modo::Sincrono),
        ..Solicitud::nueva(Operacion::de_palabra(&recibo.operacion)?)
    })
}
