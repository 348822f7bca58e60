//! The administrative verbs: `sembrar` and `catalogo importar`.
//!
//! With the nodes stopped they take the database's lock themselves; with a node up they go
//! through its almacenamiento. Either way one commit a part, and the same file again changes
//! nothing.

use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::db::postgres::{Buscador, PostgresAlmacen};
use crate::db::sqlite::SqliteAlmacen;
use crate::db::{Almacen, Fallo};
use crate::net::client::{Destino, Enlace, Suceso, conectar};
use crate::net::curve::Dominio;
use crate::net::socket::Contexto;
use crate::nodo;
use crate::nodo::almacenamiento::{buscador, opciones};
use crate::ordenes::{Salida, SalidaError};
use crate::settings::Ajustes;
use crate::solicitante::catalogo::{leer_ruta, tandas};
use crate::wire::admin::{Encomienda, Informe};
use crate::wire::codec::{TRAMA_BYTES_MAX, decode, encode};
use crate::wire::mensaje::Mensaje;

/// How long somebody who holds the database may stay silent (contract §5).
const SILENCIO_MAX: Duration = Duration::from_secs(10);

/// How long the work itself may take once an almacenamiento has it.
const TRABAJO_MAX: Duration = Duration::from_secs(120);

/// Pause before everybody is asked again: a standby may be taking over.
const PAUSA: Duration = Duration::from_millis(200);

/// Makes the starting data.
///
/// # Errors
/// [`SalidaError`] when the database cannot be had.
pub async fn sembrar(ajustes: &Ajustes) -> Result<Salida, SalidaError> {
    let informe = Ejecutor::nuevo(ajustes)
        .await?
        .hacer(Encomienda::Sembrar)
        .await?;
    println!(
        "Datos iniciales: {} libros, {} ejemplares y {} préstamos nuevos.",
        informe.libros, informe.ejemplares, informe.prestamos
    );
    Ok(Salida::Bien)
}

/// Adds the books of a catalogue file; bad rows are listed, the good ones go in.
///
/// # Errors
/// [`SalidaError`] when the file or the database cannot be had.
pub async fn importar_catalogo(ajustes: &Ajustes, ruta: &Path) -> Result<Salida, SalidaError> {
    let catalogo = leer_ruta(ruta, Some(&ajustes.nodo.sede))
        .map_err(|error| SalidaError::Uso(error.to_string()))?;
    let mut malas = catalogo.malas;
    let leidas = catalogo.filas.len();
    let ejecutor = Ejecutor::nuevo(ajustes).await?;
    let mut suma = Informe::default();
    for tanda in tandas(catalogo.filas) {
        let informe = ejecutor.hacer(Encomienda::Catalogo(tanda)).await?;
        suma.libros += informe.libros;
        suma.ejemplares += informe.ejemplares;
        malas.extend(informe.rechazadas);
    }
    malas.sort();
    for (linea, motivo) in &malas {
        println!("línea {linea}: {motivo}");
    }
    println!(
        "Catálogo: {leidas} filas buenas, {} libros y {} ejemplares nuevos, {} filas malas.",
        suma.libros,
        suma.ejemplares,
        malas.len()
    );
    Ok(if malas.is_empty() {
        Salida::Bien
    } else {
        Salida::Rechazos
    })
}

/// Who does the work.
enum Ejecutor {
    /// This process holds the database, or is one of many on it (PostgreSQL).
    Propio(Box<dyn Almacen>),
    /// A node holds it: ask its almacenamiento.
    Ajeno(Contexto, Vec<String>),
}

impl Ejecutor {
    async fn nuevo(ajustes: &Ajustes) -> Result<Self, SalidaError> {
        if let Some(buscador) = buscador(ajustes).map_err(|e| SalidaError::Uso(e.to_string()))? {
            let almacen = buscar(&buscador).await?;
            return Ok(Self::Propio(Box::new(almacen)));
        }
        let opciones = opciones(ajustes).map_err(|error| SalidaError::Uso(error.to_string()))?;
        match SqliteAlmacen::abrir(opciones).await {
            Ok(almacen) => Ok(Self::Propio(Box::new(almacen))),
            Err(Fallo::Ocupada) => {
                let almacenes = &ajustes.actores.almacenamientos;
                Ok(Self::Ajeno(
                    nodo::contexto(ajustes)?,
                    almacenes.iter().map(ToString::to_string).collect(),
                ))
            }
            Err(fallo) => Err(SalidaError::Interno(fallo.to_string())),
        }
    }

    async fn hacer(&self, encomienda: Encomienda) -> Result<Informe, SalidaError> {
        match self {
            Self::Propio(almacen) => almacen
                .administrar(encomienda)
                .await
                .map_err(|fallo| SalidaError::Interno(fallo.to_string())),
            Self::Ajeno(contexto, extremos) => encargar(contexto, extremos, encomienda).await,
        }
    }
}

/// Waits for a primary as long as for a silent owner: it may be changing.
async fn buscar(buscador: &Buscador) -> Result<PostgresAlmacen, SalidaError> {
    let limite = Instant::now() + SILENCIO_MAX;
    loop {
        match buscador.abrir().await {
            Ok(almacen) => return Ok(almacen),
            Err(Fallo::SinPrimario(motivo)) if Instant::now() >= limite => {
                return Err(SalidaError::Nadie(format!(
                    "ningún PostgreSQL de almacenamiento.base_datos admite escrituras: {motivo}"
                )));
            }
            Err(Fallo::SinPrimario(_)) => tokio::time::sleep(PAUSA).await,
            Err(Fallo::Inservible(motivo)) => return Err(SalidaError::Uso(motivo)),
            Err(fallo) => return Err(SalidaError::Interno(fallo.to_string())),
        }
    }
}

/// Asks every almacenamiento in turn until one has the database.
async fn encargar(
    contexto: &Contexto,
    extremos: &[String],
    encomienda: Encomienda,
) -> Result<Informe, SalidaError> {
    let trama = encode(&Mensaje::Encomienda(1, encomienda))
        .map_err(|error| SalidaError::Interno(error.to_string()))?;
    let limite = Instant::now() + SILENCIO_MAX;
    let mut motivo = "nadie responde".to_owned();
    while Instant::now() < limite {
        for extremo in extremos {
            match preguntar(contexto, extremo, trama.clone(), limite).await? {
                Some(Ok(informe)) => return Ok(informe),
                Some(Err(otro)) => motivo = otro,
                None => {}
            }
        }
        tokio::time::sleep(PAUSA).await;
    }
    Err(SalidaError::Nadie(format!(
        "la base de datos está en uso y ningún almacenamiento hizo el trabajo: {motivo}"
    )))
}

/// One almacenamiento's outcome; none when it is not there.
async fn preguntar(
    contexto: &Contexto,
    extremo: &str,
    trama: Vec<u8>,
    limite: Instant,
) -> Result<Option<Result<Informe, String>>, SalidaError> {
    let (sucesos, mut llegan) = mpsc::channel(64);
    let destino = Destino {
        extremo,
        dominio: Dominio::Almacen,
        trama_bytes_max: TRAMA_BYTES_MAX,
        latido: None,
    };
    let enlace: Enlace = conectar(contexto, destino, move |suceso| {
        let _ = sucesos.try_send(suceso);
    })?;
    let mut limite = limite;
    while let Ok(Some(suceso)) = tokio::time::timeout_at(limite, llegan.recv()).await {
        match suceso {
            Suceso::Conectado => {
                if enlace.enviar(vec![1], trama.clone()).is_err() {
                    return Ok(None);
                }
                limite = Instant::now() + TRABAJO_MAX;
            }
            Suceso::Desconectado | Suceso::SinEnviar(_) => return Ok(None),
            Suceso::Tramas(tramas) => {
                for trama in tramas {
                    if let Ok(Mensaje::Informe(_, informe)) = decode(&trama) {
                        return Ok(Some(informe));
                    }
                }
            }
        }
    }
    Ok(None)
}
