//! A real node on a real PostgreSQL: an outage of the database is not one of the node.

use std::fs::File;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::puertos::puertos;
use crate::servidor::{Servidor, comun};
use crate::url;

/// A storage supervisor's process and a plain client of its door.
struct Nodo {
    carpeta: TempDir,
    puerto: u16,
    urls: String,
    proceso: Option<Child>,
    contexto: zmq::Context,
}

impl Nodo {
    fn nuevo(urls: String) -> Self {
        let [puerto] = puertos();
        Self {
            carpeta: tempfile::tempdir().unwrap(),
            puerto,
            urls,
            proceso: None,
            contexto: zmq::Context::new(),
        }
    }

    fn comando(&self, argumentos: &[&str]) -> Command {
        let mut comando = Command::new(env!("CARGO_BIN_EXE_biblioteca"));
        comando
            .args(argumentos)
            .env("BIBLIOTECA_NODO__DATOS", self.carpeta.path())
            .env(
                "BIBLIOTECA_ALMACENAMIENTO__ESCUCHA",
                format!("127.0.0.1:{}", self.puerto),
            )
            .env("BIBLIOTECA_ALMACENAMIENTO__BASE_DATOS", &self.urls)
            .stdin(Stdio::null());
        comando
    }

    fn arrancar(&mut self) {
        let registro = File::create(self.carpeta.path().join("nodo.log")).unwrap();
        let mut comando = self.comando(&["--role", "almacenamiento"]);
        comando
            .stdout(registro.try_clone().unwrap())
            .stderr(registro);
        self.proceso = Some(comando.spawn().unwrap());
    }

    fn orden(&self, argumentos: &[&str]) -> Output {
        self.comando(argumentos).output().unwrap()
    }

    fn preguntar(&self, solicitud: &Value) -> Option<Value> {
        let socket = self.contexto.socket(zmq::REQ).unwrap();
        socket.set_linger(0).unwrap();
        socket.set_rcvtimeo(1500).unwrap();
        socket
            .connect(&format!("tcp://127.0.0.1:{}", self.puerto))
            .unwrap();
        socket.send(&solicitud.to_string(), 0).unwrap();
        let trama = socket.recv_bytes(0).ok()?;
        Some(serde_json::from_slice(&trama).unwrap())
    }

    fn hasta(&self, solicitud: &Value, vale: impl Fn(&Value) -> bool) -> Value {
        let limite = Instant::now() + Duration::from_secs(30);
        let mut ultima = None;
        while Instant::now() < limite {
            ultima = self.preguntar(solicitud);
            if let Some(respuesta) = ultima.as_ref().filter(|r| vale(r)) {
                return respuesta.clone();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let registro = std::fs::read_to_string(self.carpeta.path().join("nodo.log"));
        panic!("{ultima:?}\n{}", registro.unwrap_or_default());
    }

    fn vive(&mut self) -> bool {
        self.proceso.as_mut().unwrap().try_wait().unwrap().is_none()
    }
}

impl Drop for Nodo {
    fn drop(&mut self) {
        if let Some(mut proceso) = self.proceso.take() {
            let _ = proceso.kill();
            let _ = proceso.wait();
        }
    }
}

#[test]
fn a_node_lives_through_an_outage_and_works_again_after_it() {
    let mut servidor = Servidor::nuevo(&[]);
    servidor.con_tablas();
    let mut nodo = Nodo::nuevo(url(&servidor));
    for vez in ["1000 libros", " 0 libros"] {
        let sembrada = nodo.orden(&["sembrar"]);
        let dicho = String::from_utf8_lossy(&sembrada.stdout).into_owned();
        assert!(
            sembrada.status.success() && dicho.contains(vez),
            "{sembrada:?}"
        );
    }
    nodo.arrancar();
    let consulta = json!({"accion": "consultar_libro", "isbn": "Libro1"});
    nodo.hasta(&consulta, |r| r["status"] == "ok");
    let prestamo = |op_id: &str| json!({"accion": "procesar_prestamo", "isbn": "Libro7", "usuario": "ana", "op_id": op_id});
    let primera = nodo.preguntar(&prestamo("op-1")).unwrap();
    assert_eq!(primera["status"], "ok", "{primera}");

    servidor.matar();
    nodo.hasta(&consulta, |r| r["error"] == "SinAlmacenamiento");
    let negada = nodo.preguntar(&prestamo("op-2")).unwrap();
    assert_eq!(
        negada["error"], "SinAlmacenamiento",
        "at once, not by a timeout"
    );
    std::thread::sleep(Duration::from_secs(2));
    assert!(nodo.vive());

    servidor.arrancar();
    nodo.hasta(&consulta, |r| r["status"] == "ok");
    assert_eq!(nodo.preguntar(&prestamo("op-1")).unwrap(), primera);
    assert!(nodo.vive());
    let cuenta = "SELECT count(*) FROM prestamos WHERE usuario = 'ana'";
    assert_eq!(servidor.psql("biblioteca", cuenta), "1");
}

#[test]
fn migrar_makes_the_tables_once_and_names_what_is_missing() {
    let servidor = Servidor::nuevo(&[]);
    let nodo = Nodo::nuevo(servidor.url("postgres", "postgres"));
    let negada = nodo.orden(&["sembrar"]);
    let dicho = String::from_utf8_lossy(&negada.stderr).into_owned();
    assert_eq!(negada.status.code(), Some(2));
    assert!(dicho.contains("biblioteca migrar"), "{dicho}");
    for vez in ["migraciones nuevas", "ya estaban al día"] {
        let hecha = nodo.orden(&["migrar"]);
        let dicho = String::from_utf8_lossy(&hecha.stdout).into_owned();
        assert!(hecha.status.success() && dicho.contains(vez), "{hecha:?}");
    }
    assert!(nodo.orden(&["sembrar"]).status.success());
}

#[test]
fn migrar_with_the_application_s_role_says_whose_address_it_wants() {
    let base = comun().base_nueva();
    let nodo = Nodo::nuevo(comun().url("biblioteca", &base));
    let negada = nodo.orden(&["migrar"]);
    let dicho = String::from_utf8_lossy(&negada.stderr).into_owned();
    assert_eq!(negada.status.code(), Some(2), "{dicho}");
    assert!(dicho.contains("con la dirección de la dueña"), "{dicho}");
    assert!(!dicho.contains("permission denied"), "{dicho}");
}

#[test]
fn a_malformed_address_is_told_before_anything_listens() {
    let nodo = Nodo::nuevo("postgres://ana:secreto@pc1:puerto/b".to_owned());
    for argumentos in [
        &["--role", "almacenamiento"][..],
        &["--role", "todo"],
        &["sembrar"],
    ] {
        let negada = nodo.orden(argumentos);
        let dicho = String::from_utf8_lossy(&negada.stderr).into_owned();
        assert_eq!(negada.status.code(), Some(2), "{argumentos:?}: {dicho}");
        assert!(
            dicho.contains("no se entiende") && !dicho.contains("secreto"),
            "{dicho}"
        );
        assert!(!dicho.contains("espera"), "no socket: {dicho}");
    }
}
