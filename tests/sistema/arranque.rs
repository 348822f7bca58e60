//! Starting, refusing to start, and the exit codes of contract §1.

use std::time::Duration;

use crate::nodo::{Biblioteca, Nodo, texto};
use crate::web::espera_listo;

fn codigo(biblioteca: &Biblioteca, argumentos: &[&str]) -> (i32, String) {
    let salida = biblioteca.orden(argumentos);
    let error = String::from_utf8_lossy(&salida.stderr).into_owned();
    (salida.status.code().unwrap(), error)
}

#[test]
fn a_new_library_starts_without_a_warning() {
    let biblioteca = Biblioteca::vacia();
    let nodo = biblioteca.todo();
    nodo.espera_registro("base de datos abierta");
    espera_listo(biblioteca.http, 200, Duration::from_secs(20));
    assert!(!nodo.registro().contains("WARN"), "{}", nodo.registro());
}

#[test]
fn usage_and_configuration_errors_are_two_with_a_sentence() {
    let biblioteca = Biblioteca::vacia();
    let config = biblioteca.carpeta.path().join("mala.toml");
    std::fs::write(&config, "[carga]\nplazo_mss = 5\n").unwrap();
    let (salida, error) = codigo(&biblioteca, &["--config", config.to_str().unwrap()]);
    assert_eq!(salida, 2, "{error}");
    assert!(
        error.contains("mala.toml") && error.contains("plazo_ms"),
        "{error}"
    );
    assert_eq!(codigo(&biblioteca, &["--role", "bibliotecario"]).0, 2);
    assert_eq!(codigo(&biblioteca, &["--config", "no-existe.toml"]).0, 2);
    let (salida, _) = codigo(
        &biblioteca,
        &["--role", "solicitante", "--archivo", "no-existe.txt"],
    );
    assert_eq!(salida, 2);
    assert!(!biblioteca.base().exists(), "nothing was opened");
}

#[test]
fn a_node_does_not_listen_beyond_loopback_unless_told_so() {
    let biblioteca = Biblioteca::vacia();
    let salida = biblioteca
        .comando(&["--role", "carga"])
        .env(
            "BIBLIOTECA_CARGA__CLIENTES",
            format!("0.0.0.0:{}", biblioteca.clientes),
        )
        .output()
        .unwrap();
    assert_eq!(salida.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&salida.stderr).contains("seguridad.insegura"));
}

#[test]
fn nobody_there_is_sixty_nine_and_a_refusal_is_one() {
    let biblioteca = Biblioteca::sembrada();
    let mut comando = biblioteca.comando(&["sembrar"]);
    assert!(
        comando.output().unwrap().status.success(),
        "a second run changes nothing"
    );
    let _nodo = biblioteca.todo();
    let pedir = [
        "pedir",
        "prestamo",
        "--isbn",
        "Libro2",
        "--usuario",
        "carla",
        "--op-id",
        "p-1",
    ];
    assert_eq!(codigo(&biblioteca, &pedir).0, 0);
    let salida = biblioteca.orden(&pedir);
    let respuesta = serde_json::from_slice(&salida.stdout).unwrap();
    assert_eq!(texto(&respuesta, "op_id"), "p-1");
    assert_eq!(respuesta["repetida"], true);
    let negado = ["pedir", "prestamo", "--isbn", "NoHay", "--usuario", "carla"];
    assert_eq!(codigo(&biblioteca, &negado).0, 1);
}

#[test]
fn a_taken_port_is_one_clear_sentence() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let (salida, error) = codigo(&biblioteca, &["--role", "carga"]);
    assert_eq!(salida, 70);
    assert!(
        error.contains("otro proceso ya usa esa dirección"),
        "{error}"
    );
}

/// Fault case 27.
#[test]
fn a_damaged_database_is_not_served_and_the_process_says_why() {
    let biblioteca = Biblioteca::vacia();
    std::fs::create_dir_all(biblioteca.datos()).unwrap();
    std::fs::write(
        biblioteca.base(),
        b"esto no es una base de datos ".repeat(500),
    )
    .unwrap();
    let mut nodo = biblioteca.nodo(&[]);
    assert_eq!(nodo.espera_fin(Duration::from_secs(30)), 70);
    assert!(
        nodo.registro().contains("biblioteca.db"),
        "{}",
        nodo.registro()
    );
}

/// A request that is on its way when its carga is told to end is answered, not left in doubt.
#[test]
fn a_carga_that_leaves_still_answers_what_comes_meanwhile() {
    let biblioteca = Biblioteca::vacia();
    let mut carga = biblioteca.rol("carga");
    carga.espera_registro("nodo listo");
    let cliente = biblioteca.cliente();
    let consulta = serde_json::json!({"operacion": "consulta", "isbn": "Libro1"});
    assert_eq!(texto(&cliente.pedir(&consulta), "codigo"), "SinActores");
    carga.senal("TERM");
    carga.espera_registro("se termina");
    assert_eq!(texto(&cliente.pedir(&consulta), "estado"), "OCUPADO");
    assert_eq!(carga.espera_fin(Duration::from_secs(7)), 0);
}

#[test]
fn sigterm_ends_a_node_in_order_with_zero() {
    let biblioteca = Biblioteca::sembrada();
    let mut nodo = biblioteca.todo();
    nodo.senal("TERM");
    assert_eq!(nodo.espera_fin(Duration::from_secs(7)), 0);
}

#[test]
fn administrative_verbs_work_with_the_node_up_and_stopped() {
    let biblioteca = Biblioteca::vacia();
    let csv = biblioteca.carpeta.path().join("libros.csv");
    std::fs::write(
        &csv,
        "isbn;título;autor;sede;ejemplares\nA1;Rayuela;Cortázar;sede1;3\nB2;;X;sede1;1\n",
    )
    .unwrap();
    let importar = ["catalogo", "importar", csv.to_str().unwrap()];
    let parado = biblioteca.orden(&importar);
    let dicho = String::from_utf8_lossy(&parado.stdout).into_owned();
    assert_eq!(parado.status.code(), Some(1), "{dicho}");
    assert!(
        dicho.contains("línea 3") && dicho.contains("3 ejemplares"),
        "{dicho}"
    );
    let _nodo = biblioteca.todo();
    std::fs::write(
        &csv,
        "isbn,titulo,sede\nA1,Rayuela,sede1\nC3,Ficciones,sede2\n",
    )
    .unwrap();
    let en_marcha = biblioteca.orden(&importar);
    let dicho = String::from_utf8_lossy(&en_marcha.stdout).into_owned();
    assert_eq!(en_marcha.status.code(), Some(0), "{dicho}");
    assert_eq!(biblioteca.contar("select count(*) from ejemplares"), 4);
    assert_eq!(
        biblioteca.contar("select total from disponibilidad where isbn='A1'"),
        3
    );
}

#[test]
fn a_measurement_prints_its_table_and_leaves_the_library_as_it_was() {
    let biblioteca = Biblioteca::sembrada();
    assert_eq!(
        codigo(
            &biblioteca,
            &["medir", "--clientes", "1", "--segundos", "1"]
        )
        .0,
        69
    );
    let _nodo = biblioteca.todo();
    let salida = biblioteca.orden(&["medir", "--clientes", "4", "--segundos", "1"]);
    let dicho = String::from_utf8_lossy(&salida.stdout).into_owned();
    assert_eq!(salida.status.code(), Some(0), "{dicho}");
    assert!(
        dicho.contains("p99 ms") && dicho.contains("CONFIRMADO"),
        "{dicho}"
    );
    let abiertos =
        "select count(*) from prestamos where usuario like 'medir-%' and devuelto_en is null";
    assert_eq!(biblioteca.contar(abiertos), 0, "all is returned");
}

#[test]
fn a_node_can_be_told_to_listen_on_a_name() {
    let biblioteca = Biblioteca::sembrada();
    let mut comando = biblioteca.comando(&[]);
    comando.env(
        "BIBLIOTECA_CARGA__CLIENTES",
        format!("localhost:{}", biblioteca.clientes),
    );
    let _nodo = Nodo::de(comando, &biblioteca.carpeta.path().join("nodo.log"));
    biblioteca.espera_servicio();
}
