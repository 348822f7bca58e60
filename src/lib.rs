//! biblioteca: the circulation engine of a library with several branches.

pub mod db;
pub mod domain;
pub mod solicitante;
pub mod wire;
