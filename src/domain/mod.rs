//! The rules of circulation, pure: no clock, no I/O, and nothing of ours imported.

pub mod ids;
pub mod operacion;
pub mod rechazo;
