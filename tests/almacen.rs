//! The contract of every `Almacen`, as sentences, each on SQLite and on a PostgreSQL that the
//! test starts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "almacen/archivo.rs"]
mod archivo;
#[path = "almacen/banco.rs"]
mod banco;
#[path = "almacen/catalogo.rs"]
mod catalogo;
#[path = "almacen/consultas.rs"]
mod consultas;
#[path = "almacen/historial.rs"]
mod historial;
#[path = "almacen/modelo.rs"]
mod modelo;
#[path = "almacen/reglas.rs"]
mod reglas;
#[path = "almacen/repeticiones.rs"]
mod repeticiones;
#[path = "almacen/usuarios.rs"]
mod usuarios;
// Shared with tests/postgres, which uses the rest of it.
#[allow(dead_code)]
#[path = "postgres/servidor.rs"]
mod servidor;
