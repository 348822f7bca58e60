//! The API under `/v1` and who may use it, over real sockets.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cliente::devolucion;
use crate::nodo::Biblioteca;
use crate::web::{Vuelta, crudo, espera_listo, get};

/// One request with what the test gives of it.
pub fn pedir(puerto: u16, metodo: &str, ruta: &str, cabeceras: &[&str], cuerpo: &str) -> Vuelta {
    let mut texto = format!("{metodo} {ruta} HTTP/1.1\r\nConnection: close\r\n");
    if !cabeceras.iter().any(|linea| linea.starts_with("Host:")) {
        texto.push_str("Host: localhost\r\n");
    }
    for linea in cabeceras {
        texto.push_str(&format!("{linea}\r\n"));
    }
    texto.push_str(&format!("Content-Length: {}\r\n\r\n{cuerpo}", cuerpo.len()));
    crudo(puerto, texto.as_bytes()).expect("an answer")
}

fn escribir(puerto: u16, ruta: &str, clave: &str, cuerpo: &Value) -> Vuelta {
    let clave = format!("Idempotency-Key: {clave}");
    let cabeceras = ["Content-Type: application/json", clave.as_str()];
    pedir(puerto, "POST", ruta, &cabeceras, &cuerpo.to_string())
}

#[test]
fn the_api_is_the_contract_and_its_keys_are_those_of_5555() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let puerto = biblioteca.http;
    let libro = json!({"usuario": "ana", "isbn": "Libro1"});
    let primera = escribir(puerto, "/v1/prestamos", "k1", &libro);
    assert_eq!(primera.codigo, 200, "{primera:?}");
    let primera = primera.json();
    assert_eq!(primera["estado"], "CONFIRMADO");
    assert_eq!(primera["op_id"], "k1");
    // A repeat, through either door, is the stored answer.
    let mut otra_vez = escribir(puerto, "/v1/prestamos", "k1", &libro).json();
    assert_eq!(otra_vez["repetida"], true);
    let cliente = biblioteca.cliente();
    let por_zmq = cliente.pedir(&crate::cliente::prestamo("Libro1", "ana", "k1"));
    assert_eq!(por_zmq, otra_vez);
    otra_vez["repetida"] = json!(false);
    assert_eq!(otra_vez, primera);

    let conflicto = escribir(
        puerto,
        "/v1/prestamos",
        "k1",
        &json!({"usuario": "eva", "isbn": "Libro1"}),
    );
    assert_eq!(
        (conflicto.codigo, &conflicto.json()["codigo"]),
        (409, &json!("ConflictoOpId"))
    );
    let negada = escribir(puerto, "/v1/prestamos", "k2", &libro);
    assert_eq!(negada.codigo, 409);
    assert_eq!(
        negada.cabecera("content-type"),
        Some("application/problem+json; charset=utf-8")
    );
    let negada = negada.json();
    assert_eq!(negada["codigo"], "PrestamoActivo");
    assert_eq!(negada["status"], 409);
    assert!(negada["detail"].is_string() && negada["datos"]["motivos"].is_array());
}

#[test]
fn what_was_lent_is_found_renewed_returned_and_asked_after() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let puerto = biblioteca.http;
    let libro = json!({"usuario": "ana", "isbn": "Libro1"});
    let primera = escribir(puerto, "/v1/prestamos", "k1", &libro).json();
    let suyos = get(puerto, "/v1/usuarios/ana/prestamos").unwrap().json();
    let prestamo = &suyos["datos"]["prestamos"][0];
    assert_eq!(prestamo["isbn"], "Libro1");
    assert_eq!(
        prestamo["fecha_devolucion"],
        primera["datos"]["fecha_devolucion"]
    );
    let renovada = escribir(puerto, "/v1/renovaciones", "k3", &libro).json();
    let suyos = get(puerto, "/v1/usuarios/ana/prestamos").unwrap().json();
    assert_eq!(
        suyos["datos"]["prestamos"][0]["fecha_devolucion"],
        renovada["datos"]["nueva_fecha_devolucion"]
    );

    let encolada = escribir(puerto, "/v1/devoluciones", "k4", &libro);
    assert_eq!(encolada.codigo, 202, "{encolada:?}");
    assert_eq!(encolada.cabecera("location"), Some("/v1/operaciones/k4"));
    biblioteca.cliente().decidir(&{
        let mut repetida = devolucion("Libro1", "ana", "k4");
        repetida.as_object_mut().unwrap().remove("modo");
        repetida
    });
    let operacion = get(puerto, "/v1/operaciones/k4").unwrap().json();
    assert_eq!(operacion["datos"]["estado"], "CONFIRMADO");
    assert_eq!(
        get(puerto, "/v1/libros/Libro1").unwrap().json()["datos"]["isbn"],
        "Libro1"
    );
    assert_eq!(get(puerto, "/v1/libros?isbn=Libro1").unwrap().codigo, 200);
    assert_eq!(
        get(puerto, "/v1/libros?titulo=zzz").unwrap().json()["datos"]["libros"],
        json!([])
    );
    for nada in [
        "/v1/libros/nada",
        "/v1/operaciones/nada",
        "/v1/usuarios/nadie/prestamos",
        "/v1/ejemplares/nada",
    ] {
        assert_eq!(get(puerto, nada).unwrap().codigo, 404, "{nada}");
    }
}

#[test]
fn malformed_requests_get_their_own_status() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let puerto = biblioteca.http;
    let tipo = "Content-Type: application/json";
    let codigo = |cabeceras: &[&str], cuerpo: &str| {
        let vuelta = pedir(puerto, "POST", "/v1/prestamos", cabeceras, cuerpo);
        assert!(vuelta.texto.contains("\"status\""), "{vuelta:?}");
        if vuelta.codigo == 400 {
            assert_eq!(vuelta.json()["title"], "ParametrosInvalidos", "{vuelta:?}");
        }
        vuelta.codigo
    };
    assert_eq!(codigo(&[tipo], "{"), 400);
    assert_eq!(codigo(&[tipo], "[]"), 400);
    assert_eq!(codigo(&[tipo], r#"{"usuario":"ana"}"#), 400);
    assert_eq!(codigo(&[tipo], r#"{"usuario":"ana","isbn":null}"#), 400);
    assert_eq!(
        codigo(&[tipo], r#"{"usuario":"ana","isbn":"x","otro":1}"#),
        400
    );
    assert_eq!(
        codigo(
            &[tipo, "Idempotency-Key: ñ"],
            r#"{"usuario":"a","isbn":"x"}"#
        ),
        400
    );
    assert_eq!(codigo(&["Content-Type: text/plain"], "{}"), 415);
    assert_eq!(codigo(&[tipo], &format!("\"{}\"", "x".repeat(70_000))), 413);
    let otro = pedir(puerto, "DELETE", "/v1/prestamos", &[], "");
    assert_eq!((otro.codigo, otro.cabecera("allow")), (405, Some("POST")));
    assert_eq!(get(puerto, "/v1/libros").unwrap().codigo, 400);
    // What is no HTTP, and a head that never ends, are refused with words too.
    for (ilegible, codigo) in [
        (&b"GET / HTTP/1.1\r\nsin dos puntos\r\n\r\n"[..], 400),
        (&b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"[..], 400),
        (&b"GET /salud/vivo HTTP/1.1\r\nHost: loc"[..], 408),
    ] {
        let vuelta = crudo(puerto, ilegible).unwrap();
        assert_eq!(vuelta.codigo, codigo, "{vuelta:?}");
        let clase = vuelta.cabecera("content-type");
        assert_eq!(clase, Some("application/problem+json; charset=utf-8"));
        assert_eq!(vuelta.json()["status"], codigo, "{vuelta:?}");
        assert!(vuelta.json()["detail"].is_string());
    }
    // A body that never comes ends within seconds.
    let lenta = b"POST /v1/prestamos HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
        Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{";
    let lenta = crudo(puerto, lenta).unwrap();
    assert_eq!((lenta.codigo, &lenta.json()["status"]), (408, &json!(408)));
}

/// The secret of a new token.
pub fn token(biblioteca: &Biblioteca, nombre: &str, rol: &str) -> String {
    let salida = biblioteca.orden(&["tokens", "nuevo", nombre, "--rol", rol]);
    assert!(salida.status.success(), "{salida:?}");
    String::from_utf8(salida.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_token_gives_its_role_and_nothing_more_and_goes_when_it_is_taken_away() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let puerto = biblioteca.http;
    assert_eq!(get(puerto, "/v1/libros/Libro1").unwrap().codigo, 200);
    let lector = token(&biblioteca, "panel", "lector");
    let mostrador = token(&biblioteca, "mostrador-1", "mostrador");
    let sin = get(puerto, "/v1/libros/Libro1").unwrap();
    assert_eq!(
        sin.codigo, 401,
        "this PC too needs one as soon as there are any"
    );
    assert!(
        sin.cabecera("www-authenticate")
            .unwrap()
            .starts_with("Bearer")
    );
    espera_listo(puerto, 200, Duration::from_secs(20));
    let con = |secreto: &str, metodo: &str, ruta: &str| {
        let autor = format!("Authorization: Bearer {secreto}");
        let cabeceras = [autor.as_str(), "Content-Type: application/json"];
        pedir(
            puerto,
            metodo,
            ruta,
            &cabeceras,
            r#"{"usuario":"ana","isbn":"Libro1"}"#,
        )
        .codigo
    };
    assert_eq!(con(&lector, "GET", "/v1/libros/Libro1"), 200);
    assert_eq!(con(&lector, "GET", "/v1/usuarios/ana/prestamos"), 403);
    assert_eq!(con(&lector, "POST", "/v1/prestamos"), 403);
    assert_eq!(con(&mostrador, "POST", "/v1/prestamos"), 200);
    assert_eq!(con("bib-falso", "GET", "/v1/libros/Libro1"), 401);
    let lista = biblioteca.orden(&["tokens", "listar"]);
    let lista = String::from_utf8(lista.stdout).unwrap();
    assert!(
        lista.contains("mostrador-1") && !lista.contains(&mostrador),
        "{lista}"
    );
    assert!(
        biblioteca
            .orden(&["tokens", "retirar", "mostrador-1"])
            .status
            .success()
    );
    assert_eq!(con(&mostrador, "POST", "/v1/prestamos"), 401);
    assert_eq!(
        biblioteca
            .orden(&["tokens", "retirar", "mostrador-1"])
            .status
            .code(),
        Some(2)
    );
    let historial = std::fs::read_to_string(biblioteca.datos().join("tokens.historial.jsonl"));
    assert_eq!(historial.unwrap().lines().count(), 3);
}

#[test]
fn a_session_stands_for_its_token_and_no_other_site_can_use_it() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let puerto = biblioteca.http;
    let secreto = token(&biblioteca, "mostrador-1", "mostrador");
    let formulario = "Content-Type: application/x-www-form-urlencoded";
    let pagina = pedir(puerto, "GET", "/mostrador", &["Accept: text/html"], "");
    assert_eq!(
        (pagina.codigo, pagina.cabecera("location")),
        (303, Some("/entrar"))
    );
    let mala = pedir(puerto, "POST", "/entrar", &[formulario], "token=bib-falso");
    assert_eq!(mala.codigo, 401);
    let entra = format!("token={secreto}");
    let ajena = pedir(
        puerto,
        "POST",
        "/entrar",
        &[formulario, "Origin: http://mala.example"],
        &entra,
    );
    assert_eq!(ajena.codigo, 403);
    let dentro = pedir(
        puerto,
        "POST",
        "/entrar",
        &[formulario, "Origin: http://localhost"],
        &entra,
    );
    assert_eq!(dentro.codigo, 303, "{dentro:?}");
    let galleta = dentro.cabecera("set-cookie").unwrap();
    assert!(galleta.contains("HttpOnly") && galleta.contains("SameSite=Strict"));
    let galleta = format!("Cookie: {}", galleta.split(';').next().unwrap());
    let json = "Content-Type: application/json";
    let cuerpo = r#"{"usuario":"ana","isbn":"Libro1"}"#;
    let presta = |cabeceras: &[&str]| pedir(puerto, "POST", "/v1/prestamos", cabeceras, cuerpo);
    assert_eq!(
        presta(&[&galleta, json, "Origin: http://mala.example"]).codigo,
        403
    );
    assert_eq!(
        presta(&[&galleta, json, "Sec-Fetch-Site: cross-site"]).codigo,
        403
    );
    assert_eq!(
        presta(&[&galleta, json, "Origin: http://localhost"]).codigo,
        200
    );
    let otro_nombre = get(puerto, "/v1/libros/Libro1");
    assert_eq!(otro_nombre.unwrap().codigo, 401);
    let rebind = pedir(
        puerto,
        "GET",
        "/v1/libros/Libro1",
        &[&galleta, "Host: mala.example"],
        "",
    );
    assert_eq!(rebind.codigo, 421);
    assert_eq!(pedir(puerto, "POST", "/salir", &[&galleta], "").codigo, 303);
    assert_eq!(presta(&[&galleta, json]).codigo, 401);
}
