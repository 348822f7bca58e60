//! What happens, as it happens, for the panel: server-sent events at `/panel/eventos`.
//!
//! However many look, the doors are asked once and the text is written once: one task that
//! runs while somebody looks, and a bounded number of listeners that each get the newest
//! picture when they are ready for it. It decides nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures::stream;
use serde_json::json;
use tokio::sync::watch;

use crate::http::acceso::Acceso;
use crate::http::caudal::{Caudal, Medidor};
use crate::http::nodo::{Ficha, Nodo};
use crate::http::problema::{problema, recurso};
use crate::panorama::{Panorama, json};

/// Panels open at once: every screen of a library's rooms, and far fewer than the connections
/// that the door has.
const OYENTES_MAX: usize = 32;

/// Shortest pause between two pictures: quicker than an eye wants, and a bound on the work.
const PAUSA: Duration = Duration::from_millis(250);

/// Longest silence: a listener that hears nothing for longer knows that something is wrong.
const SILENCIO_MAX: Duration = Duration::from_secs(1);

/// Its paths.
pub(super) fn rutas(cfg: &mut web::ServiceConfig) {
    cfg.service(recurso("/panel/eventos", [(Method::GET, web::to(sucesos))]));
}

type Suceso = Option<Bytes>;

/// The one task and its listeners.
pub(super) struct Emisora {
    nodo: Arc<dyn Nodo>,
    cuadros: watch::Sender<Suceso>,
    en_marcha: Mutex<bool>,
}

impl Emisora {
    pub(super) fn nueva(nodo: Arc<dyn Nodo>) -> Self {
        Self {
            nodo,
            cuadros: watch::Sender::new(None),
            en_marcha: Mutex::new(false),
        }
    }

    /// None when there are as many listeners as there may be.
    fn oir(emisora: &web::Data<Self>) -> Option<watch::Receiver<Suceso>> {
        let mut en_marcha = emisora
            .en_marcha
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if emisora.cuadros.receiver_count() >= OYENTES_MAX {
            return None;
        }
        let mut oyente = emisora.cuadros.subscribe();
        // The newest picture at once, if there is one.
        oyente.mark_changed();
        if !std::mem::replace(&mut *en_marcha, true) {
            actix_rt::spawn(emitir(emisora.clone()));
        }
        Some(oyente)
    }

    /// Whether nobody listens any more; the task then ends, and what it told is forgotten.
    fn callar(&self) -> bool {
        let mut en_marcha = self
            .en_marcha
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if self.cuadros.receiver_count() > 0 {
            return false;
        }
        self.cuadros.send_replace(None);
        *en_marcha = false;
        true
    }
}

async fn emitir(emisora: web::Data<Emisora>) {
    let mut medidor = Medidor::default();
    while !emisora.callar() {
        let Some(mut vista) = emisora.nodo.seguir().await else {
            tokio::time::sleep(SILENCIO_MAX).await;
            continue;
        };
        while !emisora.callar() {
            match tokio::time::timeout(SILENCIO_MAX, vista.changed()).await {
                Ok(Err(_)) => break,
                Ok(Ok(())) => {
                    let panorama = vista.borrow_and_update().clone();
                    if let Some(panorama) = panorama {
                        let caudal = medidor.medir(Instant::now(), &panorama);
                        let cuadro = escribir(&panorama, caudal, emisora.nodo.ficha());
                        emisora.cuadros.send_replace(Some(cuadro));
                    }
                }
                // Nothing to tell: whoever listens hears at the next change, or knows by the
                // silence that this process is in trouble.
                Err(_) => continue,
            }
            tokio::time::sleep(PAUSA).await;
        }
    }
}

/// One event: the picture as `estado --json` gives it, and the pace.
fn escribir(panorama: &Panorama, caudal: Caudal, ficha: &Ficha) -> Bytes {
    let mut valor = json::valor(panorama);
    valor["ritmo"] = json!({
        "pedidas": caudal.pedidas,
        "entregadas": caudal.entregadas,
        "decididas": caudal.decididas,
    });
    valor["abierto_s"] = json!(ficha.abierto_s);
    Bytes::from(format!("data: {valor}\n\n"))
}

/// The last event of whoever may not look any more.
const FIN: &str = "event: fin\ndata: sesion\n\n";

async fn sucesos(
    peticion: HttpRequest,
    emisora: web::Data<Emisora>,
    acceso: web::Data<Acceso>,
) -> HttpResponse {
    let Some(oyente) = Emisora::oir(&emisora) else {
        return problema(
            StatusCode::SERVICE_UNAVAILABLE,
            "Demasiados paneles",
            "hay demasiados paneles abiertos en esta carga; cierre alguno",
        );
    };
    let abierta = Some((oyente, peticion, acceso));
    let cuadros = stream::unfold(abierta, |abierta| async move {
        let (mut oyente, peticion, acceso) = abierta?;
        loop {
            oyente.changed().await.ok()?;
            let cuadro = oyente.borrow_and_update().clone();
            if !acceso.sigue(&peticion) {
                return Some((
                    Ok::<_, actix_web::Error>(Bytes::from_static(FIN.as_bytes())),
                    None,
                ));
            }
            if let Some(cuadro) = cuadro {
                return Some((Ok(cuadro), Some((oyente, peticion, acceso))));
            }
        }
    });
    HttpResponse::Ok()
        .content_type("text/event-stream; charset=utf-8")
        .streaming(cuadros)
}
