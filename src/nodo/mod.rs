//! A node: the roles of one process, started in any order, drained and stopped in one.
//!
//! The only place where roles are put together; they never name each other.

pub mod actores;
pub mod almacenamiento;
pub mod carga;
pub mod http;
mod medidas;
pub mod servicio;

use std::time::Duration;

use futures::future::join_all;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::http::puerta::HttpError;
use crate::net::curve::clave::ClaveError;
use crate::net::curve::llavero::Llavero;
use crate::net::curve::{Dominio, portero};
use crate::net::socket::{Contexto, NetError};
use crate::role::Role;
use crate::runtime::guardian::{Fin as FinActor, Limites, Rendicion};
use crate::settings::Ajustes;
use crate::sistema::motivo;
use crate::wire::codec::CodecError;

/// How long a node that was told to end may take to finish what it has.
const DRENAJE_MAX: Duration = Duration::from_secs(5);

/// How long a live actor's mailbox may take to answer: many times its longest turn.
const BUZON_MAX: Duration = Duration::from_secs(2);

/// How often it looks whether it has finished.
const MIRADA: Duration = Duration::from_millis(10);

/// How long what was sent may take to come, on any network of a library: with a beat before
/// it, how long a door stays open after its drain.
const TRAYECTO_MAX: Duration = Duration::from_millis(50);

/// What a role that is being drained says of its health.
const TERMINA: &str = "el nodo está terminando";

/// Why a node did not start; `Display` is Spanish, it reaches the operator.
#[derive(Debug, thiserror::Error)]
pub enum ArranqueError {
    /// A socket.
    #[error(transparent)]
    Net(#[from] NetError),
    /// Its keys.
    #[error(transparent)]
    Clave(#[from] ClaveError),
    /// A beat could not be written.
    #[error("trama: {0}")]
    Codec(#[from] CodecError),
    /// The node's folder.
    #[error("no se puede usar la carpeta de datos {0}: {causa}", causa = motivo(.1))]
    Carpeta(String, std::io::Error),
    /// The diario.
    #[error("no se puede abrir el diario: {0}")]
    Diario(String),
    /// The side door.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A rule that the settings let through and the rules do not.
    #[error("{0}")]
    Regla(String),
    /// The system gives no signals.
    #[error("no se pueden recibir señales: {}", motivo(.0))]
    Senales(std::io::Error),
}

/// How a node ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Fin {
    /// It was asked to, and finished what it had.
    EnOrden,
    /// An actor could not be kept alive.
    Rendido(Rendicion),
}

/// Everything that a role needs from the node.
pub struct Entorno<'a> {
    /// The process's ZeroMQ context.
    pub contexto: Contexto,
    /// The settings.
    pub ajustes: &'a Ajustes,
    /// Who is told that the process must end.
    pub rendiciones: mpsc::Sender<Rendicion>,
}

impl Entorno<'_> {
    /// The guardians' patience.
    #[must_use]
    pub fn limites(&self) -> Limites {
        let guardian = &self.ajustes.guardian;
        Limites::nuevos(
            guardian.reinicios_max as usize,
            Duration::from_secs(u64::from(guardian.ventana_s)),
        )
    }

    /// Ends the process when a socket's task ends before the node does: nobody would hear
    /// that door any more.
    pub fn vigilar_socket(&self, nombre: &'static str, tarea: JoinHandle<()>) {
        let rendiciones = self.rendiciones.clone();
        actix_rt::spawn(async move {
            let fin = match tarea.await {
                Err(fin) if fin.is_panic() => FinActor::Panico,
                _ => FinActor::Detenido,
            };
            let rendicion = Rendicion {
                nombre: nombre.to_owned(),
                fin,
            };
            let _ = rendiciones.send(rendicion).await;
        });
    }

    /// Heartbeat period.
    #[must_use]
    pub fn latido(&self) -> Duration {
        Duration::from_millis(u64::from(self.ajustes.latidos.periodo_ms))
    }

    /// Silence after which a peer is dead.
    #[must_use]
    pub fn silencio_max(&self) -> Duration {
        self.latido() * self.ajustes.latidos.perdidos_max
    }
}

/// Runs the roles of `ajustes` until a signal or a surrender.
///
/// # Errors
/// [`ArranqueError`] when a role cannot start.
pub async fn correr(ajustes: &Ajustes) -> Result<Fin, ArranqueError> {
    if ajustes.roles().contains(&Role::Almacenamiento) {
        almacenamiento::comprobar(ajustes)?;
    }
    let mut terminar = signal(SignalKind::terminate()).map_err(ArranqueError::Senales)?;
    let mut interrumpir = signal(SignalKind::interrupt()).map_err(ArranqueError::Senales)?;
    std::fs::create_dir_all(&ajustes.nodo.datos)
        .map_err(|error| ArranqueError::Carpeta(ajustes.nodo.datos.display().to_string(), error))?;
    let (rendiciones, mut rendidos) = mpsc::channel(1);
    let entorno = Entorno {
        contexto: contexto(ajustes)?,
        ajustes,
        rendiciones,
    };
    let _portero = abrir_portero(&entorno)?;
    let marcha = arrancar(&entorno).await?;
    let http = http::arrancar(&entorno, &marcha)?;
    tracing::info!(nodo = ajustes.nodo.id, roles = ?marcha.roles(), "nodo listo");
    servicio::listo(&ajustes.nodo.id);
    let fin = tokio::select! {
        rendicion = rendidos.recv() => rendicion.map_or(Fin::EnOrden, Fin::Rendido),
        () = senal(&mut terminar, &mut interrumpir) => Fin::EnOrden,
        () = servicio::alimentar(async || marcha.responde().await) => Fin::EnOrden,
    };
    servicio::terminando();
    if fin == Fin::EnOrden {
        tracing::info!("se termina: se acaba lo que está en curso");
        // Whoever asks for the health hears that it leaves until it has left.
        if let Some(http) = &http {
            http.despedirse();
        }
        marcha.drenar(entorno.latido() + TRAYECTO_MAX).await;
        if let Some(http) = http {
            http.cerrar().await;
        }
        tracing::info!("fin");
    }
    Ok(fin)
}

/// The process's ZeroMQ context, with the keys of the settings.
///
/// # Errors
/// [`ArranqueError::Clave`] when they can't be used.
pub fn contexto(ajustes: &Ajustes) -> Result<Contexto, ArranqueError> {
    let Some(carpeta) = ajustes.claves() else {
        return Ok(Contexto::nuevo());
    };
    let llavero = Llavero::abrir(carpeta, ajustes.seguridad.clientes_sin_clave)?;
    Ok(Contexto::con_claves(llavero))
}

/// Says how this node is protected, checks that it knows the servers it connects to, and
/// starts deciding who may connect, before any socket opens.
fn abrir_portero(entorno: &Entorno<'_>) -> Result<Option<portero::Portero>, ArranqueError> {
    let Entorno {
        contexto, ajustes, ..
    } = entorno;
    let Some(llavero) = contexto.llavero() else {
        if ajustes.seguridad.insegura {
            tracing::warn!(
                "sin cifrado ni claves (seguridad.insegura): quien alcance estos puertos presta y devuelve"
            );
        }
        return Ok(None);
    };
    if ajustes.seguridad.clientes_sin_clave {
        tracing::warn!(
            "el puerto de clientes va sin cifrado ni clave (seguridad.clientes_sin_clave)"
        );
    }
    let propia = llavero.par().publica();
    match llavero.lista().de(propia.as_str()) {
        Some(yo) => tracing::info!(
            nombre = yo.nombre,
            papeles = yo.palabras(),
            "puertos con clave"
        ),
        None => {
            tracing::warn!(clave = %propia, "la clave de este nodo no está en la lista: nadie la admitirá")
        }
    }
    if ajustes.roles().iter().any(|rol| rol.es_actor()) {
        contexto.exigir_servidores(Dominio::Trabajo, &ajustes.actores.cargas)?;
        contexto.exigir_servidores(Dominio::Almacen, &ajustes.actores.almacenamientos)?;
    }
    let Some((portero, muerto)) = portero::abrir(contexto)? else {
        return Ok(None);
    };
    let tarea = actix_rt::spawn(async move {
        let _ = muerto.await;
    });
    entorno.vigilar_socket("el portero", tarea);
    Ok(Some(portero))
}

async fn senal(terminar: &mut Signal, interrumpir: &mut Signal) {
    tokio::select! {
        _ = terminar.recv() => {}
        _ = interrumpir.recv() => {}
    }
}

/// The started roles.
#[derive(Default)]
pub struct Marcha {
    carga: Option<carga::EnMarcha>,
    actores: Vec<actores::EnMarcha>,
    almacenamiento: Option<almacenamiento::EnMarcha>,
}

async fn arrancar(entorno: &Entorno<'_>) -> Result<Marcha, ArranqueError> {
    let mut marcha = Marcha::default();
    for rol in entorno.ajustes.roles() {
        match rol {
            Role::Carga => marcha.carga = Some(carga::arrancar(entorno).await?),
            Role::Almacenamiento => {
                marcha.almacenamiento = Some(almacenamiento::arrancar(entorno)?);
            }
            Role::Solicitante | Role::Todo => {}
            actor => marcha.actores.extend(actores::arrancar(entorno, actor)?),
        }
    }
    Ok(marcha)
}

impl Marcha {
    fn roles(&self) -> Vec<&'static str> {
        let mut roles: Vec<&'static str> = self
            .actores
            .iter()
            .map(|actor| actor.tema().palabra())
            .collect();
        roles.extend(self.carga.as_ref().map(|_| "carga"));
        roles.extend(self.almacenamiento.as_ref().map(|_| "almacenamiento"));
        roles
    }

    /// Whether every actor that lives answers its mailbox; one that is being restarted is its
    /// guardian's business.
    async fn responde(&self) -> bool {
        let todos = async {
            let carga = async {
                match &self.carga {
                    Some(carga) => carga.responde().await,
                    None => true,
                }
            };
            let almacenamiento = async {
                match &self.almacenamiento {
                    Some(almacenamiento) => almacenamiento.responde().await,
                    None => true,
                }
            };
            let actores = join_all(self.actores.iter().map(actores::EnMarcha::responde));
            let (carga, almacenamiento, actores) =
                futures::future::join3(carga, almacenamiento, actores).await;
            carga && almacenamiento && !actores.contains(&false)
        };
        tokio::time::timeout(BUZON_MAX, todos)
            .await
            .unwrap_or(false)
    }

    /// From the clients inwards: each hop first finishes what the one before it sent, and then
    /// goes on answering that it takes nothing for as long as `despedida`, until everybody has
    /// heard that it leaves. What was on its way must not meet a closed door: its sender would
    /// be left in doubt.
    async fn drenar(self, despedida: Duration) {
        if let Some(carga) = &self.carga {
            carga.drenar().await;
            tokio::time::sleep(despedida).await;
        }
        join_all(self.actores.iter().map(|actor| actor.drenar(despedida))).await;
        if let Some(almacenamiento) = &self.almacenamiento {
            almacenamiento.drenar().await;
            tokio::time::sleep(despedida).await;
        }
    }
}

/// Waits until `terminado` says so, or for the longest time that a drain may take.
async fn hasta<F, S>(terminado: F)
where
    F: Fn() -> S,
    S: Future<Output = bool>,
{
    let _ = tokio::time::timeout(DRENAJE_MAX, async {
        while !terminado().await {
            tokio::time::sleep(MIRADA).await;
        }
    })
    .await;
}
