//! The drill's processes: every role twice, each a child of this one, in a folder and on
//! ports of their own. No other process is ever signalled; all are killed with their owner.

use std::fs::{self, OpenOptions};
use std::io;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::ordenes::simulacro::hijo;
use crate::panorama::sondeo::Puertas;
use crate::role::Role;
use crate::solicitante::reintento::Azar;

/// Ports are taken from here: below the range that the kernel gives to outgoing connections,
/// or a dead node's port could be one of them when it comes back.
const PUERTOS: std::ops::Range<u16> = 20_000..32_000;

/// Roles of the drill, each twice.
pub(super) const ROLES: [Role; 5] = [
    Role::Carga,
    Role::ActorPrestamo,
    Role::ActorDevolucion,
    Role::ActorRenovacion,
    Role::Almacenamiento,
];

/// One process of the drill.
struct Proceso {
    nombre: String,
    rol: Role,
    entorno: Vec<(String, String)>,
    registro: PathBuf,
    hijo: Option<Child>,
}

/// See the module's doc.
pub(super) struct Flota {
    programa: PathBuf,
    procesos: Vec<Proceso>,
    puertas: Puertas,
    clientes: Vec<String>,
}

impl Flota {
    /// Two processes of each role under `carpeta`, on the database of that setting, not yet
    /// started.
    ///
    /// # Errors
    /// When there are no ports or the folder cannot be used.
    pub(super) fn nueva(carpeta: &Path, base_datos: &str) -> io::Result<Self> {
        let puertos = puertos(8)?;
        let local = |lugar: usize| format!("127.0.0.1:{}", puertos[lugar]);
        let par = |lugar: usize| format!("{},{}", local(lugar), local(lugar + 1));
        let mut procesos = Vec::with_capacity(2 * ROLES.len());
        for rol in ROLES {
            for n in 0..2 {
                let nombre = format!("{rol}-{}", n + 1);
                let datos = carpeta.join(&nombre);
                fs::create_dir_all(&datos)?;
                let valores = [
                    ("NODO__ID", nombre.clone()),
                    ("NODO__DATOS", datos.display().to_string()),
                    ("CARGA__CLIENTES", local(n)),
                    ("CARGA__TRABAJO", local(2 + n)),
                    ("CARGA__EVENTOS", local(4 + n)),
                    ("ALMACENAMIENTO__ESCUCHA", local(6 + n)),
                    ("ALMACENAMIENTO__BASE_DATOS", base_datos.to_owned()),
                    ("ACTORES__CARGAS", par(2)),
                    ("ACTORES__ALMACENAMIENTOS", par(6)),
                    ("HTTP__ESCUCHA", String::new()),
                ];
                procesos.push(Proceso {
                    registro: carpeta.join(format!("{nombre}.log")),
                    nombre,
                    rol,
                    entorno: valores
                        .into_iter()
                        .map(|(clave, valor)| (format!("BIBLIOTECA_{clave}"), valor))
                        .collect(),
                    hijo: None,
                });
            }
        }
        let extremos = |lugar: usize| {
            vec![
                format!("tcp://{}", local(lugar)),
                format!("tcp://{}", local(lugar + 1)),
            ]
        };
        Ok(Self {
            programa: std::env::current_exe()?,
            procesos,
            puertas: Puertas {
                cargas: extremos(2),
                almacenes: extremos(6),
            },
            clientes: extremos(0),
        })
    }

    /// Makes the starting data and starts every process.
    ///
    /// # Errors
    /// When the program cannot be started or there is no room for the data.
    pub(super) fn arrancar_todos(&mut self) -> io::Result<()> {
        let sembrado = self.orden(0).arg("sembrar").status()?;
        if !sembrado.success() {
            return Err(io::Error::other(
                "no se pudieron crear los datos de partida",
            ));
        }
        (0..self.procesos.len()).try_for_each(|lugar| self.arrancar(lugar))
    }

    /// Doors for `biblioteca estado`.
    pub(super) const fn puertas(&self) -> &Puertas {
        &self.puertas
    }

    /// Where the desks ask.
    pub(super) fn clientes(&self) -> &[String] {
        &self.clientes
    }

    /// How many processes there are.
    pub(super) const fn tamano(&self) -> usize {
        self.procesos.len()
    }

    /// The process of a role: `cual` is 0 or 1.
    pub(super) fn lugar(&self, rol: Role, cual: usize) -> usize {
        self.procesos
            .iter()
            .position(|proceso| proceso.rol == rol)
            .map_or(0, |primero| primero + cual)
    }

    /// Its name, for people.
    pub(super) fn nombre(&self, lugar: usize) -> &str {
        &self.procesos[lugar].nombre
    }

    fn orden(&self, lugar: usize) -> Command {
        let mut orden = Command::new(&self.programa);
        for (clave, _) in std::env::vars_os() {
            let clave = clave.to_string_lossy().into_owned();
            if clave.starts_with("BIBLIOTECA_") || clave.starts_with("GESTOR_") {
                orden.env_remove(clave);
            }
        }
        orden
            .envs(self.procesos[lugar].entorno.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        orden
    }

    /// Starts a process that is not running.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(super) fn arrancar(&mut self, lugar: usize) -> io::Result<()> {
        let registro = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.procesos[lugar].registro)?;
        let mut orden = self.orden(lugar);
        orden
            .args(["--role", self.procesos[lugar].rol.palabra()])
            .env(hijo::PADRE, std::process::id().to_string())
            .stderr(registro)
            // Ctrl-C is for this process, which then ends them.
            .process_group(0);
        self.procesos[lugar].hijo = Some(orden.spawn()?);
        Ok(())
    }

    /// kill -9; it is gone when this returns.
    pub(super) fn matar(&mut self, lugar: usize) {
        if let Some(mut hijo) = self.procesos[lugar].hijo.take() {
            // Fails only for one that has ended by itself.
            let _ = hijo.kill();
            let _ = hijo.wait();
        }
    }

    /// SIGSTOP.
    pub(super) fn congelar(&self, lugar: usize) {
        self.senal(lugar, Signal::STOP);
    }

    /// SIGCONT.
    pub(super) fn descongelar(&self, lugar: usize) {
        self.senal(lugar, Signal::CONT);
    }

    /// A child that was not waited for keeps its number, so this reaches nobody else.
    fn senal(&self, lugar: usize, senal: Signal) {
        if let Some(hijo) = &self.procesos[lugar].hijo
            && let Err(error) = kill_process(Pid::from_child(hijo), senal)
        {
            tracing::warn!(%error, proceso = self.procesos[lugar].nombre, "no se pudo señalar");
        }
    }

    /// Processes that ended without being told to, with how; each is told once.
    pub(super) fn caidos(&mut self) -> Vec<(usize, String)> {
        let mut caidos = Vec::new();
        for (lugar, proceso) in self.procesos.iter_mut().enumerate() {
            if let Some(hijo) = &mut proceso.hijo
                && let Ok(Some(fin)) = hijo.try_wait()
            {
                proceso.hijo = None;
                caidos.push((lugar, fin.to_string()));
            }
        }
        caidos
    }

    /// Ends them all.
    pub(super) fn matar_todos(&mut self) {
        (0..self.procesos.len()).for_each(|lugar| self.matar(lugar));
    }
}

impl Drop for Flota {
    fn drop(&mut self) {
        self.matar_todos();
    }
}

/// Ports that nobody listens on now, from a random place on.
pub(in crate::ordenes) fn puertos(cuantos: usize) -> io::Result<Vec<u16>> {
    let mut azar = Azar::con_semilla(u64::from(std::process::id()));
    let ancho = u64::from(PUERTOS.end - PUERTOS.start) - 1;
    let mut oyentes: Vec<(u16, TcpListener)> = Vec::new();
    for _ in 0..1_000 {
        let puerto = PUERTOS.start + u16::try_from(azar.hasta(ancho)).unwrap_or(0);
        if let Ok(oyente) = TcpListener::bind(("127.0.0.1", puerto)) {
            oyentes.push((puerto, oyente));
        }
        if oyentes.len() == cuantos {
            return Ok(oyentes.into_iter().map(|(puerto, _)| puerto).collect());
        }
    }
    Err(io::Error::other("no hay puertos libres"))
}
