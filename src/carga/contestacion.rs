//! The words in which the diario answers a client (contract §2).

use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::carga::diario::Contestacion;
use crate::db::diario::Cerrada;
use crate::domain::ids::OpId;
use crate::domain::rechazo::Rechazo;
use crate::wire::respuesta::{Desenlace, Estado, Respuesta};

/// A stored answer, as `estado` tells it; the same fields as from the database.
#[derive(Serialize)]
struct Guardada<'a> {
    exito: bool,
    mensaje: &'a str,
    #[serde(rename = "fechaOperacion")]
    fecha: &'a str,
    datos: &'a RawValue,
    op_id: &'a OpId,
    estado: &'static str,
    codigo: Option<&'static str>,
    repetida: bool,
    operacion: &'static str,
}

/// As an outcome, told now (`fecha`) by the carga of the node `nodo`.
#[must_use]
pub fn decir(contestacion: Contestacion, op_id: &OpId, nodo: &str, fecha: String) -> Desenlace {
    match contestacion {
        Contestacion::Desenlace(desenlace) => desenlace,
        Contestacion::Encolada => Desenlace::Decidida(Respuesta {
            estado: Estado::Encolado,
            rechazo: None,
            mensaje: "Quedó anotada en el diario; se decidirá en cuanto sea posible".to_owned(),
            fecha,
            datos: json!({ "carga": nodo }).to_string(),
            repetida: false,
        }),
        Contestacion::Conflicto => Desenlace::Decidida(Respuesta {
            estado: Estado::Rechazado,
            rechazo: Some(Rechazo::ConflictoOpId),
            mensaje: Rechazo::ConflictoOpId.mensaje().to_owned(),
            fecha,
            datos: json!({ "motivos": [Rechazo::ConflictoOpId.codigo()] }).to_string(),
            repetida: false,
        }),
        Contestacion::EnCola {
            edad_ms,
            intentos,
            apartada,
        } => {
            let mensaje = if apartada {
                "La operación se apartó en el diario y espera a una persona"
            } else {
                "La operación espera en el diario de esta carga"
            };
            let datos = json!({
                "estado": Estado::Encolado.palabra(),
                "carga": nodo,
                "edad_ms": edad_ms,
                "intentos": intentos,
                "apartada": apartada,
            });
            leida(mensaje.to_owned(), datos.to_string(), fecha)
        }
        Contestacion::Guardada(cerrada) => guardada(&cerrada, op_id, fecha),
    }
}

fn guardada(cerrada: &Cerrada, op_id: &OpId, fecha: String) -> Desenlace {
    let respuesta = &cerrada.respuesta;
    let datos = Guardada {
        exito: respuesta.estado.exito(),
        mensaje: &respuesta.mensaje,
        fecha: &respuesta.fecha,
        // Written by our own database code; see `wire::json`.
        datos: serde_json::from_str(&respuesta.datos).unwrap_or(RawValue::NULL),
        op_id,
        estado: respuesta.estado.palabra(),
        codigo: respuesta.rechazo.map(|rechazo| rechazo.codigo()),
        repetida: false,
        operacion: cerrada.operacion.palabra(),
    };
    let mensaje = format!(
        "La operación quedó en {}: {}",
        respuesta.estado, respuesta.mensaje
    );
    // Texts only: nothing in it can fail to be written.
    let datos = serde_json::to_string(&datos).unwrap_or_default();
    leida(mensaje, datos, fecha)
}

const fn leida(mensaje: String, datos: String, fecha: String) -> Desenlace {
    Desenlace::Decidida(Respuesta {
        estado: Estado::Confirmado,
        rechazo: None,
        mensaje,
        fecha,
        datos,
        repetida: false,
    })
}
