//! `biblioteca pedir`: one operation, asked as a desk would, and its answer shown.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;

use crate::cli::Pedir;
use crate::domain::ids::OpId;
use crate::nodo;
use crate::ordenes::cargas::Cargas;
use crate::ordenes::{Salida, SalidaError, cargas_de};
use crate::settings::Ajustes;
use crate::sistema::salida::{avisar, decir};
use crate::solicitante::intercambio::Intercambio;
use crate::solicitante::reintento::{Azar, Final, Limites};
use crate::solicitante::resumen::Veredicto;
use crate::wire::json_cliente::{RespuestaCliente, Solicitud};
use crate::wire::respuesta::Estado;

/// How long a person waits before being told that it is still being asked.
const PACIENCIA: Duration = Duration::from_secs(3);

/// How long an ENCOLADO is asked after, in ms (contract §5).
const ESPERA_ENCOLADO_MS: u64 = 10_000;

/// Asks, repeats within its budget under the same op_id, prints the answer's data as JSON on
/// standard output and its sentence on standard error.
///
/// # Errors
/// [`SalidaError::Nadie`] when no carga answered.
pub async fn pedir(ajustes: &Ajustes, pedir: &Pedir) -> Result<Salida, SalidaError> {
    let op_id = pedir.op_id.clone().unwrap_or_else(OpId::nuevo);
    let solicitud = Solicitud {
        isbn: pedir.isbn.clone(),
        ejemplar: pedir.ejemplar.clone(),
        usuario: pedir.usuario.clone(),
        titulo: pedir.titulo.clone(),
        sede: Some(ajustes.nodo.sede.clone()),
        op_id: Some(op_id.clone()),
        modo: pedir.modo,
        plazo_ms: pedir.plazo_ms,
        ..Solicitud::nueva(pedir.operacion)
    };
    let contexto = nodo::contexto(ajustes)?;
    let mut cargas = Cargas::conectar(&contexto, &cargas_de(ajustes))?;
    let (_parar, parado) = watch::channel(false);
    let azar = Azar::con_semilla(semilla());
    let mut red = Intercambio::nuevo(&mut cargas, parado, azar);
    let limites = limites(pedir.plazo_ms);
    let fin = con_paciencia(PACIENCIA, red.pedir(solicitud, limites, false), || {
        let total_s = limites.total_ms / 1_000;
        avisar(format!(
            "aún sin respuesta definitiva; se insiste hasta {total_s} s (op_id {op_id})"
        ));
    });
    let fin = fin.await;
    let Some(respuesta) = fin.respuesta() else {
        return Err(SalidaError::Nadie(format!(
            "ninguna carga respondió (op_id {op_id})"
        )));
    };
    let mut veredicto = Veredicto::default();
    avisar(format!("{}: {}", fin.estado(), respuesta.mensaje));
    if matches!(fin, Final::SinDefinir { .. }) {
        avisar(format!(
            "sin resultado definitivo: repita con --op-id {op_id}"
        ));
    }
    // Its outcome is still to be learnt, shown or not.
    let dicho = decir(en_json(respuesta));
    let mut estado = fin.estado();
    if estado == Estado::Encolado
        && let Some(decision) = red.resolver(&op_id, limites, ESPERA_ENCOLADO_MS).await
    {
        avisar(format!(
            "decidida: {} {}",
            decision.estado, decision.mensaje
        ));
        estado = decision.estado;
    }
    dicho?;
    veredicto.contar(estado);
    Ok(Salida::Codigo(veredicto.codigo_salida()))
}

/// Whoever waits must not take silence for a hang.
async fn con_paciencia<T>(
    paciencia: Duration,
    trabajo: impl Future<Output = T>,
    decirlo: impl FnOnce(),
) -> T {
    let mut trabajo = pin!(trabajo);
    if let Ok(fin) = tokio::time::timeout(paciencia, &mut trabajo).await {
        return fin;
    }
    decirlo();
    trabajo.await
}

/// The answer as it came, but for the `id`, which is this program's own.
fn en_json(respuesta: &RespuestaCliente) -> serde_json::Value {
    serde_json::json!({
        "exito": respuesta.exito,
        "mensaje": respuesta.mensaje,
        "fechaOperacion": respuesta.fecha_operacion,
        "datos": respuesta.datos,
        "op_id": respuesta.op_id,
        "estado": respuesta.estado.palabra(),
        "codigo": respuesta.codigo,
        "repetida": respuesta.repetida,
    })
}

/// The usual budget, with room for the deadline that was asked for.
fn limites(plazo_ms: Option<u32>) -> Limites {
    let usuales = Limites::default();
    let plazo_ms = plazo_ms.map_or(0, u64::from);
    Limites {
        intento_ms: usuales.intento_ms.max(plazo_ms + 500),
        ..usuales
    }
}

/// A seed for the jitter that no other client shares.
pub(super) fn semilla() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::future::ready;

    use tokio::sync::oneshot;

    use super::*;

    #[actix_rt::test]
    async fn only_who_waits_long_is_told_so() {
        let mut dicho = false;
        con_paciencia(PACIENCIA, ready(()), || dicho = true).await;
        assert!(!dicho, "it was answered at once");
        let (aviso, avisado) = oneshot::channel();
        let respuesta = con_paciencia(Duration::ZERO, avisado, || aviso.send(7).unwrap());
        assert_eq!(respuesta.await, Ok(7), "told, and then answered");
    }
}
