//! Reads a users file (contract §5): header, `,` or `;`, aliases and accents tolerated.
//!
//! Called by the verb `usuarios importar`. It never opens the database: good rows go out in
//! parts that fit a frame, bad ones are listed and stop nothing.

use std::collections::HashMap;
use std::path::Path;

use csv::StringRecord;
use jiff::civil::Date;

use super::archivo::{self, ArchivoError, palabras::plano};
use super::planilla;
use crate::domain::ids::UsuarioId;
use crate::wire::admin::FilaUsuario;

/// Longest name, in characters; as long as a title.
const NOMBRE_CARACTERES_MAX: usize = 200;

/// Longest category, in characters; as long as an identifier.
const CATEGORIA_CARACTERES_MAX: usize = 64;

/// A users file that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Padron {
    /// The good rows, in the file's order, each user once.
    pub filas: Vec<FilaUsuario>,
    /// The bad ones: line number from 1 and Spanish reason.
    pub malas: Vec<(u32, String)>,
    /// Columns that mean nothing here, as written.
    pub sin_uso: Vec<String>,
}

/// Why a whole file can't be used; `Display` is the Spanish sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum PadronError {
    /// The file itself.
    #[error(transparent)]
    Archivo(#[from] ArchivoError),
    /// The first line is not a header.
    #[error(
        "el archivo de usuarios no tiene la columna 'id' en su primera línea (id, nombre, categoria, vence, bloqueado)"
    )]
    SinId,
    /// A column twice.
    #[error("el archivo de usuarios tiene dos veces la columna '{0}'")]
    Repetida(&'static str),
}

/// Opens and reads a users file.
///
/// # Errors
/// [`PadronError`]: nothing goes in.
pub fn leer_ruta(ruta: &Path) -> Result<Padron, PadronError> {
    leer(&archivo::bytes_de(ruta)?)
}

/// Reads a users file.
///
/// # Errors
/// [`PadronError`]: nothing goes in.
pub fn leer(bytes: &[u8]) -> Result<Padron, PadronError> {
    let planilla = planilla::leer(bytes, |nombre| posicion_de(nombre).is_some())?;
    let columnas = Columnas::de(&planilla.encabezado)?;
    let sin_uso = planilla
        .encabezado
        .iter()
        .filter(|nombre| !nombre.is_empty() && posicion_de(nombre).is_none());
    let mut padron = Padron {
        malas: planilla.malas,
        sin_uso: sin_uso.map(str::to_owned).collect(),
        ..Padron::default()
    };
    let mut vistos: HashMap<UsuarioId, u32> = HashMap::new();
    for (linea, fila) in planilla.filas {
        let buena = columnas.fila(&fila, linea).and_then(|fila| {
            // Two rows of one user that differ would change it again at each import.
            match vistos.insert(fila.id.clone(), linea) {
                None => Ok(fila),
                Some(primera) => {
                    vistos.insert(fila.id.clone(), primera);
                    Err(format!(
                        "el usuario '{}' ya está en la línea {primera}",
                        fila.id
                    ))
                }
            }
        });
        match buena {
            Ok(buena) => padron.filas.push(buena),
            Err(motivo) => padron.malas.push((linea, motivo)),
        }
    }
    Ok(padron)
}

/// The columns of a users file, by their contract names.
const NOMBRES: [&str; 5] = ["id", "nombre", "categoria", "vence", "bloqueado"];

/// Which column a header's name stands for.
fn posicion_de(nombre: &str) -> Option<usize> {
    let contrato = match plano(nombre).as_str() {
        "id" | "usuario" | "idusuario" | "usuarioid" | "codigo" | "carne" | "carnet"
        | "documento" | "user" | "userid" => "id",
        "nombre" | "nombres" | "nombrecompleto" | "name" => "nombre",
        "categoria" | "tipo" | "tipousuario" | "perfil" | "category" => "categoria",
        "vence" | "vencimiento" | "fechavencimiento" | "fechadevencimiento" | "venceel"
        | "expira" | "validohasta" | "vigencia" | "expires" => "vence",
        "bloqueado" | "bloqueada" | "bloqueo" | "suspendido" | "blocked" => "bloqueado",
        _ => return None,
    };
    NOMBRES.iter().position(|otro| *otro == contrato)
}

/// Where each column stands in this file.
struct Columnas([Option<usize>; NOMBRES.len()]);

impl Columnas {
    fn de(encabezado: &StringRecord) -> Result<Self, PadronError> {
        let mut lugares = [None; NOMBRES.len()];
        for (lugar, nombre) in encabezado.iter().enumerate() {
            if let Some(cual) = posicion_de(nombre)
                && lugares[cual].replace(lugar).is_some()
            {
                return Err(PadronError::Repetida(NOMBRES[cual]));
            }
        }
        match lugares {
            [Some(_), ..] => Ok(Self(lugares)),
            _ => Err(PadronError::SinId),
        }
    }

    fn fila(&self, fila: &StringRecord, linea: u32) -> Result<FilaUsuario, String> {
        // A row that ends early has its last columns empty, not missing.
        let valores = self
            .0
            .map(|lugar| lugar.map(|lugar| fila.get(lugar).unwrap_or_default()));
        let [id, nombre, categoria, vence, bloqueado] = valores;
        let id =
            UsuarioId::parse(id.unwrap_or_default()).map_err(|error| error.en("id").to_string())?;
        let texto = |valor: Option<&str>, campo, max| {
            valor.map(|valor| texto_de(valor, campo, max)).transpose()
        };
        let categoria = texto(categoria, "categoria", CATEGORIA_CARACTERES_MAX)?;
        Ok(FilaUsuario {
            linea,
            id,
            nombre: texto(nombre, "nombre", NOMBRE_CARACTERES_MAX)?,
            // The limits of `reglas.limites` are in small letters.
            categoria: categoria.map(|valor| valor.map(|valor| valor.to_lowercase())),
            vence: vence.map(fecha_de).transpose()?,
            bloqueado: match bloqueado {
                None | Some("") => None,
                Some(valor) => Some(si_o_no(valor)?),
            },
        })
    }
}

fn texto_de(valor: &str, campo: &str, max: usize) -> Result<Option<String>, String> {
    if valor.chars().count() > max || valor.chars().any(char::is_control) {
        return Err(format!(
            "el campo '{campo}' pasa de {max} caracteres o tiene caracteres no permitidos"
        ));
    }
    Ok((!valor.is_empty()).then(|| valor.to_owned()))
}

/// A day, `2026-12-31` or `31/12/2026`, with or without an hour, as the database writes it; none for an empty cell.
fn fecha_de(valor: &str) -> Result<Option<String>, String> {
    if valor.is_empty() {
        return Ok(None);
    }
    // A spreadsheet may add the hour: the membership lasts to the end of its day.
    let dia = valor.split(['T', ' ']).next().unwrap_or_default();
    let partes: Vec<&str> = dia.split(['-', '/']).collect();
    let numeros = |anio: &str, mes: &str, dia: &str| {
        let cifras = [anio, mes, dia]
            .iter()
            .all(|parte| !parte.is_empty() && parte.bytes().all(|letra| letra.is_ascii_digit()));
        let fecha = Date::new(anio.parse().ok()?, mes.parse().ok()?, dia.parse().ok()?).ok()?;
        (cifras && fecha.year() > 0).then_some(fecha)
    };
    let fecha = match partes.as_slice() {
        [anio, mes, dia] if anio.len() == 4 => numeros(anio, mes, dia),
        [dia, mes, anio] if anio.len() == 4 => numeros(anio, mes, dia),
        _ => None,
    };
    match fecha {
        Some(fecha) => Ok(Some(fecha.to_string())),
        None => Err(format!(
            "'{valor}' no es una fecha: se escribe AAAA-MM-DD o DD/MM/AAAA"
        )),
    }
}

fn si_o_no(valor: &str) -> Result<bool, String> {
    match plano(valor).as_str() {
        "si" | "s" | "1" | "true" | "t" | "verdadero" | "x" | "yes" | "y" | "bloqueado"
        | "bloqueada" => Ok(true),
        "no" | "n" | "0" | "false" | "f" | "falso" => Ok(false),
        _ => Err(format!(
            "'{valor}' no dice si el usuario está bloqueado: se escribe si o no"
        )),
    }
}

/// The rows in parts whose `Encomienda` fits a frame, in the file's order.
#[must_use]
pub fn tandas(filas: Vec<FilaUsuario>) -> Vec<Vec<FilaUsuario>> {
    planilla::tandas(filas, bytes_max)
}

/// What a row takes on the wire: its numbers, and each text with its length and its marks.
fn bytes_max(fila: &FilaUsuario) -> usize {
    let largo = |texto: &Option<Option<String>>| texto.iter().flatten().map(String::len).sum();
    let textos: [usize; 4] = [
        fila.id.as_str().len(),
        largo(&fila.nombre),
        largo(&fila.categoria),
        largo(&fila.vence),
    ];
    8 + textos.iter().map(|bytes| 10 + bytes).sum::<usize>()
}

#[cfg(test)]
#[path = "usuarios_tests.rs"]
mod tests;
