//! Free ports for the nodes of a test.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below those that the system gives to outgoing connections, which would take one between its
/// choice here and its use by a node.
const PRIMERO: u32 = 10_000;
const CUANTOS: u32 = 22_000;

/// What one test takes at most: the tests that run at once are processes of their own, with
/// numbers that differ.
const POR_PROCESO: u32 = 32;

static DADOS: AtomicU32 = AtomicU32::new(0);

/// Free now, and given to nobody else.
pub fn puertos<const N: usize>() -> [u16; N] {
    std::array::from_fn(|_| puerto())
}

fn puerto() -> u16 {
    loop {
        let dado = DADOS.fetch_add(1, Ordering::Relaxed);
        assert!(dado < CUANTOS, "no port is free");
        let base = std::process::id().wrapping_mul(POR_PROCESO);
        let numero = PRIMERO + base.wrapping_add(dado) % CUANTOS;
        if let Ok(puerto) = u16::try_from(numero)
            && TcpListener::bind(("127.0.0.1", puerto)).is_ok()
        {
            return puerto;
        }
    }
}
