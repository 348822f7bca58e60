//! The store of a carga's diario: what it acknowledged as queued, in an SQLite file of its own.
//!
//! Opened by the carga's writer task, and read beside it by `auditar`. It decides nothing and
//! keeps nothing in memory. One owner: an flock on `<file>.candado`.
//!
//! # Durability
//! When [`Diario::anotar`] returns `Ok`, everything in it whose fate is `Hecha` survives kill
//! -9 and loss of power at any later instant (WAL, synchronous=FULL, one commit for the batch).

mod excepciones;
mod filas;
mod lote;
pub mod reloj;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Error};

use crate::db::Fallo;
use crate::db::diario::reloj::{Marca, Reloj};
use crate::db::reloj::texto_utc;
use crate::db::sqlite::Candado;
use crate::db::sqlite::conexion::{self, Clase};
use crate::domain::ids::OpId;
use crate::domain::operacion::Operacion;
use crate::domain::principal::Principal;
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::Respuesta;

pub use excepciones::{Excepcion, excepciones, faltas, pendientes};

/// Its name in `nodo.datos`.
pub const ARCHIVO: &str = "diario.db";

/// Share of the disk that stays free, in percent (design §2): the same disk may hold the
/// database, whose confirmations matter more than new entries.
const LIBRE_MIN_PCT: u64 = 5;

/// How long a look at the disk's free space counts.
const MIRADA: Duration = Duration::from_millis(250);

/// How long a granted entry is kept after it was closed: a week of repeats answered from here.
const CONCEDIDAS_DIAS: i64 = 7;

/// The same for a refused one: somebody was told yes and must be able to look it up.
const RECHAZADAS_DIAS: i64 = 90;

/// Closed entries of each kind that are kept at most, about 100 MB: an older op_id is simply
/// replayed and gets its stored answer from the database.
const CERRADAS_MAX: i64 = 100_000;

/// Entries pruned at once: a few ms of the writer's time.
const PODA_MAX: i64 = 2_000;

/// SQLITE_FULL: the disk, or [`Opciones::paginas_max`].
const LLENO: i32 = 13;

/// SQLITE_BUSY: another program holds the file.
const OCUPADO: i32 = 5;

static DIARIO: Clase = Clase {
    aplicacion: 0x4269_6464,
    migraciones: sqlx::migrate!("migrations/diario"),
    si_ajena: "indique otra carpeta en nodo.datos",
    si_danada: "tiene lo que esta carga aceptó y aún no se decidió. Guarde una copia de la \
                carpeta, apártela y use `auditar --recibos` para saber qué falta",
};

/// One thing to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Apunte {
    /// A new entry.
    Abrir {
        /// Its number; grows with the order of acceptance.
        seq: u64,
        /// The operation.
        pedido: Pedido,
        /// How long ago it was received, in ms.
        edad_ms: u64,
    },
    /// An entry was decided.
    Cerrar {
        /// Its number.
        seq: u64,
        /// The decision.
        respuesta: Respuesta,
    },
    /// An entry waits for a person; it stays undecided.
    Apartar {
        /// Its number.
        seq: u64,
    },
}

/// What became of an [`Apunte`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suerte {
    /// On the disk.
    Hecha,
    /// Not opened: an earlier entry of this op_id is closed, with this.
    Decidida(Box<Cerrada>),
    /// Certainly not on the disk: there is no room.
    SinSitio,
}

/// A closed entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cerrada {
    /// What was asked.
    pub operacion: Operacion,
    /// Its content hash, in hex.
    pub huella: String,
    /// Whose its op_id is.
    pub principal: Principal,
    /// The decision; `repetida` is false.
    pub respuesta: Respuesta,
}

/// An undecided entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinDecidir {
    /// Its number.
    pub seq: u64,
    /// The operation.
    pub pedido: Pedido,
    /// How long ago it was accepted, in ms.
    pub edad_ms: u64,
}

/// What a carga loads at its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cargadas {
    /// All undecided ones, in the order of acceptance.
    pub sin_decidir: Vec<SinDecidir>,
    /// The first number that is free.
    pub siguiente: u64,
}

/// How to open a diario.
pub struct Opciones {
    /// The file; made if missing, with its folders.
    pub ruta: PathBuf,
    /// The clocks.
    pub reloj: Reloj,
    /// Free space of the disk that holds this folder, in percent; none when it is not known.
    pub libre_pct: fn(&Path) -> Option<u64>,
    /// Largest file, in pages of 4 KiB; none: as large as the disk lets it.
    pub paginas_max: Option<u32>,
}

impl Opciones {
    /// The file, with this PC's clocks and disk.
    #[must_use]
    pub fn nuevas(ruta: impl Into<PathBuf>) -> Self {
        Self {
            ruta: ruta.into(),
            reloj: Box::new(Marca::ahora),
            libre_pct,
            paginas_max: None,
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

/// See the module's own page.
#[derive(Debug)]
pub struct Diario {
    opciones: Opciones,
    conexion: SqliteConnection,
    sitio: (Instant, bool),
    _candado: Candado,
}

impl Diario {
    /// Takes the file's lock, opens it and brings its tables up to date.
    ///
    /// # Errors
    /// [`Fallo::Inservible`] with a Spanish sentence when another carga has it, it is damaged
    /// or not ours; [`Fallo::NoAplicado`] otherwise.
    pub async fn abrir(opciones: Opciones) -> Result<Self, Fallo> {
        let ruta = &opciones.ruta;
        let candado = Candado::tomar(ruta).map_err(|fallo| match fallo {
            Fallo::Ocupada => Fallo::Inservible(format!(
                "otro proceso tiene el diario {}: dos cargas no comparten nodo.datos; dé a cada \
                 una su carpeta",
                ruta.display()
            )),
            otro => otro,
        })?;
        let mut conexion = conexion::abrir_escritor(ruta, &DIARIO).await?;
        conexion::preparar(ruta, &DIARIO, &mut conexion).await?;
        if let Some(paginas) = opciones.paginas_max {
            let pragma = format!("PRAGMA max_page_count = {paginas}");
            sqlx::query(AssertSqlSafe(pragma))
                .execute(&mut conexion)
                .await
                .map_err(Fallo::NoAplicado)?;
        }
        let sitio = (Instant::now(), hay_sitio(&opciones));
        Ok(Self {
            opciones,
            conexion,
            sitio,
            _candado: candado,
        })
    }

    /// Everything undecided, and the first free number.
    ///
    /// # Errors
    /// [`Fallo::Inservible`] when a row cannot be read.
    pub async fn cargar(&mut self) -> Result<Cargadas, Fallo> {
        let ahora = (self.opciones.reloj)();
        let leido = lote::cargar(&mut self.conexion, &ahora).await;
        leido.map_err(|causa| conexion::explicar(&self.opciones.ruta, &DIARIO, causa))
    }

    /// Writes a batch in one commit; fates stand in its order.
    ///
    /// # Errors
    /// Any [`Fallo`] but a full disk: what is on the disk is not known any more, so the owner
    /// must end, and the next one will find out.
    pub async fn anotar(&mut self, lote: &[Apunte]) -> Result<Vec<Suerte>, Fallo> {
        let hay_sitio = self.hay_sitio();
        let ahora = (self.opciones.reloj)();
        if let Err(causa) = sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut self.conexion)
            .await
        {
            return sin_empezar(causa, lote.len());
        }
        let hecho = match lote::anotar(&mut self.conexion, lote, hay_sitio, &ahora).await {
            Ok(suertes) => sqlx::query("COMMIT")
                .execute(&mut self.conexion)
                .await
                .map(|_| suertes),
            Err(causa) => Err(causa),
        };
        match hecho {
            Ok(suertes) => Ok(suertes),
            Err(causa) if conexion::codigo(&causa) == Some(LLENO) => {
                tracing::warn!(%causa, "no cabe nada más en el disco del diario");
                // SQLite may have rolled back by itself; then there is nothing to undo.
                let _ = sqlx::query("ROLLBACK").execute(&mut self.conexion).await;
                Ok(vec![Suerte::SinSitio; lote.len()])
            }
            Err(causa) => Err(Fallo::Incierto(causa)),
        }
    }

    /// The closed entries of these op_ids, each in its place.
    ///
    /// # Errors
    /// [`Fallo`] when they cannot be read.
    pub async fn buscar(&mut self, op_ids: &[OpId]) -> Result<Vec<Option<Cerrada>>, Fallo> {
        let halladas = lote::buscar(&mut self.conexion, op_ids).await;
        let halladas =
            halladas.map_err(|causa| conexion::explicar(&self.opciones.ruta, &DIARIO, causa))?;
        Ok(op_ids
            .iter()
            .map(|op_id| halladas.get(op_id.as_str()).cloned())
            .collect())
    }

    /// Forgets some of what was closed long ago; answers how many.
    ///
    /// # Errors
    /// As [`Diario::anotar`].
    pub async fn podar(&mut self) -> Result<u64, Fallo> {
        let ahora = (self.opciones.reloj)().pared;
        let mut podadas = 0;
        for (estado, dias) in [
            ("CONFIRMADO", CONCEDIDAS_DIAS),
            ("RECHAZADO", RECHAZADAS_DIAS),
        ] {
            let antes = ahora
                .checked_sub(SignedDuration::from_hours(24 * dias))
                .unwrap_or(Timestamp::MIN);
            let hecho = sqlx::query(
                "DELETE FROM entradas WHERE seq IN (
                     SELECT seq FROM entradas WHERE estado = $1
                     AND (seq <= (SELECT max(seq) FROM entradas) - $2 OR cerrada_en < $3)
                     ORDER BY seq LIMIT $4)",
            )
            .bind(estado)
            .bind(CERRADAS_MAX)
            .bind(texto_utc(antes))
            .bind(PODA_MAX)
            .execute(&mut self.conexion)
            .await;
            match hecho {
                Ok(hecho) => podadas += hecho.rows_affected(),
                Err(causa) if conexion::codigo(&causa) == Some(LLENO) => {}
                Err(causa) => return Err(Fallo::Incierto(causa)),
            }
        }
        Ok(podadas)
    }

    fn hay_sitio(&mut self) -> bool {
        if self.sitio.0.elapsed() >= MIRADA {
            self.sitio = (Instant::now(), hay_sitio(&self.opciones));
        }
        self.sitio.1
    }
}

/// Another program that holds the file, or a full disk, is no reason to end: nothing of the
/// batch is there.
fn sin_empezar(causa: Error, cuantos: usize) -> Result<Vec<Suerte>, Fallo> {
    match conexion::codigo(&causa) {
        Some(OCUPADO | LLENO) => {
            tracing::warn!(%causa, "el diario no se puede escribir ahora");
            Ok(vec![Suerte::SinSitio; cuantos])
        }
        _ => Err(Fallo::NoAplicado(causa)),
    }
}

fn hay_sitio(opciones: &Opciones) -> bool {
    let carpeta = opciones.ruta.parent().unwrap_or(Path::new("."));
    (opciones.libre_pct)(carpeta).is_none_or(|libre| libre >= LIBRE_MIN_PCT)
}

/// Of the disk that holds `carpeta`; none when it has no size or does not tell.
fn libre_pct(carpeta: &Path) -> Option<u64> {
    let disco = rustix::fs::statvfs(carpeta).ok()?;
    (disco.f_bavail.saturating_mul(100)).checked_div(disco.f_blocks)
}
