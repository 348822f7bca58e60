//! The load manager's core: who gets which operation, and what becomes of those whose actor
//! dies, is silent, or never was there.

use std::time::Duration;

use biblioteca::carga::reparto::{Entrada, Salida};
use biblioteca::domain::operacion::Operacion;
use biblioteca::net::server::Par;
use biblioteca::wire::respuesta::{Causa, Desenlace};

use crate::decidida;
use crate::mesa::{Mesa, PLAZO, par, pedido};

fn destino(salidas: &[Salida]) -> Par {
    match salidas {
        [Salida::Enviar(par, _)] => par.clone(),
        otras => panic!("{otras:?}"),
    }
}

fn respuesta(salidas: Vec<Salida>) -> (u64, Desenlace) {
    match salidas.into_iter().next() {
        Some(Salida::Responder(id, _, desenlace)) => (id, desenlace),
        otra => panic!("{otra:?}"),
    }
}

#[test]
fn with_no_actor_of_its_kind_it_is_told_at_once() {
    let mut mesa = Mesa::nueva(10);
    mesa.latido("devoluciones", Operacion::Devolucion, 10);
    let salidas = mesa.pide(1, "prestamo");
    assert_eq!(
        respuesta(salidas),
        (1, Desenlace::NoAplicada(Causa::SinActores))
    );
}

#[test]
fn each_operation_goes_to_one_actor_the_least_busy() {
    let mut mesa = Mesa::nueva(10);
    mesa.latido("a", Operacion::Prestamo, 10);
    mesa.latido("b", Operacion::Prestamo, 10);
    let primero = destino(&mesa.pide(1, "prestamo"));
    let segundo = destino(&mesa.pide(2, "prestamo"));
    assert_ne!(primero, segundo);
    assert_eq!(mesa.reparto.estado().entregadas, 2);
}

#[test]
fn among_idle_actors_the_work_goes_round_and_the_same_inputs_give_the_same_turns() {
    let vuelta = || {
        let mut mesa = Mesa::nueva(10);
        for nombre in ["c", "a", "b"] {
            mesa.latido(nombre, Operacion::Prestamo, 10);
        }
        (1..=6)
            .map(|id| {
                let actor = destino(&mesa.pide(id, "prestamo"));
                mesa.resulta(std::str::from_utf8(&actor).unwrap(), id, decidida());
                actor
            })
            .collect::<Vec<_>>()
    };
    let primera = vuelta();
    assert_eq!(primera, ["a", "b", "c", "a", "b", "c"].map(par));
    assert_eq!(primera, vuelta());
}

#[test]
fn a_read_goes_to_any_actor() {
    let mut mesa = Mesa::nueva(10);
    mesa.latido("renueva", Operacion::Renovacion, 1);
    assert_eq!(destino(&mesa.pide(1, "consulta")), par("renueva"));
}

#[test]
fn beyond_its_credits_it_waits_and_beyond_the_queue_it_is_refused() {
    let mut mesa = Mesa::nueva(1);
    mesa.latido("a", Operacion::Prestamo, 1);
    mesa.pide(1, "prestamo");
    let espera = |mesa: &Mesa| mesa.reparto.edad_en_cola(mesa.ahora);
    assert_eq!(mesa.pide(2, "prestamo"), vec![]);
    mesa.pasan(30);
    assert_eq!(espera(&mesa), Duration::from_millis(30));
    let llena = mesa.pide(3, "prestamo");
    assert_eq!(
        respuesta(llena),
        (3, Desenlace::NoAplicada(Causa::ColaLlena))
    );
    let salidas = mesa.resulta("a", 1, decidida());
    assert!(
        matches!(&salidas[..], [Salida::Responder(1, ..), Salida::Enviar(..)]),
        "{salidas:?}"
    );
    assert_eq!(espera(&mesa), Duration::ZERO, "nobody waits");
}

#[test]
fn the_work_of_a_dead_actor_goes_to_another_once_and_then_ends_uncertain() {
    let mut mesa = Mesa::nueva(10);
    mesa.latido("a", Operacion::Prestamo, 10);
    mesa.pide(1, "prestamo");
    mesa.latido("b", Operacion::Prestamo, 10);
    assert_eq!(destino(&mesa.paso(Entrada::Ausente(par("a")))), par("b"));
    mesa.latido("c", Operacion::Prestamo, 10);
    let salidas = mesa.paso(Entrada::Ausente(par("b")));
    assert_eq!(
        respuesta(salidas),
        (1, Desenlace::Incierta(Causa::SinActores))
    );
}

/// Found by the simulator: the first actor had sent it on, and it was applied after its
/// client had heard NO_DISPONIBLE.
#[test]
fn what_a_second_actor_did_not_apply_is_uncertain_because_the_first_may_have() {
    for (dicho, causa) in [
        (
            Desenlace::NoAplicada(Causa::SinAlmacenamiento),
            Causa::SinAlmacenamiento,
        ),
        (Desenlace::NoAplicada(Causa::ColaLlena), Causa::ColaLlena),
        (Desenlace::EnEspera, Causa::SinAlmacenamiento),
        (Desenlace::Envenenada, Causa::FalloInterno),
    ] {
        let mut mesa = Mesa::nueva(10);
        mesa.latido("a", Operacion::Prestamo, 10);
        mesa.pide(1, "prestamo");
        mesa.latido("b", Operacion::Prestamo, 10);
        mesa.paso(Entrada::Ausente(par("a")));
        let salidas = mesa.resulta("b", 1, dicho);
        assert_eq!(respuesta(salidas), (1, Desenlace::Incierta(causa)));
    }
}

#[test]
fn an_actor_that_is_silent_for_a_second_is_dead_and_its_late_answer_still_counts() {
    let mut mesa = Mesa::nueva(10);
    mesa.latido("a", Operacion::Prestamo, 10);
    mesa.pide(1, "prestamo");
    mesa.ahora += Duration::from_millis(900);
    mesa.latido("b", Operacion::Prestamo, 10);
    assert_eq!(destino(&mesa.pasan(200)), par("b"));
    mesa.latido("a", Operacion::Prestamo, 10);
    let tarde = mesa.resulta("a", 1, Desenlace::Incierta(Causa::PlazoVencido));
    assert_eq!(
        tarde,
        vec![],
        "only its holder may say that it does not know"
    );
    let salidas = mesa.resulta("a", 1, decidida());
    assert_eq!(respuesta(salidas), (1, decidida()));
    assert_eq!(mesa.reparto.estado().entregadas, 0);
}

#[test]
fn when_its_time_is_over_it_is_uncertain_if_handed_over_and_not_applied_if_it_waited() {
    let mut mesa = Mesa::nueva(10);
    mesa.latido("a", Operacion::Prestamo, 1);
    mesa.pide(1, "prestamo");
    mesa.pide(2, "prestamo");
    let mut salidas = Vec::new();
    for _ in 0..10 {
        mesa.latido("a", Operacion::Prestamo, 1);
        salidas.extend(mesa.pasan(250));
    }
    let desenlaces: Vec<_> = salidas
        .into_iter()
        .map(|salida| respuesta(vec![salida]))
        .collect();
    assert_eq!(
        desenlaces,
        [
            (1, Desenlace::Incierta(Causa::PlazoVencido)),
            (2, Desenlace::NoAplicada(Causa::PlazoVencido))
        ]
    );
    assert_eq!(mesa.reparto.estado().en_cola, 0);
}

#[test]
fn it_ends_at_its_deadline_and_the_actor_gets_less_time() {
    let mut mesa = Mesa::nueva(10);
    mesa.latido("a", Operacion::Prestamo, 1);
    match &mesa.pide(1, "prestamo")[..] {
        [Salida::Enviar(_, encargo)] => assert!((1_500..2_100).contains(&encargo.plazo_ms)),
        otras => panic!("{otras:?}"),
    }
    mesa.ahora += Duration::from_millis(1_500);
    mesa.latido("a", Operacion::Prestamo, 1);
    assert_eq!(mesa.pasan(850), vec![]);
    assert!(!mesa.pasan(150).is_empty());
}

#[test]
fn a_replay_grows_older_while_it_waits_for_an_actor() {
    let mut mesa = Mesa::nueva(10);
    mesa.latido("a", Operacion::Devolucion, 1);
    mesa.pide(1, "devolucion");
    mesa.paso(Entrada::Pedido {
        id: 2,
        par: None,
        pedido: pedido("devolucion"),
        plazo: PLAZO,
        edad_ms: Some(60_000),
    });
    mesa.ahora += Duration::from_millis(300);
    match &mesa.resulta("a", 1, decidida())[..] {
        [Salida::Responder(1, ..), Salida::Enviar(_, encargo)] => {
            assert_eq!(encargo.edad_ms, Some(60_300));
        }
        otras => panic!("{otras:?}"),
    }
}

#[test]
fn who_says_goodbye_gets_nothing_more_and_finishes_what_it_has() {
    let mut mesa = Mesa::nueva(10);
    mesa.latido("a", Operacion::Prestamo, 10);
    mesa.pide(1, "prestamo");
    mesa.paso(Entrada::Adios(par("a")));
    let salidas = mesa.pide(2, "prestamo");
    assert_eq!(
        respuesta(salidas),
        (2, Desenlace::NoAplicada(Causa::SinActores))
    );
    let salidas = mesa.resulta("a", 1, decidida());
    assert_eq!(respuesta(salidas), (1, decidida()));
}

/// Its goodbye went nowhere: the carga, or the connection, was not there yet.
#[test]
fn who_comes_while_leaving_gets_nothing() {
    let mut mesa = Mesa::nueva(10);
    mesa.latido("a", Operacion::Prestamo, 0);
    let salidas = mesa.pide(1, "prestamo");
    assert_eq!(
        respuesta(salidas),
        (1, Desenlace::NoAplicada(Causa::SinActores))
    );
    mesa.latido("b", Operacion::Prestamo, 10);
    assert!(matches!(
        &mesa.pide(2, "prestamo")[..],
        [Salida::Enviar(quien, _)] if *quien == par("b")
    ));
}

#[test]
fn those_who_wait_are_told_when_the_last_actor_of_their_kind_dies() {
    let mut mesa = Mesa::nueva(10);
    mesa.latido("a", Operacion::Prestamo, 1);
    mesa.pide(1, "prestamo");
    mesa.pide(2, "prestamo");
    let salidas = mesa.paso(Entrada::Ausente(par("a")));
    let desenlaces: Vec<_> = salidas
        .into_iter()
        .map(|salida| respuesta(vec![salida]))
        .collect();
    assert_eq!(
        desenlaces,
        [
            (1, Desenlace::Incierta(Causa::SinActores)),
            (2, Desenlace::NoAplicada(Causa::SinActores))
        ]
    );
}

const AISLADO: Desenlace = Desenlace::NoAplicada(Causa::SinAlmacenamiento);

/// It answers at once, so it would be the least busy for ever.
#[test]
fn what_an_actor_without_almacenamiento_refuses_goes_to_one_that_may_have_one() {
    let mut mesa = Mesa::nueva(10);
    mesa.latido("a", Operacion::Prestamo, 10);
    mesa.latido("b", Operacion::Prestamo, 10);
    assert_eq!(destino(&mesa.pide(1, "prestamo")), par("a"));
    match &mesa.resulta("a", 1, AISLADO)[..] {
        [Salida::Enviar(otro, encargo)] => {
            assert_eq!((otro, encargo.intento), (&par("b"), 2));
            assert!(encargo.plazo_ms < 2_100, "within the same deadline");
        }
        otras => panic!("{otras:?}"),
    }
    for id in 2..6 {
        assert_eq!(destino(&mesa.pide(id, "prestamo")), par("b"));
    }
    let salidas = mesa.resulta("b", 1, decidida());
    assert_eq!(respuesta(salidas), (1, decidida()));
    // After a second it may know more; the busy one is not all there is.
    mesa.ahora += Duration::from_millis(1_001);
    mesa.latido("b", Operacion::Prestamo, 10);
    mesa.latido("a", Operacion::Prestamo, 10);
    assert_eq!(destino(&mesa.pide(7, "prestamo")), par("a"));
    assert_eq!(mesa.reparto.estado().entregadas, 5);
}

#[test]
fn when_no_actor_reaches_an_almacenamiento_it_is_certainly_not_applied_and_told_at_once() {
    let mut mesa = Mesa::nueva(10);
    mesa.latido("a", Operacion::Prestamo, 10);
    mesa.latido("b", Operacion::Prestamo, 10);
    mesa.pide(1, "prestamo");
    assert_eq!(destino(&mesa.resulta("a", 1, AISLADO)), par("b"));
    assert_eq!(respuesta(mesa.resulta("b", 1, AISLADO)), (1, AISLADO));
    // Both are known to reach none: nobody else is bothered.
    let unico = destino(&mesa.pide(2, "prestamo"));
    let unico = std::str::from_utf8(&unico).unwrap();
    assert_eq!(respuesta(mesa.resulta(unico, 2, AISLADO)), (2, AISLADO));
    assert_eq!(mesa.reparto.estado().entregadas, 0);
}

#[test]
fn the_no_of_an_actor_never_makes_certain_what_a_lost_one_left_uncertain() {
    let incierta = |causa| Desenlace::Incierta(causa);
    let mut mesa = Mesa::nueva(10);
    mesa.latido("a", Operacion::Prestamo, 10);
    mesa.pide(1, "prestamo");
    mesa.latido("b", Operacion::Prestamo, 10);
    mesa.latido("c", Operacion::Prestamo, 10);
    mesa.paso(Entrada::Ausente(par("a")));
    let fin = mesa.resulta("b", 1, AISLADO);
    assert_eq!(respuesta(fin), (1, incierta(Causa::SinAlmacenamiento)));
    // And the other way round: the second one is lost with it.
    assert_eq!(destino(&mesa.pide(2, "prestamo")), par("c"));
    mesa.latido("d", Operacion::Prestamo, 10);
    assert_eq!(destino(&mesa.resulta("c", 2, AISLADO)), par("d"));
    let fin = mesa.paso(Entrada::Ausente(par("d")));
    assert_eq!(respuesta(fin), (2, incierta(Causa::SinActores)));
}

#[test]
fn what_waits_for_credits_after_a_certain_no_ends_as_certainly_not_applied() {
    let mut mesa = Mesa::nueva(10);
    mesa.latido("a", Operacion::Prestamo, 1);
    mesa.latido("b", Operacion::Prestamo, 1);
    mesa.pide(1, "prestamo");
    mesa.pide(2, "prestamo");
    // The other one is busy: nobody can take it now, and the client repeats.
    assert_eq!(respuesta(mesa.resulta("a", 1, AISLADO)), (1, AISLADO));
    // New work waits for the one that reaches an almacenamiento.
    assert_eq!(mesa.pide(3, "prestamo"), vec![]);
    let salidas = mesa.resulta("b", 2, decidida());
    assert!(
        matches!(&salidas[..], [Salida::Responder(2, ..), Salida::Enviar(otro, _)] if *otro == par("b")),
        "{salidas:?}"
    );
}
