//! The pages as people use them: a real browser without a window, by keyboard alone, against
//! real processes. Where there is no browser each test says what it leaves out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accesibilidad;
#[path = "../sistema/cliente.rs"]
#[allow(dead_code)]
mod cliente;
mod mostrador;
#[path = "../sistema/nodo.rs"]
#[allow(dead_code)]
mod nodo;
mod pagina;
mod panel;
#[path = "../sistema/puertos.rs"]
mod puertos;
mod sesion;
#[path = "../sistema/web.rs"]
#[allow(dead_code)]
mod web;
