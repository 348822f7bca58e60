//! Reads sources: files, whole words, `crate::` paths and lengths of functions. Judges nothing.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path under `src` (or `tests`), and its text.
pub struct Fuente {
    pub ruta: String,
    pub texto: String,
}

impl Fuente {
    pub fn nueva(ruta: &str, texto: &str) -> Self {
        Self {
            ruta: ruta.to_owned(),
            texto: texto.to_owned(),
        }
    }

    /// The top-level module that it belongs to.
    pub fn modulo(&self) -> &str {
        let primero = self.ruta.split('/').next().unwrap();
        primero.strip_suffix(".rs").unwrap_or(primero)
    }

    /// Its lines without whole-line comments, which may name anything.
    pub fn codigo(&self) -> String {
        self.texto
            .lines()
            .map(|linea| {
                if linea.trim_start().starts_with("//") {
                    ""
                } else {
                    linea
                }
            })
            .collect::<Vec<_>>()
            .join("\n")
    }
}

pub fn fuentes(carpeta: &str) -> Vec<Fuente> {
    let raiz = Path::new(env!("CARGO_MANIFEST_DIR")).join(carpeta);
    let mut fuentes = Vec::new();
    let mut pendientes: Vec<PathBuf> = vec![raiz.clone()];
    while let Some(actual) = pendientes.pop() {
        for entrada in fs::read_dir(actual).unwrap() {
            let ruta = entrada.unwrap().path();
            if ruta.is_dir() {
                pendientes.push(ruta);
            } else if ruta.extension().is_some_and(|extension| extension == "rs") {
                let relativa = ruta.strip_prefix(&raiz).unwrap().display().to_string();
                fuentes.push(Fuente::nueva(
                    &relativa,
                    &fs::read_to_string(&ruta).unwrap(),
                ));
            }
        }
    }
    assert!(!fuentes.is_empty(), "no hay fuentes en {}", raiz.display());
    fuentes
}

fn es_letra(caracter: char) -> bool {
    caracter.is_alphanumeric() || caracter == '_'
}

/// Where `palabra` stands in `texto` as a whole word: what follows each time.
pub fn apariciones<'a>(texto: &'a str, palabra: &'a str) -> impl Iterator<Item = &'a str> {
    texto.match_indices(palabra).filter_map(move |(sitio, _)| {
        let antes = texto[..sitio].chars().next_back();
        let despues = &texto[sitio + palabra.len()..];
        let entera = !antes.is_some_and(es_letra) && !despues.starts_with(es_letra);
        entera.then_some(despues)
    })
}

/// The top-level modules that `crate::…` paths of a file name, groups in braces included.
pub fn importados(codigo: &str) -> Vec<String> {
    let nombre = |texto: &str| {
        texto
            .chars()
            .take_while(|&c| es_letra(c))
            .collect::<String>()
    };
    let mut modulos = Vec::new();
    for despues in apariciones(codigo, "crate") {
        let Some(camino) = despues.strip_prefix("::") else {
            continue;
        };
        let Some(grupo) = camino.strip_prefix('{') else {
            modulos.push(nombre(camino));
            continue;
        };
        let (mut fondo, mut pieza) = (0, String::new());
        for caracter in grupo.chars() {
            match caracter {
                '{' => fondo += 1,
                '}' if fondo == 0 => break,
                '}' => fondo -= 1,
                ',' if fondo == 0 => modulos.push(nombre(std::mem::take(&mut pieza).trim())),
                _ => {}
            }
            if fondo == 0 && caracter != ',' {
                pieza.push(caracter);
            }
        }
        modulos.push(nombre(pieza.trim()));
    }
    // A capital is an item of the crate's root (`crate::Cosa`), of which there are none.
    modulos.retain(|modulo| !modulo.is_empty());
    modulos
}

/// Each function with its length; relies on rustfmt, which closes a body at the indentation
/// of its `fn`.
pub fn funciones(texto: &str) -> Vec<(String, usize)> {
    let lineas: Vec<&str> = texto.lines().collect();
    let mut funciones = Vec::new();
    for (inicio, linea) in lineas.iter().enumerate() {
        let Some(nombre) = nombre_de_funcion(linea) else {
            continue;
        };
        let sangria = &linea[..linea.len() - linea.trim_start().len()];
        let cierre = format!("{sangria}}}");
        let declarada = format!("{sangria})");
        let largo = lineas[inicio..].iter().position(|otra| {
            *otra == cierre
                || (otra.starts_with(&declarada) && otra.ends_with(';'))
                || (*otra == *linea && (otra.ends_with('}') || otra.ends_with(';')))
        });
        funciones.push((nombre, largo.map_or(lineas.len() - inicio, |fin| fin + 1)));
    }
    funciones
}

fn nombre_de_funcion(linea: &str) -> Option<String> {
    let (antes, despues) = linea.trim_start().split_once("fn ")?;
    let calificada = antes
        .split_whitespace()
        .all(|palabra| ["const", "async"].contains(&palabra) || palabra.starts_with("pub"));
    calificada.then(|| despues.chars().take_while(|&c| es_letra(c)).collect())
}
