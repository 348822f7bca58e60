//! The words that a user reads keep to the glossary: one thing has one name in help, messages,
//! pages and manuals alike.

use std::fs;
use std::path::Path;

use unicode_normalization::UnicodeNormalization;

use crate::lectura::{Fuente, apariciones, fuentes};

/// Words for something that the glossary calls otherwise, folded, and its name there. One that
/// ends in `s` is a plural of its own.
const AJENAS: [(&str, &str); 45] = [
    ("sucursal", "sede"),
    ("sucursales", "sede"),
    ("filial", "sede"),
    ("filiales", "sede"),
    ("gestor de carga", "carga"),
    ("gestores de carga", "carga"),
    ("balanceador", "carga"),
    ("broker", "carga"),
    ("despachador", "carga"),
    ("gestor de almacenamiento", "almacenamiento"),
    ("supervisor", "almacenamiento"),
    ("trabajador", "actor"),
    ("trabajadores", "actor"),
    ("worker", "actor"),
    ("workers", "actor"),
    ("obrero", "actor"),
    ("abonado", "usuario"),
    ("abonados", "usuario"),
    ("socio", "usuario"),
    ("socios", "usuario"),
    ("prestatario", "usuario"),
    ("prestatarios", "usuario"),
    ("prorroga", "renovacion"),
    ("prorrogas", "renovacion"),
    ("retorno", "devolucion"),
    ("retornos", "devolucion"),
    ("peticion", "solicitud o pedido"),
    ("peticiones", "solicitud o pedido"),
    ("requerimiento", "solicitud o pedido"),
    ("requerimientos", "solicitud o pedido"),
    ("bitacora", "diario o historial"),
    ("bitacoras", "diario o historial"),
    ("journal", "diario"),
    ("disyuntor", "cortacircuitos"),
    ("disyuntores", "cortacircuitos"),
    ("circuit breaker", "cortacircuitos"),
    ("interruptor de circuito", "cortacircuitos"),
    ("heartbeat", "latido"),
    ("heartbeats", "latido"),
    ("timeout", "plazo"),
    ("timeouts", "plazo"),
    ("tiempo limite", "plazo"),
    ("deadline", "plazo"),
    ("denegacion", "rechazo"),
    ("denegaciones", "rechazo"),
];

/// Where other people's words are recognised, to be read as ours.
const RECONOCEN: [&str; 4] = [
    "solicitante/archivo/palabras.rs",
    "solicitante/archivo/detectar.rs",
    "solicitante/catalogo.rs",
    "solicitante/usuarios.rs",
];

/// Files that are not code and that a user reads, if they are there.
const ESCRITOS: [&str; 4] = ["config", "deploy", "src", "README.es.md"];

/// Ends of the names of such files; units and rules for machines are not among them.
const ESCRITOS_DE: [&str; 5] = ["toml", "md", "html", "json", "js"];

fn plegado(texto: &str) -> String {
    texto
        .nfd()
        .filter(|letra| !('\u{300}'..='\u{36f}').contains(letra))
        .flat_map(char::to_lowercase)
        .collect()
}

/// What is wrong with a text.
fn ajenas(origen: &str, texto: &str) -> Vec<String> {
    let texto = plegado(texto);
    AJENAS
        .iter()
        .filter(|(palabra, _)| apariciones(&texto, palabra).next().is_some())
        .map(|(palabra, nuestra)| format!("{origen}: «{palabra}» se llama {nuestra}: {texto}"))
        .collect()
}

/// The texts of a source that a user may read: literals with more than a word and, in the
/// command line, the comments that become its help.
fn de_usuario(fuente: &Fuente) -> Vec<String> {
    let codigo = fuente.texto.split("#[cfg(test)]").next().unwrap();
    let ayuda = codigo
        .lines()
        .filter(|_| fuente.ruta.starts_with("cli/"))
        .filter_map(|linea| linea.trim().strip_prefix("/// "))
        .map(str::to_owned);
    let literales = literales(codigo);
    let literales = literales.into_iter().filter(|texto| texto.contains(' '));
    literales.chain(ayuda).collect()
}

/// The string literals of a source, escapes as they are written.
fn literales(codigo: &str) -> Vec<String> {
    let mut literales = Vec::new();
    let mut resto = codigo;
    while let Some(sitio) = resto.find(['"', '/', '\'']) {
        let (antes, desde) = resto.split_at(sitio);
        let fin = if desde.starts_with("//") {
            desde.find('\n').unwrap_or(desde.len())
        } else if desde.starts_with("'\"'") || desde.starts_with("'/'") {
            3
        } else if desde.starts_with("'\\\"'") {
            4
        } else if let Some(dentro) = desde.strip_prefix('"') {
            let almohadillas = antes.len() - antes.trim_end_matches('#').len();
            let cruda = antes.trim_end_matches('#').ends_with('r');
            let cierre = format!("\"{}", "#".repeat(almohadillas));
            let largo = match cruda {
                true => dentro.find(&cierre),
                false => cierra(dentro),
            };
            let largo = largo.unwrap_or(dentro.len());
            literales.push(dentro[..largo].to_owned());
            (largo + 2).min(desde.len())
        } else {
            1
        };
        resto = &desde[fin..];
    }
    literales
}

/// Where an ordinary literal ends.
fn cierra(dentro: &str) -> Option<usize> {
    let mut escapada = false;
    dentro.char_indices().find_map(|(sitio, letra)| {
        let fin = letra == '"' && !escapada;
        escapada = letra == '\\' && !escapada;
        fin.then_some(sitio)
    })
}

fn escritos(ruta: &Path, hallados: &mut Vec<(String, String)>) {
    if ruta.is_dir() {
        for entrada in fs::read_dir(ruta).unwrap() {
            escritos(&entrada.unwrap().path(), hallados);
        }
        return;
    }
    let de_estos = ruta
        .extension()
        .is_some_and(|extension| ESCRITOS_DE.iter().any(|otra| extension == *otra));
    if de_estos && let Ok(texto) = fs::read_to_string(ruta) {
        hallados.push((ruta.display().to_string(), texto));
    }
}

#[test]
fn what_a_user_reads_calls_each_thing_by_its_name() {
    let mut faltas = Vec::new();
    for fuente in fuentes("src") {
        let de_pruebas = fuente.ruta.ends_with("tests.rs");
        if de_pruebas || RECONOCEN.contains(&fuente.ruta.as_str()) {
            continue;
        }
        for texto in de_usuario(&fuente) {
            faltas.extend(ajenas(&fuente.ruta, &texto));
        }
    }
    let raiz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut hallados = Vec::new();
    for escrito in ESCRITOS {
        escritos(&raiz.join(escrito), &mut hallados);
    }
    for (ruta, texto) in &hallados {
        // A script has words of its own around what a reader sees.
        let lineas = match ruta.ends_with(".js") {
            true => literales(texto),
            false => texto.lines().map(str::to_owned).collect(),
        };
        for linea in lineas {
            faltas.extend(ajenas(ruta, &linea));
        }
    }
    assert!(faltas.is_empty(), "{}", faltas.join("\n"));
}

#[test]
fn a_word_out_of_the_glossary_is_seen_and_code_is_not() {
    let fuente = Fuente::nueva(
        "cli/argumentos.rs",
        "/// La Sucursal de las peticiones\nlet c = '\"'; // sucursal\nlet a = \"venció el tiempo límite\";\nlet sucursal = r#\"un \"worker\" más\"#; f(\"sucursal\");\n#[cfg(test)]\nf(\"otra sucursal\");",
    );
    let textos = de_usuario(&fuente);
    let faltas: Vec<String> = textos.iter().flat_map(|texto| ajenas("x", texto)).collect();
    let vistas = ["sucursal", "peticiones", "tiempo limite", "worker"];
    assert_eq!(faltas.len(), vistas.len(), "{faltas:?}");
    for palabra in vistas {
        assert!(
            faltas
                .iter()
                .any(|falta| falta.contains(&format!("«{palabra}»"))),
            "{palabra}: {faltas:?}"
        );
    }
    assert!(ajenas("x", "la cortadora de peticionarios").is_empty());
}
