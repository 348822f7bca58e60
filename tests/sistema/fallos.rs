//! What survives the death of a process.

use std::time::Duration;

use serde_json::Value;

use crate::cliente::{Cliente, prestamo};
use crate::nodo::{Biblioteca, Nodo, texto};
use crate::puertos::puertos;

/// Promise 1: a confirmed loan is there after kill -9, and its repeat gets the same answer.
#[test]
fn kill_nine_after_a_confirmed_loan_loses_nothing_and_the_repeat_doubles_nothing() {
    let biblioteca = Biblioteca::sembrada();
    let mut nodo = biblioteca.todo();
    let cliente = biblioteca.cliente();
    let antes: Vec<Value> = (0..20)
        .map(|n| {
            cliente.decidir(&prestamo(
                &format!("Libro{}", n + 1),
                &format!("u{n}"),
                &format!("k{n}"),
            ))
        })
        .collect();
    nodo.matar();
    let _otro = biblioteca.todo();
    let cliente = biblioteca.cliente();
    for (n, primera) in antes.iter().enumerate() {
        let mut repetida = cliente.decidir(&prestamo(
            &format!("Libro{}", n + 1),
            &format!("u{n}"),
            &format!("k{n}"),
        ));
        assert_eq!(repetida["repetida"], true);
        repetida["repetida"] = Value::Bool(false);
        assert_eq!(&repetida, primera);
    }
    assert_eq!(
        biblioteca.contar("select count(*) from operaciones where op_id like 'k%'"),
        20
    );
}

/// Fault case 5 on SQLite: the standby takes the lock and the clients hardly notice.
#[test]
fn when_the_owner_of_the_database_dies_the_standby_takes_over() {
    let biblioteca = Biblioteca::sembrada();
    let [segundo] = puertos();
    let almacenes = format!("127.0.0.1:{},127.0.0.1:{segundo}", biblioteca.almacen);
    let rol = |rol: &str, escucha: u16| biblioteca.rol_con(rol, &almacenes, escucha);
    let mut duenno = rol("almacenamiento", biblioteca.almacen);
    duenno.espera_registro("base de datos abierta");
    let espera = rol("almacenamiento", segundo);
    espera.espera_registro("en espera");
    let _resto = [rol("carga", 0), rol("actor-prestamo", 0)];
    biblioteca.espera_servicio();
    let cliente = biblioteca.cliente();
    let primera = cliente.decidir(&prestamo("Libro1", "ana", "k1"));
    duenno.matar();
    let segunda = cliente.decidir(&prestamo("Libro2", "ana", "k2"));
    assert_eq!(texto(&segunda, "estado"), "CONFIRMADO");
    let repetida = cliente.decidir(&prestamo("Libro1", "ana", "k1"));
    assert_eq!(repetida["datos"], primera["datos"]);
    assert!(espera.registro().contains("base de datos abierta"));
}

/// Fault case 2.
#[test]
fn the_work_of_an_actor_that_is_killed_goes_to_another() {
    let biblioteca = Biblioteca::sembrada();
    let fijos = [biblioteca.rol("carga"), biblioteca.rol("almacenamiento")];
    let mut actores = [
        biblioteca.rol("actor-prestamo"),
        biblioteca.rol("actor-prestamo"),
    ];
    fijos[0].espera_veces("actor a la orden", 2);
    biblioteca.espera_servicio();
    let cliente = biblioteca.cliente();
    for n in 0..200 {
        cliente.enviar(&prestamo(
            &format!("Libro{}", n + 1),
            &format!("u{n}"),
            &format!("k{n}"),
        ));
        if n == 100 {
            actores[0].matar();
        }
    }
    let respuestas: Vec<Value> = (0..200).map(|_| cliente.recibir()).collect();
    for respuesta in respuestas {
        let estado = texto(&respuesta, "estado");
        assert!(["CONFIRMADO", "RECHAZADO"].contains(&estado), "{respuesta}");
    }
    assert_eq!(
        biblioteca.contar("select count(*) from operaciones where op_id like 'k%'"),
        200
    );
}

/// Fault case 6, the quick part: with no almacenamiento the answer is explicit and fast.
#[test]
fn without_any_almacenamiento_the_answer_is_explicit_and_nothing_is_promised() {
    let biblioteca = Biblioteca::sembrada();
    let nodos = ["carga", "actor-prestamo"].map(|rol| biblioteca.rol(rol));
    nodos[0].espera_registro("actor a la orden");
    let cliente = biblioteca.cliente();
    let respuesta = cliente.pedir(&prestamo("Libro1", "ana", "k1"));
    assert_eq!(texto(&respuesta, "estado"), "NO_DISPONIBLE");
    assert_eq!(texto(&respuesta, "codigo"), "SinAlmacenamiento");
    let _almacen = biblioteca.rol("almacenamiento");
    biblioteca.espera_servicio();
    let aplicada = cliente.decidir(&prestamo("Libro1", "ana", "k1"));
    assert_eq!(texto(&aplicada, "estado"), "CONFIRMADO");
    assert_eq!(aplicada["repetida"], false);
}

/// Fault case 8: a frozen owner is answered for honestly, and what it did counts once.
#[test]
fn a_frozen_owner_means_honest_answers_and_no_double_after_it_wakes() {
    let biblioteca = Biblioteca::sembrada();
    let nodos = ["carga", "actor-prestamo", "almacenamiento"].map(|rol| biblioteca.rol(rol));
    biblioteca.espera_servicio();
    let cliente = biblioteca.cliente();
    nodos[2].senal("STOP");
    let dudosa = cliente.pedir(&prestamo("Libro1", "ana", "k1"));
    assert!(
        ["DESCONOCIDO", "NO_DISPONIBLE"].contains(&texto(&dudosa, "estado")),
        "{dudosa}"
    );
    nodos[2].senal("CONT");
    assert_eq!(
        texto(&cliente.decidir(&prestamo("Libro1", "ana", "k1")), "estado"),
        "CONFIRMADO"
    );
    let abiertos = "select count(*) from prestamos where usuario='ana' and devuelto_en is null";
    assert_eq!(biblioteca.contar(abiertos), 1);
}

/// Fault case 43: an actor that cannot be kept alive ends its process with 70.
#[test]
fn a_node_whose_folder_cannot_be_used_ends_with_seventy() {
    let biblioteca = Biblioteca::vacia();
    std::fs::write(biblioteca.datos(), b"un archivo, no una carpeta").unwrap();
    let mut nodo = biblioteca.nodo(&[]);
    assert_eq!(nodo.espera_fin(Duration::from_secs(20)), 70);
    assert!(nodo.registro().contains("carpeta"), "{}", nodo.registro());
}

/// Promise 6: a client that repeats its op_id at the next carga does not notice a death.
#[test]
fn two_cargas_give_the_same_answer_to_the_same_operation() {
    let biblioteca = Biblioteca::sembrada();
    let [clientes2, eventos2, trabajo2] = puertos();
    let cargas = format!("127.0.0.1:{},127.0.0.1:{trabajo2}", biblioteca.trabajo);
    let mut primera = biblioteca.rol("carga");
    let mut comando = biblioteca.comando(&["--role", "carga"]);
    comando
        .env(
            "BIBLIOTECA_CARGA__CLIENTES",
            format!("127.0.0.1:{clientes2}"),
        )
        .env("BIBLIOTECA_CARGA__EVENTOS", format!("127.0.0.1:{eventos2}"))
        .env("BIBLIOTECA_CARGA__TRABAJO", format!("127.0.0.1:{trabajo2}"))
        // Each carga has a diario of its own.
        .env(
            "BIBLIOTECA_NODO__DATOS",
            biblioteca.carpeta.path().join("datos2"),
        )
        .env("BIBLIOTECA_HTTP__ESCUCHA", "");
    let _segunda = Nodo::de(comando, &biblioteca.carpeta.path().join("carga2.log"));
    let mut comando = biblioteca.comando(&["--role", "actor-prestamo,almacenamiento"]);
    comando.env("BIBLIOTECA_ACTORES__CARGAS", cargas);
    let _resto = Nodo::de(comando, &biblioteca.carpeta.path().join("resto.log"));
    biblioteca.espera_servicio();
    crate::nodo::espera_servicio(clientes2);
    let una = biblioteca
        .cliente()
        .decidir(&prestamo("Libro1", "ana", "k1"));
    primera.matar();
    let otra = Cliente::dealer(clientes2).decidir(&prestamo("Libro1", "ana", "k1"));
    assert_eq!(otra["repetida"], true);
    assert_eq!(una["datos"], otra["datos"]);
}
