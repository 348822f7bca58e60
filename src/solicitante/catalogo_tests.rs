//! Catalogues as spreadsheets write them.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::wire::admin::Encomienda;
use crate::wire::codec;
use crate::wire::mensaje::Mensaje;

fn de(texto: &str) -> Catalogo {
    leer(texto.as_bytes(), None).unwrap()
}

#[test]
fn a_catalogue_with_the_contracts_header() {
    let catalogo = de(
        "isbn,titulo,autor,sede,ejemplares\n978-1,\"Rayuela, novela\",Cortázar,sede1,3\n978-2,Momo,,sede2,\n",
    );
    assert!(catalogo.malas.is_empty());
    let [rayuela, momo] = catalogo.filas.as_slice() else {
        unreachable!("two rows");
    };
    assert_eq!(rayuela.titulo.as_str(), "Rayuela, novela");
    assert_eq!((rayuela.ejemplares, rayuela.linea), (3, 2));
    assert_eq!(rayuela.autor.as_deref(), Some("Cortázar"));
    assert_eq!((momo.ejemplares, momo.autor.as_deref()), (1, None));
}

#[test]
fn semicolons_latin_1_aliases_and_other_columns_are_tolerated() {
    let bytes = b"Sucursal;T\xedtulo;ISBN;Estante;C\xf3digo\r\nsede1;A\xf1o;L1;9;B-1\r\n\r\n";
    let catalogo = leer(bytes, None).unwrap();
    let fila = &catalogo.filas[0];
    assert_eq!(fila.titulo.as_str(), "Año");
    assert_eq!(fila.codigo.as_ref().unwrap().as_str(), "B-1");
    assert_eq!(fila.autor, None);
}

#[test]
fn bad_rows_are_listed_and_the_good_ones_stay() {
    let catalogo = de(
        "isbn;titulo;sede;ejemplares;codigo\n;Sin isbn;s1\nL1;;s1\nL2;Dos;s1;muchos\nL3;Tres;s1;2;B-1\nL4;Cuatro;s1;-1\nL5;Cinco;s1;2\nL6;Seis\n",
    );
    let lineas: Vec<u32> = catalogo.malas.iter().map(|(linea, _)| *linea).collect();
    assert_eq!(lineas, [2, 3, 4, 5, 6, 8]);
    assert!(catalogo.malas[2].1.contains("muchos"));
    assert_eq!(catalogo.filas.len(), 1);
    assert_eq!(catalogo.filas[0].linea, 7);
}

#[test]
fn a_missing_column_stops_unless_it_is_the_branch_and_one_is_given() {
    let texto = b"isbn,titulo\nL1,Uno\n";
    let error = leer(texto, None).unwrap_err();
    assert!(matches!(error, CatalogoError::FaltaColumna("sede")));
    let sede = Sede::parse("sede9").unwrap();
    assert_eq!(leer(texto, Some(&sede)).unwrap().filas[0].sede, sede);
    assert!(matches!(
        leer(b"L1,Uno,sede1\n", None),
        Err(CatalogoError::FaltaColumna("isbn"))
    ));
    assert!(matches!(
        leer(b"", None),
        Err(CatalogoError::FaltaColumna(_))
    ));
    assert!(matches!(
        leer(b"isbn,libro,titulo,sede\n", None),
        Err(CatalogoError::Repetida("isbn"))
    ));
}

#[test]
fn every_part_fits_a_frame_and_no_row_is_lost_or_moved() {
    let larga = "ñ".repeat(200);
    let texto: String = (0..2_000)
        .map(|n| format!("L{n},{larga},{larga},sede1,1\n"))
        .collect();
    let filas = de(&format!("isbn,titulo,autor,sede,ejemplares\n{texto}")).filas;
    let tandas = tandas(filas.clone());
    for tanda in &tandas {
        let mensaje = Mensaje::Encomienda(1, Encomienda::Catalogo(tanda.clone()));
        let trama = codec::encode(&mensaje).unwrap();
        assert!(trama.len() < 61 * 1024 && trama.len() < codec::TRAMA_BYTES_MAX);
    }
    assert!(tandas.len() > 20 && tandas.len() < 40);
    assert_eq!(tandas.concat(), filas);
}
