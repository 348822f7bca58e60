//! The library on its three PCs: each process as config/pc*.toml has it, on the host that the
//! file is for.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::llaves::{self, Llaves};
use crate::mostrador::{Mostrador, Puerta};
use crate::red::Red;

const BINARIO: &str = env!("CARGO_BIN_EXE_biblioteca");
/// The clients' doors, as config/pc1.toml and pc2.toml have them.
pub const CARGAS: [&str; 2] = ["192.168.1.11:5555", "192.168.1.12:5555"];
/// How long anything may take to come back, on a busy machine.
const PACIENCIA: Duration = Duration::from_secs(60);

/// The processes, by their file; `pc4` is a second process of actors, on a host of its own.
pub const PROCESOS: [(&str, &str, &str); 5] = [
    ("pc1", "pc1.toml", "pc1"),
    ("pc1b", "pc1b.toml", "pc1"),
    ("pc2", "pc2.toml", "pc2"),
    ("pc3", "pc3.toml", "pc3"),
    ("pc4", "pc3.toml", "pc4"),
];

pub struct Casa {
    pub red: Red,
    pub carpeta: TempDir,
    procesos: Vec<(&'static str, Child)>,
    llaves: Option<Llaves>,
}

impl Casa {
    /// Seeded, with every process up; with keys or trusting its network.
    pub fn nueva(red: Red, con_claves: bool) -> Self {
        let carpeta = tempfile::tempdir().unwrap();
        let mut casa = Self {
            red,
            carpeta,
            procesos: Vec::new(),
            llaves: None,
        };
        casa.copiar_config(con_claves);
        if con_claves {
            casa.llaves = Some(llaves::repartir(&casa));
        }
        let sembrada = casa.orden("pc1", &["sembrar"]);
        assert!(sembrada.status.success(), "{sembrada:?}");
        for (nombre, ..) in PROCESOS {
            casa.arrancar(nombre);
        }
        casa.espera_servicio();
        casa
    }

    /// The clients' doors, with what a desk needs to get in.
    pub fn puertas(&self) -> [Puerta; CARGAS.len()] {
        std::array::from_fn(|cual| {
            let llaves = self.llaves.as_ref();
            Puerta {
                extremo: CARGAS[cual].to_owned(),
                llaves: llaves.map(|l| (l.clone(), l.servidores[cual].clone())),
            }
        })
    }

    fn config(&self) -> PathBuf {
        self.carpeta.path().join("config")
    }

    fn copiar_config(&self, con_claves: bool) {
        std::fs::create_dir_all(self.config()).unwrap();
        let suya = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config");
        for (_, archivo, _) in PROCESOS {
            let texto = std::fs::read_to_string(suya.join(archivo)).unwrap();
            let puesta = if con_claves {
                llaves::con_claves(&texto)
            } else {
                texto
            };
            std::fs::write(self.config().join(archivo), puesta).unwrap();
        }
    }

    fn comando(&self, nombre: &str, argumentos: &[&str]) -> Command {
        let (_, archivo, pc) = PROCESOS.into_iter().find(|uno| uno.0 == nombre).unwrap();
        let carpeta = self.carpeta.path().join(pc);
        std::fs::create_dir_all(&carpeta).unwrap();
        let mut comando = self.red.en(pc, BINARIO);
        comando
            .current_dir(carpeta)
            .arg("--config")
            .arg(self.config().join(archivo))
            .args(argumentos);
        comando
    }

    pub fn orden(&self, nombre: &str, argumentos: &[&str]) -> Output {
        self.comando(nombre, argumentos).output().unwrap()
    }

    pub fn arrancar(&mut self, nombre: &'static str) {
        let registro = self.carpeta.path().join(format!("{nombre}.log"));
        let registro = OpenOptions::new()
            .create(true)
            .append(true)
            .open(registro)
            .unwrap();
        let mut comando = self.comando(nombre, &[]);
        let proceso = comando
            .stdout(Stdio::null())
            .stderr(registro)
            .spawn()
            .unwrap();
        self.procesos.push((nombre, proceso));
    }

    pub fn registro(&self, nombre: &str) -> String {
        let ruta = self.carpeta.path().join(format!("{nombre}.log"));
        std::fs::read_to_string(ruta).unwrap_or_default()
    }

    fn sacar(&mut self, nombre: &str) -> Child {
        let cual = self
            .procesos
            .iter()
            .position(|uno| uno.0 == nombre)
            .unwrap();
        self.procesos.remove(cual).1
    }

    /// kill -9; gone when this returns.
    pub fn matar(&mut self, nombre: &str) {
        let mut proceso = self.sacar(nombre);
        proceso.kill().unwrap();
        proceso.wait().unwrap();
    }

    /// SIGTERM; its exit code and how long it took.
    pub fn terminar(&mut self, nombre: &str) -> (Option<i32>, Duration) {
        let mut proceso = self.sacar(nombre);
        let desde = Instant::now();
        let pid = proceso.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
        let estado = proceso.wait().unwrap();
        (estado.code(), desde.elapsed())
    }

    /// Open files and resident memory, in KiB, of a process.
    pub fn consumo(&self, nombre: &str) -> (usize, u64) {
        let (_, proceso) = self.procesos.iter().find(|uno| uno.0 == nombre).unwrap();
        let pid = proceso.id();
        let abiertos = std::fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .count();
        let estado = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let linea = estado
            .lines()
            .find(|linea| linea.starts_with("VmRSS"))
            .unwrap();
        let kib = linea.split_whitespace().nth(1).unwrap().parse().unwrap();
        (abiertos, kib)
    }

    /// Waits until both cargas answer every operation through to the database.
    pub fn espera_servicio(&self) {
        for puerta in self.puertas() {
            self.espera_a(&puerta);
        }
    }

    /// Lends and takes back at that carga until it does.
    pub fn espera_a(&self, puerta: &Puerta) {
        let limite = Instant::now() + PACIENCIA;
        let carga = &puerta.extremo;
        let nombre = format!("espera-{}", carga.replace([':', '.'], "-"));
        for numero in 0.. {
            let mut mostrador = Mostrador::nuevo(std::slice::from_ref(puerta));
            let bien = ["prestamo", "renovacion", "devolucion"]
                .into_iter()
                .all(|operacion| {
                    let op_id = format!("{nombre}-{operacion}-{numero}-{}", numero_unico());
                    let pide = json!({"operacion": operacion, "isbn": "Libro900", "usuario": nombre,
                    "op_id": op_id, "modo": "sincrono"});
                    let estado = mostrador.intentar(&pide, 1);
                    estado.is_some_and(|dicha| {
                        ["CONFIRMADO", "RECHAZADO"].contains(&dicha["estado"].as_str().unwrap())
                    })
                });
            if bien {
                return;
            }
            assert!(
                Instant::now() < limite,
                "{carga} never serves again: {}",
                self.todo()
            );
        }
    }

    fn todo(&self) -> String {
        PROCESOS
            .map(|(nombre, ..)| format!("--- {nombre}\n{}", self.registro(nombre)))
            .concat()
    }

    /// Waits until nothing is queued any more: every op_id is decided.
    pub fn espera_decididas(&self, op_ids: &[String]) {
        let limite = Instant::now() + PACIENCIA;
        let mut mostrador = Mostrador::nuevo(&self.puertas());
        for op_id in op_ids {
            let pregunta = json!({"operacion": "estado", "op_id": op_id});
            loop {
                let respuesta = mostrador.intentar(&pregunta, 1).unwrap_or(Value::Null);
                let dicho = &respuesta["datos"]["estado"];
                if dicho == "CONFIRMADO" || dicho == "RECHAZADO" {
                    break;
                }
                mostrador = Mostrador::nuevo(&self.puertas());
                mostrador.turno_a(numero_unico());
                assert!(
                    Instant::now() < limite,
                    "{op_id} is still open: {respuesta}"
                );
            }
        }
    }
}

/// A number that no other call gets.
fn numero_unico() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static SIGUIENTE: AtomicUsize = AtomicUsize::new(0);
    SIGUIENTE.fetch_add(1, Ordering::Relaxed)
}

impl Drop for Casa {
    fn drop(&mut self) {
        for (_, proceso) in &mut self.procesos {
            let _ = proceso.kill();
            let _ = proceso.wait();
        }
        if std::thread::panicking() {
            eprintln!("{}", self.todo());
        }
    }
}
