//! The diario, from outside: what was ENCOLADO is decided once, whatever dies, and everybody
//! is told.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cliente::{Cliente, devolucion, prestamo};
use crate::nodo::{Biblioteca, Nodo, texto};

/// The contract's default for returns: no `modo` at all.
pub fn devuelve(isbn: &str, usuario: &str, op_id: &str) -> Value {
    json!({"operacion": "devolucion", "isbn": isbn, "usuario": usuario, "op_id": op_id})
}

pub fn asincrono(mut solicitud: Value) -> Value {
    solicitud["modo"] = "asincrono".into();
    solicitud
}

fn estado(cliente: &Cliente, op_id: &str) -> Value {
    cliente.pedir(&json!({"operacion": "estado", "op_id": op_id}))
}

/// Asks after a queued operation until it is decided: its stored answer.
pub fn decidida(cliente: &Cliente, op_id: &str) -> Value {
    let limite = Instant::now() + Duration::from_secs(30);
    loop {
        let respuesta = estado(cliente, op_id);
        let dicho = respuesta["datos"]["estado"].as_str().unwrap_or_default();
        if respuesta["estado"] == "CONFIRMADO" && ["CONFIRMADO", "RECHAZADO"].contains(&dicho) {
            return respuesta["datos"].clone();
        }
        assert!(Instant::now() < limite, "never decided: {respuesta}");
    }
}

fn de_op(op_id: &str) -> String {
    format!("select count(*) from operaciones where op_id='{op_id}'")
}

#[test]
fn a_return_is_queued_by_default_and_estado_tells_how_it_was_decided() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let cliente = biblioteca.cliente();
    cliente.decidir(&prestamo("Libro1", "ana", "p1"));
    let encolada = cliente.pedir(&devuelve("Libro1", "ana", "d1"));
    assert_eq!(texto(&encolada, "estado"), "ENCOLADO");
    assert_eq!(encolada["exito"], true);
    assert!(encolada["datos"]["carga"].is_string(), "{encolada}");
    let guardada = decidida(&cliente, "d1");
    assert_eq!(texto(&guardada, "estado"), "CONFIRMADO");
    assert_eq!(guardada["datos"]["isbn"], "Libro1");
    // The repeats: the stored answer, to the letter, from the diario and from the database.
    let repetida = cliente.pedir(&devuelve("Libro1", "ana", "d1"));
    assert_eq!(repetida["repetida"], true);
    let otra = cliente.decidir(&devolucion("Libro1", "ana", "d1"));
    assert_eq!(repetida, otra);
    assert_eq!(repetida["fechaOperacion"], guardada["fechaOperacion"]);
    let abiertos = "select count(*) from prestamos where usuario='ana' and devuelto_en is null";
    assert_eq!(biblioteca.contar(abiertos), 0);
}

/// Promise 2: the carga that queues it does not know that it was decided before.
#[test]
fn what_was_decided_before_is_queued_again_and_ends_in_the_same_answer() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let cliente = biblioteca.cliente();
    let primera = cliente.decidir(&prestamo("Libro1", "ana", "k1"));
    let encolada = cliente.pedir(&asincrono(prestamo("Libro1", "ana", "k1")));
    assert_eq!(texto(&encolada, "estado"), "ENCOLADO");
    let guardada = decidida(&cliente, "k1");
    for campo in ["estado", "datos", "fechaOperacion", "mensaje"] {
        assert_eq!(guardada[campo], primera[campo]);
    }
    let abiertos = "select count(*) from prestamos where usuario='ana'";
    assert_eq!(biblioteca.contar(abiertos), 1);
    // The op_id of another content, queued where nobody knows it: a conflict, once decided.
    cliente.decidir(&prestamo("Libro2", "ana", "k2"));
    cliente.pedir(&asincrono(prestamo("Libro3", "ana", "k2")));
    let conflicto = decidida(&cliente, "k2");
    assert_eq!(texto(&conflicto, "codigo"), "ConflictoOpId");
    // And it takes nothing from whoever the op_id belongs to.
    let suya = cliente.pedir(&asincrono(prestamo("Libro2", "ana", "k2")));
    assert_eq!(texto(&suya, "estado"), "CONFIRMADO", "{suya}");
    assert_eq!(suya["repetida"], true);
}

/// Promise 1: kill -9 right after the acknowledgement.
#[test]
fn what_was_queued_survives_kill_nine_and_is_decided_once() {
    let biblioteca = Biblioteca::sembrada();
    let mut carga = biblioteca.rol("carga");
    carga.espera_registro("espera clientes");
    let cliente = biblioteca.cliente();
    for n in 1..=40 {
        cliente.enviar(&asincrono(prestamo(
            &format!("Libro{n}"),
            &format!("u{n}"),
            &format!("k{n}"),
        )));
    }
    for _ in 1..=40 {
        assert_eq!(texto(&cliente.recibir(), "estado"), "ENCOLADO");
    }
    carga.matar();
    let _resto = ["almacenamiento", "actor-prestamo"].map(|rol| biblioteca.rol(rol));
    let _carga = biblioteca.rol("carga");
    let cliente = biblioteca.cliente();
    for n in 1..=40 {
        decidida(&cliente, &format!("k{n}"));
        assert_eq!(biblioteca.contar(&de_op(&format!("k{n}"))), 1);
    }
}

/// Fault cases 4 and 6, the asynchronous part.
#[test]
fn with_every_actor_and_storage_dead_returns_are_taken_at_once_and_drained_when_they_are_back() {
    let biblioteca = Biblioteca::sembrada();
    let carga = biblioteca.rol("carga");
    let roles = ["almacenamiento", "actor-devolucion", "actor-prestamo"];
    let mut resto = roles.map(|rol| biblioteca.rol(rol));
    biblioteca.espera_servicio();
    carga.espera_veces("actor a la orden", 2);
    let cliente = biblioteca.cliente();
    // Of some books the starting data leave no copy.
    let prestados: Vec<usize> = (1..=30)
        .filter(|n| {
            let pide = prestamo(&format!("Libro{n}"), &format!("u{n}"), &format!("p{n}"));
            texto(&cliente.decidir(&pide), "estado") == "CONFIRMADO"
        })
        .collect();
    assert!(prestados.len() >= 10);
    resto.iter_mut().for_each(Nodo::matar);
    for n in &prestados {
        let antes = Instant::now();
        let isbn = format!("Libro{n}");
        let encolada = cliente.pedir(&devuelve(&isbn, &format!("u{n}"), &format!("d{n}")));
        assert_eq!(texto(&encolada, "estado"), "ENCOLADO");
        assert!(antes.elapsed() < Duration::from_secs(1));
    }
    let n = prestados[0];
    // Of somebody who has nothing lent: a yes that will become a no.
    cliente.pedir(&devuelve("Libro1", "nadie", "no"));
    let lugar = estado(&cliente, &format!("d{n}"));
    assert_eq!(texto(&lugar, "estado"), "CONFIRMADO");
    assert_eq!(lugar["datos"]["estado"], "ENCOLADO");
    assert!(lugar["datos"]["edad_ms"].is_u64(), "{lugar}");
    let (usuario, op_id) = (format!("u{n}"), format!("d{n}"));
    let repetida = cliente.pedir(&devuelve(&format!("Libro{n}"), &usuario, &op_id));
    assert_eq!(texto(&repetida, "estado"), "ENCOLADO");
    let conflicto = cliente.pedir(&devuelve("Otro", &usuario, &op_id));
    assert_eq!(texto(&conflicto, "codigo"), "ConflictoOpId");

    let _resto = roles.map(|rol| biblioteca.rol(rol));
    carga.espera_veces("actor a la orden", 4);
    let vuelta = Instant::now();
    for n in &prestados {
        let guardada = decidida(&cliente, &format!("d{n}"));
        assert_eq!(texto(&guardada, "estado"), "CONFIRMADO");
        assert_eq!(biblioteca.contar(&de_op(&format!("d{n}"))), 1);
    }
    assert!(vuelta.elapsed() < Duration::from_secs(15), "drained");
    let guardada = decidida(&cliente, "no");
    assert_eq!(texto(&guardada, "estado"), "RECHAZADO");
    assert_eq!(texto(&guardada, "codigo"), "PrestamoNoEncontrado");
    let auditoria = biblioteca.orden(&["auditar", "--excepciones"]);
    let dicho = String::from_utf8_lossy(&auditoria.stdout).into_owned();
    assert_eq!(auditoria.status.code(), Some(0), "{dicho}");
    assert!(
        dicho.contains("op_id no") && dicho.contains("PrestamoNoEncontrado"),
        "{dicho}"
    );
}

/// Design §2: a return that comes late closes only a loan that existed when it was accepted.
#[test]
fn an_old_return_does_not_close_a_newer_loan() {
    let biblioteca = Biblioteca::sembrada();
    let carga = biblioteca.rol("carga");
    let _almacen = biblioteca.rol("almacenamiento");
    let _presta = biblioteca.rol("actor-prestamo");
    let mut devoluciones = biblioteca.rol("actor-devolucion");
    biblioteca.espera_servicio();
    carga.espera_veces("actor a la orden", 2);
    let cliente = biblioteca.cliente();
    let de_beto = cliente.decidir(&prestamo("Libro1", "beto", "b1"));
    cliente.decidir(&devolucion("Libro1", "beto", "b2"));
    devoluciones.matar();
    // A return of what ana has not, which nobody attends to.
    let encolada = cliente.pedir(&devuelve("Libro1", "ana", "vieja"));
    assert_eq!(texto(&encolada, "estado"), "ENCOLADO");
    // An age is as exact as messages are fast; this one is old beyond doubt.
    let limite = Instant::now() + Duration::from_secs(20);
    while estado(&cliente, "vieja")["datos"]["edad_ms"]
        .as_u64()
        .unwrap()
        < 1_000
    {
        assert!(Instant::now() < limite);
    }
    // The loan by copy is another thing to the carga, so it does not wait for the return.
    let copia = &de_beto["datos"]["ejemplar"];
    let pide = json!({"operacion": "prestamo", "ejemplar": copia, "usuario": "ana",
        "op_id": "nuevo"});
    assert_eq!(texto(&cliente.decidir(&pide), "estado"), "CONFIRMADO");
    let _devuelve = biblioteca.rol("actor-devolucion");
    let guardada = decidida(&cliente, "vieja");
    assert_eq!(texto(&guardada, "estado"), "RECHAZADO", "{guardada}");
    let abiertos = "select count(*) from prestamos where usuario='ana' and devuelto_en is null";
    assert_eq!(biblioteca.contar(abiertos), 1);
}

/// Contract §3.
#[test]
fn a_synchronous_operation_waits_for_what_is_queued_before_it_on_the_same_thing() {
    let biblioteca = Biblioteca::sembrada();
    let carga = biblioteca.rol("carga");
    let _almacen = biblioteca.rol("almacenamiento");
    let _presta = biblioteca.rol("actor-prestamo");
    biblioteca.espera_servicio();
    carga.espera_registro("actor a la orden");
    let cliente = biblioteca.cliente();
    cliente.decidir(&prestamo("Libro1", "ana", "p1"));
    cliente.pedir(&devuelve("Libro1", "ana", "d1"));
    let vencida = cliente.pedir(&prestamo("Libro1", "ana", "p2"));
    assert_eq!(texto(&vencida, "estado"), "NO_DISPONIBLE", "{vencida}");
    assert_eq!(texto(&vencida, "codigo"), "PlazoVencido");
    assert_eq!(biblioteca.contar(&de_op("p2")), 0);
    // Another thing is not held up.
    let otra = cliente.pedir(&prestamo("Libro2", "ana", "p3"));
    assert_eq!(texto(&otra, "estado"), "CONFIRMADO");
    let mut paciente = prestamo("Libro1", "ana", "p2");
    paciente["plazo_ms"] = 20_000.into();
    cliente.enviar(&paciente);
    let _devuelve = biblioteca.rol("actor-devolucion");
    let despues = cliente.recibir();
    assert_eq!(texto(&despues, "estado"), "CONFIRMADO", "{despues}");
    assert_eq!(texto(&decidida(&cliente, "d1"), "estado"), "CONFIRMADO");
}

#[test]
fn a_full_diario_and_a_greedy_client_are_told_so_and_nothing_of_it_is_kept() {
    let biblioteca = Biblioteca::sembrada();
    let mut comando = biblioteca.comando(&["--role", "carga"]);
    comando.env("BIBLIOTECA_CARGA__DIARIO_MAX", "30");
    let carga = Nodo::de(comando, &biblioteca.carpeta.path().join("carga.log"));
    carga.espera_registro("espera clientes");
    let pide = |cliente: &Cliente, n: usize| {
        let usuario = format!("u{n}");
        let respuesta = cliente.pedir(&devuelve("Libro1", &usuario, &format!("k{n}")));
        (
            texto(&respuesta, "estado").to_owned(),
            respuesta["codigo"].as_str().map(str::to_owned),
        )
    };
    let lleno = ("OCUPADO".to_owned(), Some("DiarioLleno".to_owned()));
    let encolado = ("ENCOLADO".to_owned(), None);
    let mut n = 0;
    for _ in 0..10 {
        let cliente = biblioteca.cliente();
        for _ in 0..3 {
            n += 1;
            assert_eq!(pide(&cliente, n), encolado);
        }
        n += 1;
        assert_eq!(pide(&cliente, n), lleno, "a tenth of it for one connection");
    }
    assert_eq!(pide(&biblioteca.cliente(), 1_000), lleno, "it is full");
}

#[test]
fn two_cargas_in_one_folder_are_one_clear_sentence() {
    let biblioteca = Biblioteca::vacia();
    let carga = biblioteca.rol("carga");
    carga.espera_registro("espera clientes");
    let otra = Biblioteca::vacia();
    let salida = otra
        .comando(&["--role", "carga"])
        .env("BIBLIOTECA_NODO__DATOS", biblioteca.datos())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&salida.stderr);
    assert_eq!(salida.status.code(), Some(70), "{error}");
    assert!(error.contains("dos cargas no comparten"), "{error}");
}

/// Fault case 27, for the diario.
#[test]
fn a_damaged_diario_is_not_served_and_the_process_says_why() {
    let biblioteca = Biblioteca::vacia();
    std::fs::create_dir_all(biblioteca.datos()).unwrap();
    let ruta = biblioteca.datos().join("diario.db");
    std::fs::write(&ruta, b"esto no es un diario ".repeat(500)).unwrap();
    let salida = biblioteca.orden(&["--role", "carga"]);
    let error = String::from_utf8_lossy(&salida.stderr);
    assert_eq!(salida.status.code(), Some(70), "{error}");
    assert!(error.contains("diario.db"), "{error}");
}

/// Fault case 25: any failure of the file but a full disk. Here its table is gone.
#[test]
fn when_its_file_fails_the_process_ends_and_acknowledges_nothing() {
    let biblioteca = Biblioteca::vacia();
    let mut carga = biblioteca.rol("carga");
    carga.espera_registro("espera clientes");
    let cliente = biblioteca.cliente();
    let encolada = cliente.pedir(&devuelve("Libro1", "ana", "d1"));
    assert_eq!(texto(&encolada, "estado"), "ENCOLADO");
    ejecutar(
        &biblioteca.datos().join("diario.db"),
        "alter table entradas rename to otra",
    );
    cliente.enviar(&devuelve("Libro1", "ana", "d2"));
    assert_eq!(carga.espera_fin(Duration::from_secs(20)), 70);
    let registro = carga.registro();
    assert!(registro.contains("diario"), "{registro}");
    // Silence, or what is true: nobody knows.
    if !cliente.nada_por(Duration::from_millis(100)) {
        assert_eq!(texto(&cliente.recibir(), "estado"), "DESCONOCIDO");
    }
}

fn ejecutar(base: &Path, sentencia: &'static str) {
    use sqlx::{Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
    let opciones = SqliteConnectOptions::new().filename(base);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            let mut conexion = SqliteConnection::connect_with(&opciones).await.unwrap();
            conexion.execute(sentencia).await.unwrap();
        });
}
