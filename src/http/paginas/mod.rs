//! The pages for people: plain HTML, CSS and JavaScript inside the binary, with nothing of
//! anybody else's and nothing to build. Only a carga has them.

use actix_web::http::Method;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::http::acceso::Quien;
use crate::http::nodo::{Ficha, Nodo};
use crate::http::problema::recurso;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Path, type and content of each that is the same for every node.
const PAGINAS: [(&str, &str, &str); 7] = [
    ("/estatico/estilo.css", CSS, include_str!("estilo.css")),
    ("/estatico/panel.css", CSS, include_str!("panel.css")),
    ("/estatico/panel.js", JS, include_str!("panel.js")),
    (
        "/estatico/mostrador.css",
        CSS,
        include_str!("mostrador.css"),
    ),
    ("/estatico/pendientes.js", JS, include_str!("pendientes.js")),
    ("/estatico/mostrador.js", JS, include_str!("mostrador.js")),
    ("/estatico/icono.svg", SVG, include_str!("icono.svg")),
];

/// The panel.
const PANEL: &str = include_str!("panel.html");

/// The desk, which is told where it stands.
const MOSTRADOR: &str = include_str!("mostrador.html");

/// Where in it.
const FICHA: &str = "{{ficha}}";

/// Where in both is the way out, for whoever came in.
const SALIR: &str = "{{salir}}";

/// That way: a plain form, so that it needs no script.
const BOTON: &str = "  <form id=\"salir\" method=\"post\" action=\"/salir\">\
                     <button>Salir</button></form>\n";

/// Their paths.
pub(super) fn rutas(cfg: &mut web::ServiceConfig) {
    for (ruta, tipo, texto) in PAGINAS {
        let pagina = move || async move { HttpResponse::Ok().content_type(tipo).body(texto) };
        cfg.service(recurso(ruta, [(Method::GET, web::to(pagina))]));
    }
    cfg.service(recurso("/", [(Method::GET, web::to(panel))]));
    cfg.service(recurso("/mostrador", [(Method::GET, web::to(mostrador))]));
}

/// The page with its way out, if a session brought here whoever reads it.
fn con_salida(pagina: &str, peticion: &HttpRequest) -> String {
    let extensiones = peticion.extensions();
    let sesion = extensiones.get::<Quien>().is_some_and(|quien| quien.sesion);
    pagina.replace(SALIR, if sesion { BOTON } else { "" })
}

async fn panel(peticion: HttpRequest) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(HTML)
        .body(con_salida(PANEL, &peticion))
}

async fn mostrador(peticion: HttpRequest, nodo: web::Data<dyn Nodo>) -> HttpResponse {
    let ficha = nodo.ficha();
    HttpResponse::Ok()
        .content_type(HTML)
        .insert_header(("Content-Security-Policy", politica(ficha)))
        .body(con_salida(MOSTRADOR, &peticion).replace(FICHA, &atributo(&escrita(ficha))))
}

/// What the desk may load and ask: as every page, and the other cargas.
fn politica(ficha: &Ficha) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self' {}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ficha.otras.join(" ")
    )
}

fn escrita(ficha: &Ficha) -> String {
    json!({ "nodo": ficha.nodo, "sede": ficha.sede, "otras": ficha.otras }).to_string()
}

/// A text inside the quotes of an attribute: `nodo.id` is whatever an operator wrote.
fn atributo(texto: &str) -> String {
    texto
        .replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_s_name_cannot_write_into_the_page() {
        let ficha = Ficha {
            nodo: "\"><script>x</script>&".into(),
            sede: "sede1".into(),
            abierto_s: 10,
            otras: vec!["http://pc2:8080".into()],
        };
        let escrito = atributo(&escrita(&ficha));
        assert!(!escrito.contains(['"', '<', '>']), "{escrito}");
        assert!(MOSTRADOR.contains(FICHA));
        assert!(politica(&ficha).contains("connect-src 'self' http://pc2:8080;"));
    }

    #[test]
    fn pages_name_only_what_is_served_and_run_nothing_of_their_own() {
        let rutas: Vec<&str> = PAGINAS.iter().map(|(ruta, ..)| *ruta).collect();
        for pagina in [PANEL, MOSTRADOR] {
            let nombradas = pagina
                .split(['"', ' '])
                .filter(|t| t.starts_with("/estatico/"));
            let nombradas: Vec<&str> = nombradas.collect();
            assert!(nombradas.len() >= 4);
            for nombrada in nombradas {
                assert!(rutas.contains(&nombrada), "{nombrada}");
            }
            for ajeno in ["http://", "https://", "<script>", " style=", " onclick="] {
                assert!(!pagina.contains(ajeno), "{ajeno}");
            }
        }
    }
}
