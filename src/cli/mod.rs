//! The command line: arguments in, one typed [`Orden`] out.
//!
//! `main` calls [`leer`] and executes what it returns. `argumentos` is what clap reads,
//! `ayuda` the Spanish of its errors. Nothing here reads a file, a variable or a socket.

mod argumentos;
mod argumentos_claves;
mod ayuda;
pub mod manual;
mod medir;
mod pedir;
mod valores;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::domain::ids::{Sede, UsuarioId};
use crate::domain::permiso::Rol;
use crate::role::Role;
use crate::settings::endpoint::Endpoint;
use crate::settings::load::Fuentes;
use argumentos::{ArgsGlobales, ArgsNodo, Raiz, Verbo, VerboCatalogo};
use argumentos_claves::claves;
pub use medir::{Carrera, Medicion, Medida, Modos, Pesos};
pub use pedir::Pedir;

/// Exit code of a wrong command line or configuration (contract §1).
pub const SALIDA_USO: u8 = 2;

/// One start of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocacion {
    /// What stands before or after any verb.
    pub globales: Globales,
    /// What to do.
    pub orden: Orden,
}

/// Options of every verb.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Globales {
    /// `--config`, in order.
    pub configs: Vec<PathBuf>,
    /// `--sede`.
    pub sede: Option<Sede>,
    /// `--carga`.
    pub cargas: Option<Vec<Endpoint>>,
}

/// What the user asks this process to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Orden {
    /// Run a node, or a solicitante with its file.
    Nodo(Nodo),
    /// Ask one operation and show its answer.
    Pedir(Pedir),
    /// Make the starting data.
    Sembrar,
    /// Add the books of a CSV file.
    CatalogoImportar {
        /// The file.
        ruta: PathBuf,
    },
    /// Register the users of a CSV file, or bring them up to date.
    UsuariosImportar {
        /// The file.
        ruta: PathBuf,
    },
    /// Block a user, or let it borrow again.
    UsuariosBloquear {
        /// Whom.
        usuario: UsuarioId,
        /// Whether it is blocked from now on.
        bloqueado: bool,
        /// Why; never none for a block.
        motivo: Option<String>,
    },
    /// Copy the library to a new file.
    Respaldar {
        /// The file.
        ruta: PathBuf,
    },
    /// Who may use the side door.
    Tokens(OrdenTokens),
    /// Bring the tables of a PostgreSQL up to date.
    Migrar {
        /// The SQLite file of a library that moves there.
        desde: Option<PathBuf>,
    },
    /// Show the configuration in force and all that is wrong with it.
    Comprobar {
        /// `--role`, as for a node.
        roles: Option<Vec<Role>>,
    },
    /// Measure throughput and latency.
    Medir(Medicion),
    /// Show how the nodes are.
    Estado {
        /// As JSON.
        json: bool,
        /// Again each second.
        seguir: bool,
    },
    /// Compare receipts with the database, and check the database itself.
    Auditar {
        /// Files of receipts; none checks the database alone.
        recibos: Vec<PathBuf>,
        /// Also what this node's carga accepted as queued and could not keep.
        excepciones: bool,
    },
    /// Kill and freeze processes of a small cluster under load, then compare.
    Simulacro(Simulacro),
    /// Make keys, and say who comes in.
    Claves(Claves),
    /// Write the man page and the completions of the shells.
    Manual {
        /// Where.
        carpeta: PathBuf,
    },
}

/// No verb: run roles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nodo {
    /// `--role` as written; none leaves it to the settings.
    pub roles: Option<Vec<Role>>,
    /// The request file, for a solicitante.
    pub solicitud: Option<Solicitud>,
}

/// What a solicitante runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solicitud {
    /// The request file.
    pub archivo: PathBuf,
    /// Tells several solicitantes on one file apart.
    pub nombre: Option<String>,
    /// The order of columns, as written.
    pub columnas: Option<String>,
    /// Abandon an unfinished run.
    pub de_nuevo: bool,
}

/// What is done about tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrdenTokens {
    /// Make one and show it.
    Nuevo {
        /// Its name.
        nombre: String,
        /// What its holder may do.
        rol: Rol,
    },
    /// Show them all, without their secrets.
    Listar,
    /// Take one away.
    Retirar {
        /// Its name.
        nombre: String,
    },
}

/// A drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulacro {
    /// How long the desks work.
    pub duracion: Duration,
    /// Of the faults and the desks; none draws one.
    pub semilla: Option<u64>,
    /// The PostgreSQL it runs on, as written: it becomes `almacenamiento.base_datos`. None for
    /// a SQLite of its own.
    pub base_datos: Option<String>,
}

/// What to do with keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claves {
    /// Draw a pair.
    Nueva {
        /// Its file; none is the node's own.
        archivo: Option<PathBuf>,
    },
    /// Let a key in.
    Autorizar {
        /// The public key, or a file that has it.
        clave: String,
        /// Whose it is.
        nombre: String,
        /// What it may do, separated by commas.
        papeles: String,
        /// Whom it shares its op_ids with.
        grupo: Option<String>,
        /// Where it listens: `host` or `host:port`.
        en: Vec<String>,
    },
    /// Show who comes in.
    Listar,
    /// Keep a key out.
    Retirar {
        /// Its name, the key, or a file that has it.
        cual: String,
    },
}

/// Why there is nothing to execute: help or version was asked for, or the line is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fin {
    /// For the user; on standard output with code 0, else on standard error.
    pub texto: String,
    /// The exit code: 0 or [`SALIDA_USO`].
    pub codigo: u8,
}

impl Fin {
    fn uso(texto: impl Into<String>) -> Self {
        Self {
            texto: format!("error: {}\n", texto.into()),
            codigo: SALIDA_USO,
        }
    }
}

/// Reads the arguments, the program's own name first.
///
/// # Errors
/// [`Fin`]: help, version, or a Spanish sentence about what is wrong with the line.
pub fn leer<I, A>(argumentos: I) -> Result<Invocacion, Fin>
where
    I: IntoIterator<Item = A>,
    A: Into<OsString> + Clone,
{
    let raiz = Raiz::try_parse_from(argumentos).map_err(|error| ayuda::fin(&error))?;
    let mut globales = Globales::default();
    globales.sumar(raiz.globales);
    let Some(verbo) = raiz.verbo else {
        let orden = Orden::Nodo(nodo(raiz.nodo)?);
        return Ok(Invocacion { globales, orden });
    };
    if raiz.nodo.role.is_some() || raiz.nodo.archivo.is_some() {
        return Err(Fin::uso(
            "--role y --archivo son para arrancar un nodo y no van con una orden",
        ));
    }
    let orden = orden(verbo, &mut globales)?;
    Ok(Invocacion { globales, orden })
}

/// What a verb asks; what stands beside it goes to `globales`.
fn orden(verbo: Verbo, globales: &mut Globales) -> Result<Orden, Fin> {
    Ok(match verbo {
        Verbo::Pedir(args) => Orden::Pedir(pedir::pedir(args, globales)?),
        Verbo::Sembrar(args) => {
            globales.sumar(args.globales);
            Orden::Sembrar
        }
        Verbo::Catalogo(args) => {
            let VerboCatalogo::Importar(importar) = args.accion;
            globales.sumar(args.globales);
            globales.sumar(importar.globales);
            Orden::CatalogoImportar {
                ruta: importar.ruta,
            }
        }
        Verbo::Usuarios(args) => argumentos::usuarios::orden(args, globales),
        Verbo::Tokens(args) => argumentos::tokens::orden(args, globales),
        Verbo::Respaldar(args) => {
            globales.sumar(args.globales);
            Orden::Respaldar { ruta: args.ruta }
        }
        Verbo::Migrar(args) => {
            globales.sumar(args.globales);
            Orden::Migrar { desde: args.desde }
        }
        Verbo::Comprobar(args) => {
            globales.sumar(args.globales);
            let roles = args.role.map(|roles| roles.0);
            Orden::Comprobar { roles }
        }
        Verbo::Medir(args) => Orden::Medir(argumentos::medir::medicion(args, globales)),
        Verbo::Estado(args) => {
            globales.sumar(args.globales);
            Orden::Estado {
                json: args.json,
                seguir: args.seguir,
            }
        }
        Verbo::Auditar(args) => {
            globales.sumar(args.globales);
            Orden::Auditar {
                recibos: args.recibos,
                excepciones: args.excepciones,
            }
        }
        Verbo::Claves(args) => {
            globales.sumar(args.globales);
            Orden::Claves(claves(args.accion, globales))
        }
        Verbo::Simulacro(args) => {
            let simulacro = args.simulacro();
            globales.sumar(args.globales);
            Orden::Simulacro(simulacro)
        }
        Verbo::Manual(args) => {
            globales.sumar(args.globales);
            Orden::Manual {
                carpeta: args.carpeta,
            }
        }
    })
}

impl Invocacion {
    /// What the settings are loaded from, with the environment handed in.
    #[must_use]
    pub fn fuentes(&self, entorno: Vec<(String, String)>) -> Fuentes {
        let roles = match &self.orden {
            Orden::Nodo(Nodo { roles, .. }) | Orden::Comprobar { roles } => roles.clone(),
            _ => None,
        };
        let base_datos = match &self.orden {
            Orden::Simulacro(simulacro) => simulacro.base_datos.clone(),
            _ => None,
        };
        Fuentes {
            archivos: self.globales.configs.clone(),
            entorno,
            roles,
            sede: self.globales.sede.clone(),
            cargas: self.globales.cargas.clone(),
            base_datos,
        }
    }
}

impl Globales {
    /// Adds those of a deeper verb: files follow, a single value wins.
    fn sumar(&mut self, args: ArgsGlobales) {
        self.configs.extend(args.configs);
        self.sede = args.sede.or_else(|| self.sede.take());
        let cargas = args.carga.map(|cargas| cargas.0);
        self.cargas = cargas.or_else(|| self.cargas.take());
    }
}

impl Nodo {
    /// The request file, checked against the roles that the settings settled on: a
    /// solicitante needs one, the others have none.
    ///
    /// # Errors
    /// [`Fin`] with the Spanish sentence.
    pub fn solicitud_para(&self, roles: &[Role]) -> Result<Option<&Solicitud>, Fin> {
        match (&self.solicitud, roles.contains(&Role::Solicitante)) {
            (None, true) => Err(Fin::uso(
                "al solicitante le falta su archivo: --archivo RUTA",
            )),
            (Some(_), false) => Err(Fin::uso(
                "--archivo es solo para el solicitante: añada --role solicitante",
            )),
            (solicitud, _) => Ok(solicitud.as_ref()),
        }
    }
}

fn nodo(args: ArgsNodo) -> Result<Nodo, Fin> {
    let nodo = Nodo {
        roles: args.role.map(|roles| roles.0),
        solicitud: args.archivo.map(|archivo| Solicitud {
            archivo,
            nombre: args.nombre,
            columnas: args.columnas,
            de_nuevo: args.de_nuevo,
        }),
    };
    if let Some(roles) = &nodo.roles {
        nodo.solicitud_para(roles)?;
    }
    Ok(nodo)
}

#[cfg(test)]
mod tests;
