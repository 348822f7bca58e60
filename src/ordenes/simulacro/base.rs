//! The drill's database: a SQLite file in its folder, or a schema of its own on an existing
//! PostgreSQL. Nobody else in the drill knows which of the two it is.

use std::path::Path;

use crate::db::auditoria::Fuente;
use crate::db::postgres::{Buscador, Esquema};
use crate::domain::reglas::Reglas;
use crate::ordenes::SalidaError;
use crate::ordenes::migrar::salida;

/// Before the date in the schema's name.
const PREFIJO: &str = "simulacro";

/// How many almacenamientos work on a database at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activos {
    /// One has it, the others stand by.
    Uno,
    /// All of them.
    Todos,
}

/// See the module's doc.
pub(super) struct Base {
    ajuste: String,
    fuente: Fuente,
    esquema: Option<Esquema>,
}

impl Base {
    /// A SQLite file in `carpeta`, which its first owner makes.
    pub(super) fn archivo(carpeta: &Path) -> Self {
        let ruta = carpeta.join("biblioteca.db");
        Self {
            ajuste: format!("sqlite:{}", ruta.display()),
            fuente: Fuente::Archivo(ruta),
            esquema: None,
        }
    }

    /// A new schema on the PostgreSQL of `urls`, with its tables.
    ///
    /// # Errors
    /// [`SalidaError`] when it cannot be had there; nothing is left behind.
    pub(super) async fn esquema(urls: &[String]) -> Result<Self, SalidaError> {
        let buscador = |urls| Buscador::nuevo(urls, Reglas::default(), 1).map_err(SalidaError::Uso);
        buscador(urls)?;
        let esquema = Esquema::crear(PREFIJO, urls).await.map_err(salida)?;
        Ok(Self {
            ajuste: esquema.urls().join(","),
            fuente: Fuente::Servidores(buscador(esquema.urls())?),
            esquema: Some(esquema),
        })
    }

    /// `almacenamiento.base_datos` of every process; it may carry a password.
    pub(super) fn ajuste(&self) -> &str {
        &self.ajuste
    }

    /// For the audit.
    pub(super) const fn fuente(&self) -> &Fuente {
        &self.fuente
    }

    /// See [`Activos`].
    pub(super) const fn activos(&self) -> Activos {
        match self.esquema {
            None => Activos::Uno,
            Some(_) => Activos::Todos,
        }
    }

    /// For people, without passwords.
    pub(super) fn nombre(&self) -> String {
        match &self.esquema {
            None => "un SQLite propio".to_owned(),
            Some(esquema) => format!(
                "PostgreSQL ({}, esquema {})",
                self.fuente.nombre(),
                esquema.nombre()
            ),
        }
    }

    /// Where the database of a drill that is kept is, and how it goes away.
    pub(super) fn legado(&self) -> String {
        match &self.esquema {
            None => format!("Base de datos: {}", self.fuente.nombre()),
            Some(esquema) => format!(
                "Base de datos: {}; cuando no haga falta: DROP SCHEMA {} CASCADE",
                self.nombre(),
                esquema.nombre()
            ),
        }
    }

    /// Takes away what is not in the drill's folder.
    ///
    /// # Errors
    /// [`SalidaError`] when it stays.
    pub(super) async fn deshacer(&self) -> Result<(), SalidaError> {
        match &self.esquema {
            None => Ok(()),
            Some(esquema) => esquema.borrar().await.map_err(salida),
        }
    }
}
