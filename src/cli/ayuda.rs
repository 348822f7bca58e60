//! clap's errors as Spanish sentences, exit 2; help and version as they are, exit 0.
//!
//! Called by [`super::leer`]. clap has no translations, so each kind of error is told here
//! from its context.

use std::error::Error;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::argumentos::Raiz;
use crate::cli::{Fin, SALIDA_USO};

/// What somebody types who looks for the help.
const AYUDA: [&str; 2] = ["help", "ayuda"];

/// A word that is meant has no more than one wrong letter in so many.
const ERROR_CADA: usize = 3;

/// What the process ends with instead of an order.
pub(super) fn fin(error: &clap::Error) -> Fin {
    let orden = contexto(error, ContextKind::InvalidSubcommand);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Fin {
            texto: error.render().to_string(),
            codigo: 0,
        },
        ErrorKind::InvalidSubcommand if AYUDA.contains(&orden.as_str()) => Fin {
            texto: Raiz::command().render_help().to_string(),
            codigo: 0,
        },
        _ => Fin {
            texto: format!(
                "error: {}\n\nLa ayuda de cada orden se ve con --help.\n",
                sentencia(error)
            ),
            codigo: SALIDA_USO,
        },
    }
}

fn sentencia(error: &clap::Error) -> String {
    let argumento = contexto(error, ContextKind::InvalidArg);
    let valor = contexto(error, ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::UnknownArgument => desconocido(error, &argumento),
        ErrorKind::InvalidSubcommand => {
            let orden = contexto(error, ContextKind::InvalidSubcommand);
            let parecida = sugerencia(error, ContextKind::SuggestedSubcommand, &orden);
            format!("la orden '{orden}' no existe{parecida}")
        }
        ErrorKind::ValueValidation => {
            let causa = error.source().map(ToString::to_string).unwrap_or_default();
            format!("{argumento}: {causa}")
        }
        ErrorKind::InvalidValue if valor.is_empty() => format!("a {argumento} le falta su valor"),
        ErrorKind::MissingRequiredArgument => falta(error),
        ErrorKind::ArgumentConflict => {
            let otro = contexto(error, ContextKind::PriorArg);
            if otro.is_empty() || otro == argumento {
                format!("{argumento} se dio más de una vez")
            } else {
                format!("{argumento} y {otro} no van juntos")
            }
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "la orden está incompleta".to_owned()
        }
        ErrorKind::InvalidUtf8 => "hay un argumento que no es texto UTF-8".to_owned(),
        _ => format!("{argumento}: el valor '{valor}' no vale"),
    }
}

fn desconocido(error: &clap::Error, argumento: &str) -> String {
    if argumento.starts_with('-') {
        let parecido = sugerencia(error, ContextKind::SuggestedArg, argumento);
        format!("la opción '{argumento}' no existe aquí{parecido}")
    } else {
        format!("sobra '{argumento}'")
    }
}

/// What a verb or an option needs and has not, as its help writes them.
fn falta(error: &clap::Error) -> String {
    let faltan = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(textos)) => textos.clone(),
        _ => vec![contexto(error, ContextKind::InvalidArg)],
    };
    let verbo = if faltan.len() == 1 { "falta" } else { "faltan" };
    format!("{verbo} {}", faltan.join(" y ").replace(['<', '>'], ""))
}

/// clap puts the likeliest last, and finds something like almost anything: only what a slip of
/// the fingers makes of it is worth a question.
fn sugerencia(error: &clap::Error, clase: ContextKind, escrito: &str) -> String {
    let parecido = match error.get(clase) {
        Some(ContextValue::String(texto)) => texto,
        Some(ContextValue::Strings(textos)) => match textos.last() {
            Some(texto) => texto,
            None => return String::new(),
        },
        _ => return String::new(),
    };
    let errores = strsim::osa_distance(escrito, parecido);
    if errores > (escrito.chars().count() / ERROR_CADA).max(1) {
        return String::new();
    }
    format!("; ¿quiso decir {parecido}?")
}

fn contexto(error: &clap::Error, clase: ContextKind) -> String {
    match error.get(clase) {
        Some(ContextValue::String(texto)) => texto.clone(),
        Some(ContextValue::Strings(textos)) => textos.join(", "),
        _ => String::new(),
    }
}
