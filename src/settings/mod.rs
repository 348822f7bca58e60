//! The settings: one typed tree, read in layers and checked before any socket opens.
//!
//! [`load`] puts the layers together (compiled-in `config/base.toml` < files < environment <
//! command line), [`claves`] tells an unknown key's neighbour, [`validate`] checks what one
//! field alone can't tell, `texto` shows a value without its secrets, [`endpoint`] is an address. The wiring hands each role its part;
//! nothing reads the environment later. The file `config/base.toml` has every key, with its
//! unit and reason; a field here without a key there, or the other way round, fails a test.

pub mod claves;
pub mod endpoint;
pub mod load;
mod texto;
pub mod validate;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use crate::domain::ids::Sede;
use crate::domain::modo::Modo;
use crate::role::Role;
use crate::settings::endpoint::Endpoint;

/// Everything a node or a verb is told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ajustes {
    /// Who this process is.
    pub nodo: Nodo,
    /// The load manager.
    pub carga: Carga,
    /// The actors.
    pub actores: Actores,
    /// The storage supervisor.
    pub almacenamiento: Almacenamiento,
    /// The clients that this program itself is.
    pub solicitante: Solicitante,
    /// The breaker that each caller keeps for each almacenamiento.
    pub cortacircuitos: Cortacircuitos,
    /// Heartbeats between nodes.
    pub latidos: Latidos,
    /// Restarts of dead actors.
    pub guardian: Guardian,
    /// The side door.
    pub http: Http,
    /// The rules of circulation.
    pub reglas: ReglasAjustes,
    /// When each writing operation is answered.
    pub modos: Modos,
    /// Registration.
    pub usuarios: Usuarios,
    /// What is allowed without keys.
    pub seguridad: Seguridad,
}

/// Something that looks wrong and may be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aviso {
    /// The key to look at.
    pub clave: &'static str,
    /// What looks wrong, in Spanish.
    pub causa: String,
}

/// `nodo.*`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nodo {
    /// Name in logs and metrics; after loading never empty.
    pub id: String,
    /// The sede of requests that bring none.
    pub sede: Sede,
    /// What this process does, as written; see [`Ajustes::roles`].
    pub roles: Vec<Role>,
    /// Folder for the database, the diario and progress files.
    pub datos: PathBuf,
}

/// `carga.*`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carga {
    /// Listens to clients (ROUTER).
    pub clientes: Endpoint,
    /// Publishes decisions (PUB).
    pub eventos: Endpoint,
    /// Hands work to actors (ROUTER).
    pub trabajo: Endpoint,
    /// Time until a client is answered whatever happens, in ms.
    pub plazo_ms: u32,
    /// Most undecided operations in the diario.
    pub diario_max: u32,
    /// Most operations admitted and not yet answered.
    pub en_vuelo_max: u32,
    /// The same for one connection.
    pub por_conexion_max: u32,
    /// Most operations waiting for an actor with credits.
    pub cola_max: u32,
}

/// `actores.*`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actores {
    /// Every carga that the actors serve.
    pub cargas: Vec<Endpoint>,
    /// Every almacenamiento they try, in rotation.
    pub almacenamientos: Vec<Endpoint>,
    /// How many actors of each kind.
    pub por_tipo: u32,
    /// Most operations one actor holds for one carga.
    pub creditos: u32,
}

/// `almacenamiento.*`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Almacenamiento {
    /// Listens to actors (ROUTER).
    pub escucha: Endpoint,
    /// URLs of the one database; see [`Ajustes::ruta_sqlite`].
    pub base_datos: Vec<String>,
    /// Most operations waiting for the next commit.
    pub cola_max: u32,
    /// Most operations in one commit.
    pub lote_max: u32,
    /// Connections that only read.
    pub lectores: u32,
}

/// `solicitante.*`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Solicitante {
    /// Cargas to ask, in order.
    pub cargas: Vec<Endpoint>,
}

/// `cortacircuitos.*`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cortacircuitos {
    /// Consecutive infrastructure failures that open it.
    pub fallos_max: u32,
    /// How long it stays open, in s.
    pub abierto_s: u32,
    /// Longest wait for one attempt, in ms.
    pub espera_ms: u32,
    /// Most rounds over all the endpoints for one operation.
    pub rondas: u32,
}

/// `latidos.*`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latidos {
    /// Time between beats, in ms.
    pub periodo_ms: u32,
    /// Missed beats that mean death.
    pub perdidos_max: u32,
}

/// `guardian.*`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guardian {
    /// Most restarts within the window; one more ends the process.
    pub reinicios_max: u32,
    /// That window, in s.
    pub ventana_s: u32,
}

/// `http.*`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where the side door listens; none when it was set to `""`.
    #[serde(deserialize_with = "endpoint_o_vacio")]
    pub escucha: Option<Endpoint>,
    /// Side doors of the other cargas, where a desk goes on when this one dies.
    pub otras: Vec<Endpoint>,
    /// Names under which it is reached, besides addresses and `localhost`.
    pub nombres: Vec<String>,
    /// Whether a layer above `base.toml` set `escucha`; no key, filled by the loader.
    #[serde(skip)]
    pub puesta: bool,
}

/// `reglas.*`, as plain numbers; the domain makes its own type of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReglasAjustes {
    /// Length of a loan, in days.
    pub dias_prestamo: u32,
    /// What a renewal adds, in days.
    pub dias_renovacion: u32,
    /// Most renewals of one loan; 0 means none.
    pub renovaciones_max: u32,
    /// Most open loans of a user whose category is not in `limites`.
    pub prestamos_max: u32,
    /// Most open loans by category of user.
    pub limites: BTreeMap<String, u32>,
    /// Where the due date is a calendar day; known to jiff after loading.
    pub zona_horaria: String,
}

/// `modos.*`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modos {
    /// Of loans.
    pub prestamo: Modo,
    /// Of returns.
    pub devolucion: Modo,
    /// Of renewals.
    pub renovacion: Modo,
}

/// `usuarios.*`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usuarios {
    /// Whether a first loan registers its user.
    pub registro: Registro,
}

/// Whether an unknown user is registered by a first loan that is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registro {
    /// Yes.
    Abierto,
    /// No: the loan is refused.
    Cerrado,
}

impl<'de> Deserialize<'de> for Registro {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let palabra = String::deserialize(deserializer)?;
        match palabra.as_str() {
            "abierto" => Ok(Self::Abierto),
            "cerrado" => Ok(Self::Cerrado),
            _ => Err(de::Error::custom(format_args!(
                "'{palabra}' no es un registro: es abierto o cerrado"
            ))),
        }
    }
}

/// `seguridad.*`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seguridad {
    /// Listening beyond loopback without keys is allowed.
    pub insegura: bool,
    /// Folder of the node's pair and the allow-list; empty for none. See
    /// [`Ajustes::claves`].
    pub claves: PathBuf,
    /// With keys, the clients' door (5555) has none.
    pub clientes_sin_clave: bool,
}

fn endpoint_o_vacio<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Endpoint>, D::Error> {
    let texto = String::deserialize(deserializer)?;
    if texto.trim().is_empty() {
        return Ok(None);
    }
    texto.parse().map(Some).map_err(de::Error::custom)
}

impl Ajustes {
    /// The concrete roles of this process, `todo` expanded, each once.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        Role::expandir(&self.nodo.roles)
    }

    /// Where the side door listens: for a carga, and wherever it was set on purpose.
    #[must_use]
    pub fn http_escucha(&self) -> Option<&Endpoint> {
        let toca = self.http.puesta || self.roles().contains(&Role::Carga);
        self.http.escucha.as_ref().filter(|_| toca)
    }

    /// The file of the SQLite database, under `nodo.datos` when relative. Its folders may
    /// not exist yet. None with PostgreSQL.
    #[must_use]
    pub fn ruta_sqlite(&self) -> Option<PathBuf> {
        let url = self.almacenamiento.base_datos.first()?;
        let resto = url.trim().strip_prefix("sqlite:")?;
        let resto = resto.strip_prefix("//").unwrap_or(resto);
        Some(validate::sin_rodeos(&self.nodo.datos.join(resto)))
    }

    /// The folder of keys; none for a node without.
    #[must_use]
    pub fn claves(&self) -> Option<&Path> {
        let claves = self.seguridad.claves.as_path();
        (!claves.as_os_str().is_empty()).then_some(claves)
    }

    /// `carga.plazo_ms` as a length of time.
    #[must_use]
    pub fn plazo(&self) -> Duration {
        Duration::from_millis(u64::from(self.carga.plazo_ms))
    }
}
