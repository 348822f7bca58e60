//! The progress file of a run: its UUID before the first send, then every line that is done.
//!
//! Called by the solicitante before and during a run; one process at a time owns it by a
//! lock. It never holds an outcome that is not in the receipts already. Its writes block for
//! the time of a disk write.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::archivo::hex;
use crate::domain::ids::{IdInvalido, OpId};
use crate::sistema::motivo;
use crate::wire::respuesta::Estado;

/// Longest `--nombre`, in characters: it becomes part of file names.
const NOMBRE_CARACTERES_MAX: usize = 64;

/// Where a run keeps its files, all under `nodo.datos`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rutas {
    /// The progress file.
    pub progreso: PathBuf,
    /// The receipts, of every run of this name.
    pub recibos: PathBuf,
    candado: PathBuf,
}

/// Why a run can't start or go on; `Display` is the Spanish sentence for the user. All but
/// [`ProgresoError::Disco`] (70) are exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ProgresoError {
    /// Another process runs under this name.
    #[error(
        "otro solicitante está usando este archivo; espere a que termine o dé a este otro nombre con --nombre"
    )]
    EnUso,
    /// What the unfinished run would send is not what the file says now.
    #[error(
        "hay una corrida sin terminar y el archivo, sus columnas o su sede cambiaron; restáurelos para continuarla o abandónela con --de-nuevo"
    )]
    Cambiado,
    /// Not a progress file of ours.
    #[error(
        "el archivo de progreso {0} está dañado; revíselo o abandone la corrida con --de-nuevo"
    )]
    Danado(PathBuf),
    /// A name that can't be part of a file name.
    #[error("--nombre admite de 1 a 64 letras, cifras, puntos, guiones y guiones bajos: '{0}'")]
    Nombre(String),
    /// The disk refused.
    #[error("no se puede escribir o leer {0}: {causa}", causa = motivo(.1))]
    Disco(PathBuf, #[source] io::Error),
}

impl Rutas {
    /// The files of the run of `archivo` under a name; without one the name comes from the
    /// file's absolute path.
    ///
    /// # Errors
    /// [`ProgresoError::Nombre`] when the name can't be part of a file name.
    pub fn de(datos: &Path, archivo: &Path, nombre: Option<&str>) -> Result<Self, ProgresoError> {
        let nombre = match nombre {
            Some(nombre) if es_nombre(nombre) => nombre.to_owned(),
            Some(nombre) => return Err(ProgresoError::Nombre(nombre.to_owned())),
            None => nombre_de(archivo),
        };
        let carpeta = datos.join("solicitante");
        Ok(Self {
            progreso: carpeta.join(format!("{nombre}.progreso")),
            recibos: carpeta.join(format!("{nombre}.recibos.jsonl")),
            candado: carpeta.join(format!("{nombre}.candado")),
        })
    }
}

fn es_nombre(nombre: &str) -> bool {
    (1..=NOMBRE_CARACTERES_MAX).contains(&nombre.len())
        && !nombre.starts_with('.')
        && nombre
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// A readable part and a hash of the whole path, so that no two files share a name.
fn nombre_de(archivo: &Path) -> String {
    let absoluta = fs::canonicalize(archivo)
        .or_else(|_| std::path::absolute(archivo))
        .unwrap_or_else(|_| archivo.to_owned());
    let legible: String = archivo
        .file_stem()
        .map(|nombre| nombre.to_string_lossy())
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(24)
        .collect();
    let huella = hex(&Sha256::digest(absoluta.as_os_str().as_encoded_bytes())[..8]);
    format!("{legible}-{huella}")
}

/// How a finished line ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hecha {
    /// `Confirmado`, `Rechazado` or `Invalido`.
    pub estado: Estado,
    /// The reason, if there was one.
    pub codigo: Option<String>,
}

/// One line of the file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Registro {
    Corrida {
        id: String,
        huella: String,
        contenido: String,
    },
    Hecha {
        linea: u32,
        estado: String,
        codigo: Option<String>,
    },
    Fin,
}

/// The progress of a run that this process owns.
#[derive(Debug)]
pub struct Progreso {
    ruta: PathBuf,
    archivo: File,
    corrida: Uuid,
    hechas: BTreeMap<u32, Hecha>,
    reanudada: bool,
    /// Held until this is dropped or the process dies.
    _candado: File,
}

impl Progreso {
    /// Takes the lock and continues the unfinished run, or draws a new one and puts it on
    /// disk. `huella` is the file's hash, `contenido` whatever else decides what its lines
    /// say; `de_nuevo` abandons an unfinished run.
    ///
    /// # Errors
    /// [`ProgresoError`]: nothing may be sent.
    pub fn abrir(
        rutas: &Rutas,
        huella: &str,
        contenido: &str,
        de_nuevo: bool,
    ) -> Result<Self, ProgresoError> {
        let ruta = &rutas.progreso;
        let disco = |error| ProgresoError::Disco(ruta.clone(), error);
        fs::create_dir_all(carpeta(ruta)).map_err(disco)?;
        let candado = tomar(&rutas.candado)?;
        if !de_nuevo && let Some(mut anterior) = leer(ruta)? {
            if anterior.huella != huella || anterior.contenido != contenido {
                return Err(ProgresoError::Cambiado);
            }
            let archivo = reabrir(ruta, anterior.bytes_buenos).map_err(disco)?;
            return Ok(Self {
                ruta: ruta.clone(),
                archivo,
                corrida: anterior.id,
                hechas: std::mem::take(&mut anterior.hechas),
                reanudada: true,
                _candado: candado,
            });
        }
        let corrida = Uuid::new_v4();
        let archivo = empezar(ruta, corrida, huella, contenido).map_err(disco)?;
        Ok(Self {
            ruta: ruta.clone(),
            archivo,
            corrida,
            hechas: BTreeMap::new(),
            reanudada: false,
            _candado: candado,
        })
    }

    /// The run's UUID.
    #[must_use]
    pub const fn corrida(&self) -> Uuid {
        self.corrida
    }

    /// Whether an earlier process began this run: any of its lines may have been sent.
    #[must_use]
    pub const fn reanudada(&self) -> bool {
        self.reanudada
    }

    /// The op_id of a line: the same for every attempt and every restart.
    ///
    /// # Errors
    /// Never for a line number; the type of [`OpId::parse`].
    pub fn op_id(&self, linea: u32) -> Result<OpId, IdInvalido> {
        OpId::parse(&format!("{}-{linea}", self.corrida))
    }

    /// The line of this run that an op_id stands for.
    #[must_use]
    pub fn linea_de(&self, op_id: &str) -> Option<u32> {
        op_id
            .strip_prefix(&self.corrida.to_string())?
            .strip_prefix('-')?
            .parse()
            .ok()
    }

    /// How a line ended, if it is done.
    #[must_use]
    pub fn hecha(&self, linea: u32) -> Option<&Hecha> {
        self.hechas.get(&linea)
    }

    /// Marks a line as done; its receipt must be on disk. Losing the mark only repeats the
    /// line under its op_id, so it is not waited for.
    ///
    /// # Errors
    /// [`ProgresoError::Disco`].
    pub fn marcar(&mut self, linea: u32, hecha: Hecha) -> Result<(), ProgresoError> {
        self.agregar(&Registro::Hecha {
            linea,
            estado: hecha.estado.palabra().to_owned(),
            codigo: hecha.codigo.clone(),
        })?;
        self.hechas.insert(linea, hecha);
        Ok(())
    }

    /// Ends the run: the next start draws a new one.
    ///
    /// # Errors
    /// [`ProgresoError::Disco`].
    pub fn terminar(&mut self) -> Result<(), ProgresoError> {
        self.agregar(&Registro::Fin)?;
        self.archivo
            .sync_data()
            .map_err(|error| ProgresoError::Disco(self.ruta.clone(), error))
    }

    fn agregar(&mut self, registro: &Registro) -> Result<(), ProgresoError> {
        linea_de_texto(registro)
            .and_then(|linea| self.archivo.write_all(linea.as_bytes()))
            .map_err(|error| ProgresoError::Disco(self.ruta.clone(), error))
    }
}

fn carpeta(ruta: &Path) -> &Path {
    ruta.parent().unwrap_or(Path::new("."))
}

fn linea_de_texto(registro: &Registro) -> io::Result<String> {
    Ok(serde_json::to_string(registro)? + "\n")
}

fn tomar(ruta: &Path) -> Result<File, ProgresoError> {
    let disco = |error| ProgresoError::Disco(ruta.to_owned(), error);
    let candado = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(ruta)
        .map_err(disco)?;
    match candado.try_lock() {
        Ok(()) => Ok(candado),
        Err(TryLockError::WouldBlock) => Err(ProgresoError::EnUso),
        Err(TryLockError::Error(error)) => Err(disco(error)),
    }
}

/// Writes the file of a new run beside the old one and puts it in its place: at every
/// instant one of the two is there whole.
fn empezar(ruta: &Path, id: Uuid, huella: &str, contenido: &str) -> io::Result<File> {
    let nueva = ruta.with_extension("progreso.nuevo");
    let mut archivo = File::create(&nueva)?;
    let registro = Registro::Corrida {
        id: id.to_string(),
        huella: huella.to_owned(),
        contenido: contenido.to_owned(),
    };
    archivo.write_all(linea_de_texto(&registro)?.as_bytes())?;
    archivo.sync_all()?;
    fs::rename(&nueva, ruta)?;
    File::open(carpeta(ruta))?.sync_all()?;
    Ok(archivo)
}

/// Opens for appending after what is readable: a line that a kill tore is cut away.
fn reabrir(ruta: &Path, bytes_buenos: u64) -> io::Result<File> {
    let archivo = OpenOptions::new().append(true).open(ruta)?;
    archivo.set_len(bytes_buenos)?;
    Ok(archivo)
}

/// What the file of an unfinished run says.
struct Anterior {
    id: Uuid,
    huella: String,
    contenido: String,
    hechas: BTreeMap<u32, Hecha>,
    bytes_buenos: u64,
}

/// Reads the file; none when there is no unfinished run.
fn leer(ruta: &Path) -> Result<Option<Anterior>, ProgresoError> {
    let bytes = match fs::read(ruta) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ProgresoError::Disco(ruta.to_owned(), error)),
    };
    let danado = || ProgresoError::Danado(ruta.to_owned());
    let mut lineas = bytes.split_inclusive(|byte| *byte == b'\n');
    let cabecera = lineas.next().ok_or_else(danado)?;
    let Ok(Registro::Corrida {
        id,
        huella,
        contenido,
    }) = serde_json::from_slice(cabecera)
    else {
        return Err(danado());
    };
    let mut anterior = Anterior {
        id: Uuid::parse_str(&id).map_err(|_| danado())?,
        huella,
        contenido,
        hechas: BTreeMap::new(),
        bytes_buenos: cabecera.len() as u64,
    };
    for linea in lineas.filter(|linea| linea.ends_with(b"\n")) {
        match serde_json::from_slice(linea) {
            Ok(Registro::Fin) => return Ok(None),
            Ok(Registro::Hecha {
                linea,
                estado,
                codigo,
            }) => {
                let estado = Estado::de_palabra(&estado).ok_or_else(danado)?;
                anterior.hechas.insert(linea, Hecha { estado, codigo });
            }
            _ => return Err(danado()),
        }
        anterior.bytes_buenos += linea.len() as u64;
    }
    Ok(Some(anterior))
}

#[cfg(test)]
#[path = "progreso_tests.rs"]
mod tests;
