//! Every role twice: the death of any one process, in order or not, is nothing but a moment
//! of latency for clients that repeat their op_id at the next carga (promise 6).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cliente::{Cliente, prestamo};
use crate::nodo::{Biblioteca, Nodo, espera_servicio, texto};
use crate::puertos::puertos;

/// A library with every role in two processes.
pub struct Doble {
    pub biblioteca: Biblioteca,
    cargas: [[u16; 3]; 2],
    almacenes: [u16; 2],
}

pub const ROLES: [&str; 3] = [
    "carga",
    "actor-prestamo,actor-devolucion,actor-renovacion",
    "almacenamiento",
];

fn local(puertos: &[u16]) -> String {
    let lista: Vec<String> = puertos
        .iter()
        .map(|puerto| format!("127.0.0.1:{puerto}"))
        .collect();
    lista.join(",")
}

impl Doble {
    pub fn nueva() -> Self {
        let biblioteca = Biblioteca::sembrada();
        let [clientes, eventos, trabajo, almacen] = puertos();
        let primera = [biblioteca.clientes, biblioteca.eventos, biblioteca.trabajo];
        let almacenes = [biblioteca.almacen, almacen];
        Self {
            cargas: [primera, [clientes, eventos, trabajo]],
            almacenes,
            biblioteca,
        }
    }

    pub fn arrancar(&self, rol: &str, cual: usize) -> Nodo {
        let [clientes, eventos, trabajo] = self.cargas[cual];
        let nombre = format!("{}-{cual}", rol.split(',').next().unwrap());
        let mut comando = self.biblioteca.comando(&["--role", rol]);
        comando
            .env("BIBLIOTECA_CARGA__CLIENTES", local(&[clientes]))
            .env("BIBLIOTECA_CARGA__EVENTOS", local(&[eventos]))
            .env("BIBLIOTECA_CARGA__TRABAJO", local(&[trabajo]))
            .env(
                "BIBLIOTECA_ACTORES__CARGAS",
                local(&[self.cargas[0][2], self.cargas[1][2]]),
            )
            .env(
                "BIBLIOTECA_ACTORES__ALMACENAMIENTOS",
                local(&self.almacenes),
            )
            .env(
                "BIBLIOTECA_ALMACENAMIENTO__ESCUCHA",
                local(&[self.almacenes[cual]]),
            )
            .env(
                "BIBLIOTECA_ALMACENAMIENTO__BASE_DATOS",
                format!("sqlite:{}", self.biblioteca.base().display()),
            )
            .env(
                "BIBLIOTECA_NODO__DATOS",
                self.biblioteca.carpeta.path().join(&nombre),
            )
            .env("BIBLIOTECA_HTTP__ESCUCHA", "");
        Nodo::de(
            comando,
            &self.biblioteca.carpeta.path().join(format!("{nombre}.log")),
        )
    }

    pub fn espera_servicio(&self) {
        for [clientes, ..] in self.cargas {
            espera_servicio(clientes);
        }
    }

    pub fn clientes(&self) -> [u16; 2] {
        [self.cargas[0][0], self.cargas[1][0]]
    }
}

/// What a desk saw of its operations.
#[derive(Default)]
struct Mesa {
    decididas: Vec<(Value, Value)>,
    desconocidas: usize,
    espera_max: Duration,
}

/// Lends until told to stop; repeats each operation at the other carga until it is decided.
fn atender(mesa: usize, cargas: [u16; 2], hechas: &AtomicUsize, parar: &AtomicBool) -> Mesa {
    let conectar = |puerto: u16| Cliente::con_espera(puerto, Duration::from_millis(3_000));
    let mut enlaces = cargas.map(conectar);
    let mut vista = Mesa::default();
    let mut turno = mesa % 2;
    for n in 0.. {
        if parar.load(Ordering::Relaxed) {
            break;
        }
        let pedido = prestamo(
            &format!("Libro{}", 201 + n % 700),
            &format!("m{mesa}-{n}"),
            &format!("m{mesa}-{n}"),
        );
        let inicio = Instant::now();
        let respuesta = loop {
            match enlaces[turno].intentar(&pedido) {
                Some(respuesta) if respuesta["estado"] == "DESCONOCIDO" => vista.desconocidas += 1,
                Some(respuesta)
                    if ["CONFIRMADO", "RECHAZADO"].contains(&texto(&respuesta, "estado")) =>
                {
                    break respuesta;
                }
                Some(_) => {}
                // Its carga is gone: what is still queued for it must not be answered later.
                None => enlaces[turno] = conectar(cargas[turno]),
            }
            assert!(
                inicio.elapsed() < Duration::from_secs(30),
                "never decided: {pedido}"
            );
            turno = 1 - turno;
        };
        vista.espera_max = vista.espera_max.max(inicio.elapsed());
        vista.decididas.push((pedido, respuesta));
        hechas.fetch_add(1, Ordering::Relaxed);
    }
    vista
}

/// Four desks lend while each process in turn gets `senal` and is started again.
fn uno_tras_otro(senal: &str) -> (Doble, Vec<Mesa>) {
    let doble = Doble::nueva();
    let mut procesos: Vec<(&str, usize, Nodo)> = ROLES
        .iter()
        .flat_map(|rol| [0, 1].map(|cual| (*rol, cual, doble.arrancar(rol, cual))))
        .collect();
    doble.espera_servicio();
    let parar = Arc::new(AtomicBool::new(false));
    let hechas = Arc::new(AtomicUsize::new(0));
    let mesas: Vec<_> = (0..4)
        .map(|mesa| {
            let (cargas, hechas, parar) = (doble.clientes(), hechas.clone(), parar.clone());
            thread::spawn(move || atender(mesa, cargas, &hechas, &parar))
        })
        .collect();
    let espera_hechas = |cuantas: usize| {
        let meta = hechas.load(Ordering::Relaxed) + cuantas;
        let limite = Instant::now() + Duration::from_secs(60);
        while hechas.load(Ordering::Relaxed) < meta {
            assert!(Instant::now() < limite, "the desks are stuck");
            thread::yield_now();
        }
    };
    for (rol, cual, nodo) in &mut procesos {
        espera_hechas(50);
        nodo.senal(senal);
        let codigo = nodo.espera_fin(Duration::from_secs(10));
        assert!(senal == "KILL" || codigo == 0, "{rol}: {codigo}");
        espera_hechas(50);
        *nodo = doble.arrancar(rol, *cual);
        doble.espera_servicio();
    }
    parar.store(true, Ordering::Relaxed);
    let vistas = mesas.into_iter().map(|mesa| mesa.join().unwrap()).collect();
    (doble, vistas)
}

fn auditar(doble: &Doble, vistas: &[Mesa]) {
    for (pedido, respuesta) in vistas.iter().flat_map(|mesa| &mesa.decididas) {
        let guardada = format!(
            "select count(*) from operaciones where op_id='{}' and estado='{}'",
            pedido["op_id"].as_str().unwrap(),
            texto(respuesta, "estado"),
        );
        assert_eq!(doble.biblioteca.contar(&guardada), 1, "{respuesta}");
    }
    let dobles = "select count(*) from (select usuario from prestamos where usuario like 'm%-%' \
                  group by usuario having count(*) > 1)";
    assert_eq!(
        doble.biblioteca.contar(dobles),
        0,
        "each user was lent once"
    );
    let confirmadas = vistas
        .iter()
        .flat_map(|mesa| &mesa.decididas)
        .filter(|(_, respuesta)| respuesta["estado"] == json!("CONFIRMADO"))
        .count();
    let prestadas = "select count(*) from prestamos where usuario like 'm%-%'";
    assert_eq!(
        doble.biblioteca.contar(prestadas),
        i64::try_from(confirmadas).unwrap()
    );
}

/// Fault case 35.
#[test]
fn each_process_leaves_in_order_and_no_desk_is_left_in_doubt() {
    let (doble, vistas) = uno_tras_otro("TERM");
    auditar(&doble, &vistas);
    let desconocidas: usize = vistas.iter().map(|mesa| mesa.desconocidas).sum();
    assert_eq!(desconocidas, 0);
}

/// Fault cases 1, 2 and 5.
#[test]
fn each_process_is_killed_and_nothing_acknowledged_is_lost_or_doubled() {
    let (doble, vistas) = uno_tras_otro("KILL");
    auditar(&doble, &vistas);
}
