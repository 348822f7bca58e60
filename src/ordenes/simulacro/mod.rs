//! `biblioteca simulacro`: a small library of real processes on this machine, every role
//! twice; desks that lend while processes are killed and frozen; and afterwards every receipt
//! against the database.
//!
//! `base` is their database, a file or a schema of a PostgreSQL; `flota` has the processes,
//! `guion` draws what breaks, `averias` breaks and heals, `mostrador` is a desk, `cierre` gets
//! every operation its outcome, `informe` tells. The comparison is `auditar`'s. It touches
//! nobody's data: folder, ports and schema are its own.

mod averias;
mod base;
mod cierre;
pub(in crate::ordenes) mod flota;
mod guion;
pub mod hijo;
mod informe;
mod mostrador;
mod pantalla;

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use futures::future::join_all;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::cli::Simulacro;
use crate::net::socket::{Contexto, NetError};
use crate::ordenes::auditar::comparar;
use crate::ordenes::pedir::semilla;
use crate::ordenes::simulacro::averias::{Averias, Cronica};
use crate::ordenes::simulacro::base::Base;
use crate::ordenes::simulacro::flota::Flota;
use crate::ordenes::simulacro::guion::Guion;
use crate::ordenes::simulacro::informe::Resultado;
use crate::ordenes::simulacro::mostrador::{Libreta, Sala, atender};
use crate::ordenes::simulacro::pantalla::Pantalla;
use crate::ordenes::{Salida, SalidaError};
use crate::settings::Ajustes;
use crate::sistema::motivo;
use crate::sistema::salida::{Lector, avisar, decir};
use crate::solicitante::recibos::Recibo;

/// Desks (the load of `faults.md`'s cases).
const MOSTRADORES: u64 = 8;

/// Exit code of a drill that somebody stopped: nothing was compared.
const SALIDA_INTERRUMPIDO: u8 = 3;

/// How often the machine's own stalls are looked for.
const LATIDO: Duration = Duration::from_millis(10);

/// Runs a drill and prints its report.
///
/// # Errors
/// [`SalidaError::Interno`] when the machine gives no processes, ports or folder; others when
/// the PostgreSQL that was asked for gives no database.
pub async fn simulacro(ajustes: &Ajustes, pedido: &Simulacro) -> Result<Salida, SalidaError> {
    let semilla = pedido.semilla.unwrap_or_else(|| semilla() >> 32);
    let interrumpido = interrupcion()?;
    let carpeta = carpeta()?;
    let base = match base(ajustes, pedido, &carpeta).await {
        Ok(base) => base,
        Err(error) => {
            borrar(&carpeta);
            return Err(error);
        }
    };
    let pantalla = Pantalla::nueva(pedido.duracion);
    pantalla.decir(&format!(
        "Simulacro de {} s, semilla {semilla}, en {}, con {}",
        pedido.duracion.as_secs(),
        carpeta.display(),
        base.nombre()
    ));
    let fin = tokio::select! {
        fin = correr(pedido.duracion, semilla, &carpeta, &base, &pantalla) => fin.map(Some),
        () = interrumpido => Ok(None),
    };
    pantalla.cerrar();
    // Whatever becomes of the report, what was started is tidied up first.
    let mut dicho = Ok(Lector::Sigue);
    let (salida, conservar) = match &fin {
        Ok(Some(resultado)) => {
            dicho = decir(resultado.texto().trim_end());
            let salida = if resultado.cumplido() {
                Salida::Bien
            } else {
                Salida::Rechazos
            };
            (
                salida,
                !resultado.cumplido() || !resultado.cronica.caidas.is_empty(),
            )
        }
        Ok(None) => {
            avisar("Simulacro interrumpido: no se comparó nada.");
            (Salida::Codigo(SALIDA_INTERRUMPIDO), false)
        }
        Err(_) => (Salida::Bien, true),
    };
    if conservar {
        let donde = format!("Registros y recibos: {}", carpeta.display());
        dicho = dicho.and(decir(format!("{donde}\n{}", base.legado())));
    } else {
        if let Err(error) = base.deshacer().await {
            avisar(format!("{error}\n{}", base.legado()));
        }
        borrar(&carpeta);
    }
    fin?;
    dicho?;
    Ok(salida)
}

async fn base(ajustes: &Ajustes, pedido: &Simulacro, carpeta: &Path) -> Result<Base, SalidaError> {
    if pedido.base_datos.is_none() {
        return Ok(Base::archivo(carpeta));
    }
    if ajustes.ruta_sqlite().is_some() {
        return Err(SalidaError::Uso(
            "--base-datos es para un PostgreSQL, postgres:…; sin ella el simulacro hace un SQLite \
             propio"
                .to_owned(),
        ));
    }
    Base::esquema(&ajustes.almacenamiento.base_datos).await
}

fn borrar(carpeta: &Path) {
    if let Err(error) = fs::remove_dir_all(carpeta) {
        let causa = motivo(&error);
        avisar(format!("no se pudo borrar {}: {causa}", carpeta.display()));
    }
}

/// The processes live as long as this future: whoever drops it kills them.
async fn correr(
    duracion: Duration,
    semilla: u64,
    carpeta: &Path,
    base: &Base,
    pantalla: &Pantalla,
) -> Result<Resultado, SalidaError> {
    let interno = |error: std::io::Error| SalidaError::Interno(error.to_string());
    let mut flota = Flota::nueva(carpeta, base.ajuste()).map_err(interno)?;
    flota.arrancar_todos().map_err(interno)?;
    let contexto = Contexto::nuevo();
    let cargas = flota.clientes().to_vec();
    let procesos = flota.tamano();
    let mut averias = Averias {
        flota: &mut flota,
        activos: base.activos(),
        contexto: &contexto,
        pantalla,
        cronica: Cronica::default(),
    };
    averias.esperar_entera().await?;
    pantalla.decir("Todos los procesos están listos: se abre.");
    let origen = Instant::now();
    let sala = Sala {
        contexto: contexto.clone(),
        cargas: cargas.clone(),
        origen,
        fin: origen + duracion,
        cuenta: Rc::new(Cell::new(0)),
    };
    let mostradores: Vec<_> = (0..MOSTRADORES)
        .map(|numero| actix_rt::spawn(atender(sala.clone(), semilla ^ (numero + 1) << 48)))
        .collect();
    let tiron = Rc::new(Cell::new(Duration::ZERO));
    let reloj = actix_rt::spawn(medir_tirones(Rc::clone(&tiron)));
    let averiar = averias.correr(Guion::nuevo(semilla, base.activos()), origen, sala.fin);
    let averiado = tokio::select! {
        averiado = averiar => averiado,
        () = avanzar(pantalla, &sala) => Ok(()),
    };
    let libretas = cerradas(mostradores).await?;
    reloj.abort();
    pantalla.decir("Se cierra: se espera que todo quede decidido.");
    let no_recuperado = match averiado {
        Ok(()) => averias.esperar_entera().await.err(),
        Err(error) => Some(error),
    };
    let mut recibos: Vec<_> = libretas.iter().flat_map(|l| l.recibos.clone()).collect();
    let sin_resultado = cierre::resolver(&contexto, &cargas, &mut recibos).await?;
    cierre::esperar_decididas(base.fuente(), &recibos).await?;
    let repeticiones = cierre::repetir(&contexto, &cargas, &recibos, semilla).await?;
    guardar(carpeta, &recibos).map_err(interno)?;
    let (auditoria, cotejo) = comparar(&contexto, base.fuente(), &recibos, &cargas, None).await?;
    Ok(Resultado {
        duracion,
        semilla,
        procesos,
        base: base.nombre(),
        activos: base.activos(),
        libretas,
        cronica: averias.cronica,
        no_recuperado: no_recuperado.map(|error| error.to_string()),
        sin_resultado,
        repeticiones,
        tiron: tiron.get(),
        auditoria,
        cotejo,
    })
}

/// What the desks have when all have closed.
async fn cerradas(
    mostradores: Vec<JoinHandle<Result<Libreta, NetError>>>,
) -> Result<Vec<Libreta>, SalidaError> {
    let mut libretas = Vec::with_capacity(mostradores.len());
    for libreta in join_all(mostradores).await {
        let libreta = libreta.map_err(|error| SalidaError::Interno(error.to_string()))?;
        libretas.push(libreta?);
    }
    Ok(libretas)
}

/// Never ends.
async fn avanzar(pantalla: &Pantalla, sala: &Sala) {
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        pantalla.avanzar(sala.origen.elapsed(), sala.cuenta.get());
    }
}

/// Keeps the longest time that this machine let a process wait for its turn; never ends.
async fn medir_tirones(mayor: Rc<Cell<Duration>>) {
    loop {
        let antes = Instant::now();
        tokio::time::sleep(LATIDO).await;
        let tiron = antes.elapsed().saturating_sub(LATIDO);
        mayor.set(mayor.get().max(tiron));
    }
}

fn guardar(carpeta: &Path, recibos: &[Recibo]) -> Result<(), std::io::Error> {
    let mut texto = Vec::new();
    for recibo in recibos {
        serde_json::to_writer(&mut texto, recibo)?;
        texto.push(b'\n');
    }
    fs::write(carpeta.join("recibos.jsonl"), texto)
}

fn carpeta() -> Result<PathBuf, SalidaError> {
    let nombre = format!("biblioteca-simulacro-{}", uuid::Uuid::now_v7().simple());
    let ruta = std::env::temp_dir().join(nombre);
    fs::create_dir(&ruta).map_err(|error| {
        SalidaError::Interno(format!("no se puede crear {}: {error}", ruta.display()))
    })?;
    Ok(ruta)
}

/// Ends at SIGINT or SIGTERM, even one that came before anybody waited for it.
fn interrupcion() -> Result<impl Future<Output = ()>, SalidaError> {
    let interno = |error: std::io::Error| SalidaError::Interno(error.to_string());
    let mut terminar = signal(SignalKind::terminate()).map_err(interno)?;
    let mut interrumpir = signal(SignalKind::interrupt()).map_err(interno)?;
    Ok(async move {
        tokio::select! {
            _ = terminar.recv() => {}
            _ = interrumpir.recv() => {}
        }
    })
}
