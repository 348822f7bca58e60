//! Whole files of every form of contract §5, as people have them.

#![allow(clippy::unwrap_used)]

use super::*;

fn de(texto: &str) -> Archivo {
    leer(texto.as_bytes(), None).unwrap()
}

/// Operation, isbn, usuario and sede of each line, `-` for what is absent.
fn vistas(archivo: &Archivo) -> Vec<String> {
    let o = |texto: Option<&str>| texto.unwrap_or("-").to_owned();
    archivo
        .lineas
        .iter()
        .map(|linea| {
            let p = &linea.pedido;
            format!(
                "{} {} {} {} {}",
                linea.numero,
                p.operacion,
                o(p.isbn.as_ref().map(|x| x.as_str())),
                o(p.usuario.as_ref().map(|x| x.as_str())),
                o(p.sede.as_ref().map(|x| x.as_str())),
            )
        })
        .collect()
}

#[test]
fn the_short_form_with_blanks() {
    let archivo = de(
        "# pedidos\r\nPRES 978-0596007126 usuario005\r\n\r\nRENO Libro456 usuario1\r\ndevo Libro456\tusuario1\r\n",
    );
    assert_eq!(
        vistas(&archivo),
        [
            "2 prestamo 978-0596007126 usuario005 -",
            "4 renovacion Libro456 usuario1 -",
            "5 devolucion Libro456 usuario1 -"
        ]
    );
    assert_eq!(
        archivo.forma.to_string(),
        "Separador: espacios; columnas: operacion,libro,usuario (detectadas en el archivo)"
    );
    assert_eq!(archivo.huella_hex.len(), 64);
}

#[test]
fn the_forms_with_separators() {
    assert_eq!(
        vistas(&de("PRESTAMO|LIB1500|U100")),
        ["1 prestamo LIB1500 U100 -"]
    );
    assert_eq!(
        vistas(&de("devolucion,user11,ISBN0022")),
        ["1 devolucion ISBN0022 user11 -"]
    );
    assert_eq!(
        vistas(&de("PRESTAMO,S1,uS1_201,BK-0101")),
        ["1 prestamo BK-0101 uS1_201 S1"]
    );
    assert_eq!(
        vistas(&de("RENOVACION L0001 U0231 SEDE_1")),
        ["1 renovacion L0001 U0231 SEDE_1"]
    );
    assert_eq!(
        vistas(&de(
            r#"{"operacion":"devolucion","codigo":"L0001","usuario":"U7"}"#
        )),
        ["1 devolucion L0001 U7 -"]
    );
}

#[test]
fn a_header_whose_first_column_is_an_operation() {
    let con_palabra =
        de("DEVOLUCION;idUsuario;idLibro;idPrestamo\nDEVOLUCION;9;3;77\nPRESTAMO;8;4\n");
    assert_eq!(
        vistas(&con_palabra),
        ["2 devolucion 3 9 -", "3 prestamo 4 8 -"]
    );
    let sin_palabra = de("DEVOLUCION;idUsuario;idLibro;idPrestamo\n9;3;77\n");
    assert_eq!(vistas(&sin_palabra), ["2 devolucion 3 9 -"]);
    assert!(
        sin_palabra
            .forma
            .to_string()
            .contains("según el encabezado")
    );
}

#[test]
fn headers_of_several_operations_hold_for_their_own() {
    let archivo = de(
        "PRESTAMO;idLibro;idUsuario\nDEVOLUCION;idUsuario;idLibro\nPRESTAMO;1;2\nDEVOLUCION;2;1\n",
    );
    assert_eq!(vistas(&archivo), ["3 prestamo 1 2 -", "4 devolucion 1 2 -"]);
    let texto = "operacion;usuario;libro\nPRES;1;2\noperacion;libro;usuario\n";
    assert!(matches!(
        leer(texto.as_bytes(), None),
        Err(ArchivoError::EncabezadosDistintos(3))
    ));
}

#[test]
fn latin_1_with_accents() {
    let archivo = leer(b"PR\xc9STAMO|LIB1|U1\nRenovaci\xf3n|LIB1|U1\n", None).unwrap();
    assert_eq!(
        vistas(&archivo),
        ["1 prestamo LIB1 U1 -", "2 renovacion LIB1 U1 -"]
    );
}

#[test]
fn unreadable_lines_are_listed_and_the_rest_goes_on() {
    let archivo = de(&format!(
        "PRES L1 U1\nPRES L2 U2\nBORRAR L2 U2\nDEVO L3\nPRES L4 U4 de más\n{}\nPRES L5 U5\n",
        "x".repeat(LINEA_BYTES_MAX + 1)
    ));
    assert_eq!(archivo.lineas.len(), 3);
    let numeros: Vec<u32> = archivo
        .ilegibles
        .iter()
        .map(|(numero, _)| *numero)
        .collect();
    assert_eq!(numeros, [3, 4, 5, 6]);
    assert!(archivo.ilegibles[0].1.contains("BORRAR"));
}

#[test]
fn what_is_not_certain_stops_and_columnas_decides() {
    let texto = b"PRES 123 456\nDEVO 123 456\n";
    let error = leer(texto, None).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("--columnas operacion,usuario,libro[,sede]")
    );
    let dadas: Columnas = "operacion,usuario,libro".parse().unwrap();
    let archivo = leer(texto, Some(&dadas)).unwrap();
    assert_eq!(vistas(&archivo)[0], "1 prestamo 456 123 -");
    assert!(matches!(
        leer(b"hola mundo\n", None),
        Err(ArchivoError::SinSeparador)
    ));
}

#[test]
fn an_empty_file_has_no_requests_and_a_missing_one_is_an_error() {
    let vacio = de("# nada\n\n");
    assert!(vacio.lineas.is_empty() && vacio.ilegibles.is_empty());
    let error = leer_ruta(Path::new("/no/existe.txt"), None).unwrap_err();
    assert!(error.to_string().contains("/no/existe.txt"));
}
