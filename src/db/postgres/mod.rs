//! The store of a library that has outgrown one PC: PostgreSQL, any number of almacenamientos
//! on it at once.
//!
//! `buscar` finds the primary among several addresses and opens a [`PostgresAlmacen`] on it;
//! a store that loses its primary stays lost, says so ([`Almacen::perdida`]), and its owner
//! searches again. `conexion` sets the limits of a session, `migrar` the tables, with `plegar`
//! for the books of before; `escritor` runs transactions, `lote` decides a batch with `cargar`
//! and `guardar`, whose statements `lectura` and `escritura` compose of what the batch needs and
//! `columnas` fills, `sola` does a batch of one in two trips; `aviso` hears a cancelled wait for
//! the standby; `tropiezo` says what an error asks for; `leer` answers questions; `administrar`
//! adds books and starting data; `memoria` keeps which primary was seen, `mirada` tells how every
//! server is; `esquema` gives a drill a place of its own.

mod administrar;
mod aviso;
mod buscar;
mod cargar;
mod columnas;
mod conexion;
mod escritor;
mod escritura;
mod esquema;
mod guardar;
mod lectura;
mod leer;
mod lote;
mod memoria;
mod migrar;
mod mirada;
mod plegar;
mod sola;
mod tropiezo;
mod usuarios;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use sqlx::Error;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::db::motivo::motivo;
use crate::db::postgres::conexion::{CONEXION_MAX, conectar, tardo};
use crate::db::postgres::escritor::{Escritor, Hecho, Trabajo};
use crate::db::postgres::lote::Norma;
use crate::db::postgres::tropiezo::{Cura, cura};
use crate::db::reloj::Reloj;
use crate::db::{Almacen, Asiento, Fallo, Remedio};
use crate::domain::reglas::Reglas;
use crate::wire::admin::{Cumplido, Encomienda};
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::Respuesta;

pub use buscar::{Buscador, Pared};
pub use conexion::Sitio;
pub use esquema::Esquema;
pub use migrar::{duena, migrar};
pub use mirada::Vigilancia;

/// Longest wait for a reader's connection, in ms: shorter than an actor's patience.
const LECTOR_MAX: Duration = Duration::from_millis(700);

/// How often an idle store looks whether its primary is still one: a node must say within
/// 2 s that it cannot work.
const MIRADA: Duration = Duration::from_millis(500);

/// See the module's own page. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct PostgresAlmacen {
    base_id: String,
    nucleo: Arc<Nucleo>,
    vigia: JoinHandle<()>,
}

/// What a running transaction keeps alive, even when its caller and the store are gone.
#[derive(Debug)]
struct Nucleo {
    nombre: String,
    norma: Norma,
    escritor: Escritor,
    lectores: PgPool,
    /// A synchronous standby is waited for.
    replicada: bool,
    /// True, once and for ever, when the primary is lost.
    perdida: watch::Sender<bool>,
}

/// What a search found.
struct Partes {
    nombre: String,
    base_id: String,
    reglas: Reglas,
    pared: Option<Pared>,
    ultimo: Option<Timestamp>,
    reloj_ms: i64,
    replicada: bool,
    lectores: u32,
    opciones_lector: PgConnectOptions,
    escritor: PgConnection,
}

impl PostgresAlmacen {
    async fn armar(mut partes: Partes) -> Result<Self, Fallo> {
        let fallo = |causa| Fallo::SinPrimario(format!("{}: {}", partes.nombre, motivo(&causa)));
        let vigia = conectar(&partes.opciones_lector).await.map_err(fallo)?;
        sola::anunciar(&mut partes.escritor).await.map_err(fallo)?;
        let hora_ms = Arc::new(AtomicI64::new(partes.reloj_ms));
        let hora = Arc::clone(&hora_ms);
        let pared = partes.pared.unwrap_or_else(|| {
            Arc::new(move || {
                let ms = hora.load(Ordering::Relaxed);
                Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MIN)
            })
        });
        let lectores = PgPoolOptions::new()
            .max_connections(partes.lectores.max(1))
            .acquire_timeout(LECTOR_MAX)
            // A broken one is found by its first question, and then the whole pool goes.
            .test_before_acquire(false)
            .connect_lazy_with(partes.opciones_lector);
        let nucleo = Arc::new(Nucleo {
            nombre: partes.nombre,
            norma: Norma {
                reglas: partes.reglas,
                reloj: Reloj::desde(Box::new(move || pared()), partes.ultimo),
                hora_ms,
            },
            escritor: Escritor::nuevo(partes.escritor),
            lectores,
            replicada: partes.replicada,
            perdida: watch::Sender::new(false),
        });
        let vigia = tokio::spawn(vigilar(Arc::clone(&nucleo), vigia));
        Ok(Self {
            base_id: partes.base_id,
            nucleo,
            vigia,
        })
    }

    /// The address of its primary, without user or password.
    #[must_use]
    pub fn nombre(&self) -> &str {
        &self.nucleo.nombre
    }

    /// Waits for the transaction that runs and closes every connection.
    pub async fn cerrar(self) {
        self.vigia.abort();
        self.nucleo.lectores.close().await;
        self.nucleo.escritor.cerrar().await;
    }

    fn escribir(&self, trabajo: Trabajo) -> BoxFuture<'static, Result<Hecho, Fallo>> {
        let nucleo = Arc::clone(&self.nucleo);
        desprender(async move { nucleo.escribir(&trabajo).await })
    }
}

impl Drop for PostgresAlmacen {
    fn drop(&mut self) {
        self.vigia.abort();
    }
}

impl Almacen for PostgresAlmacen {
    fn aplicar(&self, lote: Vec<Asiento>) -> BoxFuture<'_, Result<Vec<Respuesta>, Fallo>> {
        if lote.is_empty() {
            return async { Ok(Vec::new()) }.boxed();
        }
        if lote.iter().any(|a| a.pedido.operacion.es_lectura()) {
            let causa = Error::Protocol("a read in a batch of writes".to_owned());
            return async { Err(Fallo::NoAplicado(causa)) }.boxed();
        }
        respuestas(self.escribir(Trabajo::Lote(lote))).boxed()
    }

    fn leer(&self, pedido: Pedido) -> BoxFuture<'_, Result<Respuesta, Fallo>> {
        let nucleo = Arc::clone(&self.nucleo);
        desprender(async move { nucleo.leer(&pedido).await })
    }

    fn validar(&self, pedido: Pedido) -> BoxFuture<'_, Result<Respuesta, Fallo>> {
        let ensayo = self.escribir(Trabajo::Ensayo(vec![Asiento {
            pedido,
            edad_ms: None,
            apartada: false,
        }]));
        async move {
            let respuesta = respuestas(ensayo).await?.pop();
            respuesta.ok_or(Fallo::NoAplicado(Error::RowNotFound))
        }
        .boxed()
    }

    fn administrar(&self, encomienda: Encomienda) -> BoxFuture<'_, Result<Cumplido, Fallo>> {
        let trabajo = self.escribir(Trabajo::Encomienda(encomienda));
        async move {
            match trabajo.await? {
                Hecho::Cumplido(cumplido) => Ok(cumplido),
                Hecho::Respuestas(_) => Err(Fallo::NoAplicado(Error::RowNotFound)),
            }
        }
        .boxed()
    }

    fn base_id(&self) -> &str {
        &self.base_id
    }

    fn remedio(&self) -> Remedio {
        Remedio::Reabrir
    }

    fn perdida(&self) -> BoxFuture<'_, ()> {
        let mut perdida = self.nucleo.perdida.subscribe();
        async move {
            // The sender lives as long as the store.
            let _ = perdida.wait_for(|perdida| *perdida).await;
        }
        .boxed()
    }
}

impl Nucleo {
    async fn escribir(&self, trabajo: &Trabajo) -> Result<Hecho, Fallo> {
        if *self.perdida.borrow() {
            return Err(self.sin_primario("se perdió"));
        }
        let hecho = self.escritor.hacer(&self.norma, trabajo).await;
        if let Err(fallo @ (Fallo::SinPrimario(_) | Fallo::Incierto(_))) = &hecho {
            self.perder(&fallo.to_string());
        }
        hecho
    }

    async fn leer(&self, pedido: &Pedido) -> Result<Respuesta, Fallo> {
        if *self.perdida.borrow() {
            return Err(self.sin_primario("se perdió"));
        }
        let (norma, ahora) = (&self.norma, self.norma.reloj.ahora());
        let leida = leer::leer(&self.lectores, &norma.reglas, pedido, ahora, self.replicada);
        leida.await.map_err(|causa| {
            if cura(&causa) == Cura::Buscar {
                self.perder(&motivo(&causa));
                return self.sin_primario(&motivo(&causa));
            }
            Fallo::NoAplicado(causa)
        })
    }

    /// From now on every call fails at once, until the owner opens the store again.
    fn perder(&self, motivo: &str) {
        if !self.perdida.send_replace(true) {
            tracing::warn!(base = self.nombre, motivo, "se perdió el primario");
            let lectores = self.lectores.clone();
            tokio::spawn(async move { lectores.close().await });
        }
    }

    fn sin_primario(&self, motivo: &str) -> Fallo {
        Fallo::SinPrimario(format!("{}: {motivo}", self.nombre))
    }
}

async fn respuestas(
    trabajo: BoxFuture<'static, Result<Hecho, Fallo>>,
) -> Result<Vec<Respuesta>, Fallo> {
    match trabajo.await? {
        Hecho::Respuestas(respuestas) => Ok(respuestas),
        Hecho::Cumplido(_) => Err(Fallo::NoAplicado(Error::RowNotFound)),
    }
}

/// Looks at the primary until it is none, or says nothing.
async fn vigilar(nucleo: Arc<Nucleo>, mut conexion: PgConnection) {
    loop {
        tokio::time::sleep(MIRADA).await;
        let pregunta = sqlx::query_as("SELECT pg_is_in_recovery()").fetch_one(&mut conexion);
        let dicho: Result<(bool,), Error> = tokio::time::timeout(CONEXION_MAX, pregunta)
            .await
            .unwrap_or_else(|_| Err(tardo("no answer to a look")));
        match dicho {
            Ok((false,)) => {}
            Ok((true,)) => return nucleo.perder("ahora es una réplica"),
            Err(causa) => return nucleo.perder(&motivo(&causa)),
        }
    }
}

/// Runs it in a task of its own: a caller that stops waiting does not stop it half way. A
/// panic in it says nothing about the commit.
fn desprender<T: Send + 'static>(
    trabajo: impl Future<Output = Result<T, Fallo>> + Send + 'static,
) -> BoxFuture<'static, Result<T, Fallo>> {
    let tarea = tokio::spawn(trabajo);
    async move {
        tarea
            .await
            .unwrap_or(Err(Fallo::Incierto(Error::WorkerCrashed)))
    }
    .boxed()
}
