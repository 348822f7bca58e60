//! A spreadsheet saved as CSV: a header line, then rows, `,` or `;` between the fields.
//!
//! Called by the readers of catalogues and users. It knows no column by name: whoever reads
//! tells which names it knows.

use csv::StringRecord;

use super::archivo::{ArchivoError, texto};

/// Largest part of a file that goes to an almacenamiento at once, in bytes on the wire: a
/// frame holds 64 KiB, and this leaves room for what goes around the rows.
const TANDA_BYTES_MAX: usize = 60 * 1024;

/// A file split into fields.
#[derive(Debug, Default)]
pub struct Planilla {
    /// The names of the columns; empty when the file has no line.
    pub encabezado: StringRecord,
    /// The rows, with their line number from 1.
    pub filas: Vec<(u32, StringRecord)>,
    /// Lines that can't be split: number and Spanish reason.
    pub malas: Vec<(u32, String)>,
}

/// Splits a file. Of `,` and `;` the separator is the one that shows more `conocida` names in
/// the header.
///
/// # Errors
/// [`ArchivoError`] when it is no text.
pub fn leer(bytes: &[u8], conocida: fn(&str) -> bool) -> Result<Planilla, ArchivoError> {
    let texto = texto::decodificar(bytes)?;
    let delimitador = delimitador(&texto, conocida);
    let mut planilla = Planilla::default();
    for (linea, renglon) in texto::lineas(&texto) {
        match dividir(renglon, delimitador) {
            Some(fila) if fila.iter().all(str::is_empty) => {}
            Some(fila) if planilla.encabezado.is_empty() => planilla.encabezado = fila,
            Some(fila) => planilla.filas.push((linea, fila)),
            None => {
                let motivo = "tiene una comilla sin cerrar".to_owned();
                planilla.malas.push((linea, motivo));
            }
        }
    }
    Ok(planilla)
}

/// The fields of one row; none when a quote is left open. A row is a line: one bad quote must
/// not swallow the good rows after it.
fn dividir(renglon: &str, delimitador: u8) -> Option<StringRecord> {
    if renglon.matches('"').count() % 2 == 1 {
        return None;
    }
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(delimitador)
        .buffer_capacity(renglon.len() + 1)
        .from_reader(renglon.as_bytes())
        .into_records()
        .next()?
        .ok()
}

fn delimitador(texto: &str, conocida: fn(&str) -> bool) -> u8 {
    let encabezado = texto::lineas(texto).next().map_or("", |(_, linea)| linea);
    let conocidas = |separador: char| {
        encabezado
            .split(separador)
            .filter(|nombre| conocida(nombre))
            .count()
    };
    if conocidas(';') > conocidas(',') {
        b';'
    } else {
        b','
    }
}

/// Rows in parts that fit a frame, in the file's order; `bytes_max` is what one takes on the
/// wire.
#[must_use]
pub fn tandas<F>(filas: Vec<F>, bytes_max: fn(&F) -> usize) -> Vec<Vec<F>> {
    let mut tandas: Vec<Vec<F>> = Vec::new();
    let mut libres = 0;
    for fila in filas {
        let bytes = bytes_max(&fila);
        match tandas.last_mut() {
            Some(ultima) if bytes <= libres => ultima.push(fila),
            _ => {
                libres = TANDA_BYTES_MAX;
                tandas.push(vec![fila]);
            }
        }
        libres = libres.saturating_sub(bytes);
    }
    tandas
}
