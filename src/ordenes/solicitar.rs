//! The role `solicitante`: runs a request file against the cargas and reports it.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli;
use crate::nodo;
use crate::ordenes::cargas::Cargas;
use crate::ordenes::pedir::semilla;
use crate::ordenes::{Salida, SalidaError, cargas_de};
use crate::settings::Ajustes;
use crate::solicitante::archivo::columnas::Columnas;
use crate::solicitante::archivo::leer_ruta;
use crate::solicitante::corrida::{Corrida, Opciones};
use crate::solicitante::informe::Informe;
use crate::solicitante::intercambio::Intercambio;
use crate::solicitante::progreso::{Progreso, ProgresoError, Rutas};
use crate::solicitante::recibos::Recibos;
use crate::solicitante::reintento::Azar;

/// Runs the file to its end, or until a signal; the next start continues it.
///
/// # Errors
/// [`SalidaError`] when the file, the progress or the disk is not usable.
pub async fn solicitar(
    ajustes: &Ajustes,
    solicitud: &cli::Solicitud,
) -> Result<Salida, SalidaError> {
    let columnas = solicitud
        .columnas
        .as_deref()
        .map(str::parse::<Columnas>)
        .transpose()
        .map_err(|error| SalidaError::Uso(error.to_string()))?;
    let archivo = leer_ruta(&solicitud.archivo, columnas.as_ref())
        .map_err(|error| SalidaError::Uso(error.to_string()))?;
    let opciones = Opciones {
        sede: Some(ajustes.nodo.sede.clone()),
        ..Opciones::default()
    };
    let rutas = Rutas::de(
        &ajustes.nodo.datos,
        &solicitud.archivo,
        solicitud.nombre.as_deref(),
    )
    .map_err(de_progreso)?;
    let contenido = opciones.contenido(&archivo.forma);
    let mut progreso = Progreso::abrir(&rutas, &archivo.huella_hex, &contenido, solicitud.de_nuevo)
        .map_err(de_progreso)?;
    let (mut recibos, ultimo) =
        Recibos::abrir(&rutas.recibos).map_err(|error| SalidaError::Interno(error.to_string()))?;
    let mut informe = Informe::en_salida(archivo.lineas.len() as u64);
    informe.decir(&archivo.forma.to_string());
    let comienzo = if progreso.reanudada() {
        "continúa"
    } else {
        "empieza"
    };
    informe.decir(&format!("corrida {} ({comienzo})", progreso.corrida()));

    let contexto = nodo::contexto(ajustes)?;
    let mut cargas = Cargas::conectar(&contexto, &cargas_de(ajustes))?;
    let azar = Azar::con_semilla(semilla());
    let mut red = Intercambio::nuevo(&mut cargas, al_pedir_parar()?, azar);
    let mut corrida = Corrida {
        progreso: &mut progreso,
        recibos: &mut recibos,
        informe: &mut informe,
        opciones: &opciones,
    };
    let cierre = corrida
        .correr(&archivo, ultimo.as_ref(), &mut red)
        .await
        .map_err(|error| SalidaError::Interno(error.to_string()))?;
    informe.cerrar(&archivo.ilegibles, cierre.pendientes);
    if archivo.con_op_id > 0 {
        informe.decir(&format!(
            "Solicitudes con un op_id propio: {}; no se usó: el de cada una es {}-LÍNEA",
            archivo.con_op_id,
            progreso.corrida()
        ));
    }
    informe.decir(&format!("recibos: {}", rutas.recibos.display()));
    if let Some(error) = informe.sin_salida() {
        return Err(error.into());
    }
    Ok(Salida::Codigo(informe.veredicto().codigo_salida()))
}

fn de_progreso(error: ProgresoError) -> SalidaError {
    match error {
        ProgresoError::Disco(..) => SalidaError::Interno(error.to_string()),
        _ => SalidaError::Uso(error.to_string()),
    }
}

/// Turns true at the first SIGINT or SIGTERM.
fn al_pedir_parar() -> Result<watch::Receiver<bool>, SalidaError> {
    let interno = |error: std::io::Error| SalidaError::Interno(error.to_string());
    let mut terminar = signal(SignalKind::terminate()).map_err(interno)?;
    let mut interrumpir = signal(SignalKind::interrupt()).map_err(interno)?;
    let (avisar, aviso) = watch::channel(false);
    actix_rt::spawn(async move {
        tokio::select! {
            _ = terminar.recv() => {}
            _ = interrumpir.recv() => {}
        }
        // The run may have ended first.
        let _ = avisar.send(true);
    });
    Ok(aviso)
}
