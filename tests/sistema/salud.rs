//! The side door's health: alive is not ready, and whoever watches knows within 2 s.

use std::time::{Duration, Instant};

use crate::cliente::prestamo;
use crate::nodo::{Biblioteca, Nodo};
use crate::puertos::puertos;
use crate::web::{crudo, espera_listo, get};

/// Room for a process to start on a busy machine.
const ARRANQUE: Duration = Duration::from_secs(20);

/// What the contract promises to whoever watches, from the death on.
const NOTICIA_MAX: Duration = Duration::from_secs(2);

const ROLES: [&str; 3] = [
    "carga",
    "actor-prestamo,actor-devolucion,actor-renovacion",
    "almacenamiento",
];

fn rol(biblioteca: &Biblioteca, rol: &str, http: u16) -> Nodo {
    let mut comando = biblioteca.comando(&["--role", rol]);
    comando.env("BIBLIOTECA_HTTP__ESCUCHA", format!("127.0.0.1:{http}"));
    Nodo::de(
        comando,
        &biblioteca.carpeta.path().join(format!("{http}.log")),
    )
}

#[test]
fn each_role_tells_its_own_health_and_a_dead_database_door_is_known_within_two_seconds() {
    let biblioteca = Biblioteca::sembrada();
    let https: [u16; 3] = puertos();
    let _carga = rol(&biblioteca, ROLES[0], https[0]);
    let (sola, _) = espera_listo(https[0], 503, ARRANQUE);
    let sola = sola.json();
    assert_eq!(sola["listo"], false);
    assert!(
        sola["motivo"].as_str().unwrap().contains("actores"),
        "{sola}"
    );
    let _actores = rol(&biblioteca, ROLES[1], https[1]);
    let (sin_base, _) = espera_listo(https[1], 503, ARRANQUE);
    assert!(sin_base.texto.contains("no ve ningún almacenamiento"));
    let mut almacen = rol(&biblioteca, ROLES[2], https[2]);
    for http in https {
        espera_listo(http, 200, ARRANQUE);
    }
    assert_eq!(
        get(https[1], "/salud/listo").unwrap().json()["roles"]
            .as_array()
            .unwrap()
            .len(),
        3
    );

    almacen.matar();
    let muerte = Instant::now();
    for http in &https[..2] {
        espera_listo(*http, 503, NOTICIA_MAX);
        assert!(muerte.elapsed() < NOTICIA_MAX, "{:?}", muerte.elapsed());
        assert_eq!(get(*http, "/salud/vivo").unwrap().codigo, 200);
    }
    let _vuelve = rol(&biblioteca, ROLES[2], https[2]);
    for http in https {
        espera_listo(http, 200, ARRANQUE);
    }
}

#[test]
fn a_standby_is_ready_to_stand_by_and_says_so() {
    let biblioteca = Biblioteca::sembrada();
    let [primero, segundo, otro] = puertos();
    let _duenno = rol(&biblioteca, "almacenamiento", primero);
    espera_listo(primero, 200, ARRANQUE);
    let mut comando = biblioteca.comando(&["--role", "almacenamiento"]);
    comando
        .env("BIBLIOTECA_HTTP__ESCUCHA", format!("127.0.0.1:{segundo}"))
        .env(
            "BIBLIOTECA_ALMACENAMIENTO__ESCUCHA",
            format!("127.0.0.1:{otro}"),
        );
    let _espera = Nodo::de(comando, &biblioteca.carpeta.path().join("espera.log"));
    let (vuelta, _) = espera_listo(segundo, 200, ARRANQUE);
    assert!(vuelta.texto.contains("en espera"), "{vuelta:?}");
}

/// Whether the carga has handed something to an actor.
fn en_vuelo(biblioteca: &Biblioteca) -> bool {
    let visto = biblioteca.orden(&["estado", "--json"]);
    let visto: serde_json::Value = serde_json::from_slice(&visto.stdout).unwrap();
    visto["cargas"][0]["entregadas"] == 1
}

#[test]
fn a_node_that_leaves_says_so_before_it_is_gone() {
    let biblioteca = Biblioteca::sembrada();
    // Its actors freeze, and are not taken for dead before the client's time is over: an
    // answer that is owed holds the drain.
    let mut comando = biblioteca.comando(&["--role", "carga"]);
    comando.env("BIBLIOTECA_LATIDOS__PERDIDOS_MAX", "60");
    let mut carga = Nodo::de(comando, &biblioteca.carpeta.path().join("carga.log"));
    let actores = biblioteca.rol(ROLES[1]);
    let _almacen = biblioteca.rol("almacenamiento");
    let http = biblioteca.http;
    espera_listo(http, 200, ARRANQUE);
    let cliente = biblioteca.cliente();
    cliente.decidir(&prestamo("Libro1", "ana", "k1"));
    actores.senal("STOP");
    let mut lento = prestamo("Libro2", "ana", "k2");
    lento["plazo_ms"] = 4_000.into();
    cliente.enviar(&lento);
    let limite = Instant::now() + Duration::from_secs(3);
    while !en_vuelo(&biblioteca) {
        assert!(Instant::now() < limite, "the request never arrived");
    }
    carga.senal("TERM");
    carga.espera_registro("se termina");
    let (vuelta, _) = espera_listo(http, 503, NOTICIA_MAX);
    assert_eq!(vuelta.json()["motivo"], "el nodo está terminando");
    assert_eq!(get(http, "/salud/vivo").unwrap().codigo, 200);
    assert_eq!(cliente.recibir()["estado"], "DESCONOCIDO");
    assert_eq!(carga.espera_fin(Duration::from_secs(7)), 0);
    assert!(get(http, "/salud/vivo").is_none());
}

#[test]
fn a_taken_port_is_one_clear_sentence_and_the_empty_text_turns_the_door_off() {
    let biblioteca = Biblioteca::vacia();
    let oyente = std::net::TcpListener::bind(("127.0.0.1", biblioteca.http)).unwrap();
    let salida = biblioteca.orden(&[]);
    let dicho = String::from_utf8_lossy(&salida.stderr).into_owned();
    assert_eq!(salida.status.code(), Some(70), "{dicho}");
    let frase = format!(
        "error: no se puede escuchar HTTP en 127.0.0.1:{} (http.escucha): otro proceso ya usa \
         esa dirección",
        biblioteca.http
    );
    assert!(dicho.contains(&frase), "{dicho}");
    drop(oyente);
    let mut comando = biblioteca.comando(&[]);
    comando.env("BIBLIOTECA_HTTP__ESCUCHA", "");
    let _nodo = Nodo::de(comando, &biblioteca.carpeta.path().join("nodo.log"));
    biblioteca.espera_servicio();
    assert!(get(biblioteca.http, "/salud/vivo").is_none());
}

#[test]
fn bad_http_gets_a_bounded_answer_and_the_door_stays_open() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let puerto = biblioteca.http;
    let nada = get(puerto, "/no-hay").unwrap();
    assert_eq!(nada.codigo, 404);
    assert_eq!(
        nada.cabecera("content-type"),
        Some("application/problem+json; charset=utf-8")
    );
    assert_eq!(nada.cabecera("x-content-type-options"), Some("nosniff"));
    assert!(
        nada.cabecera("content-security-policy")
            .unwrap()
            .contains("default-src 'none'")
    );
    let basura = crudo(puerto, b"\x00\xff\xfe\r\n\r\n").unwrap();
    assert_eq!(basura.codigo, 400, "{basura:?}");
    let gorda = format!(
        "GET /salud/vivo HTTP/1.1\r\nHost: 127.0.0.1\r\nX: {}\r\n\r\n",
        "x".repeat(1 << 20)
    );
    // Refused, or its connection closed in its face.
    let gorda = crudo(puerto, gorda.as_bytes());
    assert!(gorda.is_none_or(|vuelta| vuelta.codigo >= 400));
    // A client that never ends its head is sent away.
    let inicio = Instant::now();
    let lenta = crudo(puerto, b"GET /salud/vivo HTTP/1.1\r\nHost: 127.0").unwrap();
    assert_eq!(lenta.codigo, 408);
    assert!(inicio.elapsed() < Duration::from_secs(15));
    assert_eq!(get(puerto, "/salud/vivo").unwrap().codigo, 200);
}
