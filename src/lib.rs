//! biblioteca: the circulation engine of a library with several branches.

pub mod actores;
pub mod almacenamiento;
pub mod carga;
pub mod db;
pub mod domain;
pub mod net;
pub mod runtime;
pub mod wire;
