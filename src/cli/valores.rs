//! How the command line reads each value: its text to a value of ours, or a Spanish sentence.

use std::path::PathBuf;

use crate::cli::{Carrera, Modos, Pesos};
use crate::domain::ids::{Campo, OpId, Sede, Texto};
use crate::domain::modo::Modo;
use crate::domain::operacion::Operacion;
use crate::role::Role;
use crate::settings::endpoint::Endpoint;

/// One value to clap, many to us.
#[derive(Debug, Clone)]
pub(super) struct Roles(pub(super) Vec<Role>);

/// One value to clap, many to us.
#[derive(Debug, Clone)]
pub(super) struct Cargas(pub(super) Vec<Endpoint>);

pub(super) fn roles(valor: &str) -> Result<Roles, String> {
    Role::lista(valor)
        .map(Roles)
        .map_err(|error| error.to_string())
}

pub(super) fn cargas(valor: &str) -> Result<Cargas, String> {
    match Endpoint::lista(valor) {
        Ok(lista) if lista.is_empty() => Err("la lista de cargas está vacía".to_owned()),
        Ok(lista) => Ok(Cargas(lista)),
        Err(error) => Err(error.to_string()),
    }
}

/// What [`texto`] reads: each alias of [`Texto`].
pub(super) trait Leido: Sized {
    fn leer(valor: &str) -> Result<Self, String>;
}

impl<K: Campo> Leido for Texto<K> {
    fn leer(valor: &str) -> Result<Self, String> {
        Self::parse(valor).map_err(|error| error.to_string())
    }
}

pub(super) fn texto<T: Leido>(valor: &str) -> Result<T, String> {
    T::leer(valor)
}

/// Longest reason for a block, in characters: a sentence.
const MOTIVO_CARACTERES_MAX: usize = 200;

pub(super) fn motivo(valor: &str) -> Result<String, String> {
    let valor = valor.trim();
    if valor.is_empty() {
        return Err("el motivo está vacío".to_owned());
    }
    if valor.chars().count() > MOTIVO_CARACTERES_MAX || valor.chars().any(char::is_control) {
        return Err(format!(
            "el motivo pasa de {MOTIVO_CARACTERES_MAX} caracteres o tiene caracteres no permitidos"
        ));
    }
    Ok(valor.to_owned())
}

pub(super) fn op_id(valor: &str) -> Result<OpId, String> {
    OpId::parse(valor).map_err(|error| error.to_string())
}

pub(super) fn operacion(valor: &str) -> Result<Operacion, String> {
    Operacion::de_palabra(valor).ok_or_else(|| {
        format!("'{valor}' no es una operación: prestamo, devolucion, renovacion, consulta, estado")
    })
}

pub(super) fn modo(valor: &str) -> Result<Modo, String> {
    Modo::de_palabra(valor)
        .ok_or_else(|| format!("'{valor}' no es un modo: es sincrono o asincrono"))
}

pub(super) fn archivo_sqlite(valor: &str) -> Result<PathBuf, String> {
    match valor.strip_prefix("sqlite:") {
        Some(ruta) if !ruta.is_empty() => Ok(PathBuf::from(ruta)),
        _ => Err(format!("'{valor}' no es sqlite: y la ruta de un archivo")),
    }
}

pub(super) fn carrera(valor: &str) -> Result<Carrera, String> {
    if valor == "mezcla" {
        return Ok(Carrera::Mezcla(Pesos::default()));
    }
    match Operacion::de_palabra(valor) {
        Some(operacion) if operacion != Operacion::Estado => Ok(Carrera::Una(operacion)),
        _ => Pesos::leer(valor).map(Carrera::Mezcla),
    }
}

pub(super) fn modos(valor: &str) -> Result<Modos, String> {
    Modos::leer(valor)
}

/// One value to clap, many to us.
#[derive(Debug, Clone)]
pub(super) struct Sedes(pub(super) Vec<Sede>);

pub(super) fn sedes(valor: &str) -> Result<Sedes, String> {
    let sedes = valor
        .split(',')
        .map(Sede::parse)
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    Ok(Sedes(sedes))
}

pub(super) fn semilla(valor: &str) -> Result<u64, String> {
    valor
        .parse()
        .map_err(|_| format!("'{valor}' no es un número de 0 a {}", u64::MAX))
}

pub(super) fn entero<const MIN: u32, const MAX: u32>(valor: &str) -> Result<u32, String> {
    valor
        .parse()
        .ok()
        .filter(|numero| (MIN..=MAX).contains(numero))
        .ok_or_else(|| format!("'{valor}' no es un número de {MIN} a {MAX}"))
}
