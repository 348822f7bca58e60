//! What a node did to its disk and said to its clients, in one order, as `grabadora.c` wrote it
//! down: starts the node under it, and reads its file. Judges nothing.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::trampa::compilar;

/// Kind, length of the name, length of the data, number.
const CABEZA: usize = 15;

/// The library to preload, and the file that it writes.
pub struct Grabadora {
    biblioteca: PathBuf,
    registro: PathBuf,
}

impl Grabadora {
    pub fn nueva(carpeta: &Path) -> Self {
        Self {
            biblioteca: compilar("grabadora", carpeta),
            registro: carpeta.join("grabacion"),
        }
    }

    /// The node, with what it does in `datos` written down.
    pub fn graba(&self, mut comando: Command, datos: &Path) -> Command {
        comando
            .env("LD_PRELOAD", &self.biblioteca)
            .env("BIBLIOTECA_HTTP__ESCUCHA", "")
            .env("GRABADORA_REGISTRO", &self.registro)
            .env("GRABADORA_CARPETA", datos.canonicalize().unwrap());
        comando
    }

    pub fn leer(&self) -> Grabacion {
        Grabacion::nueva(fs::read(&self.registro).unwrap())
    }

    /// Leaves only the first `registros` records of what was read: what follows is of a node
    /// that was killed while it wrote it.
    pub fn recortar(&self, leida: &Grabacion, registros: usize) {
        let archivo = OpenOptions::new().write(true).open(&self.registro).unwrap();
        archivo.set_len(leida.inicio(registros) as u64).unwrap();
    }
}

/// One record. Names are relative to the folder, `""` is the folder itself.
#[derive(Debug, Clone, Copy)]
pub enum Registro<'a> {
    Nace,
    Crea {
        nombre: &'a str,
        vaciado: bool,
    },
    Escribe {
        nombre: &'a str,
        donde: usize,
        bytes: &'a [u8],
    },
    Trunca {
        nombre: &'a str,
        largo: usize,
    },
    Borra(&'a str),
    Renombra {
        de: &'a str,
        a: &'a str,
    },
    Sincroniza {
        nombre: &'a str,
        vez: u64,
    },
    Sincronizado(u64),
    Envia {
        fd: u64,
        puerto: u16,
        bytes: &'a [u8],
    },
    Tomado {
        fd: u64,
        cuanto: usize,
    },
}

impl Registro<'_> {
    /// Whether the disk, or what a power cut leaves of it, is another one afterwards.
    pub fn es_de_disco(&self) -> bool {
        let otra_cosa = matches!(
            self,
            Self::Nace | Self::Sincroniza { .. } | Self::Envia { .. } | Self::Tomado { .. }
        );
        !otra_cosa
    }
}

/// All records, read once.
pub struct Grabacion {
    bytes: Vec<u8>,
    /// Where each begins, and where the last one ends.
    inicios: Vec<usize>,
}

impl Grabacion {
    /// A last record that is not whole was never one: its write had not been done either.
    fn nueva(bytes: Vec<u8>) -> Self {
        let mut inicios = vec![0];
        loop {
            let aqui = inicios[inicios.len() - 1];
            let Some(cabeza) = bytes.get(aqui..aqui + CABEZA) else {
                break;
            };
            let nombre = u16::from_le_bytes([cabeza[1], cabeza[2]]) as usize;
            let datos = u32::from_le_bytes(cabeza[3..7].try_into().unwrap()) as usize;
            let fin = aqui + CABEZA + nombre + datos;
            if fin > bytes.len() {
                break;
            }
            inicios.push(fin);
        }
        Self { bytes, inicios }
    }

    pub fn largo(&self) -> usize {
        self.inicios.len() - 1
    }

    /// Where a record begins in the file.
    pub fn inicio(&self, n: usize) -> usize {
        self.inicios[n]
    }

    pub fn registro(&self, n: usize) -> Registro<'_> {
        let entero = &self.bytes[self.inicios[n]..self.inicios[n + 1]];
        let (cabeza, resto) = entero.split_at(CABEZA);
        let largo = u16::from_le_bytes([cabeza[1], cabeza[2]]) as usize;
        let numero = u64::from_le_bytes(cabeza[7..].try_into().unwrap());
        let (nombre, bytes) = resto.split_at(largo);
        let nombre = str::from_utf8(nombre).unwrap();
        let (fd, medida) = (numero >> 16, usize::try_from(numero).unwrap());
        match cabeza[0] {
            b'N' => Registro::Nace,
            b'C' => Registro::Crea {
                nombre,
                vaciado: numero == 1,
            },
            b'W' => Registro::Escribe {
                nombre,
                donde: medida,
                bytes,
            },
            b'T' => Registro::Trunca {
                nombre,
                largo: medida,
            },
            b'U' => Registro::Borra(nombre),
            b'R' => Registro::Renombra {
                de: nombre,
                a: str::from_utf8(bytes).unwrap(),
            },
            b'S' => Registro::Sincroniza {
                nombre,
                vez: numero,
            },
            b'F' => Registro::Sincronizado(numero),
            b'E' => Registro::Envia {
                fd,
                puerto: numero as u16,
                bytes,
            },
            b'A' => Registro::Tomado {
                fd,
                cuanto: nombre.parse().unwrap(),
            },
            otra => panic!("record {n} is of no kind: {otra}"),
        }
    }

    /// What clients at that port were told of their operations.
    pub fn acuses(&self, puerto: u16) -> Vec<Acuse> {
        let mut acuses = Vec::new();
        let mut hilos: HashMap<u64, Hilo> = HashMap::new();
        for n in 0..self.largo() {
            match self.registro(n) {
                Registro::Nace => hilos.clear(),
                Registro::Envia {
                    fd,
                    puerto: otro,
                    bytes,
                } if otro == puerto => {
                    let dichas = hilos.entry(fd).or_default().sigue(bytes);
                    acuses.extend(dichas.into_iter().filter_map(|dicha| Acuse::de(n, &dicha)));
                }
                Registro::Tomado { fd, cuanto } => {
                    if let Some(hilo) = hilos.get_mut(&fd) {
                        hilo.solo(cuanto);
                    }
                }
                _ => {}
            }
        }
        acuses
    }
}

/// An operation was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acuse {
    /// The record that brought its last byte.
    pub registro: usize,
    pub op_id: String,
    /// `CONFIRMADO`, `RECHAZADO` or `ENCOLADO`.
    pub estado: String,
}

impl Acuse {
    /// None for an answer that promises nothing.
    pub fn de(registro: usize, respuesta: &Value) -> Option<Self> {
        let (op_id, estado) = (respuesta["op_id"].as_str()?, respuesta["estado"].as_str()?);
        ["CONFIRMADO", "RECHAZADO", "ENCOLADO"]
            .contains(&estado)
            .then(|| Self {
                registro,
                op_id: op_id.to_owned(),
                estado: estado.to_owned(),
            })
    }
}

/// The bytes sent on one connection.
#[derive(Default)]
struct Hilo {
    bytes: Vec<u8>,
    /// Up to here it has been read.
    leidos: usize,
    /// Where the last send began.
    ultimo: usize,
}

impl Hilo {
    /// The JSON objects that these bytes complete. What is between them is ZeroMQ's, and may
    /// have a brace too: a length.
    fn sigue(&mut self, bytes: &[u8]) -> Vec<Value> {
        self.ultimo = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let mut objetos = Vec::new();
        loop {
            let resto = &self.bytes[self.leidos..];
            let Some(salto) = resto.iter().position(|b| *b == b'{') else {
                self.leidos = self.bytes.len();
                break;
            };
            let desde = self.leidos + salto;
            let mut lector = serde_json::Deserializer::from_slice(&self.bytes[desde..]).into_iter();
            match lector.next() {
                Some(Ok(objeto)) => {
                    objetos.push(objeto);
                    self.leidos = desde + lector.byte_offset();
                }
                Some(Err(error)) if error.is_eof() => break,
                _ => self.leidos = desde + 1,
            }
        }
        objetos
    }

    /// The rest of the last send will be sent again.
    fn solo(&mut self, cuanto: usize) {
        self.bytes.truncate(self.ultimo + cuanto);
        self.leidos = self.leidos.min(self.bytes.len());
    }
}
