//! The JSON of plain clients (contract §2): what is read, what is refused, and that no bytes
//! can break it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use biblioteca::domain::ids::Sede;
use biblioteca::domain::modo::Modo;
use biblioteca::domain::operacion::Operacion;
use biblioteca::wire::json::{
    Invalida, Peticion, escribir_invalida, leer_peticion, leer_peticion_propia,
};
use biblioteca::wire::respuesta::Causa;
use proptest::prelude::*;

fn leer(texto: &str) -> Result<Peticion, Invalida> {
    leer_peticion(texto.as_bytes(), &Sede::parse("sede1").unwrap())
}

#[test]
fn a_loan_is_read_with_its_defaults() {
    let leida =
        leer(r#"{"operacion":"prestamo","isbn":" Libro456 ","usuario":"u1","id":7}"#).unwrap();
    assert_eq!(leida.pedido.operacion, Operacion::Prestamo);
    assert_eq!(leida.pedido.isbn.unwrap().as_str(), "Libro456");
    assert_eq!(leida.pedido.sede.as_str(), "sede1");
    assert_eq!(leida.id.unwrap().get(), "7");
    assert_eq!((leida.modo, leida.plazo_ms), (None, None));
    assert_eq!(leida.pedido.op_id.as_str().len(), 36);
}

#[test]
fn mode_deadline_id_and_key_order_are_not_content_but_the_sede_sent_is() {
    let una = leer(r#"{"operacion":"prestamo","isbn":"A","usuario":"u1"}"#).unwrap();
    let otra = leer(
        r#"{"usuario":" u1 ","isbn":"A","id":"x","modo":"asincrono","plazo_ms":500.0,"operacion":"prestamo"}"#,
    )
    .unwrap();
    assert_eq!(una.pedido.huella, otra.pedido.huella);
    assert_eq!(otra.modo, Some(Modo::Asincrono));
    assert_eq!(otra.plazo_ms, Some(500));
    let con_sede =
        leer(r#"{"operacion":"prestamo","isbn":"A","usuario":"u1","sede":"sede1"}"#).unwrap();
    assert_ne!(una.pedido.huella, con_sede.pedido.huella);
}

#[test]
fn each_operation_says_which_field_it_misses() {
    for (texto, campo) in [
        (r#"{"operacion":"prestamo","isbn":"A"}"#, "usuario"),
        (r#"{"operacion":"prestamo","usuario":"u"}"#, "isbn"),
        (r#"{"operacion":"renovacion","isbn":"A"}"#, "usuario"),
        (r#"{"operacion":"devolucion","isbn":"A"}"#, "ejemplar"),
        (r#"{"operacion":"consulta","sede":"s"}"#, "titulo"),
        (r#"{"operacion":"estado"}"#, "op_id"),
        (r#"{"isbn":"A"}"#, "operacion"),
    ] {
        let invalida = leer(texto).unwrap_err();
        assert_eq!(invalida.causa, Causa::ParametrosInvalidos, "{texto}");
        assert!(
            invalida.detalle.contains(campo),
            "{texto}: {}",
            invalida.detalle
        );
    }
    // Whose loans somebody has is for the side door, which knows who asks.
    let de_usuario = r#"{"operacion":"consulta","usuario":"u"}"#;
    assert!(leer(de_usuario).is_err());
    assert!(leer_peticion_propia(de_usuario.as_bytes(), &Sede::parse("sede1").unwrap()).is_ok());
    assert!(leer(r#"{"operacion":"devolucion","ejemplar":"E1"}"#).is_ok());
    assert!(leer(r#"{"operacion":"devolucion","isbn":"A","usuario":"u"}"#).is_ok());
}

#[test]
fn wrong_types_and_bounds_are_invalid_and_keep_what_could_be_read() {
    for texto in [
        r#"{"operacion":"prestamo","isbn":5,"usuario":"u"}"#,
        r#"{"operacion":"prestamo","isbn":"A","usuario":"u","plazo_ms":99}"#,
        r#"{"operacion":"prestamo","isbn":"A","usuario":"u","plazo_ms":30001}"#,
        r#"{"operacion":"prestamo","isbn":"A","usuario":"u","plazo_ms":"500"}"#,
        r#"{"operacion":"prestamo","isbn":"A","usuario":"u","modo":"luego"}"#,
        r#"{"operacion":"prestamo","isbn":"A","usuario":"","op_id":"k"}"#,
        r#"{"operacion":"prestamo","isbn":"A","usuario":"u","op_id":"ñ"}"#,
        r#"[1,2]"#,
        r#""#,
        r#"{"#,
    ] {
        assert_eq!(
            leer(texto).unwrap_err().causa,
            Causa::ParametrosInvalidos,
            "{texto}"
        );
    }
    let invalida = leer(r#"{"operacion":"comprar","op_id":"k-1","id":[1]}"#).unwrap_err();
    assert_eq!(invalida.causa, Causa::OperacionNoSoportada);
    let escrita: serde_json::Value =
        serde_json::from_slice(&escribir_invalida(&invalida, "2026-01-01T00:00:00-05:00")).unwrap();
    assert_eq!(escrita["op_id"], "k-1");
    assert_eq!(escrita["id"], serde_json::json!([1]));
    assert_eq!(escrita["estado"], "INVALIDO");
    assert_eq!(escrita["exito"], false);
}

proptest! {
    #[test]
    fn no_bytes_break_the_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        let _ = leer_peticion(&bytes, &Sede::parse("s").unwrap());
    }

    #[test]
    fn an_answer_to_anything_is_json_with_every_field(texto in "\\PC{0,200}") {
        let objeto = serde_json::json!({"operacion": texto, "isbn": texto, "op_id": texto, "id": texto});
        if let Err(invalida) = leer(&objeto.to_string()) {
            let escrita: serde_json::Value =
                serde_json::from_slice(&escribir_invalida(&invalida, "f")).unwrap();
            for campo in ["exito", "mensaje", "fechaOperacion", "datos", "op_id", "estado", "codigo", "repetida"] {
                prop_assert!(escrita.get(campo).is_some(), "{campo}");
            }
        }
    }
}

#[test]
fn an_id_goes_back_to_the_letter_whatever_it_is() {
    let hondo = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    for id in [
        "123456789012345678901234567890",
        "0.12345678901234567890123",
        "-0",
        "1e999",
        "null",
        r#"{"b":1,"a":2,"b":3}"#,
        hondo.as_str(),
    ] {
        let texto = format!(r#"{{"operacion":"vender","id":{id}}}"#);
        let invalida = leer(&texto).unwrap_err();
        let escrita = String::from_utf8(escribir_invalida(&invalida, "f")).unwrap();
        assert!(escrita.ends_with(&format!(r#""id":{id}}}"#)), "{escrita}");
    }
}
