//! Books of before authors were searched: their folded text has no author yet. Looked for at
//! every opening, so that a library finds all its books by author from then on.

use sqlx::Error;
use sqlx::sqlite::SqliteConnection;

use crate::db::filas::escribir;
use crate::db::titulo::{FILAS, buscable};

/// A folded text with an author has two lines.
const SIN_AUTOR: &str = "SELECT isbn, titulo, autor FROM libros
    WHERE autor IS NOT NULL AND instr(titulo_plegado, char(10)) = 0 LIMIT $1";

const PONER: &str = "UPDATE libros SET titulo_plegado = j.value->>1
    FROM jsonb_each($1) j WHERE libros.isbn = j.value->>0";

/// Gives them theirs; how many there were.
///
/// # Errors
/// What the database says; those that were done stay done.
pub async fn plegar_autores(conexion: &mut SqliteConnection) -> Result<usize, Error> {
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
        let plegados: Vec<_> = libros
            .iter()
            .map(|(isbn, titulo, autor)| (isbn, buscable(titulo, Some(autor))))
            .collect();
        sqlx::query(PONER)
            .bind(escribir(&plegados)?)
            .execute(&mut *conexion)
            .await?;
    }
}
