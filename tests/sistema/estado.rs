//! `biblioteca estado` and `biblioteca auditar`: the truth about running nodes and about what
//! clients were told.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cliente::{devolucion, prestamo};
use crate::nodo::{Biblioteca, modificar, texto};
use crate::puertos::puertos;

/// Longest that a person waits for it, with room for a busy machine.
const ESTADO_MAX: Duration = Duration::from_secs(4);

fn estado(biblioteca: &Biblioteca, almacenes: &str) -> Value {
    let inicio = Instant::now();
    let salida = biblioteca
        .comando(&["estado", "--json"])
        .env("BIBLIOTECA_ACTORES__ALMACENAMIENTOS", almacenes)
        .output()
        .unwrap();
    assert_eq!(salida.status.code(), Some(0));
    assert!(inicio.elapsed() < ESTADO_MAX, "{:?}", inicio.elapsed());
    serde_json::from_slice(&salida.stdout).unwrap()
}

/// Looks again until what is seen satisfies `vale`.
fn espera_estado(biblioteca: &Biblioteca, almacenes: &str, vale: impl Fn(&Value) -> bool) -> Value {
    let limite = Instant::now() + Duration::from_secs(20);
    loop {
        let visto = estado(biblioteca, almacenes);
        if vale(&visto) {
            return visto;
        }
        assert!(Instant::now() < limite, "never so: {visto:#}");
    }
}

#[test]
fn a_node_with_everything_is_in_order_and_a_dead_one_is_nobody() {
    let biblioteca = Biblioteca::sembrada();
    let mut nodo = biblioteca.todo();
    let almacen = format!("127.0.0.1:{}", biblioteca.almacen);
    let visto = espera_estado(&biblioteca, &almacen, |visto| visto["en_orden"] == true);
    assert_eq!(visto["resumen"], "Todo en orden.");
    assert_eq!(visto["actores"].as_array().unwrap().len(), 3);
    assert_eq!(visto["almacenamientos"][0]["estado"], "listo");
    assert_eq!(
        visto["almacenamientos"][0]["archivo"],
        biblioteca.base().display().to_string()
    );
    let para_leer = biblioteca.orden(&["estado"]);
    let para_leer = String::from_utf8_lossy(&para_leer.stdout).into_owned();
    for palabra in ["Todo en orden.", "actor-prestamo-1", "CERRADO", "listo"] {
        assert!(para_leer.contains(palabra), "no {palabra} in:\n{para_leer}");
    }
    nodo.matar();
    let salida = biblioteca.orden(&["estado"]);
    assert_eq!(salida.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&salida.stderr).contains("nadie responde"));
}

#[test]
fn a_killed_almacenamiento_is_named_and_the_standby_takes_its_place() {
    let biblioteca = Biblioteca::sembrada();
    let [segundo] = puertos();
    let almacenes = format!("127.0.0.1:{},127.0.0.1:{segundo}", biblioteca.almacen);
    let arrancar = |rol: &str, escucha: u16| biblioteca.rol_con(rol, &almacenes, escucha);
    let mut duenno = arrancar("almacenamiento", biblioteca.almacen);
    duenno.espera_registro("base de datos abierta");
    let _espera = arrancar("almacenamiento", segundo);
    let _resto = arrancar("carga,actor-prestamo,actor-devolucion,actor-renovacion", 0);
    let visto = espera_estado(&biblioteca, &almacenes, |visto| visto["en_orden"] == true);
    assert_eq!(visto["almacenamientos"][1]["estado"], "en_espera");
    duenno.matar();
    let visto = espera_estado(&biblioteca, &almacenes, |visto| {
        visto["almacenamientos"][1]["estado"] == "listo"
    });
    assert_eq!(visto["en_orden"], false);
    let frase = texto(&visto, "resumen");
    assert!(
        frase.contains(&format!(
            "el almacenamiento tcp://127.0.0.1:{} no responde",
            biblioteca.almacen
        )),
        "{frase}"
    );
    espera_estado(&biblioteca, &almacenes, |visto| {
        visto["sigue"] == json!(["préstamos", "devoluciones", "renovaciones", "consultas"])
    });
}

/// A receipt as the solicitante would have written it.
fn recibo(operacion: &str, respuesta: &Value) -> Value {
    json!({
        "op_id": respuesta["op_id"], "operacion": operacion, "isbn": "Libro1", "ejemplar": null,
        "usuario": "ana", "estado": respuesta["estado"], "codigo": respuesta["codigo"],
        "datos": respuesta["datos"], "inicio": "", "fin": "", "intentos": 1,
    })
}

fn auditar(biblioteca: &Biblioteca, recibos: &[Value]) -> (Option<i32>, String) {
    let ruta = biblioteca.carpeta.path().join("recibos.jsonl");
    let lineas: Vec<String> = recibos.iter().map(ToString::to_string).collect();
    fs::write(&ruta, lineas.join("\n")).unwrap();
    let salida = biblioteca.orden(&["auditar", "--recibos", ruta.to_str().unwrap()]);
    let dicho = String::from_utf8_lossy(&salida.stdout).into_owned();
    let error = String::from_utf8_lossy(&salida.stderr).into_owned();
    (salida.status.code(), dicho + &error)
}

#[test]
fn an_audit_believes_no_forged_receipt_and_misses_a_deleted_operation() {
    let biblioteca = Biblioteca::sembrada();
    let mut nodo = biblioteca.todo();
    let cliente = biblioteca.cliente();
    let mut recibos = vec![
        recibo(
            "prestamo",
            &cliente.decidir(&prestamo("Libro1", "ana", "k1")),
        ),
        recibo(
            "prestamo",
            &cliente.decidir(&prestamo("Libro1", "ana", "k2")),
        ),
        recibo(
            "devolucion",
            &cliente.decidir(&devolucion("Libro1", "ana", "k3")),
        ),
        recibo(
            "prestamo",
            &cliente.decidir(&prestamo("Libro1", "ana", "k4")),
        ),
    ];
    assert_eq!(recibos[1]["estado"], "RECHAZADO");
    let (salida, dicho) = auditar(&biblioteca, &recibos);
    assert_eq!(salida, Some(0), "with the node up: {dicho}");
    nodo.matar();
    let (salida, dicho) = auditar(&biblioteca, &recibos);
    assert_eq!(salida, Some(0), "with the node gone: {dicho}");
    assert!(dicho.contains("Todo cuadra"), "{dicho}");

    recibos[1]["estado"] = json!("CONFIRMADO");
    recibos[1]["codigo"] = Value::Null;
    let mut inventado = recibos[0].clone();
    inventado["op_id"] = json!("nunca");
    recibos.push(inventado);
    let (salida, dicho) = auditar(&biblioteca, &recibos);
    assert_eq!(salida, Some(1), "{dicho}");
    assert!(dicho.contains("CAMBIADA k2"), "{dicho}");
    assert!(dicho.contains("PERDIDA nunca"), "{dicho}");

    modificar(
        &biblioteca.base(),
        "drop trigger operaciones_no_se_borran; delete from operaciones where op_id = 'k4'",
    );
    let (salida, dicho) = auditar(&biblioteca, &recibos[..4]);
    assert_eq!(salida, Some(1), "{dicho}");
    assert!(dicho.contains("PERDIDA k4"), "{dicho}");
    assert!(
        dicho.contains("MAL   cada préstamo viene de una operación"),
        "{dicho}"
    );
}

/// With every carga stopped nobody can be asked: the diario's own file tells.
#[test]
fn an_audit_finds_what_is_queued_in_the_diario_of_a_carga_that_is_stopped() {
    let biblioteca = Biblioteca::sembrada();
    let mut carga = biblioteca.rol("carga");
    carga.espera_registro("espera clientes");
    let pide =
        json!({"operacion": "devolucion", "isbn": "Libro1", "usuario": "ana", "op_id": "d1"});
    let encolada = biblioteca.cliente().pedir(&pide);
    assert_eq!(texto(&encolada, "estado"), "ENCOLADO");
    carga.matar();
    let mut recibos = vec![recibo("devolucion", &encolada)];
    let (salida, dicho) = auditar(&biblioteca, &recibos);
    assert_eq!(salida, Some(0), "{dicho}");
    let diario = biblioteca.datos().join("diario.db");
    let frase = format!("pendiente en el diario de {}: d1", diario.display());
    assert!(dicho.contains(&frase), "{dicho}");
    recibos[0]["op_id"] = json!("inventado");
    let (salida, dicho) = auditar(&biblioteca, &recibos);
    assert_eq!(salida, Some(1), "{dicho}");
    assert!(dicho.contains("PERDIDA inventado"), "{dicho}");
}

/// What the database's own checks find without any receipt.
#[test]
fn an_audit_sees_effects_without_operations() {
    let biblioteca = Biblioteca::sembrada();
    let mut nodo = biblioteca.todo();
    let cliente = biblioteca.cliente();
    for n in 0..3 {
        cliente.decidir(&prestamo("Libro1", &format!("u{n}"), &format!("k{n}")));
    }
    nodo.matar();
    let sana = biblioteca.orden(&["auditar"]);
    assert_eq!(
        sana.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&sana.stdout)
    );
    for (dano, falta) in [
        (
            "update prestamos set renovaciones = 1 where usuario = 'u0'",
            "cada renovación",
        ),
        (
            "update prestamos set devuelto_en = '2099-01-01T00:00:00.000Z' where usuario = 'u0'",
            "cada cierre",
        ),
        (
            "drop index prestamos_abiertos_por_ejemplar; drop index prestamos_abiertos_por_usuario;
             insert into prestamos (ejemplar, isbn, usuario, sede, prestado_en, vence_en)
             select ejemplar, isbn, usuario, sede, prestado_en, vence_en from prestamos limit 1",
            "un solo préstamo abierto",
        ),
    ] {
        modificar(&biblioteca.base(), dano);
        let salida = biblioteca.orden(&["auditar"]);
        let dicho = String::from_utf8_lossy(&salida.stdout);
        assert_eq!(salida.status.code(), Some(1), "{dicho}");
        let mal = dicho
            .lines()
            .any(|l| l.contains("MAL") && l.contains(falta));
        assert!(mal, "{falta}: {dicho}");
    }
}

#[test]
fn an_audit_without_database_or_receipts_says_what_is_missing() {
    let biblioteca = Biblioteca::vacia();
    let salida = biblioteca.orden(&["auditar"]);
    assert_eq!(salida.status.code(), Some(2));
    let salida = biblioteca.orden(&["auditar", "--recibos", "no-hay.jsonl"]);
    assert_eq!(salida.status.code(), Some(2));
    let error = String::from_utf8_lossy(&salida.stderr).into_owned();
    assert!(error.contains("no-hay.jsonl: no existe"), "{error}");
    // Nobody at the server; a file that is none.
    let mut lejos = biblioteca.comando(&["auditar"]);
    let url = "postgres://u:secreta@127.0.0.1:1/b";
    lejos.env("BIBLIOTECA_ALMACENAMIENTO__BASE_DATOS", url);
    let salida = lejos.output().unwrap();
    let error = String::from_utf8_lossy(&salida.stderr).into_owned();
    assert_eq!(salida.status.code(), Some(69), "{error}");
    assert!(
        error.contains("127.0.0.1:1/b: rechaza la conexión"),
        "{error}"
    );
    fs::create_dir_all(biblioteca.datos()).unwrap();
    fs::write(biblioteca.base(), "x".repeat(10_000)).unwrap();
    let salida = biblioteca.orden(&["auditar"]);
    let error = String::from_utf8_lossy(&salida.stderr).into_owned();
    assert_eq!(salida.status.code(), Some(70), "{error}");
    assert!(
        error.contains("no es una base de datos") && !error.contains("code"),
        "{error}"
    );
}

#[test]
fn an_audit_of_what_are_no_receipts_does_not_say_that_all_is_well() {
    let biblioteca = Biblioteca::sembrada();
    let ruta = biblioteca.carpeta.path().join("nada.jsonl");
    for (texto, codigo) in [("ni uno\n", 1), ("", 0)] {
        fs::write(&ruta, texto).unwrap();
        let salida = biblioteca.orden(&["auditar", "--recibos", ruta.to_str().unwrap()]);
        let dicho = String::from_utf8_lossy(&salida.stdout).into_owned();
        assert_eq!(salida.status.code(), Some(codigo), "{dicho}");
        assert!(
            dicho.contains("Recibos: ninguno") && !dicho.contains("Todo cuadra"),
            "{dicho}"
        );
    }
}
