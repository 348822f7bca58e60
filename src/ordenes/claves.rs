//! `biblioteca claves`: pairs of keys, and the list of who comes in.
//!
//! Works on the files of `seguridad.claves` alone, with the nodes up or stopped: a running
//! node reads the list again by itself.

use std::path::{Path, PathBuf};

use comfy_table::{Table, presets};

use crate::cli::Claves;
use crate::net::curve::clave::{ClaveError, ParDeClaves, publica_de};
use crate::net::curve::lista::{Autorizado, Lista, Papel, nombre};
use crate::net::curve::llavero::{ARCHIVO_LISTA, ARCHIVO_PAR};
use crate::ordenes::{Salida, SalidaError};
use crate::role::Role;
use crate::settings::Ajustes;
use crate::settings::endpoint::Endpoint;
use crate::sistema::salida::decir;

/// Does what was asked.
///
/// # Errors
/// [`SalidaError::Uso`] with the Spanish sentence.
pub fn claves(ajustes: &Ajustes, orden: &Claves) -> Result<Salida, SalidaError> {
    match orden {
        Claves::Nueva { archivo } => nueva(ajustes, archivo.as_deref()),
        Claves::Autorizar {
            clave,
            nombre: suyo,
            papeles,
            grupo,
            en,
        } => {
            let mal = SalidaError::Uso;
            let autorizado = Autorizado {
                clave: publica_de(clave)?,
                nombre: nombre(suyo).map_err(mal)?,
                papeles: Papel::lista(papeles).map_err(mal)?,
                grupo: grupo.as_deref().map(nombre).transpose().map_err(mal)?,
                en: en
                    .iter()
                    .map(|donde| lugar(donde))
                    .collect::<Result<_, _>>()?,
            };
            autorizar(ajustes, autorizado)
        }
        Claves::Listar => listar(ajustes),
        Claves::Retirar { cual } => retirar(ajustes, cual),
    }
}

fn carpeta(ajustes: &Ajustes) -> Result<&Path, SalidaError> {
    ajustes.claves().ok_or_else(|| {
        SalidaError::Uso(
            "falta seguridad.claves: la carpeta de las claves (en el archivo de --config, o BIBLIOTECA_SEGURIDAD__CLAVES=claves)"
                .to_owned(),
        )
    })
}

fn nueva(ajustes: &Ajustes, archivo: Option<&Path>) -> Result<Salida, SalidaError> {
    let ruta = match archivo {
        Some(archivo) => archivo.to_owned(),
        None => carpeta(ajustes)?.join(ARCHIVO_PAR),
    };
    let par = ParDeClaves::nuevo()?;
    let publica = par.guardar(&ruta)?;
    decir(format!(
        "Clave secreta: {} (no la copie ni la muestre)",
        ruta.display()
    ))?;
    decir(format!(
        "Clave pública: {}\n\n  {}\n",
        publica.display(),
        par.publica()
    ))?;
    let ejemplo = if archivo.is_some() {
        let quien = ruta.file_stem().map(|nombre| nombre.to_string_lossy());
        format!("--nombre {} --papeles cliente", quien.unwrap_or_default())
    } else {
        let id = &ajustes.nodo.id;
        format!(
            "--nombre {id} --papeles {}{}",
            papeles(ajustes),
            escuchas(ajustes)
        )
    };
    decir(format!(
        "Para que entre:\n\n  biblioteca claves autorizar {} {ejemplo}",
        publica.display()
    ))?;
    Ok(Salida::Bien)
}

/// What a node of these roles needs, and its own client.
fn papeles(ajustes: &Ajustes) -> String {
    let roles = ajustes.roles();
    let mut palabras: Vec<&str> = roles.iter().map(|rol| rol.palabra()).collect();
    if !roles.contains(&Role::Solicitante) {
        palabras.push(Papel::Solicitante.palabra());
    }
    palabras.join(",")
}

fn escuchas(ajustes: &Ajustes) -> String {
    let roles = ajustes.roles();
    let escucha = if roles.contains(&Role::Carga) {
        &ajustes.carga.trabajo
    } else {
        &ajustes.almacenamiento.escucha
    };
    let sirve = roles.contains(&Role::Carga) || roles.contains(&Role::Almacenamiento);
    match escucha.es_alcanzable() && !escucha.es_local() && sirve {
        true => format!(" --en {}", escucha.host()),
        false => String::new(),
    }
}

fn lista_de(ajustes: &Ajustes) -> Result<(PathBuf, Lista), SalidaError> {
    let ruta = carpeta(ajustes)?.join(ARCHIVO_LISTA);
    let lista = if ruta.exists() {
        Lista::leer(&ruta)?
    } else {
        Lista::default()
    };
    Ok((ruta, lista))
}

fn autorizar(ajustes: &Ajustes, autorizado: Autorizado) -> Result<Salida, SalidaError> {
    let (ruta, mut lista) = lista_de(ajustes)?;
    let dicho = format!("{}: {}", autorizado.nombre, autorizado.palabras());
    lista.agregar(autorizado).map_err(ClaveError::Lista)?;
    if let Some(carpeta) = ruta.parent() {
        std::fs::create_dir_all(carpeta)
            .map_err(|error| ClaveError::Archivo(carpeta.to_owned(), error))?;
    }
    lista.guardar(&ruta)?;
    decir(format!("Autorizada {dicho}\n{}", copiar(&ruta)))?;
    Ok(Salida::Bien)
}

fn retirar(ajustes: &Ajustes, cual: &str) -> Result<Salida, SalidaError> {
    let (ruta, mut lista) = lista_de(ajustes)?;
    let retirada = lista
        .quitar(cual)
        .or_else(|| lista.quitar(publica_de(cual).ok()?.as_str()));
    let Some(retirada) = retirada else {
        return Err(SalidaError::Uso(format!(
            "en la lista no hay nadie con el nombre ni la clave '{cual}'"
        )));
    };
    lista.guardar(&ruta)?;
    decir(format!("Retirada {}\n{}", retirada.nombre, copiar(&ruta)))?;
    Ok(Salida::Bien)
}

fn copiar(ruta: &Path) -> String {
    format!(
        "Copie {} a los demás equipos; los nodos en marcha lo releen en 2 s.",
        ruta.display()
    )
}

fn listar(ajustes: &Ajustes) -> Result<Salida, SalidaError> {
    let (ruta, lista) = lista_de(ajustes)?;
    let mut tabla = Table::new();
    tabla.load_preset(presets::NOTHING);
    tabla.set_header(["nombre", "papeles", "grupo", "en", "clave pública"]);
    for uno in lista.todos() {
        let grupo = uno.grupo.clone().unwrap_or_default();
        let clave = uno.clave.to_string();
        tabla.add_row([
            uno.nombre.clone(),
            uno.palabras(),
            grupo,
            uno.en.join(","),
            clave,
        ]);
    }
    decir(format!("{}\n\n{tabla}", ruta.display()))?;
    Ok(Salida::Bien)
}

/// `host` or `host:port` as links look it up.
fn lugar(texto: &str) -> Result<String, SalidaError> {
    let mal = |error: &dyn std::fmt::Display| SalidaError::Uso(format!("--en: {error}"));
    if let Ok(endpoint) = texto.parse::<Endpoint>() {
        return Ok(endpoint.direccion());
    }
    // The same host with a port that is taken away again.
    let endpoint: Endpoint = format!("{texto}:1").parse().map_err(|error| mal(&error))?;
    let direccion = endpoint.direccion();
    Ok(direccion.trim_end_matches(":1").to_owned())
}
