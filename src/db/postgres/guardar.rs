//! Writes what a batch decided, effects and answers in one statement ([`escritura`]); each
//! column an array, so that the statement is the same whatever the batch's size. What an operation
//! alone decided is written with its COMMIT, by `sola`.

use std::collections::{BTreeMap, HashMap};

use sqlx::postgres::PgConnection;

use crate::db::Asiento;
use crate::db::decision::{Hecho, Suerte, hechos};
use crate::db::filas::{Resultado, leer};
use crate::db::postgres::columnas::{Columna, Filas};
use crate::db::postgres::escritura::escritura;
use crate::db::postgres::tropiezo::Tropiezo;
use crate::db::redaccion::{Existencias, PorSede};
use crate::domain::foto::Foto;
use crate::domain::ids::{Isbn, OpId};
use crate::wire::respuesta::Respuesta;

const EXISTENCIAS: &str = "
SELECT coalesce(json_agg(json_build_array(isbn, sede, disponibles, total)), '[]')::text
FROM (SELECT e.isbn, e.sede, count(*) AS total,
             count(*) FILTER (WHERE e.estado = 'en_servicio' AND (
                 SELECT p.id FROM prestamos p
                 WHERE p.ejemplar = e.codigo AND p.devuelto_en IS NULL) IS NULL) AS disponibles
      FROM ejemplares e WHERE e.isbn = ANY($1::text[])
      GROUP BY e.isbn, e.sede) d";

/// What is written: one part alone, or both together.
pub struct Escrito<'a> {
    /// Where the effects are: users, changed loans, new loans.
    pub foto: Option<&'a Foto>,
    /// The answers to store, and the repeats to mark.
    pub contestadas: Contestadas<'a>,
}

/// The answers of a batch, parted into new ones and repeats.
#[derive(Default)]
pub struct Contestadas<'a> {
    /// What is decided now.
    pub nuevas: Vec<Nueva<'a>>,
    /// What that changed.
    pub hechos: Vec<Hecho<'a>>,
    /// What was decided before, and how often it was asked for again.
    pub repetidas: BTreeMap<&'a OpId, i64>,
}

/// An operation decided now.
pub struct Nueva<'a> {
    /// As it was asked.
    pub asiento: &'a Asiento,
    /// The answer.
    pub respuesta: &'a Respuesta,
    /// The same, as it is stored.
    pub resultado: String,
    /// Times that it was asked for again in the same batch.
    pub repeticiones: i64,
}

/// Writes it in one trip; nothing when there is nothing to write.
///
/// # Errors
/// What the database says: a unique violation when another almacenamiento decided the same
/// op_id meanwhile, in which case the batch begins again and finds it decided;
/// [`Tropiezo::Cambio`] when a loan is not as it was read. The caller rolls back.
pub async fn guardar(conexion: &mut PgConnection, filas: Filas<'_>) -> Result<(), Tropiezo> {
    if filas.partes().next().is_none() {
        return Ok(());
    }
    let sentencia = escritura(filas.partes());
    let mut pregunta = sqlx::query_as::<_, (i64, i64, i64, i64, i64, i64)>(sentencia);
    for columna in filas.columnas {
        pregunta = match columna {
            Columna::Instante(texto) => pregunta.bind(texto),
            Columna::Textos(textos) => pregunta.bind(textos),
            Columna::Numeros(numeros) => pregunta.bind(numeros),
        };
    }
    let escritas = pregunta.fetch_one(conexion).await?;
    let escritas = <[i64; 6]>::from(escritas);
    for ((parte, pedidas), escritas) in filas.cuentas.into_iter().zip(escritas) {
        if usize::try_from(escritas) != Ok(pedidas) {
            return Err(Tropiezo::Cambio(parte.que()));
        }
    }
    Ok(())
}

/// How many copies of these books each branch has, with what this transaction wrote.
///
/// # Errors
/// What the database says; the caller rolls back.
pub async fn existencias(
    conexion: &mut PgConnection,
    libros: &[&Isbn],
) -> Result<HashMap<Isbn, PorSede>, Tropiezo> {
    let mut por_libro: HashMap<Isbn, PorSede> = HashMap::new();
    if libros.is_empty() {
        return Ok(por_libro);
    }
    let (texto,): (String,) = sqlx::query_as(EXISTENCIAS)
        .bind(libros.iter().map(|isbn| isbn.as_str()).collect::<Vec<_>>())
        .fetch_one(conexion)
        .await?;
    for (isbn, sede, disponibles, total) in leer::<(Isbn, String, u64, u64)>(&texto)? {
        let existencias = Existencias::de(disponibles, total);
        por_libro.entry(isbn).or_default().insert(sede, existencias);
    }
    Ok(por_libro)
}

/// Repeats of an operation that this very batch decides are counted in its own row, which the
/// statement that inserts it cannot update as well.
///
/// # Errors
/// [`Tropiezo::Base`] for an answer that is no JSON, which ours never is.
pub fn repartir<'a>(
    lote: &'a [Asiento],
    suertes: &'a [Suerte],
    respuestas: &'a [Respuesta],
) -> Result<Contestadas<'a>, Tropiezo> {
    let mut nuevas = Vec::with_capacity(lote.len());
    let mut repetidas: BTreeMap<&OpId, i64> = BTreeMap::new();
    for ((asiento, suerte), respuesta) in lote.iter().zip(suertes).zip(respuestas) {
        match suerte {
            Suerte::Conflicto => {}
            Suerte::Repetida(_) | Suerte::Eco(_) => {
                *repetidas.entry(&asiento.pedido.op_id).or_default() += 1;
            }
            Suerte::Nueva(_) => nuevas.push(Nueva {
                asiento,
                respuesta,
                resultado: Resultado::escribir(respuesta)?,
                repeticiones: 0,
            }),
        }
    }
    for nueva in &mut nuevas {
        let veces = repetidas.remove(&nueva.asiento.pedido.op_id);
        nueva.repeticiones = veces.unwrap_or(0);
    }
    let hechos = hechos(lote, suertes);
    Ok(Contestadas {
        nuevas,
        hechos,
        repetidas,
    })
}
