//! A page in a browser without a window, driven over WebDriver: Debian's chromium and its
//! chromedriver, spoken to with plain HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::puertos::puertos;

/// Room for a browser to start, and for a page to change, on a busy machine.
const PLAZO: Duration = Duration::from_secs(30);

/// Keys as WebDriver writes them.
pub const ENTER: &str = "\u{e007}";
pub const TAB: &str = "\u{e004}";
pub const ESCAPE: &str = "\u{e00c}";
pub const F2: &str = "\u{e032}";
pub const F3: &str = "\u{e033}";
pub const F4: &str = "\u{e034}";
pub const F6: &str = "\u{e036}";

/// Windows: a screen's, and a phone's.
pub const PANTALLA: (u32, u32) = (1280, 900);
pub const TELEFONO: (u32, u32) = (390, 844);

/// An open browser with one page; closed when the test ends.
pub struct Pagina {
    conductor: Child,
    puerto: u16,
    sesion: String,
    _perfil: TempDir,
}

impl Pagina {
    /// None where there is no browser; the test then says so and proves nothing.
    pub fn abrir((ancho, alto): (u32, u32)) -> Option<Self> {
        let [puerto] = puertos();
        let perfil = tempfile::tempdir().unwrap();
        let Ok(conductor) = Command::new("chromedriver")
            .args([&format!("--port={puerto}"), "--log-level=OFF"])
            .env("HOME", perfil.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
        else {
            eprintln!("Se omitió: sin navegador (apt-get install chromium chromium-driver)");
            return None;
        };
        let mut pagina = Self {
            conductor,
            puerto,
            sesion: String::new(),
            _perfil: perfil,
        };
        let limite = Instant::now() + PLAZO;
        while TcpStream::connect(("127.0.0.1", puerto)).is_err() {
            assert!(Instant::now() < limite, "chromedriver does not listen");
            std::thread::yield_now();
        }
        let mut opciones = json!({ "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--lang=es", format!("--window-size={ancho},{alto}"),
            format!("--user-data-dir={}", pagina._perfil.path().display()),
        ]});
        if ancho < 600 {
            opciones["mobileEmulation"] = json!({ "deviceMetrics": {
                "width": ancho, "height": alto, "pixelRatio": 1, "mobile": true,
            }});
        }
        let quiere = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": opciones,
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let sesion = pagina.mandar("POST", "/session", &quiere);
        sesion["sessionId"]
            .as_str()
            .unwrap()
            .clone_into(&mut pagina.sesion);
        Some(pagina)
    }

    pub fn ir(&self, url: &str) {
        self.orden("/url", &json!({ "url": url }));
    }

    pub fn recargar(&self) {
        self.orden("/refresh", &json!({}));
    }

    /// Like a person, or a scanner: to whatever has the focus.
    pub fn teclear(&self, texto: &str) {
        let pulsar = |tecla: char| {
            ["keyDown", "keyUp"].map(|tipo| json!({ "type": tipo, "value": tecla.to_string() }))
        };
        let acciones: Vec<Value> = texto.chars().flat_map(pulsar).collect();
        let teclado = json!({ "type": "key", "id": "teclado", "actions": acciones });
        self.orden("/actions", &json!({ "actions": [teclado] }));
    }

    /// Two clicks as fast as a mouse makes them.
    pub fn doble_clic(&self, selector: &str) {
        let hallado = json!({ "using": "css selector", "value": selector });
        let elemento = self.orden("/element", &hallado);
        let mover = json!({ "type": "pointerMove", "duration": 0, "x": 0, "y": 0,
                            "origin": elemento });
        let clic = ["pointerDown", "pointerUp"].map(|tipo| json!({ "type": tipo, "button": 0 }));
        let acciones = [&[mover], &clic[..], &clic[..]].concat();
        let raton = json!({ "type": "pointer", "id": "raton", "actions": acciones });
        self.orden("/actions", &json!({ "actions": [raton] }));
    }

    /// What a script answers.
    pub fn js(&self, guion: &str) -> Value {
        self.orden("/execute/sync", &json!({ "script": guion, "args": [] }))
    }

    pub fn texto(&self, id: &str) -> String {
        let guion = format!("return document.getElementById('{id}').innerText");
        self.js(&guion).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an element says so; answers how long that took.
    pub fn espera(&self, id: &str, texto: &str) -> Duration {
        self.espera_en(id, texto, PLAZO)
    }

    pub fn espera_en(&self, id: &str, texto: &str, plazo: Duration) -> Duration {
        let inicio = Instant::now();
        loop {
            let dicho = self.texto(id);
            let tardo = inicio.elapsed();
            if dicho.contains(texto) {
                return tardo;
            }
            assert!(
                tardo < plazo,
                "no '{texto}' in #{id} after {tardo:?}: {dicho}"
            );
        }
    }

    /// Waits until a condition of the page holds.
    pub fn espera_cierto(&self, condicion: &str) {
        let inicio = Instant::now();
        while self.js(&format!("return {condicion}")) != true {
            assert!(inicio.elapsed() < PLAZO, "never so: {condicion}");
        }
    }

    pub fn enfocado(&self) -> String {
        let id = self.js("return document.activeElement.id");
        id.as_str().unwrap_or_default().to_owned()
    }

    pub fn oscura(&self, oscura: bool) {
        let valor = if oscura { "dark" } else { "light" };
        let medios = json!({ "features": [{ "name": "prefers-color-scheme", "value": valor }] });
        let pedido = json!({ "cmd": "Emulation.setEmulatedMedia", "params": medios });
        self.orden("/goog/cdp/execute", &pedido);
    }

    /// What the browser complained about, but for the answers that a desk expects: a no of
    /// the API is a status that chromium tells in its console, and so is a dead carga.
    pub fn quejas(&self) -> Vec<String> {
        let registro = self.orden("/se/log", &json!({ "type": "browser" }));
        let lista = registro.as_array().unwrap();
        lista
            .iter()
            .filter(|linea| linea["level"] == "SEVERE" || linea["level"] == "WARNING")
            .map(|linea| linea["message"].as_str().unwrap_or_default().to_owned())
            .filter(|queja| !(queja.contains("/v1/") && queja.contains("Failed to load resource")))
            .collect()
    }

    fn orden(&self, ruta: &str, cuerpo: &Value) -> Value {
        let ruta = format!("/session/{}{ruta}", self.sesion);
        self.mandar("POST", &ruta, cuerpo)
    }

    fn mandar(&self, metodo: &str, ruta: &str, cuerpo: &Value) -> Value {
        let vuelta = pedir(self.puerto, metodo, ruta, &cuerpo.to_string());
        let vuelta: Value = serde_json::from_str(&vuelta.expect("chromedriver answers")).unwrap();
        let valor = &vuelta["value"];
        assert!(valor["error"].is_null(), "{ruta}: {valor:#}");
        valor.clone()
    }
}

impl Drop for Pagina {
    fn drop(&mut self) {
        // The browser ends with its session; without it, chromedriver would leave it behind.
        if !self.sesion.is_empty() {
            let _ = pedir(
                self.puerto,
                "DELETE",
                &format!("/session/{}", self.sesion),
                "{}",
            );
        }
        let _ = self.conductor.kill();
        let _ = self.conductor.wait();
    }
}

/// One request and the body of its answer, whose length chromedriver tells.
fn pedir(puerto: u16, metodo: &str, ruta: &str, cuerpo: &str) -> Option<String> {
    let mut conexion = TcpStream::connect(("127.0.0.1", puerto)).ok()?;
    conexion.set_read_timeout(Some(PLAZO)).ok()?;
    let largo = cuerpo.len();
    let cabeza = format!(
        "{metodo} {ruta} HTTP/1.1\r\nHost: localhost:{puerto}\r\nContent-Type: application/json\
         \r\nContent-Length: {largo}\r\nConnection: close\r\n\r\n"
    );
    conexion
        .write_all(format!("{cabeza}{cuerpo}").as_bytes())
        .ok()?;
    let mut leido = Vec::new();
    let mut trozo = [0; 16 * 1024];
    loop {
        let cuantos = conexion.read(&mut trozo).ok()?;
        leido.extend_from_slice(&trozo[..cuantos]);
        let texto = String::from_utf8_lossy(&leido);
        if let Some((cabeza, cuerpo)) = texto.split_once("\r\n\r\n") {
            let cabeza = cabeza.to_lowercase();
            let largo: usize = cabeza
                .split("content-length:")
                .nth(1)?
                .lines()
                .next()?
                .trim()
                .parse()
                .ok()?;
            if cuerpo.len() >= largo {
                return Some(cuerpo.to_owned());
            }
        }
        if cuantos == 0 {
            return None;
        }
    }
}
