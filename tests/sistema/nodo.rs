//! Nodes under test: processes of the real binary in a folder of their own, killed when the
//! test ends.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::cliente::{Cliente, consulta};
use crate::puertos::puertos;

/// What a role may take of memory (case 33); a `todo` node has all of them.
pub const MEMORIA_MAX_KIB: u64 = 256 * 1024;

const BINARIO: &str = env!("CARGO_BIN_EXE_biblioteca");

/// A library of its own: a folder and ports that nobody else has.
pub struct Biblioteca {
    pub carpeta: TempDir,
    pub clientes: u16,
    pub eventos: u16,
    pub trabajo: u16,
    pub almacen: u16,
    pub http: u16,
}

impl Biblioteca {
    pub fn vacia() -> Self {
        let [clientes, eventos, trabajo, almacen, http] = puertos();
        let carpeta = tempfile::tempdir().unwrap();
        Self {
            carpeta,
            clientes,
            eventos,
            trabajo,
            almacen,
            http,
        }
    }

    /// With the starting data.
    pub fn sembrada() -> Self {
        let biblioteca = Self::vacia();
        let salida = biblioteca.orden(&["sembrar"]);
        assert!(
            salida.status.success(),
            "{}",
            String::from_utf8_lossy(&salida.stderr)
        );
        biblioteca
    }

    pub fn datos(&self) -> PathBuf {
        self.carpeta.path().join("datos")
    }

    pub fn base(&self) -> PathBuf {
        self.datos().join("biblioteca.db")
    }

    /// The binary with this library's ports and folder in its environment.
    pub fn comando(&self, argumentos: &[&str]) -> Command {
        let local = |puerto: u16| format!("127.0.0.1:{puerto}");
        let mut comando = Command::new(BINARIO);
        comando
            .args(argumentos)
            .current_dir(self.carpeta.path())
            .env("BIBLIOTECA_NODO__DATOS", self.datos())
            .env("BIBLIOTECA_CARGA__CLIENTES", local(self.clientes))
            .env("BIBLIOTECA_CARGA__EVENTOS", local(self.eventos))
            .env("BIBLIOTECA_CARGA__TRABAJO", local(self.trabajo))
            .env("BIBLIOTECA_ACTORES__CARGAS", local(self.trabajo))
            .env("BIBLIOTECA_ACTORES__ALMACENAMIENTOS", local(self.almacen))
            .env("BIBLIOTECA_ALMACENAMIENTO__ESCUCHA", local(self.almacen))
            .env("BIBLIOTECA_SOLICITANTE__CARGAS", local(self.clientes))
            .env("BIBLIOTECA_HTTP__ESCUCHA", local(self.http))
            .stdin(Stdio::null());
        comando
    }

    /// Runs a verb to its end.
    pub fn orden(&self, argumentos: &[&str]) -> Output {
        self.comando(argumentos).output().unwrap()
    }

    pub fn nodo(&self, argumentos: &[&str]) -> Nodo {
        Nodo::de(
            self.comando(argumentos),
            &self.carpeta.path().join("nodo.log"),
        )
    }

    /// A role without a side door: several in one library would want the same port.
    pub fn rol(&self, rol: &str) -> Nodo {
        let mut comando = self.comando(&["--role", rol]);
        comando.env("BIBLIOTECA_HTTP__ESCUCHA", "");
        Nodo::de(comando, &self.carpeta.path().join(format!("{rol}.log")))
    }

    /// A role that knows these almacenamientos, and listens at that port if it is one.
    pub fn rol_con(&self, rol: &str, almacenes: &str, escucha: u16) -> Nodo {
        let mut comando = self.comando(&["--role", rol]);
        comando
            .env("BIBLIOTECA_HTTP__ESCUCHA", "")
            .env("BIBLIOTECA_ACTORES__ALMACENAMIENTOS", almacenes)
            .env(
                "BIBLIOTECA_ALMACENAMIENTO__ESCUCHA",
                format!("127.0.0.1:{escucha}"),
            );
        let registro = format!("{rol}-{escucha}.log");
        Nodo::de(comando, &self.carpeta.path().join(registro))
    }

    /// A `todo` node that answers.
    pub fn todo(&self) -> Nodo {
        let nodo = self.nodo(&[]);
        self.espera_servicio();
        nodo
    }

    pub fn cliente(&self) -> Cliente {
        Cliente::dealer(self.clientes)
    }

    /// Waits until a read goes all the way to the database and back.
    pub fn espera_servicio(&self) {
        espera_servicio(self.clientes);
    }

    /// One number from the database, read beside the running node.
    pub fn contar(&self, consulta: &str) -> i64 {
        contar(&self.base(), consulta)
    }
}

pub fn espera_servicio(puerto: u16) {
    let limite = Instant::now() + Duration::from_secs(20);
    loop {
        let respuesta = Cliente::dealer(puerto).pedir(&consulta("nada"));
        if respuesta["codigo"] == "LibroNoEncontrado" {
            return;
        }
        assert!(
            Instant::now() < limite,
            "the node does not serve: {respuesta}"
        );
    }
}

pub fn contar(base: &Path, consulta: &str) -> i64 {
    use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
    let opciones = SqliteConnectOptions::new().filename(base).read_only(true);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            let mut conexion = SqliteConnection::connect_with(&opciones).await.unwrap();
            sqlx::query_scalar(sqlx::AssertSqlSafe(consulta.to_owned()))
                .fetch_one(&mut conexion)
                .await
                .unwrap()
        })
}

/// Changes a database behind the program's back.
pub fn modificar(base: &Path, sentencias: &str) {
    use sqlx::{Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
    let opciones = SqliteConnectOptions::new().filename(base);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            let mut conexion = SqliteConnection::connect_with(&opciones).await.unwrap();
            let sentencias = sqlx::AssertSqlSafe(sentencias.to_owned());
            conexion.execute(sqlx::raw_sql(sentencias)).await.unwrap();
            conexion.close().await.unwrap();
        });
}

/// Most memory that the process ever had.
pub fn memoria_kib(nodo: &Nodo) -> u64 {
    let estado = std::fs::read_to_string(format!("/proc/{}/status", nodo.pid())).unwrap();
    let linea = estado.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    linea.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A running process.
pub struct Nodo {
    proceso: Child,
    registro: PathBuf,
}

impl Nodo {
    pub fn de(mut comando: Command, registro: &Path) -> Self {
        let archivo = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(registro)
            .unwrap();
        let proceso = comando
            .stdout(Stdio::null())
            .stderr(archivo)
            .spawn()
            .unwrap();
        Self {
            proceso,
            registro: registro.to_owned(),
        }
    }

    pub fn senal(&self, senal: &str) {
        let estado = Command::new("kill")
            .args([&format!("-{senal}"), &self.proceso.id().to_string()])
            .status()
            .unwrap();
        assert!(estado.success());
    }

    pub fn pid(&self) -> u32 {
        self.proceso.id()
    }

    /// kill -9, and the process is gone when this returns.
    pub fn matar(&mut self) {
        self.proceso.kill().unwrap();
        self.proceso.wait().unwrap();
    }

    /// The exit code, within a deadline.
    pub fn espera_fin(&mut self, plazo: Duration) -> i32 {
        let limite = Instant::now() + plazo;
        loop {
            if let Some(estado) = self.proceso.try_wait().unwrap() {
                return estado.code().unwrap_or(-1);
            }
            assert!(
                Instant::now() < limite,
                "still running:\n{}",
                self.registro()
            );
            std::thread::yield_now();
        }
    }

    pub fn registro(&self) -> String {
        std::fs::read_to_string(&self.registro).unwrap_or_default()
    }

    /// Waits for a line of its log.
    pub fn espera_registro(&self, texto: &str) {
        self.espera_veces(texto, 1);
    }

    /// Waits until its log has said so that often.
    pub fn espera_veces(&self, texto: &str, veces: usize) {
        let limite = Instant::now() + Duration::from_secs(20);
        while self.registro().matches(texto).count() < veces {
            assert!(
                Instant::now() < limite,
                "no '{texto}' in:\n{}",
                self.registro()
            );
            std::thread::yield_now();
        }
    }
}

impl Drop for Nodo {
    fn drop(&mut self) {
        let _ = self.proceso.kill();
        let _ = self.proceso.wait();
        if std::thread::panicking() {
            eprintln!("--- {}\n{}", self.registro.display(), self.registro());
        }
    }
}

/// A field of an answer, as text.
pub fn texto<'a>(respuesta: &'a Value, campo: &str) -> &'a str {
    respuesta[campo]
        .as_str()
        .unwrap_or_else(|| panic!("no {campo} in {respuesta}"))
}
