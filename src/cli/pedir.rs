//! What `pedir` asks: an operation with the fields that it needs, checked before anything is
//! sent.

use crate::cli::argumentos::ArgsPedir;
use crate::cli::{Fin, Globales};
use crate::domain::ids::{Ejemplar, Isbn, OpId, Titulo, UsuarioId};
use crate::domain::modo::Modo;
use crate::domain::operacion::Operacion;

/// One operation to ask; has the fields that its operation needs (contract §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pedir {
    /// What is asked.
    pub operacion: Operacion,
    /// The book.
    pub isbn: Option<Isbn>,
    /// One copy.
    pub ejemplar: Option<Ejemplar>,
    /// Words of a title, for a consulta.
    pub titulo: Option<Titulo>,
    /// Who borrows, renews or returns.
    pub usuario: Option<UsuarioId>,
    /// The idempotency key; for `estado`, the operation asked about and never none.
    pub op_id: Option<OpId>,
    /// When it is answered; none leaves it to the carga.
    pub modo: Option<Modo>,
    /// Time to the answer, in ms; none leaves it to the carga.
    pub plazo_ms: Option<u32>,
}

/// Reads and checks it.
///
/// # Errors
/// [`Fin`] with what is missing.
pub(super) fn pedir(args: ArgsPedir, globales: &mut Globales) -> Result<Pedir, Fin> {
    globales.sumar(args.globales);
    let pedir = Pedir {
        operacion: args.operacion,
        isbn: args.isbn,
        ejemplar: args.ejemplar,
        titulo: args.titulo,
        usuario: args.usuario,
        op_id: args.op_id,
        modo: args.modo,
        plazo_ms: args.plazo_ms,
    };
    match pedir.falta() {
        Some(falta) => Err(Fin::uso(format!("{}: {falta}", pedir.operacion))),
        None => Ok(pedir),
    }
}

impl Pedir {
    /// What its operation needs and it has not, or has and can't use.
    fn falta(&self) -> Option<&'static str> {
        let libro = self.isbn.is_some() || self.ejemplar.is_some();
        match self.operacion {
            Operacion::Estado if self.op_id.is_none() => Some("falta --op-id"),
            Operacion::Estado if libro || self.titulo.is_some() || self.usuario.is_some() => {
                Some("se pregunta solo con --op-id")
            }
            Operacion::Estado => None,
            Operacion::Consulta if libro || self.titulo.is_some() => None,
            Operacion::Consulta => Some("falta --isbn, --ejemplar o --titulo"),
            _ if self.titulo.is_some() => Some("--titulo es solo para consulta"),
            _ if !libro => Some("falta --isbn o --ejemplar"),
            Operacion::Devolucion if self.ejemplar.is_some() => None,
            _ if self.usuario.is_none() => Some("falta --usuario"),
            _ => None,
        }
    }
}
