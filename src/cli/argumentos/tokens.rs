//! The arguments of `tokens nuevo`, `tokens listar` and `tokens retirar`.

use clap::{Args, Subcommand};

use super::{ARGUMENTOS, ArgsGlobales, OPCIONES, PLANTILLA};
use crate::cli::{Globales, Orden, OrdenTokens};
use crate::domain::permiso::Rol;

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(in crate::cli) struct ArgsTokens {
    #[command(subcommand)]
    accion: VerboTokens,
    #[command(flatten)]
    globales: ArgsGlobales,
}

#[derive(Debug, Subcommand)]
enum VerboTokens {
    /// Crea un token y lo muestra una sola vez
    #[command(
        override_usage = "biblioteca tokens nuevo NOMBRE --rol ROL [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplo:\n  biblioteca tokens nuevo mostrador-1 --rol mostrador\n\nRoles: lector (mira), mostrador (además presta, devuelve y renueva), administracion (todo).\nEl nodo lo reconoce enseguida; del token solo se guarda una huella.\n\nSalida: 0 creado; 2 el nombre no vale o ya existe."
    )]
    Nuevo(ArgsNuevo),
    /// Muestra los tokens que hay, sin sus secretos
    #[command(
        override_usage = "biblioteca tokens listar [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplo:\n  biblioteca tokens listar"
    )]
    Listar(ArgsListar),
    /// Retira un token: deja de valer enseguida, con sus sesiones
    #[command(
        override_usage = "biblioteca tokens retirar NOMBRE [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplo:\n  biblioteca tokens retirar mostrador-1\n\nSalida: 0 retirado; 2 no existe."
    )]
    Retirar(ArgsRetirar),
}

#[derive(Debug, Args)]
#[command(next_help_heading = OPCIONES)]
struct ArgsNuevo {
    /// Cómo se llama en avisos y en el historial
    #[arg(value_name = "NOMBRE", help_heading = ARGUMENTOS)]
    nombre: String,
    /// lector, mostrador o administracion
    #[arg(long, value_name = "ROL", value_parser = rol)]
    rol: Rol,
    #[command(flatten)]
    globales: ArgsGlobales,
}

#[derive(Debug, Args)]
#[command(next_help_heading = OPCIONES)]
struct ArgsListar {
    #[command(flatten)]
    globales: ArgsGlobales,
}

#[derive(Debug, Args)]
#[command(next_help_heading = OPCIONES)]
struct ArgsRetirar {
    /// El token
    #[arg(value_name = "NOMBRE", help_heading = ARGUMENTOS)]
    nombre: String,
    #[command(flatten)]
    globales: ArgsGlobales,
}

fn rol(valor: &str) -> Result<Rol, String> {
    Rol::de_palabra(valor)
        .ok_or_else(|| format!("'{valor}' no es un rol: lector, mostrador o administracion"))
}

/// What one of them asks.
pub(in crate::cli) fn orden(args: ArgsTokens, globales: &mut Globales) -> Orden {
    globales.sumar(args.globales);
    Orden::Tokens(match args.accion {
        VerboTokens::Nuevo(nuevo) => {
            globales.sumar(nuevo.globales);
            OrdenTokens::Nuevo {
                nombre: nuevo.nombre,
                rol: nuevo.rol,
            }
        }
        VerboTokens::Listar(listar) => {
            globales.sumar(listar.globales);
            OrdenTokens::Listar
        }
        VerboTokens::Retirar(retirar) => {
            globales.sumar(retirar.globales);
            OrdenTokens::Retirar {
                nombre: retirar.nombre,
            }
        }
    })
}
