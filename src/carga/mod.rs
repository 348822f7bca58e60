//! The load manager: takes requests from clients and hands each to exactly one actor.
//!
//! `clientes` is the door on 5555, `ventanilla` the one for HTTP, both through `admision`, whose
//! refusals `negativas` times; `trabajo` is the one on 5557, `asistencia` what the actors tell of
//! themselves there; `actor` holds the state, whose decisions are all in the pure core `nucleo`: `diario` decides
//! what is queued, replayed and waited for, `reparto` who gets what, `duda` what may be claimed
//! of the rest. `anotador` is the task that owns the diario's file; `responder` answers each
//! client exactly once, in the words of `contestacion` and at the time of `hora`; `noticia` and
//! `actividad` are what others hear and see of it.

pub mod actividad;
pub mod actor;
pub mod admision;
pub mod anotador;
pub mod asistencia;
pub mod clientes;
pub mod contestacion;
pub mod diario;
pub mod duda;
pub mod hora;
pub mod negativas;
pub mod noticia;
pub mod nucleo;
pub mod reparto;
pub mod responder;
pub mod trabajo;
pub mod ventanilla;
