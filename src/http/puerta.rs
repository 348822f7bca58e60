//! The listening side of the side door: its address, its bounds, its paths and its end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, map_config};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{
    AppConfig, Server, ServerHandle, ServiceRequest, ServiceResponse, fn_service,
};
use actix_web::http::Method;
use actix_web::middleware::{DefaultHeaders, Next, from_fn};
use actix_web::rt::net::TcpStream;
use actix_web::{App, Error, HttpMessage, web};

use crate::http::acceso::Acceso;
use crate::http::conexion::Conexion;
use crate::http::nodo::Nodo;
use crate::http::panel::Emisora;
use crate::http::vecinas::{Vecinas, cruzar};
use crate::http::{api, entrada, metricas, paginas, panel, problema, salud};
use crate::sistema::motivo;

/// Connections at once: every desk and every watcher of a big library, with room; more wait
/// in the kernel's queue until one ends.
pub const CONEXIONES_MAX: usize = 256;

/// How long a client may take to send the head of a request, and an idle connection stays
/// open: a page asks every few seconds, one that says nothing only takes a place.
const CABECERA_MAX: Duration = Duration::from_secs(5);
const OCIOSA_MAX: Duration = Duration::from_secs(15);

/// How long a client may take to close after the answer.
const DESPEDIDA_MAX: Duration = Duration::from_secs(1);

/// How long the connections that are still answering may take when the node ends, in s. What
/// they wait for has been finished by the drain before.
const CIERRE_MAX_S: u64 = 1;

/// Why there is no side door; `Display` is Spanish, it reaches the operator.
#[derive(Debug, thiserror::Error)]
#[error(
    "no se puede escuchar HTTP en {extremo} (http.escucha): {}",
    motivo(causa)
)]
pub struct HttpError {
    extremo: String,
    causa: io::Error,
}

/// An open side door.
pub struct Abierta(ServerHandle);

impl Abierta {
    /// Takes no more connections and ends those that there are, within a second.
    pub async fn cerrar(self) {
        self.0.stop(true).await;
    }
}

/// Listens at `extremo` (`host:port`; host `*` is every interface) and starts to serve.
///
/// # Errors
/// [`HttpError`] when the address cannot be had.
pub fn abrir(extremo: &str, nodo: Arc<dyn Nodo>, acceso: Acceso) -> Result<Abierta, HttpError> {
    let fallo = |causa| HttpError {
        extremo: extremo.to_owned(),
        causa,
    };
    let (oyente, aqui) = ocupar(extremo).map_err(fallo)?;
    tracing::info!(extremo = %aqui, "la puerta HTTP espera");
    let con_carga = nodo.con_carga();
    let emisora = web::Data::new(Emisora::nueva(Arc::clone(&nodo)));
    let vecinas = web::Data::new(Vecinas::nuevas(&nodo.ficha().otras));
    let (nodo, acceso) = (web::Data::from(nodo), web::Data::new(acceso));
    let aplicacion = move || {
        App::new()
            .wrap(from_fn(guardar))
            .wrap(from_fn(cruzar))
            .wrap(cabeceras())
            .wrap(from_fn(metricas::contar))
            .wrap(from_fn(sin_cuerpo))
            .app_data(nodo.clone())
            .app_data(acceso.clone())
            .app_data(emisora.clone())
            .app_data(vecinas.clone())
            .configure(|cfg| rutas(cfg, con_carga))
            .default_service(web::to(problema::sin_pagina))
    };
    let constructor = Server::build()
        .workers(1)
        .max_concurrent_connections(CONEXIONES_MAX)
        .shutdown_timeout(CIERRE_MAX_S)
        .disable_signals();
    let aviso = constructor.graceful_shutdown_signal();
    let servidor = constructor
        .listen("http", oyente, move || {
            let aviso = aviso.clone();
            let app = aplicacion().into_factory();
            let app = app.map_err(|error: Error| error.error_response());
            let http = HttpService::build()
                .keep_alive(OCIOSA_MAX)
                .client_request_timeout(CABECERA_MAX)
                .client_disconnect_timeout(DESPEDIDA_MAX)
                .local_addr(aqui)
                .graceful_shutdown_signal(move || {
                    let aviso = aviso.clone();
                    async move { aviso.notified().await }
                })
                .h1(map_config(app, |()| AppConfig::default()));
            fn_service(|io: TcpStream| async move {
                let par = io.peer_addr().ok();
                Ok((Conexion::nueva(io), par))
            })
            .and_then(http)
        })
        .map_err(fallo)?
        .run();
    let mango = servidor.handle();
    actix_rt::spawn(async move {
        if let Err(error) = servidor.await {
            tracing::error!(%error, "la puerta HTTP terminó");
        }
    });
    Ok(Abierta(mango))
}

fn rutas(cfg: &mut web::ServiceConfig, con_carga: bool) {
    salud::rutas(cfg);
    metricas::rutas(cfg);
    entrada::rutas(cfg);
    if con_carga {
        api::rutas(cfg);
        paginas::rutas(cfg);
        panel::rutas(cfg);
    }
}

fn ocupar(extremo: &str) -> io::Result<(TcpListener, SocketAddr)> {
    let oyente = TcpListener::bind(extremo.replacen('*', "0.0.0.0", 1))?;
    let aqui = oyente.local_addr()?;
    Ok((oyente, aqui))
}

/// Whoever may not is answered here; whoever may is known to what comes after.
async fn guardar(
    peticion: ServiceRequest,
    sigue: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let dejada = match peticion.app_data::<web::Data<Acceso>>() {
        Some(acceso) => acceso.dejar(peticion.request()),
        None => Err(actix_web::HttpResponse::InternalServerError().finish()),
    };
    match dejada {
        Ok(quien) => {
            peticion.extensions_mut().insert(quien);
            Ok(sigue.call(peticion).await?.map_into_boxed_body())
        }
        Err(respuesta) => Ok(peticion.into_response(respuesta)),
    }
}

/// HEAD is GET whose answer has its head alone: what writes it leaves the body out, and a body
/// that has no end is not begun.
async fn sin_cuerpo(
    mut peticion: ServiceRequest,
    sigue: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if *peticion.method() != Method::HEAD {
        return Ok(sigue.call(peticion).await?.map_into_boxed_body());
    }
    peticion.head_mut().method = Method::GET;
    let respuesta = sigue.call(peticion).await?.map_into_boxed_body();
    Ok(match respuesta.response().body().size() {
        BodySize::Stream => respuesta.map_body(|_, _| BoxBody::new(())),
        _ => respuesta,
    })
}

/// What every answer carries: nothing of ours is for another site's page, for a frame, for a
/// guess of its type or for a cache. Within our pages a browser does say where it comes from:
/// told never to, it calls the form of `/entrar` of no origin, which is refused as anybody's.
fn cabeceras() -> DefaultHeaders {
    DefaultHeaders::new()
        .add((
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ))
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("Referrer-Policy", "same-origin"))
        .add(("Cross-Origin-Resource-Policy", "same-origin"))
        .add(("Cross-Origin-Opener-Policy", "same-origin"))
        .add(("Cache-Control", "no-store"))
}
