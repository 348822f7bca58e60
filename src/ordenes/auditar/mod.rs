//! `biblioteca auditar`: every receipt against the database, and the database against itself.
//!
//! `cotejo` compares, `informe` tells; here the files are read, and the ENCOLADO that the
//! database has not yet is looked for: the cargas are asked, and the diario of this node's
//! folder is read, for a carga that is stopped.

pub mod cotejo;
pub mod informe;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::sync::watch;

use crate::db::auditoria::{self, Auditoria, Fuente};
use crate::db::diario::{ARCHIVO, Excepcion, excepciones, pendientes};
use crate::domain::ids::OpId;
use crate::domain::operacion::Operacion;
use crate::net::socket::Contexto;
use crate::nodo;
use crate::nodo::almacenamiento::buscador;
use crate::ordenes::auditar::cotejo::{Cotejo, cotejar, sin_decidir};
use crate::ordenes::cargas::Cargas;
use crate::ordenes::pedir::semilla;
use crate::ordenes::{Salida, SalidaError, cargas_de};
use crate::settings::Ajustes;
use crate::sistema::motivo;
use crate::sistema::salida::decir;
use crate::solicitante::intercambio::Intercambio;
use crate::solicitante::recibos::{self, Recibo};
use crate::solicitante::reintento::{Azar, Limites};
use crate::wire::json_cliente::Solicitud;
use crate::wire::respuesta::Estado;

/// What one carga gets for one question: it is alive or it is not, so little is repeated.
const PREGUNTA: Limites = Limites {
    intentos_max: 2,
    total_ms: 3_000,
    intento_ms: 1_500,
    espera_base_ms: 50,
    espera_max_ms: 200,
};

/// Audits and prints the report.
///
/// # Errors
/// [`SalidaError`] when a file or the database is not there or not readable.
pub async fn auditar(
    ajustes: &Ajustes,
    rutas: &[PathBuf],
    con_excepciones: bool,
) -> Result<Salida, SalidaError> {
    let base = fuente(ajustes)?;
    let mut recibos = Vec::new();
    let mut ilegibles = 0;
    for ruta in rutas {
        let (leidos, malas) = recibos::leer(ruta).map_err(|error| {
            SalidaError::Uso(format!(
                "no se puede leer {}: {}",
                ruta.display(),
                motivo(&error)
            ))
        })?;
        recibos.extend(leidos);
        ilegibles += malas.len();
        for linea in malas {
            decir(format!(
                "{}, línea {linea}: no es un recibo",
                ruta.display()
            ))?;
        }
    }
    let contexto = nodo::contexto(ajustes)?;
    let diario = ajustes.nodo.datos.join(ARCHIVO);
    let cargas = cargas_de(ajustes);
    let (auditoria, cotejo) = comparar(&contexto, &base, &recibos, &cargas, Some(&diario)).await?;
    decir(format!("Auditoría de {}\n", base.nombre()))?;
    decir(informe::de_base(&auditoria).trim_end())?;
    if !rutas.is_empty() {
        decir(format!("\n{}", informe::de_recibos(&cotejo).trim_end()))?;
    }
    if con_excepciones {
        let excepciones = informe::de_excepciones(&del_diario(ajustes).await?);
        decir(format!("\n{}", excepciones.trim_end()))?;
    }
    let sano = informe::cuadra(&auditoria) && cotejo.roturas.is_empty();
    let conclusion = match (sano, ilegibles) {
        (false, _) => "SE ROMPIÓ UNA PROMESA. Guarde esta salida, los recibos y la base de datos.",
        (true, 1..) => "La base de datos cuadra; de los recibos, solo los que se entienden.",
        (true, 0) if !rutas.is_empty() && recibos.is_empty() => {
            "La base de datos cuadra; no hubo ningún recibo con que compararla."
        }
        (true, 0) => "Todo cuadra: ninguna promesa se rompió.",
    };
    decir(format!("\n{conclusion}"))?;
    Ok(if sano && ilegibles == 0 {
        Salida::Bien
    } else {
        Salida::Rechazos
    })
}

fn fuente(ajustes: &Ajustes) -> Result<Fuente, SalidaError> {
    if let Some(ruta) = ajustes.ruta_sqlite() {
        return Ok(Fuente::Archivo(ruta));
    }
    match buscador(ajustes) {
        Ok(Some(buscador)) => Ok(Fuente::Servidores(buscador)),
        Ok(None) => Err(SalidaError::Uso("falta almacenamiento.base_datos".into())),
        Err(error) => Err(SalidaError::Uso(error.to_string())),
    }
}

/// What this node's carga accepted as queued and could not keep.
async fn del_diario(ajustes: &Ajustes) -> Result<Vec<Excepcion>, SalidaError> {
    let ruta = ajustes.nodo.datos.join(ARCHIVO);
    if !ruta.exists() {
        return Ok(Vec::new());
    }
    Ok(excepciones(&ruta).await?)
}

/// Compares receipts with the database, asking `cargas` for what is still queued and
/// then looking into `diario`, if there is one.
///
/// # Errors
/// [`SalidaError`] when the database cannot be read.
pub async fn comparar(
    contexto: &Contexto,
    base: &Fuente,
    recibos: &[Recibo],
    cargas: &[String],
    diario: Option<&Path>,
) -> Result<(Auditoria, Cotejo), SalidaError> {
    let op_ids: Vec<&str> = recibos.iter().map(|r| r.op_id.as_str()).collect();
    let leer = async || auditoria::auditar(base, &op_ids).await;
    let mut auditoria = leer().await?;
    let faltan = sin_decidir(recibos, &auditoria.guardadas);
    let mut en_diario = HashMap::new();
    if !faltan.is_empty() {
        en_diario = en_diarios(contexto, &faltan, cargas).await?;
        if let Some(ruta) = diario.filter(|ruta| ruta.exists()) {
            let suyas = pendientes(ruta, &faltan).await;
            for op_id in suyas? {
                en_diario.insert(op_id, ruta.display().to_string());
            }
        }
        // What was decided while the cargas were asked left the diario for the database.
        auditoria = leer().await?;
    }
    let cotejo = cotejar(recibos, &auditoria.guardadas, &en_diario);
    Ok((auditoria, cotejo))
}

/// Which of these some carga says it still has in its diario, and which carga.
async fn en_diarios(
    contexto: &Contexto,
    op_ids: &[&str],
    cargas: &[String],
) -> Result<HashMap<String, String>, SalidaError> {
    let mut tienen = HashMap::new();
    for carga in cargas {
        let mut enlace = Cargas::conectar(contexto, std::slice::from_ref(carga))?;
        let (_parar, parado) = watch::channel(false);
        let mut red = Intercambio::nuevo(&mut enlace, parado, Azar::con_semilla(semilla()));
        for op_id in op_ids {
            let Ok(id) = OpId::parse(op_id) else {
                continue;
            };
            let pregunta = Solicitud {
                op_id: Some(id),
                ..Solicitud::nueva(Operacion::Estado)
            };
            let fin = red.pedir(pregunta, PREGUNTA, false).await;
            let Some(respuesta) = fin.respuesta() else {
                tracing::warn!(
                    carga,
                    "esta carga no responde; no se sabe qué hay en su diario"
                );
                break;
            };
            let lugar = respuesta.datos.get("estado").and_then(Value::as_str);
            if lugar == Some(Estado::Encolado.palabra()) {
                tienen.insert((*op_id).to_owned(), carga.clone());
            }
        }
    }
    Ok(tienen)
}
