//! Puts the layers of settings together: compiled-in base < each file < environment <
//! command line.
//!
//! Called once by `main`, with the environment handed in. Each value is checked where it
//! comes from, so that an error names the file or the variable and the key. It opens no
//! socket and writes nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use config::{ConfigError, Map, Value, ValueKind};

use crate::domain::ids::Sede;
use crate::role::Role;
use crate::settings::claves::{BASE, Claves, Hoja, hojas};
use crate::settings::endpoint::Endpoint;
use crate::settings::{Ajustes, validate};

/// Before the names of environment variables that are ours.
const PREFIJO: &str = "BIBLIOTECA_";
/// The names that existing deployments use, and the key of ours that each one sets.
const HEREDADAS: [(&str, &str); 2] = [
    ("GESTOR_ALMACENAMIENTO_ENDPOINTS", "actores.almacenamientos"),
    ("GESTOR_CARGA_ADDR", "solicitante.cargas"),
];

/// Why the settings can't be used: exit 2. Its `Display` is the Spanish sentence.
#[derive(Debug, thiserror::Error)]
pub enum AjusteInvalido {
    /// A file of `--config` can't be read.
    #[error("no se puede leer el archivo de configuración '{}': {}", ruta.display(), motivo(.source))]
    Archivo {
        /// The file.
        ruta: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is no TOML.
    #[error("el archivo '{origen}' no es TOML válido: {detalle}")]
    Toml {
        /// The file.
        origen: String,
        /// What the parser said, with line and column.
        detalle: String,
    },
    /// A key that doesn't exist.
    #[error("{origen}: la clave '{clave}' no existe{}", sugerencia(.cercana.as_deref()))]
    ClaveDesconocida {
        /// The file or the variable.
        origen: String,
        /// As written.
        clave: String,
        /// The existing one that looks most like it.
        cercana: Option<String>,
    },
    /// A value that its key can't have.
    #[error("{origen}: la clave '{clave}' no vale: {causa}")]
    Valor {
        /// The file or the variable.
        origen: String,
        /// The key.
        clave: String,
        /// Why not.
        causa: String,
    },
    /// Values that don't go together, or not with this node's roles.
    #[error("la configuración no sirve: {clave}: {causa}")]
    Relacion {
        /// The key to look at first.
        clave: &'static str,
        /// What is wrong and what to do.
        causa: String,
    },
}

fn motivo(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no existe".to_owned(),
        io::ErrorKind::PermissionDenied => "no hay permiso".to_owned(),
        io::ErrorKind::IsADirectory => "es una carpeta".to_owned(),
        io::ErrorKind::InvalidData => "no es texto UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

fn sugerencia(cercana: Option<&str>) -> String {
    cercana.map_or_else(String::new, |clave| format!("; ¿quiso decir '{clave}'?"))
}

/// Where settings come from, besides the compiled-in base.
#[derive(Debug, Clone, Default)]
pub struct Fuentes {
    /// Files of `--config`, in order.
    pub archivos: Vec<PathBuf>,
    /// The environment; see [`entorno_del_proceso`].
    pub entorno: Vec<(String, String)>,
    /// `--role`.
    pub roles: Option<Vec<Role>>,
    /// `--sede`.
    pub sede: Option<Sede>,
    /// `--carga`.
    pub cargas: Option<Vec<Endpoint>>,
}

/// The variables of this process that may be ours; others are never looked at.
#[must_use]
pub fn entorno_del_proceso() -> Vec<(String, String)> {
    std::env::vars_os()
        .map(|(nombre, valor)| {
            (
                nombre.to_string_lossy().into_owned(),
                valor.to_string_lossy().into_owned(),
            )
        })
        .filter(|(nombre, _)| {
            nombre.starts_with(PREFIJO) || HEREDADAS.iter().any(|(heredada, _)| heredada == nombre)
        })
        .collect()
}

/// Settings for a verb, which listens to nobody: layers together, every relation checked.
///
/// # Errors
/// [`AjusteInvalido`], the first one found, from the lowest layer up.
pub fn cargar(fuentes: &Fuentes) -> Result<Ajustes, AjusteInvalido> {
    let base = hojas(BASE).map_err(|detalle| AjusteInvalido::Toml {
        origen: "config/base.toml".to_owned(),
        detalle,
    })?;
    let mut arbol = Arbol::nuevo(base);
    for ruta in &fuentes.archivos {
        arbol.archivo(ruta)?;
    }
    arbol.entorno(&fuentes.entorno)?;
    let mut ajustes = tipado(arbol.tabla).map_err(|error| AjusteInvalido::Valor {
        origen: "config/base.toml".to_owned(),
        clave: String::new(),
        causa: causa(error),
    })?;
    ajustes.http.puesta = arbol.http_puesta;
    if let Some(roles) = &fuentes.roles {
        ajustes.nodo.roles.clone_from(roles);
    }
    if let Some(sede) = &fuentes.sede {
        ajustes.nodo.sede = sede.clone();
    }
    if let Some(cargas) = &fuentes.cargas {
        ajustes.solicitante.cargas.clone_from(cargas);
    }
    if ajustes.nodo.id.trim().is_empty() {
        ajustes.nodo.id = nombre_del_pc();
    }
    validate::relaciones(&ajustes)?;
    Ok(ajustes)
}

/// Settings for a node: [`cargar`], and what its roles listen on is allowed.
///
/// # Errors
/// [`AjusteInvalido`], the first one found.
pub fn cargar_nodo(fuentes: &Fuentes) -> Result<Ajustes, AjusteInvalido> {
    let ajustes = cargar(fuentes)?;
    validate::nodo(&ajustes)?;
    Ok(ajustes)
}

/// The host's name; a fixed word where the system tells none, so that it never is empty.
fn nombre_del_pc() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|nombre| nombre.trim().to_owned())
        .filter(|nombre| !nombre.is_empty())
        .unwrap_or_else(|| "nodo".to_owned())
}

/// The tree as far as the layers were put on it.
struct Arbol {
    claves: Claves,
    base: Map<String, Value>,
    tabla: Map<String, Value>,
    http_puesta: bool,
}

impl Arbol {
    fn nuevo(base: Vec<Hoja>) -> Self {
        let claves = Claves::de(&base);
        let mut tabla = Map::new();
        for (clave, valor) in base {
            poner(&mut tabla, &clave, valor);
        }
        Self {
            claves,
            base: tabla.clone(),
            tabla,
            http_puesta: false,
        }
    }

    fn archivo(&mut self, ruta: &Path) -> Result<(), AjusteInvalido> {
        let texto = fs::read_to_string(ruta).map_err(|source| AjusteInvalido::Archivo {
            ruta: ruta.to_owned(),
            source,
        })?;
        let origen = ruta.display().to_string();
        let hojas = hojas(&texto).map_err(|detalle| AjusteInvalido::Toml {
            origen: origen.clone(),
            detalle,
        })?;
        for (clave, valor) in hojas {
            self.hoja(&origen, &clave, Escrito::Archivo(valor))?;
        }
        Ok(())
    }

    fn entorno(&mut self, variables: &[(String, String)]) -> Result<(), AjusteInvalido> {
        for (nombre, clave) in HEREDADAS {
            let puesta = variables.iter().find(|(variable, _)| variable == nombre);
            if let Some((_, valor)) = puesta.filter(|(_, valor)| !valor.trim().is_empty()) {
                self.hoja(nombre, clave, Escrito::Entorno(valor))?;
            }
        }
        for (nombre, valor) in variables {
            let Some(resto) = nombre.strip_prefix(PREFIJO) else {
                continue;
            };
            if resto.contains("__") {
                let clave = resto.to_lowercase().replace("__", ".");
                self.hoja(nombre, &clave, Escrito::Entorno(valor))?;
            }
        }
        Ok(())
    }

    /// Checks one value where it comes from and puts it on the tree.
    fn hoja(
        &mut self,
        origen: &str,
        clave: &str,
        escrito: Escrito<'_>,
    ) -> Result<(), AjusteInvalido> {
        let no_vale = |causa: String| AjusteInvalido::Valor {
            origen: origen.to_owned(),
            clave: clave.to_owned(),
            causa,
        };
        let Some(clase) = self.claves.clase(clave) else {
            if self.claves.es_seccion(clave) {
                return Err(no_vale("es una sección, no un valor".to_owned()));
            }
            return Err(AjusteInvalido::ClaveDesconocida {
                origen: origen.to_owned(),
                clave: clave.to_owned(),
                cercana: self.claves.cercana(clave).map(str::to_owned),
            });
        };
        let valor = match escrito {
            Escrito::Archivo(valor) => clase.normalizar(valor),
            Escrito::Entorno(texto) => clase.leer(texto),
        }
        .map_err(|causa| no_vale(causa.to_owned()))?;
        // The base is right, so an error of base + this one value is this value's.
        let mut prueba = self.base.clone();
        poner(&mut prueba, clave, valor.clone());
        tipado(prueba).map_err(|error| no_vale(causa(error)))?;
        poner(&mut self.tabla, clave, valor);
        self.http_puesta |= clave == "http.escucha";
        Ok(())
    }
}

/// A value as its layer has it.
enum Escrito<'a> {
    Archivo(ValueKind),
    Entorno(&'a str),
}

fn poner(tabla: &mut Map<String, Value>, clave: &str, valor: ValueKind) {
    let Some((seccion, resto)) = clave.split_once('.') else {
        tabla.insert(clave.to_owned(), Value::new(None, valor));
        return;
    };
    let dentro = tabla
        .entry(seccion.to_owned())
        .or_insert_with(|| Value::new(None, ValueKind::Table(Map::new())));
    if let ValueKind::Table(dentro) = &mut dentro.kind {
        poner(dentro, resto, valor);
    }
}

fn tipado(tabla: Map<String, Value>) -> Result<Ajustes, ConfigError> {
    Value::new(None, ValueKind::Table(tabla)).try_deserialize()
}

/// The part of the library's error that is for a person: our own types' sentences are
/// Spanish; what is left are numbers too large for their field.
fn causa(error: ConfigError) -> String {
    match error {
        ConfigError::At { error, .. } => causa(*error),
        ConfigError::Message(sentencia) => sentencia,
        ConfigError::Type { unexpected, .. } => {
            format!("el valor {unexpected} está fuera de lo admitido")
        }
        otro => otro.to_string(),
    }
}
