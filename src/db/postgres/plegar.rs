//! Books of before authors were searched: their folded text has no author yet. Looked for at
//! every `biblioteca migrar`, whose owner may change what it likes.

use sqlx::Error;
use sqlx::postgres::PgConnection;

use crate::db::titulo::{FILAS, buscable};

/// A folded text with an author has two lines.
const SIN_AUTOR: &str = "SELECT isbn, titulo, autor FROM libros
    WHERE autor IS NOT NULL AND strpos(titulo_plegado, chr(10)) = 0 LIMIT $1";

const PONER: &str = "UPDATE libros l SET titulo_plegado = p.plegado
    FROM unnest($1::text[], $2::text[]) AS p(isbn, plegado) WHERE l.isbn = p.isbn";

/// Gives them theirs; how many there were.
///
/// # Errors
/// What the database says; those that were done stay done.
pub async fn plegar_autores(conexion: &mut PgConnection) -> Result<usize, Error> {
    let mut cuantos = 0;
    loop {
        let libros: Vec<(String, String, String)> = sqlx::query_as(SIN_AUTOR)
            .bind(FILAS)
            .fetch_all(&mut *conexion)
            .await?;
        if libros.is_empty() {
            return Ok(cuantos);
        }
        cuantos += libros.len();
        let plegados = libros
            .iter()
            .map(|(_, titulo, autor)| buscable(titulo, Some(autor)));
        sqlx::query(PONER)
            .bind(libros.iter().map(|l| l.0.as_str()).collect::<Vec<_>>())
            .bind(plegados.collect::<Vec<_>>())
            .execute(&mut *conexion)
            .await?;
    }
}
