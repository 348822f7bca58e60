//! One desk: lends, takes back and renews without a rest, repeats what is not answered under
//! the same op_id, and keeps a receipt of everything it was told.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::domain::ids::{Isbn, OpId, UsuarioId};
use crate::domain::modo::Modo;
use crate::domain::operacion::Operacion;
use crate::net::socket::{Contexto, NetError};
use crate::ordenes::cargas::Cargas;
use crate::solicitante::intercambio::Intercambio;
use crate::solicitante::recibos::Recibo;
use crate::solicitante::reintento::{Azar, Final, Limites};
use crate::wire::json_cliente::Solicitud;
use crate::wire::respuesta::Estado;

/// Of 100 operations.
const PRESTAMOS_PCT: u64 = 60;
const DEVOLUCIONES_PCT: u64 = 25;

/// Of 100 returns and renewals, how many are of a loan that this desk knows of.
const CONOCIDOS_PCT: u64 = 85;

/// Users of the drill.
const USUARIOS: u64 = 40;
/// Books with several copies, and books with a single one that everybody wants.
const LIBROS: u64 = 50;
const CODICIADOS: u64 = 10;
/// Of 100 loans, how many are of a coveted book.
const CODICIADOS_PCT: u64 = 40;
/// The starting data lends out books up to this one.
const LIBRES_DESDE: u64 = 201;

/// Longest pause between two people at one desk, in ms.
const PAUSA_MS: u64 = 20;

/// What every desk has in common.
#[derive(Clone)]
pub(super) struct Sala {
    /// The process's sockets.
    pub(super) contexto: Contexto,
    /// `tcp://host:port` of every carga.
    pub(super) cargas: Vec<String>,
    /// When the desks opened.
    pub(super) origen: Instant,
    /// When they close.
    pub(super) fin: Instant,
    /// Operations of all desks so far.
    pub(super) cuenta: Rc<Cell<u64>>,
}

/// One operation's wait at its desk, since the desks opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Espera {
    /// First send.
    pub(super) desde: Duration,
    /// Its end.
    pub(super) hasta: Duration,
}

impl Espera {
    /// How long.
    pub(super) fn dura(self) -> Duration {
        self.hasta.saturating_sub(self.desde)
    }
}

/// What a desk has when it closes.
#[derive(Debug, Default)]
pub(super) struct Libreta {
    /// What it was told, in order.
    pub(super) recibos: Vec<Recibo>,
    /// How long each took.
    pub(super) esperas: Vec<Espera>,
    /// Sends of all operations.
    pub(super) envios: u64,
}

/// Works until the room closes.
///
/// # Errors
/// [`NetError`] when there are no sockets.
pub(super) async fn atender(sala: Sala, semilla: u64) -> Result<Libreta, NetError> {
    let mut enlaces = Cargas::conectar(&sala.contexto, &sala.cargas)?;
    let (_parar, parado) = watch::channel(false);
    let mut azar = Azar::con_semilla(semilla);
    let suyo = Azar::con_semilla(azar.hasta(u64::MAX));
    let mut red = Intercambio::nuevo(&mut enlaces, parado, suyo);
    let mut libreta = Libreta::default();
    let mut prestados = Vec::new();
    while Instant::now() < sala.fin {
        let solicitud = siguiente(&mut azar, &prestados);
        let (inicio, desde) = (Timestamp::now(), sala.origen.elapsed());
        let fin = red
            .pedir(solicitud.clone(), Limites::default(), false)
            .await;
        libreta.esperas.push(Espera {
            desde,
            hasta: sala.origen.elapsed(),
        });
        libreta.envios += u64::from(fin.intentos());
        aprender(&mut prestados, &solicitud, fin.estado());
        libreta.recibos.push(recibo(&solicitud, &fin, inicio));
        sala.cuenta.set(sala.cuenta.get() + 1);
        tokio::time::sleep(Duration::from_millis(azar.hasta(PAUSA_MS))).await;
    }
    Ok(libreta)
}

type Prestado = (Isbn, UsuarioId);

fn siguiente(azar: &mut Azar, prestados: &[Prestado]) -> Solicitud {
    let operacion = match azar.hasta(99) {
        n if n < PRESTAMOS_PCT => Operacion::Prestamo,
        n if n < PRESTAMOS_PCT + DEVOLUCIONES_PCT => Operacion::Devolucion,
        _ => Operacion::Renovacion,
    };
    let conocido =
        operacion != Operacion::Prestamo && !prestados.is_empty() && azar.hasta(99) < CONOCIDOS_PCT;
    let (isbn, usuario) = if conocido {
        let cual = azar.hasta(prestados.len() as u64 - 1);
        let (isbn, usuario) = &prestados[usize::try_from(cual).unwrap_or(0)];
        (Some(isbn.clone()), Some(usuario.clone()))
    } else {
        let usuario = format!("simulacro-{}", 1 + azar.hasta(USUARIOS - 1));
        (
            Isbn::parse(&libro(azar)).ok(),
            UsuarioId::parse(&usuario).ok(),
        )
    };
    Solicitud {
        isbn,
        usuario,
        op_id: Some(OpId::nuevo()),
        modo: (azar.hasta(1) == 0).then_some(Modo::Sincrono),
        ..Solicitud::nueva(operacion)
    }
}

/// Of the starting data, every fifth book has a single copy in each branch.
fn libro(azar: &mut Azar) -> String {
    let numero = if azar.hasta(99) < CODICIADOS_PCT {
        LIBRES_DESDE + 4 + 5 * azar.hasta(CODICIADOS - 1)
    } else {
        let n = azar.hasta(LIBROS - 1);
        LIBRES_DESDE + n + n / 4
    };
    format!("Libro{numero}")
}

fn aprender(prestados: &mut Vec<Prestado>, solicitud: &Solicitud, estado: Estado) {
    let (Some(isbn), Some(usuario)) = (&solicitud.isbn, &solicitud.usuario) else {
        return;
    };
    match (solicitud.operacion, estado) {
        (Operacion::Prestamo, Estado::Confirmado | Estado::Encolado) => {
            prestados.push((isbn.clone(), usuario.clone()));
        }
        (Operacion::Devolucion, Estado::Confirmado | Estado::Encolado | Estado::Rechazado) => {
            prestados.retain(|(libro, quien)| libro != isbn || quien != usuario);
        }
        _ => {}
    }
}

/// What a client was told, as contract §5 writes it.
pub(super) fn recibo(solicitud: &Solicitud, fin: &Final, inicio: Timestamp) -> Recibo {
    let respuesta = fin.respuesta();
    Recibo {
        op_id: solicitud
            .op_id
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
        operacion: solicitud.operacion.to_string(),
        isbn: solicitud.isbn.as_ref().map(ToString::to_string),
        ejemplar: solicitud.ejemplar.as_ref().map(ToString::to_string),
        usuario: solicitud.usuario.as_ref().map(ToString::to_string),
        estado: fin.estado().to_string(),
        codigo: respuesta.and_then(|r| r.codigo.clone()),
        datos: respuesta.map_or_else(
            || Value::Object(serde_json::Map::new()),
            |r| r.datos.clone(),
        ),
        inicio: inicio.to_string(),
        fin: Timestamp::now().to_string(),
        intentos: fin.intentos(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_books_are_sixty_and_ten_of_them_coveted() {
        let mut azar = Azar::con_semilla(1);
        let libros: std::collections::BTreeSet<String> =
            (0..5_000).map(|_| libro(&mut azar)).collect();
        assert_eq!(libros.len(), 60);
        let unicos = libros
            .iter()
            .filter(|libro| libro.ends_with('0') || libro.ends_with('5'))
            .count();
        assert_eq!(unicos, 10);
    }
}
