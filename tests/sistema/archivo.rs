//! A request file through the role `solicitante`: report, receipts, and a kill half way.

use std::collections::HashSet;
use std::fs;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::nodo::{Biblioteca, Nodo};

fn solicitar(biblioteca: &Biblioteca, archivo: &str) -> Output {
    biblioteca.orden(&[
        "--role",
        "solicitante",
        "--archivo",
        archivo,
        "--nombre",
        "mesa",
    ])
}

fn recibos(biblioteca: &Biblioteca) -> Vec<Value> {
    let ruta = biblioteca.datos().join("solicitante/mesa.recibos.jsonl");
    fs::read_to_string(ruta)
        .unwrap_or_default()
        .lines()
        .filter_map(|linea| serde_json::from_str(linea).ok())
        .collect()
}

#[test]
fn a_file_is_run_line_by_line_and_every_outcome_has_a_receipt() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let archivo = biblioteca.carpeta.path().join("p.txt");
    fs::write(
        &archivo,
        "# día\nPRES Libro1 u1\nRENO Libro1 u1\nDEVO Libro1 u1\nPRES NoHay u1\nhola\n",
    )
    .unwrap();
    let salida = solicitar(&biblioteca, archivo.to_str().unwrap());
    let dicho = String::from_utf8_lossy(&salida.stdout).into_owned();
    assert_eq!(salida.status.code(), Some(1), "{dicho}");
    assert!(dicho.contains("LibroNoEncontrado"), "{dicho}");
    let recibos = recibos(&biblioteca);
    assert_eq!(recibos.len(), 4);
    for recibo in &recibos {
        let hallada = format!(
            "select count(*) from operaciones where op_id='{}' and estado='{}'",
            recibo["op_id"].as_str().unwrap(),
            recibo["estado"].as_str().unwrap()
        );
        assert_eq!(biblioteca.contar(&hallada), 1, "{recibo}");
    }
}

#[test]
fn an_op_id_in_the_file_is_not_used_and_that_is_told() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let archivo = biblioteca.carpeta.path().join("p.jsonl");
    let linea = r#"{"operacion":"prestamo","isbn":"Libro1","usuario":"u1","op_id":"suyo"}"#;
    fs::write(&archivo, linea).unwrap();
    let salida = solicitar(&biblioteca, archivo.to_str().unwrap());
    let dicho = String::from_utf8_lossy(&salida.stdout).into_owned();
    assert_eq!(salida.status.code(), Some(0), "{dicho}");
    assert!(
        dicho.contains("Solicitudes con un op_id propio: 1; no se usó"),
        "{dicho}"
    );
    assert_ne!(recibos(&biblioteca)[0]["op_id"], "suyo");
}

/// Fault case 23.
#[test]
fn a_killed_run_continues_under_its_own_op_ids() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let archivo = biblioteca.carpeta.path().join("p.txt");
    let lineas: String = (1..=300)
        .map(|n| format!("PRES Libro{n} lector{n}\n"))
        .collect();
    fs::write(&archivo, lineas).unwrap();
    let ruta = archivo.to_str().unwrap();
    let argumentos = [
        "--role",
        "solicitante",
        "--archivo",
        ruta,
        "--nombre",
        "mesa",
    ];
    let registro = biblioteca.carpeta.path().join("solicitante.log");
    let mut corrida = Nodo::de(biblioteca.comando(&argumentos), &registro);
    let limite = Instant::now() + Duration::from_secs(20);
    while recibos(&biblioteca).len() < 20 {
        assert!(Instant::now() < limite, "{}", corrida.registro());
    }
    corrida.matar();
    let a_medias = recibos(&biblioteca).len();
    assert!(a_medias < 300, "it was killed half way");
    solicitar(&biblioteca, ruta);
    let finales = recibos(&biblioteca);
    let op_ids: HashSet<&str> = finales
        .iter()
        .map(|r| r["op_id"].as_str().unwrap())
        .collect();
    assert_eq!(
        op_ids.len(),
        300,
        "one op_id a line, however often it was sent"
    );
    let corridas: HashSet<&str> = op_ids
        .iter()
        .map(|id| id.rsplit_once('-').unwrap().0)
        .collect();
    assert_eq!(corridas.len(), 1, "one run");
    let de_lectores = "select count(*) from operaciones where usuario like 'lector%'";
    assert_eq!(biblioteca.contar(de_lectores), 300);
}
