//! Titles and authors as they are searched: without accents, in small letters.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Books whose folded text is made again in one go: some hundred kilobytes of text.
pub const FILAS: i64 = 1_000;

/// Folds a text: `Cien Años` and `CIEN ANOS` become the same.
fn plegar(texto: &str) -> String {
    texto
        .nfkd()
        .filter(|letra| !is_combining_mark(*letra))
        .flat_map(char::to_lowercase)
        .collect()
}

/// What a search looks through: the folded title, which also gives the order, and the folded
/// author on a line of its own, so that no word of a search spans both.
#[must_use]
pub fn buscable(titulo: &str, autor: Option<&str>) -> String {
    let titulo = plegar(titulo);
    match autor {
        Some(autor) => format!("{titulo}\n{}", plegar(autor)),
        None => titulo,
    }
}

/// LIKE patterns, one a word of the search; `\` is their escape character, so that `%` and
/// `_` stand for themselves.
#[must_use]
pub fn patrones(busqueda: &str) -> Vec<String> {
    plegar(busqueda)
        .split_whitespace()
        .map(|palabra| {
            let mut patron = String::with_capacity(palabra.len() + 4);
            patron.push('%');
            for letra in palabra.chars() {
                if matches!(letra, '%' | '_' | '\\') {
                    patron.push('\\');
                }
                patron.push(letra);
            }
            patron.push('%');
            patron
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_and_case_do_not_count() {
        assert_eq!(
            plegar("Cien AÑOS de Pingüino"),
            plegar("cien anos DE pinguino")
        );
    }

    #[test]
    fn metacharacters_of_like_stand_for_themselves() {
        assert_eq!(patrones("100% a_b"), vec!["%100\\%%", "%a\\_b%"]);
        assert!(patrones("   ").is_empty());
    }
}
