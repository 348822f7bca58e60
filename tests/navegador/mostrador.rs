//! The desk: by keyboard alone, and what it does when something dies.

use crate::nodo::{Biblioteca, Nodo};
use crate::pagina::{ENTER, ESCAPE, F2, F3, F4, F6, PANTALLA, Pagina};
use crate::puertos::puertos;

const ACTORES: &str = "actor-prestamo,actor-devolucion,actor-renovacion";

/// Open loans of somebody, and their stored operations.
fn cuentas(biblioteca: &Biblioteca, usuario: &str) -> (i64, i64) {
    let prestamos = format!(
        "SELECT count(*) FROM prestamos WHERE usuario = '{usuario}' AND devuelto_en IS NULL"
    );
    let operaciones = format!("SELECT count(*) FROM operaciones WHERE usuario = '{usuario}'");
    (
        biblioteca.contar(&prestamos),
        biblioteca.contar(&operaciones),
    )
}

fn mostrador(pagina: &Pagina, http: u16) {
    pagina.ir(&format!("http://127.0.0.1:{http}/mostrador"));
    assert_eq!(pagina.enfocado(), "usuario");
}

#[test]
fn a_desk_lends_renews_returns_and_searches_by_keyboard_alone() {
    let Some(pagina) = Pagina::abrir(PANTALLA) else {
        return;
    };
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    mostrador(&pagina, biblioteca.http);

    pagina.teclear(&format!("ana{ENTER}"));
    assert_eq!(pagina.enfocado(), "libro");
    pagina.teclear(&format!("Libro1{ENTER}"));
    pagina.espera("titular", "Prestado hasta el");
    pagina.espera("prestamos", "vence el");
    // The next book of the same person is one scan away.
    assert_eq!(pagina.enfocado(), "libro");
    pagina.teclear(&format!("Libro1{ENTER}"));
    pagina.espera("titular", "El usuario ya tiene ese libro prestado");
    pagina.teclear(&format!("{F4}Libro1{ENTER}"));
    pagina.espera("titular", "Renovado hasta el");
    pagina.teclear(&format!("{F3}Libro1{ENTER}"));
    pagina.espera("titular", "Devuelto");
    pagina.espera("dequien", "no tiene préstamos abiertos");
    assert_eq!(cuentas(&biblioteca, "ana").0, 0);

    // Accents and case do not count; each sede tells what it has.
    pagina.teclear(&format!("{F6}CALCULO{ENTER}"));
    pagina.espera("libros", "Cálculo");
    pagina.espera("libros", "sede2:");
    let autor = pagina.js("return document.querySelector('#libros small').textContent");
    let apellido = autor
        .as_str()
        .unwrap()
        .split([' ', '·'])
        .nth(1)
        .unwrap()
        .to_uppercase();
    pagina.teclear(&format!("{F6}{apellido}{ENTER}"));
    pagina.espera_cierto(&format!(
        "[...document.querySelectorAll('#libros small')].every((e) => \
         e.textContent.toUpperCase().includes('{apellido}'))"
    ));
    pagina.teclear(&format!("{F6}Libro7{ENTER}"));
    pagina.espera("libros", "Libro7");

    // Nothing by that code; and somebody else is one Escape away.
    pagina.teclear(&format!("{F2}{ESCAPE}"));
    assert_eq!(pagina.enfocado(), "usuario");
    pagina.teclear(&format!("ana{ENTER}nada{ENTER}"));
    pagina.espera("titular", "No está en el catálogo");
    assert_eq!(pagina.quejas(), [""; 0]);
}

#[test]
fn a_double_click_lends_once() {
    let Some(pagina) = Pagina::abrir(PANTALLA) else {
        return;
    };
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    mostrador(&pagina, biblioteca.http);
    pagina.teclear(&format!("ana{ENTER}Libro1"));
    pagina.doble_clic("#enviar");
    pagina.espera("titular", "Prestado hasta el");
    pagina.espera("prestamos", "vence el");
    assert_eq!(cuentas(&biblioteca, "ana"), (1, 1));
    assert_eq!(pagina.js("return localStorage.length"), 0);
}

#[test]
fn a_queued_return_that_a_rule_refuses_later_is_told() {
    let Some(pagina) = Pagina::abrir(PANTALLA) else {
        return;
    };
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    mostrador(&pagina, biblioteca.http);
    pagina.teclear(&format!("ana{ENTER}Libro1{ENTER}"));
    pagina.espera("titular", "Prestado hasta el");
    // By isbn somebody has to be named; the one who is there is not who has it.
    pagina.teclear(&format!("{ESCAPE}{F3}Libro2{ENTER}"));
    pagina.espera("titular", "¿De qué usuario?");
    assert_eq!(pagina.enfocado(), "usuario");
    pagina.teclear(&format!("ana{ENTER}"));
    pagina.espera("titular", "No consta ningún préstamo");
    pagina.espera("detalle", "Se había recibido");
    pagina.ir(&format!("http://127.0.0.1:{}/", biblioteca.http));
    pagina.espera("faltas", "PrestamoNoEncontrado");
}

/// A library with its actors apart, so that they can be stopped.
fn aparte(biblioteca: &Biblioteca) -> (Nodo, Nodo, Nodo) {
    let almacen = biblioteca.rol("almacenamiento");
    let carga = biblioteca.nodo(&["--role", "carga"]);
    let actores = biblioteca.rol(ACTORES);
    biblioteca.espera_servicio();
    (almacen, carga, actores)
}

#[test]
fn a_reload_in_the_middle_learns_the_truth() {
    let Some(pagina) = Pagina::abrir(PANTALLA) else {
        return;
    };
    let biblioteca = Biblioteca::sembrada();
    let (almacen, _carga, _actores) = aparte(&biblioteca);
    mostrador(&pagina, biblioteca.http);
    pagina.teclear(&format!("ana{ENTER}Libro1"));
    // It is sent and decided, and its answer never comes.
    pagina.js(
        "window.fetch = ((pide) => (u, o) => pide(u, o).then((vuelta) => \
             o.method ? new Promise(() => {}) : vuelta))(fetch)",
    );
    pagina.teclear(ENTER);
    pagina.espera("pendientes", "espera su resultado");
    almacen.senal("STOP");
    pagina.recargar();
    pagina.espera("pendientes", "espera su resultado");
    pagina.espera("titular", "Sin respuesta todavía");
    almacen.senal("CONT");
    pagina.espera("titular", "Prestado hasta el");
    assert_eq!(cuentas(&biblioteca, "ana"), (1, 1));
    assert_eq!(pagina.js("return localStorage.length"), 0);
}

/// Two cargas that know each other, the second of another sede, and what they need. The first
/// of all is the one that the desk begins at.
struct Pareja {
    primera: Nodo,
    _resto: [Nodo; 3],
    http: u16,
    datos: String,
}

fn pareja(biblioteca: &Biblioteca) -> Pareja {
    let [clientes, eventos, trabajo, http] = puertos();
    let local = |puerto: u16| format!("127.0.0.1:{puerto}");
    let cargas = format!("{},{}", local(biblioteca.trabajo), local(trabajo));
    let arrancar = |nombre: &str, rol: &str, ajustes: &[(&str, String)]| {
        let mut comando = biblioteca.comando(&["--role", rol]);
        comando.env("BIBLIOTECA_ACTORES__CARGAS", &cargas);
        for (clave, valor) in ajustes {
            comando.env(format!("BIBLIOTECA_{clave}"), valor);
        }
        Nodo::de(comando, &biblioteca.carpeta.path().join(nombre))
    };
    let almacen = biblioteca.rol("almacenamiento");
    let primera = arrancar("c1.log", "carga", &[("HTTP__OTRAS", local(http))]);
    let datos = biblioteca.carpeta.path().join("segunda");
    let datos = datos.display().to_string();
    let segunda = [
        ("HTTP__OTRAS", local(biblioteca.http)),
        ("HTTP__ESCUCHA", local(http)),
        ("CARGA__CLIENTES", local(clientes)),
        ("CARGA__EVENTOS", local(eventos)),
        ("CARGA__TRABAJO", local(trabajo)),
        ("NODO__DATOS", datos.clone()),
        ("NODO__SEDE", "sede2".to_owned()),
    ];
    let segunda = arrancar("c2.log", "carga", &segunda);
    let actores = arrancar("a.log", ACTORES, &[("HTTP__ESCUCHA", String::new())]);
    biblioteca.espera_servicio();
    crate::nodo::espera_servicio(clientes);
    Pareja {
        primera,
        _resto: [almacen, segunda, actores],
        http,
        datos,
    }
}

#[test]
fn the_second_carga_takes_over_when_the_first_dies() {
    let Some(pagina) = Pagina::abrir(PANTALLA) else {
        return;
    };
    let biblioteca = Biblioteca::sembrada();
    let mut pareja = pareja(&biblioteca);
    mostrador(&pagina, biblioteca.http);
    pagina.teclear(&format!("ana{ENTER}Libro1{ENTER}"));
    pagina.espera("titular", "Prestado hasta el");

    // The answer of the first is lost, as when it dies after the commit: the same operation
    // goes to the second, which learns that it is done.
    pagina.js(
        "window.fetch = ((pide) => (u, o) => pide(u, o).then((vuelta) => { \
             if (o.method && u.startsWith(location.origin)) throw new Error('perdida'); \
             return vuelta; }))(fetch)",
    );
    pagina.teclear(&format!("Libro2{ENTER}"));
    pagina.espera("hechas", "Libro2-sede1");
    pareja.primera.matar();
    pagina.teclear(&format!("Libro3{ENTER}"));
    pagina.espera("hechas", "Libro3-sede1");
    pagina.espera("enlace", &format!("atiende 127.0.0.1:{}", pareja.http));
    pagina.espera("prestamos", "vence el");
    assert_eq!(cuentas(&biblioteca, "ana"), (3, 3));
    // The desk is still of its own sede, whichever carga it asks.
    let ajenos = "SELECT count(*) FROM prestamos WHERE usuario = 'ana' AND sede <> 'sede1'";
    assert_eq!(biblioteca.contar(ajenos), 0);
}

#[test]
fn where_there_are_tokens_the_next_carga_asks_for_its_own() {
    let Some(pagina) = Pagina::abrir(PANTALLA) else {
        return;
    };
    let biblioteca = Biblioteca::sembrada();
    let mut pareja = pareja(&biblioteca);
    let verbo = ["tokens", "nuevo", "mostrador-2", "--rol", "mostrador"];
    let mut comando = biblioteca.comando(&verbo);
    comando.env("BIBLIOTECA_NODO__DATOS", &pareja.datos);
    let dicho = String::from_utf8(comando.output().unwrap().stdout).unwrap();
    let token = dicho.split_whitespace().find(|t| t.starts_with("bib-"));
    let token = token.expect("a token is printed");
    mostrador(&pagina, biblioteca.http);
    pagina.teclear(&format!("ana{ENTER}Libro1{ENTER}"));
    pagina.espera("titular", "Prestado hasta el");
    pareja.primera.matar();
    pagina.teclear(&format!("Libro2{ENTER}"));
    pagina.espera(
        "detalle",
        &format!("127.0.0.1:{} pide el token", pareja.http),
    );
    assert_eq!(pagina.enfocado(), "token");
    pagina.teclear(&format!("{token}{ENTER}"));
    pagina.espera("titular", "Listo para seguir");
    // What was typed is still there: one Enter goes on.
    assert_eq!(pagina.enfocado(), "libro");
    pagina.teclear(ENTER);
    pagina.espera("hechas", "Libro2-sede1");
    assert_eq!(cuentas(&biblioteca, "ana"), (2, 2));
}
