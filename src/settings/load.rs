//! Puts the layers of settings together: compiled-in base < each file < environment <
//! command line.
//!
//! Called once by `main`, with the environment handed in. Each value is checked where it
//! comes from, so that an error names the file or the variable and the key. It opens no
//! socket and writes nothing.

mod arbol;

use std::io;
use std::path::PathBuf;

use crate::domain::ids::Sede;
use crate::role::Role;
use crate::settings::claves::{BASE, hojas};
use crate::settings::endpoint::Endpoint;
use crate::settings::{Ajustes, validate};
use crate::sistema::motivo;
use arbol::Arbol;

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
    /// `--base-datos`, as written.
    pub base_datos: Option<String>,
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
    primero(examinar(fuentes))
}

/// Settings for a node: [`cargar`], and what its roles listen on is allowed.
///
/// # Errors
/// [`AjusteInvalido`], the first one found.
pub fn cargar_nodo(fuentes: &Fuentes) -> Result<Ajustes, AjusteInvalido> {
    primero(examinar_nodo(fuentes))
}

fn primero(examen: Examen) -> Result<Ajustes, AjusteInvalido> {
    match (examen.faltas.into_iter().next(), examen.ajustes) {
        (Some(falta), _) => Err(falta),
        (None, Some(ajustes)) => Ok(ajustes),
        (None, None) => Err(AjusteInvalido::Toml {
            origen: "config/base.toml".to_owned(),
            detalle: "no hay ajustes".to_owned(),
        }),
    }
}

/// Everything that can be said of a configuration.
#[derive(Debug)]
pub struct Examen {
    /// What is left when each value that is wrong is left out; none when not even that is.
    pub ajustes: Option<Ajustes>,
    /// All that is wrong, from the lowest layer up, relations last.
    pub faltas: Vec<AjusteInvalido>,
    /// Every key in force: its value as TOML, secrets hidden, and where it came from.
    pub valores: Vec<Valor>,
}

/// A key in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valor {
    /// The key.
    pub clave: String,
    /// Its value as it would be written, secrets hidden.
    pub valor: String,
    /// The file, variable or option that set it; none for the factory's.
    pub origen: Option<String>,
}

/// Puts the layers together and checks every relation, stopping at nothing.
#[must_use]
pub fn examinar(fuentes: &Fuentes) -> Examen {
    let base = match hojas(BASE) {
        Ok(base) => base,
        Err(detalle) => {
            let origen = "config/base.toml".to_owned();
            return Examen {
                ajustes: None,
                faltas: vec![AjusteInvalido::Toml { origen, detalle }],
                valores: Vec::new(),
            };
        }
    };
    let mut arbol = Arbol::nuevo(base);
    for ruta in &fuentes.archivos {
        arbol.archivo(ruta);
    }
    arbol.entorno(&fuentes.entorno);
    arbol.linea(fuentes);
    arbol.terminar()
}

/// [`examinar`], and what its roles listen on is allowed.
#[must_use]
pub fn examinar_nodo(fuentes: &Fuentes) -> Examen {
    let mut examen = examinar(fuentes);
    if let Some(ajustes) = &examen.ajustes {
        examen.faltas.extend(validate::nodo(ajustes));
    }
    examen
}
