//! A library moves from its SQLite file to PostgreSQL: everything, op_ids included, in one
//! transaction, counted on both sides before it is committed.
//!
//! The file is owned meanwhile, so no node writes to it; the new database must have nothing
//! in it yet. It takes over the library's identity: what waits in a diario is still sent to it.

use std::path::Path;

use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqlitePool;
use sqlx::{Connection, Error};

use crate::db::Fallo;
use crate::db::postgres::duena;
use crate::db::sqlite::{Opciones, SqliteAlmacen};

/// Rows that are carried at once: a few MB of memory.
const FILAS: i64 = 2_000;

/// One table: its name, what is read of it, and where that goes.
struct Tabla {
    nombre: &'static str,
    /// $1: the last rowid carried, $2: how many rows. Rows as JSON, and the last rowid.
    leer: &'static str,
    escribir: &'static str,
    contar: &'static str,
}

/// In the order of their foreign keys.
const TABLAS: [Tabla; 7] = [
    Tabla {
        nombre: "sedes",
        leer: "SELECT json_group_array(json_array(sede)), max(f) FROM
               (SELECT rowid AS f, * FROM sedes WHERE rowid > $1 ORDER BY rowid LIMIT $2)",
        escribir: "INSERT INTO sedes (sede) SELECT v->>0 FROM json_array_elements($1::json) AS j(v)",
        contar: "SELECT count(*) FROM sedes",
    },
    Tabla {
        nombre: "libros",
        leer:
            "SELECT json_group_array(json_array(isbn, titulo, autor, titulo_plegado)), max(f) FROM
               (SELECT rowid AS f, * FROM libros WHERE rowid > $1 ORDER BY rowid LIMIT $2)",
        escribir: "INSERT INTO libros (isbn, titulo, autor, titulo_plegado)
                   SELECT v->>0, v->>1, v->>2, v->>3 FROM json_array_elements($1::json) AS j(v)",
        contar: "SELECT count(*) FROM libros",
    },
    Tabla {
        nombre: "ejemplares",
        leer: "SELECT json_group_array(json_array(codigo, isbn, sede, estado)), max(f) FROM
               (SELECT rowid AS f, * FROM ejemplares WHERE rowid > $1 ORDER BY rowid LIMIT $2)",
        escribir: "INSERT INTO ejemplares (codigo, isbn, sede, estado)
                   SELECT v->>0, v->>1, v->>2, v->>3 FROM json_array_elements($1::json) AS j(v)",
        contar: "SELECT count(*) FROM ejemplares",
    },
    Tabla {
        nombre: "usuarios",
        leer: "SELECT json_group_array(json_array(
                   id, nombre, categoria, vence, bloqueado, motivo, creado_en)), max(f) FROM
               (SELECT rowid AS f, * FROM usuarios WHERE rowid > $1 ORDER BY rowid LIMIT $2)",
        escribir: "INSERT INTO usuarios
                   (id, nombre, categoria, vence, bloqueado, motivo, creado_en)
                   SELECT v->>0, v->>1, v->>2, (v->>3)::date, (v->>4)::bigint, v->>5, v->>6
                   FROM json_array_elements($1::json) AS j(v)",
        contar: "SELECT count(*) FROM usuarios",
    },
    Tabla {
        nombre: "prestamos",
        leer: "SELECT json_group_array(json_array(id, ejemplar, isbn, usuario, sede, prestado_en,
                   vence_en, devuelto_en, renovaciones)), max(f) FROM
               (SELECT rowid AS f, * FROM prestamos WHERE rowid > $1 ORDER BY rowid LIMIT $2)",
        escribir: "INSERT INTO prestamos (id, ejemplar, isbn, usuario, sede, prestado_en,
                   vence_en, devuelto_en, renovaciones)
                   SELECT (v->>0)::bigint, v->>1, v->>2, v->>3, v->>4, v->>5, v->>6, v->>7,
                          (v->>8)::bigint FROM json_array_elements($1::json) AS j(v)",
        contar: "SELECT count(*) FROM prestamos",
    },
    Tabla {
        nombre: "operaciones",
        leer: "SELECT json_group_array(json_array(op_id, tipo, cuerpo_hash, estado, codigo,
                   resultado, isbn, ejemplar, usuario, sede, creada_en, repeticiones,
                   repetida_en, principal)), max(f) FROM
               (SELECT rowid AS f, * FROM operaciones WHERE rowid > $1 ORDER BY rowid LIMIT $2)",
        escribir: "INSERT INTO operaciones (op_id, tipo, cuerpo_hash, estado, codigo, resultado,
                   isbn, ejemplar, usuario, sede, creada_en, repeticiones, repetida_en, principal)
                   SELECT v->>0, v->>1, v->>2, v->>3, v->>4, v->>5, v->>6, v->>7, v->>8, v->>9,
                          v->>10, (v->>11)::bigint, v->>12, v->>13
                   FROM json_array_elements($1::json) AS j(v)",
        contar: "SELECT count(*) FROM operaciones",
    },
    Tabla {
        nombre: "historial",
        leer: "SELECT json_group_array(json_array(id, fecha, accion, objeto, clave, detalle,
                   autor)), max(f) FROM
               (SELECT rowid AS f, * FROM historial WHERE rowid > $1 ORDER BY rowid LIMIT $2)",
        escribir: "INSERT INTO historial (id, fecha, accion, objeto, clave, detalle, autor)
                   SELECT (v->>0)::bigint, v->>1, v->>2, v->>3, v->>4, v->>5, v->>6
                   FROM json_array_elements($1::json) AS j(v)",
        contar: "SELECT count(*) FROM historial",
    },
];

const NUMEROS: &str = "SELECT
    setval(pg_get_serial_sequence('prestamos', 'id'),
           (SELECT coalesce(max(id), 0) + 1 FROM prestamos), false),
    setval(pg_get_serial_sequence('historial', 'id'),
           (SELECT coalesce(max(id), 0) + 1 FROM historial), false)";

/// Moves the library of the SQLite file `desde` to the primary among `urls`, with the owner's
/// address, whose tables are there and empty. The number of rows of each table. The file is
/// left as it is.
///
/// # Errors
/// [`Fallo::Ocupada`] while a node has the file; [`Fallo::Inservible`] when there is no such
/// file, the new database is not empty, or a count is not the same on both sides, in which
/// cases nothing is changed.
pub async fn mudar(desde: &Path, urls: &[String]) -> Result<Vec<(&'static str, i64)>, Fallo> {
    if !desde.exists() {
        let ruta = desde.display();
        return Err(Fallo::Inservible(format!("no existe el archivo {ruta}")));
    }
    let vieja = SqliteAlmacen::abrir(Opciones::nuevas(desde)).await?;
    let mut nueva = duena(urls).await?;
    let mut transaccion = nueva.begin().await.map_err(Fallo::NoAplicado)?;
    let cuentas = copiar(vieja.lectores(), &mut transaccion).await?;
    transaccion.commit().await.map_err(Fallo::Incierto)?;
    analizar(&mut nueva).await;
    vieja.cerrar().await;
    Ok(cuentas)
}

async fn copiar(
    vieja: &SqlitePool,
    nueva: &mut PgConnection,
) -> Result<Vec<(&'static str, i64)>, Fallo> {
    let mut cuentas = Vec::new();
    for tabla in &TABLAS {
        let nombre = tabla.nombre;
        let (antes,) = contar(tabla.contar, nueva)
            .await
            .map_err(Fallo::NoAplicado)?;
        if antes > 0 {
            return Err(Fallo::Inservible(format!(
                "la base de datos nueva ya tiene {antes} filas en '{nombre}'; la mudanza es a \
                 una vacía, recién hecha con 'biblioteca migrar'"
            )));
        }
        una_tabla(tabla, vieja, nueva)
            .await
            .map_err(Fallo::NoAplicado)?;
        let (debidas,): (i64,) = sqlx::query_as(tabla.contar)
            .fetch_one(vieja)
            .await
            .map_err(Fallo::NoAplicado)?;
        let (llegadas,) = contar(tabla.contar, nueva)
            .await
            .map_err(Fallo::NoAplicado)?;
        if debidas != llegadas {
            return Err(Fallo::Inservible(format!(
                "de '{nombre}' llegaron {llegadas} filas de {debidas}; nada cambió"
            )));
        }
        cuentas.push((nombre, llegadas));
    }
    identidad(vieja, nueva).await.map_err(Fallo::NoAplicado)?;
    Ok(cuentas)
}

async fn contar(sentencia: &'static str, nueva: &mut PgConnection) -> Result<(i64,), Error> {
    sqlx::query_as(sentencia).fetch_one(nueva).await
}

async fn una_tabla(
    tabla: &Tabla,
    vieja: &SqlitePool,
    nueva: &mut PgConnection,
) -> Result<(), Error> {
    let mut ultima = i64::MIN;
    loop {
        let (filas, hasta): (String, Option<i64>) = sqlx::query_as(tabla.leer)
            .bind(ultima)
            .bind(FILAS)
            .fetch_one(vieja)
            .await?;
        let Some(hasta) = hasta else {
            return Ok(());
        };
        sqlx::query(tabla.escribir)
            .bind(filas)
            .execute(&mut *nueva)
            .await?;
        ultima = hasta;
    }
}

async fn identidad(vieja: &SqlitePool, nueva: &mut PgConnection) -> Result<(), Error> {
    let (base_id, creada_en): (String, String) =
        sqlx::query_as("SELECT base_id, creada_en FROM base")
            .fetch_one(vieja)
            .await?;
    sqlx::query("UPDATE base SET base_id = $1, creada_en = $2")
        .bind(base_id)
        .bind(creada_en)
        .execute(&mut *nueva)
        .await?;
    sqlx::query(NUMEROS).execute(nueva).await.map(|_| ())
}

/// Statistics of the new rows; without them the first questions are only slower.
async fn analizar(nueva: &mut PgConnection) {
    if let Err(causa) = sqlx::raw_sql("ANALYZE").execute(nueva).await {
        tracing::warn!(%causa, "no statistics of the new tables yet");
    }
}
