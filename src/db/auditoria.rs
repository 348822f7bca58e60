//! Looking at a database from outside, for `auditar` and the drill: read-only, beside running
//! nodes or with none. It takes no lock and never writes.
//!
//! Every question is asked in one read transaction: one moment of the database. The checks are
//! the same statements on both databases.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Error, FromRow};

use crate::db::Fallo;
use crate::db::motivo::motivo;
use crate::db::postgres::Buscador;

/// How long a statement waits for a recovery that another process makes.
const ESPERA_MAX: Duration = Duration::from_secs(5);

/// Op_ids asked for in one statement: each is a text in one JSON parameter.
const TANDA: usize = 1_000;

/// Rows told of each kind of inconsistency; the count is of all.
const MUESTRAS: i64 = 5;

/// Each is a check: its Spanish description and a statement that gives a sentence for each
/// thing that is wrong. `$1` is how many of them are wanted. PostgreSQL wants to be told that
/// `resultado->` is of JSON.
const COMPROBACIONES: [(&str, &str); 8] = [
    (
        "un ejemplar tiene un solo préstamo abierto",
        "SELECT count(*) OVER (), 'el ejemplar ' || ejemplar || ' tiene ' || count(*)
         FROM prestamos WHERE devuelto_en IS NULL
         GROUP BY ejemplar HAVING count(*) > 1 LIMIT $1",
    ),
    (
        "un usuario tiene un solo préstamo abierto de un libro",
        "SELECT count(*) OVER (), usuario || ' tiene ' || count(*) || ' de ' || isbn
         FROM prestamos WHERE devuelto_en IS NULL
         GROUP BY usuario, isbn HAVING count(*) > 1 LIMIT $1",
    ),
    (
        "cada préstamo es de un ejemplar de ese libro y esa sede",
        "SELECT count(*) OVER (), 'el préstamo ' || p.id || ' dice ' || p.isbn || ' en ' || p.sede
         FROM prestamos p LEFT JOIN ejemplares e ON e.codigo = p.ejemplar
         WHERE e.codigo IS NULL OR e.isbn <> p.isbn OR e.sede <> p.sede LIMIT $1",
    ),
    (
        "disponibles + prestados + fuera de servicio = total",
        "SELECT count(*) OVER (), isbn || ' en ' || sede || ': ' || sum(partes) || ' de ' ||
                sum(total) || ' ejemplares'
         FROM (SELECT isbn, sede, total, disponibles AS partes FROM disponibilidad
               UNION ALL
               SELECT isbn, sede, 0, count(*) FROM prestamos
               WHERE devuelto_en IS NULL GROUP BY isbn, sede
               UNION ALL
               SELECT isbn, sede, 0, count(*) FROM ejemplares
               WHERE estado <> 'en_servicio' AND codigo NOT IN
                   (SELECT ejemplar FROM prestamos WHERE devuelto_en IS NULL)
               GROUP BY isbn, sede) AS parte
         GROUP BY isbn, sede HAVING sum(partes) <> sum(total) LIMIT $1",
    ),
    (
        "cada préstamo viene de una operación, y cada operación hizo un préstamo",
        "WITH hechos AS (
             SELECT ejemplar, usuario, prestado_en AS en, 1 AS hay, 0 AS debido FROM prestamos
             WHERE (ejemplar, prestado_en) NOT IN
                 (SELECT clave, fecha FROM historial WHERE objeto = 'prestamo')
             UNION ALL
             SELECT resultado->'datos'->>'ejemplar', resultado->'datos'->>'usuario', creada_en, 0, 1
             FROM operaciones WHERE tipo = 'prestamo' AND estado = 'CONFIRMADO')
         SELECT count(*) OVER (), 'el ejemplar ' || ejemplar || ' de ' || usuario || ' (' || en ||
                '): ' || sum(hay) || ' préstamos por ' || sum(debido) || ' operaciones'
         FROM hechos GROUP BY ejemplar, usuario, en HAVING sum(hay) <> sum(debido) LIMIT $1",
    ),
    (
        "cada cierre viene de una devolución, y cada devolución cerró un préstamo",
        "WITH hechos AS (
             SELECT ejemplar, usuario, devuelto_en AS en, 1 AS hay, 0 AS debido FROM prestamos
             WHERE devuelto_en IS NOT NULL
             UNION ALL
             SELECT resultado->'datos'->>'ejemplar', resultado->'datos'->>'usuario', creada_en, 0, 1
             FROM operaciones WHERE tipo = 'devolucion' AND estado = 'CONFIRMADO')
         SELECT count(*) OVER (), 'el ejemplar ' || ejemplar || ' de ' || usuario || ' (' || en ||
                '): ' || sum(hay) || ' cierres por ' || sum(debido) || ' devoluciones'
         FROM hechos GROUP BY ejemplar, usuario, en HAVING sum(hay) <> sum(debido) LIMIT $1",
    ),
    (
        "cada renovación se contó una vez",
        "WITH hechos AS (
             SELECT ejemplar, usuario, renovaciones AS hay, 0 AS debido FROM prestamos
             UNION ALL
             SELECT resultado->'datos'->>'ejemplar', resultado->'datos'->>'usuario', 0, 1
             FROM operaciones WHERE tipo = 'renovacion' AND estado = 'CONFIRMADO')
         SELECT count(*) OVER (), 'el ejemplar ' || ejemplar || ' de ' || usuario || ': ' ||
                sum(hay) || ' renovaciones por ' || sum(debido) || ' operaciones'
         FROM hechos GROUP BY ejemplar, usuario HAVING sum(hay) <> sum(debido) LIMIT $1",
    ),
    (
        "cada préstamo es de un usuario registrado",
        "SELECT count(*) OVER (), 'el préstamo ' || id || ' es de ' || usuario FROM prestamos
         WHERE usuario NOT IN (SELECT id FROM usuarios) LIMIT $1",
    ),
];

const CUENTAS: &str = "SELECT (SELECT count(*) FROM operaciones) AS operaciones,
    (SELECT CAST(coalesce(sum(repeticiones), 0) AS BIGINT) FROM operaciones) AS repeticiones,
    (SELECT count(*) FROM prestamos WHERE devuelto_en IS NULL) AS abiertos";

const GUARDADAS_PG: &str = "SELECT o.op_id, o.tipo, o.estado, o.codigo, o.isbn, o.ejemplar,
    o.usuario, (o.resultado::json->'datos')::text AS datos
    FROM unnest($1::text[]) AS j(op_id) JOIN operaciones o ON o.op_id = j.op_id";

const GUARDADAS: &str = "SELECT o.op_id, o.tipo, o.estado, o.codigo, o.isbn, o.ejemplar, o.usuario,
    json_extract(o.resultado, '$.datos') AS datos
    FROM json_each($1) j CROSS JOIN operaciones o ON o.op_id = j.value";

/// An operation as the database has it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Guardada {
    /// The idempotency key.
    pub op_id: String,
    /// The operation's word.
    pub tipo: String,
    /// `CONFIRMADO` or `RECHAZADO`.
    pub estado: String,
    /// The refusal, if it is one.
    pub codigo: Option<String>,
    /// The book asked for.
    pub isbn: Option<String>,
    /// The copy asked for.
    pub ejemplar: Option<String>,
    /// Who asked.
    pub usuario: Option<String>,
    /// The stored answer's data, as JSON text.
    pub datos: String,
}

impl Guardada {
    /// The data of the stored answer; null for a text that is no JSON.
    #[must_use]
    pub fn datos(&self) -> Value {
        serde_json::from_str(&self.datos).unwrap_or(Value::Null)
    }
}

/// The result of one check of the database itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comprobacion {
    /// What should hold, in Spanish.
    pub regla: &'static str,
    /// How many times it does not.
    pub faltas: u64,
    /// Some of them, in Spanish.
    pub muestras: Vec<String>,
}

/// What the database holds, for the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromRow)]
pub struct Cuentas {
    /// Stored operations.
    pub operaciones: i64,
    /// Repeats that were answered from the store.
    pub repeticiones: i64,
    /// Open loans.
    pub abiertos: i64,
}

/// One moment of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auditoria {
    /// What it holds.
    pub cuentas: Cuentas,
    /// Its checks, each with what it found.
    pub comprobaciones: Vec<Comprobacion>,
    /// Those of the op_ids asked for that it knows.
    pub guardadas: HashMap<String, Guardada>,
}

/// What is looked at.
pub enum Fuente {
    /// An embedded database's file.
    Archivo(PathBuf),
    /// The primary among several servers.
    Servidores(Buscador),
}

impl Fuente {
    /// For people: never with a password.
    #[must_use]
    pub fn nombre(&self) -> String {
        match self {
            Self::Archivo(ruta) => ruta.display().to_string(),
            Self::Servidores(buscador) => buscador.nombre(),
        }
    }
}

/// Why the database cannot be read; `Display` is the Spanish sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum AuditoriaError {
    /// There is none here.
    #[error(
        "no hay base de datos en {}: auditar se ejecuta en el equipo que la tiene",
        .0.display()
    )]
    SinBase(PathBuf),
    /// A person must do something about it first: the reason says what.
    #[error("{0}")]
    PorHacer(String),
    /// No server answers as the primary, or it went away.
    #[error("{0}")]
    Inalcanzable(String),
    /// It is there and cannot be read: damaged, or not ours.
    #[error("no se puede leer {nombre}: {motivo}")]
    Ilegible {
        /// Which.
        nombre: String,
        /// Why.
        motivo: String,
    },
}

/// Reads one moment of the database: its checks and the operations of `op_ids`.
///
/// # Errors
/// [`AuditoriaError`] when there is none or it is not ours.
pub async fn auditar(fuente: &Fuente, op_ids: &[&str]) -> Result<Auditoria, AuditoriaError> {
    let ilegible = |motivo| AuditoriaError::Ilegible {
        nombre: fuente.nombre(),
        motivo,
    };
    match fuente {
        Fuente::Archivo(ruta) if !ruta.exists() => Err(AuditoriaError::SinBase(ruta.clone())),
        Fuente::Archivo(ruta) => de_archivo(ruta, op_ids)
            .await
            .map_err(|causa| ilegible(motivo(&causa))),
        Fuente::Servidores(buscador) => {
            let conexion = buscador.inspector().await.map_err(|fallo| match fallo {
                Fallo::SinPrimario(_) => AuditoriaError::Inalcanzable(fallo.to_string()),
                Fallo::Inservible(que) => AuditoriaError::PorHacer(que),
                otro => ilegible(otro.to_string()),
            })?;
            de_servidor(conexion, op_ids)
                .await
                .map_err(|causa| match &causa {
                    Error::Io(_) => AuditoriaError::Inalcanzable(format!(
                        "{} dejó de responder: {}",
                        fuente.nombre(),
                        motivo(&causa)
                    )),
                    _ => ilegible(motivo(&causa)),
                })
        }
    }
}

async fn de_archivo(ruta: &Path, op_ids: &[&str]) -> Result<Auditoria, Error> {
    let mut conexion = SqliteConnectOptions::new()
        .filename(ruta)
        .read_only(true)
        .busy_timeout(ESPERA_MAX)
        .disable_statement_logging()
        .connect()
        .await?;
    let mut vista = conexion.begin().await?;
    let cuentas = sqlx::query_as(CUENTAS).fetch_one(&mut *vista).await?;
    let mut comprobaciones = Vec::with_capacity(COMPROBACIONES.len());
    for (regla, sentencia) in COMPROBACIONES {
        let faltas = sqlx::query_as(sentencia).bind(MUESTRAS);
        comprobaciones.push(comprobacion(regla, faltas.fetch_all(&mut *vista).await?));
    }
    let mut guardadas = HashMap::new();
    for tanda in op_ids.chunks(TANDA) {
        let filas: Vec<Guardada> = sqlx::query_as(GUARDADAS)
            .bind(serde_json::to_string(tanda).map_err(|causa| Error::Encode(causa.into()))?)
            .fetch_all(&mut *vista)
            .await?;
        guardadas.extend(filas.into_iter().map(|fila| (fila.op_id.clone(), fila)));
    }
    vista.rollback().await?;
    conexion.close().await?;
    Ok(Auditoria {
        cuentas,
        comprobaciones,
        guardadas,
    })
}

async fn de_servidor(mut conexion: PgConnection, op_ids: &[&str]) -> Result<Auditoria, Error> {
    // Memory for whole tables, and nothing that waits for a standby.
    let inicio = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL work_mem = '256MB'";
    sqlx::raw_sql(inicio).execute(&mut conexion).await?;
    let cuentas = sqlx::query_as(CUENTAS).fetch_one(&mut conexion).await?;
    let mut comprobaciones = Vec::with_capacity(COMPROBACIONES.len());
    for (regla, sentencia) in COMPROBACIONES {
        // Made of our own text alone.
        let sentencia = AssertSqlSafe(sentencia.replace("resultado->", "resultado::json->"));
        let faltas = sqlx::query_as(sentencia).bind(MUESTRAS);
        comprobaciones.push(comprobacion(regla, faltas.fetch_all(&mut conexion).await?));
    }
    let mut guardadas = HashMap::new();
    for tanda in op_ids.chunks(TANDA) {
        let filas: Vec<Guardada> = sqlx::query_as(GUARDADAS_PG)
            .bind(tanda)
            .fetch_all(&mut conexion)
            .await?;
        guardadas.extend(filas.into_iter().map(|fila| (fila.op_id.clone(), fila)));
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut conexion).await?;
    conexion.close().await?;
    Ok(Auditoria {
        cuentas,
        comprobaciones,
        guardadas,
    })
}

fn comprobacion(regla: &'static str, filas: Vec<(i64, String)>) -> Comprobacion {
    let faltas = filas.first().map_or(0, |(faltas, _)| *faltas);
    Comprobacion {
        regla,
        faltas: u64::try_from(faltas).unwrap_or(0),
        muestras: filas.into_iter().map(|(_, muestra)| muestra).collect(),
    }
}
