//! An actor's breakers: ABIERTO lasts as long as the customer says, unless the endpoint was
//! gone and comes back; of all that wait one is the probe.

use std::ops::Range;
use std::time::Duration;

use biblioteca::actores::relevo::{Entrada, Salida};
use biblioteca::domain::operacion::Operacion;
use biblioteca::runtime::breaker::EstadoBreaker;
use biblioteca::wire::mensaje::Disposicion;
use biblioteca::wire::respuesta::{Causa, Desenlace, Estado};

use crate::decidida;
use crate::relevo::{Mesa, encargo, enviado, respondido};

/// Time passes, and the endpoint beats all the while.
fn pasan_latiendo(mesa: &mut Mesa, almacen: usize, ms: u64) -> Vec<Salida> {
    let mut salidas = Vec::new();
    for _ in 0..ms / 250 {
        mesa.ahora += Duration::from_millis(250);
        salidas.extend(mesa.listo(almacen));
        salidas.extend(mesa.paso(Entrada::Tic));
    }
    salidas
}

/// Three operations that the endpoint swallows, and another second until they have ended.
fn abrir_con_silencios(mesa: &mut Mesa) {
    mesa.listo(0);
    for id in 0..3 {
        enviado(&mesa.encarga(id));
    }
    pasan_latiendo(mesa, 0, 2_000);
    assert_eq!(breaker_de(mesa), EstadoBreaker::Abierto);
    assert_eq!(mesa.relevo.en_curso(), 0);
}

fn breaker_de(mesa: &Mesa) -> EstadoBreaker {
    breaker_del(mesa, 0)
}

fn breaker_del(mesa: &Mesa, almacen: usize) -> EstadoBreaker {
    mesa.relevo.estado(mesa.ahora)[almacen].breaker
}

/// The customer's document: ABIERTO lasts 10 s. Beating is not working.
#[test]
fn an_endpoint_that_beats_and_fails_gets_no_operation_for_ten_seconds() {
    let mut mesa = Mesa::nueva(1);
    abrir_con_silencios(&mut mesa);
    pasan_latiendo(&mut mesa, 0, 3_000);
    let salidas = mesa.encarga(10);
    assert_eq!(
        respondido(&salidas),
        Desenlace::NoAplicada(Causa::SinAlmacenamiento),
        "told at once: nobody takes the place of one that is there"
    );
    pasan_latiendo(&mut mesa, 0, 5_500);
    assert_eq!(breaker_de(&mesa), EstadoBreaker::Abierto, "9.5 s");
    pasan_latiendo(&mut mesa, 0, 500);
    assert_eq!(breaker_de(&mesa), EstadoBreaker::MedioAbierto);
    enviado(&mesa.encarga(11));
    assert_eq!(mesa.encarga(12), vec![], "one probe");
}

#[test]
fn an_endpoint_that_comes_back_gets_its_probe_at_once() {
    let vuelve: [fn(&mut Mesa); 4] = [
        |mesa| drop(mesa.paso(Entrada::Desconectado(0))),
        |mesa| drop(mesa.estado(0, Disposicion::NoListo)),
        |mesa| drop(mesa.estado(0, Disposicion::EnEspera)),
        |mesa| mesa.ahora += Duration::from_millis(1_001),
    ];
    for falta in vuelve {
        let mut mesa = Mesa::nueva(1);
        abrir_con_silencios(&mut mesa);
        falta(&mut mesa);
        assert_eq!(breaker_de(&mesa), EstadoBreaker::Abierto);
        mesa.listo(0);
        assert_eq!(breaker_de(&mesa), EstadoBreaker::MedioAbierto);
        enviado(&mesa.encarga(10));
    }
}

/// Fault case 29, with everything that an actor holds: of those kept back when the ten seconds
/// end one goes; its failure frees nobody, its answer frees all.
#[test]
fn of_all_that_wait_at_the_end_of_the_ten_seconds_one_is_the_probe() {
    let mut mesa = Mesa::nueva(1);
    abrir_con_silencios(&mut mesa);
    pasan_latiendo(&mut mesa, 0, 10_000);
    let encargos = (100..300).map(|id| encargo(id, 2_000)).collect();
    let (_, sonda) = enviado(&mesa.paso(Entrada::Encargos(0, encargos)));
    let libres = mesa.resulta(0, sonda, decidida());
    let enviados = libres.iter().filter(|s| matches!(s, Salida::Enviar(..)));
    assert_eq!(enviados.count(), 199);
}

/// Fault case 30: its time ends it, and the next one goes.
#[test]
fn a_probe_that_is_never_answered_gives_its_permit_back() {
    let mut mesa = Mesa::nueva(1);
    abrir_con_silencios(&mut mesa);
    pasan_latiendo(&mut mesa, 0, 10_000);
    enviado(&mesa.encarga(10));
    pasan_latiendo(&mut mesa, 0, 2_000);
    assert_eq!(
        breaker_de(&mesa),
        EstadoBreaker::Abierto,
        "the probe failed"
    );
    pasan_latiendo(&mut mesa, 0, 10_000);
    enviado(&mesa.encarga(11));
}

/// Fault case 31: slow, but under every limit.
#[test]
fn an_endpoint_that_answers_slowly_loses_its_turn_to_another_and_is_not_broken() {
    let mut mesa = Mesa::nueva(2);
    mesa.listo(0);
    mesa.listo(1);
    let (lento, id) = enviado(&mesa.encarga(1));
    mesa.ahora += Duration::from_millis(501);
    mesa.resulta(lento, id, decidida());
    for id in 2..10 {
        let (otro, id) = enviado(&mesa.encarga(id));
        assert_ne!(otro, lento);
        mesa.resulta(otro, id, decidida());
    }
    let estados = mesa.relevo.estado(mesa.ahora);
    assert!(estados.iter().all(|e| e.breaker == EstadoBreaker::Cerrado));
}

/// A rule's no is an answer, however often it comes.
#[test]
fn refusals_never_open_the_breaker() {
    let mut mesa = Mesa::nueva(1);
    mesa.listo(0);
    let Desenlace::Decidida(mut rechazo) = decidida() else {
        unreachable!("a decision")
    };
    rechazo.estado = Estado::Rechazado;
    for id in 0..10 {
        let (_, numero) = enviado(&mesa.encarga(id));
        let dicho = Desenlace::Decidida(rechazo.clone());
        assert_eq!(respondido(&mesa.resulta(0, numero, dicho.clone())), dicho);
    }
    assert_eq!(breaker_de(&mesa), EstadoBreaker::Cerrado);
}

/// Operations that have hardly any time left, one after the other; the endpoint beats and
/// answers none of them in time.
fn con_prisa(mesa: &mut Mesa, ids: Range<u64>) -> Vec<u64> {
    let mut envios = Vec::new();
    for id in ids {
        let prisa = vec![encargo(id, 100)];
        let mut salidas = mesa.paso(Entrada::Encargos(0, prisa));
        mesa.ahora += Duration::from_millis(100);
        salidas.extend(mesa.listo(0));
        salidas.extend(mesa.paso(Entrada::Tic));
        envios.extend(salidas.into_iter().filter_map(|salida| match salida {
            Salida::Enviar(_, encargo) => Some(encargo.id),
            _ => None,
        }));
    }
    envios
}

/// A client may name a deadline of 100 ms, and a queue may leave no more: a commit that takes
/// longer than that is no failure, and what comes of it says so.
#[test]
fn what_is_answered_soon_after_does_not_open_it_however_short_the_deadline() {
    let mut mesa = Mesa::nueva(1);
    mesa.listo(0);
    for ronda in 0..10 {
        for envio in con_prisa(&mut mesa, 4 * ronda..4 * ronda + 4) {
            assert_eq!(mesa.resulta(0, envio, decidida()), vec![], "nobody waits");
        }
    }
    pasan_latiendo(&mut mesa, 0, 2_000);
    assert_eq!(breaker_de(&mesa), EstadoBreaker::Cerrado);
}

#[test]
fn silence_opens_it_however_short_the_deadline() {
    let mut mesa = Mesa::nueva(1);
    mesa.listo(0);
    con_prisa(&mut mesa, 0..7);
    assert_eq!(breaker_de(&mesa), EstadoBreaker::Cerrado, "0.7 s");
    con_prisa(&mut mesa, 7..10);
    assert_eq!(breaker_de(&mesa), EstadoBreaker::Abierto, "1.0 s");
}

/// Otherwise its silence of before would open the breaker of one that is back.
#[test]
fn an_endpoint_that_goes_or_says_that_it_cannot_is_judged_at_once() {
    let va: [fn(&mut Mesa); 4] = [
        |mesa| drop(mesa.paso(Entrada::Desconectado(0))),
        |mesa| drop(mesa.estado(0, Disposicion::NoListo)),
        |mesa| {
            let (_, id) = enviado(&mesa.encarga(9));
            mesa.paso(Entrada::SinEnviar(0, vec![id]));
        },
        |mesa| {
            let (_, id) = enviado(&mesa.encarga(9));
            mesa.resulta(0, id, Desenlace::EnEspera);
        },
    ];
    for falta in va {
        let mut mesa = Mesa::nueva(1);
        mesa.listo(0);
        con_prisa(&mut mesa, 0..3);
        assert_eq!(breaker_de(&mesa), EstadoBreaker::Cerrado);
        falta(&mut mesa);
        assert_eq!(breaker_de(&mesa), EstadoBreaker::Abierto);
        mesa.listo(0);
        assert_eq!(breaker_de(&mesa), EstadoBreaker::MedioAbierto);
        pasan_latiendo(&mut mesa, 0, 750);
        assert_eq!(
            breaker_de(&mesa),
            EstadoBreaker::MedioAbierto,
            "no more of it"
        );
    }
}

#[test]
fn what_runs_out_of_time_while_its_endpoint_cannot_is_judged_at_once() {
    let mut mesa = Mesa::nueva(1);
    mesa.listo(0);
    let encargos = (0..3).map(|id| encargo(id, 100)).collect();
    mesa.paso(Entrada::Encargos(0, encargos));
    mesa.estado(0, Disposicion::NoListo);
    mesa.ahora += Duration::from_millis(100);
    mesa.paso(Entrada::Tic);
    assert_eq!(breaker_de(&mesa), EstadoBreaker::Abierto);
    mesa.listo(0);
    assert_eq!(breaker_de(&mesa), EstadoBreaker::MedioAbierto);
}

/// Late decisions of the first endpoint end operations that the second one has had for a second,
/// of the two and a half that it may take.
#[test]
fn an_endpoint_has_the_whole_time_of_an_attempt_also_when_nobody_waits_for_it_any_more() {
    let mut mesa = Mesa::nueva(2);
    mesa.listo(0);
    mesa.listo(1);
    let encargos = (0..3).map(|id| encargo(id, 8_000)).collect();
    let salidas = mesa.paso(Entrada::Encargos(0, encargos));
    let envios: Vec<u64> = salidas
        .into_iter()
        .map(|salida| enviado(&[salida]))
        .map(|(almacen, envio)| {
            assert_eq!(almacen, 0);
            envio
        })
        .collect();
    let laten = |mesa: &mut Mesa, ms: u64| {
        for _ in 0..ms / 250 {
            pasan_latiendo(mesa, 0, 250);
            mesa.listo(1);
        }
    };
    laten(&mut mesa, 4_000);
    assert_eq!(breaker_de(&mesa), EstadoBreaker::Abierto);
    for envio in envios {
        mesa.resulta(0, envio, decidida());
    }
    assert_eq!(mesa.relevo.en_curso(), 0);
    laten(&mut mesa, 1_000);
    assert_eq!(breaker_del(&mesa, 1), EstadoBreaker::Cerrado);
}

/// Fault case 33: a batch that takes half a second, again and again, leaves many behind.
#[test]
fn an_endpoint_that_decides_others_is_slow_and_not_broken_until_it_decides_nothing() {
    let mut mesa = Mesa::nueva(1);
    mesa.listo(0);
    let (_, primero) = enviado(&mesa.encarga(1));
    mesa.resulta(0, primero, decidida());
    for vuelta in 1..10 {
        let mut envios = Vec::new();
        for id in 0..8 {
            envios.push(enviado(&mesa.encarga(vuelta * 100 + id)).1);
        }
        pasan_latiendo(&mut mesa, 0, 1_250);
        mesa.resulta(0, envios[0], decidida());
        assert_eq!(breaker_de(&mesa), EstadoBreaker::Cerrado, "round {vuelta}");
    }
    for id in 2_000..2_003 {
        enviado(&mesa.encarga(id));
    }
    pasan_latiendo(&mut mesa, 0, 2_750);
    assert_eq!(
        breaker_de(&mesa),
        EstadoBreaker::Cerrado,
        "it decided 2.75 s ago"
    );
    for id in 2_100..2_103 {
        enviado(&mesa.encarga(id));
    }
    pasan_latiendo(&mut mesa, 0, 1_000);
    assert_eq!(breaker_de(&mesa), EstadoBreaker::Abierto);
}

/// What it decided before it went says nothing of what it has not answered.
#[test]
fn an_endpoint_that_goes_is_judged_at_once_whatever_it_decided_before() {
    let mut mesa = Mesa::nueva(1);
    mesa.listo(0);
    let (_, primero) = enviado(&mesa.encarga(1));
    let ids = con_prisa(&mut mesa, 10..13);
    mesa.resulta(0, primero, decidida());
    assert_eq!(breaker_de(&mesa), EstadoBreaker::Cerrado);
    assert_eq!(ids.len(), 3);
    mesa.paso(Entrada::Desconectado(0));
    assert_eq!(breaker_de(&mesa), EstadoBreaker::Abierto);
}

/// A read says nothing of how loans fare.
#[test]
fn reads_in_a_hurry_do_not_open_it() {
    let mut mesa = Mesa::nueva(1);
    mesa.listo(0);
    for id in 0..10 {
        let mut lectura = encargo(id, 100);
        lectura.pedido.operacion = Operacion::Consulta;
        enviado(&mesa.paso(Entrada::Encargos(0, vec![lectura])));
        mesa.ahora += Duration::from_millis(100);
        mesa.paso(Entrada::Tic);
    }
    pasan_latiendo(&mut mesa, 0, 2_000);
    assert_eq!(breaker_de(&mesa), EstadoBreaker::Cerrado);
}

/// The first endpoint's late decision ends the operation while the second has it as its probe.
#[test]
fn a_probe_that_nobody_waits_for_any_more_is_judged_all_the_same() {
    let mut mesa = Mesa::nueva(2);
    mesa.listo(1);
    let encargos = (0..3).map(|id| encargo(id, 100)).collect();
    mesa.paso(Entrada::Encargos(0, encargos));
    mesa.paso(Entrada::Desconectado(1));
    mesa.ahora += Duration::from_millis(100);
    mesa.paso(Entrada::Tic);
    mesa.listo(0);
    mesa.listo(1);
    assert_eq!(breaker_del(&mesa, 1), EstadoBreaker::MedioAbierto);
    let (primero, envio) = enviado(&mesa.encarga(10));
    assert_eq!(primero, 0);
    mesa.ahora += Duration::from_millis(1_000);
    mesa.listo(0);
    mesa.listo(1);
    let (otro, sonda) = enviado(&mesa.paso(Entrada::Tic));
    assert_eq!(otro, 1, "the probe");
    mesa.resulta(0, envio, decidida());
    assert_eq!(mesa.resulta(1, sonda, decidida()), vec![]);
    assert_eq!(breaker_del(&mesa, 1), EstadoBreaker::Cerrado);
}

/// It keeps its permit: one probe at a time, also of those in a hurry.
#[test]
fn a_probe_in_a_hurry_is_judged_by_what_comes_of_it() {
    for contesta in [true, false] {
        let mut mesa = Mesa::nueva(1);
        abrir_con_silencios(&mut mesa);
        pasan_latiendo(&mut mesa, 0, 10_000);
        let sondas = con_prisa(&mut mesa, 10..15);
        assert_eq!(sondas.len(), 1, "{sondas:?}");
        assert_eq!(breaker_de(&mesa), EstadoBreaker::MedioAbierto);
        if contesta {
            mesa.resulta(0, sondas[0], decidida());
            assert_eq!(breaker_de(&mesa), EstadoBreaker::Cerrado);
        } else {
            pasan_latiendo(&mut mesa, 0, 1_000);
            assert_eq!(breaker_de(&mesa), EstadoBreaker::Abierto);
        }
    }
}
