//! The simulator: the pure cores under a seeded scheduler with virtual time.
//!
//! Clients (`Reintento`), two cargas (`Nucleo`) with a diario each, two or three actors of each kind (`Relevo`
//! and its breakers) and two almacenamientos over one model database that decides with the
//! rules of `domain`. Messages are lost, doubled, delayed and reordered, links cut one way or
//! both, processes killed, frozen and restarted, at every instant around COMMIT; then
//! everything heals. `juez` states what must hold.
//!
//! Any number of seeds, from any one, stopping at the first that fails:
//!
//! ```text
//! BIBLIOTECA_SEMILLAS=100000 BIBLIOTECA_SEMILLA=1 cargo test --profile largas --test simulador
//! deploy/simular.sh 100000 1
//! ```
//!
//! A failing seed prints itself and the end of its run; one seed alone (`BIBLIOTECA_SEMILLAS=1`)
//! always does the same. `BIBLIOTECA_RASTRO=0` for no trace, or the number of its lines.
//! Not modelled: frames on sockets, SQLite itself, full disks, identities, poison counting.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actor;
mod almacen;
mod azar;
mod base;
mod carga;
mod caso;
mod cliente;
mod correr;
mod defecto;
mod diario;
mod escenario;
mod faltas;
mod juez;
mod mundo;
mod nodo;
mod plantados;
mod rastro;
mod red;
mod vigia;

/// Seeds in the normal tests.
const SEMILLAS: u64 = 2_000;

/// Lines of a failing run that are printed.
const RASTRO: u64 = 120;

fn numero(variable: &str, si_falta: u64) -> u64 {
    match std::env::var(variable) {
        Ok(texto) => texto.parse().expect("a number"),
        Err(_) => si_falta,
    }
}

#[test]
fn every_promise_holds_under_every_schedule() {
    let barrido = correr::varias(
        numero("BIBLIOTECA_SEMILLA", 1),
        numero("BIBLIOTECA_SEMILLAS", SEMILLAS),
    );
    if let Some(fallida) = &barrido.fallida {
        let lineas = numero("BIBLIOTECA_RASTRO", RASTRO) as usize;
        panic!("{}", correr::informe(fallida, lineas));
    }
    let cobertura = barrido.cobertura;
    println!(
        "{} seeds, {} events, {} s of virtual time, no promise broken: {cobertura:?}",
        barrido.semillas,
        barrido.eventos,
        barrido.virtual_us / 1_000_000
    );
    if barrido.semillas >= SEMILLAS {
        let pocas = barrido.semillas / 10;
        assert!(
            cobertura.segundas_entregas > pocas
                && cobertura.inciertas > pocas
                && cobertura.negadas > pocas
                && cobertura.repetidas > pocas
                && cobertura.efectos > pocas
                && cobertura.sondas > pocas
                && cobertura.encoladas > pocas
                && cobertura.releidas > pocas,
            "too quiet to prove anything: {cobertura:?}"
        );
    }
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    for semilla in 1..=20 {
        let (una, otra) = (
            correr::una(semilla, None, 0).0,
            correr::una(semilla, None, 0).0,
        );
        assert_eq!(una.unwrap(), otra.unwrap(), "seed {semilla}");
    }
}
