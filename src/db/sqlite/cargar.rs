//! One statement reads everything a batch needs, whatever its size: each statement costs a
//! trip to SQLite's thread, and each row one through a channel, so the rows come as JSON
//! arrays in the columns of a single row.

use sqlx::Error;
use sqlx::sqlite::SqliteConnection;

use crate::db::Asiento;
use crate::db::filas::{Carga, Columnas, escribir, revelar};

/// $1: the batch as `[op_id, tipo, isbn, ejemplar, usuario, sede]`.
/// `CROSS JOIN` fixes the order of the joins: from the batch to the indexed tables.
/// `INDEXED BY` counts a user's open loans without reading all the closed ones.
/// The limit is no parameter: SQLite plans a statement anew for each value bound to a LIMIT.
const CARGA: &str = "
WITH pedido AS MATERIALIZED (
    SELECT j.value->>0 AS op_id, j.value->>1 AS tipo, j.value->>2 AS isbn,
           j.value->>3 AS ejemplar, j.value->>4 AS usuario, j.value->>5 AS sede,
           coalesce(j.value->>2, (SELECT e.isbn FROM ejemplares e
                                  WHERE e.codigo = j.value->>3)) AS libro
    FROM jsonb_each($1) j
), conocida AS (
    SELECT DISTINCT op_id FROM pedido
), estante AS (
    SELECT DISTINCT isbn, sede FROM pedido
    WHERE tipo = 'prestamo' AND ejemplar IS NULL AND isbn IS NOT NULL
), copia AS (
    SELECT DISTINCT ejemplar FROM pedido WHERE ejemplar IS NOT NULL
), par AS (
    SELECT DISTINCT usuario, libro FROM pedido WHERE usuario IS NOT NULL AND libro IS NOT NULL
), abierto AS (
    SELECT p.id FROM copia CROSS JOIN prestamos p
    ON p.ejemplar = copia.ejemplar AND p.devuelto_en IS NULL
    UNION
    SELECT p.id FROM par CROSS JOIN prestamos p
    ON p.usuario = par.usuario AND p.isbn = par.libro AND p.devuelto_en IS NULL
), pasado AS (
    SELECT DISTINCT usuario, libro, ejemplar FROM pedido WHERE tipo <> 'prestamo'
), marca AS (
    SELECT usuario, libro, ejemplar, CASE
        WHEN usuario IS NULL THEN
            (SELECT min(p.prestado_en) FROM prestamos p WHERE p.ejemplar = pasado.ejemplar)
        WHEN ejemplar IS NULL THEN
            (SELECT min(p.prestado_en) FROM prestamos p
             WHERE p.usuario = pasado.usuario AND p.isbn = pasado.libro)
        ELSE
            (SELECT p.prestado_en FROM prestamos p
             WHERE p.usuario = pasado.usuario AND p.isbn = pasado.libro
               AND p.ejemplar = pasado.ejemplar
             ORDER BY p.prestado_en LIMIT 1)
        END AS desde
    FROM pasado
)
SELECT
    (SELECT json_group_array(json_array(
            o.op_id, o.cuerpo_hash, o.estado, o.codigo, o.resultado, o.principal))
     FROM conocida CROSS JOIN operaciones o ON o.op_id = conocida.op_id) AS conocidas,
    (SELECT json_group_array(json_array(l.isbn, l.titulo))
     FROM (SELECT DISTINCT libro FROM pedido) q CROSS JOIN libros l ON l.isbn = q.libro) AS libros,
    (SELECT json_group_array(json_array(e.codigo, e.isbn, e.sede, e.estado))
     FROM (SELECT ejemplar AS codigo FROM copia
           UNION SELECT p.ejemplar FROM abierto CROSS JOIN prestamos p ON p.id = abierto.id) q
     CROSS JOIN ejemplares e ON e.codigo = q.codigo) AS copias,
    (SELECT json_group_array(json_array(q.isbn, q.sede, json((
        SELECT json_group_array(codigo) FROM (
            SELECT e.codigo FROM ejemplares e
            WHERE e.isbn = q.isbn AND e.sede = q.sede AND e.estado = 'en_servicio'
              AND NOT EXISTS (SELECT 1 FROM prestamos p
                              WHERE p.ejemplar = e.codigo AND p.devuelto_en IS NULL)
            ORDER BY e.codigo LIMIT (SELECT count(*) FROM pedido))))))
     FROM estante q) AS estantes,
    (SELECT json_group_array(json_array(u.id, u.categoria, u.vence, u.bloqueado,
            (SELECT count(*) FROM prestamos p INDEXED BY prestamos_abiertos_por_usuario
             WHERE p.usuario = u.id AND p.devuelto_en IS NULL)))
     FROM (SELECT DISTINCT usuario FROM pedido) q CROSS JOIN usuarios u ON u.id = q.usuario) AS usuarios,
    (SELECT json_group_array(json_array(p.id, p.ejemplar, p.isbn, p.usuario, p.sede,
            p.prestado_en, p.vence_en, p.renovaciones))
     FROM abierto CROSS JOIN prestamos p ON p.id = abierto.id) AS prestamos,
    (SELECT json_group_array(json_array(usuario, libro, ejemplar, desde))
     FROM marca WHERE desde IS NOT NULL) AS marcas,
    (SELECT coalesce(max(id), 0) FROM prestamos) AS ultimo_id
";

/// Reads it all.
///
/// # Errors
/// What the database says, or [`Error::Decode`] for a row that is not ours.
pub async fn cargar(conexion: &mut SqliteConnection, lote: &[Asiento]) -> Result<Carga, Error> {
    let filas: Vec<_> = lote
        .iter()
        .map(|asiento| {
            let p = &asiento.pedido;
            let tipo = p.operacion.palabra();
            (&p.op_id, tipo, &p.isbn, &p.ejemplar, &p.usuario, &p.sede)
        })
        .collect();
    let columnas: Columnas = sqlx::query_as(CARGA)
        .bind(escribir(&filas)?)
        .fetch_one(conexion)
        .await?;
    revelar(&columnas)
}
