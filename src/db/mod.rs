//! The database. The only folder that names sqlx; only `almacenamiento` (and the
//! administrative verbs) open the library's, only `carga` its diario.
//!
//! For every kind of database alike: `filas` reads what a batch is decided on, `decision`
//! turns it into verdicts with the pure rules, `respuestas` and `redaccion` write the answers,
//! `consulta` answers questions; `catalogo`, `usuarios` and `sembrar` say what administrators change; `reloj`
//! tells a time that never goes back, `motivo` says in Spanish what a database says. `sqlite` is the embedded store, `postgres` that of a
//! library that has outgrown one PC; `mudanza` moves a library from the one to the other, and
//! `auditoria` looks at a database from outside, `mirada` tells how it is, `respaldo` copies a
//! SQLite file. `diario` is the file of its own in which a
//! carga keeps what it has acknowledged as queued.

pub mod auditoria;
mod catalogo;
mod consulta;
mod decision;
pub mod diario;
mod filas;
pub mod mirada;
mod motivo;
pub mod mudanza;
pub mod postgres;
mod redaccion;
pub mod reloj;
pub mod respaldo;
mod respuestas;
mod sembrar;
pub mod sqlite;
mod titulo;
mod usuarios;

use futures::future::BoxFuture;

use crate::db::motivo::motivo;
use crate::wire::admin::{Cumplido, Encomienda};
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::Respuesta;

/// One writing operation on its way into a commit.
#[derive(Debug, Clone)]
pub struct Asiento {
    /// The operation; never a read.
    pub pedido: Pedido,
    /// How long ago it was acknowledged as queued, in ms; none for one that somebody awaits.
    pub edad_ms: Option<u64>,
    /// It made our code panic too often: to be stored as refused (`OperacionVenenosa`)
    /// without being decided.
    pub apartada: bool,
}

/// The database failed; nothing to do with a rule.
#[derive(Debug, thiserror::Error)]
pub enum Fallo {
    /// Certainly nothing of the batch is in the database.
    #[error("no se aplicó: {}", motivo(.0))]
    NoAplicado(#[source] sqlx::Error),
    /// COMMIT was sent and its outcome is not known.
    #[error("puede haberse aplicado: {}", motivo(.0))]
    Incierto(#[source] sqlx::Error),
    /// Certainly nothing of the batch is in the database, and it would fail again: our own
    /// code panicked, or what is stored is not what it should be. One operation is to blame.
    #[error("un defecto al decidir un lote: {0}")]
    Defecto(String),
    /// The file is no database of ours, or a damaged one; a person must look.
    #[error("{0}")]
    Inservible(String),
    /// Certainly nothing of it is in the database, and no server takes our writes now: the
    /// store must be opened again, which searches for one that does.
    #[error("ningún PostgreSQL de almacenamiento.base_datos admite escrituras: {0}")]
    SinPrimario(String),
    /// Another process owns the database.
    #[error("otro proceso tiene la base de datos")]
    Ocupada,
}

/// What the owner of a store does when it cannot be trusted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedio {
    /// End: only a new process recovers what a failed write to the disk left behind.
    Terminar,
    /// Open it again, for as long as it takes: the database recovers by itself.
    Reabrir,
}

/// A store of the library's circulation.
///
/// # Durability
/// When [`Almacen::aplicar`] returns `Ok`, effects and stored answers of the whole batch are
/// committed together and survive kill -9 and loss of power at any later instant. On `Err`
/// the variant tells whether the batch may be there; it is there whole or not at all.
pub trait Almacen: Send + Sync {
    /// Decides a batch in order, each operation seeing the effects of those before it, in one
    /// commit. Answers stand in the batch's order. An op_id decided before gives its stored
    /// answer with `repetida`, after a write of its own has been committed; with other
    /// content, the refusal `ConflictoOpId`.
    fn aplicar(&self, lote: Vec<Asiento>) -> BoxFuture<'_, Result<Vec<Respuesta>, Fallo>>;

    /// Answers a `consulta` or an `estado` from committed data.
    fn leer(&self, pedido: Pedido) -> BoxFuture<'_, Result<Respuesta, Fallo>>;

    /// Decides a writing operation against committed data and throws the decision away:
    /// whether it would be granted now. Nothing is stored.
    fn validar(&self, pedido: Pedido) -> BoxFuture<'_, Result<Respuesta, Fallo>>;

    /// Does administrative work in one commit.
    fn administrar(&self, encomienda: Encomienda) -> BoxFuture<'_, Result<Cumplido, Fallo>>;

    /// The database's own identity, drawn when it was made.
    fn base_id(&self) -> &str;

    /// What its owner does after [`Fallo::Incierto`], or when [`Almacen::perdida`] ends.
    fn remedio(&self) -> Remedio;

    /// Ends when the store has lost its database; every call then fails at once. Never ends
    /// for one that cannot lose it.
    fn perdida(&self) -> BoxFuture<'_, ()>;
}
