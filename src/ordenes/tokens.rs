//! `biblioteca tokens`: who may use the side door of the nodes with this folder.
//!
//! Every change is told, with who made it, in a file of its own beside the tokens: there may
//! be no database at hand.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use comfy_table::{Table, presets};
use serde_json::json;

use crate::cli::OrdenTokens;
use crate::http::tokens::{Tokens, TokensError};
use crate::ordenes::{Salida, SalidaError};
use crate::settings::Ajustes;
use crate::sistema::motivo;
use crate::sistema::salida::{avisar, decir};

/// What was changed, one JSON object a line.
const HISTORIAL: &str = "tokens.historial.jsonl";

impl From<TokensError> for SalidaError {
    fn from(error: TokensError) -> Self {
        Self::Uso(error.to_string())
    }
}

/// Does it.
///
/// # Errors
/// [`SalidaError::Uso`] when the file or the name does not serve.
pub fn tokens(ajustes: &Ajustes, orden: &OrdenTokens) -> Result<Salida, SalidaError> {
    let carpeta = &ajustes.nodo.datos;
    let mut tokens = Tokens::leer(carpeta)?;
    match orden {
        OrdenTokens::Nuevo { nombre, rol } => {
            let secreto = tokens.nuevo(nombre, *rol, ahora())?;
            tokens.guardar(carpeta)?;
            anotar(ajustes, "nuevo", nombre, rol.palabra())?;
            decir(secreto)?;
            avisar("Guárdelo ahora: no se vuelve a mostrar.");
        }
        OrdenTokens::Listar => {
            let mut tabla = Table::new();
            tabla.load_preset(presets::UTF8_BORDERS_ONLY);
            tabla.set_header(["token", "rol", "creado"]);
            for token in tokens.lista() {
                tabla.add_row([&token.nombre, token.rol.palabra(), &token.creado]);
            }
            decir(tabla)?;
        }
        OrdenTokens::Retirar { nombre } => {
            let retirado = tokens.retirar(nombre)?;
            tokens.guardar(carpeta)?;
            anotar(ajustes, "retirado", nombre, retirado.rol.palabra())?;
            decir(format!("{nombre} ya no vale."))?;
        }
    }
    Ok(Salida::Bien)
}

fn ahora() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

fn anotar(ajustes: &Ajustes, accion: &str, nombre: &str, rol: &str) -> Result<(), SalidaError> {
    let quien = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER"));
    let linea = json!({
        "fecha": ahora(),
        "accion": accion,
        "token": nombre,
        "rol": rol,
        "quien": quien.unwrap_or_default(),
        "uid": rustix::process::getuid().as_raw(),
    });
    let ruta = ajustes.nodo.datos.join(HISTORIAL);
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&ruta)
        .and_then(|mut archivo| writeln!(archivo, "{linea}"))
        .map_err(|error| {
            SalidaError::Uso(format!(
                "no se puede anotar en {}: {}",
                ruta.display(),
                motivo(&error)
            ))
        })
}
