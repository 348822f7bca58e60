//! Starts the side door, and answers for the roles of this process what it asks.
//!
//! The door lives on a thread of its own; the roles on the system's. A bounded queue is the
//! way from one to the other: each question becomes a task here, so a slow one holds up none.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::Instant;

use crate::http::acceso::Acceso;
use crate::http::nodo::{Ficha, Nodo, Salud, SaludDeRol};
use crate::http::puerta::{Abierta, CONEXIONES_MAX, HttpError, abrir};
use crate::http::vecinas::Vecinas;
use crate::net::socket::Contexto;
use crate::nodo::{Entorno, Marcha, TERMINA, actores, almacenamiento, carga, medidas};
use crate::panorama::Panorama;
use crate::panorama::sondeo::{Puertas, sondear};
use crate::panorama::vigia::{Vista, vigilar};
use crate::settings::Ajustes;
use crate::settings::endpoint::Endpoint;

/// A picture of the library serves everybody who asks within this: many watch, the doors are
/// asked once.
const PANORAMA_VALE: Duration = Duration::from_millis(500);

/// A started side door.
pub struct EnMarcha {
    abierta: Abierta,
    termina: Arc<AtomicBool>,
}

impl EnMarcha {
    /// From now on its health is that the node leaves.
    pub fn despedirse(&self) {
        self.termina.store(true, Ordering::Relaxed);
    }

    /// Takes no more connections and ends those that there are.
    pub async fn cerrar(self) {
        self.abierta.cerrar().await;
    }
}

/// Starts it where the settings want one.
///
/// # Errors
/// [`HttpError`] when its address cannot be had.
pub fn arrancar(entorno: &Entorno<'_>, marcha: &Marcha) -> Result<Option<EnMarcha>, HttpError> {
    let Some(escucha) = entorno.ajustes.http_escucha() else {
        return Ok(None);
    };
    let (preguntas, por_contestar) = mpsc::channel(CONEXIONES_MAX);
    let termina = Arc::new(AtomicBool::new(false));
    let roles = Rc::new(Roles {
        nodo: entorno.ajustes.nodo.id.clone(),
        carga: marcha.carga.clone(),
        actores: marcha.actores.clone(),
        almacenamiento: marcha.almacenamiento.clone(),
        termina: Arc::clone(&termina),
        contexto: entorno.contexto.clone(),
        puertas: puertas(entorno.ajustes),
        visto: Mutex::new(None),
    });
    let ventana = Ventana {
        ficha: ficha(entorno.ajustes),
        preguntas,
        con_carga: marcha.carga.is_some(),
    };
    let ajustes = entorno.ajustes;
    let otras = ficha(ajustes).otras;
    let acceso = Acceso::nuevo(
        ajustes.nodo.datos.clone(),
        ajustes.http.nombres.clone(),
        Vecinas::nuevas(&otras),
    );
    let abierta = abrir(&escucha.direccion(), Arc::new(ventana), acceso)?;
    actix_rt::spawn(contestar(roles, por_contestar));
    Ok(Some(EnMarcha { abierta, termina }))
}

/// The doors of the library that this configuration knows.
#[must_use]
pub fn puertas(ajustes: &Ajustes) -> Puertas {
    let textos = |lista: &[Endpoint]| lista.iter().map(ToString::to_string).collect();
    Puertas {
        cargas: textos(&ajustes.actores.cargas),
        almacenes: textos(&ajustes.actores.almacenamientos),
    }
}

fn ficha(ajustes: &Ajustes) -> Ficha {
    Ficha {
        nodo: ajustes.nodo.id.clone(),
        sede: ajustes.nodo.sede.to_string(),
        abierto_s: ajustes.cortacircuitos.abierto_s,
        otras: ajustes
            .http
            .otras
            .iter()
            .map(|otra| format!("http://{}", otra.direccion()))
            .collect(),
    }
}

/// What the door asks.
enum Pregunta {
    Salud(oneshot::Sender<Salud>),
    Galgas(oneshot::Sender<String>),
    Panorama(oneshot::Sender<Arc<Panorama>>),
    Seguir(oneshot::Sender<Vista>),
    Pedir(String, Vec<u8>, oneshot::Sender<Vec<u8>>),
}

/// The near end, on the door's thread.
struct Ventana {
    ficha: Ficha,
    preguntas: mpsc::Sender<Pregunta>,
    con_carga: bool,
}

impl Ventana {
    /// None when nobody answers: the roles' thread is stuck or gone.
    fn preguntar<T: Send + 'static>(
        &self,
        pregunta: impl FnOnce(oneshot::Sender<T>) -> Pregunta,
    ) -> BoxFuture<'static, Option<T>> {
        let (aviso, respuesta) = oneshot::channel();
        let encolada = self.preguntas.try_send(pregunta(aviso)).is_ok();
        Box::pin(async move {
            if !encolada {
                return None;
            }
            respuesta.await.ok()
        })
    }
}

impl Nodo for Ventana {
    fn con_carga(&self) -> bool {
        self.con_carga
    }

    fn ficha(&self) -> &Ficha {
        &self.ficha
    }

    fn salud(&self) -> BoxFuture<'static, Option<Salud>> {
        self.preguntar(Pregunta::Salud)
    }

    fn galgas(&self) -> BoxFuture<'static, Option<String>> {
        self.preguntar(Pregunta::Galgas)
    }

    fn panorama(&self) -> BoxFuture<'static, Option<Arc<Panorama>>> {
        self.preguntar(Pregunta::Panorama)
    }

    fn seguir(&self) -> BoxFuture<'static, Option<Vista>> {
        self.preguntar(Pregunta::Seguir)
    }

    fn pedir(&self, quien: &str, solicitud: Vec<u8>) -> BoxFuture<'static, Option<Vec<u8>>> {
        let quien = quien.to_owned();
        self.preguntar(|aviso| Pregunta::Pedir(quien, solicitud, aviso))
    }
}

/// The far end, on the roles' thread.
struct Roles {
    nodo: String,
    carga: Option<carga::EnMarcha>,
    actores: Vec<actores::EnMarcha>,
    almacenamiento: Option<almacenamiento::EnMarcha>,
    termina: Arc<AtomicBool>,
    contexto: Contexto,
    puertas: Puertas,
    visto: Mutex<Option<(Instant, Arc<Panorama>)>>,
}

async fn contestar(roles: Rc<Roles>, mut preguntas: mpsc::Receiver<Pregunta>) {
    while let Some(pregunta) = preguntas.recv().await {
        let roles = Rc::clone(&roles);
        // Whoever asked may be gone by the time of the answer.
        actix_rt::spawn(async move {
            match pregunta {
                Pregunta::Salud(aviso) => drop(aviso.send(roles.salud().await)),
                Pregunta::Galgas(aviso) => drop(aviso.send(roles.galgas().await)),
                Pregunta::Panorama(aviso) => drop(aviso.send(roles.panorama().await)),
                Pregunta::Seguir(aviso) => {
                    let _ = aviso.send(vigilar(&roles.contexto, &roles.puertas));
                }
                Pregunta::Pedir(quien, solicitud, aviso) => {
                    if let Some(carga) = &roles.carga {
                        let respuesta = carga.ventanilla().pedir(&quien, &solicitud).await;
                        let _ = aviso.send(respuesta);
                    }
                }
            }
        });
    }
}

impl Roles {
    async fn salud(&self) -> Salud {
        let mut roles = Vec::new();
        let mut anotar = |rol: &str, salud: Result<Option<&'static str>, String>| {
            let salud = if self.termina.load(Ordering::Relaxed) {
                Err(TERMINA.to_owned())
            } else {
                salud
            };
            roles.push(SaludDeRol {
                rol: rol.to_owned(),
                listo: salud.is_ok(),
                detalle: match salud {
                    Ok(detalle) => detalle.map(str::to_owned),
                    Err(motivo) => Some(motivo),
                },
            });
        };
        if let Some(carga) = &self.carga {
            anotar("carga", carga.salud().await.map(|()| None));
        }
        for actor in &self.actores {
            anotar(actor.nombre(), actor.salud().await.map(|()| None));
        }
        if let Some(almacenamiento) = &self.almacenamiento {
            anotar("almacenamiento", almacenamiento.salud());
        }
        Salud {
            nodo: self.nodo.clone(),
            roles,
        }
    }

    async fn galgas(&self) -> String {
        let (carga, almacenamiento) = (self.carga.as_ref(), self.almacenamiento.as_ref());
        let galgas = medidas::galgas(&self.nodo, carga, &self.actores, almacenamiento);
        galgas.await.texto()
    }

    async fn panorama(&self) -> Arc<Panorama> {
        let mut visto = self.visto.lock().await;
        if let Some((cuando, panorama)) = &*visto
            && cuando.elapsed() < PANORAMA_VALE
        {
            return Arc::clone(panorama);
        }
        let panorama = Arc::new(sondear(&self.contexto, &self.puertas).await);
        *visto = Some((Instant::now(), Arc::clone(&panorama)));
        panorama
    }
}
