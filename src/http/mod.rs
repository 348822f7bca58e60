//! The side door over HTTP: health now, more behind it. The only folder that names actix_web.
//!
//! `puerta` listens, with every size, count and time bounded; `nodo` is what it asks of the
//! roles in its process, which `nodo` (the module) puts together; `salud` is for those who
//! watch; `panel` tells the pages in `paginas` what happens as it happens, at the pace that
//! `caudal` reckons; `problema` is how it says no. It runs on a thread of its own: a page that is slow to
//! write delays no operation. It decides nothing about an operation.

pub mod caudal;
pub mod nodo;
pub mod paginas;
pub mod panel;
pub mod problema;
pub mod puerta;

pub mod salud;
