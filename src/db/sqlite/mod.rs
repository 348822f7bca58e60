//! The embedded store: one SQLite file with one owner (`candado`), one writing connection and
//! a pool of readers.
//!
//! `conexion` opens and checks the file; `lote` decides a batch with `cargar` and `guardar`;
//! `leer` answers questions; `administrar` adds books and starting data, `usuarios` registers
//! and blocks; `plegar` brings the books of before up to date. The file, its -wal and its -shm
//! are touched through SQLite only.

mod administrar;
mod candado;
mod cargar;
pub(super) mod conexion;
mod guardar;
mod leer;
mod lote;
mod plegar;
mod usuarios;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection, Error};
use tokio::sync::{Mutex, MutexGuard};

use crate::db::motivo::motivo;
use crate::db::reloj::{Pared, Reloj};
use crate::db::sqlite::conexion::CIRCULACION;
use crate::db::sqlite::plegar::plegar_autores;
use crate::db::{Almacen, Asiento, Fallo, Remedio};
use crate::domain::reglas::Reglas;
use crate::plantado::{Defecto, plantado};
use crate::wire::admin::{Cumplido, Encomienda};
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::Respuesta;

pub use candado::{Candado, esperar_candado};

/// SQLITE_FULL, as sqlx tells it.
const DISCO_LLENO: &str = "13";

/// How to open a store.
pub struct Opciones {
    /// The database file; made if missing, with its folders.
    pub ruta: PathBuf,
    /// The library's rules.
    pub reglas: Reglas,
    /// Connections for reading, at least 1.
    pub lectores: u32,
    /// The wall clock.
    pub pared: Pared,
}

impl Opciones {
    /// The file with default rules, two readers and the PC's clock.
    #[must_use]
    pub fn nuevas(ruta: impl Into<PathBuf>) -> Self {
        Self {
            ruta: ruta.into(),
            reglas: Reglas::default(),
            lectores: 2,
            pared: Box::new(Timestamp::now),
        }
    }
}

impl fmt::Debug for Opciones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opciones")
            .field("ruta", &self.ruta)
            .finish_non_exhaustive()
    }
}

/// See the module's own page. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct SqliteAlmacen {
    base_id: String,
    nucleo: Arc<Nucleo>,
}

/// What a running transaction keeps alive, even when its caller and the store are gone: the
/// lock is freed after the last of it.
#[derive(Debug)]
struct Nucleo {
    ruta: PathBuf,
    reglas: Reglas,
    reloj: Reloj,
    /// None after a failure that left the connection in doubt; the next batch opens another.
    escritor: Mutex<Option<SqliteConnection>>,
    lectores: SqlitePool,
    _candado: Candado,
}

impl SqliteAlmacen {
    /// Takes the database's lock and opens it.
    ///
    /// # Errors
    /// [`Fallo::Ocupada`] when another process owns it; [`Fallo::Inservible`] when it is
    /// damaged or not ours, with advice in Spanish; [`Fallo::NoAplicado`] otherwise.
    pub async fn abrir(opciones: Opciones) -> Result<Self, Fallo> {
        let candado = Candado::tomar(&opciones.ruta)?;
        Self::abrir_con(opciones, candado).await
    }

    /// Opens the database whose lock [`esperar_candado`] gave.
    ///
    /// # Errors
    /// As [`SqliteAlmacen::abrir`], but for `Ocupada`.
    pub async fn abrir_con(opciones: Opciones, candado: Candado) -> Result<Self, Fallo> {
        let ruta = opciones.ruta;
        let mut escritor = conexion::abrir_escritor(&ruta, &CIRCULACION).await?;
        conexion::preparar(&ruta, &CIRCULACION, &mut escritor).await?;
        let plegados = plegar_autores(&mut escritor)
            .await
            .map_err(|causa| conexion::explicar(&ruta, &CIRCULACION, causa))?;
        if plegados > 0 {
            tracing::info!(
                libros = plegados,
                "desde ahora se hallan también por su autor"
            );
        }
        let (base_id, ultimo) = conexion::identidad(&ruta, &mut escritor).await?;
        let lectores = conexion::abrir_lectores(&ruta, opciones.lectores);
        Ok(Self {
            base_id,
            nucleo: Arc::new(Nucleo {
                ruta,
                reglas: opciones.reglas,
                reloj: Reloj::desde(opciones.pared, ultimo),
                escritor: Mutex::new(Some(escritor)),
                lectores,
                _candado: candado,
            }),
        })
    }

    /// Who reads what is committed, for a move to another database.
    pub(in crate::db) fn lectores(&self) -> &SqlitePool {
        &self.nucleo.lectores
    }

    /// Waits for the transaction that runs, closes every connection and frees the lock.
    pub async fn cerrar(self) {
        self.nucleo.lectores.close().await;
        let escritor = self.nucleo.escritor.lock().await.take();
        if let Some(escritor) = escritor
            && let Err(causa) = escritor.close().await
        {
            // Everything answered is committed; the next opening recovers the WAL.
            tracing::warn!(%causa, "database closed with an error");
        }
    }
}

impl Almacen for SqliteAlmacen {
    fn aplicar(&self, lote: Vec<Asiento>) -> BoxFuture<'_, Result<Vec<Respuesta>, Fallo>> {
        if lote.is_empty() {
            return async { Ok(Vec::new()) }.boxed();
        }
        if lote.iter().any(|a| a.pedido.operacion.es_lectura()) {
            let causa = Error::Protocol("a read in a batch of writes".to_owned());
            return async { Err(Fallo::NoAplicado(causa)) }.boxed();
        }
        let nucleo = Arc::clone(&self.nucleo);
        desprender(async move {
            let mut turno = nucleo.empezar().await?;
            let ahora = turno.ahora;
            let hecho = lote::procesar(&mut turno.conexion, &nucleo.reglas, &lote, ahora).await;
            turno.terminar(hecho).await
        })
    }

    fn leer(&self, pedido: Pedido) -> BoxFuture<'_, Result<Respuesta, Fallo>> {
        async move {
            let nucleo = &self.nucleo;
            let ahora = nucleo.reloj.ahora();
            leer::leer(&nucleo.lectores, &nucleo.reglas, &pedido, ahora)
                .await
                .map_err(Fallo::NoAplicado)
        }
        .boxed()
    }

    fn validar(&self, pedido: Pedido) -> BoxFuture<'_, Result<Respuesta, Fallo>> {
        let nucleo = Arc::clone(&self.nucleo);
        desprender(async move {
            let mut turno = nucleo.empezar().await?;
            let ahora = turno.ahora;
            let lote = [Asiento {
                pedido,
                edad_ms: None,
                apartada: false,
            }];
            let hecho = lote::procesar(&mut turno.conexion, &nucleo.reglas, &lote, ahora).await;
            turno.deshacer().await;
            let respuesta = hecho.map_err(Fallo::NoAplicado)?.pop();
            respuesta.ok_or(Fallo::NoAplicado(Error::RowNotFound))
        })
    }

    fn administrar(&self, encomienda: Encomienda) -> BoxFuture<'_, Result<Cumplido, Fallo>> {
        let nucleo = Arc::clone(&self.nucleo);
        desprender(async move {
            let mut turno = nucleo.empezar().await?;
            let (ahora, conexion) = (turno.ahora, &mut turno.conexion);
            let hecho =
                administrar::administrar(conexion, &nucleo.reglas, &encomienda, ahora).await;
            turno.terminar(hecho).await
        })
    }

    fn base_id(&self) -> &str {
        &self.base_id
    }

    fn remedio(&self) -> Remedio {
        Remedio::Terminar
    }

    fn perdida(&self) -> BoxFuture<'_, ()> {
        futures::future::pending().boxed()
    }
}

/// One transaction of the writer. The connection is put back only when its state is known, so
/// that neither an error nor a panic leaves half a transaction open for the next one.
struct Turno<'a> {
    puesto: MutexGuard<'a, Option<SqliteConnection>>,
    conexion: SqliteConnection,
    /// Read with the database locked: no earlier commit has a later instant.
    ahora: Timestamp,
}

impl Nucleo {
    async fn empezar(&self) -> Result<Turno<'_>, Fallo> {
        let mut puesto = self.escritor.lock().await;
        let mut conexion = match puesto.take() {
            Some(conexion) => conexion,
            None => conexion::abrir_escritor(&self.ruta, &CIRCULACION).await?,
        };
        if plantado(Defecto::ConfirmaAntes) {
            let _ = ejecutar(&mut conexion, "COMMIT").await;
        }
        ejecutar(&mut conexion, "BEGIN IMMEDIATE")
            .await
            .map_err(Fallo::NoAplicado)?;
        Ok(Turno {
            puesto,
            conexion,
            ahora: self.reloj.ahora(),
        })
    }
}

impl Turno<'_> {
    /// Commits what was done, or rolls back.
    async fn terminar<T>(mut self, resultado: Result<T, Error>) -> Result<T, Fallo> {
        match resultado {
            Ok(hecho) => {
                let despues = plantado(Defecto::ConfirmaAntes);
                if !despues && let Err(causa) = ejecutar(&mut self.conexion, "COMMIT").await {
                    return Err(self.sin_confirmar(causa).await);
                }
                *self.puesto = Some(self.conexion);
                Ok(hecho)
            }
            Err(causa) => {
                self.deshacer().await;
                Err(if es_defecto(&causa) {
                    Fallo::Defecto(motivo(&causa))
                } else {
                    Fallo::NoAplicado(causa)
                })
            }
        }
    }

    /// What a failed COMMIT means. With the disk full the WAL has no commit frame and the
    /// transaction is still open: it is undone and the store goes on. Of anything else, a
    /// failed fsync above all, nobody can say what is on the disk.
    async fn sin_confirmar(self, causa: Error) -> Fallo {
        let codigo = causa.as_database_error().and_then(|error| error.code());
        if codigo.as_deref() != Some(DISCO_LLENO) {
            return Fallo::Incierto(causa);
        }
        self.deshacer().await;
        Fallo::NoAplicado(causa)
    }

    /// Rolls back. Some errors have done so already; then this fails and a new connection is
    /// the sure way to a clean state.
    async fn deshacer(mut self) {
        if ejecutar(&mut self.conexion, "ROLLBACK").await.is_ok() {
            *self.puesto = Some(self.conexion);
        }
    }
}

/// Whether the same batch would fail the same way: a statement that is wrong (SQLITE_ERROR), a
/// constraint that forbids what the rules allowed, a type that does not fit, a stored value
/// that cannot be read. The extended code's low byte is the primary one.
fn es_defecto(causa: &Error) -> bool {
    match causa {
        Error::Database(error) => {
            let codigo = error.code().and_then(|codigo| codigo.parse::<u32>().ok());
            matches!(codigo.map(|codigo| codigo & 0xff), Some(1 | 19 | 20))
        }
        Error::Decode(_) | Error::ColumnDecode { .. } | Error::Protocol(_) => true,
        _ => false,
    }
}

async fn ejecutar(conexion: &mut SqliteConnection, sentencia: &'static str) -> Result<(), Error> {
    sqlx::query(sentencia).execute(conexion).await.map(|_| ())
}

/// Runs a transaction in a task of its own: a caller that stops waiting does not stop it half
/// way. What can panic in it is ours and runs before COMMIT; the connection is dropped then.
fn desprender<T: Send + 'static>(
    trabajo: impl Future<Output = Result<T, Fallo>> + Send + 'static,
) -> BoxFuture<'static, Result<T, Fallo>> {
    let tarea = tokio::spawn(trabajo);
    async move {
        match tarea.await {
            Ok(resultado) => resultado,
            Err(fin) if fin.is_panic() => Err(Fallo::Defecto("panic".to_owned())),
            // The runtime is going down around it.
            Err(_) => Err(Fallo::Incierto(Error::WorkerCrashed)),
        }
    }
    .boxed()
}
