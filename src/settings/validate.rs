//! What one field alone can't tell: ranges, relations, and whether this node may listen
//! where it is told to.
//!
//! Called by [`super::load`] on a finished tree. Pure: resolves no name, opens nothing.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use jiff::tz::TimeZone;

use crate::role::Role;
use crate::settings::endpoint::Endpoint;
use crate::settings::load::AjusteInvalido;
use crate::settings::{Ajustes, Carga, Cortacircuitos, Guardian, Latidos};

/// Deadlines that a client may ask for, in ms (contract §2).
pub const PLAZO_MS_MIN: u32 = 100;
/// See [`PLAZO_MS_MIN`].
pub const PLAZO_MS_MAX: u32 = 30_000;
/// Bounded queues are memory: a million operations of some KiB is the most that makes sense.
const COLA_MAX: u32 = 1_000_000;
/// Actors and readers are tasks and connections of one process.
const TAREAS_MAX: u32 = 64;
/// Ten years: a longer loan is a slip, and dates must not overflow.
const DIAS_MAX: u32 = 3_650;
/// Longest time of machinery, one hour in ms: a longer one is a slip of units.
const HORA_MS: u32 = 3_600_000;
/// Most times that machinery tries again.
const VECES_MAX: u32 = 1_000;

fn mal(clave: &'static str, causa: impl Into<String>) -> AjusteInvalido {
    AjusteInvalido::Relacion {
        clave,
        causa: causa.into(),
    }
}

/// Checks all that doesn't depend on whether this process listens.
///
/// # Errors
/// [`AjusteInvalido::Relacion`], the first one found.
pub fn relaciones(ajustes: &Ajustes) -> Result<(), AjusteInvalido> {
    rangos(ajustes)?;
    plazos(ajustes)?;
    listas(ajustes)?;
    base_datos(&ajustes.almacenamiento.base_datos)?;
    reglas(ajustes)?;
    if ajustes.nodo.roles.is_empty() {
        return Err(mal("nodo.roles", "la lista está vacía"));
    }
    if ajustes.nodo.datos.as_os_str().is_empty() {
        return Err(mal("nodo.datos", "falta la carpeta"));
    }
    if ajustes.seguridad.clientes_sin_clave && ajustes.claves().is_none() {
        return Err(mal(
            "seguridad.clientes_sin_clave",
            "no hay seguridad.claves: sin ellas nadie usa clave",
        ));
    }
    Ok(())
}

/// Checks that this node's roles go together and listen only where they may.
///
/// # Errors
/// [`AjusteInvalido::Relacion`], the first one found.
pub fn nodo(ajustes: &Ajustes) -> Result<(), AjusteInvalido> {
    let roles = ajustes.roles();
    if roles.contains(&Role::Solicitante) && roles.len() > 1 {
        return Err(mal(
            "nodo.roles",
            "el solicitante termina con su archivo y no comparte proceso con otros roles",
        ));
    }
    let escuchas = escuchas(ajustes);
    let mut vistas = HashSet::new();
    for (clave, endpoint) in escuchas {
        // Keys are ZeroMQ's: the side door has none.
        let protegida = ajustes.claves().is_some() && clave != "http.escucha";
        if !endpoint.es_local() && !protegida && !ajustes.seguridad.insegura {
            return Err(mal(
                clave,
                format!(
                    "{endpoint} se alcanza desde otros equipos y no la protegen claves: ponga seguridad.claves (no cubre http), escuche en 127.0.0.1, o acepte el riesgo en una red de confianza con seguridad.insegura = true"
                ),
            ));
        }
        if endpoint.port() != 0 && !vistas.insert(endpoint.clone()) {
            return Err(mal(
                clave,
                format!("{endpoint} ya lo usa otra escucha de este nodo"),
            ));
        }
    }
    Ok(())
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

fn rangos(ajustes: &Ajustes) -> Result<(), AjusteInvalido> {
    let colas = [
        ("carga.en_vuelo_max", ajustes.carga.en_vuelo_max),
        ("carga.por_conexion_max", ajustes.carga.por_conexion_max),
        ("carga.cola_max", ajustes.carga.cola_max),
        ("actores.creditos", ajustes.actores.creditos),
        ("almacenamiento.cola_max", ajustes.almacenamiento.cola_max),
        ("almacenamiento.lote_max", ajustes.almacenamiento.lote_max),
    ];
    for (clave, valor) in colas {
        rango(clave, valor, 1, COLA_MAX)?;
    }
    let Carga {
        plazo_ms,
        diario_max,
        ..
    } = ajustes.carga;
    rango("carga.plazo_ms", plazo_ms, PLAZO_MS_MIN, PLAZO_MS_MAX)?;
    rango("carga.diario_max", diario_max, 1, 100 * COLA_MAX)?;
    let lectores = ajustes.almacenamiento.lectores;
    rango("actores.por_tipo", ajustes.actores.por_tipo, 1, TAREAS_MAX)?;
    rango("almacenamiento.lectores", lectores, 1, TAREAS_MAX)?;
    rangos_de_maquinaria(ajustes)?;
    if ajustes.carga.por_conexion_max > ajustes.carga.en_vuelo_max {
        return Err(mal(
            "carga.por_conexion_max",
            "no puede pasar de carga.en_vuelo_max, que es para todas las conexiones juntas",
        ));
    }
    Ok(())
}

fn rangos_de_maquinaria(ajustes: &Ajustes) -> Result<(), AjusteInvalido> {
    let Cortacircuitos {
        fallos_max,
        abierto_s,
        espera_ms,
        rondas,
    } = ajustes.cortacircuitos;
    rango("cortacircuitos.fallos_max", fallos_max, 1, VECES_MAX)?;
    rango("cortacircuitos.abierto_s", abierto_s, 1, HORA_MS / 1000)?;
    rango("cortacircuitos.espera_ms", espera_ms, 1, HORA_MS)?;
    rango("cortacircuitos.rondas", rondas, 1, VECES_MAX)?;
    let Latidos {
        periodo_ms,
        perdidos_max,
    } = ajustes.latidos;
    // Below 10 ms the beats themselves are the load; above a minute nobody is watched.
    rango("latidos.periodo_ms", periodo_ms, 10, 60_000)?;
    rango("latidos.perdidos_max", perdidos_max, 1, VECES_MAX)?;
    let Guardian {
        reinicios_max,
        ventana_s,
    } = ajustes.guardian;
    rango("guardian.reinicios_max", reinicios_max, 1, VECES_MAX)?;
    rango("guardian.ventana_s", ventana_s, 1, HORA_MS / 1000)
}

fn rango(clave: &'static str, valor: u32, min: u32, max: u32) -> Result<(), AjusteInvalido> {
    if (min..=max).contains(&valor) {
        return Ok(());
    }
    Err(mal(clave, format!("{valor} no está entre {min} y {max}")))
}

/// A dead peer must be noticed while there is still time to hand its work to another.
fn plazos(ajustes: &Ajustes) -> Result<(), AjusteInvalido> {
    let Ajustes {
        carga,
        latidos,
        cortacircuitos,
        ..
    } = ajustes;
    for (nombre, plazo_ms) in [
        ("carga.plazo_ms", carga.plazo_ms),
        ("cortacircuitos.espera_ms", cortacircuitos.espera_ms),
    ] {
        if latidos.periodo_ms >= plazo_ms {
            return Err(mal(
                "latidos.periodo_ms",
                format!(
                    "entre dos latidos ({} ms) vencería {nombre} ({plazo_ms} ms); el período debe ser menor",
                    latidos.periodo_ms
                ),
            ));
        }
    }
    Ok(())
}

fn listas(ajustes: &Ajustes) -> Result<(), AjusteInvalido> {
    for (clave, lista) in [
        ("actores.cargas", &ajustes.actores.cargas),
        ("actores.almacenamientos", &ajustes.actores.almacenamientos),
        ("solicitante.cargas", &ajustes.solicitante.cargas),
    ] {
        if lista.is_empty() {
            return Err(mal(clave, "la lista está vacía"));
        }
        let mut vistos = HashSet::new();
        for endpoint in lista {
            if !endpoint.es_alcanzable() {
                return Err(mal(
                    clave,
                    format!(
                        "a {endpoint} nadie puede conectarse: hacen falta un host y un puerto concretos"
                    ),
                ));
            }
            if !vistos.insert(endpoint) {
                return Err(mal(clave, format!("{endpoint} está repetido")));
            }
        }
    }
    Ok(())
}

/// Never repeats a URL in its message: one of PostgreSQL may carry a password.
fn base_datos(urls: &[String]) -> Result<(), AjusteInvalido> {
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
        _ => return Ok(()),
    };
    Err(mal(CLAVE, causa))
}

fn ruta_valida(url: &str) -> bool {
    let ruta = url.trim().trim_start_matches("sqlite:");
    let ruta = ruta.strip_prefix("//").unwrap_or(ruta);
    !ruta.is_empty() && !ruta.contains('?') && !ruta.contains(":memory:") && !ruta.ends_with('/')
}

fn reglas(ajustes: &Ajustes) -> Result<(), AjusteInvalido> {
    let reglas = &ajustes.reglas;
    rango("reglas.dias_prestamo", reglas.dias_prestamo, 1, DIAS_MAX)?;
    rango(
        "reglas.dias_renovacion",
        reglas.dias_renovacion,
        1,
        DIAS_MAX,
    )?;
    rango(
        "reglas.renovaciones_max",
        reglas.renovaciones_max,
        0,
        COLA_MAX,
    )?;
    rango("reglas.prestamos_max", reglas.prestamos_max, 1, COLA_MAX)?;
    for (categoria, limite) in &reglas.limites {
        if *limite == 0 {
            return Err(mal(
                "reglas.limites",
                format!(
                    "el límite de '{categoria}' es 0; para impedir préstamos se bloquea al usuario"
                ),
            ));
        }
    }
    TimeZone::get(&reglas.zona_horaria).map_err(|_| {
        mal(
            "reglas.zona_horaria",
            format!(
                "la zona '{}' no existe; se escribe como America/Bogota",
                reglas.zona_horaria
            ),
        )
    })?;
    Ok(())
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
