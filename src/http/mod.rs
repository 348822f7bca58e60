//! The side door over HTTP: health, the API under `/v1`, and who may. The only folder that
//! names actix_web.
//!
//! `puerta` listens, with every size, count and time bounded; `nodo` is what it asks of the
//! roles in its process, which `nodo` (the module) puts together; `salud` is for those who
//! watch, `metricas` for Prometheus, `api` the operations of a carga, `entrada` the way in for
//! pages, `paginas` the pages and `panel` what happens as it happens, at the pace that `caudal`
//! reckons; `acceso` lets in whoever may, by `tokens`, `sesiones` and `ritmo`, and `vecinas`
//! are the other cargas, whose pages may ask here; `problema` is how it says no, and `conexion` how it says it to what is
//! no request at all. It runs on a
//! thread of its own: a page that is slow to write delays no operation. It decides nothing
//! about an operation.

// A refusal is an answer, made once and sent: a box around it would buy nothing.
#![allow(clippy::result_large_err)]

pub mod acceso;
mod api;
pub mod caudal;
mod conexion;
mod cuerpo;
mod entrada;
mod metricas;
pub mod nodo;
pub mod paginas;
pub mod panel;
pub mod problema;
pub mod puerta;
mod ritmo;
mod salud;
mod sesiones;
pub mod tokens;
pub mod vecinas;
