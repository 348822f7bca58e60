//! The words of files: operations and column names in any case, with or without accents.
//!
//! Called by the readers of request files and catalogues. It never looks at values.

use unicode_normalization::UnicodeNormalization;

use super::columnas::Columna;
use crate::domain::operacion::Operacion;

/// A word reduced to what counts: lower case, no accents, letters and digits only.
#[must_use]
pub fn plano(texto: &str) -> String {
    texto
        .nfd()
        .filter(|letra| letra.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The operation that a word of a file names, if it names one.
#[must_use]
pub fn operacion(palabra: &str) -> Option<Operacion> {
    match plano(palabra).as_str() {
        "pres" | "prestamo" | "prestar" => Some(Operacion::Prestamo),
        "devo" | "devolucion" | "devolver" => Some(Operacion::Devolucion),
        "reno" | "renovacion" | "renovar" => Some(Operacion::Renovacion),
        "cons" | "consulta" | "consultar" => Some(Operacion::Consulta),
        _ => None,
    }
}

/// The column that a name in a header, in `--columnas` or in JSON stands for.
#[must_use]
pub fn columna(nombre: &str) -> Option<Columna> {
    match plano(nombre).as_str() {
        "operacion" | "tipo" | "tipooperacion" | "op" | "accion" => Some(Columna::Operacion),
        "usuario" | "idusuario" | "usuarioid" | "user" | "iduser" | "userid" => {
            Some(Columna::Usuario)
        }
        "libro" | "idlibro" | "libroid" | "isbn" | "codigo" | "codigolibro" | "book" | "bookid" => {
            Some(Columna::Libro)
        }
        "ejemplar" | "idejemplar" | "ejemplarid" | "copia" | "barcode" | "codigobarras" => {
            Some(Columna::Ejemplar)
        }
        "sede" | "idsede" | "sedeid" | "sucursal" => Some(Columna::Sede),
        "titulo" | "title" => Some(Columna::Titulo),
        "idprestamo" | "prestamoid" | "ignorar" | "otro" => Some(Columna::Ignorada),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_in_any_case_and_with_accents() {
        assert_eq!(operacion("PRÉSTAMO"), Some(Operacion::Prestamo));
        assert_eq!(operacion("Devolución"), Some(Operacion::Devolucion));
        assert_eq!(operacion("reno"), Some(Operacion::Renovacion));
        assert_eq!(operacion("prestamos"), None);
        assert_eq!(columna("ID_Usuario"), Some(Columna::Usuario));
        assert_eq!(columna("título"), Some(Columna::Titulo));
    }
}
