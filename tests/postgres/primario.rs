//! The primary is found, not assumed.

use std::time::Duration;

use biblioteca::db::postgres::Vigilancia;
use biblioteca::db::{Almacen, Fallo};
use biblioteca::wire::base::{Durabilidad, Papel};
use biblioteca::wire::respuesta::Estado;

use crate::banco::{con_op_id, prestamo};
use crate::servidor::Servidor;
use crate::{buscador, con_libros, pedir, reabrir, url};

fn primario() -> Servidor {
    let servidor = Servidor::nuevo(&[]);
    servidor.con_tablas();
    servidor
}

#[tokio::test]
async fn a_standby_first_in_the_list_is_never_written_to_and_found_when_promoted() {
    let mut viejo = primario();
    let replica = viejo.replica("dos");
    let buscador = buscador(&[
        format!("{}?target_session_attrs=read-write", url(&replica)),
        url(&viejo),
    ]);
    let almacen = buscador.abrir().await.unwrap();
    con_libros(&almacen, 3, 3).await;
    let original = con_op_id(prestamo("L1", "ana"), "op-1");
    assert_eq!(
        pedir(&almacen, original.clone()).await.unwrap().estado,
        Estado::Confirmado
    );
    // Replicated before the crash, or there is nothing to find.
    let lista = "SELECT count(*) FROM pg_stat_replication
        WHERE replay_lsn >= pg_current_wal_flush_lsn()";
    while viejo.psql("postgres", lista) != "1" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    viejo.matar();
    tokio::time::timeout(Duration::from_secs(5), almacen.perdida())
        .await
        .expect("an idle store notices");
    let negada = pedir(&almacen, prestamo("L2", "ana")).await;
    assert!(matches!(negada, Err(Fallo::SinPrimario(_))), "{negada:?}");
    let ninguno = buscador.abrir().await;
    assert!(matches!(ninguno, Err(Fallo::SinPrimario(_))), "{ninguno:?}");
    replica.promover();
    let nuevo = reabrir(&buscador).await;
    let repetida = pedir(&nuevo, original).await.unwrap();
    assert!(repetida.repetida);
    pedir(&nuevo, prestamo("L2", "ana")).await.unwrap();

    // The old primary comes back on its own timeline, and the new one is gone.
    viejo.arrancar();
    let otra = reabrir(&buscador).await;
    assert!(otra.nombre().contains(replica.carpeta.to_str().unwrap()));
    drop(replica);
    match buscador.abrir().await {
        Err(Fallo::SinPrimario(motivo)) => {
            assert!(motivo.contains("línea de tiempo 1"), "{motivo}")
        }
        otro => panic!("{otro:?}"),
    }
    assert_eq!(
        viejo.psql("biblioteca", "SELECT count(*) FROM operaciones"),
        "1"
    );
}

#[tokio::test]
async fn another_cluster_at_the_same_address_is_not_taken_for_the_first() {
    let mut uno = primario();
    let otro = primario();
    let buscador = buscador(&[url(&uno), url(&otro)]);
    let almacen = buscador.abrir().await.unwrap();
    assert!(almacen.nombre().contains(uno.carpeta.to_str().unwrap()));
    uno.matar();
    match buscador.abrir().await {
        Err(Fallo::SinPrimario(motivo)) => assert!(motivo.contains("otro clúster"), "{motivo}"),
        fallo => panic!("{fallo:?}"),
    }
    uno.arrancar();
    uno.psql("biblioteca", "UPDATE base SET base_id = repeat('0', 32)");
    match buscador.abrir().await {
        Err(Fallo::SinPrimario(motivo)) => assert!(motivo.contains("otra biblioteca"), "{motivo}"),
        fallo => panic!("{fallo:?}"),
    }
}

#[tokio::test]
async fn a_read_only_primary_is_let_go_and_found_again() {
    let servidor = primario();
    let buscador = buscador(&[url(&servidor)]);
    let almacen = buscador.abrir().await.unwrap();
    con_libros(&almacen, 1, 2).await;
    let ajuste = |valor: &str| {
        let cambio =
            format!("ALTER DATABASE biblioteca SET default_transaction_read_only = {valor}");
        servidor.psql("postgres", &cambio);
    };
    ajuste("on");
    let fallo = buscador.abrir().await.unwrap_err();
    assert!(fallo.to_string().contains("solo lectura"), "{fallo}");
    servidor.psql(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'biblioteca'",
    );
    almacen.perdida().await;
    ajuste("off");
    let almacen = reabrir(&buscador).await;
    pedir(&almacen, prestamo("L1", "ana")).await.unwrap();
}

#[tokio::test]
async fn a_server_without_tables_or_without_fsync_is_refused_with_advice() {
    let mut servidor = Servidor::nuevo(&[]);
    let sin_tablas = [servidor.url("postgres", "postgres")];
    match buscador(&sin_tablas).abrir().await {
        Err(Fallo::Inservible(motivo)) => assert!(motivo.contains("biblioteca migrar"), "{motivo}"),
        otro => panic!("{otro:?}"),
    }
    servidor.con_tablas();
    servidor.matar();
    servidor.con_opcion("fsync=off");
    servidor.arrancar();
    match buscador(&[url(&servidor)]).abrir().await {
        Err(Fallo::Inservible(motivo)) => assert!(motivo.contains("fsync"), "{motivo}"),
        otro => panic!("{otro:?}"),
    }
}

#[tokio::test]
async fn the_application_s_role_neither_deletes_nor_changes_tables() {
    let servidor = primario();
    let como_rol = |sql: &str| {
        let orden = format!("SET ROLE biblioteca; {sql}");
        servidor.psql_si_puede("biblioteca", &orden)
    };
    assert!(como_rol("SELECT count(*) FROM prestamos").0);
    for sql in [
        "DELETE FROM sedes",
        "CREATE TABLE x (y INT)",
        "DROP TABLE sedes",
        "TRUNCATE sedes",
        "UPDATE operaciones SET resultado = ''",
        "UPDATE base SET base_id = repeat('0', 32)",
        "ALTER TABLE sedes ADD x INT",
    ] {
        let (hecho, motivo) = como_rol(sql);
        assert!(!hecho && motivo.contains("ERROR"), "{sql}: {motivo}");
    }
}

#[tokio::test]
async fn a_primary_left_behind_is_refused_after_a_restart_of_the_node_too() {
    let datos = tempfile::tempdir().unwrap();
    let mut viejo = primario();
    let mut replica = viejo.replica("dos");
    let lista = [url(&viejo), url(&replica)];
    // Each search is a process of its own, as after a restart.
    let de_nuevo = || buscador(&lista).con_memoria(datos.path()).unwrap();
    let almacen = de_nuevo().abrir().await.unwrap();
    con_libros(&almacen, 1, 1).await;
    drop(almacen);
    viejo.matar();
    replica.promover();
    drop(reabrir(&de_nuevo()).await);
    replica.matar();
    viejo.arrancar();
    match de_nuevo().abrir().await {
        Err(Fallo::SinPrimario(motivo)) => {
            assert!(
                motivo.contains("línea de tiempo 1, y ya hubo la 2"),
                "{motivo}"
            );
            assert!(motivo.contains("primario.json"), "{motivo}");
        }
        otro => panic!("{otro:?}"),
    }
    let vista = de_nuevo().vigilancia().mirar().await;
    assert_eq!(vista.servidores[0].papel, Papel::Rechazado, "{vista:?}");
    assert_eq!(vista.durabilidad(), Durabilidad::SinPrimario);
    let otro = primario();
    match buscador(&[url(&otro)])
        .con_memoria(datos.path())
        .unwrap()
        .abrir()
        .await
    {
        Err(Fallo::SinPrimario(motivo)) => assert!(motivo.contains("otro clúster"), "{motivo}"),
        fallo => panic!("{fallo:?}"),
    }
}

#[tokio::test]
async fn every_server_is_seen_as_it_is_and_a_lost_standby_as_less_durability() {
    let servidor = primario();
    let mut replica = servidor.replica("dos");
    let buscador = buscador(&[url(&servidor), url(&replica)]);
    let mut vigilancia = buscador.vigilancia();
    let hasta = async |vigilancia: &mut Vigilancia, durabilidad| {
        let limite = std::time::Instant::now() + Duration::from_secs(20);
        loop {
            let vista = vigilancia.mirar().await;
            if vista.durabilidad() == durabilidad {
                return vista;
            }
            assert!(std::time::Instant::now() < limite, "{vista:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let vista = hasta(&mut vigilancia, Durabilidad::Asincrona).await;
    let papeles: Vec<Papel> = vista.servidores.iter().map(|s| s.papel).collect();
    assert_eq!(papeles, [Papel::Primario, Papel::Replica], "{vista:?}");
    let seguida = vista.servidores[1].replicacion.as_ref().unwrap();
    assert_eq!(
        (seguida.estado.as_str(), seguida.sincrona),
        ("streaming", false)
    );
    assert!(seguida.retraso_bytes.is_some() && vista.servidores[1].linea == Some(1));
    let exigir = "ALTER SYSTEM SET synchronous_standby_names = 'dos'";
    servidor.psql("postgres", exigir);
    servidor.psql("postgres", "SELECT pg_reload_conf()");
    hasta(&mut vigilancia, Durabilidad::Sincrona).await;
    replica.matar();
    let vista = hasta(&mut vigilancia, Durabilidad::EsperaReplica).await;
    assert_eq!(vista.servidores[1].papel, Papel::Inalcanzable);
    servidor.psql(
        "postgres",
        "ALTER SYSTEM SET synchronous_standby_names = ''",
    );
    servidor.psql("postgres", "SELECT pg_reload_conf()");
    hasta(&mut vigilancia, Durabilidad::SinReplica).await;
    // A role that may not look says so instead of guessing.
    replica.arrancar();
    servidor.psql("postgres", "REVOKE pg_read_all_stats FROM biblioteca");
    hasta(&mut vigilancia, Durabilidad::Desconocida).await;
}
