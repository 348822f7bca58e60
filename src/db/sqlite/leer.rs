//! Questions, answered from committed data by the readers' pool: `consulta` and `estado`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::Error;
use sqlx::sqlite::SqlitePool;

use crate::db::redaccion::{Existencias, PorSede, objeto, rechazada};
use crate::db::sqlite::cargar::{escribir, guardada, leer as leer_filas};
use crate::db::titulo::patrones;
use crate::domain::ids::{Ejemplar, Isbn, OpId, Titulo};
use crate::domain::operacion::Operacion;
use crate::domain::plazo;
use crate::domain::rechazo::Rechazo;
use crate::domain::reglas::Reglas;
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::{Estado, Respuesta};

/// Most books of an answer to a search (contract §2).
const LIBROS_MAX: usize = 50;

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

const OPERACION: &str = "SELECT tipo, estado, codigo, resultado
    FROM operaciones WHERE op_id = $1";

type FilaLibro = (String, String, Option<String>, String);

#[derive(Serialize)]
struct Libro<'a> {
    isbn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ejemplar: Option<&'a Ejemplar>,
    titulo: String,
    autor: Option<String>,
    #[serde(flatten)]
    existencias: Existencias,
    sedes: PorSede,
}

#[derive(Serialize)]
struct Guardada<'a> {
    exito: bool,
    mensaje: &'a str,
    #[serde(rename = "fechaOperacion")]
    fecha_operacion: &'a str,
    datos: &'a RawValue,
    op_id: &'a OpId,
    estado: &'static str,
    codigo: Option<&'static str>,
    repetida: bool,
    operacion: &'a str,
}

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
        return estado(lectores, &pedido.op_id, fecha).await;
    }
    match (&pedido.ejemplar, &pedido.isbn, &pedido.titulo) {
        (Some(ejemplar), isbn, _) => por_ejemplar(lectores, ejemplar, isbn.as_ref(), fecha).await,
        (None, Some(isbn), _) => por_isbn(lectores, isbn, fecha).await,
        (None, None, Some(titulo)) => por_titulo(lectores, titulo, fecha).await,
        (None, None, None) => Ok(rechazada(Rechazo::LibroNoEncontrado, fecha)),
    }
}

async fn por_isbn(lectores: &SqlitePool, isbn: &Isbn, fecha: String) -> Result<Respuesta, Error> {
    let fila: Option<FilaLibro> = sqlx::query_as(POR_ISBN)
        .bind(isbn.as_str())
        .fetch_optional(lectores)
        .await?;
    let Some(fila) = fila else {
        return Ok(Respuesta {
            mensaje: format!("{}: '{isbn}'", Rechazo::LibroNoEncontrado.mensaje()),
            ..rechazada(Rechazo::LibroNoEncontrado, fecha)
        });
    };
    uno(fila, None, fecha)
}

async fn por_ejemplar(
    lectores: &SqlitePool,
    ejemplar: &Ejemplar,
    isbn: Option<&Isbn>,
    fecha: String,
) -> Result<Respuesta, Error> {
    let fila: Option<FilaLibro> = sqlx::query_as(POR_EJEMPLAR)
        .bind(ejemplar.as_str())
        .fetch_optional(lectores)
        .await?;
    match fila {
        Some(fila) if isbn.is_none_or(|isbn| isbn.as_str() == fila.0) => {
            uno(fila, Some(ejemplar), fecha)
        }
        _ => Ok(Respuesta {
            mensaje: format!("{}: '{ejemplar}'", Rechazo::EjemplarNoEncontrado.mensaje()),
            ..rechazada(Rechazo::EjemplarNoEncontrado, fecha)
        }),
    }
}

async fn por_titulo(
    lectores: &SqlitePool,
    titulo: &Titulo,
    fecha: String,
) -> Result<Respuesta, Error> {
    let filas: Vec<FilaLibro> = sqlx::query_as(POR_TITULO)
        .bind(escribir(&patrones(titulo.as_str()))?)
        .bind(i64::try_from(LIBROS_MAX).unwrap_or(i64::MAX))
        .fetch_all(lectores)
        .await?;
    let libros = filas
        .into_iter()
        .map(|fila| libro(fila, None))
        .collect::<Result<Vec<_>, _>>()?;
    let mensaje = match libros.len() {
        0 => format!("Ningún título contiene «{titulo}»"),
        1 => "Se encontró un libro".to_owned(),
        LIBROS_MAX => format!("Se muestran los primeros {LIBROS_MAX} libros"),
        cuantos => format!("Se encontraron {cuantos} libros"),
    };
    let datos = objeto(&BTreeMap::from([("libros", libros)]));
    Ok(confirmada(mensaje, datos, fecha))
}

async fn estado(lectores: &SqlitePool, op_id: &OpId, fecha: String) -> Result<Respuesta, Error> {
    type Fila = (String, String, Option<String>, String);
    let fila: Option<Fila> = sqlx::query_as(OPERACION)
        .bind(op_id.as_str())
        .fetch_optional(lectores)
        .await?;
    let Some((operacion, estado, codigo, resultado)) = fila else {
        return Ok(rechazada(Rechazo::OperacionNoEncontrada, fecha));
    };
    let respuesta = guardada(&estado, codigo.as_deref(), &resultado)?;
    let datos = objeto(&Guardada {
        exito: respuesta.estado.exito(),
        mensaje: &respuesta.mensaje,
        fecha_operacion: &respuesta.fecha,
        datos: serde_json::from_str(&respuesta.datos).map_err(Error::decode)?,
        op_id,
        estado: respuesta.estado.palabra(),
        codigo: respuesta.rechazo.map(|rechazo| rechazo.codigo()),
        repetida: false,
        operacion: &operacion,
    });
    let mensaje = format!("La operación quedó en {estado}: {}", respuesta.mensaje);
    Ok(confirmada(mensaje, datos, fecha))
}

fn uno(fila: FilaLibro, ejemplar: Option<&Ejemplar>, fecha: String) -> Result<Respuesta, Error> {
    let libro = libro(fila, ejemplar)?;
    let Existencias {
        disponibles, total, ..
    } = libro.existencias;
    let mensaje = format!(
        "«{}»: {disponibles} de {total} {} disponibles",
        libro.titulo,
        if total == 1 { "ejemplar" } else { "ejemplares" },
    );
    let datos = objeto(&libro);
    Ok(confirmada(mensaje, datos, fecha))
}

fn libro(fila: FilaLibro, ejemplar: Option<&Ejemplar>) -> Result<Libro<'_>, Error> {
    let (isbn, titulo, autor, sedes) = fila;
    let mut por_sede = PorSede::new();
    let (mut disponibles, mut total) = (0, 0);
    for (sede, libres, todos) in leer_filas::<(String, u64, u64)>(&sedes)? {
        disponibles += libres;
        total += todos;
        por_sede.insert(sede, Existencias::de(libres, todos));
    }
    Ok(Libro {
        isbn,
        ejemplar,
        titulo,
        autor,
        existencias: Existencias::de(disponibles, total),
        sedes: por_sede,
    })
}

fn confirmada(mensaje: String, datos: String, fecha: String) -> Respuesta {
    Respuesta {
        estado: Estado::Confirmado,
        rechazo: None,
        mensaje,
        fecha,
        datos,
        repetida: false,
    }
}
