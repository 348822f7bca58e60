//! `/entrar`: a token becomes a session; `/salir` ends it. Plain forms, no scripts.

use std::time::Instant;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::http::acceso::{Acceso, galleta};
use crate::http::cuerpo;
use crate::http::problema::recurso;
use crate::http::sesiones::{GALLETA, OCIO_MAX};

/// Largest form, in bytes: a token and a destination.
const FORMULARIO_BYTES_MAX: usize = 4 * 1024;

/// Its paths.
pub(super) fn rutas(cfg: &mut web::ServiceConfig) {
    let caminos = [
        (Method::GET, web::to(pagina)),
        (Method::POST, web::to(entrar)),
    ];
    cfg.service(recurso("/entrar", caminos));
    cfg.service(recurso("/salir", [(Method::POST, web::to(salir))]));
}

async fn pagina(peticion: HttpRequest) -> HttpResponse {
    let destino = destino(peticion.query_string());
    let aviso = if destino.is_some() {
        "La sesión terminó. Entre otra vez para seguir donde estaba; lo enviado se conserva."
    } else {
        ""
    };
    html(StatusCode::OK, aviso, destino)
}

/// The page to go on to, among ours: an address of somebody else's is none.
fn destino(campos: &str) -> Option<&'static str> {
    let pedido = campos.split('&').find_map(|par| par.strip_prefix("a="))?;
    let pedido = pedido.replace("%2F", "/");
    ["/", "/mostrador"].into_iter().find(|ruta| *ruta == pedido)
}

async fn entrar(
    peticion: HttpRequest,
    cuerpo: web::Payload,
    acceso: web::Data<Acceso>,
) -> HttpResponse {
    let bytes = match cuerpo::leer(cuerpo, FORMULARIO_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(respuesta) => return respuesta,
    };
    if let Err(respuesta) = acceso.probar(&peticion) {
        return respuesta;
    }
    let texto = String::from_utf8_lossy(&bytes);
    // A token has no character that a form would write in another way.
    let token = texto
        .split('&')
        .find_map(|par| par.strip_prefix("token="))
        .unwrap_or_default();
    let Some(quien) = acceso.por_token(token) else {
        tracing::warn!("un token que no vale en /entrar");
        return html(
            StatusCode::UNAUTHORIZED,
            "Ese token no vale.",
            destino(&texto),
        );
    };
    tracing::info!(quien = quien.nombre, "sesión abierta");
    let galleta = acceso.sesiones().abrir(token, Instant::now());
    let dura_s = OCIO_MAX.as_secs();
    HttpResponse::SeeOther()
        .insert_header(("Location", destino(&texto).unwrap_or("/")))
        .insert_header((
            "Set-Cookie",
            format!("{GALLETA}={galleta}; Path=/; HttpOnly; SameSite=Strict; Max-Age={dura_s}"),
        ))
        .finish()
}

async fn salir(peticion: HttpRequest, acceso: web::Data<Acceso>) -> HttpResponse {
    if let Some(galleta) = galleta(peticion.headers()) {
        acceso.sesiones().cerrar(&galleta);
    }
    HttpResponse::SeeOther()
        .insert_header(("Location", "/entrar"))
        .insert_header((
            "Set-Cookie",
            format!("{GALLETA}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"),
        ))
        .finish()
}

fn html(estado: StatusCode, aviso: &str, destino: Option<&str>) -> HttpResponse {
    let destino = destino.map_or_else(String::new, |ruta| {
        format!("<input type=\"hidden\" name=\"a\" value=\"{ruta}\">")
    });
    let aviso = if aviso.is_empty() {
        String::new()
    } else {
        format!("<p role=\"alert\">{aviso}</p>")
    };
    HttpResponse::build(estado)
        .content_type("text/html; charset=utf-8")
        .body(format!(
            "<!doctype html><html lang=\"es\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <meta name=\"color-scheme\" content=\"light dark\">\
             <title>Entrar · biblioteca</title>\
             <link rel=\"icon\" href=\"/estatico/icono.svg\" type=\"image/svg+xml\">\
             <link rel=\"stylesheet\" href=\"/estatico/estilo.css\">\
             <link rel=\"stylesheet\" href=\"/estatico/mostrador.css\">\
             <header class=\"cabecera\"><p class=\"marca\">Biblioteca</p></header>\
             <main><section class=\"carta\"><h1>Entrar</h1>{aviso}\
             <form method=\"post\" action=\"/entrar\">{destino}\
             <div class=\"campo\"><label for=\"token\">Token</label>\
             <input id=\"token\" type=\"password\" name=\"token\" required autofocus \
             autocomplete=\"current-password\"></div>\
             <button class=\"principal\">Entrar</button></form>\
             <p class=\"nota\">Un token se crea con <code>biblioteca tokens nuevo</code>.</p>\
             </section></main></html>"
        ))
}
