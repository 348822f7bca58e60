//! Every role its own process, and the three-PC example.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cliente::{Cliente, devolucion, prestamo};
use crate::nodo::{Biblioteca, Nodo, espera_servicio, texto};
use crate::puertos::puertos;

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
    fs::write(&config, "[nodo]\nroles = [\"carga\", \"actor-prestamo\"]\n").unwrap();
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

/// Second ports, for what the first node has too.
struct Segundos {
    clientes: u16,
    eventos: u16,
    trabajo: u16,
    almacen: u16,
}

fn local(puertos: &[u16]) -> String {
    let lista: Vec<String> = puertos
        .iter()
        .map(|puerto| format!("127.0.0.1:{puerto}"))
        .collect();
    lista.join(",")
}

/// An example file as it is, with only hosts, ports and folders overridden. `segunda`: it is
/// the second carga or the second almacenamiento.
fn ejemplo(b: &Biblioteca, otros: &Segundos, archivo: &str, segunda: bool) -> Command {
    let ruta = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("config")
        .join(archivo);
    let elegir = |primero: u16, segundo: u16| local(&[if segunda { segundo } else { primero }]);
    let mut comando = b.comando(&["--config", ruta.to_str().unwrap()]);
    comando
        .env(
            "BIBLIOTECA_CARGA__CLIENTES",
            elegir(b.clientes, otros.clientes),
        )
        .env(
            "BIBLIOTECA_CARGA__EVENTOS",
            elegir(b.eventos, otros.eventos),
        )
        .env(
            "BIBLIOTECA_CARGA__TRABAJO",
            elegir(b.trabajo, otros.trabajo),
        )
        .env(
            "BIBLIOTECA_ALMACENAMIENTO__ESCUCHA",
            elegir(b.almacen, otros.almacen),
        )
        .env(
            "BIBLIOTECA_ACTORES__CARGAS",
            local(&[b.trabajo, otros.trabajo]),
        )
        .env(
            "BIBLIOTECA_ACTORES__ALMACENAMIENTOS",
            local(&[b.almacen, otros.almacen]),
        )
        .env(
            "BIBLIOTECA_SOLICITANTE__CARGAS",
            local(&[b.clientes, otros.clientes]),
        )
        .env("BIBLIOTECA_HTTP__ESCUCHA", "")
        .env("BIBLIOTECA_NODO__DATOS", b.carpeta.path().join(archivo))
        .env(
            "BIBLIOTECA_ALMACENAMIENTO__BASE_DATOS",
            format!("sqlite:{}", b.base().display()),
        );
    comando
}

#[test]
fn the_three_example_nodes_serve_a_request_file() {
    let biblioteca = Biblioteca::sembrada();
    let [clientes, eventos, trabajo, almacen] = puertos();
    let otros = Segundos {
        clientes,
        eventos,
        trabajo,
        almacen,
    };
    let arrancar = |archivo: &str, segunda: bool| {
        let registro = biblioteca.carpeta.path().join(format!("{archivo}.log"));
        Nodo::de(ejemplo(&biblioteca, &otros, archivo, segunda), &registro)
    };
    let _nodos = [
        arrancar("pc3.toml", false),
        arrancar("pc2.toml", true),
        arrancar("pc1.toml", false),
        arrancar("pc1b.toml", true),
    ];
    espera_servicio(biblioteca.clientes);
    espera_servicio(otros.clientes);
    let archivo = biblioteca.carpeta.path().join("pedidos.txt");
    fs::write(
        &archivo,
        "PRES Libro1 u1\nRENO Libro1 u1\nDEVO Libro1 u1\nPRES NoHay u1\n",
    )
    .unwrap();
    let salida = ejemplo(&biblioteca, &otros, "pc3.toml", false)
        .args([
            "--role",
            "solicitante",
            "--archivo",
            archivo.to_str().unwrap(),
        ])
        .output()
        .unwrap();
    assert_eq!(
        salida.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&salida.stderr)
    );
    let confirmadas = "select count(*) from operaciones where estado='CONFIRMADO'";
    assert_eq!(biblioteca.contar(confirmadas), 3);
    let por_la_otra = Cliente::dealer(otros.clientes).decidir(&prestamo("Libro2", "u2", "otra"));
    assert_eq!(texto(&por_la_otra, "estado"), "CONFIRMADO");
}
