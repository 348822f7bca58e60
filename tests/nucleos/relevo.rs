//! An actor's core: which almacenamiento gets an operation, and what its silence means.
use std::time::{Duration, Instant};

use biblioteca::actores::relevo::{Ajuste, Entrada, Relevo, Salida};
use biblioteca::domain::ids::Sede;
use biblioteca::runtime::breaker::{self, EstadoBreaker};
use biblioteca::wire::json::leer_peticion;
use biblioteca::wire::mensaje::{Disposicion, Encargo, EstadoAlmacen, Resultado};
use biblioteca::wire::respuesta::{Causa, Desenlace};

use crate::decidida;

pub fn encargo(id: u64, plazo_ms: u32) -> Encargo {
    let texto = br#"{"operacion":"prestamo","isbn":"A","usuario":"u","op_id":"k"}"#;
    let sede = Sede::parse("sede1").unwrap();
    let pedido = leer_peticion(texto, &sede).unwrap().pedido;
    Encargo {
        id,
        pedido,
        plazo_ms,
        edad_ms: None,
        intento: 1,
    }
}

pub struct Mesa {
    pub relevo: Relevo,
    pub ahora: Instant,
}

impl Mesa {
    pub fn nueva(endpoints: usize) -> Self {
        let ajuste = Ajuste {
            breaker: breaker::Ajuste {
                fallos_max: 3,
                abierto: Duration::from_secs(10),
                sonda: Duration::from_secs(2),
            },
            espera: Duration::from_secs(3),
            rondas: 2,
            silencio_max: Duration::from_secs(1),
        };
        let extremos: Vec<String> = (0..endpoints).map(|i| format!("tcp://s{i}:5570")).collect();
        Self {
            relevo: Relevo::nuevo(ajuste, &extremos, None),
            ahora: Instant::now(),
        }
    }

    pub fn paso(&mut self, entrada: Entrada) -> Vec<Salida> {
        let mut salidas = Vec::new();
        self.relevo.paso(self.ahora, entrada, &mut salidas);
        salidas.retain(|salida| !matches!(salida, Salida::Base(_)));
        salidas
    }

    pub fn estado(&mut self, almacen: usize, disposicion: Disposicion) -> Vec<Salida> {
        let estado = EstadoAlmacen {
            disposicion,
            base_id: "b".into(),
        };
        self.paso(Entrada::Estado(almacen, estado))
    }

    pub fn listo(&mut self, almacen: usize) -> Vec<Salida> {
        self.estado(almacen, Disposicion::Listo)
    }

    pub fn encarga(&mut self, id: u64) -> Vec<Salida> {
        self.paso(Entrada::Encargos(0, vec![encargo(id, 2_000)]))
    }

    pub fn resulta(&mut self, almacen: usize, id: u64, desenlace: Desenlace) -> Vec<Salida> {
        self.paso(Entrada::Resultados(
            almacen,
            vec![Resultado { id, desenlace }],
        ))
    }
}

pub fn enviado(salidas: &[Salida]) -> (usize, u64) {
    match salidas {
        [Salida::Enviar(almacen, encargo)] => (*almacen, encargo.id),
        otras => panic!("{otras:?}"),
    }
}

pub fn respondido(salidas: &[Salida]) -> Desenlace {
    match salidas {
        [Salida::Responder(0, resultado)] => resultado.desenlace.clone(),
        otras => panic!("{otras:?}"),
    }
}

#[test]
fn with_no_almacenamiento_in_sight_it_is_told_at_once_that_nothing_was_applied() {
    let mut mesa = Mesa::nueva(2);
    assert_eq!(
        mesa.encarga(6),
        vec![],
        "just started: one may be on its way"
    );
    mesa.ahora += Duration::from_millis(1_001);
    mesa.paso(Entrada::Tic);
    let salidas = mesa.encarga(7);
    assert_eq!(
        respondido(&salidas),
        Desenlace::NoAplicada(Causa::SinAlmacenamiento)
    );
}

#[test]
fn the_answer_goes_back_under_the_cargas_own_number() {
    let mut mesa = Mesa::nueva(1);
    mesa.listo(0);
    let (almacen, id) = enviado(&mesa.encarga(7));
    match &mesa.resulta(almacen, id, decidida())[..] {
        [Salida::Responder(0, resultado)] => assert_eq!(resultado.id, 7),
        otras => panic!("{otras:?}"),
    }
    assert_eq!(mesa.relevo.en_curso(), 0);
}

#[test]
fn a_standby_is_passed_over_and_does_not_count_against_its_breaker() {
    let mut mesa = Mesa::nueva(2);
    mesa.estado(0, Disposicion::EnEspera);
    mesa.listo(1);
    for id in 0..5 {
        assert_eq!(enviado(&mesa.encarga(id)).0, 1);
    }
    mesa.listo(0);
    for id in 5..10 {
        let (almacen, numero) = enviado(&mesa.encarga(id));
        if almacen == 0 {
            assert_eq!(enviado(&mesa.resulta(0, numero, Desenlace::EnEspera)).0, 1);
        }
    }
    assert!(
        mesa.relevo
            .estado(mesa.ahora)
            .iter()
            .all(|e| e.breaker == EstadoBreaker::Cerrado)
    );
}

#[test]
fn when_the_connection_falls_the_work_goes_to_the_other_under_the_same_op_id() {
    let mut mesa = Mesa::nueva(2);
    mesa.listo(0);
    mesa.listo(1);
    let (primero, _) = enviado(&mesa.encarga(7));
    let salidas = mesa.paso(Entrada::Desconectado(primero));
    let (segundo, id) = enviado(&salidas);
    assert_ne!(primero, segundo);
    let Salida::Enviar(_, encargo) = &salidas[0] else {
        panic!()
    };
    assert_eq!(encargo.pedido.op_id.as_str(), "k");
    assert_eq!(
        respondido(&mesa.resulta(segundo, id, decidida())),
        decidida()
    );
}

#[test]
fn what_was_sent_and_not_answered_ends_uncertain_what_never_was_sent_does_not() {
    let mut mesa = Mesa::nueva(1);
    mesa.listo(0);
    mesa.encarga(1);
    assert_eq!(
        mesa.paso(Entrada::Desconectado(0)),
        vec![],
        "its successor may be on its way"
    );
    mesa.ahora += Duration::from_millis(1_100);
    let salidas = mesa.paso(Entrada::Tic);
    assert_eq!(
        respondido(&salidas),
        Desenlace::Incierta(Causa::SinAlmacenamiento)
    );
    let salidas = mesa.encarga(2);
    assert_eq!(
        respondido(&salidas),
        Desenlace::NoAplicada(Causa::SinAlmacenamiento)
    );
}

#[test]
fn what_is_kept_back_goes_to_the_successor_as_soon_as_it_is_ready() {
    let mut mesa = Mesa::nueva(2);
    mesa.listo(0);
    mesa.estado(1, Disposicion::EnEspera);
    mesa.encarga(1);
    assert_eq!(mesa.paso(Entrada::Desconectado(0)), vec![]);
    mesa.ahora += Duration::from_millis(300);
    assert_eq!(enviado(&mesa.listo(1)).0, 1);
}

/// Found by the simulator: only the probe went; the rest lay until their time was over.
#[test]
fn all_that_is_kept_back_goes_as_soon_as_the_probe_comes_back() {
    let mut mesa = Mesa::nueva(1);
    mesa.listo(0);
    for id in 0..4 {
        enviado(&mesa.encarga(id));
    }
    assert_eq!(mesa.paso(Entrada::Desconectado(0)), vec![]);
    let (_, sonda) = enviado(&mesa.listo(0));
    let salidas = mesa.resulta(0, sonda, decidida());
    let otras = salidas.iter().filter(|s| matches!(s, Salida::Enviar(0, _)));
    assert_eq!(otras.count(), 3, "{salidas:?}");
}

#[test]
fn operations_without_heartbeats_open_the_breaker_of_the_missing_endpoint() {
    let mut mesa = Mesa::nueva(2);
    mesa.listo(1);
    mesa.listo(0);
    mesa.paso(Entrada::Desconectado(0));
    for id in 0..3 {
        enviado(&mesa.encarga(id));
    }
    mesa.paso(Entrada::Desconectado(1));
    for id in 3..7 {
        mesa.encarga(id);
    }
    assert_eq!(
        mesa.relevo.estado(mesa.ahora)[0].breaker,
        EstadoBreaker::Abierto
    );
}

/// Found by the simulator: the first copy ended as not applied, the second was applied.
#[test]
fn a_hand_over_that_the_network_doubles_is_one_operation_and_a_second_hand_over_is_not() {
    let mut mesa = Mesa::nueva(1);
    mesa.listo(0);
    enviado(&mesa.encarga(7));
    assert_eq!(mesa.encarga(7), vec![]);
    let mut otra_vez = encargo(7, 2_000);
    otra_vez.intento = 2;
    enviado(&mesa.paso(Entrada::Encargos(0, vec![otra_vez])));
    enviado(&mesa.paso(Entrada::Encargos(1, vec![encargo(7, 2_000)])));
    assert_eq!(mesa.relevo.en_curso(), 3);
}

/// Found by the simulator: the first attempt's answer, late or doubled, passed for the
/// second's, which was applied after its client had heard NO_DISPONIBLE.
#[test]
fn an_answer_to_one_attempt_is_not_taken_for_the_answer_to_the_next() {
    for dicho in [
        Desenlace::EnEspera,
        Desenlace::NoAplicada(Causa::SinAlmacenamiento),
        Desenlace::NoAplicada(Causa::ColaLlena),
        Desenlace::Envenenada,
    ] {
        let mut mesa = Mesa::nueva(1);
        mesa.listo(0);
        let (_, primero) = enviado(&mesa.encarga(1));
        let no = Desenlace::NoAplicada(Causa::SinAlmacenamiento);
        let (_, segundo) = enviado(&mesa.resulta(0, primero, no));
        assert_ne!(primero, segundo);
        assert_eq!(mesa.resulta(0, primero, dicho), vec![]);
        assert_eq!(mesa.paso(Entrada::SinEnviar(0, vec![primero])), vec![]);
        // A decision is one, to whichever attempt it was given.
        assert_eq!(
            respondido(&mesa.resulta(0, primero, decidida())),
            decidida()
        );
    }
}

/// Found by the simulator: poison counts as "certainly not applied" at the client.
#[test]
fn poison_after_an_attempt_without_an_answer_is_uncertain() {
    let mut mesa = Mesa::nueva(2);
    mesa.listo(0);
    mesa.listo(1);
    let (_, id) = enviado(&mesa.encarga(1));
    let (_, otro) = enviado(&mesa.encarga(2));
    assert_eq!(
        respondido(&mesa.resulta(0, otro, Desenlace::Envenenada)),
        Desenlace::Envenenada
    );
    let (almacen, id) = enviado(&mesa.resulta(0, id, Desenlace::Incierta(Causa::FalloInterno)));
    assert_eq!(
        respondido(&mesa.resulta(almacen, id, Desenlace::Envenenada)),
        Desenlace::Incierta(Causa::FalloInterno)
    );
}

#[test]
fn attempts_are_bounded_by_rounds_times_endpoints() {
    let mut mesa = Mesa::nueva(1);
    mesa.listo(0);
    let (_, id) = enviado(&mesa.encarga(1));
    let otra = mesa.resulta(0, id, Desenlace::NoAplicada(Causa::SinAlmacenamiento));
    let (almacen, id) = enviado(&otra);
    assert_eq!(almacen, 0);
    let fin = mesa.resulta(0, id, Desenlace::NoAplicada(Causa::SinAlmacenamiento));
    assert_eq!(
        respondido(&fin),
        Desenlace::NoAplicada(Causa::SinAlmacenamiento)
    );
}

#[test]
fn what_could_not_be_sent_is_certainly_not_applied_and_goes_elsewhere() {
    let mut mesa = Mesa::nueva(2);
    mesa.listo(0);
    mesa.listo(1);
    let (primero, id) = enviado(&mesa.encarga(1));
    let (segundo, id) = enviado(&mesa.paso(Entrada::SinEnviar(primero, vec![id])));
    assert_ne!(primero, segundo);
    let llena = mesa.resulta(segundo, id, Desenlace::NoAplicada(Causa::ColaLlena));
    assert_eq!(respondido(&llena), Desenlace::NoAplicada(Causa::ColaLlena));
}

#[test]
fn another_librarys_database_gets_nothing() {
    let mut mesa = Mesa::nueva(2);
    mesa.listo(0);
    let ajena = EstadoAlmacen {
        disposicion: Disposicion::Listo,
        base_id: "otra".into(),
    };
    mesa.paso(Entrada::Estado(1, ajena));
    for id in 0..4 {
        assert_eq!(enviado(&mesa.encarga(id)).0, 0);
    }
}

#[test]
fn the_age_of_a_queued_operation_grows_while_it_waits_here() {
    let mut mesa = Mesa::nueva(2);
    mesa.listo(0);
    let mut viejo = encargo(1, 2_000);
    viejo.edad_ms = Some(5_000);
    mesa.paso(Entrada::Encargos(0, vec![viejo]));
    mesa.ahora += Duration::from_millis(400);
    mesa.paso(Entrada::Desconectado(0));
    match &mesa.listo(1)[..] {
        [Salida::Enviar(1, encargo)] => assert_eq!(encargo.edad_ms, Some(5_400)),
        otras => panic!("{otras:?}"),
    }
}
