//! The pictures of the two READMEs, taken of running processes:
//!
//! ```text
//! BIBLIOTECA_PANTALLAS=deploy/pantallas cargo nextest run -E 'test(pictures)'
//! ```
//!
//! Without the variable they are taken all the same, and kept nowhere.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::nodo::{Biblioteca, Nodo, puertos};
use crate::pagina::{ENTER, F2, F6, PANTALLA, Pagina, TELEFONO};
use crate::sesion::{entrar, token};

const ACTORES: &str = "actor-prestamo,actor-devolucion,actor-renovacion";

/// Two cargas, actors on two PCs, two almacenamientos on one file, and a counter's worth of
/// requests for as long as the pictures take.
struct Escena {
    biblioteca: Biblioteca,
    segundo: Nodo,
    pc4: Nodo,
    _resto: Vec<Nodo>,
}

impl Escena {
    fn nueva() -> Self {
        let biblioteca = Biblioteca::sembrada();
        let [almacen2, clientes2, eventos2, trabajo2] = puertos();
        let local = |puerto: u16| format!("127.0.0.1:{puerto}");
        let almacenes = format!("{},{}", local(biblioteca.almacen), local(almacen2));
        let cargas = format!("{},{}", local(biblioteca.trabajo), local(trabajo2));
        let arrancar = |pc: &str, rol: &str, ajustes: &[(&str, String)]| {
            let mut comando = biblioteca.comando(&["--role", rol]);
            comando
                .env("BIBLIOTECA_NODO__ID", pc)
                .env("BIBLIOTECA_HTTP__ESCUCHA", "")
                .env("BIBLIOTECA_ACTORES__CARGAS", &cargas)
                .env("BIBLIOTECA_ACTORES__ALMACENAMIENTOS", &almacenes);
            for (clave, valor) in ajustes {
                comando.env(format!("BIBLIOTECA_{clave}"), valor);
            }
            let registro = format!("{pc}-{rol}-{}.log", ajustes.len());
            Nodo::de(comando, &biblioteca.carpeta.path().join(registro))
        };
        let propia = [("HTTP__ESCUCHA", local(biblioteca.http))];
        let otra = [
            ("CARGA__CLIENTES", local(clientes2)),
            ("CARGA__EVENTOS", local(eventos2)),
            ("CARGA__TRABAJO", local(trabajo2)),
            (
                "NODO__DATOS",
                biblioteca.carpeta.path().join("pc2").display().to_string(),
            ),
        ];
        let duena = arrancar("pc1", "almacenamiento", &[]);
        duena.espera_registro("base de datos abierta");
        let espera = [("ALMACENAMIENTO__ESCUCHA", local(almacen2))];
        let resto = vec![
            duena,
            arrancar("pc1", "carga", &propia),
            arrancar("pc2", "carga", &otra),
            arrancar("pc3", ACTORES, &[]),
        ];
        let segundo = arrancar("pc2", "almacenamiento", &espera);
        let pc4 = arrancar("pc4", ACTORES, &[]);
        biblioteca.espera_servicio();
        crate::nodo::espera_servicio(clientes2);
        Self {
            biblioteca,
            segundo,
            pc4,
            _resto: resto,
        }
    }

    /// A steady stream of requests, ended with the guard.
    fn publico(&self) -> Nodo {
        let mezcla = "prestamo=50,devolucion=20,renovacion=15,consulta=15";
        let mut comando = self.biblioteca.comando(&["medir", "--operacion", mezcla]);
        comando.args(["--ritmo", "40", "--segundos", "600", "--calentamiento", "0"]);
        comando
            .args(["--sedes", "sede1,sede2"])
            .stdout(Stdio::null());
        Nodo::de(comando, &self.biblioteca.carpeta.path().join("medir.log"))
    }
}

/// Where they are kept.
fn carpeta(escena: &Escena) -> PathBuf {
    std::env::var_os("BIBLIOTECA_PANTALLAS").map_or_else(
        || escena.biblioteca.carpeta.path().to_owned(),
        |ruta| Path::new(env!("CARGO_MANIFEST_DIR")).join(ruta),
    )
}

/// Light and dark, under that name.
fn retratar(pagina: &Pagina, carpeta: &Path, nombre: &str) {
    for (oscura, apellido) in [(false, ""), (true, "-oscuro")] {
        pagina.oscura(oscura);
        guardar(pagina, &carpeta.join(format!("{nombre}{apellido}.png")));
    }
}

fn guardar(pagina: &Pagina, ruta: &Path) {
    let imagen = pagina.retrato();
    assert!(imagen.starts_with(b"\x89PNG"), "{}", ruta.display());
    std::fs::write(ruta, imagen).unwrap();
}

#[test]
fn the_pictures_of_both_pages_can_be_taken() {
    let (Some(pantalla), Some(telefono)) = (Pagina::abrir(PANTALLA), Pagina::abrir(TELEFONO))
    else {
        return;
    };
    let mut escena = Escena::nueva();
    let carpeta = carpeta(&escena);
    let secreto = token(&escena.biblioteca, "mostrador-1");
    let _publico = escena.publico();
    let sitio = format!("http://127.0.0.1:{}", escena.biblioteca.http);
    for (pagina, apellido) in [(&pantalla, ""), (&telefono, "-telefono")] {
        pagina.ir(&format!("{sitio}/mostrador"));
        entrar(pagina, &secreto);
        pagina.espera("frase", "Todo en orden.");
        pagina.espera_cierto("document.querySelectorAll('#ultimas tr').length >= 10");
        retratar(pagina, &carpeta, &format!("panel{apellido}"));

        pagina.ir(&format!("{sitio}/mostrador"));
        let quien = format!("ana{apellido}");
        pagina.teclear(&format!("{quien}{ENTER}Libro911{ENTER}"));
        pagina.espera("titular", "Prestado hasta el");
        pagina.teclear(&format!("Libro921{ENTER}"));
        pagina.espera("prestamos", "Libro921");
        pagina.teclear(&format!("{F6}bases de datos{ENTER}"));
        pagina.espera("libros", "Bases de datos");
        pagina.teclear(F2);
        pagina.oscura(false);
        guardar(pagina, &carpeta.join(format!("mostrador{apellido}.png")));
        // A no, in the dark one.
        pagina.teclear(&format!("Libro921{ENTER}"));
        pagina.espera("titular", "El usuario ya tiene ese libro prestado");
        pagina.oscura(true);
        let oscuro = format!("mostrador{apellido}-oscuro.png");
        guardar(pagina, &carpeta.join(oscuro));
    }

    escena.pc4.matar();
    escena.segundo.matar();
    pantalla.ir(&format!("{sitio}/"));
    pantalla.espera("flujo", "caído hace");
    pantalla.espera("frase", "Atención");
    pantalla.oscura(false);
    guardar(&pantalla, &carpeta.join("panel-averia.png"));
}
