//! The pages for people: plain HTML, CSS and JavaScript inside the binary, with nothing of
//! anybody else's and nothing to build. Only a carga has them.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, guard, web};

use crate::http::nodo::Nodo;
use crate::http::problema::problema;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Path, type and content of each.
const PAGINAS: [(&str, &str, &str); 5] = [
    ("/", HTML, include_str!("panel.html")),
    ("/estatico/estilo.css", CSS, include_str!("estilo.css")),
    ("/estatico/panel.css", CSS, include_str!("panel.css")),
    ("/estatico/panel.js", JS, include_str!("panel.js")),
    ("/estatico/icono.svg", SVG, include_str!("icono.svg")),
];

/// Their paths.
pub(super) fn rutas(cfg: &mut web::ServiceConfig) {
    for (ruta, tipo, texto) in PAGINAS {
        let pagina = move |nodo: web::Data<dyn Nodo>| async move {
            if nodo.con_carga() {
                return HttpResponse::Ok().content_type(tipo).body(texto);
            }
            problema(
                StatusCode::NOT_FOUND,
                "No encontrado",
                "las páginas las da una carga, y este proceso no lo es",
            )
        };
        let lee = guard::Any(guard::Get()).or(guard::Head());
        cfg.route(ruta, web::route().guard(lee).to(pagina));
    }
}
