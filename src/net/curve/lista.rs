//! The allow-list: which public key is whose, what it may do, and which servers it is.
//!
//! A text file that an administrator reads and copies to every PC; it holds no secret. One
//! line a key: `CLAVE NOMBRE PAPEL[,PAPEL…] [grupo=G] [en=HOST[:PUERTO][,…]]`. Read whole or
//! not at all: a line that can't be understood is an error, never a key left out.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use crate::domain::operacion::Operacion;
use crate::domain::principal::Principal;
use crate::net::curve::clave::{ClaveError, ClavePublica, en, permisos};

/// Longest allow-list, in bytes: some ten thousand keys, read twice a second.
const LISTA_BYTES_MAX: u64 = 1024 * 1024;
/// Longest name or group: it is stored with every operation.
const NOMBRE_MAX: usize = 64;

const CABECERA: &str = "# Quién entra: CLAVE NOMBRE PAPELES [grupo=G] [en=HOST[:PUERTO],…]\n# La escribe 'biblioteca claves'; no tiene secretos y es la misma en todos los equipos.\n";

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Papel {
    /// It is a load manager.
    Carga,
    /// Works loans, and reads.
    ActorPrestamo,
    /// Works returns, and reads.
    ActorDevolucion,
    /// Works renewals, and reads.
    ActorRenovacion,
    /// It is a storage supervisor; its PC's administrative verbs too.
    Almacenamiento,
    /// Runs request files.
    Solicitante,
    /// Asks on 5555.
    Cliente,
    /// Speaks JSON to 5570.
    Directo,
    /// Listens to 5556.
    Eventos,
}

impl Papel {
    /// All, in the order in which they are written.
    pub const TODOS: [Self; 9] = [
        Self::Carga,
        Self::ActorPrestamo,
        Self::ActorDevolucion,
        Self::ActorRenovacion,
        Self::Almacenamiento,
        Self::Solicitante,
        Self::Cliente,
        Self::Directo,
        Self::Eventos,
    ];

    /// The word in the list and on the command line; those of nodes are the roles' own.
    #[must_use]
    pub const fn palabra(self) -> &'static str {
        match self {
            Self::Carga => "carga",
            Self::ActorPrestamo => "actor-prestamo",
            Self::ActorDevolucion => "actor-devolucion",
            Self::ActorRenovacion => "actor-renovacion",
            Self::Almacenamiento => "almacenamiento",
            Self::Solicitante => "solicitante",
            Self::Cliente => "cliente",
            Self::Directo => "directo",
            Self::Eventos => "eventos",
        }
    }

    /// Who writes that operation; reads are every actor's.
    #[must_use]
    pub const fn de(operacion: Operacion) -> Option<Self> {
        match operacion {
            Operacion::Prestamo => Some(Self::ActorPrestamo),
            Operacion::Devolucion => Some(Self::ActorDevolucion),
            Operacion::Renovacion => Some(Self::ActorRenovacion),
            Operacion::Consulta | Operacion::Estado => None,
        }
    }

    /// The roles of a comma-separated list; `todo` is every role of a node and of its client.
    ///
    /// # Errors
    /// The Spanish sentence.
    pub fn lista(texto: &str) -> Result<BTreeSet<Self>, String> {
        let mut papeles = BTreeSet::new();
        for palabra in texto.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            if palabra == "todo" {
                papeles.extend(
                    Self::TODOS
                        .into_iter()
                        .filter(|papel| *papel <= Self::Cliente),
                );
            } else {
                papeles.insert(palabra.parse()?);
            }
        }
        if papeles.is_empty() {
            return Err(format!("falta algún papel; los papeles son {}", palabras()));
        }
        Ok(papeles)
    }
}

fn palabras() -> String {
    Papel::TODOS.map(Papel::palabra).join(", ")
}

impl FromStr for Papel {
    type Err = String;

    fn from_str(palabra: &str) -> Result<Self, String> {
        Self::TODOS
            .into_iter()
            .find(|papel| papel.palabra() == palabra)
            .ok_or_else(|| {
                format!(
                    "el papel '{palabra}' no existe; los papeles son {}",
                    palabras()
                )
            })
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Autorizado {
    /// Its public key.
    pub clave: ClavePublica,
    /// Its name, unique in the list.
    pub nombre: String,
    /// What it may do.
    pub papeles: BTreeSet<Papel>,
    /// Whom it shares its op_ids with: the desks of one library.
    pub grupo: Option<String>,
    /// Where it listens, `host` or `host:port`: its servers are known by it.
    pub en: Vec<String>,
}

impl Autorizado {
    /// Whose its op_ids are.
    #[must_use]
    pub fn principal(&self) -> Principal {
        let grupo = self.grupo.as_ref().unwrap_or(&self.nombre);
        Principal::en_grupo(grupo, &self.nombre)
    }

    /// The words of its roles.
    #[must_use]
    pub fn palabras(&self) -> String {
        let palabras: Vec<&str> = self.papeles.iter().map(|papel| papel.palabra()).collect();
        palabras.join(",")
    }

    fn leer(linea: &str) -> Result<Self, String> {
        let mut trozos = linea.split_whitespace();
        let mut pieza = |falta: &str| trozos.next().ok_or(format!("falta {falta}"));
        let clave = ClavePublica::parse(pieza("la clave")?).map_err(|error| error.to_string())?;
        let nombre = nombre(pieza("el nombre")?)?;
        let papeles = Papel::lista(pieza("el papel")?)?;
        let mut autorizado = Self {
            clave,
            nombre,
            papeles,
            grupo: None,
            en: Vec::new(),
        };
        for trozo in trozos {
            match trozo.split_once('=') {
                Some(("grupo", grupo)) => autorizado.grupo = Some(self::nombre(grupo)?),
                Some(("en", lista)) => {
                    autorizado.en = lista.split(',').map(str::to_owned).collect()
                }
                _ => return Err(format!("no se entiende '{trozo}'")),
            }
        }
        Ok(autorizado)
    }
}

impl fmt::Display for Autorizado {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.clave, self.nombre, self.palabras())?;
        if let Some(grupo) = &self.grupo {
            write!(f, " grupo={grupo}")?;
        }
        if !self.en.is_empty() {
            write!(f, " en={}", self.en.join(","))?;
        }
        Ok(())
    }
}

/// A name or group as it may stand in the list.
///
/// # Errors
/// The Spanish sentence.
pub fn nombre(texto: &str) -> Result<String, String> {
    let vale = |letra: char| letra.is_alphanumeric() || matches!(letra, '-' | '_' | '.' | '/');
    if texto.is_empty() || texto.len() > NOMBRE_MAX || !texto.chars().all(vale) {
        return Err(format!(
            "el nombre '{texto}' no vale: letras, cifras y - _ . /, {NOMBRE_MAX} como mucho"
        ));
    }
    Ok(texto.to_owned())
}

/// The whole list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lista(HashMap<ClavePublica, Arc<Autorizado>>);

impl Lista {
    /// Reads the file's text.
    ///
    /// # Errors
    /// The Spanish sentence with the line's number.
    pub fn leer_texto(texto: &str) -> Result<Self, String> {
        let mut lista = Self::default();
        for (numero, linea) in texto.lines().enumerate() {
            let linea = linea.trim();
            // A key may begin with '#'; a comment has a space after it.
            if linea.is_empty() || linea == "#" || linea.starts_with("# ") {
                continue;
            }
            Autorizado::leer(linea)
                .and_then(|autorizado| lista.agregar(autorizado))
                .map_err(|causa| format!("línea {}: {causa}", numero + 1))?;
        }
        Ok(lista)
    }

    /// Reads the file, which nobody but its owner may be able to write.
    ///
    /// # Errors
    /// [`ClaveError`].
    pub fn leer(ruta: &Path) -> Result<Self, ClaveError> {
        let permisos = permisos(ruta)?;
        if permisos & 0o022 != 0 {
            let ruta = ruta.to_owned();
            return Err(ClaveError::Permisos(ruta, "cambiar", permisos, "644"));
        }
        let mal = |causa: String| ClaveError::Contenido(ruta.to_owned(), causa);
        let largo = std::fs::metadata(ruta).map_err(en(ruta))?.len();
        if largo > LISTA_BYTES_MAX {
            return Err(mal(format!("{largo} bytes son demasiados para una lista")));
        }
        let texto = std::fs::read_to_string(ruta).map_err(en(ruta))?;
        Self::leer_texto(&texto).map_err(mal)
    }

    /// Replaces the file in one step: whoever reads it sees the old list or the new one.
    ///
    /// # Errors
    /// [`ClaveError::Archivo`].
    pub fn guardar(&self, ruta: &Path) -> Result<(), ClaveError> {
        let mut texto = CABECERA.to_owned();
        for autorizado in self.todos() {
            texto.push_str(&format!("{autorizado}\n"));
        }
        let nueva = ruta.with_extension("nueva");
        let escrita = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .open(&nueva)
            .and_then(|mut archivo| {
                archivo.write_all(texto.as_bytes())?;
                archivo.sync_all()
            })
            .and_then(|()| std::fs::rename(&nueva, ruta));
        escrita.map_err(en(ruta))
    }

    /// Adds a key.
    ///
    /// # Errors
    /// The Spanish sentence, when its key, name or address is another's.
    pub fn agregar(&mut self, autorizado: Autorizado) -> Result<(), String> {
        for otro in self.0.values() {
            if otro.clave == autorizado.clave {
                return Err(format!("esa clave ya es de '{}'", otro.nombre));
            }
            if otro.nombre == autorizado.nombre {
                return Err(format!("el nombre '{}' ya tiene una clave", otro.nombre));
            }
            if let Some(donde) = otro.en.iter().find(|donde| autorizado.en.contains(donde)) {
                return Err(format!("en {donde} ya escucha '{}'", otro.nombre));
            }
        }
        self.0
            .insert(autorizado.clave.clone(), Arc::new(autorizado));
        Ok(())
    }

    /// Takes out the entry of this key or name.
    pub fn quitar(&mut self, cual: &str) -> Option<Arc<Autorizado>> {
        let clave = self
            .0
            .values()
            .find(|uno| uno.nombre == cual || uno.clave.as_str() == cual)
            .map(|uno| uno.clave.clone())?;
        self.0.remove(&clave)
    }

    /// The entry of a key.
    #[must_use]
    pub fn de(&self, clave: &str) -> Option<&Arc<Autorizado>> {
        self.0.get(clave)
    }

    /// Every entry, by name.
    #[must_use]
    pub fn todos(&self) -> Vec<&Arc<Autorizado>> {
        let mut todos: Vec<_> = self.0.values().collect();
        todos.sort_by(|uno, otro| uno.nombre.cmp(&otro.nombre));
        todos
    }

    /// The key of the server at `host:port`: an entry for that very port before one for the
    /// whole host.
    #[must_use]
    pub fn servidor(&self, direccion: &str) -> Option<&ClavePublica> {
        let host = direccion
            .rsplit_once(':')
            .map_or(direccion, |(host, _)| host);
        let busca = |donde: &str| {
            self.0
                .values()
                .find(|uno| uno.en.iter().any(|suya| suya == donde))
        };
        busca(direccion)
            .or_else(|| busca(host))
            .map(|uno| &uno.clave)
    }
}
