//! Where results go when nobody reads them, or they fit nowhere: every verb ends with its own
//! exit code, or says what is in the way.

use std::fs::{self, OpenOptions};
use std::io::pipe;
use std::process::{Command, Output};

use crate::nodo::Biblioteca;

/// A line that may be asked again and again.
const SOLICITUD: &str = r#"{"operacion":"consulta","isbn":"Libro7"}"#;

/// Standard output, and standard error if so wished, of a reader that has gone.
fn sin_lector(mut comando: Command, tampoco_errores: bool) -> Output {
    let (lector, escritor) = pipe().unwrap();
    drop(lector);
    if tampoco_errores {
        comando.stderr(escritor.try_clone().unwrap());
    }
    comando.stdout(escritor).output().unwrap()
}

/// Standard output on a device that takes nothing.
fn lleno(mut comando: Command) -> Output {
    let lleno = OpenOptions::new().write(true).open("/dev/full").unwrap();
    comando.stdout(lleno).output().unwrap()
}

fn errores(salida: &Output) -> String {
    String::from_utf8_lossy(&salida.stderr).into_owned()
}

#[test]
fn a_reader_that_has_gone_changes_no_exit_code() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    fs::write(biblioteca.carpeta.path().join("p.txt"), SOLICITUD).unwrap();
    let casos: [(&[&str], i32); 10] = [
        (&["--help"], 0),
        (&["comprobar"], 0),
        (&["estado"], 0),
        (&["estado", "--seguir"], 0),
        (&["auditar", "--excepciones"], 0),
        (&["sembrar"], 0),
        (&["tokens", "listar"], 0),
        (&["pedir", "consulta", "--isbn", "Libro1"], 0),
        (
            &[
                "pedir",
                "renovacion",
                "--isbn",
                "Libro1",
                "--usuario",
                "nadie",
            ],
            1,
        ),
        (&["--role", "solicitante", "--archivo", "p.txt"], 0),
    ];
    for (argumentos, codigo) in casos {
        for tampoco_errores in [false, true] {
            let salida = sin_lector(biblioteca.comando(argumentos), tampoco_errores);
            let codigo_real = salida.status.code();
            assert_eq!(
                codigo_real,
                Some(codigo),
                "{argumentos:?}: {}",
                errores(&salida)
            );
        }
    }
}

#[test]
fn a_full_device_is_an_error_in_spanish_and_a_loan_is_never_hidden_by_it() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    fs::write(biblioteca.carpeta.path().join("p.txt"), SOLICITUD).unwrap();
    for argumentos in [
        &["--help"][..],
        &["comprobar"],
        &["estado"],
        &["auditar"],
        &["--role", "solicitante", "--archivo", "p.txt"],
    ] {
        let salida = lleno(biblioteca.comando(argumentos));
        assert_eq!(salida.status.code(), Some(70), "{argumentos:?}");
        let dicho = errores(&salida);
        assert!(dicho.contains("no queda espacio en el disco"), "{dicho}");
    }
    let prestamo = ["pedir", "prestamo", "--isbn", "Libro9", "--usuario", "eva"];
    let salida = lleno(biblioteca.comando(&prestamo));
    assert_eq!(salida.status.code(), Some(70));
    assert!(
        errores(&salida).contains("CONFIRMADO"),
        "{}",
        errores(&salida)
    );
    let suyos = "select count(*) from prestamos where usuario='eva'";
    assert_eq!(biblioteca.contar(suyos), 1);
}
