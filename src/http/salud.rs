//! `/salud/vivo` (the process answers; touches nothing) and `/salud/listo` (its roles can do
//! their job now), for load balancers, systemd and people.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::http::nodo::Nodo;
use crate::http::problema::recurso;

/// How long the roles may take to say how they are: each has 400 ms, and whoever watches
/// expects to know within 2 s.
const RESPUESTA_MAX: Duration = Duration::from_millis(1_500);

/// Its paths.
pub(super) fn rutas(cfg: &mut web::ServiceConfig) {
    cfg.service(recurso("/salud/vivo", [(Method::GET, web::to(vivo))]));
    cfg.service(recurso("/salud/listo", [(Method::GET, web::to(listo))]));
}

async fn vivo() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "vivo": true }))
}

async fn listo(nodo: web::Data<dyn Nodo>) -> HttpResponse {
    let salud = tokio::time::timeout(RESPUESTA_MAX, nodo.salud()).await;
    let Ok(Some(salud)) = salud else {
        let motivo = "los roles de este proceso no responden";
        return HttpResponse::ServiceUnavailable()
            .json(json!({ "listo": false, "motivo": motivo, "roles": [] }));
    };
    let listo = salud.roles.iter().all(|rol| rol.listo);
    let motivos: Vec<&str> = salud
        .roles
        .iter()
        .filter(|rol| !rol.listo)
        .filter_map(|rol| rol.detalle.as_deref())
        .collect();
    let roles: Vec<_> = salud
        .roles
        .iter()
        .map(|rol| json!({ "rol": rol.rol, "listo": rol.listo, "detalle": rol.detalle }))
        .collect();
    let cuerpo = json!({
        "listo": listo,
        "motivo": (!listo).then(|| motivos.join("; ")),
        "nodo": salud.nodo,
        "roles": roles,
    });
    if listo {
        HttpResponse::Ok().json(cuerpo)
    } else {
        HttpResponse::ServiceUnavailable().json(cuerpo)
    }
}
