//! Real processes over real sockets, with a plain JSON client: what the outside may rely on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod administrar;
mod api;
mod archivo;
mod arranque;
mod cliente;
mod contrato;
mod diario;
mod disco;
mod doble;
mod estado;
mod fallos;
mod formas;
mod mala_entrada;
mod metricas;
mod nodo;
mod respaldo;
mod salud;
mod servicio;
mod simulacro;
mod varios_procesos;
mod web;
