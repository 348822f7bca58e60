//! The faults, one after the other on one library; after each it serves again, and every desk
//! was told the truth.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::casa::{CARGAS, Casa, PROCESOS};
use crate::estorbo::{Linea, tender};
use crate::mostrador::{Abierto, Libreta, Mostrador, Puerta};

/// How long a fault lasts, unless it is told: several heartbeats, and death is known.
const FALLO: Duration = Duration::from_secs(2);

/// The longer version by command.
fn veces() -> u32 {
    let dichas = std::env::var("BIBLIOTECA_PRUEBA_VECES").ok();
    dichas.map_or(1, |veces| veces.parse().unwrap())
}

/// Works at two desks while `fallo` happens and until both cargas serve again.
fn bajo_carga(casa: &mut Casa, nombre: &str, fallo: impl FnOnce(&mut Casa)) -> Libreta {
    let desde = Instant::now();
    let mut del_reves = casa.puertas();
    del_reves.reverse();
    let abiertos = [
        Abierto::nuevo(&format!("{nombre}-a"), &casa.puertas(), 1),
        Abierto::nuevo(&format!("{nombre}-b"), &del_reves, 1),
    ];
    fallo(casa);
    casa.espera_servicio();
    let mut suma = Libreta::default();
    for libreta in abiertos.map(Abierto::cerrar) {
        suma.confirmadas.extend(libreta.confirmadas);
        suma.rechazadas.extend(libreta.rechazadas);
        suma.repetidas += libreta.repetidas;
        suma.desconocidas += libreta.desconocidas;
        suma.silencios += libreta.silencios;
        suma.hueco = suma.hueco.max(libreta.hueco);
    }
    println!(
        "{nombre}: {} confirmadas, {} rechazadas, {} repetidas, {} desconocidas, {} silencios, hueco {:?}, {:?}",
        suma.confirmadas.len(),
        suma.rechazadas.len(),
        suma.repetidas,
        suma.desconocidas,
        suma.silencios,
        suma.hueco,
        desde.elapsed()
    );
    assert!(
        suma.rechazadas.is_empty(),
        "{nombre}: {:?}",
        suma.rechazadas
    );
    comprobar(casa, &suma);
    suma
}

/// What was confirmed stands in the database, once.
fn comprobar(casa: &Casa, libreta: &Libreta) {
    let recibos = libreta
        .confirmadas
        .iter()
        .map(|recibo| format!("{recibo}\n"));
    let recibos: String = recibos.collect();
    let ruta = casa.carpeta.path().join("recibos.jsonl");
    std::fs::write(&ruta, recibos).unwrap();
    let salida = casa.orden("pc1", &["auditar", "--recibos", ruta.to_str().unwrap()]);
    assert!(
        salida.status.success(),
        "{}",
        String::from_utf8_lossy(&salida.stdout)
    );
}

/// The database itself is whole.
pub fn cuadrar(casa: &Casa) {
    let salida = casa.orden("pc1", &["auditar"]);
    assert!(
        salida.status.success(),
        "{}",
        String::from_utf8_lossy(&salida.stdout)
    );
}

/// Fault cases 17 to 21.
pub fn enlaces(casa: &mut Casa) {
    bajo_carga(casa, "f17", |casa| {
        let cortar = "input ip saddr 192.168.1.11\noutput ip daddr 192.168.1.11";
        casa.red.filtrar("pc4", cortar).unwrap();
        let desde = Instant::now();
        let mut mostrador = Mostrador::nuevo(&casa.puertas());
        mostrador.decidir(&json!({"operacion": "consulta", "isbn": "Libro1"}), 1);
        println!("f17: la otra carga responde en {:?}", desde.elapsed());
        std::thread::sleep(FALLO);
        casa.red.sanar("pc4");
    });
    let libreta = bajo_carga(casa, "f18", |casa| {
        // Only answers are lost: a request that was on its way is decided all the same.
        casa.red
            .filtrar("pc4", "input ip saddr 192.168.1.11 tcp sport 5555")
            .unwrap();
        std::thread::sleep(FALLO * 2);
        casa.red.sanar("pc4");
    });
    assert!(libreta.silencios > 0, "no answer was lost");
    bajo_carga(casa, "f19", |casa| {
        casa.red
            .filtrar("pc3", "output ip daddr 192.168.1.12 tcp dport 5557")
            .unwrap();
        casa.red
            .filtrar("pc4", "output ip daddr 192.168.1.11 tcp dport 5557")
            .unwrap();
        std::thread::sleep(FALLO);
        casa.espera_servicio();
        casa.red.sanar("pc3");
        casa.red.sanar("pc4");
    });
    mala_linea(casa);
    intermitente(casa);
}

/// Fault case 20: through a line that delays, cuts and resets, every message three times.
fn mala_linea(casa: &Casa) {
    let lenta = Linea {
        demora_ms: (100, 500),
        a_bytes: false,
        corta_tras: None,
    };
    let cortada = Linea {
        demora_ms: (0, 5),
        a_bytes: true,
        corta_tras: Some(1_500),
    };
    for (nombre, linea) in [("f20-lenta", lenta), ("f20-cortada", cortada)] {
        let extremos: Vec<Puerta> = casa
            .puertas()
            .iter()
            .zip(CARGAS)
            .map(|(puerta, carga)| puerta.por(format!("127.0.0.1:{}", tender(carga, linea))))
            .collect();
        let abierto = Abierto::nuevo(nombre, &extremos, 3);
        std::thread::sleep(FALLO * 2 * veces());
        let libreta = abierto.cerrar();
        println!(
            "{nombre}: {} confirmadas, hueco {:?}",
            libreta.confirmadas.len(),
            libreta.hueco
        );
        assert!(!libreta.confirmadas.is_empty());
        assert!(libreta.rechazadas.is_empty(), "{:?}", libreta.rechazadas);
        comprobar(casa, &libreta);
    }
    casa.espera_servicio();
}

/// Fault case 21: a flapping link of PC1 leaves nothing behind.
fn intermitente(casa: &mut Casa) {
    let antes = casa.consumo("pc1");
    bajo_carga(casa, "f21", |casa| {
        for _ in 0..8 * veces() {
            casa.red.cable("pc1", false);
            std::thread::sleep(Duration::from_millis(400));
            casa.red.cable("pc1", true);
            std::thread::sleep(Duration::from_millis(400));
        }
    });
    let despues = casa.consumo("pc1");
    println!("f21: descriptores y KiB de pc1: {antes:?}, {despues:?}");
    // Its peers' connections, each perhaps twice until the older one is found dead.
    assert!(despues.0 <= antes.0 + 40, "{antes:?} {despues:?}");
    assert!(despues.1 <= antes.1 + 64 * 1024, "{antes:?} {despues:?}");
}

/// Fault cases 1 to 6 and 35, and each PC whole.
pub fn procesos(casa: &mut Casa) {
    for (nombre, muere) in [("f1", "pc2"), ("f2", "pc3"), ("f5", "pc1b")] {
        bajo_carga(casa, nombre, |casa| {
            casa.matar(muere);
            std::thread::sleep(FALLO);
            casa.arrancar(muere);
        });
    }
    tras_el_commit(casa);
    sin_actores(casa);
    sin_almacenamiento(casa);
    // PC1 has a carga and the database, PC2 a carga with clients, PC3 actors.
    for (pc, suyos) in [
        ("pc1", &["pc1", "pc1b"][..]),
        ("pc2", &["pc2"]),
        ("pc3", &["pc3"]),
    ] {
        bajo_carga(casa, &format!("{pc}-entero"), |casa| {
            casa.red.cable(pc, false);
            for nombre in suyos {
                casa.matar(nombre);
            }
            std::thread::sleep(FALLO);
            casa.red.cable(pc, true);
            for nombre in suyos.iter().rev() {
                casa.arrancar(nombre);
            }
        });
    }
    let mut despedidas = Vec::new();
    let libreta = bajo_carga(casa, "f35", |casa| {
        for (nombre, ..) in PROCESOS {
            despedidas.push((nombre, casa.terminar(nombre)));
            casa.arrancar(nombre);
            casa.espera_servicio();
        }
    });
    println!("f35: {despedidas:?}");
    for (nombre, (salida, tardo)) in despedidas {
        assert_eq!(salida, Some(0), "{nombre}");
        assert!(tardo < Duration::from_secs(7), "{nombre}: {tardo:?}");
    }
    assert_eq!(libreta.desconocidas, 0);
}

/// Fault case 3: the loan is in the database, and its answer never gets out of storage.
fn tras_el_commit(casa: &mut Casa) {
    for pc in ["pc3", "pc4"] {
        let mudo = "input ip saddr 192.168.1.11 tcp sport 5570-5571";
        casa.red.filtrar(pc, mudo).unwrap();
    }
    let presta =
        json!({"operacion": "prestamo", "isbn": "Libro801", "usuario": "f3", "op_id": "f3"});
    let mut mostrador = Mostrador::nuevo(&casa.puertas());
    let respuesta = mostrador.intentar(&presta, 1);
    assert!(
        respuesta.is_none_or(|dicha| dicha["exito"] == false),
        "nobody may say yes"
    );
    for nombre in ["pc3", "pc4"] {
        casa.matar(nombre);
    }
    for nombre in ["pc3", "pc4"] {
        casa.red.sanar(nombre);
        casa.arrancar(nombre);
    }
    casa.espera_servicio();
    let decidida = mostrador.decidir(&presta, 1);
    assert_eq!(decidida["estado"], "CONFIRMADO", "{decidida}");
    println!("f3: repetida {}", decidida["repetida"]);
}

/// What a desk is told while something is missing, and what it gives to the diario.
fn a_medias(casa: &Casa, nombre: &str, sincrono: &[&str]) -> Vec<String> {
    // PC2 has a carga and nothing else: it stays.
    let mut mostrador = Mostrador::nuevo(&casa.puertas()[1..]);
    let pide = |operacion: &str, modo: &str, numero: usize| {
        json!({"operacion": operacion, "isbn": format!("Libro{}", 700 + numero),
            "usuario": nombre, "op_id": format!("{nombre}-{modo}-{numero}"), "modo": modo})
    };
    let respuesta = mostrador.intentar(&pide("prestamo", "sincrono", 0), 1);
    let estado = respuesta.expect("an answer, whatever is dead")["estado"].clone();
    assert!(
        sincrono.contains(&estado.as_str().unwrap()),
        "{nombre}: {estado}"
    );
    let encoladas = (1..=5).map(|numero| {
        let encolada = pide("prestamo", "asincrono", numero);
        let respuesta = mostrador
            .intentar(&encolada, 1)
            .expect("an answer, whatever is dead");
        assert_eq!(respuesta["estado"], "ENCOLADO", "{respuesta}");
        encolada["op_id"].as_str().unwrap().to_owned()
    });
    encoladas.collect()
}

/// Fault case 4.
fn sin_actores(casa: &mut Casa) {
    for nombre in ["pc3", "pc4"] {
        casa.matar(nombre);
    }
    // Dead is known after four beats.
    std::thread::sleep(FALLO);
    let encoladas = a_medias(casa, "f4", &["NO_DISPONIBLE", "OCUPADO"]);
    for nombre in ["pc3", "pc4"] {
        casa.arrancar(nombre);
    }
    casa.espera_decididas(&encoladas);
}

/// Fault case 6.
fn sin_almacenamiento(casa: &mut Casa) {
    // The carga of PC1 dies with its almacenamiento: they are one process there.
    for nombre in ["pc1", "pc1b"] {
        casa.matar(nombre);
    }
    let encoladas = a_medias(casa, "f6", &["NO_DISPONIBLE", "DESCONOCIDO", "OCUPADO"]);
    for nombre in ["pc1", "pc1b"] {
        casa.arrancar(nombre);
    }
    casa.espera_servicio();
    casa.espera_decididas(&encoladas);
}
