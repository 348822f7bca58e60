//! Reads a request file (contract §5): encoding, separator, order of the columns, lines.
//!
//! Called before a run, which prints the [`Forma`] first. It never sends anything, and when
//! the form can't be told for certain it says so instead of guessing.

pub mod columnas;
mod detectar;
mod json;
mod linea;
pub mod palabras;
pub mod separador;
pub mod texto;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::domain::operacion::Operacion;
use crate::sistema::motivo;
use columnas::{Columna, Columnas};
pub use linea::LineaPedido;
use separador::{Separador, es_encabezado};
use texto::{ARCHIVO_BYTES_MAX, LINEA_BYTES_MAX};

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archivo {
    /// How it was read; its `Display` is the line to print first.
    pub forma: Forma,
    /// The requests, in the file's order.
    pub lineas: Vec<Linea>,
    /// Lines that make no request: number from 1 and Spanish reason.
    pub ilegibles: Vec<(u32, String)>,
    /// How many of the requests brought an op_id, which is not used.
    pub con_op_id: u64,
    /// SHA-256 of the file's bytes, 64 hex digits.
    pub huella_hex: String,
}

/// One readable line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linea {
    /// Its number in the file, from 1.
    pub numero: u32,
    /// What it asks.
    pub pedido: LineaPedido,
}

/// How a file was read: part of what gives its lines their meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forma {
    /// None for a file without requests.
    pub separador: Option<Separador>,
    /// Orders of columns; one that a header gives for an operation holds for that one.
    ordenes: Vec<(Option<Operacion>, Columnas)>,
    origen: Origen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origen {
    Dadas,
    Encabezado,
    Detectadas,
}

/// Why a whole file can't be used; `Display` is the Spanish sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum ArchivoError {
    /// It can't be opened or read.
    #[error("no se puede leer el archivo {0}: {causa}", causa = motivo(.1))]
    Lectura(String, #[source] io::Error),
    /// More than [`ARCHIVO_BYTES_MAX`].
    #[error("el archivo pasa de {} MiB; divídalo en varios", ARCHIVO_BYTES_MAX / 1024 / 1024)]
    Grande,
    /// Binary, or UTF-16.
    #[error("el archivo no es de texto UTF-8 ni Latin-1")]
    NoEsTexto,
    /// No operation's word anywhere, or several separators.
    #[error(
        "no se reconoce el separador del archivo: cada línea debe decir su operación (PRESTAMO, DEVOLUCION, RENOVACION o CONSULTA) y todas deben usar el mismo separador"
    )]
    SinSeparador,
    /// The order of the columns is not certain.
    #[error(
        "no se puede saber con certeza el orden de las columnas; indíquelo con --columnas operacion,usuario,libro[,sede] (y 'ignorar' para las que sobren)"
    )]
    SinColumnas,
    /// Two headers that disagree.
    #[error("la línea {0} es un encabezado distinto de otro anterior; use --columnas")]
    EncabezadosDistintos(u32),
}

/// Opens and reads a request file.
///
/// # Errors
/// [`ArchivoError`]: nothing may be sent.
pub fn leer_ruta(ruta: &Path, columnas: Option<&Columnas>) -> Result<Archivo, ArchivoError> {
    leer(&bytes_de(ruta)?, columnas)
}

/// The bytes of a file, never more than the largest one and a byte.
pub(crate) fn bytes_de(ruta: &Path) -> Result<Vec<u8>, ArchivoError> {
    let mut bytes = Vec::new();
    File::open(ruta)
        .and_then(|archivo| archivo.take(ARCHIVO_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| ArchivoError::Lectura(ruta.display().to_string(), error))?;
    Ok(bytes)
}

/// Reads a request file; `columnas` given by the user overrides header and evidence.
///
/// # Errors
/// [`ArchivoError`]: nothing may be sent.
pub fn leer(bytes: &[u8], columnas: Option<&Columnas>) -> Result<Archivo, ArchivoError> {
    let texto = texto::decodificar(bytes)?;
    let (cortas, largas): (Vec<_>, Vec<_>) =
        texto::lineas(&texto).partition(|(_, linea)| linea.len() <= LINEA_BYTES_MAX);
    let mut archivo = Archivo {
        forma: Forma {
            separador: None,
            ordenes: Vec::new(),
            origen: Origen::Detectadas,
        },
        lineas: Vec::new(),
        ilegibles: largas
            .iter()
            .map(|(numero, _)| (*numero, format!("pasa de {LINEA_BYTES_MAX} bytes")))
            .collect(),
        con_op_id: 0,
        huella_hex: hex(&Sha256::digest(bytes)),
    };
    if cortas.is_empty() {
        return Ok(archivo);
    }
    let separador = Separador::detectar(cortas.iter().map(|(_, linea)| *linea))
        .ok_or(ArchivoError::SinSeparador)?;
    archivo.forma.separador = Some(separador);
    if separador == Separador::Json {
        for (numero, linea) in cortas {
            let leida = json::leer(linea).map(|(pedido, con_op_id)| {
                archivo.con_op_id += u64::from(con_op_id);
                pedido
            });
            archivo.anotar(numero, leida);
        }
    } else {
        let filas = cortas
            .iter()
            .map(|(numero, linea)| (*numero, separador.cortar(linea)))
            .collect();
        archivo.leer_filas(filas, columnas)?;
    }
    archivo.ilegibles.sort_unstable();
    Ok(archivo)
}

/// Lower-case hex digits of a hash.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Archivo {
    fn anotar(&mut self, numero: u32, leida: Result<LineaPedido, String>) {
        match leida {
            Ok(pedido) => self.lineas.push(Linea { numero, pedido }),
            Err(motivo) => self.ilegibles.push((numero, motivo)),
        }
    }

    fn leer_filas(
        &mut self,
        filas: Vec<(u32, Vec<&str>)>,
        dadas: Option<&Columnas>,
    ) -> Result<(), ArchivoError> {
        let (encabezados, filas): (Vec<_>, Vec<_>) =
            filas.into_iter().partition(|(_, fila)| es_encabezado(fila));
        if let Some(dadas) = dadas {
            self.forma.origen = Origen::Dadas;
            self.forma.ordenes.push((None, dadas.clone()));
        } else if encabezados.is_empty() {
            let (numeros, valores): (Vec<u32>, Vec<Vec<&str>>) = filas.into_iter().unzip();
            let columnas = detectar::columnas(&valores).ok_or(ArchivoError::SinColumnas)?;
            self.forma.ordenes.push((None, columnas));
            return self.leer_cuerpo(numeros.into_iter().zip(valores));
        } else {
            self.forma.origen = Origen::Encabezado;
            self.forma.ordenes = ordenes_de(&encabezados)?;
        }
        self.leer_cuerpo(filas.into_iter())
    }

    fn leer_cuerpo<'a>(
        &mut self,
        filas: impl Iterator<Item = (u32, Vec<&'a str>)>,
    ) -> Result<(), ArchivoError> {
        let forma = self.forma.clone();
        for (numero, mut fila) in filas {
            let columnas = forma
                .completar(&mut fila)
                .ok_or(ArchivoError::SinColumnas)?;
            let leida = linea::leer(&fila, columnas, forma.origen == Origen::Detectadas);
            self.anotar(numero, leida);
        }
        Ok(())
    }
}

/// The orders that the headers give. In a header the operation's column has a name or, when
/// the header speaks of one operation, that operation's word.
fn ordenes_de(
    encabezados: &[(u32, Vec<&str>)],
) -> Result<Vec<(Option<Operacion>, Columnas)>, ArchivoError> {
    let mut ordenes: Vec<(Option<Operacion>, Columnas)> = Vec::new();
    for (numero, nombres) in encabezados {
        let propia = nombres.iter().find_map(|n| palabras::operacion(n));
        let orden = nombres
            .iter()
            .map(|nombre| match palabras::operacion(nombre) {
                Some(_) => Columna::Operacion,
                None => palabras::columna(nombre).unwrap_or(Columna::Ignorada),
            })
            .collect();
        let columnas = Columnas::nuevas(orden).map_err(|_| ArchivoError::SinColumnas)?;
        match ordenes.iter().find(|(cual, _)| *cual == propia) {
            Some((_, otras)) if *otras != columnas => {
                return Err(ArchivoError::EncabezadosDistintos(*numero));
            }
            Some(_) => {}
            None => ordenes.push((propia, columnas)),
        }
    }
    Ok(ordenes)
}

impl Forma {
    /// The orders of the columns as a text that is the same whenever the lines mean the same;
    /// whether they were given or detected does not matter.
    #[must_use]
    pub fn orden(&self) -> String {
        let ordenes: Vec<_> = self.ordenes.iter().map(|(_, o)| o.to_string()).collect();
        ordenes.join(" / ")
    }

    /// The order that holds for a line. Under a header that names its one operation a line
    /// may leave the word out, and then gets it.
    fn completar(&self, fila: &mut Vec<&str>) -> Option<&Columnas> {
        let propia = self.ordenes.iter().find(|(operacion, columnas)| {
            operacion.is_some()
                && *operacion
                    == fila
                        .get(columnas.posicion_operacion())
                        .and_then(|valor| palabras::operacion(valor))
        });
        let general = self
            .ordenes
            .iter()
            .find(|(operacion, _)| operacion.is_none());
        let (operacion, columnas) = propia.or(general).or(self.ordenes.first())?;
        let posicion = columnas.posicion_operacion();
        let sin_palabra = fila
            .get(posicion)
            .is_none_or(|valor| palabras::operacion(valor).is_none());
        if let Some(operacion) = operacion
            && self.ordenes.len() == 1
            && sin_palabra
            && fila.len() < columnas.orden().len()
            && posicion <= fila.len()
        {
            fila.insert(posicion, operacion.palabra());
        }
        Some(columnas)
    }
}

impl fmt::Display for Forma {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(separador) = self.separador else {
            return f.write_str("Archivo sin solicitudes");
        };
        write!(f, "Separador: {separador}")?;
        if separador == Separador::Json {
            return Ok(());
        }
        let origen = match self.origen {
            Origen::Dadas => "dadas con --columnas",
            Origen::Encabezado => "según el encabezado",
            Origen::Detectadas => "detectadas en el archivo",
        };
        write!(f, "; columnas: {} ({origen})", self.orden())
    }
}

#[cfg(test)]
mod tests;
