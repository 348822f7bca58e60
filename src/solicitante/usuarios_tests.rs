//! Users files as spreadsheets write them.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::wire::admin::Encomienda;
use crate::wire::codec;
use crate::wire::mensaje::Mensaje;

fn de(texto: &str) -> Padron {
    leer(texto.as_bytes()).unwrap()
}

#[test]
fn a_users_file_with_the_contracts_header() {
    let padron = de(
        "id,nombre,categoria,vence,bloqueado\nu1,\"Ana, Pérez\",Profesor,2026-12-31,no\nu2,,,,\nu3,Luis\n",
    );
    assert!(padron.malas.is_empty(), "{padron:?}");
    let [ana, vacio, corto] = padron.filas.as_slice() else {
        unreachable!("three rows");
    };
    assert_eq!(ana.nombre, Some(Some("Ana, Pérez".to_owned())));
    assert_eq!(ana.categoria, Some(Some("profesor".to_owned())));
    assert_eq!(ana.vence, Some(Some("2026-12-31".to_owned())));
    assert_eq!((ana.bloqueado, ana.linea), (Some(false), 2));
    assert_eq!((&vacio.nombre, &vacio.vence), (&Some(None), &Some(None)));
    assert_eq!(vacio.bloqueado, None, "nobody is let in by an empty cell");
    assert_eq!((&corto.vence, corto.bloqueado), (&Some(None), None));
}

#[test]
fn semicolons_latin_1_aliases_and_other_columns_are_tolerated() {
    let bytes = b"C\xf3digo;Categor\xeda;Tel\xe9fono;Vencimiento;Bloqueado\r\nu1;estudiante;9;31/12/2026 0:00;S\xed\r\n";
    let padron = leer(bytes).unwrap();
    assert_eq!(padron.sin_uso, ["Teléfono"]);
    let fila = &padron.filas[0];
    assert_eq!(fila.nombre, None, "no such column");
    assert_eq!(fila.vence, Some(Some("2026-12-31".to_owned())));
    assert_eq!(fila.bloqueado, Some(true));
}

#[test]
fn bad_rows_are_listed_and_the_good_ones_stay() {
    let padron = de(
        "id;vence;bloqueado\n;2026-01-01;no\nu1;2026-02-30;no\nu2;mañana;no\nu3;;tal vez\nu4;2026-01-01;1\nu4;;\nu5;\"2026\nu6;26-01-01;\n",
    );
    let lineas: Vec<u32> = padron.malas.iter().map(|(linea, _)| *linea).collect();
    assert_eq!(lineas, [8, 2, 3, 4, 5, 7, 9]);
    let motivo = |linea: u32| {
        let mala = padron.malas.iter().find(|mala| mala.0 == linea);
        mala.unwrap().1.as_str()
    };
    assert!(motivo(3).contains("2026-02-30") && motivo(5).contains("tal vez"));
    assert!(motivo(7).contains("línea 6"), "{}", motivo(7));
    assert_eq!(padron.filas.len(), 1);
}

#[test]
fn a_file_without_its_key_is_none() {
    for texto in ["", "nombre,vence\nAna,\n", "u1,Ana\n"] {
        let error = leer(texto.as_bytes()).unwrap_err();
        assert!(matches!(error, PadronError::SinId), "{texto}");
    }
    assert!(matches!(
        leer(b"id,usuario\n"),
        Err(PadronError::Repetida("id"))
    ));
}

#[test]
fn every_part_fits_a_frame() {
    let largo = "ñ".repeat(200);
    let texto: String = (0..1_000)
        .map(|n| format!("u{n},{largo},profesor,2026-12-31,si\n"))
        .collect();
    let filas = de(&format!("id,nombre,categoria,vence,bloqueado\n{texto}")).filas;
    let tandas = tandas(filas.clone());
    for filas in &tandas {
        let autor = "a".repeat(128);
        let filas = filas.clone();
        let mensaje = Mensaje::Encomienda(1, Encomienda::Usuarios { autor, filas });
        let trama = codec::encode(&mensaje).unwrap();
        assert!(trama.len() < 61 * 1024 && trama.len() < codec::TRAMA_BYTES_MAX);
    }
    assert!(tandas.len() > 5);
    assert_eq!(tandas.concat(), filas);
}
