//! The contract between processes: what travels, and how it is written.
//!
//! `pedido` and `respuesta` are what is asked and answered; `mensaje` is what goes between
//! Rust nodes, written by `codec`; `json` is what plain clients speak, `campos` how its objects
//! are read. Nothing here opens a socket or a database. Enums are append-only: a new version must
//! read an old one's frames.

pub mod actividad;
pub mod admin;
pub mod base;
pub mod campos;
pub mod codec;
pub mod estado;
pub mod huella;
pub mod json;
pub mod json_cliente;
pub mod mensaje;
pub mod pedido;
pub mod respuesta;
