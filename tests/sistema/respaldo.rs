//! A backup made beside a working node and with none, and the library that it restores.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cliente::{Cliente, prestamo};
use crate::nodo::{Biblioteca, texto};

fn dicho(salida: &Output) -> String {
    String::from_utf8_lossy(&salida.stdout).into_owned() + &String::from_utf8_lossy(&salida.stderr)
}

fn respaldar(biblioteca: &Biblioteca, destino: &Path) -> Output {
    biblioteca.orden(&["respaldar", destino.to_str().unwrap()])
}

/// What a repeat must get: the same answer, said to be a repeat.
fn como_repetida(respuesta: &Value) -> Value {
    let mut respuesta = respuesta.clone();
    respuesta["repetida"] = json!(true);
    respuesta
}

#[test]
fn a_restored_backup_audits_clean_and_knows_every_op_id() {
    let biblioteca = Biblioteca::sembrada();
    let nodo = biblioteca.todo();
    let cliente = biblioteca.cliente();
    let primera = cliente.pedir(&prestamo("Libro1", "ana", "r-1"));
    assert_eq!(texto(&primera, "estado"), "CONFIRMADO");
    // Loans go on while it is made, so that it is one moment of a moving library.
    let puerto = biblioteca.clientes;
    let prestando = std::thread::spawn(move || {
        let cliente = Cliente::dealer(puerto);
        for n in 0..200 {
            cliente.pedir(&prestamo("Libro3", &format!("u{n}"), &format!("m-{n}")));
        }
    });
    let copia = biblioteca.carpeta.path().join("copia.db");
    let salida = respaldar(&biblioteca, &copia);
    assert_eq!(salida.status.code(), Some(0), "{}", dicho(&salida));
    prestando.join().unwrap();
    let permisos = fs::metadata(&copia).unwrap().permissions().mode();
    assert_eq!(permisos & 0o777, 0o600);
    let sobra = biblioteca.carpeta.path().join("copia.db.parcial");
    assert!(!sobra.exists());
    drop(nodo);

    let otra = Biblioteca::vacia();
    fs::create_dir_all(otra.datos()).unwrap();
    fs::copy(&copia, otra.base()).unwrap();
    let auditoria = otra.orden(&["auditar"]);
    assert_eq!(auditoria.status.code(), Some(0), "{}", dicho(&auditoria));
    let _nodo = otra.todo();
    let repetida = otra.cliente().pedir(&prestamo("Libro1", "ana", "r-1"));
    assert_eq!(repetida, como_repetida(&primera));
    let distinta = otra.cliente().pedir(&prestamo("Libro2", "ana", "r-1"));
    assert_eq!(texto(&distinta, "codigo"), "ConflictoOpId");
}

#[test]
fn a_backup_is_made_with_the_nodes_stopped_and_with_a_frozen_one() {
    let biblioteca = Biblioteca::sembrada();
    let detenida = biblioteca.carpeta.path().join("detenida.db");
    let salida = respaldar(&biblioteca, &detenida);
    assert_eq!(salida.status.code(), Some(0), "{}", dicho(&salida));
    let mut nodo = biblioteca.todo();
    nodo.senal("STOP");
    let congelada = biblioteca.carpeta.path().join("congelada.db");
    let salida = respaldar(&biblioteca, &congelada);
    nodo.senal("CONT");
    assert_eq!(salida.status.code(), Some(0), "{}", dicho(&salida));
    let prestada = biblioteca
        .cliente()
        .pedir(&prestamo("Libro1", "ana", "c-1"));
    assert_eq!(texto(&prestada, "estado"), "CONFIRMADO");
    nodo.senal("TERM");
    assert_eq!(nodo.espera_fin(Duration::from_secs(20)), 0);
    for copia in [&detenida, &congelada] {
        let sedes = crate::nodo::contar(copia, "select count(*) from prestamos");
        assert_eq!(sedes, 200, "{}", copia.display());
    }
}

#[test]
fn a_backup_is_never_written_over_anything() {
    let biblioteca = Biblioteca::sembrada();
    let destino = biblioteca.carpeta.path().join("ya.db");
    fs::write(&destino, "importante").unwrap();
    let salida = respaldar(&biblioteca, &destino);
    assert_eq!(salida.status.code(), Some(2), "{}", dicho(&salida));
    assert!(dicho(&salida).contains("ya existe"), "{}", dicho(&salida));
    assert_eq!(fs::read_to_string(&destino).unwrap(), "importante");
    let misma = respaldar(&biblioteca, &biblioteca.base());
    assert_eq!(misma.status.code(), Some(2), "{}", dicho(&misma));
    let sin_carpeta = respaldar(&biblioteca, Path::new("/no/hay/copia.db"));
    let error = dicho(&sin_carpeta);
    assert_eq!(sin_carpeta.status.code(), Some(2), "{error}");
    let esperado = "no se puede escribir /no/hay/copia.db: su carpeta no existe";
    assert!(error.contains(esperado), "{error}");
    let vacia = Biblioteca::vacia();
    let salida = respaldar(&vacia, &vacia.carpeta.path().join("copia.db"));
    assert_eq!(salida.status.code(), Some(2), "{}", dicho(&salida));
    assert!(!vacia.base().exists(), "and makes none");
}

#[test]
fn with_postgresql_it_says_who_makes_the_backup() {
    let biblioteca = Biblioteca::vacia();
    let mut orden = biblioteca.comando(&["respaldar", "copia.dump"]);
    orden.env(
        "BIBLIOTECA_ALMACENAMIENTO__BASE_DATOS",
        "postgres://biblioteca:secreta@127.0.0.1:1/biblioteca",
    );
    let salida = orden.output().unwrap();
    assert_eq!(salida.status.code(), Some(2), "{}", dicho(&salida));
    assert!(dicho(&salida).contains("pg_dump"), "{}", dicho(&salida));
    assert!(!dicho(&salida).contains("secreta"), "{}", dicho(&salida));
}
