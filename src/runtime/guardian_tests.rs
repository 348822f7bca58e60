//! How actors die, and that each death is counted and mended until the limit.

use actix::{ActorContext, AsyncContext};

use super::*;

#[derive(Clone, Copy, PartialEq)]
enum Mania {
    Ninguna,
    MoriralNacer,
}

struct Cobaya {
    _centinela: Centinela,
    mania: Mania,
}

impl Actor for Cobaya {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        if self.mania == Mania::MoriralNacer {
            ctx.stop();
        }
    }
}

#[derive(Message)]
#[rtype(result = "u32")]
struct Suma(u32);

#[derive(Message)]
#[rtype(result = "()")]
enum Muere {
    Panico,
    Parada,
}

impl Handler<Suma> for Cobaya {
    type Result = u32;
    fn handle(&mut self, msg: Suma, _: &mut Self::Context) -> u32 {
        msg.0 + 1
    }
}

impl Handler<Muere> for Cobaya {
    type Result = ();
    fn handle(&mut self, msg: Muere, ctx: &mut Self::Context) {
        match msg {
            Muere::Panico => panic!("planted"),
            Muere::Parada => ctx.notify(Detente),
        }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Detente;
impl Handler<Detente> for Cobaya {
    type Result = ();
    fn handle(&mut self, _: Detente, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

fn limites(reinicios_max: usize) -> Limites {
    Limites {
        pausa_min: Duration::from_millis(1),
        pausa_max: Duration::from_millis(4),
        ..Limites::nuevos(reinicios_max, Duration::from_secs(60))
    }
}

/// Asks until the place is held and answers; bounded by the test's own deadline.
async fn pregunta(puesto: &Puesto<Cobaya>) -> u32 {
    let plazo = tokio::time::Instant::now() + Duration::from_secs(10);
    while tokio::time::Instant::now() < plazo {
        if let Some(actor) = puesto.actor()
            && let Ok(suma) = actor.send(Suma(1)).await
        {
            return suma;
        }
        tokio::task::yield_now().await;
    }
    panic!("nobody answers");
}

async fn espera_muertes(puesto: &Puesto<Cobaya>, causa: &str, n: u64) {
    let plazo = tokio::time::Instant::now() + Duration::from_secs(10);
    while puesto.estado().muertes.get(causa).copied().unwrap_or(0) < n {
        assert!(tokio::time::Instant::now() < plazo, "{:?}", puesto.estado());
        tokio::task::yield_now().await;
    }
}

#[actix_rt::test]
async fn an_actor_that_panics_or_stops_is_built_again_and_the_cause_counted() {
    let (rendiciones, _escucha) = mpsc::channel(1);
    let puesto = Puesto::vacante();
    vigilar(
        "cobaya".into(),
        puesto.clone(),
        limites(8),
        rendiciones,
        |_centinela| {
            Ok(Cobaya {
                _centinela,
                mania: Mania::Ninguna,
            })
        },
    );
    assert_eq!(pregunta(&puesto).await, 2);
    let _ = puesto.entregar(Muere::Panico);
    espera_muertes(&puesto, "panico", 1).await;
    assert_eq!(pregunta(&puesto).await, 2);
    let _ = puesto.entregar(Muere::Parada);
    espera_muertes(&puesto, "detenido", 1).await;
    assert_eq!(pregunta(&puesto).await, 2);
}

#[actix_rt::test]
async fn a_message_to_an_empty_place_comes_back() {
    let puesto: Puesto<Cobaya> = Puesto::vacante();
    assert!(puesto.entregar(Suma(1)).is_err());
}

#[actix_rt::test]
async fn one_that_dies_in_its_start_is_given_up_after_the_limit() {
    let (rendiciones, mut escucha) = mpsc::channel(1);
    let puesto = Puesto::vacante();
    vigilar(
        "cobaya".into(),
        puesto.clone(),
        limites(3),
        rendiciones,
        |_centinela| {
            Ok(Cobaya {
                _centinela,
                mania: Mania::MoriralNacer,
            })
        },
    );
    let rendicion = escucha.recv().await.unwrap();
    assert_eq!(rendicion.fin, Fin::Detenido);
    assert_eq!(puesto.estado().muertes["detenido"], 4);
}

#[actix_rt::test]
async fn a_factory_that_fails_or_panics_is_a_cause_too() {
    let (rendiciones, mut escucha) = mpsc::channel(1);
    let puesto: Puesto<Cobaya> = Puesto::vacante();
    let mut vez = 0;
    vigilar(
        "cobaya".into(),
        puesto.clone(),
        limites(1),
        rendiciones,
        move |_| {
            vez += 1;
            if vez == 1 {
                panic!("planted")
            }
            Err("sin disco".to_owned())
        },
    );
    let rendicion = escucha.recv().await.unwrap();
    assert_eq!(rendicion.fin, Fin::NoArranco("sin disco".into()));
    assert_eq!(puesto.estado().muertes["panico"], 1);
}

#[test]
fn pauses_double_up_to_their_limit_and_then_there_is_none() {
    let limites = Limites::nuevos(8, Duration::from_secs(60));
    let ms: Vec<u128> = (1..=8)
        .map(|n| limites.pausa(n).unwrap().as_millis())
        .collect();
    assert_eq!(ms, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    assert_eq!(limites.pausa(9), None);
}
