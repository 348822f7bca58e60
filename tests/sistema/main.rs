//! Real processes over real sockets, with a plain JSON client: what the outside may rely on.
//!
//! # Where each fault case is
//!
//! A path is a test file here or beside; `simulador` runs the pure cores under thousands of
//! schedules; `simulacro` is the drill, real processes under faults, by command. Times are
//! measured by the commands, on a quiet machine; the tests assert outcomes.
//!
//! | case | fault | test, or command |
//! |---|---|---|
//! | 1, 2, 5 | kill -9 of a carga, an actor, an almacenamiento | `doble`, `fallos`, `tests/tres_pcs`; `simulacro` for the gaps |
//! | 3 | an actor dies after the commit, before its answer | `simulador` (kills at every instant), `fallos`, `tests/tres_pcs` |
//! | 4, 6 | nobody of a kind is alive | `diario`, `fallos`, `tests/tres_pcs`; `nucleos` for the sends |
//! | 7 | an almacenamiento dies around COMMIT | `simulador` (`Trampa`), `escritor` |
//! | 8 | SIGSTOP | `fallos`; `simulacro` for every role |
//! | 9, 10, 16 | PostgreSQL under Patroni and etcd | `deploy/alta-disponibilidad.sh` |
//! | 11–15, 37, 38, 42 | PostgreSQL | `tests/postgres` (promotions by hand of two servers) |
//! | 17–21 | partitions, slow and tripled messages, flapping links | `tests/tres_pcs` on real links; `simulador/caso` |
//! | 22 | an op_id again, with the same and another content | `contrato`, `tests/almacen/repeticiones` |
//! | 23 | a solicitante dies half way | `archivo` |
//! | 24 | full disk | `disco`, `tests/diario_archivo` |
//! | 25 | EIO, failed fsync | `disco_malo`, `diario`, `escritor` |
//! | 26 | power cut at every write | `corte` (some hundred cuts; `BIBLIOTECA_CORTES=todos`), `tests/diario_archivo` and `tests/almacen/archivo` (one cut each) |
//! | 27 | damaged file | `arranque`, `diario` |
//! | 28 | wrong clocks | `reloj`, `tests/almacen/reglas`; drifting clocks in `simulador` |
//! | 29, 30 | open breaker, lost probe | `extremos`, `nucleos/cortacircuitos`, `runtime::breaker` |
//! | 31 | slow endpoint, garbage | `extremos`, `nucleos/cortacircuitos` |
//! | 32 | poison | `escritor`, `tests/almacen/repeticiones`, `carga::diario` |
//! | 33, 34 | overload, a greedy client, a deaf one | `sobrecarga`, `mala_entrada`; `BIBLIOTECA_SOBRECARGA_S=60`; `deploy/velocidad.sh --sobrecarga` with processes of their own |
//! | 35 | SIGTERM of every process in turn | `doble`, `tests/tres_pcs` |
//! | 36 | the last copy, raced for | `carrera`, `tests/postgres/carreras`; `BIBLIOTECA_CARRERAS=10000` |
//! | 39 | wrong keys, raw TCP | `claves`; `mala_entrada` for raw bytes without keys; `deploy/seguridad.sh` for p99 |
//! | 40 | random frames | `marcos`, `wire::codec`, `wire::json`; `BIBLIOTECA_MARCOS=1000000`, `PROPTEST_CASES=1000000 cargo test no_bytes` |
//! | 41 | SQL in every field | `mala_entrada` |
//! | 43 | actors that panic, stop, die in their start | `runtime::guardian`, `fallos`, `arranque` |
//! | 44 | two versions | `versiones`; `deploy/actualizacion.sh` with two real ones; golden vectors of `wire` |
//! | 45 | random faults, two at once at most | `simulacro --segundos 1800`; `simulador` |
//! | 46 | planted bugs | `deploy/sabotajes.sh`; `simulador/plantados` |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod administrar;
mod api;
mod archivo;
mod arranque;
mod autores;
// Of the simulator, which uses the rest of it.
#[allow(dead_code)]
#[path = "../simulador/azar.rs"]
mod azar;
mod carrera;
mod claves;
mod cliente;
mod comprobar;
mod contrato;
mod corte;
mod diario;
mod disco;
mod disco_malo;
mod doble;
mod estado;
mod extremos;
mod fallos;
mod formas;
mod llaves;
mod mala_entrada;
mod marcos;
mod medir;
mod metricas;
mod nodo;
mod paginas;
mod puertos;
mod reloj;
mod respaldo;
mod salida;
mod salud;
mod servicio;
mod simulacro;
mod sobrecarga;
mod trampa;
mod varios_procesos;
mod versiones;
mod web;
