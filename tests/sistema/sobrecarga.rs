//! Fault cases 33 and 34: more than anybody can do, and one client that takes it all.
//!
//! Short here, and only what must hold on any machine. The figures by command, on a quiet one:
//!
//! ```text
//! BIBLIOTECA_SOBRECARGA_S=60 cargo nextest run --cargo-profile largas --no-capture -E 'test(sobrecarga)'
//! ```

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cliente::{Cliente, consulta, prestamo};
use crate::nodo::{Biblioteca, MEMORIA_MAX_KIB, Nodo, memoria_kib, texto};

/// More than one connection may have unanswered.
const RAFAGA: usize = 700;

fn dura() -> Duration {
    let segundos = std::env::var("BIBLIOTECA_SOBRECARGA_S");
    Duration::from_secs(segundos.map_or(3, |texto| texto.parse().expect("a number")))
}

fn pide(quien: usize, n: usize) -> Value {
    prestamo(
        &format!("Libro{}", 201 + n % 700),
        &format!("u{quien}-{n}"),
        &format!("k{quien}-{n}"),
    )
}

/// Latencies by state, in ms, each list in order.
type Vistas = BTreeMap<String, Vec<f64>>;

fn percentil(vistas: &[f64], de_cien: usize) -> f64 {
    let lugar = (vistas.len() * de_cien / 100).min(vistas.len().saturating_sub(1));
    vistas.get(lugar).copied().unwrap_or_default()
}

/// Asks [`RAFAGA`] times without waiting for an answer, again and again; what has arrived is
/// taken between two requests, so that an answer's time is its own.
fn inundar(cliente: &Cliente, quien: usize, hasta: Instant) -> Vistas {
    let mut vistas = Vistas::new();
    let mut siguiente = 0;
    while Instant::now() < hasta {
        let mut abiertas: BTreeMap<String, Instant> = BTreeMap::new();
        let mut anotar = |abiertas: &mut BTreeMap<String, Instant>, respuesta: Value| {
            let op_id = texto(&respuesta, "op_id");
            let desde = abiertas.remove(op_id).expect("one answer each");
            let lista = vistas.entry(texto(&respuesta, "estado").to_owned());
            lista.or_default().push(desde.elapsed().as_secs_f64() * 1e3);
        };
        for n in siguiente..siguiente + RAFAGA {
            let pedido = pide(quien, n);
            abiertas.insert(texto(&pedido, "op_id").to_owned(), Instant::now());
            cliente.enviar(&pedido);
            while let Some(respuesta) = cliente.recibir_si_hay() {
                anotar(&mut abiertas, respuesta);
            }
        }
        siguiente += RAFAGA;
        while !abiertas.is_empty() {
            anotar(&mut abiertas, cliente.recibir());
        }
    }
    vistas
}

/// One operation after the other, each decided at its first try.
fn de_a_una(cliente: &Cliente, quien: usize, hasta: Instant) -> Vec<f64> {
    let mut vistas = Vec::new();
    for n in 0.. {
        if Instant::now() >= hasta {
            break;
        }
        let antes = Instant::now();
        let respuesta = cliente.pedir(&pide(quien, n));
        let estado = texto(&respuesta, "estado");
        assert!(["CONFIRMADO", "RECHAZADO"].contains(&estado), "{respuesta}");
        vistas.push(antes.elapsed().as_secs_f64() * 1e3);
    }
    vistas.sort_by(f64::total_cmp);
    vistas
}

/// Fault case 33.
#[test]
fn under_far_too_much_load_the_rest_is_told_ocupado_and_afterwards_all_is_normal() {
    let biblioteca = Biblioteca::sembrada();
    // Small bounds, so that no machine is fast enough to need none.
    let mut comando = biblioteca.comando(&[]);
    comando
        .env("BIBLIOTECA_CARGA__EN_VUELO_MAX", "512")
        .env("BIBLIOTECA_CARGA__POR_CONEXION_MAX", "64");
    let nodo = Nodo::de(comando, &biblioteca.carpeta.path().join("nodo.log"));
    biblioteca.espera_servicio();
    let hasta = Instant::now() + dura();
    let todas: Vec<Vistas> = thread::scope(|ambito| {
        let hilos: Vec<_> = (0..8)
            .map(|quien| {
                let cliente = biblioteca.cliente();
                ambito.spawn(move || inundar(&cliente, quien, hasta))
            })
            .collect();
        hilos.into_iter().map(|hilo| hilo.join().unwrap()).collect()
    });
    let mut vistas = Vistas::new();
    for (estado, lista) in todas.into_iter().flatten() {
        vistas.entry(estado).or_default().extend(lista);
    }
    for (estado, lista) in &mut vistas {
        lista.sort_by(f64::total_cmp);
        let (cuantas, p50, p99) = (lista.len(), percentil(lista, 50), percentil(lista, 99));
        println!("{estado}: {cuantas}, p50 {p50:.1} ms, p99 {p99:.1} ms");
    }
    println!("memory: {} KiB", memoria_kib(&nodo));
    let de = |estado: &str| vistas.get(estado).map_or(0, Vec::len);
    assert!(de("OCUPADO") > 0, "{:?}", vistas.keys());
    assert!(de("CONFIRMADO") + de("RECHAZADO") > 100, "goodput");
    assert!(
        memoria_kib(&nodo) < MEMORIA_MAX_KIB,
        "{}",
        memoria_kib(&nodo)
    );
    let confirmadas =
        "select count(*) from operaciones where op_id like 'k%-%' and estado='CONFIRMADO'";
    let confirmadas = biblioteca.contar(confirmadas);
    assert!(
        confirmadas >= i64::try_from(de("CONFIRMADO")).unwrap(),
        "none is lost"
    );
    // A single client, at its first try.
    let despues = biblioteca
        .cliente()
        .pedir(&prestamo("Libro950", "despues", "despues"));
    assert_eq!(texto(&despues, "estado"), "CONFIRMADO", "{despues}");
}

/// Fault case 34: the others' work goes on beside it, at the first try.
#[test]
fn one_client_that_floods_and_one_that_never_reads_hold_up_nobody() {
    let biblioteca = Biblioteca::sembrada();
    let nodo = biblioteca.todo();
    let otros = |desde: usize| -> Vec<f64> {
        let hasta = Instant::now() + dura();
        let mut vistas: Vec<f64> = thread::scope(|ambito| {
            let hilos: Vec<_> = (desde..desde + 3)
                .map(|quien| {
                    let cliente = biblioteca.cliente();
                    ambito.spawn(move || de_a_una(&cliente, quien, hasta))
                })
                .collect();
            let listas = hilos.into_iter().map(|hilo| hilo.join().unwrap());
            listas.flatten().collect()
        });
        vistas.sort_by(f64::total_cmp);
        vistas
    };
    let solos = otros(10);
    let mudo = biblioteca.cliente();
    for _ in 0..5_000 {
        mudo.enviar(&consulta("Libro1"));
    }
    let acompanados = thread::scope(|ambito| {
        let glotona = biblioteca.cliente();
        let hasta = Instant::now() + dura();
        let glotona = ambito.spawn(move || inundar(&glotona, 0, hasta));
        let vistas = otros(20);
        assert!(
            glotona
                .join()
                .unwrap()
                .values()
                .map(Vec::len)
                .sum::<usize>()
                > RAFAGA
        );
        vistas
    });
    let (antes, despues) = (percentil(&solos, 99), percentil(&acompanados, 99));
    println!("p99 of the others: {antes:.1} ms alone, {despues:.1} ms beside them");
    assert!(acompanados.len() > 10, "they hardly got through");
    assert!(
        memoria_kib(&nodo) < MEMORIA_MAX_KIB,
        "{}",
        memoria_kib(&nodo)
    );
}
