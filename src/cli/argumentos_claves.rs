//! The command line of `claves`: names, help and examples of its four verbs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::argumentos::{ARGUMENTOS, ArgsGlobales, OPCIONES, PLANTILLA};
use crate::cli::{Claves, Globales};

pub(super) const EJEMPLO_CLAVES: &str = "Ejemplo, con seguridad.claves = \"claves\" en cada equipo:
  biblioteca claves nueva --config config/pc2.toml          en PC2: su par de claves
  biblioteca claves autorizar pc2.publica --nombre pc2 --papeles carga,solicitante --en 192.168.1.12
  biblioteca claves listar
  biblioteca claves retirar pc2

La lista (autorizados.txt) no tiene secretos y es la misma en todos los equipos: haga los
cambios en uno y cópiela a los demás. Los nodos en marcha la releen solos.";

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(super) struct ArgsClaves {
    #[command(subcommand)]
    pub(super) accion: VerboClaves,
    #[command(flatten)]
    pub(super) globales: ArgsGlobales,
}

#[derive(Debug, Subcommand)]
pub(super) enum VerboClaves {
    /// Hace un par de claves: el de este nodo, o el de un cliente con --archivo
    #[command(
        override_usage = "biblioteca claves nueva [--archivo RUTA] [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplos:\n  biblioteca claves nueva\n  biblioteca claves nueva --archivo ana.clave\n\nEscribe la mitad secreta en un archivo que solo lee su dueño y, al lado, la pública\n(.publica), que es la que se autoriza. Nunca sobrescribe."
    )]
    Nueva(ArgsNueva),
    /// Deja entrar a una clave y dice qué puede hacer
    #[command(
        override_usage = "biblioteca claves autorizar CLAVE --nombre N --papeles P[,P…] [--grupo G] [--en HOST[:PUERTO],…] [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplos:\n  biblioteca claves autorizar nodo.publica --nombre pc1 --papeles carga,almacenamiento,solicitante --en 192.168.1.11\n  biblioteca claves autorizar ana.publica --nombre ana --papeles cliente --grupo mostradores\n\nPapeles: carga, actor-prestamo, actor-devolucion, actor-renovacion, almacenamiento,\nsolicitante o cliente (pedir en 5555), directo (JSON en 5570), eventos (oír 5556); todo.\nUn grupo comparte sus op_id: los mostradores de una misma biblioteca."
    )]
    Autorizar(ArgsAutorizar),
    /// Muestra quién entra
    #[command(
        override_usage = "biblioteca claves listar [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplo:\n  biblioteca claves listar"
    )]
    Listar(ArgsListar),
    /// Deja fuera a una clave, también en las conexiones que tenga abiertas
    #[command(
        override_usage = "biblioteca claves retirar NOMBRE|CLAVE [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplo:\n  biblioteca claves retirar ana"
    )]
    Retirar(ArgsRetirar),
}

#[derive(Debug, Args)]
#[command(next_help_heading = OPCIONES)]
pub(super) struct ArgsNueva {
    /// Dónde escribirlo (si falta: nodo.clave en seguridad.claves)
    #[arg(long, value_name = "RUTA")]
    archivo: Option<PathBuf>,
    #[command(flatten)]
    globales: ArgsGlobales,
}

#[derive(Debug, Args)]
#[command(next_help_heading = OPCIONES)]
pub(super) struct ArgsAutorizar {
    /// La clave pública, 40 caracteres, o el archivo que la tiene
    #[arg(value_name = "CLAVE", allow_hyphen_values = true, help_heading = ARGUMENTOS)]
    clave: String,
    /// De quién es
    #[arg(long, value_name = "NOMBRE")]
    nombre: String,
    /// Qué puede hacer, separado por comas
    #[arg(long, value_name = "PAPELES")]
    papeles: String,
    /// Con quién comparte sus op_id
    #[arg(long, value_name = "GRUPO")]
    grupo: Option<String>,
    /// Dónde escucha, si es servidor: sus clientes la conocen por ahí
    #[arg(long, value_name = "HOST[:PUERTO]", value_delimiter = ',')]
    en: Vec<String>,
    #[command(flatten)]
    globales: ArgsGlobales,
}

#[derive(Debug, Args)]
pub(super) struct ArgsListar {
    #[command(flatten)]
    globales: ArgsGlobales,
}

#[derive(Debug, Args)]
pub(super) struct ArgsRetirar {
    /// El nombre, la clave pública o el archivo que la tiene
    #[arg(value_name = "NOMBRE|CLAVE", allow_hyphen_values = true, help_heading = ARGUMENTOS)]
    cual: String,
    #[command(flatten)]
    globales: ArgsGlobales,
}

/// The order, and the options given after its verb.
pub(super) fn claves(verbo: VerboClaves, globales: &mut Globales) -> Claves {
    match verbo {
        VerboClaves::Nueva(args) => {
            globales.sumar(args.globales);
            Claves::Nueva {
                archivo: args.archivo,
            }
        }
        VerboClaves::Autorizar(args) => {
            globales.sumar(args.globales);
            Claves::Autorizar {
                clave: args.clave,
                nombre: args.nombre,
                papeles: args.papeles,
                grupo: args.grupo,
                en: args.en,
            }
        }
        VerboClaves::Listar(args) => {
            globales.sumar(args.globales);
            Claves::Listar
        }
        VerboClaves::Retirar(args) => {
            globales.sumar(args.globales);
            Claves::Retirar { cual: args.cual }
        }
    }
}
