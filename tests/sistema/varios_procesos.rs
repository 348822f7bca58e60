//! Every role its own process, and the three-PC example.

use std::path::Path;
use std::process::Command;

use crate::cliente::{Cliente, devolucion, prestamo};
use crate::nodo::{Biblioteca, Nodo, espera_servicio, puertos, texto};

#[test]
fn roles_join_in_any_start_order() {
    let roles = [
        "almacenamiento",
        "actor-renovacion",
        "actor-devolucion",
        "actor-prestamo",
        "carga",
    ];
    let mut ordenes = [roles; 2];
    ordenes[1].reverse();
    for orden in ordenes {
        let biblioteca = Biblioteca::sembrada();
        let _nodos: Vec<Nodo> = orden.iter().map(|rol| biblioteca.rol(rol)).collect();
        biblioteca.espera_servicio();
        let cliente = biblioteca.cliente();
        assert_eq!(
            texto(&cliente.decidir(&prestamo("Libro1", "ana", "a")), "estado"),
            "CONFIRMADO"
        );
        assert_eq!(
            texto(
                &cliente.decidir(&devolucion("Libro1", "ana", "b")),
                "estado"
            ),
            "CONFIRMADO"
        );
    }
}

#[test]
fn several_roles_share_a_process_when_a_file_says_so() {
    let biblioteca = Biblioteca::sembrada();
    let config = biblioteca.carpeta.path().join("dos.toml");
    std::fs::write(&config, "[nodo]\nroles = [\"carga\", \"actor-prestamo\"]\n").unwrap();
    let _uno = biblioteca.nodo(&["--config", config.to_str().unwrap()]);
    let _otro = biblioteca.rol("almacenamiento,actor-devolucion");
    biblioteca.espera_servicio();
    let cliente = biblioteca.cliente();
    assert_eq!(
        texto(&cliente.decidir(&prestamo("Libro1", "ana", "a")), "estado"),
        "CONFIRMADO"
    );
    let renovacion = serde_json::json!({"operacion":"renovacion","isbn":"Libro1","usuario":"ana"});
    let respuesta = cliente.pedir(&renovacion);
    assert_eq!(
        texto(&respuesta, "estado"),
        "NO_DISPONIBLE",
        "nobody renews here"
    );
    assert_eq!(texto(&respuesta, "codigo"), "SinActores");
}

/// The example files as they are, on one machine: only hosts and ports are overridden.
#[test]
fn the_three_example_nodes_serve_a_request_file() {
    let biblioteca = Biblioteca::sembrada();
    let [carga2, eventos2, trabajo2, almacen2] = puertos();
    let local = |puertos: &[u16]| {
        puertos
            .iter()
            .map(|puerto| format!("127.0.0.1:{puerto}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let con = |archivo: &str, primero: bool, almacen: u16| -> Command {
        let (clientes, eventos, trabajo) = if primero {
            (biblioteca.clientes, biblioteca.eventos, biblioteca.trabajo)
        } else {
            (carga2, eventos2, trabajo2)
        };
        let mut comando = biblioteca.comando(&["--config", config.join(archivo).to_str().unwrap()]);
        comando
            .env("BIBLIOTECA_CARGA__CLIENTES", local(&[clientes]))
            .env("BIBLIOTECA_CARGA__EVENTOS", local(&[eventos]))
            .env("BIBLIOTECA_CARGA__TRABAJO", local(&[trabajo]))
            .env(
                "BIBLIOTECA_ACTORES__CARGAS",
                local(&[biblioteca.trabajo, trabajo2]),
            )
            .env(
                "BIBLIOTECA_ACTORES__ALMACENAMIENTOS",
                local(&[biblioteca.almacen, almacen2]),
            )
            .env("BIBLIOTECA_ALMACENAMIENTO__ESCUCHA", local(&[almacen]))
            .env(
                "BIBLIOTECA_SOLICITANTE__CARGAS",
                local(&[biblioteca.clientes, carga2]),
            )
            .env("BIBLIOTECA_HTTP__ESCUCHA", "")
            .env(
                "BIBLIOTECA_NODO__DATOS",
                biblioteca.carpeta.path().join(archivo),
            )
            .env(
                "BIBLIOTECA_ALMACENAMIENTO__BASE_DATOS",
                format!("sqlite:{}", biblioteca.base().display()),
            );
        comando
    };
    let arrancar = |archivo: &str, primero: bool, almacen: u16| {
        let registro = biblioteca.carpeta.path().join(format!("{archivo}.log"));
        Nodo::de(con(archivo, primero, almacen), &registro)
    };
    let _nodos = [
        arrancar("pc3.toml", true, 0),
        arrancar("pc2.toml", false, 0),
        arrancar("pc1.toml", true, biblioteca.almacen),
        arrancar("pc1b.toml", true, almacen2),
    ];
    espera_servicio(biblioteca.clientes);
    espera_servicio(carga2);
    let archivo = biblioteca.carpeta.path().join("pedidos.txt");
    std::fs::write(
        &archivo,
        "PRES Libro1 u1\nRENO Libro1 u1\nDEVO Libro1 u1\nPRES NoHay u1\n",
    )
    .unwrap();
    let salida = con("pc3.toml", true, 0)
        .args([
            "--role",
            "solicitante",
            "--archivo",
            archivo.to_str().unwrap(),
        ])
        .output()
        .unwrap();
    let dicho = String::from_utf8_lossy(&salida.stdout).into_owned();
    assert_eq!(
        salida.status.code(),
        Some(1),
        "{dicho}\n{}",
        String::from_utf8_lossy(&salida.stderr)
    );
    assert_eq!(
        biblioteca.contar("select count(*) from operaciones where estado='CONFIRMADO'"),
        3
    );
    let por_la_otra = Cliente::dealer(carga2).decidir(&prestamo("Libro2", "u2", "otra"));
    assert_eq!(texto(&por_la_otra, "estado"), "CONFIRMADO");
}
