//! What the server says while a batch is written: an operation alone is written and committed in
//! one message, and what comes of it must be as certain as in a batch.

use biblioteca::db::postgres::PostgresAlmacen;
use biblioteca::db::{Almacen, Fallo};
use biblioteca::domain::rechazo::Rechazo;
use biblioteca::wire::pedido::Pedido;
use biblioteca::wire::respuesta::{Estado, Respuesta};
use rstest::rstest;

use crate::banco::{asiento, con_op_id, devolucion, prestamo};
use crate::servidor::Servidor;
use crate::{buscador, con_libros, pedir, url};

/// A library of its own with two books, `eustaquio` has both.
async fn biblioteca() -> (Servidor, PostgresAlmacen) {
    let servidor = Servidor::nuevo(&[]);
    servidor.con_tablas();
    let almacen = buscador(&[url(&servidor)]).abrir().await.unwrap();
    con_libros(&almacen, 2, 10).await;
    for libro in ["L1", "L2"] {
        let prestada = pedir(&almacen, prestamo(libro, "eustaquio")).await.unwrap();
        assert_eq!(prestada.estado, Estado::Confirmado);
    }
    (servidor, almacen)
}

/// Makes the server do `cuerpo` whenever a return is written, `cuando` ("BEFORE", or "AFTER" for
/// the commit).
fn al_devolver(servidor: &Servidor, cuando: &str, cuerpo: &str) {
    let (clase, al_final) = match cuando {
        "AFTER" => ("CONSTRAINT TRIGGER", "DEFERRABLE INITIALLY DEFERRED"),
        _ => ("TRIGGER", ""),
    };
    servidor.psql(
        "biblioteca",
        &format!(
            "CREATE FUNCTION suceso() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {cuerpo} END $$;
             CREATE {clase} suceso {cuando} UPDATE ON prestamos {al_final}
                 FOR EACH ROW EXECUTE FUNCTION suceso()"
        ),
    );
}

fn devueltas() -> [Pedido; 2] {
    ["L1", "L2"].map(|libro| con_op_id(devolucion(libro, "eustaquio"), &format!("vuelve-{libro}")))
}

/// The first `cuantas` of them in one batch.
async fn devolver(almacen: &PostgresAlmacen, cuantas: usize) -> Result<Vec<Respuesta>, Fallo> {
    let lote = devueltas().into_iter().take(cuantas);
    almacen.aplicar(lote.map(asiento).collect()).await
}

fn decididas(servidor: &Servidor) -> String {
    let devoluciones = "SELECT count(*) FROM operaciones WHERE op_id LIKE 'vuelve-%'";
    servidor.psql("biblioteca", devoluciones)
}

#[rstest]
#[tokio::test]
async fn a_row_that_is_not_written_undoes_its_batch_and_the_store_goes_on(
    #[values(1, 2)] cuantas: usize,
) {
    let (servidor, almacen) = biblioteca().await;
    al_devolver(&servidor, "BEFORE", "RETURN NULL;");
    let negada = devolver(&almacen, cuantas).await;
    assert!(matches!(negada, Err(Fallo::NoAplicado(_))), "{negada:?}");
    assert_eq!(decididas(&servidor), "0");
    servidor.psql("biblioteca", "DROP TRIGGER suceso ON prestamos");
    for respuesta in devolver(&almacen, cuantas).await.unwrap() {
        let dicho = (respuesta.estado, respuesta.repetida);
        assert_eq!(dicho, (Estado::Confirmado, false));
    }
}

#[rstest]
#[tokio::test]
async fn a_warning_while_it_is_written_is_none_about_the_commit(#[values(1, 2)] cuantas: usize) {
    let (servidor, almacen) = biblioteca().await;
    al_devolver(
        &servidor,
        "BEFORE",
        "RAISE WARNING 'queda poco'; RETURN NEW;",
    );
    for _ in 0..2 {
        for respuesta in devolver(&almacen, cuantas).await.unwrap() {
            assert_eq!(respuesta.estado, Estado::Confirmado);
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_session_that_ends_before_the_commit_has_certainly_not_committed(
    #[values(1, 2)] cuantas: usize,
) {
    let (servidor, almacen) = biblioteca().await;
    let fin = "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW;";
    al_devolver(&servidor, "BEFORE", fin);
    let negada = devolver(&almacen, cuantas).await;
    assert!(matches!(negada, Err(Fallo::SinPrimario(_))), "{negada:?}");
    assert_eq!(decididas(&servidor), "0");
    let perdida = devolver(&almacen, cuantas).await;
    assert!(matches!(perdida, Err(Fallo::SinPrimario(_))), "{perdida:?}");
}

#[rstest]
#[tokio::test]
async fn a_commit_that_fails_for_another_reason_than_the_disk_is_in_doubt(
    #[values(1, 2)] cuantas: usize,
) {
    let (servidor, almacen) = biblioteca().await;
    al_devolver(&servidor, "AFTER", "RAISE EXCEPTION 'algo';");
    let incierta = devolver(&almacen, cuantas).await;
    assert!(matches!(incierta, Err(Fallo::Incierto(_))), "{incierta:?}");
}

#[tokio::test]
async fn the_server_s_log_tells_an_error_without_the_reader_it_happened_to() {
    let (servidor, almacen) = biblioteca().await;
    al_devolver(&servidor, "BEFORE", "RAISE EXCEPTION 'algo';");
    let negada = devolver(&almacen, 1).await;
    assert!(matches!(negada, Err(Fallo::NoAplicado(_))), "{negada:?}");
    let registro = servidor.registro();
    assert!(registro.contains("algo"), "{registro}");
    assert!(!registro.contains("eustaquio"), "{registro}");
    let respuesta = pedir(&almacen, prestamo("L1", "eustaquio")).await.unwrap();
    assert_eq!(respuesta.rechazo, Some(Rechazo::PrestamoActivo));
}
