//! The diario's core, step by step: what is acknowledged when, who waits for whom, what ends
//! an entry.

mod replays;

use super::apremio::{MUCHAS, PAUSA_MS, TANDA};
use super::*;
use crate::db::diario::{SinDecidir, Suerte};
use crate::domain::ids::Sede;
use crate::wire::json::leer_peticion;
use crate::wire::respuesta::Estado;

const PLAZO: Duration = Duration::from_millis(1_000);

fn pedido(operacion: &str, op_id: &str, isbn: &str) -> Pedido {
    let texto =
        format!(r#"{{"operacion":"{operacion}","isbn":"{isbn}","usuario":"u","op_id":"{op_id}"}}"#);
    let peticion = leer_peticion(texto.as_bytes(), &Sede::parse("s1").unwrap());
    peticion.unwrap().pedido
}

fn respuesta(rechazo: Option<Rechazo>) -> Respuesta {
    Respuesta {
        estado: rechazo.map_or(Estado::Confirmado, |_| Estado::Rechazado),
        rechazo,
        mensaje: "dicho".into(),
        fecha: "f".into(),
        datos: "{}".into(),
        repetida: false,
    }
}

fn decidida() -> Desenlace {
    Desenlace::Decidida(respuesta(None))
}

/// The core with a disk that the test holds.
struct Mesa {
    diario: Diario,
    ahora: Instant,
    siguiente: u64,
}

impl Mesa {
    fn nueva(sin_decidir_max: usize) -> Self {
        let mut mesa = Self::sin_leer(sin_decidir_max);
        mesa.paso(Entrada::Cargadas(Cargadas {
            sin_decidir: Vec::new(),
            siguiente: 1,
        }));
        mesa
    }

    fn sin_leer(sin_decidir_max: usize) -> Self {
        Self {
            diario: Diario::nuevo(Ajuste {
                sin_decidir_max,
                semilla: 1,
            }),
            ahora: Instant::now(),
            siguiente: 0,
        }
    }

    fn paso(&mut self, entrada: Entrada) -> Vec<Salida> {
        let mut salidas = Vec::new();
        self.diario.paso(self.ahora, entrada, &mut salidas);
        self.diario.fin_de_rafaga(self.ahora, &mut salidas);
        salidas
    }

    fn pide_de(&mut self, par: &str, pedido: Pedido, asincrona: bool) -> (u64, Vec<Salida>) {
        self.siguiente += 1;
        let id = self.siguiente;
        let salidas = self.paso(Entrada::Solicitud(Solicitud {
            id,
            par: par.as_bytes().into(),
            pedido,
            plazo: PLAZO,
            asincrona,
        }));
        (id, salidas)
    }

    fn pide(&mut self, pedido: Pedido) -> (u64, Vec<Salida>) {
        self.pide_de("p", pedido, true)
    }

    fn vuelve(&mut self, suertes: Vec<Suerte>) -> Vec<Salida> {
        self.paso(Entrada::DeVuelta(suertes, vec![]))
    }

    /// A new entry on the disk and being replayed.
    fn encola(&mut self, pedido: Pedido) -> u64 {
        self.pide(pedido);
        let salidas = self.vuelve(vec![Suerte::Hecha]);
        salidas.iter().find_map(replay).unwrap_or_default()
    }

    fn resulta(&mut self, seq: u64, desenlace: Desenlace) -> Vec<Salida> {
        self.paso(Entrada::Desenlace(seq, desenlace))
    }

    /// Time passes until something happens, `ms` at most.
    fn pasan(&mut self, ms: u64) -> Vec<Salida> {
        for _ in 0..ms / 10 {
            self.ahora += Duration::from_millis(10);
            let salidas = self.paso(Entrada::Tic);
            if !salidas.is_empty() {
                return salidas;
            }
        }
        Vec::new()
    }
}

fn replay(salida: &Salida) -> Option<u64> {
    match salida {
        Salida::Replay { seq, .. } => Some(*seq),
        _ => None,
    }
}

fn dichas(salidas: &[Salida]) -> Vec<(u64, Contestacion)> {
    salidas
        .iter()
        .filter_map(|salida| match salida {
            Salida::Contestar(id, contestacion) => Some((*id, contestacion.clone())),
            _ => None,
        })
        .collect()
}

fn lleno() -> Contestacion {
    Contestacion::Desenlace(Desenlace::NoAplicada(Causa::DiarioLleno))
}

#[test]
fn nothing_is_acknowledged_or_replayed_before_it_is_on_the_disk() {
    let mut mesa = Mesa::nueva(10);
    let (id, salidas) = mesa.pide(pedido("devolucion", "k", "A"));
    assert!(
        matches!(&salidas[..], [Salida::Viaje(viaje)] if viaje.apuntes.len() == 1),
        "{salidas:?}"
    );
    let salidas = mesa.vuelve(vec![Suerte::Hecha]);
    assert_eq!(dichas(&salidas), [(id, Contestacion::Encolada)]);
    assert!(salidas.iter().any(|salida| replay(salida).is_some()));
}

#[test]
fn what_queues_while_the_disk_works_shares_the_next_trip() {
    let mut mesa = Mesa::nueva(1000);
    mesa.pide(pedido("devolucion", "k", "A"));
    for n in 0..50 {
        let (_, salidas) = mesa.pide(pedido("devolucion", &format!("k{n}"), &format!("B{n}")));
        assert_eq!(salidas, []);
    }
    let salidas = mesa.vuelve(vec![Suerte::Hecha]);
    let viajes: Vec<usize> = salidas
        .iter()
        .filter_map(|salida| match salida {
            Salida::Viaje(viaje) => Some(viaje.apuntes.len()),
            _ => None,
        })
        .collect();
    assert_eq!(viajes, [50]);
}

#[test]
fn a_repeat_is_told_queued_until_it_is_decided_and_then_gets_the_answer() {
    let mut mesa = Mesa::nueva(100);
    let k = || pedido("devolucion", "k", "A");
    let (primera, _) = mesa.pide(k());
    let (segunda, salidas) = mesa.pide(k());
    assert_eq!(salidas, [], "it waits for the same trip");
    let salidas = mesa.vuelve(vec![Suerte::Hecha]);
    let esperadas = [primera, segunda].map(|id| (id, Contestacion::Encolada));
    assert_eq!(dichas(&salidas), esperadas);
    let seq = salidas.iter().find_map(replay).unwrap();
    let (tercera, salidas) = mesa.pide_de("otro", k(), false);
    assert_eq!(dichas(&salidas), [(tercera, Contestacion::Encolada)]);
    mesa.resulta(seq, decidida());
    let repetida = Respuesta {
        repetida: true,
        ..respuesta(None)
    };
    let repetida = Contestacion::Desenlace(Desenlace::Decidida(repetida));
    let (cuarta, salidas) = mesa.pide(k());
    assert_eq!(dichas(&salidas), [(cuarta, repetida.clone())]);
    // Closed and out of memory: the disk answers.
    mesa.vuelve(vec![Suerte::Hecha]);
    let (quinta, _) = mesa.pide(k());
    let cerrada = Box::new(Cerrada {
        operacion: Operacion::Devolucion,
        huella: k().huella.to_string(),
        principal: k().principal,
        respuesta: respuesta(None),
    });
    let salidas = mesa.vuelve(vec![Suerte::Decidida(cerrada)]);
    assert_eq!(dichas(&salidas), [(quinta, repetida)]);
    assert_eq!(mesa.diario.estado(mesa.ahora).sin_decidir, 0);
}

#[test]
fn another_content_under_the_op_id_is_a_conflict_once_the_first_is_on_the_disk() {
    let mut mesa = Mesa::nueva(100);
    let (primera, _) = mesa.pide(pedido("devolucion", "k", "A"));
    let (otra, salidas) = mesa.pide(pedido("devolucion", "k", "B"));
    assert_eq!(salidas, [], "the first is not acknowledged yet");
    let salidas = mesa.vuelve(vec![Suerte::Hecha]);
    assert_eq!(
        dichas(&salidas),
        [
            (primera, Contestacion::Encolada),
            (otra, Contestacion::Conflicto)
        ]
    );
}

#[test]
fn when_the_first_found_no_room_the_other_content_is_as_new() {
    let mut mesa = Mesa::nueva(100);
    let (primera, _) = mesa.pide(pedido("devolucion", "k", "A"));
    let (otra, _) = mesa.pide(pedido("devolucion", "k", "B"));
    let salidas = mesa.vuelve(vec![Suerte::SinSitio]);
    assert_eq!(dichas(&salidas), [(primera, lleno())]);
    let salidas = mesa.vuelve(vec![Suerte::Hecha]);
    assert_eq!(dichas(&salidas), [(otra, Contestacion::Encolada)]);
}

#[test]
fn a_full_diario_and_a_greedy_connection_are_refused_and_a_closed_entry_makes_room() {
    let mut mesa = Mesa::nueva(20);
    let nueva = |n: usize| pedido("devolucion", &format!("k{n}"), &format!("L{n}"));
    let mut seqs = Vec::new();
    for n in 0..20 {
        mesa.pide_de(&format!("p{}", n / 2), nueva(n), true);
        let salidas = mesa.vuelve(vec![Suerte::Hecha]);
        assert_eq!(dichas(&salidas).len(), 1, "{salidas:?}");
        seqs.extend(salidas.iter().find_map(replay));
    }
    let (id, salidas) = mesa.pide_de("nuevo", nueva(20), true);
    assert_eq!(dichas(&salidas), [(id, lleno())]);
    mesa.resulta(seqs[0], decidida());
    mesa.vuelve(vec![Suerte::Hecha]);
    let (id, salidas) = mesa.pide_de("p5", nueva(21), true);
    assert_eq!(dichas(&salidas), [(id, lleno())], "it has its tenth");
    let (_, salidas) = mesa.pide_de("nuevo", nueva(22), true);
    assert!(matches!(&salidas[..], [Salida::Viaje(_)]));
}

#[test]
fn an_entry_waits_for_the_earlier_one_on_the_same_thing_and_others_do_not() {
    let mut mesa = Mesa::nueva(100);
    let primera = mesa.encola(pedido("devolucion", "k1", "A"));
    assert_eq!(mesa.encola(pedido("devolucion", "k2", "A")), 0, "behind it");
    assert_eq!(mesa.encola(pedido("prestamo", "k3", "A")), 0, "behind both");
    assert_ne!(mesa.encola(pedido("renovacion", "k4", "B")), 0);
    let salidas = mesa.resulta(primera, decidida());
    let segunda = salidas.iter().find_map(replay).unwrap();
    let salidas = mesa.resulta(segunda, decidida());
    assert!(salidas.iter().any(|salida| replay(salida).is_some()));
}

#[test]
fn a_synchronous_operation_waits_for_the_entry_before_it_with_what_is_left_of_its_time() {
    let mut mesa = Mesa::nueva(100);
    let seq = mesa.encola(pedido("devolucion", "k1", "A"));
    let (id, salidas) = mesa.pide_de("p", pedido("prestamo", "s", "A"), false);
    assert_eq!(salidas, []);
    mesa.ahora += Duration::from_millis(400);
    let salidas = mesa.resulta(seq, decidida());
    let pasada = salidas.iter().find_map(|salida| match salida {
        Salida::Pasar { id, plazo, .. } => Some((*id, *plazo)),
        _ => None,
    });
    assert_eq!(pasada, Some((id, Duration::from_millis(600))));
}

#[test]
fn a_synchronous_operation_whose_turn_does_not_come_was_certainly_not_applied() {
    let mut mesa = Mesa::nueva(100);
    let seq = mesa.encola(pedido("devolucion", "k1", "A"));
    let (id, _) = mesa.pide_de("p", pedido("prestamo", "s", "A"), false);
    let salidas = mesa.pasan(1_000);
    let vencida = Contestacion::Desenlace(Desenlace::NoAplicada(Causa::PlazoVencido));
    assert_eq!(dichas(&salidas), [(id, vencida)]);
    let salidas = mesa.resulta(seq, decidida());
    assert!(
        !salidas.iter().any(|s| matches!(s, Salida::Pasar { .. })),
        "{salidas:?}"
    );
}

#[test]
fn while_the_disk_hangs_a_client_is_told_in_time_that_its_outcome_is_not_known() {
    let mut mesa = Mesa::nueva(100);
    let (id, _) = mesa.pide(pedido("devolucion", "k1", "A"));
    let salidas = mesa.pasan(1_000);
    let dudosa = Contestacion::Desenlace(Desenlace::Incierta(Causa::PlazoVencido));
    assert_eq!(dichas(&salidas), [(id, dudosa)]);
    let salidas = mesa.vuelve(vec![Suerte::Hecha]);
    assert_eq!(dichas(&salidas), [], "once");
    assert!(salidas.iter().any(|salida| replay(salida).is_some()));
}
