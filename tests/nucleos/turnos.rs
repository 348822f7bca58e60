//! Whose operation goes to the actors next: one connection that floods makes nobody wait for
//! its work, and is held back only while somebody else asks.

use std::time::Duration;

use biblioteca::carga::reparto::{Entrada, Salida};
use biblioteca::domain::operacion::Operacion;

use crate::decidida;
use crate::mesa::{Mesa, par};

/// More than any of these tests asks for.
const CREDITOS: u32 = 2_048;

fn con_actor(creditos: u32) -> Mesa {
    let mut mesa = Mesa::nueva(5_000);
    mesa.latido("a", Operacion::Prestamo, creditos);
    mesa
}

fn entregadas(salidas: &[Salida]) -> Vec<u64> {
    let ids = salidas.iter().filter_map(|salida| match salida {
        Salida::Enviar(_, encargo) => Some(encargo.id),
        Salida::Responder(..) => None,
    });
    ids.collect()
}

/// How many of `cuantas` loans that `quien` asks for at once go to an actor.
fn pide_muchas(mesa: &mut Mesa, quien: Option<&str>, desde: u64, cuantas: u64) -> usize {
    let ids = desde..desde + cuantas;
    ids.map(|id| entregadas(&mesa.pide_de(quien, id, "prestamo")).len())
        .sum()
}

#[test]
fn a_connection_that_is_alone_may_have_all_that_the_actors_take() {
    let mut mesa = con_actor(CREDITOS);
    assert_eq!(pide_muchas(&mut mesa, Some("sola"), 0, 2_048), 2_048);
}

#[test]
fn beside_one_that_asks_for_little_a_flood_has_a_small_share_and_the_rest_waits() {
    let mut mesa = con_actor(CREDITOS);
    assert_eq!(pide_muchas(&mut mesa, Some("poca"), 9_000, 1), 1);
    assert_eq!(pide_muchas(&mut mesa, Some("mucha"), 0, 500), 16);
    assert_eq!(mesa.reparto.estado().en_cola, 484);
    // The other's next one goes straight to an actor.
    assert_eq!(pide_muchas(&mut mesa, Some("poca"), 9_001, 1), 1);
    // As one is decided the next of the flood's goes, in the order in which they came.
    assert_eq!(entregadas(&mesa.resulta("a", 0, decidida())), [16]);
    assert_eq!(entregadas(&mesa.resulta("a", 1, decidida())), [17]);
    // What the other one gets decided frees nothing for the flood.
    let salidas = mesa.resulta("a", 9_000, decidida());
    assert_eq!(entregadas(&salidas), Vec::<u64>::new());
}

#[test]
fn the_share_counts_all_kinds_together_and_none_of_them_waits_for_the_end_of_another() {
    let mut mesa = con_actor(CREDITOS);
    mesa.latido("b", Operacion::Devolucion, CREDITOS);
    pide_muchas(&mut mesa, Some("poca"), 9_000, 1);
    assert_eq!(pide_muchas(&mut mesa, Some("mucha"), 0, 100), 16);
    let devuelve = |mesa: &mut Mesa, id| mesa.pide_de(Some("mucha"), id, "devolucion");
    assert_eq!(devuelve(&mut mesa, 100), []);
    assert_eq!(devuelve(&mut mesa, 101), []);
    let mut van = Vec::new();
    for id in 0..4 {
        van.extend(entregadas(&mesa.resulta("a", id, decidida())));
    }
    van.sort_unstable();
    assert_eq!(van, [16, 17, 100, 101], "loans and returns in turn");
}

#[test]
fn once_nobody_else_asks_the_flood_has_everything_again() {
    let mut mesa = con_actor(CREDITOS);
    pide_muchas(&mut mesa, Some("poca"), 9_000, 1);
    mesa.resulta("a", 9_000, decidida());
    assert_eq!(pide_muchas(&mut mesa, Some("mucha"), 0, 500), 16);
    assert_eq!(mesa.pasan(500), [], "it may ask again at any moment");
    mesa.latido("a", Operacion::Prestamo, CREDITOS);
    assert_eq!(entregadas(&mesa.pasan(501)).len(), 484);
}

#[test]
fn those_who_wait_take_turns() {
    let mut mesa = con_actor(1);
    pide_muchas(&mut mesa, Some("primera"), 0, 4);
    pide_muchas(&mut mesa, Some("segunda"), 10, 2);
    let orden = [0, 1, 10, 2, 11, 3].map(|id| entregadas(&mesa.resulta("a", id, decidida())));
    assert_eq!(orden.concat(), [1, 10, 2, 11, 3]);
}

#[test]
fn those_who_all_ask_for_much_share_two_commits() {
    let mut mesa = con_actor(CREDITOS);
    for (n, quien) in ["a", "b", "c", "d"].into_iter().enumerate() {
        pide_muchas(&mut mesa, Some(quien), 1_000 * n as u64, 400);
    }
    // The first one's went while it was alone; as more came each found its share smaller.
    let entregadas_ya = 400 + 256 + 170 + 128;
    assert_eq!(mesa.reparto.estado().entregadas, entregadas_ya);
    for id in 1_000..1_128 {
        let salidas = mesa.resulta("a", id, decidida());
        assert_eq!(entregadas(&salidas), Vec::<u64>::new(), "it has its share");
    }
    assert_eq!(entregadas(&mesa.resulta("a", 1_128, decidida())), [1_256]);
    // Who has just finished a flood does not pass for one that asks for little.
    for id in 0..400 {
        mesa.resulta("a", id, decidida());
    }
    assert_eq!(entregadas(&mesa.resulta("a", 1_129, decidida())), [1_257]);
}

#[test]
fn the_work_of_the_diario_stands_back_for_any_connection_and_holds_back_none() {
    let mut mesa = con_actor(CREDITOS);
    assert_eq!(pide_muchas(&mut mesa, None, 0, 200), 200);
    for id in 0..200 {
        mesa.resulta("a", id, decidida());
    }
    assert_eq!(pide_muchas(&mut mesa, Some("sola"), 1_000, 500), 500);
    assert_eq!(pide_muchas(&mut mesa, None, 2_000, 200), 16);
}

#[test]
fn what_loses_its_actor_leaves_its_share_free() {
    let mut mesa = con_actor(CREDITOS);
    pide_muchas(&mut mesa, Some("poca"), 9_000, 1);
    pide_muchas(&mut mesa, Some("mucha"), 0, 100);
    mesa.latido("b", Operacion::Prestamo, CREDITOS);
    let salidas = mesa.paso(Entrada::Ausente(par("a")));
    assert_eq!(entregadas(&salidas).len(), 17, "what it had goes on");
    assert_eq!(mesa.reparto.estado().entregadas, 17);
}

#[test]
fn what_waits_for_its_share_ends_at_its_deadline_as_not_applied() {
    let mut mesa = con_actor(CREDITOS);
    pide_muchas(&mut mesa, Some("poca"), 9_000, 1);
    pide_muchas(&mut mesa, Some("mucha"), 0, 40);
    mesa.ahora += Duration::from_millis(2_400);
    mesa.latido("a", Operacion::Prestamo, CREDITOS);
    let finales = mesa.pasan(101);
    assert_eq!(finales.len(), 41);
    assert_eq!(mesa.reparto.estado().en_cola, 0);
    assert_eq!(mesa.reparto.estado().entregadas, 0);
    // Nothing of it counts any more.
    assert_eq!(pide_muchas(&mut mesa, Some("mucha"), 100, 33), 33);
}
