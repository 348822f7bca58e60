//! The side door over HTTP: health now, more behind it. The only folder that names actix_web.
//!
//! `puerta` listens, with every size, count and time bounded; `nodo` is what it asks of the
//! roles in its process, which `nodo` (the module) puts together; `salud` is for those who
//! watch; `problema` is how it says no. It runs on a thread of its own: a page that is slow to
//! write delays no operation. It decides nothing about an operation.

pub mod nodo;
pub mod problema;
pub mod puerta;
pub mod salud;
