//! Questions, answered from committed data by the readers' pool: `consulta` and `estado`.

use jiff::Timestamp;
use sqlx::Error;
use sqlx::sqlite::SqlitePool;

use crate::db::consulta::{self, LIBROS_MAX};
use crate::db::filas::escribir;
use crate::db::redaccion::rechazada;
use crate::db::titulo::patrones;
use crate::domain::operacion::Operacion;
use crate::domain::plazo;
use crate::domain::rechazo::Rechazo;
use crate::domain::reglas::Reglas;
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::Respuesta;

/// The view `disponibilidad` of one book, written out: SQLite computes a grouped view whole
/// when its filter comes from another table, which took 3 ms a question.
const POR_ISBN: &str = "SELECT l.isbn, l.titulo, l.autor,
    (SELECT json_group_array(json_array(d.sede, d.disponibles, d.total)) FROM (
        SELECT e.sede, count(*) AS total, sum(e.estado = 'en_servicio' AND NOT EXISTS (
            SELECT 1 FROM prestamos p WHERE p.ejemplar = e.codigo AND p.devuelto_en IS NULL
        )) AS disponibles
        FROM ejemplares e WHERE e.isbn = l.isbn GROUP BY e.sede) d)
    FROM libros l WHERE l.isbn = $1";

const POR_TITULO: &str = "SELECT l.isbn, l.titulo, l.autor,
    (SELECT json_group_array(json_array(d.sede, d.disponibles, d.total)) FROM (
        SELECT e.sede, count(*) AS total, sum(e.estado = 'en_servicio' AND NOT EXISTS (
            SELECT 1 FROM prestamos p WHERE p.ejemplar = e.codigo AND p.devuelto_en IS NULL
        )) AS disponibles
        FROM ejemplares e WHERE e.isbn = l.isbn GROUP BY e.sede) d)
    FROM libros l
    WHERE NOT EXISTS (SELECT 1 FROM json_each($1) j
                      WHERE l.titulo_plegado NOT LIKE j.value ESCAPE '\\')
    ORDER BY l.titulo_plegado, l.isbn LIMIT (SELECT $2)";

const POR_EJEMPLAR: &str = "SELECT l.isbn, l.titulo, l.autor,
    json_array(json_array(e.sede,
        e.estado = 'en_servicio' AND NOT EXISTS (
            SELECT 1 FROM prestamos p WHERE p.ejemplar = e.codigo AND p.devuelto_en IS NULL),
        1))
    FROM ejemplares e JOIN libros l ON l.isbn = e.isbn WHERE e.codigo = $1";

const POR_USUARIO: &str = "SELECT u.nombre,
    (SELECT json_group_array(json_array(p.ejemplar, p.isbn, p.titulo, p.sede, p.prestado_en,
            p.vence_en, p.renovaciones)) FROM (
        SELECT a.*, l.titulo FROM prestamos a JOIN libros l ON l.isbn = a.isbn
        WHERE a.usuario = u.id AND a.devuelto_en IS NULL
        ORDER BY a.vence_en, a.isbn LIMIT (SELECT $2)) p)
    FROM usuarios u WHERE u.id = $1";

const OPERACION: &str = "SELECT tipo, estado, codigo, resultado, principal
    FROM operaciones WHERE op_id = $1";

/// Answers a `consulta` or an `estado`; anything else is not known here.
///
/// # Errors
/// What the database says.
pub async fn leer(
    lectores: &SqlitePool,
    reglas: &Reglas,
    pedido: &Pedido,
    ahora: Timestamp,
) -> Result<Respuesta, Error> {
    let fecha = plazo::texto_ms(ahora, &reglas.zona_horaria);
    if pedido.operacion != Operacion::Consulta {
        let fila = sqlx::query_as(OPERACION)
            .bind(pedido.op_id.as_str())
            .fetch_optional(lectores)
            .await?;
        return consulta::estado(fila, pedido, fecha);
    }
    match (
        &pedido.ejemplar,
        &pedido.isbn,
        &pedido.titulo,
        &pedido.usuario,
    ) {
        (Some(ejemplar), isbn, ..) => {
            let fila = sqlx::query_as(POR_EJEMPLAR)
                .bind(ejemplar.as_str())
                .fetch_optional(lectores)
                .await?;
            consulta::por_ejemplar(fila, ejemplar, isbn.as_ref(), fecha)
        }
        (None, Some(isbn), ..) => {
            let fila = sqlx::query_as(POR_ISBN)
                .bind(isbn.as_str())
                .fetch_optional(lectores)
                .await?;
            consulta::por_isbn(fila, isbn, fecha)
        }
        (None, None, Some(titulo), _) => {
            let filas = sqlx::query_as(POR_TITULO)
                .bind(escribir(&patrones(titulo.as_str()))?)
                .bind(i64::try_from(LIBROS_MAX).unwrap_or(i64::MAX))
                .fetch_all(lectores)
                .await?;
            consulta::por_titulo(filas, titulo, fecha)
        }
        (None, None, None, Some(usuario)) => {
            let fila = sqlx::query_as(POR_USUARIO)
                .bind(usuario.as_str())
                .bind(i64::try_from(LIBROS_MAX).unwrap_or(i64::MAX))
                .fetch_optional(lectores)
                .await?;
            consulta::por_usuario(fila, usuario, &reglas.zona_horaria, fecha)
        }
        (None, None, None, None) => Ok(rechazada(Rechazo::LibroNoEncontrado, fecha)),
    }
}
