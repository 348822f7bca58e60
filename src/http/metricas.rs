//! `/metrics`, in Prometheus' text format: what the process counted, and how its roles are;
//! and the count of what this door itself answers.

use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

use crate::http::nodo::Nodo;
use crate::http::problema::recurso;
use crate::runtime::metricas::{self, texto};

/// How long the roles may take to say how they are; without them the counters are told alone,
/// and the missing gauges are what the alerts see.
const GALGAS_MAX: Duration = Duration::from_millis(1_500);

/// Its path.
pub(super) fn rutas(cfg: &mut web::ServiceConfig) {
    cfg.service(recurso("/metrics", [(Method::GET, web::to(metricas))]));
}

async fn metricas(nodo: web::Data<dyn Nodo>) -> HttpResponse {
    let galgas = tokio::time::timeout(GALGAS_MAX, nodo.galgas()).await;
    let galgas = galgas.ok().flatten().unwrap_or_default();
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(galgas + &texto())
}

/// Counts every answer by the pattern that its path matched: whatever is asked for, there are
/// as many series as routes.
pub(super) async fn contar(
    peticion: ServiceRequest,
    sigue: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let metodo = match *peticion.method() {
        Method::GET => "GET",
        Method::POST => "POST",
        _ => "otro",
    };
    let respuesta = sigue.call(peticion).await?;
    let ruta = respuesta.request().match_pattern();
    let clase = match respuesta.status().as_u16() {
        ..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    };
    let etiquetas = [
        ("metodo", metodo),
        ("ruta", ruta.as_deref().unwrap_or("ninguna")),
        ("clase", clase),
    ];
    metricas::contar(&metricas::HTTP, &etiquetas, 1);
    Ok(respuesta)
}
