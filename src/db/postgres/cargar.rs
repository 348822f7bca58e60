//! Locks what a batch is about and reads it: two statements, because at READ COMMITTED only a
//! statement that begins after the locks are held sees what their last holders committed.
//!
//! A lock on a book stands for its copies and their loans: everything a batch changes belongs
//! to a book, so two batches on one book, from two almacenamientos, take turns. Books before
//! users, each in the order of its key: nobody waits in a circle.

use std::collections::HashSet;

use sqlx::postgres::PgConnection;

use crate::db::Asiento;
use crate::db::filas::{Carga, Columnas, leer, revelar};
use crate::db::postgres::tropiezo::Tropiezo;
use crate::domain::foto::Foto;
use crate::domain::ids::{Ejemplar, Isbn, UsuarioId};

/// `(SELECT count(*) …)` makes the users wait until every book is locked. FOR NO KEY UPDATE
/// keeps other batches out and lets their foreign keys look.
const CERROJOS: &str = "
WITH pedido AS (
    SELECT isbn FROM unnest($1::text[]) AS i(isbn)
    UNION
    SELECT e.isbn FROM unnest($2::text[]) AS c(codigo) JOIN ejemplares e ON e.codigo = c.codigo
), libro AS MATERIALIZED (
    SELECT l.isbn FROM libros l WHERE l.isbn IN (SELECT isbn FROM pedido)
    ORDER BY l.isbn FOR NO KEY UPDATE OF l
), usuario AS MATERIALIZED (
    SELECT u.id FROM usuarios u
    WHERE (SELECT count(*) FROM libro) >= 0 AND u.id IN (SELECT unnest($3::text[]))
    ORDER BY u.id FOR NO KEY UPDATE OF u
)
SELECT coalesce((SELECT json_agg(isbn) FROM libro), '[]')::text,
       coalesce((SELECT json_agg(id) FROM usuario), '[]')::text";

/// As SQLite's, and two more columns: the server's clock, and the latest loan among those
/// that may be closed. Of a shelf no more free copies are read than the batch can take from it,
/// those it names by their code included. LATERAL … LIMIT 1 makes the planner look each open loan up: without
/// statistics it takes open loans for few and reads their whole index instead; the same with
/// `(SELECT …) IS NULL`, which unlike NOT EXISTS is never made a join (64 loans of a batch took
/// 270 ms, now 2).
const CARGA: &str = "
WITH pedido AS MATERIALIZED (
    SELECT p.op_id, p.tipo, p.isbn, p.ejemplar, p.usuario, p.sede,
           coalesce(p.isbn, (SELECT e.isbn FROM ejemplares e
                             WHERE e.codigo = p.ejemplar)) AS libro
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
        AS p(op_id, tipo, isbn, ejemplar, usuario, sede)
), estante AS (
    SELECT isbn, sede, count(*) + (
        SELECT count(*) FROM pedido WHERE tipo = 'prestamo' AND ejemplar IS NOT NULL) AS pedidas
    FROM pedido
    WHERE tipo = 'prestamo' AND ejemplar IS NULL AND isbn IS NOT NULL
    GROUP BY isbn, sede
), copia AS (
    SELECT DISTINCT ejemplar FROM pedido WHERE ejemplar IS NOT NULL
), par AS (
    SELECT DISTINCT usuario, libro FROM pedido WHERE usuario IS NOT NULL AND libro IS NOT NULL
), abierto AS MATERIALIZED (
    SELECT p.* FROM copia CROSS JOIN LATERAL (
        SELECT * FROM prestamos
        WHERE ejemplar = copia.ejemplar AND devuelto_en IS NULL LIMIT 1) p
    UNION
    SELECT p.* FROM par CROSS JOIN LATERAL (
        SELECT * FROM prestamos
        WHERE usuario = par.usuario AND isbn = par.libro AND devuelto_en IS NULL LIMIT 1) p
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
            (SELECT min(p.prestado_en) FROM prestamos p
             WHERE p.usuario = pasado.usuario AND p.isbn = pasado.libro
               AND p.ejemplar = pasado.ejemplar)
        END AS desde
    FROM pasado
)
SELECT
    coalesce((SELECT json_agg(json_build_array(
            o.op_id, o.cuerpo_hash, o.estado, o.codigo, o.resultado, o.principal))
     FROM (SELECT DISTINCT op_id FROM pedido) q CROSS JOIN LATERAL (
        SELECT * FROM operaciones WHERE op_id = q.op_id LIMIT 1) o),
     '[]')::text AS conocidas,
    coalesce((SELECT json_agg(json_build_array(l.isbn, l.titulo))
     FROM (SELECT DISTINCT libro FROM pedido) q JOIN libros l ON l.isbn = q.libro),
     '[]')::text AS libros,
    coalesce((SELECT json_agg(json_build_array(e.codigo, e.isbn, e.sede, e.estado))
     FROM (SELECT ejemplar AS codigo FROM copia UNION SELECT ejemplar FROM abierto) q
     JOIN ejemplares e ON e.codigo = q.codigo), '[]')::text AS copias,
    coalesce((SELECT json_agg(json_build_array(q.isbn, q.sede, (
        SELECT coalesce(json_agg(codigo), '[]') FROM (
            SELECT e.codigo FROM ejemplares e
            WHERE e.isbn = q.isbn AND e.sede = q.sede AND e.estado = 'en_servicio'
              AND (
                 SELECT p.id FROM prestamos p
                 WHERE p.ejemplar = e.codigo AND p.devuelto_en IS NULL) IS NULL
            ORDER BY e.codigo LIMIT q.pedidas) libre)))
     FROM estante q), '[]')::text AS estantes,
    coalesce((SELECT json_agg(json_build_array(u.id, u.categoria, u.vence, u.bloqueado,
            (SELECT count(*) FROM prestamos p
             WHERE p.usuario = u.id AND p.devuelto_en IS NULL)))
     FROM (SELECT DISTINCT usuario FROM pedido) q CROSS JOIN LATERAL (
        SELECT * FROM usuarios WHERE id = q.usuario LIMIT 1) u),
     '[]')::text AS usuarios,
    coalesce((SELECT json_agg(json_build_array(id, ejemplar, isbn, usuario, sede,
            prestado_en, vence_en, renovaciones)) FROM abierto), '[]')::text AS prestamos,
    coalesce((SELECT json_agg(json_build_array(usuario, libro, ejemplar, desde))
     FROM marca WHERE desde IS NOT NULL), '[]')::text AS marcas,
    0::bigint AS ultimo_id,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS reloj_ms,
    (SELECT max(prestado_en) FROM abierto) AS ultimo_prestamo
";

/// The rows that this transaction keeps from others.
#[derive(Debug)]
pub struct Cerrojos {
    libros: HashSet<Isbn>,
    usuarios: HashSet<UsuarioId>,
}

/// What the batch is decided on, and when.
#[derive(Debug)]
pub struct Leida {
    /// The rows.
    pub carga: Carga,
    /// The server's clock after the locks, in ms.
    pub reloj_ms: i64,
    /// When the latest of the open loans began: a return of it is no earlier.
    pub ultimo_prestamo: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Fila {
    #[sqlx(flatten)]
    columnas: Columnas,
    reloj_ms: i64,
    ultimo_prestamo: Option<String>,
}

/// Waits for the books and users of a batch and locks them.
///
/// # Errors
/// What the database says; the caller rolls back.
pub async fn bloquear(conexion: &mut PgConnection, lote: &[Asiento]) -> Result<Cerrojos, Tropiezo> {
    let pedidos = || lote.iter().map(|asiento| &asiento.pedido);
    let isbns: Vec<&str> = pedidos()
        .filter_map(|p| p.isbn.as_ref().map(Isbn::as_str))
        .collect();
    let copias: Vec<&str> = pedidos()
        .filter_map(|p| p.ejemplar.as_ref().map(Ejemplar::as_str))
        .collect();
    let usuarios: Vec<&str> = pedidos()
        .filter_map(|p| p.usuario.as_ref().map(UsuarioId::as_str))
        .collect();
    let (libros, usuarios): (String, String) = sqlx::query_as(CERROJOS)
        .bind(isbns)
        .bind(copias)
        .bind(usuarios)
        .fetch_one(conexion)
        .await?;
    Ok(Cerrojos {
        libros: leer(&libros)?.into_iter().collect(),
        usuarios: leer(&usuarios)?.into_iter().collect(),
    })
}

/// Reads it all; only after [`bloquear`].
///
/// # Errors
/// What the database says, or a row that is not ours.
pub async fn cargar(conexion: &mut PgConnection, lote: &[Asiento]) -> Result<Leida, Tropiezo> {
    let pedidos = || lote.iter().map(|asiento| &asiento.pedido);
    let fila: Fila = sqlx::query_as(CARGA)
        .bind(pedidos().map(|p| p.op_id.as_str()).collect::<Vec<_>>())
        .bind(pedidos().map(|p| p.operacion.palabra()).collect::<Vec<_>>())
        .bind(columna(lote, |a| a.pedido.isbn.as_ref().map(Isbn::as_str)))
        .bind(columna(lote, |a| {
            a.pedido.ejemplar.as_ref().map(Ejemplar::as_str)
        }))
        .bind(columna(lote, |a| {
            a.pedido.usuario.as_ref().map(UsuarioId::as_str)
        }))
        .bind(pedidos().map(|p| p.sede.as_str()).collect::<Vec<_>>())
        .fetch_one(conexion)
        .await?;
    Ok(Leida {
        carga: revelar(&fila.columnas)?,
        reloj_ms: fila.reloj_ms,
        ultimo_prestamo: fila.ultimo_prestamo,
    })
}

impl Cerrojos {
    /// Whether everything that the batch names and the second statement found is locked; what
    /// was made between the two is not.
    ///
    /// # Errors
    /// [`Tropiezo::Cambio`]: the batch must begin again.
    pub fn cubren(&self, foto: &Foto, lote: &[Asiento]) -> Result<(), Tropiezo> {
        for asiento in lote {
            let pedido = &asiento.pedido;
            let copia = pedido.ejemplar.as_ref().and_then(|c| foto.copia(c));
            let isbn = pedido.isbn.as_ref().filter(|i| foto.titulo(i).is_some());
            let libros = isbn.into_iter().chain(copia.map(|copia| &copia.isbn));
            if libros.into_iter().any(|isbn| !self.libros.contains(isbn)) {
                return Err(Tropiezo::Cambio("a book"));
            }
            let usuario = pedido.usuario.as_ref();
            let usuario = usuario.filter(|id| foto.usuario(id).is_some());
            if usuario.is_some_and(|id| !self.usuarios.contains(id)) {
                return Err(Tropiezo::Cambio("a user"));
            }
        }
        Ok(())
    }
}

fn columna<'a>(
    lote: &'a [Asiento],
    campo: impl Fn(&'a Asiento) -> Option<&'a str>,
) -> Vec<Option<&'a str>> {
    lote.iter().map(campo).collect()
}
