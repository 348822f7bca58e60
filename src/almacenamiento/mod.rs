//! The storage supervisor: the only role that opens the database.
//!
//! `puerta` is the door on 5570 (nodes and plain clients), `actor` admits and supervises,
//! `abierto` is the open database at work: `escritor` puts what queued while the last commit
//! ran into the next one, `lector` reads beside it, `cola` is how both get their work. `directo` is the JSON of plain clients of
//! the database door, `vista` how the database itself is.

mod abierto;
pub mod actor;
mod cola;
pub mod directo;
pub mod escritor;
pub mod lector;
pub mod puerta;
pub mod tarea;
pub mod veneno;
pub mod vista;
