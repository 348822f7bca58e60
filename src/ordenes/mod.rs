//! What each verb of the command line does, and with which exit code it ends.

mod administrar;
pub mod auditar;
mod cargas;
mod claves;
mod comprobar;
mod ejecutor;
pub mod estado;
mod medir;
mod migrar;
mod pedir;
mod respaldar;
mod simulacro;
mod solicitar;
mod tokens;
mod usuarios;

use crate::cli::{self, Invocacion, Orden};
use crate::db::Fallo;
use crate::db::auditoria::AuditoriaError;
use crate::net::curve::clave::ClaveError;
use crate::net::socket::NetError;
use crate::nodo::{self, ArranqueError, Fin};
use crate::role::Role;
use crate::settings::load::{cargar, cargar_nodo, entorno_del_proceso};
use crate::settings::validate::avisos;
use crate::settings::{Ajustes, Aviso};
use crate::sistema::motivo;
use crate::sistema::salida::{SinSalida, avisar};

/// How an order ended (contract §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Salida {
    /// All is done.
    Bien,
    /// A rule refused something, or a row or line was bad.
    Rechazos,
    /// A code that the order itself settled on.
    Codigo(u8),
}

/// Why an order could not be done; `Display` is the Spanish sentence for its user.
#[derive(Debug, thiserror::Error)]
pub enum SalidaError {
    /// The command line, the configuration or a file is wrong.
    #[error("{0}")]
    Uso(String),
    /// Nobody could be reached.
    #[error("{0}")]
    Nadie(String),
    /// Our own machinery, or the machine under it, failed.
    #[error("{0}")]
    Interno(String),
}

impl Salida {
    const fn codigo(self) -> u8 {
        match self {
            Self::Bien => 0,
            Self::Rechazos => 1,
            Self::Codigo(codigo) => codigo,
        }
    }
}

impl SalidaError {
    const fn codigo(&self) -> u8 {
        match self {
            Self::Uso(_) => 2,
            Self::Nadie(_) => 69,
            Self::Interno(_) => 70,
        }
    }
}

impl From<NetError> for SalidaError {
    fn from(error: NetError) -> Self {
        match error {
            // A setting of somebody, not of ours.
            NetError::SinClaveDeServidor(_) => Self::Uso(error.to_string()),
            otro => Self::Interno(otro.to_string()),
        }
    }
}

impl From<ArranqueError> for SalidaError {
    fn from(error: ArranqueError) -> Self {
        match error {
            ArranqueError::Clave(clave) => Self::Uso(clave.to_string()),
            ArranqueError::Net(red) => red.into(),
            ArranqueError::Regla(_) => Self::Uso(error.to_string()),
            otro => Self::Interno(otro.to_string()),
        }
    }
}

impl From<SinSalida> for SalidaError {
    fn from(error: SinSalida) -> Self {
        Self::Interno(error.to_string())
    }
}

impl From<Fallo> for SalidaError {
    fn from(fallo: Fallo) -> Self {
        match fallo {
            Fallo::SinPrimario(_) | Fallo::Ocupada => Self::Nadie(fallo.to_string()),
            otro => Self::Interno(otro.to_string()),
        }
    }
}

impl From<AuditoriaError> for SalidaError {
    fn from(error: AuditoriaError) -> Self {
        match error {
            AuditoriaError::SinBase(_) | AuditoriaError::PorHacer(_) => {
                Self::Uso(error.to_string())
            }
            AuditoriaError::Inalcanzable(motivo) => Self::Nadie(motivo),
            AuditoriaError::Ilegible { .. } => Self::Interno(error.to_string()),
        }
    }
}

impl From<ClaveError> for SalidaError {
    fn from(error: ClaveError) -> Self {
        Self::Uso(error.to_string())
    }
}

/// Does what the command line asks; its exit code, after a sentence on standard error when
/// it could not.
#[must_use]
pub fn ejecutar(invocacion: &Invocacion) -> u8 {
    match actix_rt::System::new().block_on(despachar(invocacion)) {
        Ok(salida) => salida.codigo(),
        Err(error) => fracaso(&error),
    }
}

/// The exit code of help that could not be shown, after a sentence on standard error.
#[must_use]
pub fn sin_salida(error: SinSalida) -> u8 {
    fracaso(&error.into())
}

fn fracaso(error: &SalidaError) -> u8 {
    avisar(format!("error: {error}"));
    error.codigo()
}

async fn despachar(invocacion: &Invocacion) -> Result<Salida, SalidaError> {
    let fuentes = invocacion.fuentes(entorno_del_proceso());
    if let Orden::Comprobar { .. } = invocacion.orden {
        return comprobar::comprobar(&fuentes);
    }
    let ajustes = match invocacion.orden {
        Orden::Nodo(_) => cargar_nodo(&fuentes),
        _ => cargar(&fuentes),
    }
    .map_err(|error| SalidaError::Uso(error.to_string()))?;
    match &invocacion.orden {
        Orden::Nodo(nodo) => {
            let solicitud = nodo.solicitud_para(&ajustes.roles()).map_err(|fin| {
                SalidaError::Uso(fin.texto.trim_start_matches("error: ").trim().into())
            })?;
            match solicitud {
                None => {
                    simulacro::hijo::atarse()?;
                    correr_nodo(&ajustes).await
                }
                Some(solicitud) if ajustes.roles() == [Role::Solicitante] => {
                    solicitar::solicitar(&ajustes, solicitud).await
                }
                Some(_) => Err(SalidaError::Uso(
                    "el solicitante corre solo: no se combina con otros roles".into(),
                )),
            }
        }
        // Done above: what is wrong must not stop it.
        Orden::Comprobar { .. } => Ok(Salida::Bien),
        Orden::Pedir(pedir) => pedir::pedir(&ajustes, pedir).await,
        Orden::Sembrar => administrar::sembrar(&ajustes).await,
        Orden::CatalogoImportar { ruta } => administrar::importar_catalogo(&ajustes, ruta).await,
        Orden::UsuariosImportar { ruta } => usuarios::importar(&ajustes, ruta).await,
        Orden::UsuariosBloquear {
            usuario,
            bloqueado,
            motivo,
        } => usuarios::bloquear(&ajustes, usuario, *bloqueado, motivo.as_deref()).await,
        Orden::Tokens(orden) => tokens::tokens(&ajustes, orden),
        Orden::Respaldar { ruta } => respaldar::respaldar(&ajustes, ruta).await,
        Orden::Migrar { desde } => migrar::migrar(&ajustes, desde.as_deref()).await,
        Orden::Medir(medicion) => medir::medir(&ajustes, medicion).await,
        Orden::Estado { json, seguir } => estado::estado(&ajustes, *json, *seguir).await,
        Orden::Auditar {
            recibos,
            excepciones,
        } => auditar::auditar(&ajustes, recibos, *excepciones).await,
        Orden::Claves(claves) => claves::claves(&ajustes, claves),
        Orden::Simulacro(pedido) => simulacro::simulacro(&ajustes, pedido).await,
        Orden::Manual { carpeta } => match cli::manual::escribir(carpeta) {
            Ok(()) => Ok(Salida::Bien),
            Err(error) => Err(SalidaError::Uso(format!(
                "no se puede escribir en {}: {}",
                carpeta.display(),
                motivo(&error)
            ))),
        },
    }
}

async fn correr_nodo(ajustes: &Ajustes) -> Result<Salida, SalidaError> {
    for Aviso { clave, causa } in avisos(ajustes) {
        tracing::warn!(clave, "{causa}");
    }
    match nodo::correr(ajustes).await? {
        Fin::EnOrden => Ok(Salida::Bien),
        Fin::Rendido(rendicion) => Err(SalidaError::Interno(rendicion.to_string())),
    }
}

/// So many things, in words: `uno` for one of them.
fn cuantos(numero: impl Into<u64>, uno: &str, varios: &str) -> String {
    match numero.into() {
        1 => format!("1 {uno}"),
        numero => format!("{numero} {varios}"),
    }
}

/// The cargas that our own clients use, as ZeroMQ addresses.
fn cargas_de(ajustes: &Ajustes) -> Vec<String> {
    ajustes
        .solicitante
        .cargas
        .iter()
        .map(ToString::to_string)
        .collect()
}
