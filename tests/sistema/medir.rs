//! `biblioteca medir` against real nodes: rates that wait for nobody, results that are kept,
//! and the course's table.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::nodo::Biblioteca;

const ABIERTOS: &str =
    "select count(*) from prestamos where usuario like 'medir-%' and devuelto_en is null";

fn dicho(salida: &Output) -> String {
    String::from_utf8_lossy(&salida.stdout).into_owned() + &String::from_utf8_lossy(&salida.stderr)
}

fn resultados(ruta: &Path) -> Vec<Value> {
    serde_json::from_str(&fs::read_to_string(ruta).unwrap()).unwrap()
}

fn respuestas(resultado: &Value) -> u64 {
    let operaciones = resultado["operaciones"].as_array().unwrap();
    operaciones
        .iter()
        .map(|una| una["respuestas"].as_u64().unwrap() + una["no_atendidas"].as_u64().unwrap())
        .sum()
}

fn percentil(operacion: &Value, p: f64) -> f64 {
    let percentiles = operacion["percentiles"].as_array().unwrap();
    let hallado = percentiles.iter().find(|par| par[0] == p).unwrap();
    hallado[1].as_f64().unwrap()
}

#[test]
fn the_books_that_are_asked_for_are_those_that_were_sown() {
    let biblioteca = Biblioteca::sembrada();
    let ayuda = dicho(&biblioteca.orden(&["medir", "--help"]));
    // As wide as the terminal: its lines end anywhere.
    let ayuda = ayuda.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, desde) = ayuda
        .split_once("de Libro1 en adelante (si falta: ")
        .unwrap();
    let libros: u32 = desde.split([',', ')']).next().unwrap().parse().unwrap();
    let hay = |numero| format!("select count(*) from libros where isbn = 'Libro{numero}'");
    assert_eq!(biblioteca.contar(&hay(libros)), 1, "{libros}");
    assert_eq!(biblioteca.contar(&hay(libros + 1)), 0, "{libros}");
    let _nodo = biblioteca.todo();
    let salida = biblioteca.orden(&["medir", "--segundos", "2", "--operacion", "consulta"]);
    assert_eq!(salida.status.code(), Some(0), "{}", dicho(&salida));
    assert!(
        !dicho(&salida).contains("LibroNoEncontrado"),
        "{}",
        dicho(&salida)
    );
}

#[test]
fn a_rate_is_kept_its_results_are_saved_and_every_loan_is_returned() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let salida = biblioteca.orden(&[
        "medir",
        "--clientes",
        "4",
        "--segundos",
        "2",
        "--calentamiento",
        "1",
        "--ritmo",
        "40",
        "--operacion",
        "prestamo=2,devolucion=1,consulta=1",
        "--salida",
        "corrida",
    ]);
    assert_eq!(salida.status.code(), Some(0), "{}", dicho(&salida));
    assert_eq!(biblioteca.contar(ABIERTOS), 0);
    let en = |extension: &str| {
        biblioteca
            .carpeta
            .path()
            .join(format!("corrida.{extension}"))
    };
    let medidas = resultados(&en("json"));
    // 40 a second for 2 s were due, the warm-up's 40 are told nowhere.
    let total = respuestas(&medidas[0]) + medidas[0]["sin_respuesta"].as_u64().unwrap();
    assert!((79..=81).contains(&total), "{total}: {}", medidas[0]);
    let csv = fs::read_to_string(en("csv")).unwrap();
    assert_eq!(csv.lines().count(), 4, "{csv}");
    for dibujo in ["percentiles.svg", "serie.svg"] {
        assert!(fs::read_to_string(en(dibujo)).unwrap().contains("</svg>"));
    }
    let comparada = biblioteca.orden(&["medir", "--comparar", "corrida.json", "corrida.json"]);
    assert_eq!(comparada.status.code(), Some(0), "{}", dicho(&comparada));
    assert!(dicho(&comparada).contains("no se distingue"));
    let ajena = biblioteca.orden(&["medir", "--comparar", "corrida.json", "corrida.csv"]);
    assert_eq!(ajena.status.code(), Some(2), "{}", dicho(&ajena));
}

/// In a closed loop a second of silence is one slow answer of each client; at a rate it is
/// everything that was due meanwhile.
#[test]
fn a_frozen_node_delays_all_that_was_due_and_not_only_what_was_sent() {
    let biblioteca = Biblioteca::sembrada();
    let nodo = biblioteca.todo();
    let mut medir = biblioteca.comando(&[
        "medir",
        "--clientes",
        "2",
        "--segundos",
        "3",
        "--calentamiento",
        "0",
        "--ritmo",
        "50",
        "--operacion",
        "prestamo",
        "--salida",
        "helada",
    ]);
    let mut medir = medir
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let limite = Instant::now() + Duration::from_secs(20);
    while biblioteca.contar("select count(*) from operaciones") == 0 {
        assert!(Instant::now() < limite, "nothing was asked");
    }
    nodo.senal("STOP");
    // The fault itself: a third of the run.
    std::thread::sleep(Duration::from_secs(1));
    nodo.senal("CONT");
    assert!(medir.wait().unwrap().success());
    let medidas = resultados(&biblioteca.carpeta.path().join("helada.json"));
    let operaciones = medidas[0]["operaciones"].as_array().unwrap();
    let prestamo = operaciones
        .iter()
        .find(|una| una["operacion"] == "prestamo")
        .unwrap();
    assert!(percentil(prestamo, 90.0) > 200.0, "{prestamo}");
}

#[test]
fn three_hundred_clients_are_more_sockets_than_one_context_gives() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let salida = biblioteca.orden(&[
        "medir",
        "--clientes",
        "300",
        "--segundos",
        "2",
        "--operacion",
        "consulta",
    ]);
    assert_eq!(salida.status.code(), Some(0), "{}", dicho(&salida));
    assert!(dicho(&salida).contains("CONFIRMADO"), "{}", dicho(&salida));
}

#[test]
fn the_table_of_the_running_library_has_a_row_for_each_combination() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let carga = format!("127.0.0.1:{}", biblioteca.clientes);
    let salida = biblioteca.orden(&[
        "medir",
        "--tabla",
        "--segundos",
        "1",
        "--calentamiento",
        "0",
        "--carga",
        &carga,
        "--salida",
        "tabla",
    ]);
    assert_eq!(salida.status.code(), Some(0), "{}", dicho(&salida));
    let medidas = resultados(&biblioteca.carpeta.path().join("tabla.json"));
    let filas: Vec<(u64, &str)> = medidas
        .iter()
        .map(|una| {
            (
                una["clientes"].as_u64().unwrap(),
                una["modos"].as_str().unwrap(),
            )
        })
        .collect();
    let esperadas = ["sincrono", "asincrono"].map(|modo| [4, 6, 10].map(|n| (n, modo)));
    assert_eq!(filas, esperadas.concat());
    for dibujo in ["tabla.tiempo.svg", "tabla.respuestas.svg"] {
        let svg = fs::read_to_string(biblioteca.carpeta.path().join(dibujo)).unwrap();
        assert!(svg.contains("asincrono"), "{dibujo}");
    }
}

#[test]
fn the_table_starts_a_library_of_its_own_and_leaves_nothing() {
    let biblioteca = Biblioteca::vacia();
    let mut orden = biblioteca.comando(&[
        "medir",
        "--tabla",
        "--segundos",
        "1",
        "--calentamiento",
        "0",
        "--salida",
        "propia",
    ]);
    let temporal = biblioteca.carpeta.path().join("tmp");
    fs::create_dir(&temporal).unwrap();
    let salida = orden.env("TMPDIR", &temporal).output().unwrap();
    assert_eq!(salida.status.code(), Some(0), "{}", dicho(&salida));
    let medidas = resultados(&biblioteca.carpeta.path().join("propia.json"));
    let actores: Vec<_> = medidas.iter().map(|una| una["actores"].as_u64()).collect();
    assert_eq!(actores, [[Some(1); 6], [Some(4); 6]].concat());
    assert_eq!(fs::read_dir(&temporal).unwrap().count(), 0);
    assert!(!biblioteca.datos().exists(), "nobody's data is touched");
}
