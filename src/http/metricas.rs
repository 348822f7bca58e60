//! `/metrics`, in Prometheus' text format: what the process counted, and how its roles are.

use std::time::Duration;

use actix_web::{HttpResponse, web};

use crate::http::nodo::Nodo;
use crate::runtime::metricas::texto;

/// How long the roles may take to say how they are; without them the counters are told alone,
/// and the missing gauges are what the alerts see.
const GALGAS_MAX: Duration = Duration::from_millis(1_500);

/// Its path.
pub(super) fn rutas(cfg: &mut web::ServiceConfig) {
    cfg.route("/metrics", web::get().to(metricas));
}

async fn metricas(nodo: web::Data<dyn Nodo>) -> HttpResponse {
    let galgas = tokio::time::timeout(GALGAS_MAX, nodo.galgas()).await;
    let galgas = galgas.ok().flatten().unwrap_or_default();
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(galgas + &texto())
}
