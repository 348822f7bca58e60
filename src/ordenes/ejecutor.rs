//! Who does administrative work: this process, when it can have the database, else the node
//! that has it.
//!
//! With SQLite the file has one owner. While a node owns it the work goes through its
//! almacenamiento; with the nodes stopped this process takes the lock. Whoever holds the lock
//! and does not answer is waited for no longer than the contract says.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
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
use crate::ordenes::SalidaError;
use crate::settings::Ajustes;
use crate::wire::admin::{Cumplido, Encomienda};
use crate::wire::codec::{TRAMA_BYTES_MAX, decode, encode};
use crate::wire::mensaje::Mensaje;

/// How long somebody who holds the database may stay silent (contract §5).
const SILENCIO_MAX: Duration = Duration::from_secs(10);

/// How long the work itself may take once an almacenamiento has it and shows that it lives.
const TRABAJO_MAX: Duration = Duration::from_secs(120);

/// How long one of them may take to accept a connection before all are asked again: a node
/// that is starting, and any network of a library.
const CONEXION_MAX: Duration = Duration::from_secs(2);

/// Between two signs of life of whoever has the work.
const LATIDO: Duration = Duration::from_secs(1);

/// Pause before everybody is asked again: a standby may be taking over.
const PAUSA: Duration = Duration::from_millis(200);

/// See the module's doc.
pub struct Ejecutor<'a> {
    ajustes: &'a Ajustes,
    propio: Option<Box<dyn Almacen>>,
}

/// What asking one almacenamiento came to.
enum Contestado {
    Hecho(Cumplido),
    /// It is there and could not do it.
    No(String),
    /// It is not there, or went away.
    Nadie,
}

impl<'a> Ejecutor<'a> {
    /// Opens the database if nobody owns it.
    ///
    /// # Errors
    /// [`SalidaError`] when it cannot be had or is not as it must be.
    pub async fn nuevo(ajustes: &'a Ajustes) -> Result<Self, SalidaError> {
        let propio: Option<Box<dyn Almacen>> =
            match buscador(ajustes).map_err(|e| SalidaError::Uso(e.to_string()))? {
                Some(buscador) => Some(Box::new(buscar(&buscador).await?)),
                None => abrir_archivo(ajustes).await?,
            };
        Ok(Self { ajustes, propio })
    }

    /// Does it, or has it done.
    ///
    /// # Errors
    /// [`SalidaError::Nadie`] when whoever owns the database does not answer.
    pub async fn hacer(&mut self, encomienda: Encomienda) -> Result<Cumplido, SalidaError> {
        let contexto = nodo::contexto(self.ajustes)?;
        let limite = Instant::now() + SILENCIO_MAX;
        let mut motivo = "nadie responde".to_owned();
        loop {
            if let Some(almacen) = &self.propio {
                return Ok(almacen.administrar(encomienda).await?);
            }
            match encargar(&contexto, self.ajustes, &encomienda, limite).await? {
                Contestado::Hecho(cumplido) => return Ok(cumplido),
                Contestado::No(otro) => motivo = otro,
                Contestado::Nadie => {}
            }
            if Instant::now() >= limite {
                return Err(SalidaError::Nadie(format!(
                    "la base de datos está en uso y ningún almacenamiento hizo el trabajo: \
                     {motivo}"
                )));
            }
            tokio::time::sleep(PAUSA).await;
            // Its owner may have gone meanwhile.
            self.propio = abrir_archivo(self.ajustes).await?;
        }
    }
}

/// The SQLite database, unless somebody owns it.
async fn abrir_archivo(ajustes: &Ajustes) -> Result<Option<Box<dyn Almacen>>, SalidaError> {
    let opciones = opciones(ajustes).map_err(|error| SalidaError::Uso(error.to_string()))?;
    match SqliteAlmacen::abrir(opciones).await {
        Ok(almacen) => Ok(Some(Box::new(almacen))),
        Err(Fallo::Ocupada) => Ok(None),
        Err(fallo) => Err(fallo.into()),
    }
}

/// Waits for a primary as long as for a silent owner: it may be changing.
async fn buscar(buscador: &Buscador) -> Result<PostgresAlmacen, SalidaError> {
    let limite = Instant::now() + SILENCIO_MAX;
    loop {
        match buscador.abrir().await {
            Ok(almacen) => return Ok(almacen),
            Err(Fallo::SinPrimario(_)) if Instant::now() < limite => {
                tokio::time::sleep(PAUSA).await;
            }
            Err(Fallo::Inservible(motivo)) => return Err(SalidaError::Uso(motivo)),
            Err(fallo) => return Err(fallo.into()),
        }
    }
}

/// Asks all of them at once: one that is dead or frozen must not hide the owner.
async fn encargar(
    contexto: &Contexto,
    ajustes: &Ajustes,
    encomienda: &Encomienda,
    limite: Instant,
) -> Result<Contestado, SalidaError> {
    let interno = |error: String| SalidaError::Interno(error);
    let trama = encode(&Mensaje::Encomienda(1, encomienda.clone()))
        .map_err(|error| interno(error.to_string()))?;
    let latido = encode(&Mensaje::LatidoAlmacen).map_err(|error| interno(error.to_string()))?;
    let conexion = limite.min(Instant::now() + CONEXION_MAX);
    let mut preguntas = FuturesUnordered::new();
    for extremo in &ajustes.actores.almacenamientos {
        let (trama, latido, extremo) = (trama.clone(), latido.clone(), extremo.to_string());
        preguntas.push(async move {
            let destino = Destino {
                extremo: &extremo,
                dominio: Dominio::Almacen,
                trama_bytes_max: TRAMA_BYTES_MAX,
                latido: Some((LATIDO, latido)),
            };
            preguntar(contexto, destino, trama, conexion).await
        });
    }
    let mut ultimo = Contestado::Nadie;
    while let Some(contestado) = preguntas.next().await {
        match contestado? {
            hecho @ Contestado::Hecho(_) => return Ok(hecho),
            Contestado::Nadie => {}
            no => ultimo = no,
        }
    }
    Ok(ultimo)
}

/// Asks one of them.
async fn preguntar(
    contexto: &Contexto,
    destino: Destino<'_>,
    trama: Vec<u8>,
    conexion: Instant,
) -> Result<Contestado, SalidaError> {
    let (sucesos, mut llegan) = mpsc::channel(64);
    let enlace: Enlace = conectar(contexto, destino, move |suceso| {
        let _ = sucesos.try_send(suceso);
    })?;
    let (mut limite, mut tope) = (conexion, conexion);
    while let Ok(Some(suceso)) = tokio::time::timeout_at(limite, llegan.recv()).await {
        match suceso {
            Suceso::Conectado => {
                if enlace.enviar(vec![1], trama.clone()).is_err() {
                    return Ok(Contestado::Nadie);
                }
                tope = Instant::now() + TRABAJO_MAX;
            }
            Suceso::Desconectado | Suceso::SinEnviar(_) => return Ok(Contestado::Nadie),
            Suceso::Tramas(tramas) => {
                for trama in tramas {
                    match decode(&trama) {
                        Ok(Mensaje::Informe(_, Ok(informe))) => {
                            return Ok(Contestado::Hecho(Cumplido::Catalogo(informe)));
                        }
                        Ok(Mensaje::Cumplido(_, Ok(cumplido))) => {
                            return Ok(Contestado::Hecho(cumplido));
                        }
                        Ok(Mensaje::Informe(_, Err(no)) | Mensaje::Cumplido(_, Err(no))) => {
                            return Ok(Contestado::No(no));
                        }
                        // A sign of life.
                        _ => {}
                    }
                }
            }
        }
        limite = tope.min(Instant::now() + SILENCIO_MAX);
    }
    Ok(Contestado::Nadie)
}
