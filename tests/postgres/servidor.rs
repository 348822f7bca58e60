//! A real PostgreSQL started by the test that needs one, in a folder of its own, reached by a
//! Unix socket in it. It stops with its test process, however that ends: a shell beside it
//! waits for the end of a pipe that only the test holds open.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use biblioteca::db::postgres::migrar;

/// Longest wait for a server to take connections; a busy machine needs seconds.
const ARRANQUE_MAX: Duration = Duration::from_secs(60);

/// $1: bin folder, $2: the server's folder, $3: 1 to delete it at the end; then options.
const GUARDIA: &str = r#"
bin=$1; carpeta=$2; borrar=$3; shift 3
"$bin/postgres" -D "$carpeta/datos" -k "$carpeta" -c listen_addresses='' "$@" \
    >>"$carpeta/servidor.log" 2>&1 &
servidor=$!
echo $servidor >"$carpeta/pid"
cat >/dev/null
kill -QUIT $servidor 2>/dev/null
wait $servidor
[ "$borrar" = 1 ] && rm -rf "$carpeta"
exit 0
"#;

pub struct Servidor {
    pub carpeta: PathBuf,
    guardia: Option<Child>,
    opciones: Vec<String>,
    efimera: bool,
}

/// One server for all the tests of a process, with the tables in the database `biblioteca`.
pub fn comun() -> &'static Servidor {
    static COMUN: OnceLock<Servidor> = OnceLock::new();
    COMUN.get_or_init(|| {
        let mut servidor = Servidor::inicializado(&["max_connections=200"]);
        // Nobody drops a static: the shell deletes the folder.
        servidor.efimera = true;
        servidor.arrancar();
        servidor.con_tablas();
        servidor
    })
}

impl Servidor {
    /// A new cluster, running, without tables.
    pub fn nuevo(opciones: &[&str]) -> Self {
        let mut servidor = Self::inicializado(opciones);
        servidor.arrancar();
        servidor
    }

    fn inicializado(opciones: &[&str]) -> Self {
        let servidor = Self::vacio(opciones);
        let datos = servidor.carpeta.join("datos");
        let initdb = como_postgres("initdb")
            .arg("-D")
            .arg(&datos)
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8"])
            .args(["--locale=C", "--no-sync"])
            .output()
            .unwrap();
        assert!(initdb.status.success(), "{initdb:?}");
        servidor
    }

    fn vacio(opciones: &[&str]) -> Self {
        let carpeta = tempfile::Builder::new().prefix("bpg").tempdir().unwrap();
        let carpeta = carpeta.keep();
        if let Some((uid, gid)) = postgres_ids() {
            chown(&carpeta, Some(uid), Some(gid)).unwrap();
        }
        Self {
            carpeta,
            guardia: None,
            opciones: opciones.iter().map(|&o| o.to_owned()).collect(),
            efimera: false,
        }
    }

    /// A standby of this server, running, that follows it.
    pub fn replica(&self, nombre: &str) -> Self {
        let mut replica = Self::vacio(&[]);
        replica.opciones.clone_from(&self.opciones);
        let destino = format!(
            "host={} user=postgres application_name={nombre}",
            self.carpeta.display()
        );
        let copia = como_postgres("pg_basebackup")
            .args([
                "-d",
                &destino,
                "-R",
                "-X",
                "stream",
                "--no-sync",
                "-c",
                "fast",
                "-D",
            ])
            .arg(replica.carpeta.join("datos"))
            .output()
            .unwrap();
        assert!(copia.status.success(), "{copia:?}");
        replica.arrancar();
        replica
    }

    /// Starts it and waits until it takes connections.
    pub fn arrancar(&mut self) {
        let bin = bin();
        let mut orden = como_usuario(Path::new("/bin/sh"));
        orden
            .args(["-c", GUARDIA, "guardia"])
            .arg(&bin)
            .arg(&self.carpeta)
            .arg(if self.efimera { "1" } else { "0" });
        for opcion in &self.opciones {
            orden.args(["-c", opcion]);
        }
        // It outlives the test by a moment, and must not keep what the test's own output goes to.
        orden
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.guardia = Some(orden.spawn().unwrap());
        let limite = Instant::now() + ARRANQUE_MAX;
        loop {
            let lista = Command::new(bin.join("pg_isready"))
                .arg("-q")
                .arg("-h")
                .arg(&self.carpeta)
                .status()
                .unwrap();
            if lista.success() {
                return;
            }
            let registro = fs::read_to_string(self.carpeta.join("servidor.log"));
            assert!(Instant::now() < limite, "{}", registro.unwrap_or_default());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// kill -9: what a crash leaves behind.
    pub fn matar(&mut self) {
        let pid = fs::read_to_string(self.carpeta.join("pid")).unwrap();
        let pid = pid.trim();
        let hijos = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        self.senal("-KILL");
        let mut guardia = self.guardia.take().unwrap();
        drop(guardia.stdin.take());
        guardia.wait().unwrap();
        // The children of a killed postmaster hold its memory for a moment.
        let limite = Instant::now() + ARRANQUE_MAX;
        for hijo in hijos.split_whitespace() {
            while Path::new("/proc").join(hijo).exists() {
                assert!(Instant::now() < limite, "process {hijo} does not end");
                thread::sleep(Duration::from_millis(5));
            }
        }
        let _ = fs::remove_file(self.carpeta.join("datos/postmaster.pid"));
    }

    /// For the next start.
    pub fn con_opcion(&mut self, opcion: &str) {
        self.opciones.push(opcion.to_owned());
    }

    pub fn senal(&self, senal: &str) {
        let pid = fs::read_to_string(self.carpeta.join("pid")).unwrap();
        let hecho = Command::new("kill").args([senal, pid.trim()]).status();
        assert!(hecho.unwrap().success());
    }

    /// Stops being a standby.
    pub fn promover(&self) {
        self.psql("postgres", "SELECT pg_promote(true, 60)");
    }

    /// The address of a database for a role.
    pub fn url(&self, rol: &str, base: &str) -> String {
        let carpeta = self.carpeta.display().to_string().replace('/', "%2F");
        format!("postgres://{rol}@{carpeta}/{base}")
    }

    /// What it has written to its log.
    pub fn registro(&self) -> String {
        std::fs::read_to_string(self.carpeta.join("servidor.log")).unwrap()
    }

    /// Runs SQL as the superuser; its unaligned output.
    pub fn psql(&self, base: &str, sql: &str) -> String {
        let (bien, salida) = self.psql_si_puede(base, sql);
        assert!(bien, "{sql}: {salida}");
        salida
    }

    pub fn psql_si_puede(&self, base: &str, sql: &str) -> (bool, String) {
        let hecho = Command::new(bin().join("psql"))
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "postgres",
                "-h",
            ])
            .arg(&self.carpeta)
            .args(["-d", base, "-c", sql])
            .output()
            .unwrap();
        let texto = if hecho.status.success() {
            hecho.stdout
        } else {
            hecho.stderr
        };
        let texto = String::from_utf8_lossy(&texto).trim().to_owned();
        (hecho.status.success(), texto)
    }

    /// Makes roles, database and tables, as the documentation says.
    pub fn con_tablas(&self) {
        let roles = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/postgres/roles.sql");
        let hecho = Command::new(bin().join("psql"))
            .args([
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "postgres",
                "-d",
                "postgres",
            ])
            .args([
                "-v",
                "clave_duena='d'",
                "-v",
                "clave='b'",
                "-f",
                roles,
                "-h",
            ])
            .arg(&self.carpeta)
            .output()
            .unwrap();
        assert!(hecho.status.success(), "{hecho:?}");
        let urls = vec![self.url("biblioteca_duena", "biblioteca")];
        let hechas = bloquear(|| migrar(&urls)).unwrap();
        let escritas = std::fs::read_dir("migrations/postgres").unwrap().count();
        assert_eq!(hechas, escritas, "every migration, on a new database");
    }

    /// A copy of the database `biblioteca`, for one test.
    pub fn base_nueva(&self) -> String {
        static CUENTA: AtomicU32 = AtomicU32::new(0);
        let base = format!("prueba_{}", CUENTA.fetch_add(1, Ordering::Relaxed));
        let sql = format!("CREATE DATABASE {base} TEMPLATE biblioteca OWNER biblioteca_duena");
        self.psql("postgres", &sql);
        base
    }
}

impl Drop for Servidor {
    fn drop(&mut self) {
        if let Some(mut guardia) = self.guardia.take() {
            drop(guardia.stdin.take());
            let _ = guardia.wait();
        }
        let _ = fs::remove_dir_all(&self.carpeta);
    }
}

/// Runs it to its end on a thread and a runtime of its own, from wherever.
fn bloquear<T: Send, F: Future<Output = T>>(trabajo: impl FnOnce() -> F + Send) -> T {
    thread::scope(|hilos| {
        let hilo = hilos.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(trabajo())
        });
        hilo.join().unwrap()
    })
}

/// The folder of PostgreSQL's programs: of the newest version of Debian's, or in the PATH.
pub fn bin() -> PathBuf {
    let mut versiones: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    versiones.sort();
    let en_path = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path).find(|carpeta| carpeta.join("initdb").exists())
    });
    versiones.pop().or(en_path).expect(
        "estas pruebas arrancan un PostgreSQL propio y aquí no está instalado: \
         apt-get install postgresql",
    )
}

fn como_postgres(programa: &str) -> Command {
    como_usuario(&bin().join(programa))
}

/// PostgreSQL refuses root: then its own user does it.
fn como_usuario(programa: &Path) -> Command {
    let mut orden = match postgres_ids() {
        None => Command::new(programa),
        Some((uid, gid)) => {
            let mut orden = Command::new("setpriv");
            orden
                .arg(format!("--reuid={uid}"))
                .arg(format!("--regid={gid}"))
                .arg("--clear-groups")
                .arg(programa);
            orden
        }
    };
    orden.current_dir("/").stdin(Stdio::null());
    orden
}

/// The user `postgres`, when this process is root.
fn postgres_ids() -> Option<(u32, u32)> {
    let estado = fs::read_to_string("/proc/self/status").unwrap();
    let uid = estado
        .lines()
        .find_map(|linea| linea.strip_prefix("Uid:"))?;
    if uid.split_whitespace().next() != Some("0") {
        return None;
    }
    let usuarios = fs::read_to_string("/etc/passwd").unwrap();
    let campos: Vec<&str> = usuarios
        .lines()
        .map(|linea| linea.split(':').collect::<Vec<_>>())
        .find(|campos| campos.first() == Some(&"postgres"))
        .expect("como root hace falta el usuario postgres: apt-get install postgresql");
    Some((campos[2].parse().unwrap(), campos[3].parse().unwrap()))
}
