//! Two standbys, of which one must have it: deaths, and an old primary that lives on.

use std::time::Duration;

use biblioteca::db::postgres::PostgresAlmacen;
use biblioteca::db::{Almacen, Fallo};
use biblioteca::wire::respuesta::Estado;

use crate::banco::{asiento, con_op_id, prestamo};
use crate::servidor::Servidor;
use crate::{buscador, con_libros, pedir, reabrir, url};

const SINCRONAS: &str = "SELECT count(*) FROM pg_stat_replication
    WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')";

fn exigir(servidor: &Servidor, cuales: &str) {
    let orden = format!("ALTER SYSTEM SET synchronous_standby_names = '{cuales}'");
    servidor.psql("postgres", &orden);
    servidor.psql("postgres", "SELECT pg_reload_conf()");
}

async fn hasta(servidor: &Servidor, sql: &str, vale: &str) {
    let limite = std::time::Instant::now() + Duration::from_secs(30);
    while servidor.psql("postgres", sql) != vale {
        assert!(std::time::Instant::now() < limite, "{sql} never {vale}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn terna() -> (Servidor, Servidor, Servidor) {
    let primario = Servidor::nuevo(&[]);
    primario.con_tablas();
    let (dos, tres) = (primario.replica("dos"), primario.replica("tres"));
    exigir(&primario, "ANY 1 (dos, tres)");
    hasta(&primario, SINCRONAS, "2").await;
    (primario, dos, tres)
}

async fn prestar(almacen: &PostgresAlmacen, desde: u32, hasta: u32) {
    for n in desde..hasta {
        let pedido = con_op_id(prestamo("L1", &format!("u{n}")), &format!("op-{n}"));
        let respuesta = pedir(almacen, pedido).await.unwrap();
        assert_eq!(respuesta.estado, Estado::Confirmado, "{respuesta:?}");
    }
}

#[tokio::test]
async fn with_one_standby_dead_the_other_has_every_confirmed_operation() {
    let (mut primario, mut dos, tres) = terna().await;
    let buscador = buscador(&[url(&primario), url(&dos), url(&tres)]);
    let almacen = buscador.abrir().await.unwrap();
    con_libros(&almacen, 1, 100).await;
    prestar(&almacen, 0, 20).await;
    dos.matar();
    prestar(&almacen, 20, 40).await;
    primario.matar();
    exigir(&tres, "");
    tres.promover();
    let almacen = reabrir(&buscador).await;
    for n in 0..40 {
        let pedido = con_op_id(prestamo("L1", &format!("u{n}")), &format!("op-{n}"));
        assert!(pedir(&almacen, pedido).await.unwrap().repetida, "op-{n}");
    }
}

#[tokio::test]
async fn with_every_standby_dead_nothing_is_confirmed_until_one_is_back() {
    let (primario, mut dos, mut tres) = terna().await;
    let buscador = buscador(&[url(&primario), url(&dos), url(&tres)]);
    let almacen = buscador.abrir().await.unwrap();
    con_libros(&almacen, 1, 100).await;
    dos.matar();
    tres.matar();
    let original = con_op_id(prestamo("L1", "ana"), "op-1");
    let incierta = pedir(&almacen, original.clone()).await;
    assert!(matches!(incierta, Err(Fallo::Incierto(_))), "{incierta:?}");
    // Whoever comes next is told so at once, and joins no commit that waits.
    let negada = pedir(&almacen, prestamo("L1", "beto")).await;
    assert!(matches!(negada, Err(Fallo::SinPrimario(_))), "{negada:?}");
    tres.arrancar();
    let almacen = reabrir(&buscador).await;
    let decidida = pedir(&almacen, original).await.unwrap();
    assert_eq!(
        (decidida.estado, decidida.repetida),
        (Estado::Confirmado, true)
    );
    let filas = "SELECT count(*) FROM prestamos";
    assert_eq!(primario.psql("biblioteca", filas), "1");
}

#[tokio::test]
async fn an_old_primary_cut_off_with_half_the_clients_acknowledges_nothing() {
    let (viejo, dos, tres) = terna().await;
    let (encerrado, libre) = (
        buscador(&[url(&viejo)]),
        buscador(&[url(&viejo), url(&dos), url(&tres)]),
    );
    let del_viejo = encerrado.abrir().await.unwrap();
    con_libros(&del_viejo, 1, 100).await;
    hasta(
        &viejo,
        "SELECT count(*) FROM pg_stat_replication
         WHERE replay_lsn >= pg_current_wal_flush_lsn()",
        "2",
    )
    .await;
    // The cut: the standbys follow nobody, one of them is promoted, the old one lives on.
    exigir(&dos, "");
    for replica in [&dos, &tres] {
        let nadie = "ALTER SYSTEM SET primary_conninfo = 'host=/nowhere'";
        replica.psql("postgres", nadie);
        replica.psql("postgres", "SELECT pg_reload_conf()");
    }
    dos.promover();
    hasta(&viejo, SINCRONAS, "0").await;
    let perdida = pedir(&del_viejo, con_op_id(prestamo("L1", "ana"), "op-1")).await;
    assert!(matches!(perdida, Err(Fallo::Incierto(_))), "{perdida:?}");
    let nueva = reabrir(&libre).await;
    assert!(nueva.nombre().contains(dos.carpeta.to_str().unwrap()));
    let mut lote = Vec::new();
    for n in 0..20 {
        lote.push(asiento(prestamo("L1", &format!("u{n}"))));
    }
    let respuestas = nueva.aplicar(lote).await.unwrap();
    assert!(respuestas.iter().all(|r| r.estado == Estado::Confirmado));
    // The client of the old one repeats where everybody is, and is served once.
    let decidida = pedir(&nueva, con_op_id(prestamo("L1", "ana"), "op-1"))
        .await
        .unwrap();
    assert_eq!(
        (decidida.estado, decidida.repetida),
        (Estado::Confirmado, false)
    );
    assert!(
        encerrado.abrir().await.is_err(),
        "commits wait there for ever"
    );
}

#[tokio::test]
async fn after_kills_at_any_moment_everything_acknowledged_is_there() {
    let mut primario = Servidor::nuevo(&[]);
    primario.con_tablas();
    let buscador = buscador(&[url(&primario)]);
    let mut confirmadas = Vec::new();
    con_libros(&buscador.abrir().await.unwrap(), 1, 10_000).await;
    for vez in 0..5_u64 {
        let almacen = reabrir(&buscador).await;
        let (muerta, aviso) = tokio::sync::oneshot::channel();
        let verdugo = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(40 + 37 * vez));
            primario.matar();
            let _ = muerta.send(());
            primario
        });
        for n in 0.. {
            let op_id = format!("op-{vez}-{n}");
            let pedido = con_op_id(prestamo("L1", &format!("u-{vez}-{n}")), &op_id);
            match pedir(&almacen, pedido).await {
                Ok(_) => confirmadas.push(op_id),
                Err(_) => break,
            }
        }
        aviso.await.unwrap();
        primario = verdugo.join().unwrap();
        primario.arrancar();
    }
    assert!(confirmadas.len() > 5, "{}", confirmadas.len());
    let lista = format!("'{}'", confirmadas.join("','"));
    let filas = format!("SELECT count(*) FROM operaciones WHERE op_id IN ({lista})");
    assert_eq!(
        primario.psql("biblioteca", &filas),
        confirmadas.len().to_string()
    );
}

#[tokio::test]
async fn a_disk_full_at_commit_is_certainly_not_applied_and_the_store_goes_on() {
    let primario = Servidor::nuevo(&[]);
    primario.con_tablas();
    let almacen = buscador(&[url(&primario)]).abrir().await.unwrap();
    con_libros(&almacen, 1, 10).await;
    primario.psql(
        "biblioteca",
        "CREATE FUNCTION lleno() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100';
         END $$;
         CREATE CONSTRAINT TRIGGER lleno AFTER INSERT ON prestamos
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lleno()",
    );
    let original = con_op_id(prestamo("L1", "ana"), "op-1");
    let negada = pedir(&almacen, original.clone()).await;
    assert!(matches!(negada, Err(Fallo::NoAplicado(_))), "{negada:?}");
    primario.psql("biblioteca", "DROP TRIGGER lleno ON prestamos");
    let decidida = pedir(&almacen, original).await.unwrap();
    assert_eq!(
        (decidida.estado, decidida.repetida),
        (Estado::Confirmado, false)
    );
}
