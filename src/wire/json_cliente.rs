//! The client's side of the JSON on 5555 (contract §2): writes a request, reads an answer.
//!
//! Called by `solicitante` and by the verb `pedir`. It never decides whether to repeat.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::ids::{Ejemplar, Isbn, OpId, Sede, Titulo, UsuarioId};
use crate::domain::modo::Modo;
use crate::domain::operacion::Operacion;
use crate::wire::respuesta::Estado;

/// A request as a client makes it; which fields must stand is told by contract §2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solicitud {
    /// What is asked.
    pub operacion: Operacion,
    /// The book.
    pub isbn: Option<Isbn>,
    /// One copy.
    pub ejemplar: Option<Ejemplar>,
    /// Who borrows or returns.
    pub usuario: Option<UsuarioId>,
    /// The branch; the carga's when absent.
    pub sede: Option<Sede>,
    /// Words of a title, for a consulta.
    pub titulo: Option<Titulo>,
    /// The idempotency key; for `estado`, the operation asked about.
    pub op_id: Option<OpId>,
    /// Echoed and without meaning to the carga: tells the answers of two attempts apart.
    pub id: Option<String>,
    /// The rules' default when absent.
    pub modo: Option<Modo>,
    /// How long the carga may take, in ms (100–30000); its own default when absent.
    pub plazo_ms: Option<u32>,
}

impl Solicitud {
    /// A request with nothing but its operation.
    #[must_use]
    pub const fn nueva(operacion: Operacion) -> Self {
        Self {
            operacion,
            isbn: None,
            ejemplar: None,
            usuario: None,
            sede: None,
            titulo: None,
            op_id: None,
            id: None,
            modo: None,
            plazo_ms: None,
        }
    }

    /// The JSON text of one frame; absent fields are left out.
    #[must_use]
    pub fn texto(&self) -> String {
        let textos = [
            ("isbn", self.isbn.as_ref().map(Isbn::as_str)),
            ("ejemplar", self.ejemplar.as_ref().map(Ejemplar::as_str)),
            ("usuario", self.usuario.as_ref().map(UsuarioId::as_str)),
            ("sede", self.sede.as_ref().map(Sede::as_str)),
            ("titulo", self.titulo.as_ref().map(Titulo::as_str)),
            ("op_id", self.op_id.as_ref().map(OpId::as_str)),
            ("id", self.id.as_deref()),
            ("modo", self.modo.map(Modo::palabra)),
        ];
        let mut objeto: Map<String, Value> = textos
            .into_iter()
            .filter_map(|(clave, texto)| Some((clave.to_owned(), Value::from(texto?))))
            .collect();
        objeto.insert("operacion".to_owned(), self.operacion.palabra().into());
        if let Some(plazo_ms) = self.plazo_ms {
            objeto.insert("plazo_ms".to_owned(), plazo_ms.into());
        }
        Value::Object(objeto).to_string()
    }
}

/// An answer as a client reads it (contract §2).
#[derive(Debug, Clone, PartialEq)]
pub struct RespuestaCliente {
    /// Whether the client got what it asked for.
    pub exito: bool,
    /// Spanish sentence for a person.
    pub mensaje: String,
    /// RFC 3339 with offset.
    pub fecha_operacion: String,
    /// What belongs to the operation; an object.
    pub datos: Value,
    /// None when the carga could not read the request's.
    pub op_id: Option<String>,
    /// What the answer claims.
    pub estado: Estado,
    /// The reason, if there is one.
    pub codigo: Option<String>,
    /// An earlier attempt had already decided it.
    pub repetida: bool,
    /// The request's `id`, if it had one.
    pub id: Option<Value>,
}

/// Why a frame is not an answer.
#[derive(Debug, thiserror::Error)]
pub enum RespuestaIlegible {
    /// Not JSON, or not an object with the fields of an answer.
    #[error("la respuesta no es un JSON del contrato: {0}")]
    Json(#[from] serde_json::Error),
    /// A state this version does not know.
    #[error("la respuesta trae un estado desconocido: '{0}'")]
    Estado(String),
}

/// The answer's fields as they stand in the JSON; unknown ones may be added by newer cargas.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cruda {
    exito: bool,
    mensaje: String,
    fecha_operacion: String,
    #[serde(default)]
    datos: Value,
    #[serde(rename = "op_id", default)]
    op_id: Option<String>,
    estado: String,
    #[serde(default)]
    codigo: Option<String>,
    #[serde(default)]
    repetida: bool,
    #[serde(default)]
    id: Option<Value>,
}

impl RespuestaCliente {
    /// Reads one frame.
    ///
    /// # Errors
    /// [`RespuestaIlegible`] when it is not an answer of contract §2.
    pub fn parse(trama: &[u8]) -> Result<Self, RespuestaIlegible> {
        let cruda: Cruda = serde_json::from_slice(trama)?;
        let estado = Estado::de_palabra(&cruda.estado)
            .ok_or_else(|| RespuestaIlegible::Estado(cruda.estado.clone()))?;
        Ok(Self {
            exito: cruda.exito,
            mensaje: cruda.mensaje,
            fecha_operacion: cruda.fecha_operacion,
            datos: cruda.datos,
            op_id: cruda.op_id,
            estado,
            codigo: cruda.codigo,
            repetida: cruda.repetida,
            id: cruda.id,
        })
    }

    /// How long an `OCUPADO` asks to wait, in ms, if it says so.
    #[must_use]
    pub fn reintentar_ms(&self) -> Option<u64> {
        self.datos.get("reintentar_ms").and_then(Value::as_u64)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_contracts_keys_and_nothing_absent() {
        let solicitud = Solicitud {
            isbn: Some(Isbn::parse("Libro456").unwrap()),
            usuario: Some(UsuarioId::parse("usuario1").unwrap()),
            op_id: Some(OpId::parse("c-1").unwrap()),
            modo: Some(Modo::Asincrono),
            plazo_ms: Some(900),
            ..Solicitud::nueva(Operacion::Renovacion)
        };
        let leida: Value = serde_json::from_str(&solicitud.texto()).unwrap();
        assert_eq!(
            leida,
            serde_json::json!({"operacion":"renovacion","isbn":"Libro456","usuario":"usuario1",
                "op_id":"c-1","modo":"asincrono","plazo_ms":900})
        );
    }

    #[test]
    fn an_answer_reads_back_and_unknown_keys_are_tolerated() {
        let respuesta = RespuestaCliente::parse(
            br#"{"exito":false,"mensaje":"m","fechaOperacion":"2026-01-01T00:00:00-05:00",
            "datos":{"reintentar_ms":40},"op_id":null,"estado":"OCUPADO","codigo":"ColaLlena",
            "repetida":false,"id":7,"nuevo":1}"#,
        )
        .unwrap();
        assert_eq!(respuesta.estado, Estado::Ocupado);
        assert_eq!(respuesta.reintentar_ms(), Some(40));
        assert_eq!(respuesta.id, Some(Value::from(7)));
        assert_eq!(respuesta.op_id, None);
    }

    #[test]
    fn garbage_is_told_apart_from_an_unknown_state() {
        assert!(matches!(
            RespuestaCliente::parse(b"\xff\x00"),
            Err(RespuestaIlegible::Json(_))
        ));
        assert!(matches!(
            RespuestaCliente::parse(
                br#"{"exito":true,"mensaje":"","fechaOperacion":"","estado":"QUIZAS"}"#
            ),
            Err(RespuestaIlegible::Estado(_))
        ));
    }
}
