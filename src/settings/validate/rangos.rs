//! The range of each number, and the rules of circulation.

use jiff::tz::TimeZone;

use super::{Faltas, PLAZO_MS_MAX, PLAZO_MS_MIN, mal};
use crate::settings::{Ajustes, Carga, Cortacircuitos, Guardian, Latidos};

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

/// Checks every number.
pub(super) fn rangos(ajustes: &Ajustes, faltas: &mut Faltas) {
    de_trabajo(ajustes, faltas);
    de_maquinaria(ajustes, faltas);
    reglas(ajustes, faltas);
}

fn rango(faltas: &mut Faltas, clave: &'static str, valor: u32, min: u32, max: u32) {
    if !(min..=max).contains(&valor) {
        faltas.push(mal(clave, format!("{valor} no está entre {min} y {max}")));
    }
}

fn de_trabajo(ajustes: &Ajustes, faltas: &mut Faltas) {
    let colas = [
        ("carga.en_vuelo_max", ajustes.carga.en_vuelo_max),
        ("carga.por_conexion_max", ajustes.carga.por_conexion_max),
        ("carga.cola_max", ajustes.carga.cola_max),
        ("actores.creditos", ajustes.actores.creditos),
        ("almacenamiento.cola_max", ajustes.almacenamiento.cola_max),
        ("almacenamiento.lote_max", ajustes.almacenamiento.lote_max),
    ];
    for (clave, valor) in colas {
        rango(faltas, clave, valor, 1, COLA_MAX);
    }
    let Carga {
        plazo_ms,
        diario_max,
        en_vuelo_max,
        por_conexion_max,
        ..
    } = ajustes.carga;
    rango(
        faltas,
        "carga.plazo_ms",
        plazo_ms,
        PLAZO_MS_MIN,
        PLAZO_MS_MAX,
    );
    rango(faltas, "carga.diario_max", diario_max, 1, 100 * COLA_MAX);
    let (por_tipo, lectores) = (ajustes.actores.por_tipo, ajustes.almacenamiento.lectores);
    rango(faltas, "actores.por_tipo", por_tipo, 1, TAREAS_MAX);
    rango(faltas, "almacenamiento.lectores", lectores, 1, TAREAS_MAX);
    if por_conexion_max > en_vuelo_max {
        faltas.push(mal(
            "carga.por_conexion_max",
            "no puede pasar de carga.en_vuelo_max, que es para todas las conexiones juntas",
        ));
    }
}

fn de_maquinaria(ajustes: &Ajustes, faltas: &mut Faltas) {
    let Cortacircuitos {
        fallos_max,
        abierto_s,
        espera_ms,
        rondas,
    } = ajustes.cortacircuitos;
    rango(
        faltas,
        "cortacircuitos.fallos_max",
        fallos_max,
        1,
        VECES_MAX,
    );
    rango(
        faltas,
        "cortacircuitos.abierto_s",
        abierto_s,
        1,
        HORA_MS / 1000,
    );
    rango(faltas, "cortacircuitos.espera_ms", espera_ms, 1, HORA_MS);
    rango(faltas, "cortacircuitos.rondas", rondas, 1, VECES_MAX);
    let Latidos {
        periodo_ms,
        perdidos_max,
    } = ajustes.latidos;
    // Below 10 ms the beats themselves are the load; above a minute nobody is watched.
    rango(faltas, "latidos.periodo_ms", periodo_ms, 10, 60_000);
    rango(faltas, "latidos.perdidos_max", perdidos_max, 1, VECES_MAX);
    let Guardian {
        reinicios_max,
        ventana_s,
    } = ajustes.guardian;
    rango(
        faltas,
        "guardian.reinicios_max",
        reinicios_max,
        1,
        VECES_MAX,
    );
    rango(faltas, "guardian.ventana_s", ventana_s, 1, HORA_MS / 1000);
}

fn reglas(ajustes: &Ajustes, faltas: &mut Faltas) {
    let reglas = &ajustes.reglas;
    let (prestamo, renovacion) = (reglas.dias_prestamo, reglas.dias_renovacion);
    rango(faltas, "reglas.dias_prestamo", prestamo, 1, DIAS_MAX);
    rango(faltas, "reglas.dias_renovacion", renovacion, 1, DIAS_MAX);
    let (renovaciones, prestamos) = (reglas.renovaciones_max, reglas.prestamos_max);
    rango(faltas, "reglas.renovaciones_max", renovaciones, 0, COLA_MAX);
    rango(faltas, "reglas.prestamos_max", prestamos, 1, COLA_MAX);
    for (categoria, limite) in &reglas.limites {
        if *limite == 0 {
            faltas.push(mal(
                "reglas.limites",
                format!(
                    "el límite de '{categoria}' es 0; para impedir préstamos se bloquea al usuario"
                ),
            ));
        }
    }
    if TimeZone::get(&reglas.zona_horaria).is_err() {
        faltas.push(mal(
            "reglas.zona_horaria",
            format!(
                "la zona '{}' no existe; se escribe como America/Bogota",
                reglas.zona_horaria
            ),
        ));
    }
}
