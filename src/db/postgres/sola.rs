//! A batch of one operation that names a book and no copy: what one client alone waits for.
//! Begun, locked and read in one trip, where a batch takes three that its size outweighs.
//!
//! The statements are those of `lectura` with each row looked up by its key: the server takes
//! longer to set up the joins and lists of a batch than to run them for one. They are prepared
//! once for each connection. Only the simple protocol carries several at a time, and it has no
//! parameters: values go as hexadecimal digits, in which nothing can be quoted or escaped.

use std::fmt::Write;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Error, FromRow};

use crate::db::Asiento;
use crate::db::postgres::cargar::{Cerrojos, Fila, Leida};
use crate::db::postgres::tropiezo::Tropiezo;
use crate::domain::ids::{Isbn, UsuarioId};
use crate::domain::operacion::Operacion;
use crate::wire::pedido::Pedido;

/// Makes the statements known to a connection.
///
/// # Errors
/// What the database says.
pub async fn anunciar(conexion: &mut PgConnection) -> Result<(), Error> {
    let sentencias = format!(
        "PREPARE sola_cerrojos (text, text) AS {CERROJOS};
        PREPARE sola_prestamo (text, text, text, text) AS {};
        PREPARE sola_pasado (text, text, text, text) AS {}",
        componer_lectura(ESTANTES, "'[]'"),
        componer_lectura("'[]'", MARCAS),
    );
    // Texts of this file.
    sqlx::raw_sql(AssertSqlSafe(sentencias))
        .execute(conexion)
        .await
        .map(|_| ())
}

/// The operation, if the batch is one.
#[must_use]
pub fn de(lote: &[Asiento]) -> Option<&Pedido> {
    let [Asiento { pedido, .. }] = lote else {
        return None;
    };
    (pedido.isbn.is_some() && pedido.ejemplar.is_none()).then_some(pedido)
}

/// Begins a transaction with `inicio`, locks and reads.
///
/// # Errors
/// What the database says, or a row that is not ours; the caller rolls back.
pub async fn empezar(
    conexion: &mut PgConnection,
    inicio: &str,
    pedido: &Pedido,
) -> Result<(Cerrojos, Leida), Tropiezo> {
    let lectura = match pedido.operacion {
        Operacion::Prestamo => "sola_prestamo",
        _ => "sola_pasado",
    };
    let op_id = literal(Some(pedido.op_id.as_str()));
    let isbn = literal(pedido.isbn.as_ref().map(Isbn::as_str));
    let usuario = literal(pedido.usuario.as_ref().map(UsuarioId::as_str));
    let sede = literal(Some(pedido.sede.as_str()));
    let mensaje = format!(
        "{inicio}; EXECUTE sola_cerrojos({isbn}, {usuario}); \
         EXECUTE {lectura}({op_id}, {isbn}, {usuario}, {sede})"
    );
    // Texts of this file and hexadecimal digits.
    let filas = sqlx::raw_sql(AssertSqlSafe(mensaje))
        .fetch_all(conexion)
        .await?;
    let [cerrojos, leida] = <[PgRow; 2]>::try_from(filas)
        .map_err(|filas| Error::Protocol(format!("{} rows of two statements", filas.len())))?;
    let (libros, usuarios) = <(String, String)>::from_row(&cerrojos)?;
    Ok((
        Cerrojos::leer(&libros, &usuarios)?,
        Fila::from_row(&leida)?.leer()?,
    ))
}

/// A text as an SQL expression without anything of it but digits.
fn literal(texto: Option<&str>) -> String {
    let Some(texto) = texto else {
        return "NULL".to_owned();
    };
    let mut sql = String::with_capacity(2 * texto.len() + 36);
    sql.push_str("convert_from(decode('");
    for byte in texto.bytes() {
        // To a String: it cannot fail.
        let _ = write!(sql, "{byte:02x}");
    }
    sql.push_str("', 'hex'), 'UTF8')");
    sql
}

/// The book ($1), then the user ($2). `IS DISTINCT FROM ''` holds for every isbn and for none:
/// the user waits until the book is locked.
const CERROJOS: &str = "
WITH libro AS MATERIALIZED (
    SELECT l.isbn FROM libros l WHERE l.isbn = $1 FOR NO KEY UPDATE OF l
), usuario AS MATERIALIZED (
    SELECT u.id FROM usuarios u
    WHERE (SELECT isbn FROM libro) IS DISTINCT FROM '' AND u.id = $2
    FOR NO KEY UPDATE OF u
)
SELECT coalesce((SELECT json_build_array(isbn) FROM libro)::text, '[]'),
       coalesce((SELECT json_build_array(id) FROM usuario)::text, '[]')";

/// A copy that is free, for a loan; nothing of the shelf when there is none.
const ESTANTES: &str = "json_build_array(json_build_array($2, $4,
        coalesce((SELECT json_build_array(e.codigo) FROM ejemplares e
            WHERE e.isbn = $2 AND e.sede = $4
              AND e.estado = 'en_servicio'
              AND (
                 SELECT p.id FROM prestamos p
                 WHERE p.ejemplar = e.codigo AND p.devuelto_en IS NULL) IS NULL
            ORDER BY e.codigo LIMIT 1), '[]')))::text";

/// When the user borrowed the book first, for what closes or prolongs a loan.
const MARCAS: &str = "coalesce('[' || (
        SELECT json_build_array(p.usuario, p.isbn, NULL::text, p.prestado_en)
        FROM prestamos p
        WHERE p.usuario = $3 AND p.isbn = $2
        ORDER BY p.usuario, p.isbn, p.prestado_en LIMIT 1)::text || ']', '[]')";

/// The columns of `lectura` for op_id ($1), isbn ($2), usuario ($3) and sede ($4).
fn componer_lectura(estantes: &str, marcas: &str) -> String {
    format!(
        "
WITH abierto AS MATERIALIZED (
    SELECT * FROM prestamos
    WHERE usuario = $3 AND isbn = $2 AND devuelto_en IS NULL LIMIT 1
)
SELECT
    coalesce('[' || (SELECT json_build_array(
            o.op_id, o.cuerpo_hash, o.estado, o.codigo, o.resultado, o.principal)
     FROM operaciones o WHERE o.op_id = $1)::text || ']', '[]') AS conocidas,
    coalesce('[' || (SELECT json_build_array(l.isbn, l.titulo)
     FROM libros l WHERE l.isbn = $2)::text || ']', '[]') AS libros,
    coalesce('[' || (SELECT json_build_array(e.codigo, e.isbn, e.sede, e.estado)
     FROM ejemplares e WHERE e.codigo = (SELECT ejemplar FROM abierto))::text || ']', '[]')
        AS copias,
    {estantes} AS estantes,
    coalesce('[' || (SELECT json_build_array(u.id, u.categoria, u.vence, u.bloqueado,
            (SELECT count(*) FROM prestamos p
             WHERE p.usuario = u.id AND p.devuelto_en IS NULL))
     FROM usuarios u WHERE u.id = $3)::text || ']', '[]') AS usuarios,
    coalesce('[' || (SELECT json_build_array(id, ejemplar, isbn, usuario, sede,
            prestado_en, vence_en, renovaciones) FROM abierto)::text || ']', '[]') AS prestamos,
    {marcas} AS marcas,
    0::bigint AS ultimo_id,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS reloj_ms,
    (SELECT prestado_en FROM abierto) AS ultimo_prestamo
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_digits_whatever_it_says() {
        assert_eq!(
            literal(Some("a'); --")),
            "convert_from(decode('6127293b202d2d', 'hex'), 'UTF8')"
        );
        assert_eq!(
            literal(Some("ñ")),
            "convert_from(decode('c3b1', 'hex'), 'UTF8')"
        );
        assert_eq!(literal(None), "NULL");
    }
}
