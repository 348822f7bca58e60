//! Real processes over real sockets, with a plain JSON client: what the outside may rely on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod archivo;
mod arranque;
mod carrera;
mod cliente;
mod contrato;
mod diario;
mod disco;
mod disco_malo;
mod doble;
mod estado;
mod extremos;
mod fallos;
mod mala_entrada;
mod nodo;
mod reloj;
mod simulacro;
mod sobrecarga;
mod trampa;
mod varios_procesos;
