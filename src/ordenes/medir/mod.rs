//! `biblioteca medir`: how many operations are answered, and how fast.
//!
//! `banco` runs clients against cargas (`puesto` is one of them, `carrera` what it asks,
//! `cuentas` what is counted, `progreso` what is seen meanwhile); `resultado` are the figures,
//! `dibujo` their pictures, `comparar` two of them side by side. `experimento` is the course's
//! table, with a library of its own (`propia`).

mod banco;
mod carrera;
mod comparar;
mod cuentas;
mod dibujo;
mod experimento;
mod progreso;
mod propia;
mod puesto;
mod resultado;

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::cli::{Medicion, Medida};
use crate::domain::ids::Sede;
use crate::net::socket::Contexto;
use crate::nodo;
use crate::ordenes::medir::banco::Carga;
use crate::ordenes::medir::progreso::Progreso;
use crate::ordenes::medir::resultado::{Resultado, dura, en_csv, en_json};
use crate::ordenes::{Salida, SalidaError, cargas_de};
use crate::settings::Ajustes;
use crate::sistema::motivo;
use crate::sistema::salida::decir;

/// Measures, or compares what was measured.
///
/// # Errors
/// [`SalidaError::Nadie`] when nobody answered; else when a file or the machine is in the way.
pub async fn medir(ajustes: &Ajustes, medicion: &Medicion) -> Result<Salida, SalidaError> {
    let (medida, tabla) = match medicion {
        Medicion::Comparar(una, otra) => {
            decir(comparar::comparar(una, otra).map_err(SalidaError::Uso)?)?;
            return Ok(Salida::Bien);
        }
        Medicion::Una(medida) => (medida, false),
        Medicion::Tabla(medida) => (medida, true),
    };
    // What cannot be written is known before the minutes are spent.
    if let Some(salida) = &medida.salida {
        escribir(&con_extension(salida, "json"), "[]")?;
    }
    abrir_paso();
    let contexto = nodo::contexto(ajustes)?;
    let cargas = cargas_de(ajustes);
    let sedes = match (medida.sedes.as_slice(), tabla) {
        ([], true) => ["sede1", "sede2"]
            .iter()
            .flat_map(|sede| Sede::parse(sede))
            .collect(),
        ([], false) => vec![ajustes.nodo.sede.clone()],
        (dadas, _) => dadas.to_vec(),
    };
    let (resultados, texto) = if tabla {
        let resultados = experimento::correr(&contexto, medida, &sedes, &cargas).await?;
        let texto = experimento::tabla(&resultados);
        (resultados, texto)
    } else {
        let resultado = una(&contexto, medida, &sedes, &cargas, None).await?;
        if resultado.es_silencio() {
            return Err(SalidaError::Nadie("ninguna carga respondió".into()));
        }
        let texto = resultado.tabla();
        (vec![resultado], texto)
    };
    // What cannot be shown is still kept.
    let dicho = decir(texto);
    if let Some(salida) = &medida.salida {
        guardar(salida, &resultados, tabla)?;
    }
    dicho?;
    Ok(Salida::Bien)
}

/// One measurement.
///
/// # Errors
/// [`SalidaError`] when a connection cannot be made.
async fn una(
    contexto: &Contexto,
    medida: &Medida,
    sedes: &[Sede],
    cargas: &[String],
    actores: Option<u32>,
) -> Result<Resultado, SalidaError> {
    let titulo = format!("{} por sede, {}", medida.clientes, medida.modos);
    let mut progreso = Progreso::nuevo(titulo, dura(medida));
    let carga = Carga {
        contexto,
        cargas,
        sedes,
        medida,
    };
    let cuentas = banco::correr(&carga, &mut progreso).await;
    progreso.cerrar();
    let sedes: Vec<_> = sedes.iter().map(ToString::to_string).collect();
    Ok(Resultado::de(medida, &sedes, actores, &cuentas?))
}

/// JSON, CSV and pictures beside one another.
fn guardar(salida: &Path, resultados: &[Resultado], tabla: bool) -> Result<(), SalidaError> {
    let interno = SalidaError::Interno;
    escribir(
        &con_extension(salida, "json"),
        &en_json(resultados).map_err(interno)?,
    )?;
    escribir(
        &con_extension(salida, "csv"),
        &en_csv(resultados).map_err(interno)?,
    )?;
    let dibujos = match (tabla, resultados.first()) {
        (true, _) => experimento::dibujos(resultados).map_err(interno)?,
        (false, Some(uno)) => [
            ("percentiles", dibujo::percentiles(uno).map_err(interno)?),
            ("serie", dibujo::serie(uno).map_err(interno)?),
        ],
        (false, None) => return Ok(()),
    };
    for (nombre, svg) in dibujos {
        escribir(&con_extension(salida, &format!("{nombre}.svg")), &svg)?;
    }
    decir(format!(
        "Guardado en {0}.json, {0}.csv y {0}.*.svg.",
        salida.display()
    ))?;
    Ok(())
}

fn con_extension(salida: &Path, extension: &str) -> PathBuf {
    let mut nombre = salida.as_os_str().to_owned();
    nombre.push(".");
    nombre.push(extension);
    PathBuf::from(nombre)
}

fn escribir(ruta: &Path, texto: &str) -> Result<(), SalidaError> {
    fs::write(ruta, texto).map_err(|error| {
        SalidaError::Uso(format!(
            "no se puede escribir {}: {}",
            ruta.display(),
            motivo(&error)
        ))
    })
}

/// Each connection takes several descriptors: as many as this process may have.
fn abrir_paso() {
    let limite = getrlimit(Resource::Nofile);
    let todo = Rlimit {
        current: limite.maximum,
        ..limite
    };
    if let Err(error) = setrlimit(Resource::Nofile, todo) {
        tracing::warn!(%error, "sin más descriptores: muchos clientes pueden no caber");
    }
}
