//! The load manager: takes requests from clients and hands each to exactly one actor.
//!
//! `clientes` is the door on 5555, `trabajo` the one on 5557; `actor` holds the state, whose
//! decisions are all in the pure core `reparto`; `responder` answers each client exactly once.

pub mod actor;
pub mod clientes;
pub mod noticia;
pub mod reparto;
pub mod responder;
pub mod trabajo;
