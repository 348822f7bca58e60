//! A value as it would be written in a file, with what is secret in it hidden.
//!
//! Called for what a person is shown of the configuration in force.

use config::ValueKind;

/// Stands for a secret.
const OCULTO: &str = "***";

/// The value as TOML, without secrets.
pub(super) fn de(valor: &ValueKind) -> String {
    match valor {
        ValueKind::String(texto) => format!("\"{}\"", sin_secretos(texto)),
        ValueKind::Array(valores) => {
            let valores: Vec<_> = valores.iter().map(|valor| de(&valor.kind)).collect();
            format!("[{}]", valores.join(", "))
        }
        otro => otro.to_string(),
    }
}

/// An address may carry a password: before its host, or among its options.
fn sin_secretos(texto: &str) -> String {
    let Some((esquema, resto)) = texto.split_once("://") else {
        return texto.to_owned();
    };
    let (antes, opciones) = match resto.split_once('?') {
        Some((antes, opciones)) => (antes, Some(opciones)),
        None => (resto, None),
    };
    // A password may hold an '@': the last one ends it.
    let antes = match antes.rsplit_once('@') {
        Some((cuenta, host)) => match cuenta.split_once(':') {
            Some((usuario, _)) => format!("{usuario}:{OCULTO}@{host}"),
            None => format!("{cuenta}@{host}"),
        },
        None => antes.to_owned(),
    };
    let opciones = opciones.map_or_else(String::new, |opciones| {
        let opciones: Vec<_> = opciones.split('&').map(opcion).collect();
        format!("?{}", opciones.join("&"))
    });
    format!("{esquema}://{antes}{opciones}")
}

fn opcion(opcion: &str) -> String {
    match opcion.split_once('=') {
        Some((nombre, _)) if nombre.to_lowercase().contains("password") => {
            format!("{nombre}={OCULTO}")
        }
        _ => opcion.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_wherever_an_address_has_them() {
        for (escrita, mostrada) in [
            (
                "postgres://ana:s3@cr3ta@h:5432/b",
                "postgres://ana:***@h:5432/b",
            ),
            (
                "postgres://h/b?user=a&password=x&ssl=1",
                "postgres://h/b?user=a&password=***&ssl=1",
            ),
            ("postgres://ana@h/b", "postgres://ana@h/b"),
            ("sqlite:biblioteca.db", "sqlite:biblioteca.db"),
            ("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5555"),
        ] {
            assert_eq!(sin_secretos(escrita), mostrada);
        }
        assert_eq!(de(&ValueKind::I64(3)), "3");
        assert_eq!(de(&ValueKind::Boolean(true)), "true");
    }
}
