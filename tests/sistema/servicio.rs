//! A node under a service manager: what it tells, and the unit that starts it.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::nodo::{Biblioteca, Nodo};

/// What the manager is told next.
fn aviso(gestor: &UnixDatagram) -> String {
    let mut dicho = [0; 512];
    let largo = gestor.recv(&mut dicho).expect("nothing was told");
    String::from_utf8_lossy(&dicho[..largo]).into_owned()
}

#[test]
fn the_manager_is_told_of_the_start_every_beat_and_the_end() {
    let biblioteca = Biblioteca::sembrada();
    let ruta = biblioteca.carpeta.path().join("gestor");
    let gestor = UnixDatagram::bind(&ruta).unwrap();
    gestor
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut comando = biblioteca.comando(&[]);
    comando
        .env("NOTIFY_SOCKET", &ruta)
        .env("WATCHDOG_USEC", "300000");
    let mut nodo = Nodo::de(comando, &biblioteca.carpeta.path().join("nodo.log"));
    let primero = aviso(&gestor);
    assert!(primero.contains("READY=1"), "{primero}");
    assert!(primero.contains("en servicio"), "{primero}");
    for _ in 0..3 {
        assert_eq!(aviso(&gestor), "WATCHDOG=1\n");
    }
    nodo.senal("TERM");
    let limite = Instant::now() + Duration::from_secs(20);
    let ultimo = loop {
        let dicho = aviso(&gestor);
        if dicho != "WATCHDOG=1\n" {
            break dicho;
        }
        assert!(Instant::now() < limite, "it never said that it ends");
    };
    assert!(ultimo.contains("STOPPING=1"), "{ultimo}");
    assert_eq!(nodo.espera_fin(Duration::from_secs(7)), 0);
}

/// Without `systemd-analyze` there is no systemd to be wrong for.
#[test]
fn the_unit_is_correct_and_well_confined() {
    let unidad = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd/biblioteca@.service");
    let texto = std::fs::read_to_string(&unidad).unwrap();
    for pedido in ["Type=notify", "WatchdogSec=", "Restart=on-failure"] {
        assert!(texto.contains(pedido), "{pedido}");
    }
    // The unit names the installed program; here it is checked with the one under test.
    let carpeta = tempfile::tempdir().unwrap();
    let copia = carpeta.path().join("biblioteca@pc1.service");
    std::fs::write(
        &copia,
        texto.replace("/usr/bin/biblioteca", env!("CARGO_BIN_EXE_biblioteca")),
    )
    .unwrap();
    let analizar = |argumentos: &[&str]| {
        Command::new("systemd-analyze")
            .args(argumentos)
            .arg(&copia)
            .output()
    };
    let Ok(revision) = analizar(&["verify", "--man=no"]) else {
        eprintln!("omitido: aquí no hay systemd-analyze");
        return;
    };
    let dicho = String::from_utf8_lossy(&revision.stderr);
    let suyas: Vec<&str> = dicho
        .lines()
        .filter(|linea| linea.contains("biblioteca@"))
        .collect();
    assert!(suyas.is_empty(), "{suyas:#?}");
    // Of 100 (nothing confined) to 0, in tenths: "OK" is at most 49.
    let seguridad = analizar(&["security", "--offline=true", "--threshold=20"]).unwrap();
    assert!(
        seguridad.status.success(),
        "{}",
        String::from_utf8_lossy(&seguridad.stdout)
    );
}
