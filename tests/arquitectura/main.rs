//! The shape of the code, checked by reading it: arrows between folders, who may name which
//! library, sizes, names and openings of files. Each check is itself checked on a sample
//! that breaks it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod glosario;
mod lectura;
mod manual;
mod muestras;

use lectura::{Fuente, apariciones, fuentes, funciones, importados};

/// Longest file, and longest function, in lines.
const LINEAS_MAX: usize = 400;
const FUNCION_LINEAS_MAX: usize = 70;

/// What each top-level module may import besides itself; a module that is not here is not on
/// the map and fails. `domain` ← `wire` ← `net`, `db`, `runtime` ← roles ← `nodo`, `ordenes`.
/// A role never imports another role (they meet in `wire`), nor the settings: `nodo` hands it
/// what it needs.
const FLECHAS: [(&str, &[&str]); 19] = [
    ("domain", &[]),
    ("wire", &["domain"]),
    ("net", &["wire", "domain", "sistema"]),
    ("db", &["wire", "domain", "plantado", "sistema"]),
    ("runtime", &["wire", "domain", "plantado"]),
    (
        "solicitante",
        &["domain", "wire", "net", "runtime", "plantado", "sistema"],
    ),
    (
        "carga",
        &["domain", "wire", "net", "db", "runtime", "plantado"],
    ),
    (
        "actores",
        &["domain", "wire", "net", "runtime", "plantado", "sistema"],
    ),
    (
        "almacenamiento",
        &["domain", "wire", "net", "db", "runtime"],
    ),
    ("panorama", &["domain", "wire", "net"]),
    (
        "http",
        &["domain", "wire", "net", "runtime", "panorama", "sistema"],
    ),
    ("plantado", &[]),
    ("role", &[]),
    ("telemetry", &[]),
    ("sistema", &[]),
    ("settings", &["domain", "role", "sistema"]),
    ("cli", &["domain", "role", "settings"]),
    ("nodo", &["*"]),
    ("ordenes", &["*"]),
];

/// Which library may be named only where: a prefix of the path under `src`.
const DUENOS: [(&str, &str); 5] = [
    ("sqlx", "db/"),
    ("tmq", "net/"),
    ("zmq", "net/"),
    ("bincode", "wire/codec.rs"),
    ("actix_web", "http/"),
];

/// Files of these names are heaps.
const MONTONES: [&str; 4] = ["utils", "common", "helpers", "types"];

fn flechas_malas(fuente: &Fuente) -> Vec<String> {
    let modulo = fuente.modulo();
    // The map itself, and the program on top of everything.
    if ["lib", "main"].contains(&modulo) {
        return Vec::new();
    }
    let Some((_, permitidos)) = FLECHAS.iter().find(|(nombre, _)| *nombre == modulo) else {
        return vec![format!("{}: '{modulo}' no está en el mapa", fuente.ruta)];
    };
    importados(&fuente.codigo())
        .into_iter()
        .filter(|otro| {
            otro != modulo && !permitidos.contains(&"*") && !permitidos.contains(&otro.as_str())
        })
        .map(|otro| format!("{}: {modulo} no importa {otro}", fuente.ruta))
        .collect()
}

fn bibliotecas_ajenas(fuente: &Fuente) -> Vec<String> {
    let codigo = fuente.codigo();
    DUENOS
        .iter()
        .filter(|(_, dueno)| !fuente.ruta.starts_with(dueno))
        .filter(|(biblioteca, _)| {
            apariciones(&codigo, biblioteca).any(|despues| {
                despues.starts_with("::") || despues.starts_with(';') || despues.starts_with(" as ")
            })
        })
        .map(|(biblioteca, dueno)| format!("{}: {biblioteca} solo en {dueno}", fuente.ruta))
        .collect()
}

fn tamanos_malos(fuente: &Fuente) -> Vec<String> {
    let mut malos = Vec::new();
    let total = fuente.texto.lines().count();
    if total > LINEAS_MAX {
        malos.push(format!("{}: {total} líneas", fuente.ruta));
    }
    for (nombre, lineas) in funciones(&fuente.texto) {
        if lineas > FUNCION_LINEAS_MAX {
            malos.push(format!("{}: {nombre} tiene {lineas} líneas", fuente.ruta));
        }
    }
    malos
}

fn aperturas_y_nombres_malos(fuente: &Fuente) -> Vec<String> {
    let mut malos = Vec::new();
    if !fuente.texto.starts_with("//! ") {
        malos.push(format!("{}: no empieza con //!", fuente.ruta));
    }
    for parte in fuente.ruta.trim_end_matches(".rs").split('/') {
        if MONTONES.contains(&parte) {
            malos.push(format!("{}: '{parte}' es un montón", fuente.ruta));
        }
    }
    malos
}

/// What is written past [`biblioteca::sistema::salida`]: it panics where nobody reads.
fn escritos_sin_cuidado(fuente: &Fuente) -> Vec<String> {
    let codigo = fuente.codigo();
    ["println", "print", "eprintln", "eprint", "dbg"]
        .into_iter()
        .filter(|macro_| apariciones(&codigo, macro_).any(|despues| despues.starts_with("!(")))
        .map(|macro_| format!("{}: {macro_}! en vez de sistema::salida", fuente.ruta))
        .collect()
}

fn pendientes(fuente: &Fuente) -> Vec<String> {
    ["TODO", "FIXME"]
        .into_iter()
        .filter(|marca| apariciones(&fuente.texto, marca).next().is_some())
        .map(|marca| format!("{}: queda un {marca}", fuente.ruta))
        .collect()
}

#[track_caller]
fn sin_faltas(carpetas: &[&str], comprobar: fn(&Fuente) -> Vec<String>) {
    let faltas: Vec<String> = carpetas
        .iter()
        .flat_map(|carpeta| fuentes(carpeta))
        .flat_map(|fuente| comprobar(&fuente))
        .collect();
    assert!(faltas.is_empty(), "{}", faltas.join("\n"));
}

#[test]
fn imports_point_one_way() {
    sin_faltas(&["src"], flechas_malas);
}

#[test]
fn each_library_is_named_only_by_its_owner() {
    sin_faltas(&["src"], bibliotecas_ajenas);
}

#[test]
fn files_and_functions_stay_short() {
    sin_faltas(&["src", "tests"], tamanos_malos);
}

#[test]
fn every_file_says_what_it_is_and_none_is_a_heap() {
    sin_faltas(&["src", "tests"], aperturas_y_nombres_malos);
}

#[test]
fn nothing_is_written_but_by_the_one_way() {
    sin_faltas(&["src"], escritos_sin_cuidado);
}

#[test]
fn nothing_is_left_for_later() {
    sin_faltas(&["src"], pendientes);
}
