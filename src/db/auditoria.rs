//! Looking at a SQLite database from outside, for `auditar` and the drill: read-only, beside a
//! running node or with none. It never takes the lock and never writes.
//!
//! Every question is asked in one read transaction: one moment of the database.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Error, FromRow};

/// How long a statement waits for a recovery that another process makes.
const ESPERA_MAX: Duration = Duration::from_secs(5);

/// Op_ids asked for in one statement: each is a text in one JSON parameter.
const TANDA: usize = 1_000;

/// Rows told of each kind of inconsistency; the count is of all.
const MUESTRAS: i64 = 5;

/// Each is a check: its Spanish description and a statement that gives a sentence for each
/// thing that is wrong. `$1` is how many of them are wanted.
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
               GROUP BY isbn, sede)
         GROUP BY isbn, sede HAVING sum(partes) <> sum(total) LIMIT $1",
    ),
    (
        "cada préstamo viene de una operación, y cada operación hizo un préstamo",
        "WITH hechos AS (
             SELECT ejemplar, usuario, prestado_en AS en, 1 AS hay, 0 AS debido FROM prestamos
             WHERE (ejemplar, prestado_en) NOT IN
                 (SELECT clave, fecha FROM historial WHERE objeto = 'prestamo')
             UNION ALL
             SELECT resultado->>'$.datos.ejemplar', resultado->>'$.datos.usuario', creada_en, 0, 1
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
             SELECT resultado->>'$.datos.ejemplar', resultado->>'$.datos.usuario', creada_en, 0, 1
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
             SELECT resultado->>'$.datos.ejemplar', resultado->>'$.datos.usuario', 0, 1
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

/// The database cannot be read; `Display` is the Spanish sentence for the user.
#[derive(Debug, thiserror::Error)]
#[error("no se puede leer {}: {causa}", ruta.display())]
pub struct AuditoriaError {
    ruta: PathBuf,
    #[source]
    causa: Error,
}

/// Reads one moment of the database at `ruta`: its checks and the operations of `op_ids`.
///
/// # Errors
/// [`AuditoriaError`] when there is no such file or it is not ours.
pub async fn auditar(ruta: &Path, op_ids: &[&str]) -> Result<Auditoria, AuditoriaError> {
    leer(ruta, op_ids).await.map_err(|causa| AuditoriaError {
        ruta: ruta.to_owned(),
        causa,
    })
}

async fn leer(ruta: &Path, op_ids: &[&str]) -> Result<Auditoria, Error> {
    let mut conexion = SqliteConnectOptions::new()
        .filename(ruta)
        .read_only(true)
        .busy_timeout(ESPERA_MAX)
        .disable_statement_logging()
        .connect()
        .await?;
    let mut vista = conexion.begin().await?;
    let cuentas = sqlx::query_as(
        "SELECT (SELECT count(*) FROM operaciones) AS operaciones,
                (SELECT coalesce(sum(repeticiones), 0) FROM operaciones) AS repeticiones,
                (SELECT count(*) FROM prestamos WHERE devuelto_en IS NULL) AS abiertos",
    )
    .fetch_one(&mut *vista)
    .await?;
    let mut comprobaciones = Vec::with_capacity(COMPROBACIONES.len());
    for (regla, sentencia) in COMPROBACIONES {
        comprobaciones.push(comprobar(&mut vista, regla, sentencia).await?);
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

async fn comprobar(
    vista: &mut SqliteConnection,
    regla: &'static str,
    sentencia: &'static str,
) -> Result<Comprobacion, Error> {
    let filas: Vec<(i64, String)> = sqlx::query_as(sentencia)
        .bind(MUESTRAS)
        .fetch_all(vista)
        .await?;
    Ok(Comprobacion {
        regla,
        faltas: filas
            .first()
            .map_or(0, |(faltas, _)| u64::try_from(*faltas).unwrap_or(0)),
        muestras: filas.into_iter().map(|(_, muestra)| muestra).collect(),
    })
}
