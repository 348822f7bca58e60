//! The writing connection and its transactions: one at a time, repeated when two
//! almacenamientos met, ended in a commit whose outcome is known, or in the loss of the store.
//!
//! Runs inside a task of its own, so that a caller that stops waiting cancels nothing. A
//! connection in any doubt is dropped, which closes it; it is never used again.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::FutureExt;
use sqlx::Error;
use sqlx::postgres::PgConnection;
use tokio::sync::Mutex;

use crate::db::motivo::motivo;
use crate::db::postgres::administrar::administrar;
use crate::db::postgres::aviso::Oyente;
use crate::db::postgres::conexion::tardo;
use crate::db::postgres::lote::{Norma, procesar};
use crate::db::postgres::tropiezo::{Cura, Tropiezo, sin_disco};
use crate::db::{Asiento, Fallo};
use crate::plantado::{Defecto, plantado};
use crate::wire::admin::{Cumplido, Encomienda};
use crate::wire::respuesta::Respuesta;

/// Times that a batch is begun when it meets another almacenamiento's: each meeting ends with
/// the other's commit, or after `lock_timeout`.
const INTENTOS_MAX: u32 = 4;

/// Longest transaction of a batch until its COMMIT; the server's own limits end each
/// statement sooner, this one is for a server that says nothing.
const LOTE_MAX: Duration = Duration::from_millis(2500);

/// The same for administrative work, whose statements are long.
const ENCOMIENDA_MAX: Duration = Duration::from_secs(100);

/// Batches after which the plans are made anew, at the latest; before, each time their number has
/// grown by an eighth. A plan made while little was lent may answer every question by reading all
/// open loans, or a whole table, and is kept for the life of the connection: it must be looked at
/// again before there is much to read.
const PLANES_LOTES: u64 = 512;

/// See [`PLANES_LOTES`].
const CRECE_UN: u64 = 8;

/// Longest wait for a COMMIT: while a synchronous standby is missing it lasts for ever, and
/// `statement_timeout` does not end it. The server goes on with it when we stop waiting.
const COMMIT_MAX: Duration = Duration::from_millis(2000);

/// What is done in one transaction.
#[derive(Debug)]
pub enum Trabajo {
    /// Decide a batch.
    Lote(Vec<Asiento>),
    /// Decide a batch and undo it.
    Ensayo(Vec<Asiento>),
    /// An administrator's.
    Encomienda(Encomienda),
}

/// What came of it.
#[derive(Debug)]
pub enum Hecho {
    /// Answers in the batch's order.
    Respuestas(Vec<Respuesta>),
    /// What an administrator changed.
    Cumplido(Cumplido),
}

/// See the module's doc.
#[derive(Debug)]
pub struct Escritor {
    /// None once the store is lost.
    puesto: Mutex<Option<PgConnection>>,
    oyente: Oyente,
    /// Begun so far.
    transacciones: AtomicU64,
    /// At which of them the plans are made anew.
    proximos_planes: AtomicU64,
}

impl Escritor {
    /// On a connection to the primary.
    #[must_use]
    pub fn nuevo(conexion: PgConnection) -> Self {
        Self {
            puesto: Mutex::new(Some(conexion)),
            oyente: Oyente::nuevo(),
            transacciones: AtomicU64::new(0),
            proximos_planes: AtomicU64::new(0),
        }
    }

    /// Does it in one transaction.
    ///
    /// # Errors
    /// [`Fallo::NoAplicado`] when the work failed and the store goes on, [`Fallo::Defecto`] when
    /// besides it would fail again; [`Fallo::SinPrimario`]
    /// (certainly not applied) and [`Fallo::Incierto`] when the connection is gone, with which
    /// the store is lost.
    pub async fn hacer(&self, norma: &Norma, trabajo: &Trabajo) -> Result<Hecho, Fallo> {
        let mut puesto = self.puesto.lock().await;
        let mut intento = 1;
        loop {
            let Some(conexion) = puesto.take() else {
                return Err(Fallo::SinPrimario("la conexión se perdió".to_owned()));
            };
            let cuenta = self.transacciones.fetch_add(1, Ordering::Relaxed) + 1;
            let inicio = if cuenta >= self.proximos_planes.load(Ordering::Relaxed) {
                let pausa = (cuenta / CRECE_UN).clamp(1, PLANES_LOTES);
                self.proximos_planes
                    .store(cuenta + pausa, Ordering::Relaxed);
                "DISCARD PLANS; BEGIN"
            } else {
                "BEGIN"
            };
            let preparado =
                tokio::time::timeout(trabajo.limite(), preparar(conexion, inicio, norma, trabajo));
            let tropiezo = match preparado.await {
                Err(_) => return Err(perdida(&tardo("no answer to a transaction"))),
                Ok(Ok((conexion, hecho))) => {
                    let (conexion, hecho) = self.concluir(conexion, trabajo, hecho).await;
                    *puesto = conexion;
                    return hecho;
                }
                Ok(Err((None, tropiezo))) => return Err(perdida(&tropiezo.causa())),
                Ok(Err((conexion, tropiezo))) => {
                    *puesto = conexion;
                    tropiezo
                }
            };
            if tropiezo.cura() != Cura::Repetir || intento == INTENTOS_MAX {
                return Err(tropiezo.fallo());
            }
            tracing::debug!(%tropiezo, intento, "batch begun again");
            intento += 1;
        }
    }

    /// Closes the connection; later work finds the store lost.
    pub async fn cerrar(&self) {
        if let Some(conexion) = self.puesto.lock().await.take() {
            cerrar(conexion).await;
        }
    }

    /// Commits, or undoes what was only tried. The connection comes back when it is sound.
    async fn concluir(
        &self,
        mut conexion: PgConnection,
        trabajo: &Trabajo,
        hecho: Hecho,
    ) -> (Option<PgConnection>, Result<Hecho, Fallo>) {
        if matches!(trabajo, Trabajo::Ensayo(_)) {
            let sana = ejecutar(&mut conexion, "ROLLBACK").await.is_ok();
            return (sana.then_some(conexion), Ok(hecho));
        }
        let commit = self.oyente.oir(ejecutar(&mut conexion, "COMMIT"));
        let causa = match tokio::time::timeout(COMMIT_MAX, commit).await {
            Ok((Ok(()), avisado)) if !avisado || plantado(Defecto::CommitCancelado) => {
                return (Some(conexion), Ok(hecho));
            }
            Ok((Ok(()), _)) => Error::Protocol(
                "the server warned while committing: the standby may not have it".to_owned(),
            ),
            Ok((Err(causa), false)) if sin_disco(&causa) => {
                return (Some(conexion), Err(Fallo::NoAplicado(causa)));
            }
            Ok((Err(causa), _)) => causa,
            Err(_) => tardo("no answer to COMMIT"),
        };
        (None, Err(Fallo::Incierto(causa)))
    }
}

impl Trabajo {
    const fn limite(&self) -> Duration {
        match self {
            Self::Lote(_) | Self::Ensayo(_) => LOTE_MAX,
            Self::Encomienda(_) => ENCOMIENDA_MAX,
        }
    }
}

/// Everything but the COMMIT. With an error, the connection is there when it is sound, its
/// transaction undone.
async fn preparar(
    mut conexion: PgConnection,
    inicio: &'static str,
    norma: &Norma,
    trabajo: &Trabajo,
) -> Result<(PgConnection, Hecho), (Option<PgConnection>, Tropiezo)> {
    // A panic must not take the connection along: the next operation has done nothing wrong.
    let hecho = AssertUnwindSafe(en_transaccion(&mut conexion, inicio, norma, trabajo))
        .catch_unwind()
        .await;
    match hecho.unwrap_or(Err(Tropiezo::Panico)) {
        Ok(hecho) => Ok((conexion, hecho)),
        Err(tropiezo) if tropiezo.cura() == Cura::Buscar => Err((None, tropiezo)),
        Err(tropiezo) => {
            let sana = ejecutar(&mut conexion, "ROLLBACK").await.is_ok();
            Err((sana.then_some(conexion), tropiezo))
        }
    }
}

async fn en_transaccion(
    conexion: &mut PgConnection,
    inicio: &'static str,
    norma: &Norma,
    trabajo: &Trabajo,
) -> Result<Hecho, Tropiezo> {
    match trabajo {
        Trabajo::Lote(lote) | Trabajo::Ensayo(lote) => procesar(conexion, inicio, norma, lote)
            .await
            .map(Hecho::Respuestas),
        Trabajo::Encomienda(encomienda) => {
            ejecutar(conexion, "BEGIN; SET LOCAL statement_timeout = '60s'").await?;
            administrar(conexion, norma, encomienda)
                .await
                .map(Hecho::Cumplido)
        }
    }
}

/// A statement without parameters, by the simple protocol: one trip.
async fn ejecutar(conexion: &mut PgConnection, sentencia: &'static str) -> Result<(), Error> {
    sqlx::raw_sql(sentencia).execute(conexion).await.map(|_| ())
}

async fn cerrar(conexion: PgConnection) {
    use sqlx::Connection;
    if let Err(causa) = conexion.close().await {
        // Everything answered is committed.
        tracing::debug!(%causa, "connection closed with an error");
    }
}

fn perdida(causa: &Error) -> Fallo {
    Fallo::SinPrimario(motivo(causa))
}
