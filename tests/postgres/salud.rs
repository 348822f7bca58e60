//! Fault case 42 over HTTP: the database is down, the node lives on, says so, and comes back
//! by itself; and its metrics tell of the database what `estado` tells.
//!
//! The outage lasts some seconds; `BIBLIOTECA_AVERIA_S=60` makes it as long as the case asks.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::puertos::puertos;
use crate::servidor::Servidor;
use crate::url;
use crate::web::{crudo, espera_listo, get};

/// Room for a process or a server to start on a busy machine.
const ARRANQUE: Duration = Duration::from_secs(30);

/// What the contract promises to whoever watches, from the death on.
const NOTICIA_MAX: Duration = Duration::from_secs(2);

/// A whole library in one process, on that database.
struct Todo {
    carpeta: TempDir,
    http: u16,
    proceso: Child,
}

impl Todo {
    fn nuevo(urls: &str) -> Self {
        let [clientes, eventos, trabajo, almacen, http] = puertos();
        let carpeta = tempfile::tempdir().unwrap();
        let local = |puerto: u16| format!("127.0.0.1:{puerto}");
        let comando = |argumentos: &[&str]| {
            let mut comando = Command::new(env!("CARGO_BIN_EXE_biblioteca"));
            comando
                .args(argumentos)
                .env("BIBLIOTECA_NODO__DATOS", carpeta.path())
                .env("BIBLIOTECA_CARGA__CLIENTES", local(clientes))
                .env("BIBLIOTECA_CARGA__EVENTOS", local(eventos))
                .env("BIBLIOTECA_CARGA__TRABAJO", local(trabajo))
                .env("BIBLIOTECA_ACTORES__CARGAS", local(trabajo))
                .env("BIBLIOTECA_ACTORES__ALMACENAMIENTOS", local(almacen))
                .env("BIBLIOTECA_ALMACENAMIENTO__ESCUCHA", local(almacen))
                .env("BIBLIOTECA_ALMACENAMIENTO__BASE_DATOS", urls)
                .env("BIBLIOTECA_HTTP__ESCUCHA", local(http))
                .stdin(Stdio::null());
            comando
        };
        let sembrada = comando(&["sembrar"]).output().unwrap();
        assert!(sembrada.status.success(), "{sembrada:?}");
        let registro = File::create(carpeta.path().join("nodo.log")).unwrap();
        let proceso = comando(&["--role", "todo"])
            .stdout(registro.try_clone().unwrap())
            .stderr(registro)
            .spawn()
            .unwrap();
        let todo = Self {
            proceso,
            http,
            carpeta,
        };
        espera_listo(http, 200, ARRANQUE);
        todo
    }

    fn prestar(&self, op_id: &str, usuario: &str) -> (u16, serde_json::Value) {
        // A book each: some have one copy.
        let isbn = if usuario == "ana" { "Libro7" } else { "Libro8" };
        let cuerpo = format!("{{\"usuario\":\"{usuario}\",\"isbn\":\"{isbn}\"}}");
        let peticion = format!(
            "POST /v1/prestamos HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nIdempotency-Key: {op_id}\r\n\
             Content-Length: {}\r\n\r\n{cuerpo}",
            self.http,
            cuerpo.len()
        );
        let vuelta = crudo(self.http, peticion.as_bytes()).unwrap();
        (vuelta.codigo, vuelta.json())
    }

    /// The sum of every series of that name whose labels have these words.
    fn medida(&self, nombre: &str, con: &str) -> Option<f64> {
        let texto = get(self.http, "/metrics").unwrap().texto;
        let series = texto
            .lines()
            .filter(|linea| linea.starts_with(nombre) && linea.contains(con));
        series
            .filter_map(|linea| linea.rsplit(' ').next()?.parse::<f64>().ok())
            .reduce(|a, b| a + b)
    }

    fn espera_medida(&self, nombre: &str, con: &str, valor: f64) {
        let limite = Instant::now() + ARRANQUE;
        while self.medida(nombre, con) != Some(valor) {
            let registro = std::fs::read_to_string(self.carpeta.path().join("nodo.log"));
            assert!(
                Instant::now() < limite,
                "{nombre} {con} is {:?}\n{}",
                self.medida(nombre, con),
                registro.unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Todo {
    fn drop(&mut self) {
        let _ = self.proceso.kill();
        let _ = self.proceso.wait();
    }
}

fn averia() -> Duration {
    let segundos = std::env::var("BIBLIOTECA_AVERIA_S");
    Duration::from_secs(segundos.map_or(4, |texto| texto.parse().unwrap()))
}

/// Not ready within two seconds of `desde`, for a reason, and alive as long as it lasts.
fn aguanta(todo: &Todo, desde: Instant) {
    let (vuelta, _) = espera_listo(todo.http, 503, NOTICIA_MAX);
    assert!(desde.elapsed() < NOTICIA_MAX, "{:?}", desde.elapsed());
    let motivo = vuelta.json()["motivo"].as_str().unwrap().to_owned();
    assert!(motivo.contains("base de datos"), "{motivo}");
    let negada = todo.prestar("durante", "luis");
    assert_eq!(negada.0, 503, "{negada:?}");
    while desde.elapsed() < averia() {
        let preguntada = Instant::now();
        assert_eq!(get(todo.http, "/salud/vivo").unwrap().codigo, 200);
        assert_eq!(get(todo.http, "/salud/listo").unwrap().codigo, 503);
        assert!(preguntada.elapsed() < NOTICIA_MAX);
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Ready again, with all that it knew, and never started again.
fn vuelve(todo: &mut Todo, antes: &serde_json::Value) {
    espera_listo(todo.http, 200, ARRANQUE);
    let (codigo, repetida) = todo.prestar("antes", "ana");
    assert_eq!((codigo, &repetida["datos"]), (200, &antes["datos"]));
    assert_eq!(repetida["repetida"], true);
    assert_eq!(todo.prestar("durante", "luis").0, 200);
    assert!(
        todo.proceso.try_wait().unwrap().is_none(),
        "the same process"
    );
    assert_eq!(todo.medida("biblioteca_reinicios_total", ""), None);
    assert_eq!(todo.medida("biblioteca_listo", ""), Some(5.0));
}

#[test]
fn a_node_is_alive_and_not_ready_while_its_database_is_down_and_comes_back_by_itself() {
    let mut servidor = Servidor::nuevo(&[]);
    servidor.con_tablas();
    let mut todo = Todo::nuevo(&url(&servidor));
    let (codigo, antes) = todo.prestar("antes", "ana");
    assert_eq!(codigo, 200, "{antes}");
    todo.espera_medida("biblioteca_base_papel", "papel=\"primario\"", 1.0);
    todo.espera_medida("biblioteca_base_responde", "", 1.0);
    todo.espera_medida("biblioteca_base_linea", "", 1.0);
    todo.espera_medida("biblioteca_base_durabilidad", "sin_replica", 1.0);

    servidor.matar();
    aguanta(&todo, Instant::now());
    todo.espera_medida("biblioteca_base_responde", "", 0.0);
    todo.espera_medida("biblioteca_base_durabilidad", "sin_primario", 1.0);
    assert_eq!(todo.medida("biblioteca_base_linea", ""), None, "not known");

    servidor.arrancar();
    vuelve(&mut todo, &antes);
    todo.espera_medida("biblioteca_base_papel", "papel=\"primario\"", 1.0);
}

#[test]
fn the_lag_and_the_role_of_a_standby_are_among_the_metrics_of_a_node() {
    let primario = Servidor::nuevo(&[]);
    primario.con_tablas();
    let replica = primario.replica("replica1");
    let urls = format!("{},{}", url(&primario), url(&replica));
    let todo = Todo::nuevo(&urls);
    todo.espera_medida("biblioteca_base_papel", "papel=\"réplica\"", 1.0);
    todo.espera_medida("biblioteca_base_papel", "papel=\"primario\"", 1.0);
    todo.espera_medida("biblioteca_base_linea", "", 2.0);
    todo.espera_medida("biblioteca_base_retraso_bytes", "", 0.0);
    let texto = get(todo.http, "/metrics").unwrap().texto;
    assert!(
        !texto.contains("postgres://") && !texto.contains('@'),
        "{texto}"
    );
}
