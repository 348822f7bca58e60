//! Fault case 40 over live sockets: frames that are almost right, on every door of a node.
//!
//! A few here; a million by command:
//!
//! ```text
//! BIBLIOTECA_MARCOS=1000000 cargo test --profile largas --test sistema marcos -- --nocapture
//! ```

use std::thread;

use biblioteca::domain::ids::Sede;
use biblioteca::domain::operacion::Operacion;
use biblioteca::wire::codec::{encode, encode_encargos, encode_resultados};
use biblioteca::wire::json::leer_peticion;
use biblioteca::wire::mensaje::{Encargo, LatidoActor, Mensaje, Resultado};
use biblioteca::wire::respuesta::{Causa, Desenlace};

use crate::azar::Azar;
use crate::cliente::{Cliente, prestamo};
use crate::nodo::{Biblioteca, MEMORIA_MAX_KIB, memoria_kib, texto};

/// One frame of those that may grow, in so many, is larger than any door takes and costs its
/// connection.
const UNA_ENORME_DE: usize = 200;

const SEMILLA: u64 = 0x9e37_79b9_7f4a_7c15;

fn cuantos() -> usize {
    let cuantos = std::env::var("BIBLIOTECA_MARCOS");
    cuantos.map_or(6_000, |texto| texto.parse().expect("a number"))
}

fn octeto(azar: &mut Azar) -> u8 {
    u8::try_from(azar.indice(256)).unwrap()
}

/// Requests as clients write them.
fn solicitudes() -> Vec<Vec<u8>> {
    let textos = [
        r#"{"operacion":"prestamo","isbn":"Libro9","usuario":"u1","op_id":"z-1","sede":"sede1"}"#,
        r#"{"operacion":"devolucion","isbn":"Libro9","usuario":"u1","op_id":"z-2","modo":"asincrono","plazo_ms":900}"#,
        r#"{"operacion":"renovacion","ejemplar":"Libro9-1","usuario":"u1","id":[1,{"a":null}]}"#,
        r#"{"operacion":"consulta","titulo":"árbol \u00f1","id":-1.5e3}"#,
        r#"{"operacion":"estado","op_id":"z-1","id":"é"}"#,
    ];
    textos.map(|texto| texto.as_bytes().to_vec()).to_vec()
}

/// What nodes say to each other.
fn mensajes() -> Vec<Vec<u8>> {
    let sede = Sede::parse("sede1").unwrap();
    let encargo = |id: u64| Encargo {
        id,
        pedido: leer_peticion(&solicitudes()[0], &sede).unwrap().pedido,
        plazo_ms: 900,
        edad_ms: Some(10),
        intento: 1,
    };
    let resultado = |id: u64| Resultado {
        id,
        desenlace: Desenlace::Incierta(Causa::FalloInterno),
    };
    let latido = LatidoActor {
        tema: Operacion::Renovacion,
        creditos: 1,
    };
    let sueltos = [
        Mensaje::LatidoActor(latido),
        Mensaje::LatidoAlmacen,
        Mensaje::LatidoCarga,
        Mensaje::Adios,
        Mensaje::VerEstado,
        Mensaje::VerActividad,
        Mensaje::VerBase,
    ];
    let mut tramas: Vec<Vec<u8>> = sueltos.iter().map(|m| encode(m).unwrap()).collect();
    tramas.extend(encode_encargos(vec![encargo(1), encargo(2)]).unwrap());
    tramas.extend(encode_resultados(vec![resultado(1), resultado(2)]).unwrap());
    tramas
}

/// Breaks a frame in one of the ways in which frames break.
fn romper(trama: &[u8], otra: &[u8], azar: &mut Azar) -> Vec<u8> {
    let mut rota = trama.to_vec();
    match azar.indice(7) {
        0 => rota.truncate(azar.indice(trama.len() + 1)),
        1 => rota.extend((0..=azar.indice(64)).map(|_| octeto(azar))),
        2 => {
            rota.truncate(azar.indice(trama.len() + 1));
            rota.extend_from_slice(&otra[azar.indice(otra.len())..]);
        }
        3 => rota = (0..azar.indice(200)).map(|_| octeto(azar)).collect(),
        4 if azar.indice(UNA_ENORME_DE) == 0 => rota.resize(1_100_000, octeto(azar)),
        _ => {
            for _ in 0..=azar.indice(4) {
                let lugar = azar.indice(rota.len().max(1));
                if let Some(suyo) = rota.get_mut(lugar) {
                    *suyo = octeto(azar);
                }
            }
        }
    }
    rota
}

fn bombardear(puerto: u16, tramas: &[Vec<u8>], cuantos: usize, semilla: u64) {
    let mut cliente = Cliente::dealer(puerto);
    let mut azar = Azar::nuevo(semilla);
    for _ in 0..cuantos {
        let [una, otra] = [(); 2].map(|()| &tramas[azar.indice(tramas.len())]);
        let rota = romper(una, otra, &mut azar);
        let va = match azar.indice(20) {
            0 => cliente.intentar_crudo(&[b"", &rota]),
            1 => cliente.intentar_crudo(&[&rota, otra]),
            _ => cliente.intentar_crudo(&[&rota]),
        };
        if !va {
            cliente = Cliente::dealer(puerto);
        }
        // Nothing is expected: what arrives is only taken away.
        while cliente.marcos_si_hay().is_some() {}
    }
}

/// Fault case 40.
#[test]
fn marcos_almost_right_on_every_door_break_nothing() {
    let biblioteca = Biblioteca::sembrada();
    let mut nodo = biblioteca.todo();
    println!("seed {SEMILLA:#x}, {} frames", cuantos());
    let puertas = [
        (biblioteca.clientes, solicitudes()),
        (biblioteca.trabajo, mensajes()),
        (biblioteca.almacen, mensajes()),
    ];
    thread::scope(|ambito| {
        for (n, (puerto, tramas)) in puertas.iter().enumerate() {
            let semilla = SEMILLA + n as u64;
            ambito.spawn(move || bombardear(*puerto, tramas, cuantos() / 3, semilla));
        }
    });
    let cliente = biblioteca.cliente();
    let despues = cliente.decidir(&prestamo("Libro950", "despues", "despues"));
    assert_eq!(texto(&despues, "estado"), "CONFIRMADO", "{despues}");
    let registro = nodo.registro();
    assert!(!registro.contains("panicked"), "a handler panicked");
    let memoria = memoria_kib(&nodo);
    println!("memory {memoria} KiB, log {} bytes", registro.len());
    assert!(memoria < MEMORIA_MAX_KIB, "{memoria} KiB");
    nodo.matar();
    let auditoria = biblioteca.orden(&["auditar"]);
    assert!(auditoria.status.success(), "{auditoria:?}");
}
