//! The answers to questions, `consulta` and `estado`, from the rows that a database gives.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::Error;

use crate::db::filas::{Leido, guardada, leer as leer_filas};
use crate::db::redaccion::{Existencias, PorSede, objeto, rechazada};
use crate::domain::ids::{Ejemplar, Isbn, OpId, Titulo, UsuarioId};
use crate::domain::plazo;
use crate::domain::principal::Principal;
use crate::domain::rechazo::Rechazo;
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::{Estado, Respuesta};

/// Most books of an answer to a search (contract §2).
pub const LIBROS_MAX: usize = 50;

/// A book: isbn, title, author, and `[sede, free, all]` of each branch as JSON.
pub type FilaLibro = (String, String, Option<String>, String);

/// Somebody who borrows: their name, and their open loans, the first due first, as
/// [`FilaPrestado`]s in JSON.
pub type FilaUsuario = (Option<String>, String);

/// `[ejemplar, isbn, title, sede, prestado_en, vence_en, renovaciones]`.
type FilaPrestado = (
    String,
    String,
    String,
    String,
    Leido<Timestamp>,
    String,
    u32,
);

/// A decided operation: tipo, estado, codigo, resultado.
pub type FilaOperacion = (String, String, Option<String>, String, String);

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
struct Suyos<'a> {
    usuario: &'a UsuarioId,
    nombre: Option<String>,
    prestamos: Vec<Prestado>,
}

#[derive(Serialize)]
struct Prestado {
    isbn: String,
    ejemplar: String,
    titulo: String,
    sede: String,
    fecha_prestamo: String,
    fecha_devolucion: String,
    renovaciones: u32,
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

/// A book by its isbn.
///
/// # Errors
/// [`Error::Decode`] for a row that is not ours; so all of them here.
pub fn por_isbn(fila: Option<FilaLibro>, isbn: &Isbn, fecha: String) -> Result<Respuesta, Error> {
    let Some(fila) = fila else {
        return Ok(Respuesta {
            mensaje: format!("{}: '{isbn}'", Rechazo::LibroNoEncontrado.mensaje()),
            ..rechazada(Rechazo::LibroNoEncontrado, fecha)
        });
    };
    uno(fila, None, fecha)
}

/// One copy, which `isbn`, if told, must be of.
///
/// # Errors
/// See [`por_isbn`].
pub fn por_ejemplar(
    fila: Option<FilaLibro>,
    ejemplar: &Ejemplar,
    isbn: Option<&Isbn>,
    fecha: String,
) -> Result<Respuesta, Error> {
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

/// The books that a search found, at most [`LIBROS_MAX`].
///
/// # Errors
/// See [`por_isbn`].
pub fn por_titulo(
    filas: Vec<FilaLibro>,
    titulo: &Titulo,
    fecha: String,
) -> Result<Respuesta, Error> {
    let libros = filas
        .into_iter()
        .map(|fila| libro(fila, None))
        .collect::<Result<Vec<_>, _>>()?;
    let mensaje = match libros.len() {
        0 => format!("Ningún libro tiene «{titulo}» en su título o su autor"),
        1 => "Se encontró un libro".to_owned(),
        LIBROS_MAX => format!("Se muestran los primeros {LIBROS_MAX} libros"),
        cuantos => format!("Se encontraron {cuantos} libros"),
    };
    let datos = objeto(&BTreeMap::from([("libros", libros)]));
    Ok(confirmada(mensaje, datos, fecha))
}

/// A user's open loans, at most [`LIBROS_MAX`].
///
/// # Errors
/// See [`por_isbn`].
pub fn por_usuario(
    fila: Option<FilaUsuario>,
    usuario: &UsuarioId,
    zona: &TimeZone,
    fecha: String,
) -> Result<Respuesta, Error> {
    let Some((nombre, prestamos)) = fila else {
        return Ok(Respuesta {
            mensaje: format!("{}: '{usuario}'", Rechazo::UsuarioNoEncontrado.mensaje()),
            ..rechazada(Rechazo::UsuarioNoEncontrado, fecha)
        });
    };
    let prestamos: Vec<Prestado> = leer_filas::<FilaPrestado>(&prestamos)?
        .into_iter()
        .map(
            |(ejemplar, isbn, titulo, sede, prestado_en, vence_en, renovaciones)| Prestado {
                isbn,
                ejemplar,
                titulo,
                sede,
                fecha_prestamo: plazo::texto_ms(prestado_en.0, zona),
                fecha_devolucion: vence_en,
                renovaciones,
            },
        )
        .collect();
    let mensaje = match prestamos.len() {
        0 => format!("{usuario} no tiene préstamos abiertos"),
        1 => format!("{usuario} tiene un préstamo abierto"),
        LIBROS_MAX => format!("Se muestran los primeros {LIBROS_MAX} préstamos de {usuario}"),
        cuantos => format!("{usuario} tiene {cuantos} préstamos abiertos"),
    };
    let datos = objeto(&Suyos {
        usuario,
        nombre,
        prestamos,
    });
    Ok(confirmada(mensaje, datos, fecha))
}

/// What became of an operation, to whom it belongs; to others there is none.
///
/// # Errors
/// See [`por_isbn`].
pub fn estado(
    fila: Option<FilaOperacion>,
    pedido: &Pedido,
    fecha: String,
) -> Result<Respuesta, Error> {
    let suya = fila.filter(|fila| pedido.principal.alcanza(&Principal::de(fila.4.as_str())));
    let Some((operacion, estado, codigo, resultado, _)) = suya else {
        return Ok(rechazada(Rechazo::OperacionNoEncontrada, fecha));
    };
    let respuesta = guardada(&estado, codigo.as_deref(), &resultado)?;
    let datos = objeto(&Guardada {
        exito: respuesta.estado.exito(),
        mensaje: &respuesta.mensaje,
        fecha_operacion: &respuesta.fecha,
        datos: serde_json::from_str(&respuesta.datos).map_err(Error::decode)?,
        op_id: &pedido.op_id,
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
        "«{}»: {disponibles} de {total} {}",
        libro.titulo,
        if total == 1 {
            "ejemplar disponible"
        } else {
            "ejemplares disponibles"
        },
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
