//! `/metrics` of a working node, and what is built upon it: the alert rules and every query of
//! the dashboard, tried with a real Prometheus where there is one.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::api::token;
use crate::cliente::{consulta, devolucion, prestamo};
use crate::nodo::Biblioteca;
use crate::puertos::puertos;
use crate::web::{crudo, espera_listo, get};

/// Room for processes to start on a busy machine.
const ARRANQUE: Duration = Duration::from_secs(30);

fn raiz(ruta: &str) -> String {
    format!("{}/{ruta}", env!("CARGO_MANIFEST_DIR"))
}

/// One of everything that the metrics tell apart.
fn trabajar(biblioteca: &Biblioteca, vuelta: &str) {
    let cliente = biblioteca.cliente();
    let clave = |n: u8| format!("{vuelta}-{n}");
    cliente.decidir(&prestamo("Libro1", "ana", &clave(1)));
    cliente.decidir(&prestamo("Libro1", "ana", &clave(1)));
    cliente.decidir(&prestamo("Libro1", "ana", &clave(2)));
    let mut devuelve = devolucion("Libro1", "ana", &clave(3));
    devuelve["modo"] = "asincrono".into();
    cliente.decidir(&devuelve);
    cliente.pedir(&consulta("Libro1"));
    cliente.enviar_crudo(&[b"{"]);
    cliente.recibir();
}

#[test]
fn the_metrics_tell_what_was_done_and_never_by_whom() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    espera_listo(biblioteca.http, 200, ARRANQUE);
    trabajar(&biblioteca, "v");
    token(&biblioteca, "alguien", "lector");
    let vuelta = get(biblioteca.http, "/metrics").unwrap();
    assert_eq!(vuelta.codigo, 200, "from this PC without a token");
    let texto = vuelta.texto;
    let valor = |serie: &str| -> f64 {
        let linea = texto.lines().find_map(|linea| linea.strip_prefix(serie));
        let linea = linea.unwrap_or_else(|| panic!("no {serie} in:\n{texto}"));
        linea.trim().parse().unwrap()
    };
    let prestamos = |estado: &str, codigo: &str| {
        valor(&format!(
            "biblioteca_operaciones_total{{operacion=\"prestamo\",estado=\"{estado}\",codigo=\"{codigo}\"}}"
        ))
    };
    assert_eq!(prestamos("CONFIRMADO", ""), 2.0);
    assert_eq!(prestamos("RECHAZADO", "PrestamoActivo"), 1.0);
    assert_eq!(
        valor(
            "biblioteca_operaciones_total{operacion=\"ninguna\",estado=\"INVALIDO\",codigo=\"ParametrosInvalidos\"}"
        ),
        1.0
    );
    assert_eq!(
        valor("biblioteca_repetidas_total{operacion=\"prestamo\"}"),
        1.0
    );
    for tramo in ["carga", "actor", "almacenamiento"] {
        let serie =
            format!("biblioteca_tramo_segundos_count{{tramo=\"{tramo}\",operacion=\"prestamo\"}}");
        assert_eq!(valor(&serie), 3.0, "{tramo}");
    }
    assert!(valor("biblioteca_commit_segundos_count") >= 3.0);
    // It was accepted; whether its decision is on the disk too is a matter of moments.
    assert!((1.0..=2.0).contains(&valor("biblioteca_diario_viaje_apuntes_sum")));
    assert_eq!(valor("biblioteca_listo{rol=\"almacenamiento\"}"), 1.0);
    assert_eq!(valor("biblioteca_base{disposicion=\"listo\"}"), 1.0);
    assert_eq!(valor("biblioteca_actores{operacion=\"renovacion\"}"), 1.0);
    assert_eq!(valor("biblioteca_diario_pendientes"), 0.0);
    for cola in ["reparto", "commit", "lecturas", "busquedas"] {
        let serie = format!("biblioteca_cola_edad_segundos{{cola=\"{cola}\"}}");
        assert_eq!(valor(&serie), 0.0, "{cola}");
    }
    assert_eq!(valor("biblioteca_esperan_edad_segundos"), 0.0);
    for secreto in ["ana", "Libro1", "\"v-1\""] {
        assert!(!texto.contains(secreto), "{secreto} in:\n{texto}");
    }
}

/// The number of a series among the metrics now, if it is there.
fn serie(puerto: u16, serie: &str) -> Option<f64> {
    let texto = get(puerto, "/metrics")?.texto;
    let linea = texto.lines().find_map(|linea| linea.strip_prefix(serie))?;
    linea.trim().parse().ok()
}

#[test]
fn the_metrics_tell_of_the_database_what_estado_tells() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    espera_listo(biblioteca.http, 200, ARRANQUE);
    // The first look at the database comes within moments of the start.
    let limite = Instant::now() + ARRANQUE;
    let un_disco = "biblioteca_base_durabilidad{durabilidad=\"un_disco\"}";
    while serie(biblioteca.http, un_disco) != Some(1.0) {
        assert!(Instant::now() < limite, "never looked at");
    }
    let dicho = biblioteca.orden(&["estado", "--json"]);
    let dicho: Value = serde_json::from_slice(&dicho.stdout).unwrap();
    let extremo = dicho["bases"][0]["nombre"].as_str().unwrap();
    let suya = |nombre: &str| {
        let nombre = format!("biblioteca_base_{nombre}{{extremo=\"{extremo}\"");
        serie(biblioteca.http, &format!("{nombre}}}"))
            .or_else(|| serie(biblioteca.http, &format!("{nombre},papel=\"archivo\"}}")))
    };
    assert_eq!(dicho["bases"][0]["papel"], "archivo");
    assert_eq!(suya("papel"), Some(1.0));
    assert_eq!(suya("responde"), Some(1.0));
    assert!(suya("bytes").unwrap() > 0.0 && suya("wal_bytes").is_some());
    assert_eq!(suya("linea"), None, "an embedded database has none");
}

#[test]
fn every_http_answer_is_counted_under_its_route_and_never_under_its_path() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    espera_listo(biblioteca.http, 200, ARRANQUE);
    for ruta in ["/v1/libros/Libro1", "/v1/libros/Libro2", "/v1/libros/Nada"] {
        get(biblioteca.http, ruta).unwrap();
    }
    for n in 0..20 {
        get(biblioteca.http, &format!("/nada/{n}")).unwrap();
    }
    let cuantas = |ruta: &str, clase: &str| {
        let etiquetas = format!("{{metodo=\"GET\",ruta=\"{ruta}\",clase=\"{clase}\"}}");
        let nombre = format!("biblioteca_http_respuestas_total{etiquetas}");
        serie(biblioteca.http, &nombre)
    };
    assert_eq!(cuantas("/v1/libros/{isbn}", "2xx"), Some(2.0));
    assert_eq!(cuantas("/v1/libros/{isbn}", "4xx"), Some(1.0));
    assert_eq!(cuantas("ninguna", "4xx"), Some(20.0));
    let texto = get(biblioteca.http, "/metrics").unwrap().texto;
    assert!(
        !texto.contains("Libro1") && !texto.contains("/nada/"),
        "{texto}"
    );
}

fn hay(programa: &str) -> bool {
    let hallado = Command::new(programa).arg("--version").output().is_ok();
    if !hallado {
        eprintln!("no {programa} here: not tried (deploy/test.sh installs it)");
    }
    hallado
}

fn bien(comando: &mut Command) {
    let salida = comando.output().unwrap();
    assert!(salida.status.success(), "{comando:?}: {salida:?}");
}

#[test]
fn every_alert_rings_when_it_must_and_says_what_to_do() {
    let reglas = fs::read_to_string(raiz("deploy/prometheus/alertas.yml")).unwrap();
    let alertas = reglas.matches("- alert: ").count();
    assert!(alertas > 8);
    for frase in ["significa: \"", "que_hacer: \""] {
        assert_eq!(reglas.matches(frase).count(), alertas, "{frase}");
    }
    let pruebas = fs::read_to_string(raiz("deploy/prometheus/alertas.prueba.yml")).unwrap();
    for alerta in reglas
        .split("- alert: ")
        .skip(1)
        .filter_map(|a| a.lines().next())
    {
        assert!(pruebas.contains(alerta), "{alerta} has no test");
    }
    if hay("promtool") {
        let config = raiz("deploy/prometheus/prometheus.yml");
        bien(Command::new("promtool").args(["check", "config", &config]));
        let pruebas = raiz("deploy/prometheus/alertas.prueba.yml");
        bien(Command::new("promtool").args(["test", "rules", &pruebas]));
    }
}

struct Prometheus {
    proceso: Child,
    puerto: u16,
}

impl Prometheus {
    fn nuevo(carpeta: &Path, objetivo: u16) -> Self {
        let [puerto] = puertos();
        let config = format!(
            "global: {{scrape_interval: 200ms}}\nscrape_configs:\n  - job_name: biblioteca\n    \
             static_configs: [{{targets: ['127.0.0.1:{objetivo}']}}]\n"
        );
        let archivo = carpeta.join("prometheus.yml");
        fs::write(&archivo, config).unwrap();
        let proceso = Command::new("prometheus")
            .arg(format!("--config.file={}", archivo.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                carpeta.join("tsdb").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{puerto}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { proceso, puerto }
    }

    /// The result of an instant query; none while it is starting.
    fn consultar(&self, consulta: &str) -> Option<Value> {
        let en_ruta: String = consulta
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        // In the older version of HTTP, which knows no chunks.
        let peticion = format!("GET /api/v1/query?query={en_ruta} HTTP/1.0\r\n\r\n");
        let vuelta = crudo(self.puerto, peticion.as_bytes())?;
        (vuelta.codigo != 503).then(|| vuelta.json())
    }

    /// Asks until there is something.
    fn hasta_que_haya(&self, consulta: &str) {
        let limite = Instant::now() + ARRANQUE;
        loop {
            let visto = self.consultar(consulta);
            if let Some(visto) = &visto {
                assert_eq!(visto["status"], "success", "{consulta}: {visto}");
                if !visto["data"]["result"].as_array().unwrap().is_empty() {
                    return;
                }
            }
            assert!(Instant::now() < limite, "nothing for {consulta}: {visto:?}");
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.proceso.kill();
        let _ = self.proceso.wait();
    }
}

#[test]
fn every_query_of_the_dashboard_finds_something_in_a_real_prometheus() {
    let tablero = fs::read(raiz("deploy/grafana/biblioteca.json")).unwrap();
    let tablero: Value = serde_json::from_slice(&tablero).unwrap();
    let consultas: Vec<&str> = tablero["panels"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten()
        .map(|consulta| consulta["expr"].as_str().unwrap())
        .collect();
    assert!(consultas.len() > 20);
    if !hay("prometheus") {
        return;
    }
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    espera_listo(biblioteca.http, 200, ARRANQUE);
    // Seen by one look before more is done: a rate needs both.
    trabajar(&biblioteca, "antes");
    let prometheus = Prometheus::nuevo(biblioteca.carpeta.path(), biblioteca.http);
    prometheus.hasta_que_haya("biblioteca_commit_segundos_count >= 3");
    trabajar(&biblioteca, "despues");
    for consulta in consultas {
        prometheus.hasta_que_haya(consulta);
    }
}
