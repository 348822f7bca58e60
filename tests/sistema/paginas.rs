//! The pages as files: who gives them, and which other pages may ask here.

use crate::api::pedir;
use crate::nodo::{Biblioteca, Nodo};
use crate::web::{espera_listo, get};

use std::time::Duration;

const VECINA: &str = "Origin: http://127.0.0.1:9";
const AJENA: &str = "Origin: http://mala.example";

#[test]
fn only_a_carga_has_pages_and_each_says_what_it_may_load() {
    let biblioteca = Biblioteca::sembrada();
    let mut comando = biblioteca.comando(&[]);
    comando.env("BIBLIOTECA_HTTP__OTRAS", "127.0.0.1:9");
    let mut nodo = Nodo::de(comando, &biblioteca.carpeta.path().join("nodo.log"));
    biblioteca.espera_servicio();
    let puerto = biblioteca.http;
    for (ruta, tipo) in [
        ("/", "text/html; charset=utf-8"),
        ("/mostrador", "text/html; charset=utf-8"),
        ("/estatico/panel.js", "text/javascript; charset=utf-8"),
        ("/estatico/estilo.css", "text/css; charset=utf-8"),
    ] {
        let vuelta = get(puerto, ruta).unwrap();
        assert_eq!(vuelta.codigo, 200, "{ruta}");
        assert_eq!(vuelta.cabecera("content-type"), Some(tipo));
        let politica = vuelta.cabecera("content-security-policy").unwrap();
        assert!(politica.contains("script-src 'self';"), "{politica}");
        // Only the desk asks another carga.
        let pide = politica.contains("connect-src 'self' http://127.0.0.1:9;");
        assert_eq!(pide, ruta == "/mostrador", "{politica}");
    }
    nodo.matar();
    let mut comando = biblioteca.comando(&["--role", "almacenamiento"]);
    comando.env("BIBLIOTECA_HTTP__ESCUCHA", format!("127.0.0.1:{puerto}"));
    let _almacen = Nodo::de(comando, &biblioteca.carpeta.path().join("almacen.log"));
    espera_listo(puerto, 200, Duration::from_secs(20));
    assert_eq!(get(puerto, "/").unwrap().codigo, 404);
}

#[test]
fn every_path_answers_head_as_get_without_a_body_and_says_which_methods_it_takes() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let puerto = biblioteca.http;
    espera_listo(puerto, 200, Duration::from_secs(20));
    for ruta in [
        "/",
        "/mostrador",
        "/entrar",
        "/estatico/panel.js",
        "/metrics",
        "/salud/vivo",
        "/salud/listo",
        "/panel/eventos",
        "/v1/openapi.json",
        "/v1/libros/Libro1",
    ] {
        let cabeza = pedir(puerto, "HEAD", ruta, &[], "");
        assert_eq!((cabeza.codigo, cabeza.texto.as_str()), (200, ""), "{ruta}");
        let largo = cabeza.cabecera("content-length");
        assert!(
            largo.is_some_and(|largo| largo != "0") || ruta == "/panel/eventos",
            "{ruta}"
        );
        let otro = pedir(puerto, "DELETE", ruta, &[], "");
        let vale = if ruta == "/entrar" {
            "GET, POST, HEAD"
        } else {
            "GET, HEAD"
        };
        assert_eq!(
            (otro.codigo, otro.cabecera("allow")),
            (405, Some(vale)),
            "{ruta}"
        );
    }
    for ruta in ["/v1/prestamos", "/salir"] {
        let cabeza = pedir(puerto, "HEAD", ruta, &[], "");
        assert_eq!(
            (cabeza.codigo, cabeza.cabecera("allow")),
            (405, Some("POST")),
            "{ruta}"
        );
    }
    assert_eq!(pedir(puerto, "HEAD", "/nada", &[], "").codigo, 404);
}

#[test]
fn the_other_cargas_pages_may_ask_here_and_nobody_else_s() {
    let biblioteca = Biblioteca::sembrada();
    let mut comando = biblioteca.comando(&[]);
    comando.env("BIBLIOTECA_HTTP__OTRAS", "127.0.0.1:9");
    let _nodo = Nodo::de(comando, &biblioteca.carpeta.path().join("nodo.log"));
    biblioteca.espera_servicio();
    let puerto = biblioteca.http;
    let previa = |origen: &str| {
        let metodo = "Access-Control-Request-Method: POST";
        pedir(puerto, "OPTIONS", "/v1/prestamos", &[origen, metodo], "")
    };
    let permiso = previa(VECINA);
    assert_eq!(permiso.codigo, 204);
    let quien = "access-control-allow-origin";
    assert_eq!(permiso.cabecera(quien), Some("http://127.0.0.1:9"));
    assert!(
        permiso
            .cabecera("access-control-allow-credentials")
            .is_none()
    );
    assert!(previa(AJENA).cabecera(quien).is_none());

    let cuerpo = r#"{"usuario": "ana", "isbn": "Libro1"}"#;
    let presta = |origen: &str| {
        let cabeceras = [origen, "Content-Type: application/json"];
        pedir(puerto, "POST", "/v1/prestamos", &cabeceras, cuerpo)
    };
    assert_eq!(presta(AJENA).codigo, 403);
    let hecha = presta(VECINA);
    assert_eq!(hecha.codigo, 200, "{hecha:?}");
    assert_eq!(hecha.cabecera(quien), Some("http://127.0.0.1:9"));
    assert_eq!(hecha.cabecera("vary"), Some("Origin"));
}
