//! The tree that the layers are put on, value by value, each checked where it comes from.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use config::{ConfigError, Map, Value, ValueKind};

use super::{AjusteInvalido, Examen, Fuentes, HEREDADAS, PREFIJO, Valor};
use crate::settings::claves::{Claves, Hoja, hojas};
use crate::settings::{Ajustes, texto, validate};

/// The tree as far as the layers were put on it.
pub(super) struct Arbol {
    claves: Claves,
    base: Map<String, Value>,
    tabla: Map<String, Value>,
    /// What is in force, and who said so.
    puestas: BTreeMap<String, (ValueKind, Option<String>)>,
    faltas: Vec<AjusteInvalido>,
}

impl Arbol {
    pub(super) fn nuevo(base: Vec<Hoja>) -> Self {
        let claves = Claves::de(&base);
        let (mut tabla, mut puestas) = (Map::new(), BTreeMap::new());
        for (clave, valor) in base {
            poner(&mut tabla, &clave, valor.clone());
            puestas.insert(clave, (valor, None));
        }
        Self {
            claves,
            base: tabla.clone(),
            tabla,
            puestas,
            faltas: Vec::new(),
        }
    }

    pub(super) fn archivo(&mut self, ruta: &Path) {
        let texto = match fs::read_to_string(ruta) {
            Ok(texto) => texto,
            Err(source) => {
                let ruta = ruta.to_owned();
                return self.faltas.push(AjusteInvalido::Archivo { ruta, source });
            }
        };
        let origen = ruta.display().to_string();
        match hojas(&texto) {
            Ok(hojas) => {
                for (clave, valor) in hojas {
                    self.hoja(&origen, &clave, Escrito::Archivo(valor));
                }
            }
            Err(detalle) => self.faltas.push(AjusteInvalido::Toml { origen, detalle }),
        }
    }

    pub(super) fn entorno(&mut self, variables: &[(String, String)]) {
        for (nombre, clave) in HEREDADAS {
            let puesta = variables.iter().find(|(variable, _)| variable == nombre);
            if let Some((_, valor)) = puesta.filter(|(_, valor)| !valor.trim().is_empty()) {
                self.hoja(nombre, clave, Escrito::Entorno(valor));
            }
        }
        for (nombre, valor) in variables {
            let Some(resto) = nombre.strip_prefix(PREFIJO) else {
                continue;
            };
            if resto.contains("__") {
                let clave = resto.to_lowercase().replace("__", ".");
                self.hoja(nombre, &clave, Escrito::Entorno(valor));
            }
        }
    }

    /// What the command line says was checked as it was read.
    pub(super) fn linea(&mut self, fuentes: &Fuentes) {
        if let Some(roles) = &fuentes.roles {
            let roles: Vec<_> = roles.iter().map(|rol| rol.palabra()).collect();
            self.hoja("--role", "nodo.roles", Escrito::Entorno(&roles.join(",")));
        }
        if let Some(sede) = &fuentes.sede {
            self.hoja("--sede", "nodo.sede", Escrito::Entorno(sede.as_str()));
        }
        if let Some(cargas) = &fuentes.cargas {
            let cargas: Vec<_> = cargas.iter().map(ToString::to_string).collect();
            self.hoja(
                "--carga",
                "solicitante.cargas",
                Escrito::Entorno(&cargas.join(",")),
            );
        }
        if let Some(urls) = &fuentes.base_datos {
            let clave = "almacenamiento.base_datos";
            self.hoja("--base-datos", clave, Escrito::Entorno(urls));
        }
    }

    /// Checks one value where it comes from and puts it on the tree, or says what is wrong.
    fn hoja(&mut self, origen: &str, clave: &str, escrito: Escrito<'_>) {
        match self.comprobada(origen, clave, escrito) {
            Ok(valor) => {
                poner(&mut self.tabla, clave, valor.clone());
                let puesta = (valor, Some(origen.to_owned()));
                self.puestas.insert(clave.to_owned(), puesta);
            }
            Err(falta) => self.faltas.push(falta),
        }
    }

    fn comprobada(
        &self,
        origen: &str,
        clave: &str,
        escrito: Escrito<'_>,
    ) -> Result<ValueKind, AjusteInvalido> {
        let no_vale = |causa: String| AjusteInvalido::Valor {
            origen: origen.to_owned(),
            clave: clave.to_owned(),
            causa,
        };
        let Some(clase) = self.claves.clase(clave) else {
            if self.claves.es_seccion(clave) {
                return Err(no_vale("es una sección, no un valor".to_owned()));
            }
            return Err(AjusteInvalido::ClaveDesconocida {
                origen: origen.to_owned(),
                clave: clave.to_owned(),
                cercana: self.claves.cercana(clave).map(str::to_owned),
            });
        };
        let valor = match escrito {
            Escrito::Archivo(valor) => clase.normalizar(valor),
            Escrito::Entorno(texto) => clase.leer(texto),
        }
        .map_err(|causa| no_vale(causa.to_owned()))?;
        // The base is right, so an error of base + this one value is this value's.
        let mut prueba = self.base.clone();
        poner(&mut prueba, clave, valor.clone());
        tipado(prueba).map_err(|error| no_vale(causa(error)))?;
        Ok(valor)
    }

    pub(super) fn terminar(mut self) -> Examen {
        let http_puesta = self.puesta("http.escucha");
        let ajustes = match tipado(self.tabla) {
            Ok(mut ajustes) => {
                ajustes.http.puesta = http_puesta;
                if ajustes.nodo.id.trim().is_empty() {
                    ajustes.nodo.id = nombre_del_pc();
                    let id = ValueKind::String(ajustes.nodo.id.clone());
                    let puesta = (id, Some("nombre del PC".to_owned()));
                    self.puestas.insert("nodo.id".to_owned(), puesta);
                }
                self.faltas.extend(validate::relaciones(&ajustes));
                Some(ajustes)
            }
            Err(error) => {
                self.faltas.push(AjusteInvalido::Valor {
                    origen: "config/base.toml".to_owned(),
                    clave: String::new(),
                    causa: causa(error),
                });
                None
            }
        };
        let valores = self
            .puestas
            .into_iter()
            .map(|(clave, (valor, origen))| Valor {
                clave,
                valor: texto::de(&valor),
                origen,
            });
        Examen {
            ajustes,
            faltas: self.faltas,
            valores: valores.collect(),
        }
    }

    fn puesta(&self, clave: &str) -> bool {
        self.puestas
            .get(clave)
            .is_some_and(|(_, origen)| origen.is_some())
    }
}

/// The host's name; a fixed word where the system tells none, so that it never is empty.
fn nombre_del_pc() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|nombre| nombre.trim().to_owned())
        .filter(|nombre| !nombre.is_empty())
        .unwrap_or_else(|| "nodo".to_owned())
}

/// A value as its layer has it.
enum Escrito<'a> {
    Archivo(ValueKind),
    Entorno(&'a str),
}

fn poner(tabla: &mut Map<String, Value>, clave: &str, valor: ValueKind) {
    let Some((seccion, resto)) = clave.split_once('.') else {
        tabla.insert(clave.to_owned(), Value::new(None, valor));
        return;
    };
    let dentro = tabla
        .entry(seccion.to_owned())
        .or_insert_with(|| Value::new(None, ValueKind::Table(Map::new())));
    if let ValueKind::Table(dentro) = &mut dentro.kind {
        poner(dentro, resto, valor);
    }
}

fn tipado(tabla: Map<String, Value>) -> Result<Ajustes, ConfigError> {
    Value::new(None, ValueKind::Table(tabla)).try_deserialize()
}

/// The part of the library's error that is for a person: our own types' sentences are
/// Spanish; what is left are numbers too large for their field.
fn causa(error: ConfigError) -> String {
    match error {
        ConfigError::At { error, .. } => causa(*error),
        ConfigError::Message(sentencia) => sentencia,
        ConfigError::Type { unexpected, .. } => {
            format!("el valor {unexpected} está fuera de lo admitido")
        }
        otro => otro.to_string(),
    }
}
