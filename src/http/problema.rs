//! How the side door says no: `application/problem+json` (RFC 9457), in Spanish, with the
//! contract's `codigo` where there is one.

use actix_web::http::header::ALLOW;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, Resource, Route, web};
use serde_json::{Value, json};

use crate::wire::json_cliente::RespuestaCliente;

/// A refusal. `titulo` is the kind of trouble, `detalle` this one.
#[must_use]
pub fn problema(estado: StatusCode, titulo: &str, detalle: &str) -> HttpResponse {
    escribir(
        estado,
        &json!({
            "type": "about:blank",
            "title": titulo,
            "status": estado.as_u16(),
            "detail": detalle,
        }),
    )
}

/// The answer of a carga that is no success, with all that it says.
#[must_use]
pub(super) fn de_respuesta(estado: StatusCode, respuesta: &RespuestaCliente) -> HttpResponse {
    let codigo = respuesta.codigo.as_deref().unwrap_or("sin-codigo");
    escribir(
        estado,
        &json!({
            "type": format!("urn:biblioteca:{codigo}"),
            "title": codigo,
            "status": estado.as_u16(),
            "detail": respuesta.mensaje,
            "estado": respuesta.estado.palabra(),
            "codigo": respuesta.codigo,
            "op_id": respuesta.op_id,
            "repetida": respuesta.repetida,
            "fechaOperacion": respuesta.fecha_operacion,
            "datos": respuesta.datos,
        }),
    )
}

fn escribir(estado: StatusCode, cuerpo: &Value) -> HttpResponse {
    HttpResponse::build(estado)
        .content_type("application/problem+json; charset=utf-8")
        .body(cuerpo.to_string())
}

/// What is at that path for these methods; others are told which there are, and that HEAD goes
/// wherever GET does.
pub(super) fn recurso<const N: usize>(ruta: &str, caminos: [(Method, Route); N]) -> Resource {
    let mut vale: Vec<&str> = caminos.iter().map(|(metodo, _)| metodo.as_str()).collect();
    if vale.contains(&"GET") {
        vale.push("HEAD");
    }
    let vale = vale.join(", ");
    let mut recurso = web::resource(ruta);
    for (metodo, camino) in caminos {
        recurso = recurso.route(camino.method(metodo));
    }
    recurso.default_service(web::to(move || otro_metodo(vale.clone())))
}

async fn otro_metodo(vale: String) -> HttpResponse {
    let mut respuesta = problema(
        StatusCode::METHOD_NOT_ALLOWED,
        "Método no admitido",
        &format!("aquí se usa {vale}"),
    );
    if let Ok(vale) = vale.parse() {
        respuesta.headers_mut().insert(ALLOW, vale);
    }
    respuesta
}

/// There is nothing at that path.
pub(super) async fn sin_pagina() -> HttpResponse {
    problema(
        StatusCode::NOT_FOUND,
        "No encontrado",
        "aquí no hay nada con esa dirección",
    )
}
