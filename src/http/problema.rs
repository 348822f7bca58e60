//! How the side door says no: `application/problem+json` (RFC 9457), in Spanish, with the
//! contract's `codigo` where there is one.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::json;

/// A refusal. `titulo` is the kind of trouble, `detalle` this one.
#[must_use]
pub fn problema(estado: StatusCode, titulo: &str, detalle: &str) -> HttpResponse {
    let cuerpo = json!({
        "type": "about:blank",
        "title": titulo,
        "status": estado.as_u16(),
        "detail": detalle,
    });
    HttpResponse::build(estado)
        .content_type("application/problem+json; charset=utf-8")
        .body(cuerpo.to_string())
}

/// There is nothing at that path.
pub(super) async fn sin_pagina() -> HttpResponse {
    problema(
        StatusCode::NOT_FOUND,
        "No encontrado",
        "aquí no hay nada con esa dirección",
    )
}
