//! One statement reads everything a batch needs, whatever its size: each statement costs a
//! trip to SQLite's thread, and each row one through a channel, so the rows come as JSON
//! arrays in the columns of a single row.

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
use sqlx::sqlite::SqliteConnection;

use crate::db::Asiento;
use crate::db::decision::Conocida;
use crate::domain::foto::{Copia, Foto, Marca, Prestamo, Usuario};
use crate::domain::ids::{Ejemplar, Isbn, OpId, Sede, UsuarioId};
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
    FROM json_each($1) j
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
            o.op_id, o.cuerpo_hash, o.estado, o.codigo, o.resultado))
     FROM conocida CROSS JOIN operaciones o ON o.op_id = conocida.op_id),
    (SELECT json_group_array(json_array(l.isbn, l.titulo))
     FROM (SELECT DISTINCT libro FROM pedido) q CROSS JOIN libros l ON l.isbn = q.libro),
    (SELECT json_group_array(json_array(e.codigo, e.isbn, e.sede, e.estado))
     FROM (SELECT ejemplar AS codigo FROM copia
           UNION SELECT p.ejemplar FROM abierto CROSS JOIN prestamos p ON p.id = abierto.id) q
     CROSS JOIN ejemplares e ON e.codigo = q.codigo),
    (SELECT json_group_array(json_array(q.isbn, q.sede, json((
        SELECT json_group_array(codigo) FROM (
            SELECT e.codigo FROM ejemplares e
            WHERE e.isbn = q.isbn AND e.sede = q.sede AND e.estado = 'en_servicio'
              AND NOT EXISTS (SELECT 1 FROM prestamos p
                              WHERE p.ejemplar = e.codigo AND p.devuelto_en IS NULL)
            ORDER BY e.codigo LIMIT (SELECT count(*) FROM pedido))))))
     FROM estante q),
    (SELECT json_group_array(json_array(u.id, u.categoria, u.vence, u.bloqueado,
            (SELECT count(*) FROM prestamos p INDEXED BY prestamos_abiertos_por_usuario
             WHERE p.usuario = u.id AND p.devuelto_en IS NULL)))
     FROM (SELECT DISTINCT usuario FROM pedido) q CROSS JOIN usuarios u ON u.id = q.usuario),
    (SELECT json_group_array(json_array(p.id, p.ejemplar, p.isbn, p.usuario, p.sede,
            p.prestado_en, p.vence_en, p.renovaciones))
     FROM abierto CROSS JOIN prestamos p ON p.id = abierto.id),
    (SELECT json_group_array(json_array(usuario, libro, ejemplar, desde))
     FROM marca WHERE desde IS NOT NULL),
    (SELECT coalesce(max(id), 0) FROM prestamos)
";

type Columnas = (String, String, String, String, String, String, String, i64);
type FilaOperacion = (OpId, String, String, Option<String>, String);
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
struct Leido<T>(T);

impl<'de, T: FromStr> Deserialize<'de> for Leido<T>
where
    T::Err: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texto = <Cow<'de, str>>::deserialize(deserializer)?;
        texto.parse().map(Self).map_err(de::Error::custom)
    }
}

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
    let mut conocidas = HashMap::new();
    for fila in leer::<FilaOperacion>(&columnas.0)? {
        let (op_id, cuerpo_hash, estado, codigo, resultado) = fila;
        let respuesta = guardada(&estado, codigo.as_deref(), &resultado)?;
        conocidas.insert(
            op_id,
            Conocida {
                cuerpo_hash,
                respuesta,
            },
        );
    }
    Ok(Carga {
        foto: revelar(&columnas)?,
        conocidas,
    })
}

fn revelar(columnas: &Columnas) -> Result<Foto, Error> {
    let (_, libros, copias, estantes, usuarios, prestamos, marcas, ultimo_id) = columnas;
    let mut foto = Foto::nueva(*ultimo_id);
    for (isbn, titulo) in leer::<(Isbn, String)>(libros)? {
        foto.con_libro(isbn, titulo);
    }
    for (codigo, isbn, sede, estado) in leer::<(Ejemplar, Isbn, Sede, String)>(copias)? {
        let copia = Copia {
            isbn,
            sede,
            en_servicio: estado == "en_servicio",
        };
        foto.con_copia(codigo, copia);
    }
    for (isbn, sede, codigos) in leer::<FilaEstante>(estantes)? {
        for codigo in codigos {
            foto.con_libre(codigo, isbn.clone(), sede.clone());
        }
    }
    for (id, categoria, vence, bloqueado, abiertos) in leer::<FilaUsuario>(usuarios)? {
        let usuario = Usuario {
            categoria,
            vence: vence.map(|Leido(dia)| dia),
            bloqueado: bloqueado != 0,
            abiertos,
        };
        foto.con_usuario(id, usuario);
    }
    for fila in leer::<FilaPrestamo>(prestamos)? {
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
    for fila in leer::<FilaMarca>(marcas)? {
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

/// Rows as the JSON text that a statement takes.
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
