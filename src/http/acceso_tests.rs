//! Which path asks for what, and what a host and an origin mean.

use actix_web::test::TestRequest;

use super::*;

#[test]
fn every_path_asks_for_its_role_and_an_unknown_one_for_the_highest() {
    let get = |ruta: &str| exige(&Method::GET, ruta);
    assert_eq!(get("/salud/listo"), Exige::Nada);
    assert_eq!(get("/metrics"), Exige::Cercania(Rol::Lector));
    assert_eq!(get("/v1/libros"), Exige::Rol(Rol::Lector));
    assert_eq!(
        get("/v1/usuarios/ana/prestamos"),
        Exige::Rol(Rol::Mostrador)
    );
    assert_eq!(
        exige(&Method::POST, "/v1/prestamos"),
        Exige::Rol(Rol::Mostrador)
    );
    assert_eq!(get("/nueva"), Exige::Rol(Rol::Administracion));
}

fn abierto() -> Acceso {
    Acceso::nuevo(
        "/no/existe".into(),
        vec!["Biblioteca.Local".to_owned()],
        Vecinas::nuevas(&["http://pc2:8080".to_owned()]),
    )
}

fn pregunta(host: &str) -> TestRequest {
    TestRequest::get()
        .uri("/v1/libros")
        .insert_header(("host", host))
        .peer_addr("127.0.0.1:9".parse().unwrap_or_else(|_| unreachable!()))
}

fn codigo(peticion: TestRequest) -> u16 {
    let dejada = abierto().dejar(&peticion.to_http_request());
    dejada.map_or_else(|respuesta| respuesta.status().as_u16(), |_| 200)
}

#[test]
fn only_names_that_are_ours_are_answered() {
    for host in [
        "127.0.0.1:8080",
        "[::1]:8080",
        "localhost",
        "biblioteca.local:80",
    ] {
        assert_eq!(codigo(pregunta(host)), 200, "{host}");
    }
    for host in ["mala.example", "127.0.0.1.mala.example:8080", ""] {
        assert_eq!(codigo(pregunta(host)), 421, "{host}");
    }
}

#[test]
fn without_tokens_only_this_pc_may_and_not_through_somebody_else() {
    let de =
        |par: &str| pregunta("10.0.0.1").peer_addr(par.parse().unwrap_or_else(|_| unreachable!()));
    assert_eq!(codigo(de("[::ffff:127.0.0.1]:9")), 200);
    assert_eq!(codigo(de("10.0.0.2:9")), 401);
    let pasada = pregunta("localhost").insert_header(("x-forwarded-for", "10.0.0.2"));
    assert_eq!(codigo(pasada), 401);
    let falsa = pregunta("localhost").insert_header(("authorization", "Bearer bib-falso"));
    assert_eq!(codigo(falsa), 401);
}

#[test]
fn a_page_of_another_site_changes_nothing() {
    let manda = |origen: (&'static str, &'static str)| {
        pregunta("localhost:8080")
            .method(Method::POST)
            .insert_header(origen)
    };
    assert_eq!(codigo(manda(("origin", "http://localhost:8080"))), 200);
    assert_eq!(codigo(manda(("sec-fetch-site", "same-origin"))), 200);
    for ajena in [
        ("origin", "http://mala.example"),
        ("origin", "null"),
        ("origin", "http://localhost:9090"),
        ("sec-fetch-site", "cross-site"),
    ] {
        assert_eq!(codigo(manda(ajena)), 403, "{ajena:?}");
    }
}
