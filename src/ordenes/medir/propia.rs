//! A library of the measurement's own: one process with every role, in a temporary folder and
//! on free ports, so that one actor can be compared with several and nobody's data is touched.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::ordenes::simulacro::{flota, hijo};

/// See the module's doc. Its process ends, and its folder goes, when it is dropped.
pub(super) struct Propia {
    carpeta: PathBuf,
    clientes: String,
    hijo: Child,
}

impl Propia {
    /// Makes the starting data and starts the process, with so many actors of each kind.
    ///
    /// # Errors
    /// When the machine gives no process, ports or folder.
    pub(super) fn arrancar(actores: u32) -> io::Result<Self> {
        let nombre = format!("biblioteca-medir-{}", uuid::Uuid::new_v4());
        let carpeta = std::env::temp_dir().join(nombre);
        fs::create_dir(&carpeta)?;
        let puertos = flota::puertos(4)?;
        let local = |lugar: usize| format!("127.0.0.1:{}", puertos[lugar]);
        let entorno = [
            ("NODO__DATOS", carpeta.display().to_string()),
            ("NODO__ID", "medir".to_owned()),
            ("NODO__ROLES", "todo".to_owned()),
            ("CARGA__CLIENTES", local(0)),
            ("CARGA__TRABAJO", local(1)),
            ("CARGA__EVENTOS", local(2)),
            ("ACTORES__CARGAS", local(1)),
            ("ACTORES__POR_TIPO", actores.to_string()),
            ("ALMACENAMIENTO__ESCUCHA", local(3)),
            (
                "ALMACENAMIENTO__BASE_DATOS",
                "sqlite:biblioteca.db".to_owned(),
            ),
            ("ACTORES__ALMACENAMIENTOS", local(3)),
            ("HTTP__ESCUCHA", String::new()),
        ];
        let orden = || -> io::Result<Command> {
            let mut orden = Command::new(std::env::current_exe()?);
            orden
                .envs(
                    entorno
                        .iter()
                        .map(|(clave, valor)| (format!("BIBLIOTECA_{clave}"), valor)),
                )
                .stdin(Stdio::null())
                .stdout(Stdio::null());
            Ok(orden)
        };
        let registro = File::create(carpeta.join("nodo.log"))?;
        let hijo = sembrar(orden()?, &carpeta).and_then(|()| {
            orden()?
                .env(hijo::PADRE, std::process::id().to_string())
                .stderr(registro)
                // Ctrl-C is for this process, which then ends it.
                .process_group(0)
                .spawn()
        });
        match hijo {
            Ok(hijo) => Ok(Self {
                carpeta,
                clientes: format!("tcp://{}", local(0)),
                hijo,
            }),
            Err(error) => {
                let _ = fs::remove_dir_all(&carpeta);
                Err(error)
            }
        }
    }

    /// Where its carga listens to clients.
    pub(super) fn clientes(&self) -> &str {
        &self.clientes
    }
}

fn sembrar(mut orden: Command, carpeta: &Path) -> io::Result<()> {
    let sembrado = orden.arg("sembrar").stderr(Stdio::null()).status()?;
    if sembrado.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "no se pudieron crear los datos de partida en {}",
        carpeta.display()
    )))
}

impl Drop for Propia {
    fn drop(&mut self) {
        // It may have ended by itself; its folder is of no use to anybody either way.
        let _ = self.hijo.kill();
        let _ = self.hijo.wait();
        let _ = fs::remove_dir_all(&self.carpeta);
    }
}
