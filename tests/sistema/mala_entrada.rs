//! Whatever arrives, the node answers it or drops it, and goes on serving everybody else.

use std::io::Write;
use std::net::TcpStream;

use serde_json::json;

use crate::cliente::{Cliente, consulta, prestamo};
use crate::nodo::{Biblioteca, texto};

#[test]
fn malformed_requests_get_one_invalid_answer_each() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let cliente = biblioteca.cliente();
    let marcos: [&[&[u8]]; 8] = [
        &[b""],
        &[b"{"],
        &[b"[]"],
        &[b"\xff\xfe\x00"],
        &[br#"{"operacion":"prestamo"}"#],
        &[br#"{"operacion":"vender","isbn":"A"}"#],
        &[br#"{"operacion":"consulta","isbn":"A"}"#, b"segundo"],
        &[b"", b"a", b"b"],
    ];
    for marco in marcos {
        cliente.enviar_crudo(marco);
        let respuesta = cliente.recibir();
        assert_eq!(
            texto(&respuesta, "estado"),
            "INVALIDO",
            "{marco:?}: {respuesta}"
        );
        assert!(!texto(&respuesta, "mensaje").is_empty());
    }
    let hondo = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    cliente.enviar_crudo(&[hondo.as_bytes()]);
    assert_eq!(texto(&cliente.recibir(), "estado"), "INVALIDO");
    assert_eq!(
        texto(&cliente.pedir(&consulta("Libro1")), "estado"),
        "CONFIRMADO"
    );
}

#[test]
fn sixty_four_kibibytes_pass_and_one_byte_more_closes_that_connection_only() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let bueno = biblioteca.cliente();
    let malo = biblioteca.cliente();
    let relleno = |bytes: usize| {
        let cuerpo = json!({"operacion":"consulta","isbn":"Libro1","id":""}).to_string();
        cuerpo.replace(
            r#""id":"""#,
            &format!(r#""id":"{}""#, "x".repeat(bytes - cuerpo.len())),
        )
    };
    malo.enviar_crudo(&[relleno(65_536).as_bytes()]);
    assert_eq!(texto(&malo.recibir(), "estado"), "CONFIRMADO");
    malo.enviar_crudo(&[relleno(65_537).as_bytes()]);
    assert_eq!(
        texto(&bueno.pedir(&consulta("Libro1")), "estado"),
        "CONFIRMADO"
    );
    // The library reconnects by itself; the oversize request was never answered.
    let nuevo = biblioteca.cliente();
    assert_eq!(
        texto(&nuevo.pedir(&consulta("Libro1")), "estado"),
        "CONFIRMADO"
    );
    assert!(malo.nada_por(std::time::Duration::from_millis(200)));
}

#[test]
fn raw_bytes_on_every_port_harm_nobody() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    for puerto in [
        biblioteca.clientes,
        biblioteca.trabajo,
        biblioteca.almacen,
        biblioteca.eventos,
    ] {
        for basura in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[0u8; 4096]] {
            let mut conexion = TcpStream::connect(("127.0.0.1", puerto)).unwrap();
            // The other side may have hung up already, as it should.
            let _ = conexion.write_all(basura);
        }
    }
    for puerto in [biblioteca.trabajo, biblioteca.almacen] {
        let intruso = Cliente::dealer(puerto);
        for basura in [
            &b"\x01"[..],
            b"\x01\xff\xff\xff\xff\xff",
            b"\x02abc",
            b"",
            b"hola",
        ] {
            intruso.enviar_crudo(&[basura]);
        }
    }
    let cliente = biblioteca.cliente();
    assert_eq!(
        texto(&cliente.pedir(&consulta("Libro1")), "estado"),
        "CONFIRMADO"
    );
}

/// Fault case 41.
#[test]
fn sql_in_any_field_is_data_or_is_refused() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let cliente = biblioteca.cliente();
    let libros = biblioteca.contar("select count(*) from libros");
    for veneno in [
        "'; drop table libros; --",
        "\" or 1=1 --",
        "%",
        "_",
        "\\",
        "$1",
        "?1",
    ] {
        cliente.pedir(&prestamo(veneno, veneno, veneno));
        cliente.pedir(&prestamo("Libro7", veneno, &format!("{veneno}2")));
        let titulo = cliente.pedir(&json!({"operacion":"consulta","titulo":veneno}));
        assert_eq!(
            titulo["datos"]["libros"],
            json!([]),
            "{veneno}: nothing is a wildcard"
        );
    }
    assert_eq!(biblioteca.contar("select count(*) from libros"), libros);
}

#[test]
fn a_client_that_never_reads_harms_nobody() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let mudo = biblioteca.cliente();
    for _ in 0..3_000 {
        mudo.enviar(&consulta("Libro1"));
    }
    let cliente = biblioteca.cliente();
    for n in 0..50 {
        let respuesta = cliente.pedir(&prestamo("Libro9", &format!("u{n}"), &format!("m-{n}")));
        assert!(
            ["CONFIRMADO", "RECHAZADO"].contains(&texto(&respuesta, "estado")),
            "{respuesta}"
        );
    }
}
