//! The rules of circulation, pure: no clock, no I/O, and nothing of ours imported.
//!
//! A batch is decided on a [`foto::Foto`]: what the database says about everything its
//! operations name, changed in memory by each so that the next one sees it. `prestamo`,
//! `devolucion` and `renovacion` hold one operation each; `reglas` the numbers they obey;
//! `plazo` the calendar; `principal` says whose an op_id is.

pub mod devolucion;
pub mod foto;
pub mod ids;
pub mod modo;
pub mod operacion;
pub mod permiso;
pub mod plazo;
pub mod prestamo;
pub mod principal;
pub mod rechazo;
pub mod reglas;
pub mod renovacion;
pub mod solicitud;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod muestra;
