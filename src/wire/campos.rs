//! The fields of a JSON object that a plain client wrote, before anybody knows what they mean.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::domain::ids::{Campo, OpId, Texto};

/// The fields of a request, each as it was written: only those that mean something are read,
/// and an `id` goes back to the letter.
#[derive(Debug)]
pub struct Campos<'a>(Vec<(Letra<'a>, &'a RawValue)>);

/// A text of the request; borrowed unless it was written with escapes.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Letra<'a>(#[serde(borrow)] Cow<'a, str>);

/// More than any request of ours has.
const CAMPOS: usize = 12;

impl<'de: 'a, 'a> Deserialize<'de> for Campos<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Objeto;
        impl<'de> Visitor<'de> for Objeto {
            type Value = Campos<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut mapa: A) -> Result<Self::Value, A::Error> {
                let mut campos = Vec::with_capacity(CAMPOS);
                while let Some(campo) = mapa.next_entry()? {
                    campos.push(campo);
                }
                Ok(Campos(campos))
            }
        }
        deserializer.deserialize_map(Objeto)
    }
}

/// The fields of a JSON object.
///
/// # Errors
/// A Spanish sentence that says where it stops being one.
pub fn leer_campos(trama: &[u8]) -> Result<Campos<'_>, String> {
    if trama.is_empty() {
        return Err("la solicitud está vacía".to_owned());
    }
    let texto = std::str::from_utf8(trama)
        .map_err(|error| format!("no es UTF-8 desde el byte {}", error.valid_up_to() + 1))?;
    serde_json::from_str(texto).map_err(|error| {
        if error.is_data() {
            return "se esperaba un objeto JSON".to_owned();
        }
        format!(
            "no es JSON desde la línea {}, columna {}",
            error.line(),
            error.column()
        )
    })
}

/// One field as it was written; the last one, when it is there twice.
#[must_use]
pub fn campo<'a>(campos: &Campos<'a>, nombre: &'static str) -> Option<&'a RawValue> {
    let mut ultimos = campos.0.iter().rev();
    ultimos.find_map(|(clave, crudo)| (clave.0 == nombre).then_some(*crudo))
}

/// A field that has to be a text; none when it is absent or null.
///
/// # Errors
/// A Spanish sentence when it is anything else.
pub fn campo_crudo<'a>(
    campos: &Campos<'a>,
    nombre: &'static str,
) -> Result<Option<Cow<'a, str>>, String> {
    let Some(crudo) = campo(campos, nombre) else {
        return Ok(None);
    };
    let letra: Option<Letra<'a>> = serde_json::from_str(crudo.get())
        .map_err(|_| format!("el campo '{nombre}' debe ser un texto"))?;
    Ok(letra.map(|letra| letra.0))
}

/// The op_id of a request; none when it has none.
///
/// # Errors
/// A Spanish sentence about what is wrong with it.
pub fn campo_op_id(campos: &Campos<'_>) -> Result<Option<OpId>, String> {
    let texto = campo_crudo(campos, "op_id")?;
    texto
        .map(|texto| OpId::parse(&texto).map_err(|error| error.to_string()))
        .transpose()
}

/// The text field that `K` names; none when it is absent or null.
///
/// # Errors
/// A Spanish sentence about what is wrong with it.
pub fn campo_texto<K: Campo>(campos: &Campos<'_>) -> Result<Option<Texto<K>>, String> {
    let texto = campo_crudo(campos, K::NOMBRE)?;
    texto
        .map(|texto| Texto::parse(&texto).map_err(|error| error.to_string()))
        .transpose()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_two_fields_of_one_name_counts_also_when_its_name_has_escapes() {
        let campos = leer_campos(br#"{"id":1,"op_id":"a","\u006fp_id":"b","id":[2, 3]}"#).unwrap();
        assert_eq!(campo(&campos, "id").unwrap().get(), "[2, 3]");
        assert_eq!(campo_op_id(&campos).unwrap().unwrap().as_str(), "b");
        assert!(campo(&campos, "isbn").is_none());
        let texto = campo_crudo(&campos, "op_id").unwrap().unwrap();
        assert!(matches!(texto, Cow::Borrowed("b")));
        assert!(leer_campos(b"{}").unwrap().0.is_empty());
        assert!(leer_campos(b"[1]").is_err());
    }
}
