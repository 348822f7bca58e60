//! What everybody must be able to use: names, landmarks, headings, contrast, focus and width,
//! read from the page as it is drawn; and the checker itself, on planted faults.

use crate::nodo::Biblioteca;
use crate::pagina::{ENTER, PANTALLA, Pagina, TAB, TELEFONO};

const COMPROBAR: &str = include_str!("accesibilidad.js");

pub fn faltas(pagina: &Pagina) -> Vec<String> {
    let faltas = pagina.js(&format!("{COMPROBAR}\nreturn comprobar();"));
    let lista = faltas.as_array().unwrap();
    lista
        .iter()
        .map(|falta| falta.as_str().unwrap().to_owned())
        .collect()
}

/// Both pages with something on them, light and dark.
fn revisar(ventana: (u32, u32)) {
    let Some(pagina) = Pagina::abrir(ventana) else {
        return;
    };
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let sitio = format!("http://127.0.0.1:{}", biblioteca.http);
    pagina.ir(&format!("{sitio}/mostrador"));
    pagina.teclear(&format!("ana{ENTER}Libro1{ENTER}"));
    pagina.espera("titular", "Prestado hasta el");
    pagina.espera("prestamos", "vence el");
    for oscura in [false, true] {
        pagina.oscura(oscura);
        assert_eq!(faltas(&pagina), [""; 0], "desk, dark: {oscura}");
    }
    pagina.ir(&format!("{sitio}/"));
    pagina.espera("frase", "Todo en orden.");
    pagina.espera("ultimas", "Confirmada");
    for oscura in [false, true] {
        pagina.oscura(oscura);
        assert_eq!(faltas(&pagina), [""; 0], "panel, dark: {oscura}");
    }
    assert_eq!(pagina.quejas(), [""; 0]);
}

#[test]
fn everybody_can_read_and_use_both_pages_on_a_screen() {
    revisar(PANTALLA);
}

#[test]
fn everybody_can_read_and_use_both_pages_on_a_phone() {
    revisar(TELEFONO);
}

#[test]
fn the_focus_goes_through_the_desk_in_order_and_is_seen_everywhere() {
    let Some(pagina) = Pagina::abrir(PANTALLA) else {
        return;
    };
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    pagina.ir(&format!("http://127.0.0.1:{}/mostrador", biblioteca.http));
    let mut camino = Vec::new();
    for _ in 0..5 {
        camino.push(pagina.enfocado());
        let visto = "const e = document.activeElement; \
                     return getComputedStyle(e).outlineStyle !== 'none'";
        assert_eq!(pagina.js(visto), true, "no outline on {camino:?}");
        pagina.teclear(TAB);
    }
    assert_eq!(camino[..4], ["usuario", "libro", "enviar", "palabras"]);
}

#[test]
fn the_checker_sees_what_is_wrong() {
    let Some(pagina) = Pagina::abrir(PANTALLA) else {
        return;
    };
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    pagina.ir(&format!("http://127.0.0.1:{}/mostrador", biblioteca.http));
    assert_eq!(faltas(&pagina), [""; 0]);
    for (planta, dice) in [
        ("document.documentElement.lang = ''", "idioma"),
        (
            "document.querySelector('label[for=libro]').remove()",
            "sin nombre",
        ),
        (
            "document.querySelector('h2').outerHTML = '<h4>x</h4>'",
            "salta",
        ),
        (
            "document.getElementById('ayuda').style.color = '#aab0b4'",
            "contraste",
        ),
        ("document.getElementById('libro').tabIndex = 3", "tabindex"),
        ("document.getElementById('hechas').id = 'libro'", "repetido"),
        (
            "document.querySelector('main').style.width = '3000px'",
            "ancho",
        ),
        ("document.querySelector('header').outerHTML = ''", "banner"),
    ] {
        pagina.recargar();
        pagina.js(planta);
        let vistas = faltas(&pagina).join("\n");
        assert!(vistas.contains(dice), "{planta}: {vistas}");
    }
}
