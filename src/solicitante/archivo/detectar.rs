//! Which column holds what, told by evidence over all the lines of a file.
//!
//! Called by the reader when there is neither a header nor `--columnas`. It never guesses:
//! what is not certain is `None`, and the run stops before sending.

use std::collections::{HashMap, HashSet};

use super::columnas::{COLUMNAS_MAX, Columna, Columnas};
use super::palabras;
use crate::domain::operacion::Operacion;

/// The classes that evidence can tell apart.
const CLASES: [Columna; 4] = [
    Columna::Libro,
    Columna::Ejemplar,
    Columna::Usuario,
    Columna::Sede,
];

/// Fewest lines from which "few distinct values" says anything.
const LINEAS_MIN_SEDE: usize = 6;

/// What a single value looks like, if it looks like anything.
#[must_use]
pub fn indicio(valor: &str) -> Option<Columna> {
    let valor = valor.to_ascii_lowercase();
    if valor.contains('@') {
        return Some(Columna::Usuario);
    }
    if es_isbn(&valor) {
        return Some(Columna::Libro);
    }
    let corte = valor
        .find(|letra: char| !letra.is_ascii_alphabetic())
        .unwrap_or(valor.len());
    let (prefijo, resto) = valor.split_at(corte);
    if prefijo.starts_with("sede") || prefijo.starts_with("sucursal") {
        return Some(Columna::Sede);
    }
    let resto = resto.trim_start_matches(['-', '_', '.']);
    if !resto.starts_with(|letra: char| letra.is_ascii_digit()) {
        return None;
    }
    match prefijo {
        // `uS1_201` is user 201 of S1.
        "u" | "us" | "usr" | "user" | "usuario" | "estudiante" | "profesor" | "socio" => {
            Some(Columna::Usuario)
        }
        "l" | "lib" | "libro" | "bk" | "book" | "isbn" => Some(Columna::Libro),
        "ej" | "ejemplar" | "copia" => Some(Columna::Ejemplar),
        "s" if resto.len() <= 2 => Some(Columna::Sede),
        _ => None,
    }
}

/// Thirteen digits of the book trade, or ten written with hyphens: ten bare digits may as
/// well be somebody's identity card.
fn es_isbn(valor: &str) -> bool {
    let cifras: String = valor.chars().filter(|letra| *letra != '-').collect();
    let numero = cifras
        .strip_suffix('x')
        .unwrap_or(&cifras)
        .bytes()
        .all(|byte| byte.is_ascii_digit());
    match cifras.len() {
        13 => numero && (cifras.starts_with("978") || cifras.starts_with("979")),
        10 => numero && valor.matches('-').count() >= 2,
        _ => false,
    }
}

/// The order of the columns, when the lines leave no doubt.
#[must_use]
pub fn columnas(filas: &[Vec<&str>]) -> Option<Columnas> {
    let operacion = posicion_operacion(filas)?;
    let con_operacion: Vec<(Operacion, &[&str])> = filas
        .iter()
        .filter_map(|fila| Some((palabras::operacion(fila.get(operacion)?)?, fila.as_slice())))
        .collect();
    // A consulta needs no user and so says little about the order of the others.
    let solo_consultas = con_operacion
        .iter()
        .all(|(cual, _)| *cual == Operacion::Consulta);
    let base: Vec<&[&str]> = con_operacion
        .iter()
        .filter(|(cual, _)| solo_consultas || *cual != Operacion::Consulta)
        .map(|(_, fila)| *fila)
        .collect();
    let ancho = ancho_usual(&base)?;
    let base: Vec<&[&str]> = base.into_iter().filter(|f| f.len() == ancho).collect();
    let pruebas: Vec<Prueba> = (0..ancho)
        .filter(|&posicion| posicion != operacion)
        .map(|posicion| Prueba::de(base.iter().map(|fila| fila[posicion])))
        .collect();
    let mut orden = asignar(&pruebas, solo_consultas)?;
    orden.insert(operacion, Columna::Operacion);
    Columnas::nuevas(orden).ok()
}

/// The column in which more than half of the lines have an operation's word.
fn posicion_operacion(filas: &[Vec<&str>]) -> Option<usize> {
    (0..COLUMNAS_MAX).find(|&posicion| {
        let con_palabra = filas
            .iter()
            .filter(|fila| {
                fila.get(posicion)
                    .is_some_and(|valor| palabras::operacion(valor).is_some())
            })
            .count();
        con_palabra * 2 > filas.len()
    })
}

/// The commonest number of columns; of two equally common, the larger.
fn ancho_usual(filas: &[&[&str]]) -> Option<usize> {
    let mut cuentas: HashMap<usize, usize> = HashMap::new();
    for fila in filas {
        *cuentas.entry(fila.len()).or_default() += 1;
    }
    cuentas
        .into_iter()
        .max_by_key(|(ancho, cuenta)| (*cuenta, *ancho))
        .map(|(ancho, _)| ancho)
        .filter(|ancho| (2..=COLUMNAS_MAX).contains(ancho))
}

/// What the values of one column say together.
struct Prueba {
    /// The one class that nearly all values show, if nearly none show another.
    clara: Option<Columna>,
    /// Classes that more than a fifth of the values show.
    vistas: Vec<Columna>,
    /// Many lines and few distinct values, as a branch has.
    pocos: bool,
}

impl Prueba {
    fn de<'a>(valores: impl Iterator<Item = &'a str>) -> Self {
        let (mut total, mut cuentas) = (0usize, [0usize; CLASES.len()]);
        let mut distintos = HashSet::new();
        for valor in valores.filter(|valor| !valor.is_empty()) {
            total += 1;
            distintos.insert(valor);
            if let Some(cual) = CLASES.iter().position(|c| Some(*c) == indicio(valor)) {
                cuentas[cual] += 1;
            }
        }
        let vistas: Vec<Columna> = (0..CLASES.len())
            .filter(|&cual| cuentas[cual] * 5 > total)
            .map(|cual| CLASES[cual])
            .collect();
        let clara = (0..CLASES.len())
            .find(|&cual| total > 0 && cuentas[cual] * 5 >= total * 4)
            .map(|cual| CLASES[cual])
            .filter(|clase| vistas == [*clase]);
        Self {
            clara,
            vistas,
            pocos: total >= LINEAS_MIN_SEDE && distintos.len() * 3 <= total,
        }
    }

    /// Whether nothing in the column speaks against the class.
    fn admite(&self, clase: Columna) -> bool {
        self.vistas.iter().all(|vista| *vista == clase)
    }
}

/// Gives each column its class: what is clear stands, and one that is not may be told by
/// elimination when every request must have it.
fn asignar(pruebas: &[Prueba], solo_consultas: bool) -> Option<Vec<Columna>> {
    let claras: Vec<Columna> = pruebas.iter().filter_map(|prueba| prueba.clara).collect();
    let falta = pruebas.len() - claras.len();
    if falta > 1 {
        return None;
    }
    let libro = claras.contains(&Columna::Libro) || claras.contains(&Columna::Ejemplar);
    let usuario = claras.contains(&Columna::Usuario);
    let resto = match (pruebas.len(), libro, usuario) {
        _ if falta == 0 => Columna::Ignorada,
        (1, ..) => Columna::Libro,
        (2 | 3, false, true) => Columna::Libro,
        (2, false, false) if solo_consultas => Columna::Libro,
        (3, true, true) => Columna::Sede,
        (2 | 3, true, false) if !solo_consultas => Columna::Usuario,
        _ => return None,
    };
    // With three columns the one that is told by elimination needs the other two clear.
    let sede_clara = claras.contains(&Columna::Sede);
    if falta == 1 && pruebas.len() == 3 && resto != Columna::Sede && !sede_clara {
        return None;
    }
    pruebas
        .iter()
        .map(|prueba| match prueba.clara {
            Some(clase) => Some(clase),
            None if resto == Columna::Sede && !prueba.pocos => None,
            None => prueba.admite(resto).then_some(resto),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orden(lineas: &[&str]) -> Option<String> {
        let filas: Vec<Vec<&str>> = lineas
            .iter()
            .map(|linea| linea.split(' ').collect())
            .collect();
        columnas(&filas).map(|columnas| columnas.to_string())
    }

    #[test]
    fn the_contracts_forms_are_told_from_one_line() {
        for (linea, esperado) in [
            ("PRES 978-0596007126 usuario005", "operacion,libro,usuario"),
            ("RENO Libro456 usuario1", "operacion,libro,usuario"),
            ("PRESTAMO LIB1500 U100", "operacion,libro,usuario"),
            ("devolucion user11 ISBN0022", "operacion,usuario,libro"),
            (
                "PRESTAMO S1 uS1_201 BK-0101",
                "operacion,sede,usuario,libro",
            ),
            (
                "RENOVACION L0001 U0231 SEDE_1",
                "operacion,libro,usuario,sede",
            ),
            ("CONSULTA L0001", "operacion,libro"),
            ("DEVO EJ-0001", "operacion,ejemplar"),
        ] {
            assert_eq!(orden(&[linea]).as_deref(), Some(esperado), "{linea}");
        }
    }

    #[test]
    fn the_other_column_of_two_is_told_by_elimination() {
        assert_eq!(
            orden(&["PRES quijote U1"]).as_deref(),
            Some("operacion,libro,usuario")
        );
        assert_eq!(
            orden(&["PRES maria L1"]).as_deref(),
            Some("operacion,usuario,libro")
        );
        assert_eq!(
            orden(&["PRES norte quijote U1", "PRES norte momo U1"]),
            None
        );
    }

    #[test]
    fn what_is_not_certain_is_not_told() {
        assert_eq!(orden(&["PRES 123 456"]), None);
        assert_eq!(orden(&["PRES U1 U2"]), None);
        assert_eq!(orden(&["PRES L1 U1", "PRES U1 L1"]), None);
        assert_eq!(orden(&["PRES L1 U1 P7"]), None);
        assert_eq!(orden(&["DEVO U1"]), None);
        assert_eq!(orden(&["PRES 1032456789 quijote"]), None);
    }

    #[test]
    fn a_branch_is_told_by_its_few_values_over_many_lines() {
        let lineas = [
            "PRES L1 U1 norte",
            "DEVO L2 U2 sur",
            "PRES L3 U3 norte",
            "PRES L4 U4 norte",
            "PRES L5 U5 sur",
            "CONSULTA L5",
            "PRES L6 U6 sur",
        ];
        assert_eq!(
            orden(&lineas).as_deref(),
            Some("operacion,libro,usuario,sede")
        );
        assert_eq!(orden(&lineas[..3]), None);
    }

    #[test]
    fn one_odd_value_among_many_does_not_hide_the_rest() {
        let mut lineas = vec!["PRES L1 U1"; 9];
        lineas.push("PRES U1 L1");
        assert_eq!(orden(&lineas).as_deref(), Some("operacion,libro,usuario"));
    }
}
