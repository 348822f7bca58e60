//! Contract §2 and §3 seen from a plain client of a `todo` node.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cliente::{Cliente, consulta, devolucion, prestamo};
use crate::nodo::{Biblioteca, Nodo, texto};

#[test]
fn a_loan_its_repeat_its_renewals_and_its_return() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let cliente = biblioteca.cliente();
    let antes = cliente.pedir(&consulta("Libro1"))["datos"]["sedes"]["sede1"].clone();

    let prestada = cliente.pedir(&prestamo("Libro1", "ana", "k-1"));
    assert_eq!(texto(&prestada, "estado"), "CONFIRMADO", "{prestada}");
    assert_eq!(
        (&prestada["exito"], &prestada["repetida"]),
        (&json!(true), &json!(false))
    );
    for campo in [
        "isbn",
        "ejemplar",
        "usuario",
        "sede",
        "fecha_prestamo",
        "fecha_devolucion",
    ] {
        assert!(prestada["datos"][campo].is_string(), "{campo}: {prestada}");
    }
    assert_eq!(prestada["datos"]["dias_prestamo"], 14);
    assert!(texto(&prestada["datos"], "fecha_devolucion").contains("T23:59:00-05:00"));

    let mut repetida = cliente.pedir(&prestamo("Libro1", "ana", "k-1"));
    assert_eq!(repetida["repetida"], true);
    repetida["repetida"] = json!(false);
    assert_eq!(
        repetida, prestada,
        "identical for ever, fechaOperacion included"
    );

    let otra = cliente.pedir(&prestamo("Libro2", "ana", "k-1"));
    assert_eq!(
        (texto(&otra, "estado"), texto(&otra, "codigo")),
        ("RECHAZADO", "ConflictoOpId")
    );

    let despues = cliente.pedir(&consulta("Libro1"))["datos"]["sedes"]["sede1"].clone();
    assert_eq!(
        antes["disponibles"].as_i64().unwrap() - 1,
        despues["disponibles"].as_i64().unwrap()
    );
    assert_eq!(antes["total"], despues["total"]);

    for vez in 1..=3 {
        let renovada = cliente.pedir(&json!({
            "operacion": "renovacion", "isbn": "Libro1", "usuario": "ana", "op_id": format!("r-{vez}")
        }));
        if vez <= 2 {
            assert_eq!(renovada["datos"]["renovaciones"], vez, "{renovada}");
        } else {
            assert_eq!(texto(&renovada, "codigo"), "LimiteRenovaciones");
        }
    }
    let devuelta = cliente.pedir(&devolucion("Libro1", "ana", "d-1"));
    assert_eq!(texto(&devuelta, "estado"), "CONFIRMADO");
    let otra_vez = cliente.pedir(&devolucion("Libro1", "ana", "d-2"));
    assert_eq!(texto(&otra_vez, "codigo"), "PrestamoNoActivo");

    let estado = cliente.pedir(&json!({"operacion": "estado", "op_id": "k-1"}));
    assert_eq!(texto(&estado, "estado"), "CONFIRMADO");
    assert_eq!(estado["datos"]["estado"], "CONFIRMADO");
    assert_eq!(estado["datos"]["datos"], prestada["datos"]);
    let nada = cliente.pedir(&json!({"operacion": "estado", "op_id": "nunca"}));
    assert_eq!(texto(&nada, "codigo"), "OperacionNoEncontrada");
}

#[test]
fn refusals_name_every_reason_and_are_final_under_their_op_id() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let cliente = biblioteca.cliente();
    let negada = cliente.pedir(&prestamo("NoHay", "ana", "n-1"));
    assert_eq!(texto(&negada, "codigo"), "LibroNoEncontrado");
    assert_eq!(negada["datos"]["motivos"], json!(["LibroNoEncontrado"]));
    assert_eq!(negada["exito"], false);
    assert_eq!(
        cliente.pedir(&prestamo("NoHay", "ana", "n-1"))["repetida"],
        true
    );

    for n in [1, 2, 3, 4, 6] {
        let isbn = format!("Libro{n}");
        assert_eq!(
            texto(&cliente.pedir(&prestamo(&isbn, "beto", &isbn)), "estado"),
            "CONFIRMADO"
        );
    }
    let limite = cliente.pedir(&prestamo("Libro7", "beto", "n-2"));
    assert_eq!(texto(&limite, "codigo"), "LimitePrestamos");
    let doble = cliente.pedir(&prestamo("Libro1", "beto", "n-3"));
    assert_eq!(texto(&doble, "codigo"), "PrestamoActivo");
    assert_eq!(
        doble["datos"]["motivos"],
        json!(["PrestamoActivo", "LimitePrestamos"])
    );
    let nunca = cliente.pedir(&devolucion("Libro1", "nadie-nunca", "n-4"));
    assert_eq!(texto(&nunca, "codigo"), "PrestamoNoEncontrado");
}

#[test]
fn a_req_socket_gets_its_empty_frame_back_and_a_dealer_does_not() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let req = Cliente::req(biblioteca.clientes);
    let respuesta = req.pedir(&json!({"operacion":"consulta","isbn":"Libro1","id":{"a":[1]}}));
    assert_eq!(respuesta["id"], json!({"a": [1]}));
    assert_eq!(texto(&respuesta, "estado"), "CONFIRMADO");
    let dealer = biblioteca.cliente();
    dealer.enviar_crudo(&[b"", consulta("Libro1").to_string().as_bytes()]);
    assert_eq!(dealer.recibir_marcos().len(), 2);
    dealer.enviar(&consulta("Libro1"));
    assert_eq!(dealer.recibir_marcos().len(), 1);
}

#[test]
fn a_req_socket_that_correlates_its_answers_gets_them_at_both_doors() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let carga = Cliente::req_que_correlaciona(biblioteca.clientes);
    // Relaxed, it may ask again without an answer, and takes that of its last question only.
    carga.enviar(&consulta("Libro1"));
    let respuesta = carga.pedir(&consulta("Libro2"));
    assert_eq!(respuesta["datos"]["isbn"], "Libro2", "{respuesta}");
    let almacen = Cliente::req_que_correlaciona(biblioteca.almacen);
    let libro = almacen.pedir(&json!({"accion":"consultar_libro","isbn":"Libro3"}));
    assert_eq!(libro["datos"]["isbn"], "Libro3", "{libro}");
}

#[test]
fn the_database_door_speaks_json_too() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let almacen = Cliente::dealer(biblioteca.almacen);
    let prestada = almacen
        .pedir(&json!({"accion":"procesar_prestamo","isbn":"Libro3","usuario":"u","op_id":"x"}));
    assert_eq!(prestada["status"], "ok", "{prestada}");
    assert_eq!(prestada["datos"]["isbn"], "Libro3");
    let valida =
        almacen.pedir(&json!({"action":"validar_renovacion","isbn":"Libro3","usuario":"u"}));
    assert_eq!(valida["status"], "ok", "{valida}");
    assert_eq!(
        biblioteca.contar("select sum(renovaciones) from prestamos where usuario='u'"),
        0
    );
    let renovada =
        almacen.pedir(&json!({"accion":"actualizar_renovacion","isbn":"Libro3","usuario":"u"}));
    assert_eq!(renovada["datos"]["renovaciones"], 1);
    let libro = almacen.pedir(&json!({"accion":"consultar_libro","isbn":"Libro3"}));
    assert_eq!(libro["datos"]["isbn"], "Libro3");
    let devuelta =
        almacen.pedir(&json!({"accion":"aplicar_devolucion","isbn":"Libro3","usuario":"u"}));
    assert_eq!(devuelta["status"], "ok");
    let negada =
        almacen.pedir(&json!({"accion":"validar_renovacion","isbn":"Libro3","usuario":"u"}));
    assert_eq!(negada["error"], "PrestamoNoActivo");
    assert!(negada["detalle"].is_string());
    let rara = almacen.pedir(&json!({"accion":"borrar_todo"}));
    assert_eq!(rara["error"], "OperacionNoSoportada");
}

#[test]
fn every_decision_is_news() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let contexto = zmq::Context::new();
    let noticias = contexto.socket(zmq::SUB).unwrap();
    noticias.set_rcvtimeo(200).unwrap();
    noticias.set_subscribe(b"prestamo ").unwrap();
    noticias
        .connect(&format!("tcp://127.0.0.1:{}", biblioteca.eventos))
        .unwrap();
    let cliente = biblioteca.cliente();
    // A subscription takes effect when the publisher has it: ask until the first one comes.
    let noticia = (0..100)
        .find_map(|n| {
            cliente.pedir(&prestamo("NoHay", "eva", &format!("e-{n}")));
            noticias.recv_bytes(0).ok()
        })
        .expect("some news");
    let noticia = String::from_utf8(noticia).unwrap();
    let (tema, cuerpo) = noticia.split_once(' ').unwrap();
    let cuerpo: Value = serde_json::from_str(cuerpo).unwrap();
    assert_eq!(tema, "prestamo");
    assert_eq!(cuerpo["codigo"], "LibroNoEncontrado");
    for campo in [
        "op_id", "estado", "isbn", "ejemplar", "usuario", "sede", "fecha",
    ] {
        assert!(cuerpo.get(campo).is_some(), "{campo}: {cuerpo}");
    }
}

#[test]
fn one_connection_may_have_512_unanswered_requests_and_the_next_is_told_at_once() {
    let biblioteca = Biblioteca::sembrada();
    let nodos = ["carga", "actor-prestamo", "almacenamiento"].map(|rol| biblioteca.rol(rol));
    biblioteca.espera_servicio();
    let cliente = biblioteca.cliente();
    nodos[2].senal("STOP");
    for n in 0..520 {
        cliente.enviar(&prestamo("Libro1", "u", &format!("q-{n}")));
    }
    let ocupadas: Vec<Value> = (0..8).map(|_| cliente.recibir()).collect();
    for ocupada in &ocupadas {
        assert_eq!(texto(ocupada, "estado"), "OCUPADO", "{ocupada}");
        assert_eq!(texto(ocupada, "codigo"), "ColaLlena");
        assert!(ocupada["datos"]["reintentar_ms"].is_number());
    }
    nodos[2].senal("CONT");
    let resto: Vec<Value> = (0..512).map(|_| cliente.recibir()).collect();
    assert!(
        resto
            .iter()
            .all(|respuesta| texto(respuesta, "estado") != "OCUPADO")
    );
    assert!(
        cliente.nada_por(Duration::from_millis(100)),
        "exactly one answer each"
    );
}

/// Promise 7: whoever floods takes no more than is left for the others.
#[test]
fn a_flood_from_one_connection_leaves_room_for_a_newcomer() {
    let biblioteca = Biblioteca::sembrada();
    let mut carga = biblioteca.comando(&["--role", "carga"]);
    carga
        .env("BIBLIOTECA_CARGA__EN_VUELO_MAX", "64")
        .env("BIBLIOTECA_CARGA__POR_CONEXION_MAX", "64");
    let _carga = Nodo::de(carga, &biblioteca.carpeta.path().join("carga.log"));
    let nodos = ["actor-prestamo", "almacenamiento"].map(|rol| biblioteca.rol(rol));
    biblioteca.espera_servicio();
    let (inundador, nuevo) = (biblioteca.cliente(), biblioteca.cliente());
    nodos[1].senal("STOP");
    for n in 0..100 {
        inundador.enviar(&prestamo("Libro1", "u", &format!("i-{n}")));
    }
    assert_eq!(texto(&inundador.recibir(), "estado"), "OCUPADO");
    nuevo.enviar(&prestamo("Libro2", "v", "n-1"));
    assert!(
        nuevo.nada_por(Duration::from_millis(200)),
        "it was admitted"
    );
    nodos[1].senal("CONT");
    assert_ne!(texto(&nuevo.recibir(), "estado"), "OCUPADO");
}

#[test]
fn thousands_of_requests_sent_before_reading_get_an_answer_each() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let cliente = biblioteca.cliente();
    for n in 0..3_000 {
        cliente.enviar(&json!({"operacion":"consulta","isbn":"Libro1","id":n}));
    }
    let ids: std::collections::HashSet<i64> = (0..3_000)
        .map(|_| cliente.recibir()["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids.len(), 3_000);
}
