//! biblioteca: the circulation engine of a library with several branches.

pub mod cli;
pub mod db;
pub mod domain;
pub mod role;
pub mod settings;
pub mod telemetry;
pub mod wire;
