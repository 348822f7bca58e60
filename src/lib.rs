//! biblioteca: the circulation engine of a library with several branches.

pub mod actores;
pub mod almacenamiento;
pub mod carga;
pub mod cli;
pub mod db;
pub mod domain;
pub mod net;
pub mod nodo;
pub mod ordenes;
pub mod role;
pub mod runtime;
pub mod settings;
pub mod solicitante;
pub mod telemetry;
pub mod wire;
