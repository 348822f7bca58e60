//! The retry core in simulated time.

#![allow(clippy::panic)]

use super::*;
use serde_json::json;

const LIMITES: Limites = Limites {
    intentos_max: 5,
    total_ms: 20_000,
    intento_ms: 3_000,
    espera_base_ms: 50,
    espera_max_ms: 2_000,
};

fn respuesta(estado: Estado) -> RespuestaCliente {
    RespuestaCliente {
        exito: estado.exito(),
        mensaje: String::new(),
        fecha_operacion: String::new(),
        datos: json!({"reintentar_ms": 400}),
        op_id: None,
        estado,
        codigo: None,
        repetida: false,
        id: None,
    }
}

fn nuevo(cargas: usize) -> Reintento {
    Reintento::nuevo(LIMITES, cargas, 0, false, Azar::con_semilla(7))
}

fn contesta(carga: usize, intento: u32, estado: Estado) -> Entrada {
    Entrada::Respuesta {
        carga,
        intento,
        respuesta: respuesta(estado),
    }
}

/// Answers every attempt by `mundo` and lets simulated time pass; the carga and the time of
/// each send, and the end.
fn simular(
    reintento: &mut Reintento,
    mundo: impl Fn(usize, u32) -> Option<Entrada>,
) -> (Vec<(usize, u64)>, Final) {
    let (mut ahora_ms, mut envios) = (1_000, Vec::new());
    let mut salida = reintento.step(ahora_ms, Entrada::Inicio);
    loop {
        salida = match salida {
            Salida::Enviar {
                carga,
                intento,
                hasta_ms,
            } => {
                envios.push((carga, ahora_ms));
                match mundo(carga, intento) {
                    Some(entrada) => reintento.step(ahora_ms, entrada),
                    None => Salida::Esperar { hasta_ms },
                }
            }
            Salida::Esperar { hasta_ms } => {
                ahora_ms = ahora_ms.max(hasta_ms);
                reintento.step(ahora_ms, Entrada::Reloj)
            }
            Salida::Fin(fin) => return (envios, fin),
        };
    }
}

#[test]
fn a_decision_ends_it_at_once() {
    for estado in [
        Estado::Confirmado,
        Estado::Encolado,
        Estado::Rechazado,
        Estado::Invalido,
    ] {
        let (envios, fin) = simular(&mut nuevo(2), |c, i| Some(contesta(c, i, estado)));
        assert_eq!(envios, [(0, 1_000)]);
        assert_eq!(fin.estado(), estado);
    }
}

#[test]
fn silence_and_failures_go_to_the_next_carga_within_the_backoff() {
    let (envios, fin) = simular(&mut nuevo(2), |carga, intento| match carga {
        0 => None,
        _ => Some(contesta(carga, intento, Estado::Confirmado)),
    });
    assert_eq!((envios[0].0, envios[1].0, envios.len()), (0, 1, 2));
    let espera = envios[1].1 - envios[0].1 - LIMITES.intento_ms;
    assert!(espera <= LIMITES.espera_base_ms);
    assert!(matches!(
        fin,
        Final::Decidida {
            carga: 1,
            intentos: 2,
            ..
        }
    ));
}

#[test]
fn the_attempt_limit_ends_in_the_last_answer() {
    let (envios, fin) = simular(&mut nuevo(3), |c, i| {
        Some(contesta(c, i, Estado::NoDisponible))
    });
    let cargas: Vec<usize> = envios.iter().map(|(carga, _)| *carga).collect();
    assert_eq!(cargas, [0, 1, 2, 0, 1]);
    assert_eq!(fin.estado(), Estado::NoDisponible);
    assert_eq!(fin.intentos(), 5);
}

#[test]
fn one_attempt_that_may_be_applied_outweighs_the_later_ones() {
    let (_, fin) = simular(&mut nuevo(2), |c, i| match i {
        1 => Some(Entrada::Caida { carga: c }),
        _ => Some(contesta(c, i, Estado::NoDisponible)),
    });
    assert_eq!(fin.estado(), Estado::Desconocido);
    let (_, nunca) = simular(&mut nuevo(2), |_, _| Some(Entrada::NoEnviada));
    assert_eq!(nunca.estado(), Estado::NoDisponible);
    assert!(nunca.respuesta().is_none());
    let mut vieja = Reintento::nuevo(LIMITES, 1, 0, true, Azar::con_semilla(1));
    let (_, vieja) = simular(&mut vieja, |_, _| Some(Entrada::NoEnviada));
    assert_eq!(vieja.estado(), Estado::Desconocido);
}

#[test]
fn the_total_deadline_is_never_passed() {
    let mut reintento = Reintento::nuevo(
        Limites {
            intentos_max: 1_000,
            ..LIMITES
        },
        2,
        0,
        false,
        Azar::con_semilla(3),
    );
    let (envios, fin) = simular(&mut reintento, |_, _| None);
    assert!(envios.iter().all(|(_, ms)| *ms < 1_000 + LIMITES.total_ms));
    assert!(envios.len() >= 4);
    assert_eq!(fin.estado(), Estado::Desconocido);
}

#[test]
fn ocupado_waits_as_long_as_it_was_asked() {
    let (envios, _) = simular(&mut nuevo(1), |c, i| match i {
        1 => Some(contesta(c, i, Estado::Ocupado)),
        _ => Some(contesta(c, i, Estado::Confirmado)),
    });
    let espera = envios[1].1 - envios[0].1;
    assert!((400..=450).contains(&espera), "{espera}");
}

#[test]
fn late_answers_count_only_when_they_decide() {
    let mut reintento = nuevo(2);
    reintento.step(0, Entrada::Inicio);
    let Salida::Esperar { hasta_ms } = reintento.step(3_000, Entrada::Reloj) else {
        panic!("a pause was due");
    };
    assert!(matches!(
        reintento.step(hasta_ms, Entrada::Reloj),
        Salida::Enviar {
            carga: 1,
            intento: 2,
            ..
        }
    ));
    assert!(matches!(
        reintento.step(hasta_ms + 1, contesta(0, 1, Estado::NoDisponible)),
        Salida::Esperar { .. }
    ));
    assert!(matches!(
        reintento.step(hasta_ms + 2, Entrada::Caida { carga: 0 }),
        Salida::Esperar { .. }
    ));
    let fin = reintento.step(hasta_ms + 3, contesta(0, 1, Estado::Confirmado));
    assert!(matches!(
        fin,
        Salida::Fin(Final::Decidida {
            carga: 0,
            intentos: 2,
            ..
        })
    ));
}

#[test]
fn stopping_lets_the_attempt_under_way_end_and_starts_no_other() {
    let mut reintento = nuevo(2);
    reintento.step(0, Entrada::Inicio);
    assert!(matches!(
        reintento.step(10, Entrada::Parar),
        Salida::Esperar { hasta_ms: 3_000 }
    ));
    assert!(matches!(
        reintento.step(3_000, Entrada::Reloj),
        Salida::Fin(_)
    ));
    let mut en_pausa = nuevo(2);
    en_pausa.step(0, Entrada::Inicio);
    en_pausa.step(1, contesta(0, 1, Estado::Ocupado));
    assert!(matches!(en_pausa.step(2, Entrada::Parar), Salida::Fin(_)));
}

#[test]
fn the_jitter_is_the_same_for_the_same_seed_and_stays_in_its_bounds() {
    let tirar = |semilla| {
        let mut azar = Azar::con_semilla(semilla);
        (0..100).map(|_| azar.hasta(9)).collect::<Vec<_>>()
    };
    assert_eq!(tirar(1), tirar(1));
    assert_ne!(tirar(1), tirar(2));
    assert!((0..=9).all(|n| tirar(1).contains(&n)));
    assert!(tirar(1).iter().all(|n| *n <= 9));
}
