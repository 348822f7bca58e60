//! Begins a batch's transaction, locks what it is about and reads it: two statements, because at
//! READ COMMITTED only one that begins after the locks are held sees what their last holders
//! committed. Their texts are in `lectura`, those for an operation alone in `sola`.
//!
//! A lock on a book stands for its copies and their loans: everything a batch changes belongs
//! to a book, so two batches on one book, from two almacenamientos, take turns. Books before
//! users, each in the order of its key: nobody waits in a circle.

use std::collections::HashSet;

use sqlx::Error;
use sqlx::postgres::PgConnection;

use crate::db::Asiento;
use crate::db::filas::{Carga, Columnas, leer, revelar};
use crate::db::postgres::lectura::{Partes, cerrojos, lectura};
use crate::db::postgres::sola;
use crate::db::postgres::tropiezo::Tropiezo;
use crate::domain::foto::Foto;
use crate::domain::ids::{Ejemplar, Isbn, UsuarioId};

/// The rows that this transaction keeps from others.
#[derive(Debug)]
pub struct Cerrojos {
    libros: HashSet<Isbn>,
    usuarios: HashSet<UsuarioId>,
}

/// What the batch is decided on, and when.
#[derive(Debug)]
pub struct Leida {
    /// The rows.
    pub carga: Carga,
    /// The server's clock after the locks, in ms.
    pub reloj_ms: i64,
    /// When the latest of the open loans began: a return of it is no earlier.
    pub ultimo_prestamo: Option<String>,
}

/// The columns of the statement that reads.
#[derive(sqlx::FromRow)]
pub struct Fila {
    #[sqlx(flatten)]
    columnas: Columnas,
    reloj_ms: i64,
    ultimo_prestamo: Option<String>,
}

impl Fila {
    /// What they say.
    ///
    /// # Errors
    /// [`Error::Decode`] for a row that is not ours.
    pub fn leer(self) -> Result<Leida, Error> {
        Ok(Leida {
            carga: revelar(&self.columnas)?,
            reloj_ms: self.reloj_ms,
            ultimo_prestamo: self.ultimo_prestamo,
        })
    }
}

/// Begins a transaction with `inicio`, waits for the books and users of a batch, locks them, and
/// reads it all.
///
/// # Errors
/// What the database says, or a row that is not ours; the caller rolls back.
pub async fn empezar(
    conexion: &mut PgConnection,
    inicio: &'static str,
    lote: &[Asiento],
) -> Result<(Cerrojos, Leida), Tropiezo> {
    if let Some(pedido) = sola::de(lote) {
        return sola::empezar(conexion, inicio, pedido).await;
    }
    sqlx::raw_sql(inicio).execute(&mut *conexion).await?;
    let cerrojos = bloquear(conexion, lote).await?;
    Ok((cerrojos, cargar(conexion, lote).await?))
}

async fn bloquear(conexion: &mut PgConnection, lote: &[Asiento]) -> Result<Cerrojos, Tropiezo> {
    let pedidos = || lote.iter().map(|asiento| &asiento.pedido);
    let isbns: Vec<&str> = pedidos()
        .filter_map(|p| p.isbn.as_ref().map(Isbn::as_str))
        .collect();
    let copias: Vec<&str> = pedidos()
        .filter_map(|p| p.ejemplar.as_ref().map(Ejemplar::as_str))
        .collect();
    let usuarios: Vec<&str> = pedidos()
        .filter_map(|p| p.usuario.as_ref().map(UsuarioId::as_str))
        .collect();
    let (libros, usuarios): (String, String) = sqlx::query_as(cerrojos(Partes::de(lote)))
        .bind(isbns)
        .bind(copias)
        .bind(usuarios)
        .fetch_one(conexion)
        .await?;
    Ok(Cerrojos::leer(&libros, &usuarios)?)
}

/// Only after [`bloquear`].
async fn cargar(conexion: &mut PgConnection, lote: &[Asiento]) -> Result<Leida, Tropiezo> {
    let pedidos = || lote.iter().map(|asiento| &asiento.pedido);
    let fila: Fila = sqlx::query_as(lectura(Partes::de(lote)))
        .bind(pedidos().map(|p| p.op_id.as_str()).collect::<Vec<_>>())
        .bind(pedidos().map(|p| p.operacion.palabra()).collect::<Vec<_>>())
        .bind(columna(lote, |a| a.pedido.isbn.as_ref().map(Isbn::as_str)))
        .bind(columna(lote, |a| {
            a.pedido.ejemplar.as_ref().map(Ejemplar::as_str)
        }))
        .bind(columna(lote, |a| {
            a.pedido.usuario.as_ref().map(UsuarioId::as_str)
        }))
        .bind(pedidos().map(|p| p.sede.as_str()).collect::<Vec<_>>())
        .fetch_one(conexion)
        .await?;
    Ok(fila.leer()?)
}

impl Cerrojos {
    /// Of the JSON arrays with the keys of the locked rows.
    ///
    /// # Errors
    /// [`Error::Decode`] when they are not.
    pub fn leer(libros: &str, usuarios: &str) -> Result<Self, Error> {
        Ok(Self {
            libros: leer(libros)?.into_iter().collect(),
            usuarios: leer(usuarios)?.into_iter().collect(),
        })
    }

    /// Whether everything that the batch names and the second statement found is locked; what
    /// was made between the two is not.
    ///
    /// # Errors
    /// [`Tropiezo::Cambio`]: the batch must begin again.
    pub fn cubren(&self, foto: &Foto, lote: &[Asiento]) -> Result<(), Tropiezo> {
        for asiento in lote {
            let pedido = &asiento.pedido;
            let copia = pedido.ejemplar.as_ref().and_then(|c| foto.copia(c));
            let isbn = pedido.isbn.as_ref().filter(|i| foto.titulo(i).is_some());
            let libros = isbn.into_iter().chain(copia.map(|copia| &copia.isbn));
            if libros.into_iter().any(|isbn| !self.libros.contains(isbn)) {
                return Err(Tropiezo::Cambio("un libro"));
            }
            let usuario = pedido.usuario.as_ref();
            let usuario = usuario.filter(|id| foto.usuario(id).is_some());
            if usuario.is_some_and(|id| !self.usuarios.contains(id)) {
                return Err(Tropiezo::Cambio("un usuario"));
            }
        }
        Ok(())
    }
}

fn columna<'a>(
    lote: &'a [Asiento],
    campo: impl Fn(&'a Asiento) -> Option<&'a str>,
) -> Vec<Option<&'a str>> {
    lote.iter().map(campo).collect()
}
