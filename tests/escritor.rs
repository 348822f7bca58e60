//! The batching writer over a store of the test's own: what a panic, a failure or an unknown
//! commit means for each operation of a batch, and that what has expired is never written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use biblioteca::almacenamiento::escritor::escribir;
use biblioteca::almacenamiento::tarea::{Contestador, Origen, Tarea};
use biblioteca::db::{Almacen, Asiento, Fallo, Remedio};
use biblioteca::domain::ids::Sede;
use biblioteca::wire::admin::{Cumplido, Encomienda, Informe};
use biblioteca::wire::json::leer_peticion;
use biblioteca::wire::pedido::Pedido;
use biblioteca::wire::respuesta::{Causa, Desenlace, Estado, Respuesta};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

/// Confirms everything but what its op_id says, and remembers the size of every commit.
#[derive(Default)]
struct Fingido {
    commits: Mutex<Vec<usize>>,
}

impl Almacen for Fingido {
    fn aplicar(&self, lote: Vec<Asiento>) -> BoxFuture<'_, Result<Vec<Respuesta>, Fallo>> {
        let dice = |palabra: &str| {
            lote.iter()
                .any(|a| !a.apartada && a.pedido.op_id.as_str().contains(palabra))
        };
        let resultado = if dice("veneno") {
            Err(Fallo::Defecto("planted".to_owned()))
        } else if dice("disco") {
            Err(Fallo::NoAplicado(sqlx::Error::PoolClosed))
        } else if dice("duda") {
            Err(Fallo::Incierto(sqlx::Error::WorkerCrashed))
        } else {
            self.commits.lock().unwrap().push(lote.len());
            Ok(lote.iter().map(|_| confirmada()).collect())
        };
        async { resultado }.boxed()
    }

    fn leer(&self, _: Pedido) -> BoxFuture<'_, Result<Respuesta, Fallo>> {
        async { Ok(confirmada()) }.boxed()
    }

    fn validar(&self, _: Pedido) -> BoxFuture<'_, Result<Respuesta, Fallo>> {
        async { Ok(confirmada()) }.boxed()
    }

    fn administrar(&self, _: Encomienda) -> BoxFuture<'_, Result<Cumplido, Fallo>> {
        async { Ok(Cumplido::Catalogo(Informe::default())) }.boxed()
    }

    fn base_id(&self) -> &str {
        "fingida"
    }

    fn remedio(&self) -> Remedio {
        Remedio::Terminar
    }

    fn perdida(&self) -> BoxFuture<'_, ()> {
        futures::future::pending().boxed()
    }
}

fn confirmada() -> Respuesta {
    Respuesta {
        estado: Estado::Confirmado,
        rechazo: None,
        mensaje: String::new(),
        fecha: String::new(),
        datos: "{}".into(),
        repetida: false,
    }
}

/// Runs these op_ids as one queue; `vencida` names the one whose sender has stopped waiting.
async fn correr(op_ids: &[&str], vencida: &str) -> (Vec<Desenlace>, Vec<usize>, Result<(), Fallo>) {
    let almacen = Arc::new(Fingido::default());
    let (salidas, _sin_uso) = mpsc::channel(64);
    let (cola, tareas) = mpsc::channel(64);
    let mut esperas = Vec::new();
    let ahora = Instant::now();
    for op_id in op_ids {
        let texto =
            format!(r#"{{"operacion":"prestamo","isbn":"A","usuario":"u","op_id":"{op_id}"}}"#);
        let pedido = leer_peticion(texto.as_bytes(), &Sede::parse("s").unwrap())
            .unwrap()
            .pedido;
        let (aviso, espera) = oneshot::channel();
        esperas.push(espera);
        let vence = if *op_id == vencida {
            ahora
        } else {
            ahora + Duration::from_secs(60)
        };
        let origen = Origen::Directo(aviso);
        cola.send(Tarea {
            recibida: ahora,
            origen,
            pedido,
            edad_ms: None,
            vence,
        })
        .await
        .unwrap();
    }
    drop(cola);
    let contestador = Contestador::nuevo(salidas);
    let fin = escribir(almacen.clone(), tareas, 16, contestador)
        .await
        .map(|_| ());
    let mut desenlaces = Vec::new();
    for espera in esperas {
        desenlaces.push(espera.await.unwrap());
    }
    let commits = almacen.commits.lock().unwrap().clone();
    (desenlaces, commits, fin)
}

#[actix_rt::test]
async fn what_queued_together_is_committed_together() {
    let (desenlaces, commits, fin) = correr(&["a", "b", "c"], "").await;
    assert_eq!(commits, [3]);
    assert!(fin.is_ok());
    assert!(
        desenlaces
            .iter()
            .all(|d| *d == Desenlace::Decidida(confirmada()))
    );
}

/// Fault case 32.
#[actix_rt::test]
async fn a_poisonous_operation_is_set_aside_and_its_neighbours_are_decided() {
    let (desenlaces, commits, fin) = correr(&["a", "veneno", "c"], "").await;
    assert_eq!(desenlaces[1], Desenlace::Envenenada);
    assert_eq!(desenlaces[0], Desenlace::Decidida(confirmada()));
    assert_eq!(desenlaces[2], Desenlace::Decidida(confirmada()));
    assert_eq!(commits, [1, 1]);
    assert!(fin.is_ok());
}

#[actix_rt::test]
async fn at_the_fifth_panic_a_refusal_is_stored_so_that_every_repeat_gets_the_same() {
    let (desenlaces, commits, _) = correr(&["veneno"; 6], "").await;
    let envenenadas = desenlaces
        .iter()
        .filter(|d| **d == Desenlace::Envenenada)
        .count();
    assert_eq!(
        envenenadas, 5,
        "four before the fifth, and one after: it is counted anew"
    );
    assert_eq!(commits, [1]);
}

#[actix_rt::test]
async fn a_full_disk_refuses_the_batch_and_the_writer_goes_on() {
    let (desenlaces, _, fin) = correr(&["a", "disco"], "").await;
    assert!(fin.is_ok());
    let negada = Desenlace::NoAplicada(Causa::SinAlmacenamiento);
    assert!(desenlaces.iter().all(|d| *d == negada));
}

/// Fault case 25.
#[actix_rt::test]
async fn a_commit_of_unknown_outcome_ends_the_writer_and_nobody_is_told_a_yes_or_a_no() {
    let (desenlaces, _, fin) = correr(&["a", "duda"], "").await;
    assert!(matches!(fin, Err(Fallo::Incierto(_))));
    let incierta = Desenlace::Incierta(Causa::SinAlmacenamiento);
    assert!(desenlaces.iter().all(|d| *d == incierta));
}

#[actix_rt::test]
async fn what_nobody_waits_for_any_more_is_not_written() {
    let (desenlaces, commits, _) = correr(&["a", "tarde"], "tarde").await;
    assert_eq!(desenlaces[1], Desenlace::NoAplicada(Causa::PlazoVencido));
    assert_eq!(commits, [1]);
}
