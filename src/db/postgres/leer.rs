//! Questions, answered from committed data by the readers' pool: `consulta` and `estado`.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::Error;
use sqlx::postgres::PgPool;

use crate::db::consulta::{self, FilaOperacion, LIBROS_MAX};
use crate::db::postgres::aviso::Oyente;
use crate::db::postgres::conexion::tardo;
use crate::db::redaccion::rechazada;
use crate::db::titulo::patrones;
use crate::domain::operacion::Operacion;
use crate::domain::plazo;
use crate::domain::rechazo::Rechazo;
use crate::domain::reglas::Reglas;
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::Respuesta;

/// Longest wait until a stored answer is known to be on the standby too.
const BARRERA_MAX: Duration = Duration::from_millis(700);

const POR_ISBN: &str = "SELECT l.isbn, l.titulo, l.autor,
    coalesce((SELECT json_agg(json_build_array(d.sede, d.disponibles, d.total))
     FROM disponibilidad d WHERE d.isbn = l.isbn), '[]')::text
    FROM libros l WHERE l.isbn = $1";

const POR_TITULO: &str = "SELECT l.isbn, l.titulo, l.autor,
    coalesce((SELECT json_agg(json_build_array(d.sede, d.disponibles, d.total)) FROM (
        SELECT e.sede, count(*) AS total, count(*) FILTER (
            WHERE e.estado = 'en_servicio' AND (
                 SELECT p.id FROM prestamos p
                 WHERE p.ejemplar = e.codigo AND p.devuelto_en IS NULL) IS NULL) AS disponibles
        FROM ejemplares e WHERE e.isbn = l.isbn GROUP BY e.sede) d), '[]')::text
    FROM (SELECT * FROM libros
          WHERE NOT EXISTS (SELECT 1 FROM unnest($1::text[]) AS p(patron)
                            WHERE titulo_plegado NOT LIKE p.patron)
          ORDER BY titulo_plegado, isbn LIMIT $2) l
    ORDER BY l.titulo_plegado, l.isbn";

const POR_EJEMPLAR: &str = "SELECT l.isbn, l.titulo, l.autor,
    json_build_array(json_build_array(e.sede,
        CASE WHEN e.estado = 'en_servicio' AND (
                 SELECT p.id FROM prestamos p
                 WHERE p.ejemplar = e.codigo AND p.devuelto_en IS NULL) IS NULL
        THEN 1 ELSE 0 END, 1))::text
    FROM ejemplares e JOIN libros l ON l.isbn = e.isbn WHERE e.codigo = $1";

const POR_USUARIO: &str = "SELECT u.nombre,
    coalesce((SELECT json_agg(json_build_array(p.ejemplar, p.isbn, p.titulo, p.sede,
            p.prestado_en, p.vence_en, p.renovaciones)) FROM (
        SELECT a.*, l.titulo FROM prestamos a JOIN libros l ON l.isbn = a.isbn
        WHERE a.usuario = u.id AND a.devuelto_en IS NULL
        ORDER BY a.vence_en, a.isbn LIMIT $2) p), '[]')::text
    FROM usuarios u WHERE u.id = $1";

const OPERACION: &str = "SELECT tipo, estado, codigo, resultado, principal
    FROM operaciones WHERE op_id = $1";

/// Writes nothing but a mark in the WAL: its commit waits for the standby as any other.
const BARRERA: &str = "SELECT pg_logical_emit_message(true, 'biblioteca', '')";

/// Answers a `consulta` or an `estado`; anything else is not known here. With `replicada` a
/// stored answer is told only when a synchronous standby has it: after a crash, a row can be
/// seen that no standby has, and a promotion would undo what was told.
///
/// # Errors
/// What the database says, or that the standby was waited for in vain.
pub async fn leer(
    lectores: &PgPool,
    reglas: &Reglas,
    pedido: &Pedido,
    ahora: Timestamp,
    replicada: bool,
) -> Result<Respuesta, Error> {
    let fecha = plazo::texto_ms(ahora, &reglas.zona_horaria);
    if pedido.operacion != Operacion::Consulta {
        let fila: Option<FilaOperacion> = sqlx::query_as(OPERACION)
            .bind(pedido.op_id.as_str())
            .fetch_optional(lectores)
            .await?;
        if replicada && fila.is_some() {
            barrera(lectores).await?;
        }
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
                .bind(patrones(titulo.as_str()))
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

/// The connection leaves the pool: one that waits for a standby is closed, not given back.
async fn barrera(lectores: &PgPool) -> Result<(), Error> {
    let mut conexion = lectores.acquire().await?.detach();
    let oyente = Oyente::nuevo();
    let marca = oyente.oir(sqlx::query(BARRERA).execute(&mut conexion));
    let (hecho, aviso) = tokio::time::timeout(BARRERA_MAX, marca)
        .await
        .map_err(|_| sin_replica())?;
    hecho?;
    if aviso { Err(sin_replica()) } else { Ok(()) }
}

/// Not an I/O error: the primary is there, only its standby is not.
fn sin_replica() -> Error {
    Error::Configuration(tardo("the standby does not have it yet").into())
}
