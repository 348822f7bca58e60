//! `/v1`: the operations of contract §2 as REST. Each request becomes the JSON that a client
//! of 5555 would send and goes the same way; nothing is decided here.

use std::collections::HashMap;
use std::time::Duration;

use actix_web::http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, Route, web};
use serde_json::{Map, Value, json};

use crate::domain::operacion::Operacion;
use crate::http::acceso::Quien;
use crate::http::cuerpo;
use crate::http::nodo::Nodo;
use crate::http::problema::{de_respuesta, problema, recurso};
use crate::wire::json::SOLICITUD_BYTES_MAX;
use crate::wire::json_cliente::RespuestaCliente;
use crate::wire::respuesta::Estado;

/// What the carga may take at the most (contract §2) and the way there and back.
const RESPUESTA_MAX: Duration = Duration::from_secs(32);

/// The fields of a request's body.
const CAMPOS: [&str; 6] = ["isbn", "ejemplar", "usuario", "sede", "modo", "plazo_ms"];

/// The description of all this, for programs.
const OPENAPI: &str = include_str!("openapi.json");

/// Its paths.
pub(super) fn rutas(cfg: &mut web::ServiceConfig) {
    let lee = |ruta: &str, camino: Route| recurso(ruta, [(Method::GET, camino)]);
    let escribe = |ruta: &str, camino: Route| recurso(ruta, [(Method::POST, camino)]);
    cfg.service(lee("/v1/openapi.json", web::to(openapi)));
    cfg.service(escribe("/v1/prestamos", web::to(prestar)));
    cfg.service(escribe("/v1/devoluciones", web::to(devolver)));
    cfg.service(escribe("/v1/renovaciones", web::to(renovar)));
    cfg.service(lee("/v1/libros", web::to(buscar)));
    cfg.service(lee("/v1/libros/{isbn}", web::to(libro)));
    cfg.service(lee("/v1/ejemplares/{ejemplar}", web::to(ejemplar)));
    cfg.service(lee("/v1/operaciones/{op_id}", web::to(operacion)));
    cfg.service(lee("/v1/usuarios/{usuario}/prestamos", web::to(suyos)));
}

async fn openapi() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(OPENAPI)
}

type Cuerpo = web::Payload;
type Suyo = web::Data<dyn Nodo>;

async fn prestar(peticion: HttpRequest, cuerpo: Cuerpo, nodo: Suyo) -> HttpResponse {
    escribir(Operacion::Prestamo, &peticion, cuerpo, &nodo).await
}

async fn devolver(peticion: HttpRequest, cuerpo: Cuerpo, nodo: Suyo) -> HttpResponse {
    escribir(Operacion::Devolucion, &peticion, cuerpo, &nodo).await
}

async fn renovar(peticion: HttpRequest, cuerpo: Cuerpo, nodo: Suyo) -> HttpResponse {
    escribir(Operacion::Renovacion, &peticion, cuerpo, &nodo).await
}

/// `?titulo=`, `?isbn=` or `?ejemplar=`.
async fn buscar(peticion: HttpRequest, nodo: Suyo) -> HttpResponse {
    let parametros = web::Query::<HashMap<String, String>>::from_query(peticion.query_string());
    let Ok(web::Query(parametros)) = parametros else {
        return mala("los parámetros no se pueden leer");
    };
    let busca = ["titulo", "isbn", "ejemplar"]
        .into_iter()
        .find_map(|nombre| Some((nombre, parametros.get(nombre)?)));
    match busca {
        Some((nombre, valor)) => {
            preguntar(Operacion::Consulta, nombre, valor, &peticion, &nodo).await
        }
        None => mala("falta el parámetro 'titulo', 'isbn' o 'ejemplar'"),
    }
}

async fn libro(ruta: web::Path<String>, peticion: HttpRequest, nodo: Suyo) -> HttpResponse {
    preguntar(Operacion::Consulta, "isbn", &ruta, &peticion, &nodo).await
}

async fn ejemplar(ruta: web::Path<String>, peticion: HttpRequest, nodo: Suyo) -> HttpResponse {
    preguntar(Operacion::Consulta, "ejemplar", &ruta, &peticion, &nodo).await
}

async fn operacion(ruta: web::Path<String>, peticion: HttpRequest, nodo: Suyo) -> HttpResponse {
    preguntar(Operacion::Estado, "op_id", &ruta, &peticion, &nodo).await
}

/// A user's open loans.
async fn suyos(ruta: web::Path<String>, peticion: HttpRequest, nodo: Suyo) -> HttpResponse {
    preguntar(Operacion::Consulta, "usuario", &ruta, &peticion, &nodo).await
}

async fn preguntar(
    operacion: Operacion,
    campo: &str,
    valor: &str,
    peticion: &HttpRequest,
    nodo: &Suyo,
) -> HttpResponse {
    let campos = Map::from_iter([(campo.to_owned(), Value::from(valor))]);
    pedir(operacion, campos, peticion, nodo).await
}

async fn escribir(
    operacion: Operacion,
    peticion: &HttpRequest,
    cuerpo: Cuerpo,
    nodo: &Suyo,
) -> HttpResponse {
    let tipo = peticion.headers().get(CONTENT_TYPE);
    let tipo = tipo.and_then(|tipo| tipo.to_str().ok()).unwrap_or_default();
    let tipo = tipo.split(';').next().unwrap_or_default().trim();
    if !tipo.eq_ignore_ascii_case("application/json") {
        return problema(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Tipo no admitido",
            "el cuerpo se envía como application/json",
        );
    }
    let bytes = match cuerpo::leer(cuerpo, SOLICITUD_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(respuesta) => return respuesta,
    };
    let Ok(Value::Object(mut campos)) = serde_json::from_slice::<Value>(&bytes) else {
        return mala("el cuerpo debe ser un objeto JSON");
    };
    if let Some(ajeno) = campos
        .keys()
        .find(|clave| !CAMPOS.contains(&clave.as_str()))
    {
        let muestra: String = ajeno.chars().take(40).collect();
        return mala(&format!("el campo '{muestra}' no existe en esta solicitud"));
    }
    if campos.values().any(Value::is_null) {
        return mala("un campo sin valor se omite, no es null");
    }
    if let Some(clave) = peticion
        .headers()
        .get(HeaderName::from_static("idempotency-key"))
    {
        let Ok(clave) = clave.to_str() else {
            return mala("Idempotency-Key debe ser ASCII");
        };
        campos.insert("op_id".to_owned(), clave.into());
    }
    pedir(operacion, campos, peticion, nodo).await
}

async fn pedir(
    operacion: Operacion,
    mut campos: Map<String, Value>,
    peticion: &HttpRequest,
    nodo: &Suyo,
) -> HttpResponse {
    campos.insert("operacion".to_owned(), operacion.palabra().into());
    let quien = quien_es(peticion);
    let respuesta = nodo.pedir(&quien, Value::Object(campos).to_string().into_bytes());
    let Ok(Some(bytes)) = tokio::time::timeout(RESPUESTA_MAX, respuesta).await else {
        return problema(
            StatusCode::GATEWAY_TIMEOUT,
            "Sin respuesta",
            "la carga no respondió; repita con la misma Idempotency-Key para saber qué pasó",
        );
    };
    match RespuestaCliente::parse(&bytes) {
        Ok(respuesta) => decir(&respuesta, bytes),
        Err(error) => {
            tracing::error!(%error, "la carga contestó algo ilegible");
            problema(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Fallo interno",
                "la carga contestó algo ilegible",
            )
        }
    }
}

/// Whom the guard let in.
fn quien_es(peticion: &HttpRequest) -> String {
    let extensiones = peticion.extensions();
    let quien = extensiones.get::<Quien>();
    quien.map_or_else(String::new, |quien| quien.nombre.clone())
}

/// A success is the answer of contract §2 to the letter; anything else a problem with all
/// that the answer says.
fn decir(respuesta: &RespuestaCliente, bytes: Vec<u8>) -> HttpResponse {
    let estado = match respuesta.estado {
        Estado::Confirmado => StatusCode::OK,
        Estado::Encolado => StatusCode::ACCEPTED,
        Estado::Invalido => StatusCode::BAD_REQUEST,
        Estado::Rechazado => match respuesta.codigo.as_deref() {
            Some(codigo)
                if codigo.ends_with("NoEncontrado") || codigo.ends_with("NoEncontrada") =>
            {
                StatusCode::NOT_FOUND
            }
            _ => StatusCode::CONFLICT,
        },
        Estado::Ocupado | Estado::NoDisponible => StatusCode::SERVICE_UNAVAILABLE,
        Estado::Desconocido => StatusCode::GATEWAY_TIMEOUT,
    };
    if !respuesta.exito {
        let mut respuesta_http = de_respuesta(estado, respuesta);
        if respuesta.estado == Estado::Ocupado {
            // Whole seconds are all that the header can say.
            respuesta_http.headers_mut().insert(RETRY_AFTER, 1.into());
        }
        return respuesta_http;
    }
    let mut salida = HttpResponse::build(estado);
    salida.content_type("application/json");
    if let (StatusCode::ACCEPTED, Some(op_id)) = (estado, &respuesta.op_id) {
        salida.insert_header(("Location", format!("/v1/operaciones/{}", en_ruta(op_id))));
    }
    salida.body(bytes)
}

/// An op_id as part of a path.
fn en_ruta(op_id: &str) -> String {
    let llano = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    op_id
        .bytes()
        .map(|byte| match llano(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

fn mala(detalle: &str) -> HttpResponse {
    let mut respuesta = json!({
        "type": "urn:biblioteca:ParametrosInvalidos",
        "title": "ParametrosInvalidos",
        "detail": detalle,
        "codigo": "ParametrosInvalidos",
        "estado": Estado::Invalido.palabra(),
    });
    respuesta["status"] = 400.into();
    HttpResponse::BadRequest()
        .content_type("application/problem+json; charset=utf-8")
        .body(respuesta.to_string())
}
