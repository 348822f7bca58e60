//! One batch, one transaction: load, decide, write, commit.

use jiff::Timestamp;
use sqlx::Error;
use sqlx::sqlite::SqliteConnection;

use crate::db::Asiento;
use crate::db::decision::{Suerte, decidir};
use crate::db::redaccion::Redactor;
use crate::db::sqlite::cargar::{Carga, cargar};
use crate::db::sqlite::guardar;
use crate::domain::foto::Foto;
use crate::domain::ids::Isbn;
use crate::domain::rechazo::Rechazo;
use crate::domain::reglas::Reglas;
use crate::wire::respuesta::Respuesta;

/// Decides and writes a batch inside the open transaction. Answers stand in its order.
///
/// # Errors
/// What the database says; the caller rolls back.
pub async fn procesar(
    conexion: &mut SqliteConnection,
    reglas: &Reglas,
    lote: &[Asiento],
    ahora: Timestamp,
) -> Result<Vec<Respuesta>, Error> {
    let Carga {
        mut foto,
        conocidas,
    } = cargar(conexion, lote).await?;
    let suertes = decidir(&mut foto, reglas, lote, &conocidas, ahora);
    guardar::efectos(conexion, &foto, reglas, ahora).await?;
    let agotados = agotados(&foto, lote, &suertes);
    let libros: Vec<&Isbn> = agotados.iter().flatten().collect();
    let existencias = guardar::existencias(conexion, &libros).await?;
    let redactor = Redactor {
        reglas,
        foto: &foto,
        ahora,
    };
    let mut respuestas: Vec<Respuesta> = Vec::with_capacity(lote.len());
    for ((asiento, suerte), agotado) in lote.iter().zip(&suertes).zip(&agotados) {
        let respuesta = match suerte {
            Suerte::Nueva(veredicto) => {
                let sedes = agotado.as_ref().and_then(|isbn| existencias.get(isbn));
                redactor.respuesta(&asiento.pedido, veredicto, sedes)
            }
            Suerte::Repetida(guardada) => guardada.clone(),
            Suerte::Eco(primera) => match respuestas.get(*primera) {
                Some(respuesta) => Respuesta {
                    repetida: true,
                    ..respuesta.clone()
                },
                None => redactor.conflicto(),
            },
            Suerte::Conflicto => redactor.conflicto(),
        };
        respuestas.push(respuesta);
    }
    guardar::respuestas(conexion, lote, &suertes, &respuestas, ahora).await?;
    Ok(respuestas)
}

/// The book of each operation that was refused for want of a copy: its answer tells where
/// else there are some.
fn agotados(foto: &Foto, lote: &[Asiento], suertes: &[Suerte]) -> Vec<Option<Isbn>> {
    lote.iter()
        .zip(suertes)
        .map(|(asiento, suerte)| {
            let Suerte::Nueva(Err(negativa)) = suerte else {
                return None;
            };
            let falta = Rechazo::SinEjemplaresDisponibles;
            if !negativa.motivos().contains(&falta) {
                return None;
            }
            let pedido = &asiento.pedido;
            let copia = pedido
                .ejemplar
                .as_ref()
                .and_then(|codigo| foto.copia(codigo));
            copia.map_or_else(|| pedido.isbn.clone(), |copia| Some(copia.isbn.clone()))
        })
        .collect()
}
