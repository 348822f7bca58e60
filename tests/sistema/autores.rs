//! Who did it, from each door to `historial`; and whose an op_id is that came over HTTP.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::api::{pedir, token};
use crate::cliente::prestamo;
use crate::llaves::Cerrada;
use crate::nodo::{Biblioteca, texto};
use crate::web::Vuelta;

const ESPERA: Duration = Duration::from_secs(20);

fn por_http(puerto: u16, ruta: &str, op_id: &str, secreto: &str, cuerpo: &Value) -> Vuelta {
    let clave = format!("Idempotency-Key: {op_id}");
    let credencial = format!("Authorization: Bearer {secreto}");
    let mut cabeceras = vec!["Content-Type: application/json", clave.as_str()];
    if !secreto.is_empty() {
        cabeceras.push(&credencial);
    }
    pedir(puerto, "POST", ruta, &cabeceras, &cuerpo.to_string())
}

/// Who did that to a copy of that book, once it is told.
fn hizo(biblioteca: &Biblioteca, accion: &str, isbn: &str, autor: &str) {
    let cuenta = format!(
        "SELECT count(*) FROM historial WHERE accion = '{accion}' AND autor = '{autor}'
         AND clave IN (SELECT codigo FROM ejemplares WHERE isbn = '{isbn}')"
    );
    let limite = Instant::now() + ESPERA;
    while biblioteca.contar(&cuenta) != 1 {
        assert!(
            Instant::now() < limite,
            "{accion} of {isbn} is not told of {autor}"
        );
        std::thread::yield_now();
    }
}

#[test]
fn historial_tells_who_did_it_whatever_the_door() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let puerto = biblioteca.http;
    let libro = |isbn: &str| json!({"usuario": "ana", "isbn": isbn});
    let hecha = por_http(puerto, "/v1/prestamos", "k1", "", &libro("Libro1"));
    assert_eq!(hecha.codigo, 200, "{hecha:?}");
    hizo(&biblioteca, "prestamo", "Libro1", "local");
    let cliente = biblioteca.cliente();
    cliente.decidir(&prestamo("Libro2", "ana", "k2"));
    hizo(&biblioteca, "prestamo", "Libro2", "sin clave");

    let desk = token(&biblioteca, "mostrador-1", "mostrador");
    let hecha = por_http(puerto, "/v1/renovaciones", "k3", &desk, &libro("Libro1"));
    assert_eq!(hecha.codigo, 200, "{hecha:?}");
    hizo(&biblioteca, "renovacion", "Libro1", "mostrador-1");
    // By way of the diario.
    let hecha = por_http(puerto, "/v1/devoluciones", "k4", &desk, &libro("Libro1"));
    assert_eq!(hecha.codigo, 202, "{hecha:?}");
    hizo(&biblioteca, "devolucion", "Libro1", "mostrador-1");

    let archivo = biblioteca.carpeta.path().join("libros.csv");
    std::fs::write(&archivo, "isbn,titulo,sede\nNuevo,Uno nuevo,sede1\n").unwrap();
    let importada = biblioteca.orden(&["catalogo", "importar", archivo.to_str().unwrap()]);
    assert!(importada.status.success(), "{importada:?}");
    let suyas = "SELECT count(*) FROM historial WHERE clave = 'Nuevo' AND autor LIKE '%@%'";
    assert_eq!(biblioteca.contar(suyas), 1);
    let sembradas = "SELECT count(*) FROM historial WHERE accion = 'sembrar' AND autor = ''";
    assert_eq!(biblioteca.contar(sembradas), 0);
}

/// With keys an op_id of the side door is that of all desks, and of nobody else.
#[test]
fn under_keys_the_desks_over_http_are_one_and_apart_from_every_key() {
    let cerrada = Cerrada::nueva();
    let clave = cerrada.clave("norte", "cliente", Some("central"));
    let _nodo = cerrada.todo(&clave);
    let (biblioteca, puerto) = (&cerrada.biblioteca, cerrada.biblioteca.http);
    let libro = json!({"usuario": "ana", "isbn": "Libro1"});
    let una = token(biblioteca, "mostrador-1", "mostrador");
    let otra = token(biblioteca, "mostrador-2", "mostrador");
    let hecha = por_http(puerto, "/v1/prestamos", "h1", &una, &libro);
    assert_eq!(hecha.codigo, 200, "{hecha:?}");
    hizo(biblioteca, "prestamo", "Libro1", "mostrador-1");
    // The same desk at another carga has a token of another name.
    let repetida = por_http(puerto, "/v1/prestamos", "h1", &otra, &libro);
    assert_eq!(repetida.codigo, 200, "{repetida:?}");
    assert_eq!(repetida.json()["repetida"], true);

    let cliente = cerrada.cliente(biblioteca.clientes, Some(&clave));
    let pide = |solicitud: &Value| cliente.pedir(solicitud, ESPERA).unwrap();
    let ajena = pide(&prestamo("Libro1", "ana", "h1"));
    assert_eq!(texto(&ajena, "codigo"), "ConflictoOpId");
    let ajena = pide(&json!({"operacion": "estado", "op_id": "h1"}));
    assert_eq!(texto(&ajena, "codigo"), "OperacionNoEncontrada");

    let suya = pide(&prestamo("Libro2", "ana", "z1"));
    assert_eq!(texto(&suya, "estado"), "CONFIRMADO");
    hizo(biblioteca, "prestamo", "Libro2", "norte");
    let libro = json!({"usuario": "ana", "isbn": "Libro2"});
    let negada = por_http(puerto, "/v1/prestamos", "z1", &una, &libro);
    assert_eq!(negada.json()["codigo"], "ConflictoOpId");
}
