//! Where requests are born: request files, retries, receipts and what a person sees.
//!
//! The cores (`archivo`, `reintento`, `resumen`, `catalogo`) are pure; `progreso` and `recibos`
//! own their files; `corrida` joins them over an `Enlace` that `net` implements. Nothing here
//! opens a socket or a database, and no other role is imported.

pub mod archivo;
pub mod progreso;
pub mod recibos;
pub mod reintento;
