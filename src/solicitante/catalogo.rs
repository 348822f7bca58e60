//! Reads a catalogue file (contract §5): header, `,` or `;`, aliases and accents tolerated.
//!
//! Called by the verb `catalogo importar`. It never opens the database: good rows go out in
//! parts that fit a frame, bad ones are listed and stop nothing.

use std::path::Path;

use csv::StringRecord;

use super::archivo::{self, ArchivoError, palabras::plano};
use super::planilla;
use crate::domain::ids::{Campo, Sede, Texto};
use crate::wire::admin::FilaCatalogo;

/// Most copies of one row: more is a slip of the keyboard.
const EJEMPLARES_MAX: u32 = 10_000;

/// Longest author, in characters; as long as a title.
const AUTOR_CARACTERES_MAX: usize = 200;

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
    let planilla = planilla::leer(bytes, |nombre| posicion_de(nombre).is_some())?;
    let columnas = Columnas::de(&planilla.encabezado, sede.is_some())?;
    let mut catalogo = Catalogo {
        malas: planilla.malas,
        ..Catalogo::default()
    };
    for (linea, fila) in planilla.filas {
        match columnas.fila(&fila, linea, sede) {
            Ok(buena) => catalogo.filas.push(buena),
            Err(motivo) => catalogo.malas.push((linea, motivo)),
        }
    }
    Ok(catalogo)
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
    planilla::tandas(filas, bytes_max)
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
