//! `biblioteca simulacro`: the drill itself, short; and that nothing of it outlives it.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const BINARIO: &str = env!("CARGO_BIN_EXE_biblioteca");

/// A drill whose temporary files are all under `carpeta`.
fn simulacro(carpeta: &Path, segundos: &str) -> Command {
    let mut comando = Command::new(BINARIO);
    comando
        .args(["simulacro", "--segundos", segundos, "--semilla", "3"])
        .env("TMPDIR", carpeta)
        .stdin(Stdio::null());
    comando
}

/// Processes of the system whose environment names `carpeta`, the drill itself left out.
fn hijos(carpeta: &Path) -> Vec<u32> {
    let marca = carpeta.display().to_string();
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entrada| entrada.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &u32| {
            let entorno = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let entorno = String::from_utf8_lossy(&entorno);
            entorno.contains("BIBLIOTECA_NODO__DATOS") && entorno.contains(&marca)
        })
        .collect()
}

fn espera(que: &str, listo: impl Fn() -> bool) {
    let limite = Instant::now() + Duration::from_secs(30);
    while !listo() {
        assert!(Instant::now() < limite, "never: {que}");
        std::thread::yield_now();
    }
}

/// Every role twice, faults in a row, and no promise broken.
#[test]
fn ten_seconds_of_kills_and_freezes_lose_and_double_nothing() {
    let carpeta = tempfile::tempdir().unwrap();
    let salida = simulacro(carpeta.path(), "10").output().unwrap();
    let dicho = String::from_utf8_lossy(&salida.stdout);
    let error = String::from_utf8_lossy(&salida.stderr);
    assert_eq!(salida.status.code(), Some(0), "{dicho}\n{error}");
    assert!(
        dicho.contains("Se cumplieron todas las promesas."),
        "{dicho}"
    );
    assert!(
        error.contains("muerto") || error.contains("congelado"),
        "{error}"
    );
    assert_eq!(
        fs::read_dir(carpeta.path()).unwrap().count(),
        0,
        "left behind"
    );
    assert_eq!(hijos(carpeta.path()), [0; 0]);
}

fn empezado(carpeta: &Path) -> Child {
    let hijo = simulacro(carpeta, "60")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    espera("the ten processes", || hijos(carpeta).len() >= 10);
    hijo
}

#[test]
fn whoever_stops_a_drill_ends_its_processes_and_its_folder() {
    let carpeta = tempfile::tempdir().unwrap();
    let mut drill = empezado(carpeta.path());
    let senal = Command::new("kill")
        .args(["-INT", &drill.id().to_string()])
        .status()
        .unwrap();
    assert!(senal.success());
    assert_eq!(drill.wait().unwrap().code(), Some(3));
    espera("nobody left", || hijos(carpeta.path()).is_empty());
    assert_eq!(
        fs::read_dir(carpeta.path()).unwrap().count(),
        0,
        "left behind"
    );
}

/// Even kill -9 of the drill, with no chance to clean up.
#[test]
fn the_processes_die_with_the_drill_that_is_killed() {
    let carpeta = tempfile::tempdir().unwrap();
    let mut drill = empezado(carpeta.path());
    drill.kill().unwrap();
    drill.wait().unwrap();
    espera("nobody left", || hijos(carpeta.path()).is_empty());
}
