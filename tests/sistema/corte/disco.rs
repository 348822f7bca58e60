//! A disk under a recording: what is surely on it, what is only on its way, and what a power
//! cut leaves of both.
//!
//! What was synced is there. Of what was done to a file since its last sync any part may be,
//! in any order. Names belong to their folder: until that is synced too, a new file may be
//! missing and an old one be back; they change in their order. A write within one sector of
//! [`SECTOR`] bytes is there or not.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::grabacion::Registro;
use crate::azar::Azar;

/// What a disk writes whole.
const SECTOR: usize = 512;

/// How many of a thousand unsynced writes of a file are left, in turn: none, some, all.
const DENSIDADES: [u64; 5] = [0, 500, 900, 990, 1000];

/// A file of SQLite's that is memory, mapped and never synced.
const COMPARTIDA: &str = "-shm";

/// What of the unsynced a cut leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forma {
    Nada,
    Todo,
    /// Of each file another part, the last write of it torn; and other memory than there was.
    Parte,
}

#[derive(Clone, Copy)]
enum Cambio<'a> {
    Escribe(usize, &'a [u8]),
    Trunca(usize),
}

/// A file, whatever it is called.
#[derive(Default)]
struct Archivo<'a> {
    firme: Vec<u8>,
    /// Not synced yet, each with its instant.
    pendiente: Vec<(u64, Cambio<'a>)>,
}

#[derive(Clone, Copy)]
enum Nombre<'a> {
    Crea(&'a str, usize),
    Borra(&'a str),
    Renombra(&'a str, &'a str),
}

/// A sync that has begun.
enum Sincronia<'a> {
    Archivo(usize, u64),
    Carpeta(&'a str, u64),
}

type Nombres<'a> = BTreeMap<&'a str, usize>;

#[derive(Default)]
pub struct Disco<'a> {
    archivos: Vec<Archivo<'a>>,
    /// As the node sees them.
    nombres: Nombres<'a>,
    /// As they are on the disk.
    firmes: Nombres<'a>,
    /// From the second to the first, each with its instant.
    cambios: Vec<(u64, Nombre<'a>)>,
    sincronias: HashMap<u64, Sincronia<'a>>,
    ahora: u64,
}

/// The files of a folder and what is in them.
pub type Contenido = BTreeMap<String, Vec<u8>>;

/// What is in the folder; it has no others in it.
pub fn contenido(carpeta: &Path) -> Contenido {
    let entradas = fs::read_dir(carpeta).unwrap().map(Result::unwrap);
    entradas
        .map(|entrada| {
            let nombre = entrada.file_name().into_string().unwrap();
            (nombre, fs::read(entrada.path()).unwrap())
        })
        .filter(|(nombre, _)| !nombre.ends_with(COMPARTIDA))
        .collect()
}

impl<'a> Disco<'a> {
    /// With these files, all of them synced.
    pub fn nuevo(contenido: &'a Contenido) -> Self {
        let mut disco = Self::default();
        for (nombre, bytes) in contenido {
            let cual = disco.archivo(bytes.clone());
            disco.nombres.insert(nombre, cual);
        }
        disco.firmes = disco.nombres.clone();
        disco
    }

    fn archivo(&mut self, firme: Vec<u8>) -> usize {
        self.archivos.push(Archivo {
            firme,
            pendiente: Vec::new(),
        });
        self.archivos.len() - 1
    }

    /// Goes on by one record.
    pub fn sigue(&mut self, registro: Registro<'a>) {
        self.ahora += 1;
        match registro {
            Registro::Crea { nombre, vaciado } => match self.nombres.get(nombre) {
                Some(_) if vaciado => self.cambia(nombre, Cambio::Trunca(0)),
                Some(_) => {}
                None => {
                    let cual = self.archivo(Vec::new());
                    self.nombra(Nombre::Crea(nombre, cual));
                }
            },
            Registro::Escribe {
                nombre,
                donde,
                bytes,
            } => self.cambia(nombre, Cambio::Escribe(donde, bytes)),
            Registro::Trunca { nombre, largo } => self.cambia(nombre, Cambio::Trunca(largo)),
            Registro::Borra(nombre) => self.nombra(Nombre::Borra(nombre)),
            Registro::Renombra { de, a } => self.nombra(Nombre::Renombra(de, a)),
            Registro::Sincroniza { nombre, vez } => {
                let sincronia = match self.nombres.get(nombre) {
                    Some(cual) => Sincronia::Archivo(*cual, self.ahora),
                    None => Sincronia::Carpeta(nombre, self.ahora),
                };
                self.sincronias.insert(vez, sincronia);
            }
            Registro::Sincronizado(vez) => match self.sincronias.remove(&vez) {
                Some(Sincronia::Archivo(cual, desde)) => self.afirma(cual, desde),
                Some(Sincronia::Carpeta(nombre, desde)) => self.afirma_carpeta(nombre, desde),
                None => panic!("sync {vez} ended and never began"),
            },
            Registro::Nace | Registro::Envia { .. } | Registro::Tomado { .. } => {}
        }
    }

    fn cambia(&mut self, nombre: &str, cambio: Cambio<'a>) {
        let cual = self.nombres.get(nombre);
        let cual = *cual.unwrap_or_else(|| panic!("nobody made {nombre}"));
        self.archivos[cual].pendiente.push((self.ahora, cambio));
    }

    fn nombra(&mut self, cambio: Nombre<'a>) {
        cambio.hacer(&mut self.nombres);
        self.cambios.push((self.ahora, cambio));
    }

    /// What was done to a file before that instant is on the disk.
    fn afirma(&mut self, cual: usize, desde: u64) {
        let archivo = &mut self.archivos[cual];
        let hechos = archivo.pendiente.partition_point(|(n, _)| *n < desde);
        for (_, cambio) in archivo.pendiente.drain(..hechos) {
            cambio.hacer(&mut archivo.firme);
        }
    }

    /// So are the names in a folder.
    fn afirma_carpeta(&mut self, carpeta: &str, desde: u64) {
        let en_ella = |cambio: &Nombre<'_>| carpeta_de(cambio.destino()) == carpeta;
        for (n, cambio) in &self.cambios {
            if *n < desde && en_ella(cambio) {
                cambio.hacer(&mut self.firmes);
            }
        }
        self.cambios
            .retain(|(n, cambio)| *n >= desde || !en_ella(cambio));
    }

    /// Whether a cut now can leave one thing or another.
    pub fn por_sincronizar(&self) -> bool {
        let archivos = &self.archivos;
        !self.cambios.is_empty() || archivos.iter().any(|a| !a.pendiente.is_empty())
    }

    /// Writes to an empty folder what a power cut now would leave.
    pub fn cortar(&self, forma: Forma, azar: &mut Azar, en: &Path) {
        let quedan = match forma {
            Forma::Nada => 0,
            Forma::Todo => self.cambios.len(),
            Forma::Parte => azar.indice(self.cambios.len() + 1),
        };
        let mut nombres = self.firmes.clone();
        for (_, cambio) in &self.cambios[..quedan] {
            cambio.hacer(&mut nombres);
        }
        for (nombre, cual) in nombres {
            let ruta = en.join(nombre);
            let archivo = File::create(&ruta).unwrap();
            let datos = &self.archivos[cual];
            archivo.write_all_at(&datos.firme, 0).unwrap();
            for cambio in datos.quedan(forma, azar) {
                match cambio {
                    Cambio::Escribe(donde, bytes) => {
                        archivo.write_all_at(bytes, donde as u64).unwrap();
                    }
                    Cambio::Trunca(largo) => archivo.set_len(largo as u64).unwrap(),
                }
            }
            if forma == Forma::Parte && nombre.ends_with(".db") {
                let cualquiera: Vec<u8> =
                    (0..4096).flat_map(|_| azar.crudo().to_le_bytes()).collect();
                fs::write(en.join(format!("{nombre}{COMPARTIDA}")), cualquiera).unwrap();
            }
        }
    }
}

impl<'a> Archivo<'a> {
    /// The unsynced changes that a cut leaves.
    fn quedan(&self, forma: Forma, azar: &mut Azar) -> Vec<Cambio<'a>> {
        let todos = self.pendiente.iter().map(|(_, cambio)| *cambio);
        match forma {
            Forma::Nada => Vec::new(),
            Forma::Todo => todos.collect(),
            Forma::Parte => {
                let densidad = azar.uno(&DENSIDADES);
                let mut algunos: Vec<_> = todos.filter(|_| azar.mil(densidad)).collect();
                if let Some(Cambio::Escribe(donde, bytes)) = algunos.last_mut() {
                    *bytes = &bytes[..rasgado(*donde, bytes.len(), azar)];
                }
                algunos
            }
        }
    }
}

/// How much of a write is left when it is torn: up to a sector's end within it.
fn rasgado(donde: usize, largo: usize, azar: &mut Azar) -> usize {
    let primero = SECTOR - donde % SECTOR;
    if primero >= largo {
        return largo;
    }
    primero + SECTOR * azar.indice((largo - primero).div_ceil(SECTOR))
}

fn carpeta_de(nombre: &str) -> &str {
    nombre.rsplit_once('/').map_or("", |(carpeta, _)| carpeta)
}

impl Cambio<'_> {
    fn hacer(self, bytes: &mut Vec<u8>) {
        match self {
            Self::Escribe(donde, nuevos) => {
                let fin = donde + nuevos.len();
                if bytes.len() < fin {
                    bytes.resize(fin, 0);
                }
                bytes[donde..fin].copy_from_slice(nuevos);
            }
            Self::Trunca(largo) => bytes.resize(largo, 0),
        }
    }
}

impl<'a> Nombre<'a> {
    /// The name that is another one's, or nobody's, afterwards.
    fn destino(&self) -> &'a str {
        match self {
            Self::Crea(nombre, _) | Self::Borra(nombre) | Self::Renombra(_, nombre) => nombre,
        }
    }

    fn hacer(&self, nombres: &mut Nombres<'a>) {
        match *self {
            Self::Crea(nombre, cual) => {
                nombres.insert(nombre, cual);
            }
            Self::Borra(nombre) => {
                nombres.remove(nombre);
            }
            Self::Renombra(de, a) => {
                if let Some(cual) = nombres.remove(de) {
                    nombres.insert(a, cual);
                }
            }
        }
    }
}
