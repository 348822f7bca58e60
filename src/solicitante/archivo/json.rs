//! One line of JSON becomes one request.
//!
//! Called by the reader. Keys are known by the same aliases as headers; others are ignored,
//! and so is an op_id: the line's is ours to make, which the reader tells.

use serde_json::{Map, Value};

use super::linea::{Campos, LineaPedido};
use super::palabras;

/// Reads one object; whether it brought an op_id of its own.
///
/// # Errors
/// The Spanish reason why it makes no request.
pub(super) fn leer(linea: &str) -> Result<(LineaPedido, bool), String> {
    let objeto: Map<String, Value> = serde_json::from_str(linea)
        .map_err(|error| format!("no es un objeto JSON (columna {})", error.column()))?;
    let mut textos = Vec::with_capacity(objeto.len());
    for (clave, valor) in &objeto {
        let Some(columna) = palabras::columna(clave) else {
            continue;
        };
        match valor {
            Value::Null => {}
            Value::String(texto) => textos.push((columna, texto.clone())),
            Value::Number(numero) => textos.push((columna, numero.to_string())),
            _ => return Err(format!("el campo '{clave}' no es un texto")),
        }
    }
    let mut campos = Campos::default();
    for (columna, texto) in &textos {
        campos.poner(*columna, texto)?;
    }
    Ok((campos.pedido()?, objeto.contains_key("op_id")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn aliases_and_numbers_are_read_and_strangers_ignored() {
        let linea = r#"{"operacion":"devolucion","codigo":"L0001","idUsuario":7,"nota":[1]}"#;
        let (pedido, _) = leer(linea).unwrap();
        assert_eq!(pedido.isbn.unwrap().as_str(), "L0001");
        assert_eq!(pedido.usuario.unwrap().as_str(), "7");
        let (copia, ajeno) = leer(r#"{"operacion":"DEVO","ejemplar":"E-1","op_id":"x"}"#).unwrap();
        assert!(ajeno);
        assert_eq!(copia.ejemplar.unwrap().as_str(), "E-1");
    }

    #[test]
    fn broken_or_contradictory_objects_have_a_reason() {
        assert!(leer("{\"operacion\":").unwrap_err().contains("JSON"));
        assert!(
            leer(r#"{"operacion":"prestamo","isbn":["a"]}"#)
                .unwrap_err()
                .contains("isbn")
        );
        let dos = r#"{"operacion":"prestamo","isbn":"a","libro":"b","usuario":"u"}"#;
        assert!(leer(dos).unwrap_err().contains("dos veces"));
        assert!(leer(r#"{"isbn":"a"}"#).unwrap_err().contains("operación"));
    }
}
