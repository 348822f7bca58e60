//! A confirmed operation is on the synchronous standby, whatever is cancelled or crashes.

use std::time::Duration;

use biblioteca::db::postgres::PostgresAlmacen;
use biblioteca::db::{Almacen, Fallo};
use biblioteca::domain::operacion::Operacion;
use biblioteca::wire::pedido::Pedido;
use biblioteca::wire::respuesta::Estado;

use crate::banco::{con_op_id, pedido, prestamo};
use crate::servidor::Servidor;
use crate::{Buscador, buscador, con_libros, pedir, reabrir, url};

/// A primary that confirms nothing until its standby has it.
async fn par() -> (Servidor, Servidor, Buscador, PostgresAlmacen) {
    let primario = Servidor::nuevo(&[]);
    primario.con_tablas();
    let replica = primario.replica("dos");
    primario.psql(
        "postgres",
        "ALTER SYSTEM SET synchronous_standby_names = 'dos'",
    );
    primario.psql("postgres", "SELECT pg_reload_conf()");
    let buscador = buscador(&[url(&primario), url(&replica)]);
    let sincrona = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    while primario.psql("postgres", sincrona) != "1" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let almacen = buscador.abrir().await.unwrap();
    con_libros(&almacen, 2, 3).await;
    (primario, replica, buscador, almacen)
}

fn pregunta(op_id: &str) -> Pedido {
    con_op_id(pedido(Operacion::Estado, "x", "", "s1"), op_id)
}

/// Waits until a commit waits for the standby.
async fn hasta_que_espere(primario: &Servidor) {
    let esperan = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    while primario.psql("postgres", esperan) == "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_ghost_commit_is_confirmed_by_nobody_until_the_standby_has_it() {
    let (mut primario, mut replica, buscador, almacen) = par().await;
    let original = con_op_id(prestamo("L1", "ana"), "op-1");
    replica.matar();
    let (incierta, ()) = tokio::join!(pedir(&almacen, original.clone()), async {
        hasta_que_espere(&primario).await;
    });
    assert!(matches!(incierta, Err(Fallo::Incierto(_))), "{incierta:?}");
    primario.matar();
    primario.arrancar();
    // Its row is there to be seen, and on no standby.
    let filas = "SELECT count(*) FROM operaciones WHERE op_id = 'op-1'";
    assert_eq!(primario.psql("biblioteca", filas), "1");
    let almacen = reabrir(&buscador).await;
    let vista = almacen.leer(pregunta("op-1")).await;
    assert!(matches!(vista, Err(Fallo::NoAplicado(_))), "{vista:?}");
    let repetida = pedir(&almacen, original.clone()).await;
    assert!(matches!(repetida, Err(Fallo::Incierto(_))), "{repetida:?}");
    // While a commit waits, no new batch joins it.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let fallo = buscador.abrir().await.unwrap_err();
    assert!(fallo.to_string().contains("réplica síncrona"), "{fallo}");

    primario.matar();
    replica.arrancar();
    replica.promover();
    replica.psql(
        "postgres",
        "ALTER SYSTEM SET synchronous_standby_names = ''",
    );
    replica.psql("postgres", "SELECT pg_reload_conf()");
    assert_eq!(replica.psql("biblioteca", filas), "0");
    let almacen = reabrir(&buscador).await;
    let decidida = pedir(&almacen, original.clone()).await.unwrap();
    assert_eq!(
        (decidida.estado, decidida.repetida),
        (Estado::Confirmado, false)
    );
    assert!(pedir(&almacen, original).await.unwrap().repetida);
    assert_eq!(
        replica.psql("biblioteca", "SELECT count(*) FROM prestamos"),
        "1"
    );
}

#[tokio::test]
async fn a_cancelled_wait_for_the_standby_is_not_a_confirmation() {
    let (primario, mut replica, buscador, almacen) = par().await;
    let original = con_op_id(prestamo("L1", "ana"), "op-1");
    replica.matar();
    let (incierta, ()) = tokio::join!(pedir(&almacen, original.clone()), async {
        hasta_que_espere(&primario).await;
        primario.psql(
            "postgres",
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
        );
    });
    match &incierta {
        Err(Fallo::Incierto(causa)) => assert!(causa.to_string().contains("standby"), "{causa}"),
        otro => panic!("{otro:?}"),
    }
    replica.arrancar();
    let almacen = reabrir(&buscador).await;
    let repetida = pedir(&almacen, original).await.unwrap();
    assert_eq!(
        (repetida.estado, repetida.repetida),
        (Estado::Confirmado, true)
    );
    let sabida = almacen.leer(pregunta("op-1")).await.unwrap();
    assert_eq!(sabida.estado, Estado::Confirmado);
}
