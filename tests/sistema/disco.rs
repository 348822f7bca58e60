//! A full disk: a clear refusal, nothing acknowledged without its write, and work again when
//! there is room.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cliente::prestamo;
use crate::nodo::{Biblioteca, Nodo, texto};

/// The node in a mount namespace of its own, where its folder is a small disk in memory.
fn en_disco_chico(biblioteca: &Biblioteca, bytes: usize) -> Nodo {
    let datos = biblioteca.datos();
    fs::create_dir_all(&datos).unwrap();
    let propio = biblioteca.comando(&[]);
    let guion = format!(
        "mount -t tmpfs -o size={bytes} tmpfs '{carpeta}' && '{binario}' sembrar && exec '{binario}'",
        carpeta = datos.display(),
        binario = propio.get_program().to_str().unwrap(),
    );
    let mut comando = Command::new("unshare");
    comando.args(["--user", "--map-root-user", "--mount", "sh", "-c", &guion]);
    comando
        .current_dir(biblioteca.carpeta.path())
        .process_group(0);
    for (nombre, valor) in propio.get_envs() {
        comando.env(nombre, valor.unwrap());
    }
    Nodo::de(comando, &biblioteca.carpeta.path().join("nodo.log"))
}

fn dice_que_no_hay_sitio(biblioteca: &Biblioteca) -> bool {
    let dicho = biblioteca.orden(&["estado"]).stdout;
    String::from_utf8_lossy(&dicho).contains("casi no queda sitio en el disco")
}

/// Fault case 24.
#[test]
fn a_full_disk_is_a_clear_refusal_and_nothing_acknowledged_is_missing() {
    let biblioteca = Biblioteca::vacia();
    let nodo = en_disco_chico(&biblioteca, 8 * 1024 * 1024);
    biblioteca.espera_servicio();
    // The node's own view of its folder.
    let dentro = PathBuf::from(format!("/proc/{}/root", nodo.pid()))
        .join(biblioteca.datos().strip_prefix("/").unwrap());
    let cliente = biblioteca.cliente();
    let lastre = dentro.join("lastre");
    // As much as fits: the error at the end is what is wanted.
    let _ = fs::write(&lastre, vec![0u8; 16 * 1024 * 1024]);

    let mut confirmadas = Vec::new();
    let negada: Value = (0..5_000)
        .find_map(|n| {
            let pedido = prestamo(
                &format!("Libro{}", 200 + n % 700),
                &format!("u{n}"),
                &format!("k{n}"),
            );
            let respuesta = cliente.pedir(&pedido);
            if respuesta["estado"] == "CONFIRMADO" {
                confirmadas.push(pedido.clone());
            }
            (texto(&respuesta, "estado") == "NO_DISPONIBLE").then_some(respuesta)
        })
        .expect("the disk is full");
    assert_eq!(texto(&negada, "codigo"), "SinAlmacenamiento");
    let limite = Instant::now() + Duration::from_secs(20);
    while !dice_que_no_hay_sitio(&biblioteca) {
        assert!(Instant::now() < limite, "estado never says why");
    }

    fs::remove_file(&lastre).unwrap();
    let despues = cliente.decidir(&prestamo("Libro950", "despues", "despues"));
    assert_eq!(texto(&despues, "estado"), "CONFIRMADO");
    for pedido in &confirmadas {
        let repetida = cliente.decidir(pedido);
        assert_eq!(
            (&repetida["repetida"], texto(&repetida, "estado")),
            (&Value::Bool(true), "CONFIRMADO")
        );
    }
}
