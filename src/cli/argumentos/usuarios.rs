//! The arguments of `usuarios importar`, `usuarios bloquear` and `usuarios desbloquear`.

use clap::{Args, Subcommand};

use super::{ARGUMENTOS, ArgsGlobales, ArgsImportar, OPCIONES, PLANTILLA};
use crate::cli::valores::{motivo, texto};
use crate::cli::{Globales, Orden};
use crate::domain::ids::UsuarioId;

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(in crate::cli) struct ArgsUsuarios {
    #[command(subcommand)]
    pub(in crate::cli) accion: VerboUsuarios,
    #[command(flatten)]
    pub(in crate::cli) globales: ArgsGlobales,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum VerboUsuarios {
    /// Registra los usuarios de un CSV o los pone al día; repetirla no cambia nada
    #[command(
        override_usage = "biblioteca usuarios importar RUTA [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplo:\n  biblioteca usuarios importar usuarios.csv\n\nColumnas, con encabezado y separadas por , o ;: id, nombre, categoria, vence (AAAA-MM-DD), bloqueado (si o no)\nDe un usuario que ya existe, una columna que falta se deja como está; una celda vacía borra el dato, pero nunca desbloquea.\n\nSalida: 0 todas las filas; 1 alguna fila mala (las buenas entran); 2 el archivo no sirve."
    )]
    Importar(ArgsImportar),
    /// Bloquea a un usuario: no recibe más préstamos
    #[command(
        override_usage = "biblioteca usuarios bloquear U --motivo M [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplo:\n  biblioteca usuarios bloquear usuario7 --motivo 'debe un libro'\n\nSalida: 0 está bloqueado; 1 no existe."
    )]
    Bloquear(ArgsBloquear),
    /// Deshace un bloqueo
    #[command(
        override_usage = "biblioteca usuarios desbloquear U [--motivo M] [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplo:\n  biblioteca usuarios desbloquear usuario7 --motivo 'lo devolvió'\n\nSalida: 0 no está bloqueado; 1 no existe."
    )]
    Desbloquear(ArgsDesbloquear),
}

#[derive(Debug, Args)]
#[command(next_help_heading = OPCIONES)]
pub(in crate::cli) struct ArgsBloquear {
    /// El usuario
    #[arg(value_name = "U", value_parser = texto::<UsuarioId>, help_heading = ARGUMENTOS)]
    pub(in crate::cli) usuario: UsuarioId,
    /// Por qué; queda en el historial
    #[arg(long, value_name = "MOTIVO", value_parser = motivo)]
    pub(in crate::cli) motivo: String,
    #[command(flatten)]
    pub(in crate::cli) globales: ArgsGlobales,
}

#[derive(Debug, Args)]
#[command(next_help_heading = OPCIONES)]
pub(in crate::cli) struct ArgsDesbloquear {
    /// El usuario
    #[arg(value_name = "U", value_parser = texto::<UsuarioId>, help_heading = ARGUMENTOS)]
    pub(in crate::cli) usuario: UsuarioId,
    /// Por qué; queda en el historial
    #[arg(long, value_name = "MOTIVO", value_parser = motivo)]
    pub(in crate::cli) motivo: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) globales: ArgsGlobales,
}

/// What one of them asks.
pub(in crate::cli) fn orden(args: ArgsUsuarios, globales: &mut Globales) -> Orden {
    globales.sumar(args.globales);
    match args.accion {
        VerboUsuarios::Importar(importar) => {
            globales.sumar(importar.globales);
            Orden::UsuariosImportar {
                ruta: importar.ruta,
            }
        }
        VerboUsuarios::Bloquear(bloquear) => {
            globales.sumar(bloquear.globales);
            Orden::UsuariosBloquear {
                usuario: bloquear.usuario,
                bloqueado: true,
                motivo: Some(bloquear.motivo),
            }
        }
        VerboUsuarios::Desbloquear(desbloquear) => {
            globales.sumar(desbloquear.globales);
            Orden::UsuariosBloquear {
                usuario: desbloquear.usuario,
                bloqueado: false,
                motivo: desbloquear.motivo,
            }
        }
    }
}
