//! Fault cases 29, 30 and 31: an almacenamiento of the test's own, that beats as it should and
//! treats operations as it likes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use biblioteca::wire::codec::{decode, encode};
use biblioteca::wire::mensaje::{Disposicion, EstadoAlmacen, Mensaje};

use crate::cliente::prestamo;
use crate::nodo::{Biblioteca, Nodo, texto};

/// What it does with operations.
#[derive(Clone, Copy)]
enum Trato {
    Calla,
    /// Answers at once, with bytes that are no message.
    Basura,
    /// Hands them to the almacenamiento at that port, and its answers back, so much later.
    Retrasa(u16, Duration),
}

struct Falso {
    puerto: u16,
    operaciones: Arc<AtomicUsize>,
    parar: Arc<AtomicBool>,
    hilo: Option<JoinHandle<()>>,
}

impl Falso {
    fn nuevo(trato: Trato) -> Self {
        let contexto = zmq::Context::new();
        let puerta = contexto.socket(zmq::ROUTER).unwrap();
        puerta.set_linger(0).unwrap();
        puerta.bind("tcp://127.0.0.1:*").unwrap();
        let extremo = puerta.get_last_endpoint().unwrap().unwrap();
        let puerto = extremo.rsplit_once(':').unwrap().1.parse().unwrap();
        let (operaciones, parar) = (Arc::default(), Arc::default());
        let (cuenta, basta) = (Arc::clone(&operaciones), Arc::clone(&parar));
        let hilo = std::thread::spawn(move || atender(&contexto, &puerta, trato, &cuenta, &basta));
        Self {
            puerto,
            operaciones,
            parar,
            hilo: Some(hilo),
        }
    }

    fn operaciones(&self) -> usize {
        self.operaciones.load(Ordering::SeqCst)
    }

    fn espera_operaciones(&self, cuantas: usize) {
        let limite = Instant::now() + Duration::from_secs(20);
        while self.operaciones() < cuantas {
            assert!(Instant::now() < limite, "nothing came");
            std::thread::yield_now();
        }
    }

    fn extremo(&self) -> String {
        format!("127.0.0.1:{}", self.puerto)
    }
}

impl Drop for Falso {
    fn drop(&mut self) {
        self.parar.store(true, Ordering::SeqCst);
        let _ = self.hilo.take().unwrap().join();
    }
}

fn atender(
    contexto: &zmq::Context,
    puerta: &zmq::Socket,
    trato: Trato,
    cuenta: &AtomicUsize,
    basta: &AtomicBool,
) {
    let detras = contexto.socket(zmq::DEALER).unwrap();
    detras.set_linger(0).unwrap();
    let mut demora = Duration::ZERO;
    if let Trato::Retrasa(puerto, cuanto) = trato {
        detras
            .connect(&format!("tcp://127.0.0.1:{puerto}"))
            .unwrap();
        demora = cuanto;
    }
    // What goes back, when, and to whom.
    let mut vuelven: VecDeque<(Instant, Vec<u8>, Vec<u8>)> = VecDeque::new();
    let mut quien = Vec::new();
    while !basta.load(Ordering::SeqCst) {
        let mut miradas = [
            puerta.as_poll_item(zmq::POLLIN),
            detras.as_poll_item(zmq::POLLIN),
        ];
        zmq::poll(&mut miradas, 5).unwrap();
        while let Ok(marcos) = puerta.recv_multipart(zmq::DONTWAIT) {
            let (de, trama) = (marcos[0].clone(), marcos.last().unwrap());
            match decode(trama) {
                Ok(Mensaje::LatidoAlmacen) => {
                    let estado = EstadoAlmacen {
                        disposicion: Disposicion::Listo,
                        base_id: String::new(),
                    };
                    let trama = encode(&Mensaje::EstadoAlmacen(estado)).unwrap();
                    puerta.send_multipart([de, trama], 0).unwrap();
                }
                Ok(Mensaje::Encargos(encargos)) => {
                    cuenta.fetch_add(encargos.len(), Ordering::SeqCst);
                    match trato {
                        Trato::Calla => {}
                        Trato::Basura => {
                            let basura = vec![1, 0xff, 0xff, 0xff, 0xff, 0xff];
                            puerta.send_multipart([de, basura], 0).unwrap();
                        }
                        Trato::Retrasa(..) => {
                            quien = de;
                            detras.send(&trama[..], 0).unwrap();
                        }
                    }
                }
                _ => {}
            }
        }
        while let Ok(trama) = detras.recv_bytes(zmq::DONTWAIT) {
            vuelven.push_back((Instant::now() + demora, quien.clone(), trama));
        }
        while vuelven
            .front()
            .is_some_and(|(cuando, ..)| *cuando <= Instant::now())
        {
            let (_, de, trama) = vuelven.pop_front().unwrap();
            puerta.send_multipart([de, trama], 0).unwrap();
        }
    }
}

fn actor(biblioteca: &Biblioteca, almacenes: &str, abierto_s: &str) -> Nodo {
    let mut comando = biblioteca.comando(&["--role", "actor-prestamo"]);
    comando
        .env("BIBLIOTECA_ACTORES__ALMACENAMIENTOS", almacenes)
        .env("BIBLIOTECA_HTTP__ESCUCHA", "")
        .env("BIBLIOTECA_CORTACIRCUITOS__ABIERTO_S", abierto_s);
    Nodo::de(comando, &biblioteca.carpeta.path().join("actor.log"))
}

fn pide(n: usize) -> serde_json::Value {
    prestamo(
        &format!("Libro{}", 201 + n % 700),
        &format!("u{n}"),
        &format!("k{n}"),
    )
}

/// Fault cases 29 and 30.
#[test]
fn of_two_hundred_that_wait_for_an_open_breaker_one_is_the_probe_and_its_permit_comes_back() {
    let biblioteca = Biblioteca::vacia();
    let falso = Falso::nuevo(Trato::Calla);
    let carga = biblioteca.rol("carga");
    let actor = actor(&biblioteca, &falso.extremo(), "3");
    carga.espera_registro("actor a la orden");
    let cliente = biblioteca.cliente();
    cliente.enviar(&pide(0));
    // By then the actor knows that it is there.
    falso.espera_operaciones(1);
    for n in 1..3 {
        cliente.enviar(&pide(n));
    }
    actor.espera_veces("cortacircuitos ABIERTO", 1);
    for _ in 0..3 {
        assert_eq!(texto(&cliente.recibir(), "estado"), "DESCONOCIDO");
    }
    // Two had their second attempt before the third one failed.
    let antes = falso.operaciones();
    assert!((3..=5).contains(&antes), "{antes}");
    // It beats all the while, and gets nothing until its time is over.
    actor.espera_veces("cortacircuitos MEDIO_ABIERTO", 1);
    assert_eq!(falso.operaciones(), antes);
    for n in 3..203 {
        cliente.enviar(&pide(n));
    }
    actor.espera_veces("cortacircuitos ABIERTO", 2);
    assert_eq!(falso.operaciones(), antes + 1, "exactly one probe");
    for _ in 3..203 {
        assert_eq!(cliente.recibir()["exito"], false);
    }
    actor.espera_veces("cortacircuitos MEDIO_ABIERTO", 2);
    cliente.enviar(&pide(203));
    assert_eq!(cliente.recibir()["exito"], false);
    assert_eq!(falso.operaciones(), antes + 2, "the next probe");
}

/// Fault case 31.
#[test]
fn an_endpoint_that_answers_garbage_or_slowly_is_isolated() {
    for lento in [false, true] {
        let biblioteca = Biblioteca::sembrada();
        let trato = if lento {
            Trato::Retrasa(biblioteca.almacen, Duration::from_millis(600))
        } else {
            Trato::Basura
        };
        let falso = Falso::nuevo(trato);
        let _nodos = ["carga", "almacenamiento"].map(|rol| biblioteca.rol(rol));
        let almacenes = format!("{},127.0.0.1:{}", falso.extremo(), biblioteca.almacen);
        let _actor = actor(&biblioteca, &almacenes, "10");
        biblioteca.espera_servicio();
        let cliente = biblioteca.cliente();
        for n in 0..40 {
            cliente.decidir(&pide(n));
        }
        let suyas = falso.operaciones();
        assert!((1..=8).contains(&suyas), "slow {lento}: {suyas} of 40");
        let hechas = "select count(*) from operaciones where op_id like 'k%'";
        assert_eq!(biblioteca.contar(hechas), 40);
    }
}
