//! clap's errors as Spanish sentences, exit 2; help and version as they are, exit 0.
//!
//! Called by [`super::leer`]. clap has no translations, so each kind of error is told here
//! from its context.

use std::error::Error;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::{Fin, SALIDA_USO};

/// What the process ends with instead of an order.
pub(super) fn fin(error: &clap::Error) -> Fin {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Fin {
            texto: error.render().to_string(),
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
            let parecida = sugerencia(error, ContextKind::SuggestedSubcommand);
            format!("la orden '{orden}' no existe{parecida}")
        }
        ErrorKind::ValueValidation => {
            let causa = error.source().map(ToString::to_string).unwrap_or_default();
            format!("{argumento}: {causa}")
        }
        ErrorKind::InvalidValue if valor.is_empty() => format!("a {argumento} le falta su valor"),
        ErrorKind::MissingRequiredArgument => format!("falta {argumento}"),
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
        let parecido = sugerencia(error, ContextKind::SuggestedArg);
        format!("la opción '{argumento}' no existe aquí{parecido}")
    } else {
        format!("sobra '{argumento}'")
    }
}

/// clap puts the likeliest last.
fn sugerencia(error: &clap::Error, clase: ContextKind) -> String {
    let parecido = match error.get(clase) {
        Some(ContextValue::String(texto)) => texto,
        Some(ContextValue::Strings(textos)) => match textos.last() {
            Some(texto) => texto,
            None => return String::new(),
        },
        _ => return String::new(),
    };
    format!("; ¿quiso decir {parecido}?")
}

fn contexto(error: &clap::Error, clase: ContextKind) -> String {
    match error.get(clase) {
        Some(ContextValue::String(texto)) => texto.clone(),
        Some(ContextValue::Strings(textos)) => textos.join(", "),
        _ => String::new(),
    }
}
