//! Coming in, going out, and a session that ends under somebody's hands.

use crate::accesibilidad::faltas;
use crate::nodo::Biblioteca;
use crate::pagina::{ENTER, F4, PANTALLA, Pagina, TAB};

/// A token of that name, printed once.
fn token(biblioteca: &Biblioteca, nombre: &str) -> String {
    let salida = biblioteca.orden(&["tokens", "nuevo", nombre, "--rol", "mostrador"]);
    assert!(salida.status.success(), "{salida:?}");
    String::from_utf8(salida.stdout).unwrap().trim().to_owned()
}

fn retirar(biblioteca: &Biblioteca, nombre: &str) {
    let salida = biblioteca.orden(&["tokens", "retirar", nombre]);
    assert!(salida.status.success(), "{salida:?}");
}

fn donde(pagina: &Pagina, ruta: &str) {
    pagina.espera_cierto(&format!(
        "location.pathname === '{ruta}' && document.readyState === 'complete'"
    ));
}

/// By keyboard: the page of the token has the focus on its field.
fn entrar(pagina: &Pagina, token: &str) {
    donde(pagina, "/entrar");
    assert_eq!(faltas(pagina), [""; 0]);
    pagina.teclear(&format!("{token}{ENTER}"));
}

#[test]
fn whoever_came_in_goes_out_by_keyboard_and_whoever_did_not_has_no_way_out() {
    let Some(pagina) = Pagina::abrir(PANTALLA) else {
        return;
    };
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let sitio = format!("http://127.0.0.1:{}", biblioteca.http);
    for ruta in ["/", "/mostrador"] {
        pagina.ir(&format!("{sitio}{ruta}"));
        assert_eq!(
            pagina.js("return document.getElementById('salir')"),
            serde_json::Value::Null
        );
    }
    let secreto = token(&biblioteca, "mostrador-1");
    for ruta in ["/", "/mostrador"] {
        pagina.ir(&format!("{sitio}{ruta}"));
        entrar(&pagina, &secreto);
        donde(&pagina, "/");
        pagina.ir(&format!("{sitio}{ruta}"));
        pagina
            .js("sessionStorage.setItem('biblioteca.hechas', '[]'); document.activeElement.blur()");
        assert_eq!(faltas(&pagina), [""; 0], "{ruta}");
        // From the top of the page, in the order of the header.
        pagina.js("document.querySelector('.salto').focus()");
        for _ in 0..3 {
            pagina.teclear(TAB);
        }
        assert_eq!(
            pagina.js("return document.activeElement.innerText"),
            "Salir",
            "{ruta}"
        );
        pagina.teclear(ENTER);
        donde(&pagina, "/entrar");
        assert_eq!(pagina.js("return sessionStorage.length"), 0);
        pagina.ir(&format!("{sitio}{ruta}"));
        donde(&pagina, "/entrar");
    }
}

#[test]
fn a_panel_whose_session_ends_says_so_and_asks_to_come_in_again() {
    let Some(pagina) = Pagina::abrir(PANTALLA) else {
        return;
    };
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let secreto = token(&biblioteca, "mostrador-1");
    token(&biblioteca, "otro");
    pagina.ir(&format!("http://127.0.0.1:{}/", biblioteca.http));
    entrar(&pagina, &secreto);
    donde(&pagina, "/");
    pagina.espera("frase", "Todo en orden.");
    pagina.espera("enlace", "En vivo");
    retirar(&biblioteca, "mostrador-1");
    pagina.espera("frase", "La sesión terminó");
    donde(&pagina, "/entrar");
    pagina.espera_cierto("document.body.innerText.includes('La sesión terminó')");
}

#[test]
fn a_desk_whose_session_ends_loses_neither_what_was_typed_nor_what_was_sent() {
    let Some(pagina) = Pagina::abrir(PANTALLA) else {
        return;
    };
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let primera = token(&biblioteca, "mostrador-1");
    let segunda = token(&biblioteca, "mostrador-2");
    pagina.ir(&format!("http://127.0.0.1:{}/mostrador", biblioteca.http));
    entrar(&pagina, &primera);
    donde(&pagina, "/");
    pagina.ir(&format!("http://127.0.0.1:{}/mostrador", biblioteca.http));

    // It ends between the look at the book and the loan: the operation has its op_id.
    pagina.teclear(&format!("ana{ENTER}Libro1"));
    pagina.js("window.fetch = ((pide) => (u, o) => o && o.method ? \
             Promise.resolve(new Response('{}', {status: 401})) : pide(u, o))(fetch)");
    pagina.teclear(ENTER);
    pagina.espera("titular", "La sesión terminó");
    let op_id = pagina.js("return JSON.parse(Object.values(localStorage)[0]).op_id");
    pagina.teclear(&format!("{F4}Libro2"));
    retirar(&biblioteca, "mostrador-1");
    entrar(&pagina, &segunda);
    donde(&pagina, "/mostrador");
    pagina.espera("titular", "Prestado hasta el");
    let suya = format!(
        "SELECT count(*) FROM operaciones WHERE op_id = {} AND estado = 'CONFIRMADO'",
        op_id.to_string().replace('"', "'")
    );
    assert_eq!(biblioteca.contar(&suya), 1, "under the same op_id");
    assert_eq!(
        pagina.js("return document.getElementById('usuario').value"),
        "ana"
    );
    assert_eq!(
        pagina.js("return document.getElementById('libro').value"),
        "Libro2"
    );
    assert_eq!(
        pagina.js("return document.querySelector('input[name=operacion]:checked').value"),
        "renovacion"
    );
    assert_eq!(pagina.js("return localStorage.length"), 0);
}
