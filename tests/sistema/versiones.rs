//! Fault case 44: peers of another version, spoken by hand. What two real versions do to each
//! other under load is `deploy/actualizacion.sh`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use biblioteca::domain::operacion::Operacion;
use biblioteca::wire::codec::{VERSION, decode, encode};
use biblioteca::wire::mensaje::{Disposicion, EstadoAlmacen, LatidoActor, Mensaje, Resultado};
use biblioteca::wire::respuesta::{Desenlace, Estado, Respuesta};

use crate::cliente::{Cliente, prestamo};
use crate::nodo::{Biblioteca, texto};

/// How long nothing is waited for: four heartbeats.
const NADA: Duration = Duration::from_secs(1);
/// Longest wait for what must come.
const ESPERA: Duration = Duration::from_secs(20);
/// How a node says that it was spoken to by a version that it does not know.
const NO_LA_CONOCE: &str = "trama de una versión desconocida (2)";

/// What this version would say, in the next one's frame.
fn nueva(mensaje: &Mensaje) -> Vec<u8> {
    let mut trama = encode(mensaje).unwrap();
    trama[0] = VERSION + 1;
    trama
}

fn latido() -> Mensaje {
    Mensaje::LatidoActor(LatidoActor {
        tema: Operacion::Prestamo,
        creditos: 8,
    })
}

/// An almacenamiento of the next version: it says at every frame that it is ready.
struct Nuevo {
    extremo: String,
    operaciones: Arc<AtomicUsize>,
    parar: Arc<AtomicBool>,
    hilo: Option<JoinHandle<()>>,
}

impl Nuevo {
    fn abrir() -> Self {
        let puerta = zmq::Context::new().socket(zmq::ROUTER).unwrap();
        puerta.set_linger(0).unwrap();
        puerta.set_rcvtimeo(20).unwrap();
        puerta.bind("tcp://127.0.0.1:*").unwrap();
        let extremo = puerta.get_last_endpoint().unwrap().unwrap();
        let (operaciones, parar): (Arc<AtomicUsize>, Arc<AtomicBool>) = Default::default();
        let (cuenta, basta) = (Arc::clone(&operaciones), Arc::clone(&parar));
        let listo = nueva(&Mensaje::EstadoAlmacen(EstadoAlmacen {
            disposicion: Disposicion::Listo,
            base_id: String::new(),
        }));
        let hilo = std::thread::spawn(move || {
            while !basta.load(Ordering::SeqCst) {
                let Ok(marcos) = puerta.recv_multipart(0) else {
                    continue;
                };
                if let Ok(Mensaje::Encargos(lista)) = decode(&marcos[1]) {
                    cuenta.fetch_add(lista.len(), Ordering::SeqCst);
                }
                let respuesta = [marcos[0].clone(), listo.clone()];
                puerta.send_multipart(respuesta, 0).unwrap();
            }
        });
        Self {
            extremo: extremo.trim_start_matches("tcp://").to_owned(),
            operaciones,
            parar,
            hilo: Some(hilo),
        }
    }
}

impl Drop for Nuevo {
    fn drop(&mut self) {
        self.parar.store(true, Ordering::SeqCst);
        let _ = self.hilo.take().unwrap().join();
    }
}

#[test]
fn a_peer_of_a_version_that_nobody_knows_is_said_and_given_nothing_and_the_rest_serves_on() {
    let biblioteca = Biblioteca::sembrada();
    let nuevo = Nuevo::abrir();
    let almacenes = format!("{},127.0.0.1:{}", nuevo.extremo, biblioteca.almacen);
    let carga = biblioteca.rol("carga");
    let _almacen = biblioteca.rol("almacenamiento");
    let actor = biblioteca.rol_con("actor-prestamo", &almacenes, biblioteca.almacen);
    let actor_nuevo = Cliente::dealer(biblioteca.trabajo);
    actor_nuevo.enviar_crudo(&[&nueva(&latido())]);
    carga.espera_registro(NO_LA_CONOCE);
    actor.espera_registro(NO_LA_CONOCE);
    biblioteca.espera_servicio();
    let cliente = biblioteca.cliente();
    for n in 0..20 {
        actor_nuevo.enviar_crudo(&[&nueva(&latido())]);
        let pide = prestamo(
            &format!("Libro{}", 201 + n),
            &format!("u{n}"),
            &format!("v{n}"),
        );
        assert_eq!(texto(&cliente.decidir(&pide), "estado"), "CONFIRMADO");
    }
    assert_eq!(nuevo.operaciones.load(Ordering::SeqCst), 0);
    assert!(actor_nuevo.nada_por(NADA), "no beat and no work");
    // At the door that plain clients may use too, it is told in their way.
    let directo = Cliente::dealer(biblioteca.almacen);
    directo.enviar_crudo(&[&nueva(&Mensaje::LatidoAlmacen)]);
    assert_eq!(texto(&directo.recibir(), "error"), "ParametrosInvalidos");
}

/// An actor that knows no words but the first ones: it beats, works and answers.
#[test]
fn an_actor_of_the_first_version_is_given_work_that_it_can_read_and_its_answer_counts() {
    let biblioteca = Biblioteca::vacia();
    let carga = biblioteca.rol("carga");
    let actor = zmq::Context::new().socket(zmq::DEALER).unwrap();
    actor.set_linger(0).unwrap();
    actor.set_rcvtimeo(100).unwrap();
    actor
        .connect(&format!("tcp://127.0.0.1:{}", biblioteca.trabajo))
        .unwrap();
    let limite = Instant::now() + ESPERA;
    while !carga.registro().contains("actor a la orden") {
        assert!(Instant::now() < limite, "its beats are not understood");
        actor.send(encode(&latido()).unwrap(), 0).unwrap();
        // A beat back, or the time between two of its own.
        let _ = actor.recv_bytes(0);
    }
    let cliente = biblioteca.cliente();
    cliente.enviar(&prestamo("Libro1", "u1", "a"));
    let trabajo = loop {
        assert!(Instant::now() < limite, "it is never given work");
        actor.send(encode(&latido()).unwrap(), 0).unwrap();
        let Ok(trama) = actor.recv_bytes(0) else {
            continue;
        };
        match decode(&trama).unwrap() {
            Mensaje::LatidoCarga => {}
            Mensaje::Encargos(lista) => {
                assert_eq!(trama[..5], [1, 4, 0, 0, 0], "the first form of it");
                break lista;
            }
            otro => panic!("the first version has no {otro:?}"),
        }
    };
    let respuesta = Respuesta {
        estado: Estado::Confirmado,
        rechazo: None,
        mensaje: "prestado".to_owned(),
        fecha: "2026-11-24T10:00:00Z".to_owned(),
        datos: "{}".to_owned(),
        repetida: false,
    };
    let resultado = Resultado {
        id: trabajo[0].id,
        desenlace: Desenlace::Decidida(respuesta),
    };
    let trama = encode(&Mensaje::Resultados(vec![resultado])).unwrap();
    actor.send(trama, 0).unwrap();
    assert_eq!(texto(&cliente.recibir(), "mensaje"), "prestado");
}
