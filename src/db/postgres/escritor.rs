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
use crate::db::postgres::sola;
use crate::db::postgres::tropiezo::{Cura, Tropiezo, negada, sin_disco};
use crate::db::{Asiento, Fallo};
use crate::plantado::{Defecto, plantado};
use crate::wire::admin::{Cumplido, Encomienda};
use crate::wire::respuesta::Respuesta;

/// Times that a batch is begun when it meets another almacenamiento's: each meeting ends with
/// the other's commit, or after `lock_timeout`.
const INTENTOS_MAX: u32 = 4;

/// Longest transaction of a batch until its COMMIT, and longest ROLLBACK; the server's own limits
/// end each statement sooner, this one is for a server that says nothing.
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

/// Longest wait for a statement that goes with its COMMIT: as long as the server lets it run.
const ESCRITURA_MAX: Duration = Duration::from_millis(1000);

/// What is done in one transaction.
#[derive(Debug)]
pub enum Trabajo {
    /// Decide a batch.
    Lote(Vec<Asiento>),
    /// Decide a batch and undo it; one that is an operation alone is not written first.
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
            let tropiezo = match self.intentar(conexion, norma, trabajo).await {
                Conclusion::Hecha(conexion, hecho) => {
                    *puesto = conexion;
                    return hecho;
                }
                Conclusion::Tropezada(None, tropiezo) => return Err(perdida(&tropiezo.causa())),
                Conclusion::Tropezada(conexion, tropiezo) => {
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

    async fn intentar(
        &self,
        mut conexion: PgConnection,
        norma: &Norma,
        trabajo: &Trabajo,
    ) -> Conclusion {
        let preparado = preparar(&mut conexion, self.inicio(), norma, trabajo);
        match tokio::time::timeout(trabajo.limite(), preparado).await {
            Ok(Ok(listo)) => self.concluir(conexion, trabajo, listo).await,
            Ok(Err(tropiezo)) => deshacer(conexion, tropiezo).await,
            Err(_) => {
                let causa = tardo("no answer to a transaction");
                Conclusion::Tropezada(None, Tropiezo::Base(causa))
            }
        }
    }

    /// What the next transaction begins with: see [`PLANES_LOTES`].
    fn inicio(&self) -> &'static str {
        let cuenta = self.transacciones.fetch_add(1, Ordering::Relaxed) + 1;
        if cuenta < self.proximos_planes.load(Ordering::Relaxed) {
            return "BEGIN";
        }
        let pausa = (cuenta / CRECE_UN).clamp(1, PLANES_LOTES);
        self.proximos_planes
            .store(cuenta + pausa, Ordering::Relaxed);
        "DISCARD PLANS; BEGIN"
    }

    /// Commits, or undoes what was only tried. The connection comes back when it is sound.
    async fn concluir(
        &self,
        mut conexion: PgConnection,
        trabajo: &Trabajo,
        listo: Listo,
    ) -> Conclusion {
        let Listo {
            hecho,
            por_escribir,
        } = listo;
        if matches!(trabajo, Trabajo::Ensayo(_)) {
            return Conclusion::Hecha(retirar(conexion).await, Ok(hecho));
        }
        let limite = match por_escribir {
            Some(_) => ESCRITURA_MAX + COMMIT_MAX,
            None => COMMIT_MAX,
        };
        let commit = self.oyente.oir(self.confirmar(&mut conexion, por_escribir));
        let causa = match tokio::time::timeout(limite, commit).await {
            Ok((Ok(()), avisado)) if !avisado || plantado(Defecto::CommitCancelado) => {
                return Conclusion::Hecha(Some(conexion), Ok(hecho));
            }
            Ok((Ok(()), _)) => Error::Protocol(
                "the server warned while committing: the standby may not have it".to_owned(),
            ),
            Ok((Err((false, causa)), _)) if negada(&causa) => {
                return deshacer(conexion, sola::tropiezo(causa)).await;
            }
            Ok((Err((true, causa)), false)) if sin_disco(&causa) => {
                return Conclusion::Hecha(Some(conexion), Err(Fallo::NoAplicado(causa)));
            }
            Ok((Err((_, causa)), _)) => causa,
            Err(_) => tardo("no answer to COMMIT"),
        };
        Conclusion::Hecha(None, Err(Fallo::Incierto(causa)))
    }

    /// COMMIT, after what is yet to be written.
    ///
    /// # Errors
    /// Whether everything was written when it failed, and why.
    async fn confirmar(
        &self,
        conexion: &mut PgConnection,
        por_escribir: Option<String>,
    ) -> Result<(), (bool, Error)> {
        match por_escribir {
            Some(sentencia) => sola::confirmar(conexion, sentencia, &self.oyente).await,
            None => ejecutar(conexion, "COMMIT")
                .await
                .map_err(|causa| (true, causa)),
        }
    }
}

/// What is done in a transaction, all but its end.
struct Listo {
    hecho: Hecho,
    /// See `lote::Decidido`.
    por_escribir: Option<String>,
}

/// The end of a transaction; with it the connection, when it is sound.
enum Conclusion {
    /// Committed, undone on purpose, or in doubt.
    Hecha(Option<PgConnection>, Result<Hecho, Fallo>),
    /// Not done, and nothing of it committed.
    Tropezada(Option<PgConnection>, Tropiezo),
}

impl Trabajo {
    const fn limite(&self) -> Duration {
        match self {
            Self::Lote(_) | Self::Ensayo(_) => LOTE_MAX,
            Self::Encomienda(_) => ENCOMIENDA_MAX,
        }
    }
}

/// Everything but the end of the transaction.
async fn preparar(
    conexion: &mut PgConnection,
    inicio: &'static str,
    norma: &Norma,
    trabajo: &Trabajo,
) -> Result<Listo, Tropiezo> {
    // A panic must not take the connection along: the next operation has done nothing wrong.
    let listo = AssertUnwindSafe(en_transaccion(conexion, inicio, norma, trabajo))
        .catch_unwind()
        .await;
    listo.unwrap_or(Err(Tropiezo::Panico))
}

/// Undoes what was begun, on a server that may be asked again.
async fn deshacer(conexion: PgConnection, tropiezo: Tropiezo) -> Conclusion {
    let conexion = match tropiezo.cura() {
        Cura::Buscar => None,
        Cura::Repetir | Cura::Dejar => retirar(conexion).await,
    };
    Conclusion::Tropezada(conexion, tropiezo)
}

/// ROLLBACK; the connection comes back when it is sound.
async fn retirar(mut conexion: PgConnection) -> Option<PgConnection> {
    let hecho = tokio::time::timeout(LOTE_MAX, ejecutar(&mut conexion, "ROLLBACK")).await;
    matches!(hecho, Ok(Ok(()))).then_some(conexion)
}

async fn en_transaccion(
    conexion: &mut PgConnection,
    inicio: &'static str,
    norma: &Norma,
    trabajo: &Trabajo,
) -> Result<Listo, Tropiezo> {
    match trabajo {
        Trabajo::Lote(lote) | Trabajo::Ensayo(lote) => {
            let decidido = procesar(conexion, inicio, norma, lote).await?;
            Ok(Listo {
                hecho: Hecho::Respuestas(decidido.respuestas),
                por_escribir: decidido.por_escribir,
            })
        }
        Trabajo::Encomienda(encomienda) => {
            ejecutar(conexion, "BEGIN; SET LOCAL statement_timeout = '60s'").await?;
            let cumplido = administrar(conexion, norma, encomienda).await?;
            Ok(Listo {
                hecho: Hecho::Cumplido(cumplido),
                por_escribir: None,
            })
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
