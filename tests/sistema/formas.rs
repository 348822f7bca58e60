//! Contract §5: every form of a request file, run against a node as its owner would.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::nodo::{Biblioteca, texto};

/// A library with the books that the contract's examples name.
fn con_libros() -> Biblioteca {
    let biblioteca = Biblioteca::sembrada();
    let catalogo = biblioteca.carpeta.path().join("libros.csv");
    fs::write(
        &catalogo,
        "isbn,titulo,sede,ejemplares\nLIB1500,Uno,sede1,2\nISBN0022,Dos,sede1,1\nBK-0101,Tres,S1,1\nL0001,Cuatro,SEDE_1,1\n",
    )
    .unwrap();
    let salida = biblioteca.orden(&["catalogo", "importar", catalogo.to_str().unwrap()]);
    assert!(salida.status.success());
    biblioteca
}

/// Runs a file of its own; what was said, the exit code and the receipts.
fn ejecutar(
    biblioteca: &Biblioteca,
    nombre: &str,
    contenido: &[u8],
    mas: &[&str],
) -> (String, i32, Vec<Value>) {
    let archivo = biblioteca.carpeta.path().join(nombre);
    fs::write(&archivo, contenido).unwrap();
    let ruta = archivo.to_str().unwrap();
    let mut argumentos = vec![
        "--role",
        "solicitante",
        "--archivo",
        ruta,
        "--nombre",
        nombre,
    ];
    argumentos.extend(mas);
    let salida: Output = biblioteca.orden(&argumentos);
    let dicho = String::from_utf8_lossy(&salida.stdout).into_owned()
        + &String::from_utf8_lossy(&salida.stderr);
    let recibos = biblioteca
        .datos()
        .join(format!("solicitante/{nombre}.recibos.jsonl"));
    let recibos = fs::read_to_string(recibos).unwrap_or_default();
    let recibos = recibos
        .lines()
        .map(|linea| serde_json::from_str(linea).unwrap())
        .collect();
    (dicho, salida.status.code().unwrap(), recibos)
}

/// `operacion isbn usuario estado` of each receipt.
fn vistos(recibos: &[Value]) -> Vec<String> {
    recibos
        .iter()
        .map(|recibo| {
            let campos = ["operacion", "isbn", "usuario", "estado"];
            campos.map(|campo| texto(recibo, campo)).join(" ")
        })
        .collect()
}

#[test]
fn the_eight_examples_of_the_contract_are_read_and_carried_out() {
    let biblioteca = con_libros();
    let _nodo = biblioteca.todo();
    let formas: [(&str, &str, &[&str]); 7] = [
        (
            "PRES 978-0596007126 usuario005\nPRES Libro456 usuario1\nRENO Libro456 usuario1\nDEVO Libro456 usuario1\n",
            "espacios; columnas: operacion,libro,usuario",
            &[
                "prestamo 978-0596007126 usuario005 CONFIRMADO",
                "prestamo Libro456 usuario1 CONFIRMADO",
                "renovacion Libro456 usuario1 CONFIRMADO",
                "devolucion Libro456 usuario1 CONFIRMADO",
            ],
        ),
        (
            "PRESTAMO|LIB1500|U100\n",
            "barra (|); columnas: operacion,libro,usuario",
            &["prestamo LIB1500 U100 CONFIRMADO"],
        ),
        (
            "prestamo,user11,ISBN0022\ndevolucion,user11,ISBN0022\n",
            "coma (,); columnas: operacion,usuario,libro",
            &[
                "prestamo ISBN0022 user11 CONFIRMADO",
                "devolucion ISBN0022 user11 CONFIRMADO",
            ],
        ),
        (
            "PRESTAMO,S1,uS1_201,BK-0101\n",
            "coma (,); columnas: operacion,sede,usuario,libro",
            &["prestamo BK-0101 uS1_201 CONFIRMADO"],
        ),
        (
            "DEVOLUCION;idUsuario;idLibro;idPrestamo\nDEVOLUCION;U100;LIB1500;77\n",
            "punto y coma (;); columnas: operacion,usuario,libro,ignorar",
            &["devolucion LIB1500 U100 CONFIRMADO"],
        ),
        (
            "PRESTAMO L0001 U0231 SEDE_1\nRENOVACION L0001 U0231 SEDE_1\n",
            "espacios; columnas: operacion,libro,usuario,sede",
            &[
                "prestamo L0001 U0231 CONFIRMADO",
                "renovacion L0001 U0231 CONFIRMADO",
            ],
        ),
        (
            "{\"operacion\":\"devolucion\",\"codigo\":\"L0001\",\"usuario\":\"U0231\"}\n",
            "JSON",
            &["devolucion L0001 U0231 CONFIRMADO"],
        ),
    ];
    for (n, (contenido, forma, esperados)) in formas.into_iter().enumerate() {
        let (dicho, codigo, recibos) =
            ejecutar(&biblioteca, &format!("f{n}"), contenido.as_bytes(), &[]);
        assert_eq!(codigo, 0, "{contenido}{dicho}");
        let primera = dicho.lines().next().unwrap();
        assert!(primera.contains(forma), "{contenido}{dicho}");
        assert_eq!(vistos(&recibos), esperados, "{contenido}{dicho}");
    }
}

#[test]
fn latin_1_with_comments_and_blanks_keeps_its_letters() {
    let biblioteca = con_libros();
    let _nodo = biblioteca.todo();
    let contenido = b"# pr\xe9stamos de hoy\r\n\r\nPR\xc9STAMO|LIB1500|jos\xe9\r\n";
    let (dicho, codigo, recibos) = ejecutar(&biblioteca, "latin", contenido, &[]);
    assert_eq!(codigo, 0, "{dicho}");
    assert_eq!(vistos(&recibos), ["prestamo LIB1500 josé CONFIRMADO"]);
}

#[test]
fn what_is_not_certain_is_asked_for_and_nothing_is_sent() {
    let biblioteca = con_libros();
    let _nodo = biblioteca.todo();
    let contenido = b"PRESTAMO,100,LIB1500,sede1\nPRESTAMO,9022,100,sede1\n";
    let (dicho, codigo, recibos) = ejecutar(&biblioteca, "duda", contenido, &[]);
    assert_eq!(codigo, 2, "{dicho}");
    assert!(dicho.contains("--columnas operacion,usuario,libro[,sede]"));
    assert!(recibos.is_empty());
    assert_eq!(biblioteca.contar("select count(*) from operaciones"), 0);
    let columnas = ["--columnas", "operacion,usuario,libro,sede"];
    let (dicho, codigo, recibos) = ejecutar(&biblioteca, "duda", contenido, &columnas);
    assert_eq!(codigo, 1, "{dicho}");
    assert_eq!(
        vistos(&recibos),
        [
            "prestamo LIB1500 100 CONFIRMADO",
            "prestamo 100 9022 RECHAZADO"
        ]
    );
    let mala = ["--columnas", "operacion,usuario"];
    let (dicho, codigo, _) = ejecutar(&biblioteca, "duda2", contenido, &mala);
    assert_eq!(codigo, 2, "{dicho}");
    assert!(dicho.contains("falta la columna 'libro'"), "{dicho}");
}

#[test]
fn a_missing_file_is_an_error_before_anything_is_sent() {
    let biblioteca = Biblioteca::vacia();
    let salida = biblioteca.orden(&["--role", "solicitante", "--archivo", "no-hay.txt"]);
    assert_eq!(salida.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&salida.stderr).contains("no-hay.txt"));
}
