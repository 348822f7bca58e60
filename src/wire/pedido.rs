//! An operation as it travels: who asks what, under which idempotency key.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{Ejemplar, Isbn, OpId, Sede, Titulo, UsuarioId};
use crate::domain::operacion::Operacion;
use crate::domain::principal::Principal;
use crate::wire::huella::Huella;

/// One operation, parsed and complete. Which of the optional fields stand depends on the
/// operation (contract §2) and was checked where it was parsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pedido {
    /// The idempotency key; for `estado`, the operation asked about.
    pub op_id: OpId,
    /// What is asked.
    pub operacion: Operacion,
    /// The book.
    pub isbn: Option<Isbn>,
    /// One copy of it.
    pub ejemplar: Option<Ejemplar>,
    /// Who borrows or returns.
    pub usuario: Option<UsuarioId>,
    /// Words of a title, for a consulta.
    pub titulo: Option<Titulo>,
    /// The branch: the client's, else the carga's.
    pub sede: Sede,
    /// Hash of the content as the client sent it.
    pub huella: Huella,
    /// Whose the op_id is; set by the door, never by the client. On the wire and on the disk
    /// it stands beside the operation, whose own form older nodes read.
    #[serde(skip)]
    pub principal: Principal,
}
