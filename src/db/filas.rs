//! The rows that a batch is decided on, as JSON texts: both databases give them in the same
//! shape, one column a kind of row, so that reading them is written once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use sqlx::Error;

use crate::db::decision::Conocida;
use crate::domain::foto::{Copia, Foto, Marca, Prestamo, Usuario};
use crate::domain::ids::{Ejemplar, Isbn, OpId, Sede, UsuarioId};
use crate::domain::principal::Principal;
use crate::domain::rechazo::Rechazo;
use crate::wire::respuesta::{Estado, Respuesta};

/// What the batch is decided on.
#[derive(Debug)]
pub struct Carga {
    /// Everything the operations name.
    pub foto: Foto,
    /// The operations that were decided before.
    pub conocidas: HashMap<OpId, Conocida>,
}

/// One JSON array of arrays for each kind of row, as a database gives them.
#[derive(Debug, sqlx::FromRow)]
pub struct Columnas {
    /// `[op_id, cuerpo_hash, estado, codigo, resultado, principal]`.
    pub conocidas: String,
    /// `[isbn, titulo]`.
    pub libros: String,
    /// `[codigo, isbn, sede, estado]`.
    pub copias: String,
    /// `[isbn, sede, [codigo of a free copy]]`.
    pub estantes: String,
    /// `[id, categoria, vence, bloqueado, open loans]`.
    pub usuarios: String,
    /// Open loans: `[id, ejemplar, isbn, usuario, sede, prestado_en, vence_en, renovaciones]`.
    pub prestamos: String,
    /// `[usuario, isbn, ejemplar, earliest prestado_en]`.
    pub marcas: String,
    /// The highest number of a loan.
    pub ultimo_id: i64,
}

type FilaOperacion = (OpId, String, String, Option<String>, String, String);
type FilaEstante = (Isbn, Sede, Vec<Ejemplar>);
type FilaUsuario = (UsuarioId, Option<String>, Option<Leido<Date>>, u8, u32);
type FilaPrestamo = (
    i64,
    Ejemplar,
    Isbn,
    UsuarioId,
    Sede,
    Leido<Timestamp>,
    Leido<Timestamp>,
    u32,
);
type FilaMarca = (
    Option<UsuarioId>,
    Option<Isbn>,
    Option<Ejemplar>,
    Leido<Timestamp>,
);

/// A value that a column holds as text.
pub struct Leido<T>(pub T);

impl<'de, T: FromStr> Deserialize<'de> for Leido<T>
where
    T::Err: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texto = <Cow<'de, str>>::deserialize(deserializer)?;
        texto.parse().map(Self).map_err(de::Error::custom)
    }
}

/// Reads them all.
///
/// # Errors
/// [`Error::Decode`] for a row that is not ours.
pub fn revelar(columnas: &Columnas) -> Result<Carga, Error> {
    let mut conocidas = HashMap::new();
    for fila in leer::<FilaOperacion>(&columnas.conocidas)? {
        let (op_id, cuerpo_hash, estado, codigo, resultado, principal) = fila;
        let respuesta = guardada(&estado, codigo.as_deref(), &resultado)?;
        let conocida = Conocida {
            cuerpo_hash,
            principal: Principal::de(principal),
            respuesta,
        };
        conocidas.insert(op_id, conocida);
    }
    Ok(Carga {
        foto: revelar_foto(columnas)?,
        conocidas,
    })
}

fn revelar_foto(columnas: &Columnas) -> Result<Foto, Error> {
    let mut foto = Foto::nueva(columnas.ultimo_id);
    for (isbn, titulo) in leer::<(Isbn, String)>(&columnas.libros)? {
        foto.con_libro(isbn, titulo);
    }
    for (codigo, isbn, sede, estado) in leer::<(Ejemplar, Isbn, Sede, String)>(&columnas.copias)? {
        let copia = Copia {
            isbn,
            sede,
            en_servicio: estado == "en_servicio",
        };
        foto.con_copia(codigo, copia);
    }
    for (isbn, sede, codigos) in leer::<FilaEstante>(&columnas.estantes)? {
        for codigo in codigos {
            foto.con_libre(codigo, isbn.clone(), sede.clone());
        }
    }
    for (id, categoria, vence, bloqueado, abiertos) in leer::<FilaUsuario>(&columnas.usuarios)? {
        let usuario = Usuario {
            categoria,
            vence: vence.map(|Leido(dia)| dia),
            bloqueado: bloqueado != 0,
            abiertos,
        };
        foto.con_usuario(id, usuario);
    }
    for fila in leer::<FilaPrestamo>(&columnas.prestamos)? {
        let (id, ejemplar, isbn, usuario, sede, prestado_en, vence_en, renovaciones) = fila;
        foto.con_prestamo(Prestamo {
            id,
            ejemplar,
            isbn,
            usuario,
            sede,
            prestado_en: prestado_en.0,
            vence_en: vence_en.0,
            devuelto_en: None,
            renovaciones,
        });
    }
    for fila in leer::<FilaMarca>(&columnas.marcas)? {
        match fila {
            (Some(usuario), _, Some(ejemplar), desde) => {
                foto.con_marca(Marca::Ejemplar(usuario, ejemplar), desde.0);
            }
            (Some(usuario), Some(libro), None, desde) => {
                foto.con_marca(Marca::Libro(usuario, libro), desde.0);
            }
            (None, _, Some(ejemplar), desde) => {
                foto.con_marca(Marca::Alguien(ejemplar), desde.0);
            }
            (_, None, None, _) | (None, _, None, _) => {}
        }
    }
    Ok(foto)
}

/// The column `resultado` of an operation; `datos` keeps its letters, as a repeat must.
#[derive(Debug, Serialize, Deserialize)]
pub struct Resultado<'a> {
    mensaje: Cow<'a, str>,
    fecha: Cow<'a, str>,
    #[serde(borrow)]
    datos: &'a RawValue,
}

impl Resultado<'_> {
    /// The text to store.
    ///
    /// # Errors
    /// [`Error::Encode`] when `datos` is no JSON.
    pub fn escribir(respuesta: &Respuesta) -> Result<String, Error> {
        let datos =
            serde_json::from_str(&respuesta.datos).map_err(|causa| Error::Encode(causa.into()))?;
        escribir(&Resultado {
            mensaje: Cow::Borrowed(&respuesta.mensaje),
            fecha: Cow::Borrowed(&respuesta.fecha),
            datos,
        })
    }
}

/// A stored answer, to the letter.
///
/// # Errors
/// [`Error::Decode`] when it is not one of ours.
pub fn guardada(estado: &str, codigo: Option<&str>, texto: &str) -> Result<Respuesta, Error> {
    let resultado: Resultado<'_> = serde_json::from_str(texto).map_err(Error::decode)?;
    let ajena = || Error::Decode(format!("stored answer of unknown kind {estado}").into());
    Ok(Respuesta {
        estado: Estado::de_palabra(estado).ok_or_else(ajena)?,
        rechazo: match codigo {
            None => None,
            Some(codigo) => Some(Rechazo::de_codigo(codigo).ok_or_else(ajena)?),
        },
        mensaje: resultado.mensaje.into_owned(),
        fecha: resultado.fecha.into_owned(),
        datos: resultado.datos.get().to_owned(),
        repetida: false,
    })
}

/// Rows as the JSON text that a statement takes. In SQLite rows of several columns go through
/// `jsonb_each`, which reads a row's text once; `json_each` gives it back as text, to be read
/// anew for each column.
///
/// # Errors
/// [`Error::Encode`], which plain text and numbers never give.
pub fn escribir(filas: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(filas).map_err(|causa| Error::Encode(causa.into()))
}

/// Rows out of the JSON text of a column.
///
/// # Errors
/// [`Error::Decode`] when somebody else wrote them.
pub fn leer<F: DeserializeOwned>(texto: &str) -> Result<Vec<F>, Error> {
    serde_json::from_str(texto).map_err(Error::decode)
}
