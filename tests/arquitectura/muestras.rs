//! Each check on a sample that breaks it, and on one that does not.

use super::*;

#[test]
fn a_wrong_arrow_is_seen_however_it_is_written() {
    for (ruta, texto) in [
        ("domain/ids.rs", "use crate::wire::pedido::Pedido;"),
        ("carga/mod.rs", "use crate::actores::Actor;"),
        (
            "net/client.rs",
            "use crate::{wire::codec, settings::{Ajustes, Modo}};",
        ),
        (
            "wire/json.rs",
            "use crate::{\n    domain::ids::Isbn,\n    db,\n};",
        ),
        ("actores/mod.rs", "fn f() { crate::db::abrir() }"),
        ("role.rs", "pub(in crate::cli) struct R;"),
        ("misterio.rs", ""),
    ] {
        assert_eq!(
            flechas_malas(&Fuente::nueva(ruta, texto)).len(),
            1,
            "{ruta}"
        );
    }
    for (ruta, texto) in [
        (
            "wire/json.rs",
            "use crate::domain::ids::Isbn;\n// crate::db would be wrong",
        ),
        (
            "carga/dispatch.rs",
            "use crate::carga::diario; use crate::{wire, db::{Almacen, Fallo}};",
        ),
        ("main.rs", "use crate::carga::x;"),
        ("net/mod.rs", "pub(crate) mod x; use othercrate::db;"),
    ] {
        assert_eq!(
            flechas_malas(&Fuente::nueva(ruta, texto)),
            [""; 0],
            "{ruta}"
        );
    }
}

#[test]
fn a_library_out_of_place_is_seen() {
    for (ruta, texto) in [
        ("carga/mod.rs", "use sqlx::Row;"),
        ("carga/mod.rs", "fn f(e: zmq::Error) {}"),
        ("net/mod.rs", "use bincode;"),
        ("wire/mod.rs", "use bincode as b;"),
        ("carga/mod.rs", "use actix_web::App;"),
        ("db/mod.rs", "use tmq::dealer;"),
    ] {
        assert_eq!(
            bibliotecas_ajenas(&Fuente::nueva(ruta, texto)).len(),
            1,
            "{ruta}"
        );
    }
    for (ruta, texto) in [
        ("db/sqlite.rs", "use sqlx::Row;"),
        ("wire/codec.rs", "use bincode::Options;"),
        (
            "carga/mod.rs",
            "// sqlx::Row would be wrong\nlet zmq = \"libzmq\"; mi_zmq::x();",
        ),
    ] {
        assert_eq!(
            bibliotecas_ajenas(&Fuente::nueva(ruta, texto)),
            [""; 0],
            "{ruta}"
        );
    }
}

#[test]
fn what_is_too_long_is_seen() {
    let cuerpo = |lineas| "    x();\n".repeat(lineas);
    let funcion = |lineas| format!("pub async fn larga() {{\n{}}}\n", cuerpo(lineas));
    assert_eq!(tamanos_malos(&Fuente::nueva("a.rs", &funcion(68))), [""; 0]);
    assert_eq!(
        tamanos_malos(&Fuente::nueva("a.rs", &funcion(69))),
        ["a.rs: larga tiene 71 líneas"]
    );
    let cortas = "trait T {\n    fn a();\n    fn b(\n        x: u8,\n    ) -> u8;\n}\nfn c() {}\n";
    let largos: Vec<usize> = funciones(cortas)
        .into_iter()
        .map(|(_, largo)| largo)
        .collect();
    assert_eq!(largos, [1, 3, 1]);
    let archivo = "//! a\n".repeat(LINEAS_MAX + 1);
    assert_eq!(tamanos_malos(&Fuente::nueva("a.rs", &archivo)).len(), 1);
}

#[test]
fn writing_past_the_one_way_is_seen() {
    let malos = |texto| escritos_sin_cuidado(&Fuente::nueva("a.rs", texto)).len();
    assert_eq!(malos("println!(\"x\"); eprint!(\"y\");"), 2);
    assert_eq!(
        malos("// println!(\"x\")\nbarra.println(linea); mi_print!();"),
        0
    );
}

#[test]
fn a_silent_opening_a_heap_and_a_leftover_are_seen() {
    let malos = |ruta, texto| aperturas_y_nombres_malos(&Fuente::nueva(ruta, texto)).len();
    assert_eq!(malos("carga/mod.rs", "use x;\n//! tarde"), 1);
    assert_eq!(malos("carga/utils.rs", "//! a"), 1);
    assert_eq!(malos("helpers/mod.rs", "//! a"), 1);
    assert_eq!(malos("carga/mod.rs", "//! a"), 0);
    assert_eq!(
        pendientes(&Fuente::nueva("a.rs", "// TODO: x\n// FIXME")).len(),
        2
    );
    assert_eq!(
        pendientes(&Fuente::nueva("a.rs", "Role::TODOS; DE_TODO; Todo")),
        [""; 0]
    );
}
