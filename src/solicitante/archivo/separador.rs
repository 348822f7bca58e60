//! How the lines of a request file are cut: told from the lines themselves.
//!
//! Called by the reader. It never decides what a column means.

use std::fmt;

use super::{columnas::Columna, palabras};

/// What stands between two columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Separador {
    /// Each line is a JSON object.
    Json,
    /// `|`
    Barra,
    /// `;`
    PuntoYComa,
    /// `,`
    Coma,
    /// Spaces and tabs, any number of them.
    Blancos,
}

impl Separador {
    /// In order of trust: a space may stand beside any of the others.
    const TODOS: [Self; 5] = [
        Self::Json,
        Self::Barra,
        Self::PuntoYComa,
        Self::Coma,
        Self::Blancos,
    ];

    /// The columns of a line, trimmed, without quotes and without empty ones at the end.
    /// None of a JSON line.
    #[must_use]
    pub fn cortar(self, linea: &str) -> Vec<&str> {
        let mut columnas: Vec<&str> = match self {
            Self::Json => Vec::new(),
            Self::Barra => linea.split('|').map(limpiar).collect(),
            Self::PuntoYComa => linea.split(';').map(limpiar).collect(),
            Self::Coma => linea.split(',').map(limpiar).collect(),
            Self::Blancos => linea.split_whitespace().map(limpiar).collect(),
        };
        while columnas.last().is_some_and(|ultima| ultima.is_empty()) {
            columnas.pop();
        }
        columnas
    }

    /// The separator that explains the lines, when no more than a fourth of the lines that
    /// can be explained want another one.
    #[must_use]
    pub fn detectar<'a>(lineas: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut votos = [0usize; Self::TODOS.len()];
        for linea in lineas {
            if let Some(cual) = Self::TODOS.iter().position(|s| s.explica(linea)) {
                votos[cual] += 1;
            }
        }
        let total: usize = votos.iter().sum();
        (0..votos.len())
            .find(|&cual| total > 0 && votos[cual] * 4 >= total * 3)
            .map(|cual| Self::TODOS[cual])
    }

    /// Whether cutting the line this way shows an operation or a header.
    fn explica(self, linea: &str) -> bool {
        if self == Self::Json {
            return linea.starts_with('{');
        }
        let columnas = self.cortar(linea);
        columnas.len() > 1
            && (es_encabezado(&columnas)
                || columnas
                    .iter()
                    .any(|columna| palabras::operacion(columna).is_some()))
    }
}

/// Whether a cut line names columns: at least two known names and no digit anywhere. The
/// operation's own column may bear an operation's word (`DEVOLUCION;idUsuario;idLibro`).
#[must_use]
pub fn es_encabezado(columnas: &[&str]) -> bool {
    let nombres = columnas
        .iter()
        .filter(|columna| {
            matches!(palabras::columna(columna), Some(otra) if otra != Columna::Operacion)
        })
        .count();
    let digitos = columnas
        .iter()
        .any(|columna| columna.contains(|letra: char| letra.is_ascii_digit()));
    nombres >= 2 && !digitos
}

fn limpiar(columna: &str) -> &str {
    let columna = columna.trim();
    columna
        .strip_prefix('"')
        .and_then(|resto| resto.strip_suffix('"'))
        .map_or(columna, str::trim)
}

impl fmt::Display for Separador {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON, un objeto por línea",
            Self::Barra => "barra (|)",
            Self::PuntoYComa => "punto y coma (;)",
            Self::Coma => "coma (,)",
            Self::Blancos => "espacios",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detectar(lineas: &[&str]) -> Option<Separador> {
        Separador::detectar(lineas.iter().copied())
    }

    #[test]
    fn each_form_shows_its_separator() {
        assert_eq!(detectar(&["PRES a b"]), Some(Separador::Blancos));
        assert_eq!(detectar(&["PRES\ta\tb"]), Some(Separador::Blancos));
        assert_eq!(detectar(&["PRESTAMO | a | b"]), Some(Separador::Barra));
        assert_eq!(detectar(&["devolucion, u1, a"]), Some(Separador::Coma));
        assert_eq!(
            detectar(&["operacion;idUsuario;libro"]),
            Some(Separador::PuntoYComa)
        );
        assert_eq!(detectar(&["{\"operacion\":\"x\"}"]), Some(Separador::Json));
    }

    #[test]
    fn a_mixture_is_not_certain_but_a_stray_line_is() {
        assert_eq!(detectar(&["PRES a b", "PRES|a|b"]), None);
        assert_eq!(
            detectar(&["PRES a b", "PRES a b", "PRES a b", "PRES|a|b"]),
            Some(Separador::Blancos)
        );
        assert_eq!(detectar(&["nada", "de nada"]), None);
    }

    #[test]
    fn quotes_and_empty_ends_are_cut_away() {
        assert_eq!(
            Separador::Coma.cortar("\"PRES\", \"a\" ,,b,,"),
            ["PRES", "a", "", "b"]
        );
    }
}
