//! The README in Spanish is the README: the same headings, tables and commands.

use std::fs;
use std::path::Path;

/// What both must have alike.
#[derive(Debug, Default, PartialEq, Eq)]
struct Esqueleto {
    /// Levels of the headings, in order.
    titulos: Vec<usize>,
    /// Rows of each table, in order.
    tablas: Vec<usize>,
    /// Language and lines of each code block, without what is said to a reader.
    bloques: Vec<(String, Vec<String>)>,
}

impl Esqueleto {
    fn de(texto: &str) -> Self {
        let mut esqueleto = Self::default();
        let mut bloque: Option<(String, Vec<String>)> = None;
        let mut en_tabla = false;
        for linea in texto.lines() {
            if let Some(lenguaje) = linea.strip_prefix("```") {
                match bloque.take() {
                    Some(hecho) => esqueleto.bloques.push(hecho),
                    None => bloque = Some((lenguaje.to_owned(), Vec::new())),
                }
                continue;
            }
            if let Some((_, lineas)) = &mut bloque {
                lineas.push(linea.to_owned());
                continue;
            }
            let almohadillas = linea.chars().take_while(|letra| *letra == '#').count();
            if almohadillas > 0 {
                esqueleto.titulos.push(almohadillas);
            }
            let fila = linea.starts_with('|');
            match esqueleto.tablas.last_mut() {
                Some(filas) if fila && en_tabla => *filas += 1,
                _ if fila => esqueleto.tablas.push(1),
                _ => {}
            }
            en_tabla = fila;
        }
        esqueleto.bloques = esqueleto.bloques.into_iter().map(mandatos).collect();
        esqueleto
    }
}

/// A block's commands; of a drawing, which has words in it, only that it is there.
fn mandatos((lenguaje, lineas): (String, Vec<String>)) -> (String, Vec<String>) {
    let dibujo = lineas.iter().any(|linea| linea.contains('─'));
    let lineas = lineas
        .into_iter()
        .filter(|_| !dibujo)
        .map(|linea| sin_comentario(&linea).trim_end().to_owned())
        .filter(|linea| !linea.is_empty())
        .collect();
    (lenguaje, lineas)
}

/// A `#` at the start or after a blank begins what is said to the reader.
fn sin_comentario(linea: &str) -> &str {
    if linea.starts_with('#') {
        return "";
    }
    linea.split(" #").next().unwrap_or_default()
}

fn leido(nombre: &str) -> Esqueleto {
    let ruta = Path::new(env!("CARGO_MANIFEST_DIR")).join(nombre);
    Esqueleto::de(&fs::read_to_string(ruta).unwrap())
}

#[test]
fn the_readme_in_spanish_has_the_same_headings_tables_and_commands() {
    let (ingles, espanol) = (leido("README.md"), leido("README.es.md"));
    assert!(ingles.titulos.len() > 10 && ingles.bloques.len() > 5);
    assert_eq!(espanol.titulos, ingles.titulos);
    assert_eq!(espanol.tablas, ingles.tablas);
    for (suyo, nuestro) in espanol.bloques.iter().zip(&ingles.bloques) {
        assert_eq!(suyo, nuestro);
    }
    assert_eq!(espanol.bloques.len(), ingles.bloques.len());
}

#[test]
fn another_command_is_seen_and_another_comment_is_not() {
    let de = |bloque: &str| Esqueleto::de(&format!("# T\n```sh\n{bloque}\n```\n|a|\n|-|\n"));
    assert_eq!(de("ls -l   # files"), de("ls -l # archivos"));
    assert_ne!(de("ls -l"), de("ls -a"));
    assert_ne!(Esqueleto::de("# T\n## U\n"), Esqueleto::de("# T\n# U\n"));
    assert_ne!(
        Esqueleto::de("|a|\n|-|\n"),
        Esqueleto::de("|a|\n|-|\n|b|\n")
    );
}
