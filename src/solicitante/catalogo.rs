//! Reads a catalogue file (contract §5): header, `,` or `;`, aliases and accents tolerated.
//!
//! Called by the verb `catalogo importar`. It never opens the database: good rows go out in
//! parts that fit a frame, bad ones are listed and stop nothing.

use std::path::Path;

use csv::StringRecord;

use super::archivo::{self, ArchivoError, palabras::plano, texto};
use crate::domain::ids::{Campo, Sede, Texto};
use crate::wire::admin::FilaCatalogo;

/// Most copies of one row: more is a slip of the keyboard.
const EJEMPLARES_MAX: u32 = 10_000;

/// Longest author, in characters; as long as a title.
const AUTOR_CARACTERES_MAX: usize = 200;

/// Largest part, in bytes on the wire: a frame holds 64 KiB, and this leaves room for what
/// goes around the rows.
const TANDA_BYTES_MAX: usize = 60 * 1024;

/// A catalogue that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogo {
    /// The good rows, in the file's order.
    pub filas: Vec<FilaCatalogo>,
    /// The bad ones: line number from 1 and Spanish reason.
    pub malas: Vec<(u32, String)>,
}

/// Why a whole catalogue can't be used; `Display` is the Spanish sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum CatalogoError {
    /// The file itself.
    #[error(transparent)]
    Archivo(#[from] ArchivoError),
    /// The first line is not a header, or lacks a column.
    #[error(
        "el catálogo no tiene la columna '{0}' en su primera línea (isbn, titulo, autor, sede, ejemplares y, si lo hay, codigo)"
    )]
    FaltaColumna(&'static str),
    /// A column twice.
    #[error("el catálogo tiene dos veces la columna '{0}'")]
    Repetida(&'static str),
}

/// Opens and reads a catalogue; `sede` is for rows that tell none.
///
/// # Errors
/// [`CatalogoError`]: nothing goes in.
pub fn leer_ruta(ruta: &Path, sede: Option<&Sede>) -> Result<Catalogo, CatalogoError> {
    leer(&archivo::bytes_de(ruta)?, sede)
}

/// Reads a catalogue; `sede` is for rows that tell none.
///
/// # Errors
/// [`CatalogoError`]: nothing goes in.
pub fn leer(bytes: &[u8], sede: Option<&Sede>) -> Result<Catalogo, CatalogoError> {
    let texto = texto::decodificar(bytes)?;
    let delimitador = delimitador(&texto);
    let mut catalogo = Catalogo::default();
    let mut columnas = None;
    for (linea, renglon) in texto::lineas(&texto) {
        if renglon.trim().is_empty() || renglon.trim_start().starts_with('#') {
            continue;
        }
        let fila = match dividir(renglon, delimitador) {
            Some(fila) if fila.iter().all(str::is_empty) => continue,
            Some(fila) => fila,
            None => {
                let motivo = "tiene una comilla sin cerrar".to_owned();
                catalogo.malas.push((linea, motivo));
                continue;
            }
        };
        match &columnas {
            None => columnas = Some(Columnas::de(&fila, sede.is_some())?),
            Some(columnas) => match columnas.fila(&fila, linea, sede) {
                Ok(buena) => catalogo.filas.push(buena),
                Err(motivo) => catalogo.malas.push((linea, motivo)),
            },
        }
    }
    match columnas {
        Some(_) => Ok(catalogo),
        None => Err(CatalogoError::FaltaColumna("isbn")),
    }
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

/// Of `,` and `;` the one that shows more of the header's names.
fn delimitador(texto: &str) -> u8 {
    let encabezado = texto::lineas(texto).next().map_or("", |(_, linea)| linea);
    let conocidas = |separador: char| {
        encabezado
            .split(separador)
            .filter(|nombre| posicion_de(nombre).is_some())
            .count()
    };
    if conocidas(';') > conocidas(',') {
        b';'
    } else {
        b','
    }
}

/// The columns of a catalogue, by their contract names.
const NOMBRES: [&str; 6] = ["isbn", "titulo", "autor", "sede", "ejemplares", "codigo"];

/// Which column a header's name stands for.
fn posicion_de(nombre: &str) -> Option<usize> {
    let contrato = match plano(nombre).as_str() {
        "isbn" | "libro" | "idlibro" => "isbn",
        "titulo" | "title" => "titulo",
        "autor" | "autores" | "author" => "autor",
        "sede" | "sucursal" | "idsede" => "sede",
        "ejemplares" | "cantidad" | "copias" | "copies" => "ejemplares",
        "codigo" | "ejemplar" | "barcode" | "codigobarras" => "codigo",
        _ => return None,
    };
    NOMBRES.iter().position(|otro| *otro == contrato)
}

/// Where each column stands in this file.
struct Columnas([Option<usize>; NOMBRES.len()]);

impl Columnas {
    fn de(encabezado: &StringRecord, con_sede: bool) -> Result<Self, CatalogoError> {
        let mut lugares = [None; NOMBRES.len()];
        for (lugar, nombre) in encabezado.iter().enumerate() {
            if let Some(cual) = posicion_de(nombre)
                && lugares[cual].replace(lugar).is_some()
            {
                return Err(CatalogoError::Repetida(NOMBRES[cual]));
            }
        }
        let [isbn, titulo, _, sede, ..] = lugares;
        for (hay, nombre) in [
            (isbn.is_some(), "isbn"),
            (titulo.is_some(), "titulo"),
            (sede.is_some() || con_sede, "sede"),
        ] {
            if !hay {
                return Err(CatalogoError::FaltaColumna(nombre));
            }
        }
        Ok(Self(lugares))
    }

    fn fila(
        &self,
        fila: &StringRecord,
        linea: u32,
        sede: Option<&Sede>,
    ) -> Result<FilaCatalogo, String> {
        let valores = self
            .0
            .map(|lugar| lugar.and_then(|lugar| fila.get(lugar)).unwrap_or_default());
        let [isbn, titulo, autor, sede_suya, ejemplares, codigo] = valores;
        let codigo = (!codigo.is_empty()).then(|| parse(codigo)).transpose()?;
        Ok(FilaCatalogo {
            linea,
            isbn: parse(isbn)?,
            titulo: parse(titulo)?,
            autor: autor_de(autor)?,
            sede: match (sede_suya, sede) {
                ("", Some(sede)) => sede.clone(),
                _ => parse(sede_suya)?,
            },
            ejemplares: ejemplares_de(ejemplares, codigo.is_some())?,
            codigo,
        })
    }
}

fn parse<K: Campo>(valor: &str) -> Result<Texto<K>, String> {
    Texto::parse(valor).map_err(|error| error.to_string())
}

fn autor_de(autor: &str) -> Result<Option<String>, String> {
    if autor.chars().count() > AUTOR_CARACTERES_MAX || autor.chars().any(char::is_control) {
        return Err(format!(
            "el autor pasa de {AUTOR_CARACTERES_MAX} caracteres o tiene caracteres no permitidos"
        ));
    }
    Ok((!autor.is_empty()).then(|| autor.to_owned()))
}

fn ejemplares_de(valor: &str, con_codigo: bool) -> Result<u32, String> {
    if valor.is_empty() {
        return Ok(1);
    }
    match valor.parse() {
        Ok(cuantos) if con_codigo && cuantos != 1 => Err(format!(
            "una fila con código es de un solo ejemplar, no de {cuantos}"
        )),
        Ok(cuantos) if cuantos <= EJEMPLARES_MAX => Ok(cuantos),
        _ => Err(format!(
            "'{valor}' no es un número de ejemplares (de 0 a {EJEMPLARES_MAX})"
        )),
    }
}

/// The rows in parts whose `Encomienda` fits a frame, in the file's order.
#[must_use]
pub fn tandas(filas: Vec<FilaCatalogo>) -> Vec<Vec<FilaCatalogo>> {
    let mut tandas: Vec<Vec<FilaCatalogo>> = Vec::new();
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

/// What a row takes on the wire: its numbers, and each text with its length and its mark.
fn bytes_max(fila: &FilaCatalogo) -> usize {
    let textos = [
        fila.isbn.as_str(),
        fila.titulo.as_str(),
        fila.autor.as_deref().unwrap_or_default(),
        fila.sede.as_str(),
        fila.codigo.as_ref().map_or("", |codigo| codigo.as_str()),
    ];
    8 + textos.iter().map(|texto| 9 + texto.len()).sum::<usize>()
}

#[cfg(test)]
#[path = "catalogo_tests.rs"]
mod tests;
