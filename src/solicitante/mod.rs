//! Where requests are born: request files, retries, receipts and what a person sees.
//!
//! The cores (`archivo`, `reintento`, `resumen`, `planilla`, `catalogo`, `usuarios`) are pure;
//! `progreso` and `recibos` own their files; `intercambio` and `corrida` join them over an
//! `Enlace` that `net` implements. Nothing here opens a socket or a database, and no other role
//! is imported.

pub mod archivo;
pub mod catalogo;
pub mod corrida;
pub mod enlace;
pub mod informe;
pub mod intercambio;
pub mod planilla;
pub mod progreso;
pub mod recibos;
pub mod reintento;
pub mod resumen;
pub mod usuarios;
