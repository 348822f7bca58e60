//! What one field alone can't tell: ranges, relations, and whether this node may listen
//! where it is told to.
//!
//! Called by [`super::load`] on a finished tree. Pure: resolves no name, opens nothing.

mod rangos;
pub mod red;

use std::path::{Component, Path, PathBuf};

use crate::role::Role;
use crate::settings::endpoint::Endpoint;
use crate::settings::load::AjusteInvalido;
use crate::settings::{Ajustes, Aviso};

/// Deadlines that a client may ask for, in ms (contract §2).
pub const PLAZO_MS_MIN: u32 = 100;
/// See [`PLAZO_MS_MIN`].
pub const PLAZO_MS_MAX: u32 = 30_000;
/// All that is wrong, in the order of the tree.
pub(super) type Faltas = Vec<AjusteInvalido>;

fn mal(clave: &'static str, causa: impl Into<String>) -> AjusteInvalido {
    AjusteInvalido::Relacion {
        clave,
        causa: causa.into(),
    }
}

/// Checks all that doesn't depend on whether this process listens: what is wrong, as
/// [`AjusteInvalido::Relacion`].
#[must_use]
pub fn relaciones(ajustes: &Ajustes) -> Vec<AjusteInvalido> {
    let mut faltas = Faltas::new();
    rangos::rangos(ajustes, &mut faltas);
    plazos(ajustes, &mut faltas);
    red::listas(ajustes, &mut faltas);
    faltas.extend(base_datos(&ajustes.almacenamiento.base_datos));
    if ajustes.nodo.roles.is_empty() {
        faltas.push(mal("nodo.roles", "la lista está vacía"));
    }
    if ajustes.nodo.datos.as_os_str().is_empty() {
        faltas.push(mal("nodo.datos", "falta la carpeta"));
    }
    if ajustes.seguridad.clientes_sin_clave && ajustes.claves().is_none() {
        faltas.push(mal(
            "seguridad.clientes_sin_clave",
            "no hay seguridad.claves: sin ellas nadie usa clave",
        ));
    }
    faltas
}

/// Checks that this node's roles go together and listen only where they may: what is wrong,
/// as [`AjusteInvalido::Relacion`].
#[must_use]
pub fn nodo(ajustes: &Ajustes) -> Vec<AjusteInvalido> {
    let mut faltas = Faltas::new();
    let roles = ajustes.roles();
    if roles.contains(&Role::Solicitante) && roles.len() > 1 {
        faltas.push(mal(
            "nodo.roles",
            "el solicitante termina con su archivo y no comparte proceso con otros roles",
        ));
    }
    let escuchas = escuchas(ajustes);
    for (lugar, (clave, endpoint)) in escuchas.iter().enumerate() {
        // Keys are ZeroMQ's: the side door has none.
        let protegida = ajustes.claves().is_some() && *clave != "http.escucha";
        if !endpoint.es_local() && !protegida && !ajustes.seguridad.insegura {
            let amparo = if *clave == "http.escucha" {
                "las claves no cubren HTTP: escuche en 127.0.0.1"
            } else {
                "no la protegen claves: ponga seguridad.claves, escuche en 127.0.0.1"
            };
            faltas.push(mal(
                clave,
                format!(
                    "{endpoint} se alcanza desde otros equipos y {amparo}, o acepte el riesgo en una red de confianza con seguridad.insegura = true"
                ),
            ));
        }
        if escuchas[..lugar]
            .iter()
            .any(|(_, otra)| chocan(endpoint, otra))
        {
            faltas.push(mal(
                clave,
                format!("{endpoint} ya lo usa otra escucha de este nodo"),
            ));
        }
    }
    red::un_solo_pc(ajustes, &mut faltas);
    faltas
}

/// Whether two doors of one PC can't both be opened: the same port at the same host, or at
/// every host.
fn chocan(una: &Endpoint, otra: &Endpoint) -> bool {
    una.port() != 0
        && una.port() == otra.port()
        && (una.host() == otra.host() || una.es_de_todos() || otra.es_de_todos())
}

/// What looks wrong and may be right: for `comprobar` and the log of a node.
#[must_use]
pub fn avisos(ajustes: &Ajustes) -> Vec<Aviso> {
    let mut avisos = Vec::new();
    let muerte_ms = ajustes
        .latidos
        .periodo_ms
        .saturating_mul(ajustes.latidos.perdidos_max);
    if muerte_ms >= ajustes.carga.plazo_ms {
        avisos.push(Aviso {
            clave: "latidos.perdidos_max",
            causa: format!(
                "un nodo muerto se nota a los {muerte_ms} ms y el plazo vence a los {} ms (carga.plazo_ms): no queda tiempo para dar su trabajo a otro",
                ajustes.carga.plazo_ms
            ),
        });
    }
    red::avisos(ajustes, &mut avisos);
    avisos
}

/// What the roles of this node listen on, with the key of each.
#[must_use]
pub fn escuchas(ajustes: &Ajustes) -> Vec<(&'static str, &Endpoint)> {
    let roles = ajustes.roles();
    let mut escuchas = Vec::new();
    if roles.contains(&Role::Carga) {
        escuchas.push(("carga.clientes", &ajustes.carga.clientes));
        escuchas.push(("carga.eventos", &ajustes.carga.eventos));
        escuchas.push(("carga.trabajo", &ajustes.carga.trabajo));
    }
    if roles.contains(&Role::Almacenamiento) {
        escuchas.push(("almacenamiento.escucha", &ajustes.almacenamiento.escucha));
    }
    if let Some(http) = ajustes.http_escucha() {
        escuchas.push(("http.escucha", http));
    }
    escuchas
}

/// Beats must come faster than anybody gives up waiting.
fn plazos(ajustes: &Ajustes, faltas: &mut Faltas) {
    let latido_ms = ajustes.latidos.periodo_ms;
    for (nombre, plazo_ms) in [
        ("carga.plazo_ms", ajustes.carga.plazo_ms),
        ("cortacircuitos.espera_ms", ajustes.cortacircuitos.espera_ms),
    ] {
        if latido_ms >= plazo_ms {
            faltas.push(mal(
                "latidos.periodo_ms",
                format!(
                    "entre dos latidos ({latido_ms} ms) vencería {nombre} ({plazo_ms} ms); el período debe ser menor"
                ),
            ));
        }
    }
}

/// Never repeats a URL in its message: one of PostgreSQL may carry a password.
fn base_datos(urls: &[String]) -> Option<AjusteInvalido> {
    const CLAVE: &str = "almacenamiento.base_datos";
    let empieza = |url: &str, esquemas: &[&str]| {
        esquemas
            .iter()
            .any(|esquema| url.trim().starts_with(esquema))
    };
    let sqlite = urls.iter().filter(|url| empieza(url, &["sqlite:"])).count();
    let postgres = urls
        .iter()
        .filter(|url| empieza(url, &["postgres:", "postgresql:"]))
        .count();
    let causa = match (urls, sqlite, postgres) {
        ([], ..) => "la lista está vacía",
        _ if sqlite + postgres < urls.len() => "cada dirección empieza con sqlite: o postgres:",
        (_, 1.., 1..) => "sqlite: y postgres: no se mezclan; hay una sola base de datos",
        (_, 2.., _) => "una base SQLite es un solo archivo: ponga una sola dirección",
        ([url], 1, _) if !ruta_valida(url) => {
            "después de sqlite: va la ruta de un archivo, sin '?' y en disco"
        }
        _ => return None,
    };
    Some(mal(CLAVE, causa))
}

fn ruta_valida(url: &str) -> bool {
    let ruta = url.trim().trim_start_matches("sqlite:");
    let ruta = ruta.strip_prefix("//").unwrap_or(ruta);
    !ruta.is_empty() && !ruta.contains('?') && !ruta.contains(":memory:") && !ruta.ends_with('/')
}

/// The same path without `.` and `..`, by its text alone: the folders may not exist yet.
#[must_use]
pub fn sin_rodeos(ruta: &Path) -> PathBuf {
    let mut limpia = PathBuf::new();
    for componente in ruta.components() {
        match componente {
            Component::CurDir => {}
            Component::ParentDir if limpia.file_name().is_some() => {
                limpia.pop();
            }
            otro => limpia.push(otro),
        }
    }
    limpia
}
