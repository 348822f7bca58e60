//! Writes what a batch decided, effects and answers in one statement ([`escritura`]); each
//! column an array, so that the statement is the same whatever the batch's size.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use sqlx::postgres::PgConnection;

use crate::db::Asiento;
use crate::db::decision::{Hecho, Suerte, hechos};
use crate::db::filas::{Resultado, leer};
use crate::db::postgres::escritura::{Parte, escritura};
use crate::db::postgres::tropiezo::Tropiezo;
use crate::db::redaccion::{Existencias, PorSede};
use crate::db::reloj::texto_utc;
use crate::domain::foto::{Foto, Prestamo};
use crate::domain::ids::{Ejemplar, Isbn, OpId, UsuarioId};
use crate::domain::plazo;
use crate::domain::reglas::Reglas;
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
    nuevas: Vec<Nueva<'a>>,
    hechos: Vec<Hecho<'a>>,
    repetidas: BTreeMap<&'a OpId, i64>,
}

/// An operation decided now.
struct Nueva<'a> {
    asiento: &'a Asiento,
    respuesta: &'a Respuesta,
    resultado: String,
    huella: String,
    repeticiones: i64,
}

impl Nueva<'_> {
    fn isbn(&self) -> Option<&str> {
        self.asiento.pedido.isbn.as_ref().map(Isbn::as_str)
    }

    fn ejemplar(&self) -> Option<&str> {
        self.asiento.pedido.ejemplar.as_ref().map(Ejemplar::as_str)
    }

    fn usuario(&self) -> Option<&str> {
        self.asiento.pedido.usuario.as_ref().map(UsuarioId::as_str)
    }
}

/// Writes it in one trip; nothing when there is nothing to write.
///
/// # Errors
/// What the database says: a unique violation when another almacenamiento decided the same
/// op_id meanwhile, in which case the batch begins again and finds it decided;
/// [`Tropiezo::Cambio`] when a loan is not as it was read. The caller rolls back.
pub async fn guardar(
    conexion: &mut PgConnection,
    escrito: &Escrito<'_>,
    reglas: &Reglas,
    ahora: Timestamp,
) -> Result<(), Tropiezo> {
    let cambios = escrito.foto.map(Foto::cambios).unwrap_or_default();
    let (creados, cambiados, nuevos) = (cambios.usuarios, cambios.cambiados, cambios.nuevos);
    let hechos = &escrito.contestadas.hechos;
    let (nuevas, repetidas) = (&escrito.contestadas.nuevas, &escrito.contestadas.repetidas);
    let efectos = creados.len() + cambiados.len() + nuevos.len();
    if efectos + nuevas.len() + repetidas.len() == 0 {
        return Ok(());
    }
    let vence = |prestamo: &&Prestamo| {
        plazo::texto(&prestamo.vence_en.to_zoned(reglas.zona_horaria.clone()))
    };
    let devuelto = |prestamo: &&Prestamo| prestamo.devuelto_en.map(texto_utc);
    let veces = |prestamo: &&Prestamo| i64::from(prestamo.renovaciones);
    let texto = |campo: fn(&Prestamo) -> &str| columna(&nuevos, |p| campo(p));
    let partes = [
        (Parte::Creado, creados.len()),
        (Parte::Cambiado, cambiados.len()),
        (Parte::Nuevo, nuevos.len()),
        (Parte::Repetida, repetidas.len()),
        (Parte::Decidida, nuevas.len()),
        (Parte::Hecho, hechos.len()),
    ];
    let cuentas: (i64, i64, i64, i64, i64, i64) = sqlx::query_as(sentencia(partes))
        .bind(columna(creados, |id| id.as_str()))
        .bind(texto_utc(ahora))
        .bind(columna(&cambiados, |p| p.id))
        .bind(columna(&cambiados, vence))
        .bind(columna(&cambiados, veces))
        .bind(columna(&cambiados, devuelto))
        .bind(texto(|p| p.ejemplar.as_str()))
        .bind(texto(|p| p.isbn.as_str()))
        .bind(texto(|p| p.usuario.as_str()))
        .bind(texto(|p| p.sede.as_str()))
        .bind(columna(&nuevos, |p| texto_utc(p.prestado_en)))
        .bind(columna(&nuevos, vence))
        .bind(columna(&nuevos, devuelto))
        .bind(columna(&nuevos, veces))
        .bind(repetidas.keys().map(|id| id.as_str()).collect::<Vec<_>>())
        .bind(repetidas.values().copied().collect::<Vec<_>>())
        .bind(columna(nuevas, |n| n.asiento.pedido.op_id.as_str()))
        .bind(columna(nuevas, |n| n.asiento.pedido.operacion.palabra()))
        .bind(columna(nuevas, |n| n.huella.as_str()))
        .bind(columna(nuevas, |n| n.respuesta.estado.palabra()))
        .bind(columna(nuevas, |n| n.respuesta.rechazo.map(|r| r.codigo())))
        .bind(columna(nuevas, |n| n.resultado.as_str()))
        .bind(columna(nuevas, Nueva::isbn))
        .bind(columna(nuevas, Nueva::ejemplar))
        .bind(columna(nuevas, Nueva::usuario))
        .bind(columna(nuevas, |n| n.asiento.pedido.sede.as_str()))
        .bind(columna(nuevas, |n| n.repeticiones))
        .bind(columna(nuevas, |n| n.asiento.pedido.principal.as_str()))
        .bind(columna(hechos, |h| h.0))
        .bind(columna(hechos, |h| h.1))
        .bind(columna(hechos, |h| h.2.as_str()))
        .bind(columna(hechos, |h| h.3.as_str()))
        .fetch_one(conexion)
        .await?;
    comprobar(cuentas.1, cambiados.len(), "a loan")?;
    comprobar(cuentas.0, creados.len(), "a user")?;
    comprobar(cuentas.2, nuevos.len(), "a loan")?;
    comprobar(cuentas.3, repetidas.len(), "an operation")?;
    comprobar(cuentas.4, nuevas.len(), "an operation")?;
    comprobar(cuentas.5, hechos.len(), "a change")
}

/// The statement of the parts that have rows.
fn sentencia(partes: [(Parte, usize); 6]) -> &'static str {
    let usadas = partes.into_iter().filter(|(_, filas)| *filas > 0);
    escritura(usadas.map(|(parte, _)| parte))
}

fn columna<'a, F, C>(filas: &'a [F], campo: impl Fn(&'a F) -> C) -> Vec<C> {
    filas.iter().map(campo).collect()
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
                huella: asiento.pedido.huella.to_string(),
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

fn comprobar(escritas: i64, pedidas: usize, que: &'static str) -> Result<(), Tropiezo> {
    if usize::try_from(escritas) == Ok(pedidas) {
        return Ok(());
    }
    Err(Tropiezo::Cambio(que))
}
