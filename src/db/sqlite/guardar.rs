//! Writes what a batch decided: one statement a table, and none where nothing changed.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Serialize;
use sqlx::Error;
use sqlx::sqlite::SqliteConnection;

use crate::db::Asiento;
use crate::db::decision::{Suerte, hechos};
use crate::db::filas::{Resultado, escribir, leer};
use crate::db::redaccion::{Existencias, PorSede};
use crate::db::reloj::texto_utc;
use crate::domain::foto::{Foto, Prestamo};
use crate::domain::ids::{Ejemplar, Isbn, OpId, Sede, UsuarioId};
use crate::domain::plazo;
use crate::domain::reglas::Reglas;
use crate::plantado::{Defecto, plantado};
use crate::wire::respuesta::Respuesta;

const USUARIOS: &str = "INSERT INTO usuarios (id, creado_en)
    SELECT value, $2 FROM json_each($1)";

const CAMBIADOS: &str = "UPDATE prestamos
    SET vence_en = CASE WHEN renovaciones = j.value->>2 THEN vence_en ELSE j.value->>1 END,
        renovaciones = j.value->>2, devuelto_en = j.value->>3
    FROM jsonb_each($1) j WHERE prestamos.id = j.value->>0";

const NUEVOS: &str = "INSERT INTO prestamos
    (id, ejemplar, isbn, usuario, sede, prestado_en, vence_en, devuelto_en, renovaciones)
    SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6,
           value->>7, value->>8 FROM jsonb_each($1)";

const OPERACIONES: &str = "INSERT INTO operaciones
    (op_id, tipo, cuerpo_hash, estado, codigo, resultado, isbn, ejemplar, usuario, sede,
     principal, creada_en)
    SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6,
           value->>7, value->>8, value->>9, value->>10, $2 FROM jsonb_each($1)";

/// What each operation changed, and who asked it.
const HECHOS: &str = "INSERT INTO historial (fecha, accion, objeto, clave, detalle, autor)
    SELECT $2, value->>1, 'ejemplar', value->>2, value->>3, value->>0 FROM jsonb_each($1)";

const REPETIDAS: &str = "UPDATE operaciones
    SET repeticiones = repeticiones + (j.value->>1), repetida_en = $2
    FROM jsonb_each($1) j WHERE operaciones.op_id = j.value->>0";

/// As in `leer`: the view written out, from the books asked to their copies.
const EXISTENCIAS: &str = "SELECT json_group_array(json_array(isbn, sede, disponibles, total))
    FROM (SELECT e.isbn, e.sede, count(*) AS total,
                 sum(e.estado = 'en_servicio' AND NOT EXISTS (
                     SELECT 1 FROM prestamos p
                     WHERE p.ejemplar = e.codigo AND p.devuelto_en IS NULL)) AS disponibles
          FROM (SELECT DISTINCT value AS isbn FROM json_each($1)) q
          CROSS JOIN ejemplares e ON e.isbn = q.isbn
          GROUP BY e.isbn, e.sede)";

#[derive(Serialize)]
struct FilaPrestamo<'a>(
    i64,
    &'a Ejemplar,
    &'a Isbn,
    &'a UsuarioId,
    &'a Sede,
    String,
    String,
    Option<String>,
    u32,
);

#[derive(Serialize)]
struct FilaOperacion<'a>(
    &'a OpId,
    &'static str,
    String,
    &'static str,
    Option<&'static str>,
    String,
    Option<&'a Isbn>,
    Option<&'a Ejemplar>,
    Option<&'a UsuarioId>,
    &'a Sede,
    &'a str,
);

/// Writes the effects: users, then loans.
///
/// # Errors
/// What the database says; the caller rolls back.
pub async fn efectos(
    conexion: &mut SqliteConnection,
    foto: &Foto,
    reglas: &Reglas,
    ahora: Timestamp,
) -> Result<(), Error> {
    let cambios = foto.cambios();
    if !cambios.usuarios.is_empty() {
        let filas = escribir(&cambios.usuarios)?;
        ejecutar(conexion, USUARIOS, filas, Some(ahora)).await?;
    }
    let vence = |prestamo: &Prestamo| {
        plazo::texto(&prestamo.vence_en.to_zoned(reglas.zona_horaria.clone()))
    };
    if !cambios.cambiados.is_empty() {
        let filas: Vec<_> = cambios
            .cambiados
            .iter()
            .map(|p| (p.id, vence(p), p.renovaciones, p.devuelto_en.map(texto_utc)))
            .collect();
        ejecutar(conexion, CAMBIADOS, escribir(&filas)?, None).await?;
    }
    if !cambios.nuevos.is_empty() {
        let filas: Vec<_> = cambios
            .nuevos
            .iter()
            .map(|p| {
                FilaPrestamo(
                    p.id,
                    &p.ejemplar,
                    &p.isbn,
                    &p.usuario,
                    &p.sede,
                    texto_utc(p.prestado_en),
                    vence(p),
                    p.devuelto_en.map(texto_utc),
                    p.renovaciones,
                )
            })
            .collect();
        ejecutar(conexion, NUEVOS, escribir(&filas)?, None).await?;
    }
    Ok(())
}

/// How many copies of these books each branch has, with what this transaction wrote.
///
/// # Errors
/// What the database says; the caller rolls back.
pub async fn existencias(
    conexion: &mut SqliteConnection,
    libros: &[&Isbn],
) -> Result<HashMap<Isbn, PorSede>, Error> {
    let mut por_libro: HashMap<Isbn, PorSede> = HashMap::new();
    if libros.is_empty() {
        return Ok(por_libro);
    }
    let (texto,): (String,) = sqlx::query_as(EXISTENCIAS)
        .bind(escribir(&libros)?)
        .fetch_one(conexion)
        .await?;
    for (isbn, sede, disponibles, total) in leer::<(Isbn, String, u64, u64)>(&texto)? {
        let existencias = Existencias::de(disponibles, total);
        por_libro.entry(isbn).or_default().insert(sede, existencias);
    }
    Ok(por_libro)
}

/// Stores the new answers and marks the repeats. `respuestas` stand in the batch's order.
///
/// # Errors
/// What the database says; the caller rolls back.
pub async fn respuestas(
    conexion: &mut SqliteConnection,
    lote: &[Asiento],
    suertes: &[Suerte],
    respuestas: &[Respuesta],
    ahora: Timestamp,
) -> Result<(), Error> {
    let mut nuevas = Vec::with_capacity(lote.len());
    let mut repetidas: BTreeMap<&OpId, u32> = BTreeMap::new();
    for ((asiento, suerte), respuesta) in lote.iter().zip(suertes).zip(respuestas) {
        let pedido = &asiento.pedido;
        match suerte {
            Suerte::Conflicto => {}
            Suerte::Repetida(_) | Suerte::Eco(_) => {
                *repetidas.entry(&pedido.op_id).or_default() += 1
            }
            Suerte::Nueva(_) => nuevas.push(FilaOperacion(
                &pedido.op_id,
                pedido.operacion.palabra(),
                pedido.huella.to_string(),
                respuesta.estado.palabra(),
                respuesta.rechazo.map(|rechazo| rechazo.codigo()),
                Resultado::escribir(respuesta)?,
                pedido.isbn.as_ref(),
                pedido.ejemplar.as_ref(),
                pedido.usuario.as_ref(),
                &pedido.sede,
                pedido.principal.as_str(),
            )),
        }
    }
    if !nuevas.is_empty() {
        ejecutar(conexion, OPERACIONES, escribir(&nuevas)?, Some(ahora)).await?;
    }
    let hechos = hechos(lote, suertes);
    if !hechos.is_empty() {
        ejecutar(conexion, HECHOS, escribir(&hechos)?, Some(ahora)).await?;
    }
    if !repetidas.is_empty() && !plantado(Defecto::RepiteSinEscribir) {
        let filas: Vec<_> = repetidas.into_iter().collect();
        ejecutar(conexion, REPETIDAS, escribir(&filas)?, Some(ahora)).await?;
    }
    Ok(())
}

async fn ejecutar(
    conexion: &mut SqliteConnection,
    sentencia: &'static str,
    filas: String,
    ahora: Option<Timestamp>,
) -> Result<(), Error> {
    let mut consulta = sqlx::query(sentencia).bind(filas);
    if let Some(ahora) = ahora {
        consulta = consulta.bind(texto_utc(ahora));
    }
    consulta.execute(conexion).await.map(|_| ())
}
