//! Actors: each works one kind of writing operation, and reads, for any number of cargas on
//! any number of almacenamientos.
//!
//! The three kinds differ in nothing but their topic: rules live in `domain` and are applied
//! by the almacenamiento, so that an actor can die at any moment. `actor` is the shell,
//! `relevo` the pure core that finds an almacenamiento and never gives up too early or late.

pub mod actor;
pub mod base;
pub mod cronometro;
pub mod enlaces;
pub mod relevo;
