//! Which keys exist and of which class: read from the compiled-in `config/base.toml`, which
//! has every one of them, so the list can't fall behind.
//!
//! Called by [`super::load`] for each value of each layer. It never judges a value's range;
//! that is the typed tree's and [`super::validate`]'s.

use std::collections::BTreeMap;

use config::{File, FileFormat, Map, Source, Value, ValueKind};

/// The factory settings, as text.
pub const BASE: &str = include_str!("../../config/base.toml");

/// Tables whose keys the user makes up (categories of users); their values are whole numbers.
const TABLAS_LIBRES: [&str; 1] = ["reglas.limites"];

/// What kind of value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clase {
    /// A text.
    Texto,
    /// A whole number, never negative.
    Entero,
    /// True or false.
    Logico,
    /// A list of texts.
    Lista,
}

impl Clase {
    /// What to tell somebody who gave something else.
    const fn se_espera(self) -> &'static str {
        match self {
            Self::Texto => "se espera un texto entre comillas",
            Self::Entero => "se espera un número entero no negativo",
            Self::Logico => "se espera true o false",
            Self::Lista => "se espera una lista de textos",
        }
    }

    /// The value in this class's own shape, or what was expected instead.
    ///
    /// # Errors
    /// A Spanish sentence.
    pub fn normalizar(self, valor: ValueKind) -> Result<ValueKind, &'static str> {
        match (self, valor) {
            (Self::Texto, valor @ ValueKind::String(_))
            | (Self::Logico, valor @ ValueKind::Boolean(_)) => Ok(valor),
            (Self::Entero, ValueKind::I64(numero)) if numero >= 0 => Ok(ValueKind::I64(numero)),
            (Self::Lista, ValueKind::String(texto)) => Ok(lista(&texto)),
            (Self::Lista, ValueKind::Array(valores))
                if valores
                    .iter()
                    .all(|valor| matches!(valor.kind, ValueKind::String(_))) =>
            {
                Ok(ValueKind::Array(valores))
            }
            _ => Err(self.se_espera()),
        }
    }

    /// Reads the text of an environment variable as this class: `0123` stays `0123` where a
    /// text is wanted.
    ///
    /// # Errors
    /// A Spanish sentence.
    pub fn leer(self, texto: &str) -> Result<ValueKind, &'static str> {
        let recortado = texto.trim();
        match self {
            Self::Texto => Ok(ValueKind::String(texto.to_owned())),
            Self::Lista => Ok(lista(texto)),
            Self::Entero => recortado
                .parse::<u32>()
                .map(|numero| ValueKind::I64(i64::from(numero)))
                .map_err(|_| self.se_espera()),
            Self::Logico => recortado
                .parse::<bool>()
                .map(ValueKind::Boolean)
                .map_err(|_| self.se_espera()),
        }
    }
}

fn lista(texto: &str) -> ValueKind {
    ValueKind::Array(
        texto
            .split(',')
            .map(str::trim)
            .filter(|pieza| !pieza.is_empty())
            .map(|pieza| Value::new(None, pieza))
            .collect(),
    )
}

/// A key as it stands in a layer, `seccion.clave`, and its value.
pub type Hoja = (String, ValueKind);

/// Where the parser stopped, in Spanish; its own English sentence says less to an operator.
fn donde(error: &str) -> String {
    let numero = |palabra: &str| -> Option<u32> {
        let resto = error.split_once(palabra)?.1;
        let cifras: String = resto.chars().take_while(char::is_ascii_digit).collect();
        cifras.parse().ok()
    };
    match (numero("line "), numero("column ")) {
        (Some(linea), Some(columna)) => {
            format!("no se entiende desde la línea {linea}, columna {columna}")
        }
        _ => "no se entiende".to_owned(),
    }
}

/// Every value of a TOML text, by its full key, in the order of the keys.
///
/// # Errors
/// What the parser says, when it is no TOML.
pub fn hojas(texto: &str) -> Result<Vec<Hoja>, String> {
    let tabla = File::from_str(texto, FileFormat::Toml)
        .collect()
        .map_err(|error| donde(&error.to_string()))?;
    let mut hojas = Vec::new();
    aplanar("", tabla, &mut hojas);
    hojas.sort_by(|una, otra| una.0.cmp(&otra.0));
    Ok(hojas)
}

fn aplanar(prefijo: &str, tabla: Map<String, Value>, hojas: &mut Vec<Hoja>) {
    for (nombre, valor) in tabla {
        let clave = if prefijo.is_empty() {
            nombre
        } else {
            format!("{prefijo}.{nombre}")
        };
        match valor.kind {
            ValueKind::Table(dentro) => aplanar(&clave, dentro, hojas),
            hoja => hojas.push((clave, hoja)),
        }
    }
}

/// The keys that exist.
#[derive(Debug, Clone)]
pub struct Claves(BTreeMap<String, Clase>);

impl Claves {
    /// The keys among `base`, the leaves of the factory settings.
    #[must_use]
    pub fn de(base: &[Hoja]) -> Self {
        let clase = |valor: &ValueKind| match valor {
            ValueKind::Boolean(_) => Clase::Logico,
            ValueKind::I64(_) => Clase::Entero,
            ValueKind::Array(_) => Clase::Lista,
            _ => Clase::Texto,
        };
        Self(
            base.iter()
                .map(|(clave, valor)| (clave.clone(), clase(valor)))
                .collect(),
        )
    }

    /// The class of a key, or none when it doesn't exist.
    #[must_use]
    pub fn clase(&self, clave: &str) -> Option<Clase> {
        let libre = clave.rsplit_once('.').is_some_and(|(tabla, nombre)| {
            TABLAS_LIBRES.contains(&tabla) && !nombre.trim().is_empty()
        });
        if libre {
            return Some(Clase::Entero);
        }
        self.0.get(clave).copied()
    }

    /// Whether it is a section and so can't have a value itself.
    #[must_use]
    pub fn es_seccion(&self, clave: &str) -> bool {
        self.0.keys().any(|conocida| {
            conocida
                .strip_prefix(clave)
                .is_some_and(|resto| resto.starts_with('.'))
        })
    }

    /// The existing key that looks most like an unknown one: a slip of the finger, or the
    /// right name in the wrong section.
    #[must_use]
    pub fn cercana(&self, clave: &str) -> Option<&str> {
        let nombre = |clave: &str| clave.rsplit('.').next().unwrap_or_default().to_owned();
        let buscado = nombre(clave);
        let parecido = |conocida: &str| {
            let entera = strsim::normalized_damerau_levenshtein(clave, conocida);
            let ultima = strsim::normalized_damerau_levenshtein(&buscado, &nombre(conocida));
            entera.max(0.9 * ultima) + 0.1 * entera
        };
        self.0
            .keys()
            .map(|conocida| (parecido(conocida), conocida.as_str()))
            .max_by(|una, otra| una.0.total_cmp(&otra.0))
            .map(|(_, conocida)| conocida)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn claves() -> Claves {
        Claves::de(&hojas(BASE).unwrap())
    }

    #[test]
    fn the_nearest_key_is_the_one_that_was_meant() {
        let claves = claves();
        for (escrita, debida) in [
            ("carga.plazo_sm", "carga.plazo_ms"),
            ("crga.clientes", "carga.clientes"),
            ("carga.creditos", "actores.creditos"),
            ("plazo_ms", "carga.plazo_ms"),
            ("almacenamiento.base_dato", "almacenamiento.base_datos"),
        ] {
            assert_eq!(claves.cercana(escrita), Some(debida), "{escrita}");
        }
        assert!(
            claves.cercana("xyzzy").is_some(),
            "there always is a nearest one"
        );
    }

    #[test]
    fn categories_are_free_and_everything_else_is_not() {
        let claves = claves();
        assert_eq!(claves.clase("reglas.limites.egresado"), Some(Clase::Entero));
        assert_eq!(claves.clase("reglas.limites.a.b"), None);
        assert_eq!(claves.clase("reglas.dias"), None);
        assert!(claves.es_seccion("reglas") && claves.es_seccion("reglas.limites"));
        assert!(!claves.es_seccion("regla"));
    }

    #[test]
    fn a_text_is_read_by_what_its_key_wants() {
        assert_eq!(
            Clase::Texto.leer("0123"),
            Ok(ValueKind::String("0123".into()))
        );
        assert_eq!(Clase::Entero.leer(" 250 "), Ok(ValueKind::I64(250)));
        assert!(Clase::Entero.leer("-1").is_err());
        assert!(Clase::Logico.leer("quizá").is_err());
        assert_eq!(
            Clase::Lista.leer("a, b,"),
            Clase::Lista.normalizar(ValueKind::String("a,b".into()))
        );
        assert!(Clase::Entero.normalizar(ValueKind::I64(-1)).is_err());
        assert!(Clase::Texto.normalizar(ValueKind::I64(5)).is_err());
    }
}
