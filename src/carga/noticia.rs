//! One line of the news feed (5556): what was decided about an operation.

use serde::Serialize;
use serde_json::Value;

use crate::domain::ids::OpId;
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::Respuesta;

#[derive(Serialize)]
struct Noticia<'a> {
    op_id: &'a OpId,
    estado: &'static str,
    codigo: Option<&'static str>,
    isbn: Option<&'a str>,
    ejemplar: Option<&'a str>,
    usuario: Option<&'a str>,
    sede: &'a str,
    fecha: &'a str,
}

/// The frame `"<operacion> <json>"`. Book, copy, user and sede are those of the decision
/// where it names them, else those that were asked.
#[must_use]
pub fn noticia(pedido: &Pedido, respuesta: &Respuesta) -> Vec<u8> {
    let datos: Value = serde_json::from_str(&respuesta.datos).unwrap_or_default();
    let dicho = |campo: &str| datos.get(campo).and_then(Value::as_str);
    let noticia = Noticia {
        op_id: &pedido.op_id,
        estado: respuesta.estado.palabra(),
        codigo: respuesta.rechazo.map(|rechazo| rechazo.codigo()),
        isbn: dicho("isbn").or(pedido.isbn.as_ref().map(|isbn| isbn.as_str())),
        ejemplar: dicho("ejemplar").or(pedido.ejemplar.as_ref().map(|codigo| codigo.as_str())),
        usuario: dicho("usuario").or(pedido.usuario.as_ref().map(|usuario| usuario.as_str())),
        sede: dicho("sede").unwrap_or(pedido.sede.as_str()),
        fecha: &respuesta.fecha,
    };
    let mut trama = format!("{} ", pedido.operacion.palabra()).into_bytes();
    // Texts only: nothing in it can fail to be written.
    let _ = serde_json::to_writer(&mut trama, &noticia);
    trama
}
