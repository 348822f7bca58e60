//! One batch and its transaction, all but the end of it: begin, lock, load, decide, write.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use sqlx::postgres::PgConnection;

use crate::db::Asiento;
use crate::db::decision::decidir;
use crate::db::postgres::cargar::{Leida, empezar};
use crate::db::postgres::columnas::Filas;
use crate::db::postgres::guardar::{
    Contestadas, Escrito, existencias as contar, guardar, repartir,
};
use crate::db::postgres::sola;
use crate::db::postgres::tropiezo::Tropiezo;
use crate::db::redaccion::Redactor;
use crate::db::reloj::Reloj;
use crate::db::respuestas;
use crate::domain::ids::Isbn;
use crate::domain::reglas::Reglas;
use crate::wire::respuesta::Respuesta;

/// What every batch of a store goes by.
#[derive(Debug)]
pub struct Norma {
    /// The library's rules.
    pub reglas: Reglas,
    /// Never goes back; follows the server's clock, which all the almacenamientos share.
    pub reloj: Reloj,
    /// What the server's clock said last, in ms.
    pub hora_ms: Arc<AtomicI64>,
}

impl Norma {
    /// Now, on the server's clock as it was just read.
    #[must_use]
    pub fn ahora(&self, reloj_ms: i64) -> Timestamp {
        self.hora_ms.store(reloj_ms, Ordering::Relaxed);
        self.reloj.ahora()
    }
}

/// A decided batch, all but the end of its transaction.
#[derive(Debug)]
pub struct Decidido {
    /// In the batch's order.
    pub respuestas: Vec<Respuesta>,
    /// The statement that is yet to write it, for `sola::confirmar`.
    pub por_escribir: Option<String>,
}

/// Decides and writes a batch in a transaction that `inicio` begins.
///
/// # Errors
/// [`Tropiezo`]; the caller rolls back.
pub async fn procesar(
    conexion: &mut PgConnection,
    inicio: &'static str,
    norma: &Norma,
    lote: &[Asiento],
) -> Result<Decidido, Tropiezo> {
    let (cerrojos, leida) = empezar(conexion, inicio, lote).await?;
    let Leida {
        mut carga,
        reloj_ms,
        ultimo_prestamo,
    } = leida;
    cerrojos.cubren(&carga.foto, lote)?;
    // Another almacenamiento may be a few ms ahead of this one.
    let ultimo = ultimo_prestamo.and_then(|texto| texto.parse().ok());
    let ahora = norma.ahora(reloj_ms).max(ultimo.unwrap_or(Timestamp::MIN));
    let foto = &mut carga.foto;
    let suertes = decidir(foto, &norma.reglas, lote, &carga.conocidas, ahora);
    let foto = &*foto;
    let agotados = respuestas::agotados(foto, lote, &suertes);
    let libros: Vec<&Isbn> = agotados.iter().flatten().collect();
    let mut efectos = Some(foto);
    let mut existencias = HashMap::new();
    if !libros.is_empty() {
        // What these answers tell is counted with this batch's effects: two trips more.
        let solo_efectos = Escrito {
            foto: efectos.take(),
            contestadas: Contestadas::default(),
        };
        guardar(conexion, Filas::de(&solo_efectos, &norma.reglas, ahora)).await?;
        existencias = contar(conexion, &libros).await?;
    }
    let redactor = Redactor {
        reglas: &norma.reglas,
        foto,
        ahora,
    };
    let respuestas = respuestas::respuestas(&redactor, lote, &suertes, &agotados, &existencias);
    let escrito = Escrito {
        foto: efectos,
        contestadas: repartir(lote, &suertes, &respuestas)?,
    };
    let filas = Filas::de(&escrito, &norma.reglas, ahora);
    let por_escribir = sola::de(lote).and_then(|_| sola::sentencia(&filas));
    if por_escribir.is_none() {
        guardar(conexion, filas).await?;
    }
    Ok(Decidido {
        respuestas,
        por_escribir,
    })
}
