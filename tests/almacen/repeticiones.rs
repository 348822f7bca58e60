//! An op_id takes effect once, and its answer stays the same.

use biblioteca::db::Asiento;
use biblioteca::domain::ids::OpId;
use biblioteca::domain::operacion::Operacion;
use biblioteca::domain::principal::Principal;
use biblioteca::domain::rechazo::Rechazo::{
    ConflictoOpId, LibroNoEncontrado, OperacionNoEncontrada, OperacionVenenosa,
    SinEjemplaresDisponibles,
};
use biblioteca::wire::respuesta::{Estado, Respuesta};

use crate::banco::Motor::{self, Postgres, Sqlite};
use crate::banco::{
    Banco, DIA_MS, asiento, con_op_id, confirmado, datos, devolucion, pedido, prestamo, rechazado,
};
use rstest::rstest;

fn primera(respuesta: &Respuesta) -> Respuesta {
    assert!(respuesta.repetida);
    Respuesta {
        repetida: false,
        ..respuesta.clone()
    }
}

#[rstest]
#[tokio::test]
async fn a_repeat_gets_the_same_answer_for_ever_and_changes_nothing(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let mut banco = Banco::nuevo(motor).await;
    let original = con_op_id(prestamo("A", "ana"), "op-1");
    let respuesta = banco.pedir(original.clone()).await;
    confirmado(&respuesta);
    banco.avanzar(3 * DIA_MS);
    confirmado(&banco.pedir(devolucion("A", "ana")).await);
    banco.reabrir().await;
    assert_eq!(primera(&banco.pedir(original.clone()).await), respuesta);
    assert_eq!(primera(&banco.pedir(original).await), respuesta);
    assert_eq!(banco.numero("SELECT count(*) FROM prestamos").await, 1);
    let marcas = "SELECT repeticiones FROM operaciones WHERE op_id = 'op-1'";
    assert_eq!(banco.numero(marcas).await, 2);
}

#[rstest]
#[tokio::test]
async fn a_refusal_is_as_final_as_a_loan(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    confirmado(&banco.pedir(prestamo("A", "ana")).await);
    let negada = con_op_id(prestamo("A", "beto"), "op-2");
    let respuesta = banco.pedir(negada.clone()).await;
    rechazado(&respuesta, &[SinEjemplaresDisponibles]);
    confirmado(&banco.pedir(devolucion("A", "ana")).await);
    assert_eq!(primera(&banco.pedir(negada).await), respuesta);
}

#[rstest]
#[tokio::test]
async fn an_op_id_with_other_content_is_a_conflict_and_tells_nothing_of_the_first(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let banco = Banco::nuevo(motor).await;
    confirmado(&banco.pedir(con_op_id(prestamo("A", "ana"), "op-3")).await);
    let otra = banco.pedir(con_op_id(prestamo("B", "beto"), "op-3")).await;
    assert_eq!(otra.rechazo, Some(ConflictoOpId));
    assert_eq!(otra.estado, Estado::Rechazado);
    assert_eq!(otra.datos, r#"{"motivos":["ConflictoOpId"]}"#);
    assert!(!otra.repetida);
    assert!(!otra.mensaje.contains("ana"));
    assert_eq!(banco.numero("SELECT count(*) FROM prestamos").await, 1);
    assert_eq!(banco.numero("SELECT count(*) FROM operaciones").await, 1);
}

#[rstest]
#[tokio::test]
async fn the_same_op_id_twice_in_a_batch_is_decided_once(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    let original = con_op_id(prestamo("B", "ana"), "op-4");
    let otra = con_op_id(prestamo("C", "ana"), "op-4");
    let respuestas = banco.lote(vec![original.clone(), original, otra]).await;
    confirmado(&respuestas[0]);
    assert_eq!(primera(&respuestas[1]), respuestas[0]);
    assert_eq!(respuestas[2].rechazo, Some(ConflictoOpId));
    assert_eq!(banco.numero("SELECT count(*) FROM prestamos").await, 1);
}

#[rstest]
#[tokio::test]
async fn estado_gives_the_stored_answer(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    let negada = banco.pedir(con_op_id(prestamo("Z", "ana"), "op-5")).await;
    let mut pregunta = pedido(Operacion::Estado, "x", "", "s1");
    pregunta.op_id = OpId::parse("op-5").unwrap();
    let guardada = confirmado(&banco.leer(pregunta.clone()).await);
    assert_eq!(guardada["operacion"], "prestamo");
    assert_eq!(guardada["estado"], "RECHAZADO");
    assert_eq!(guardada["codigo"], LibroNoEncontrado.codigo());
    assert_eq!(guardada["exito"], false);
    assert_eq!(guardada["op_id"], "op-5");
    assert_eq!(guardada["repetida"], false);
    assert_eq!(guardada["mensaje"], negada.mensaje);
    assert_eq!(guardada["fechaOperacion"], negada.fecha);
    assert_eq!(guardada["datos"], datos(&negada));
    pregunta.op_id = OpId::parse("op-6").unwrap();
    let respuesta = banco.leer(pregunta).await;
    assert_eq!(respuesta.rechazo, Some(OperacionNoEncontrada));
}

#[rstest]
#[tokio::test]
async fn stored_operations_and_history_cannot_be_changed_or_deleted(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let banco = Banco::nuevo(motor).await;
    confirmado(&banco.pedir(prestamo("A", "ana")).await);
    for sentencia in [
        "DELETE FROM operaciones",
        "UPDATE operaciones SET estado = 'RECHAZADO', codigo = 'LimitePrestamos'",
        "DELETE FROM historial",
        "UPDATE historial SET clave = 'x'",
        "DELETE FROM prestamos",
    ] {
        assert!(banco.sql(sentencia).await.is_err(), "{sentencia}");
    }
}

#[rstest]
#[tokio::test]
async fn an_abandoned_batch_is_finished_all_the_same(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    let original = con_op_id(prestamo("A", "ana"), "op-7");
    drop(
        banco
            .almacen()
            .aplicar(vec![crate::banco::asiento(original.clone())]),
    );
    // Behind the abandoned one in the writer's queue.
    let respuesta = banco.pedir(original).await;
    confirmado(&primera(&respuesta));
}

/// Fault case 32.
#[rstest]
#[tokio::test]
async fn an_operation_set_aside_is_refused_for_ever_and_changes_nothing(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let banco = Banco::nuevo(motor).await;
    let original = con_op_id(prestamo("A", "ana"), "op-v");
    let apartada = Asiento {
        apartada: true,
        ..asiento(original.clone())
    };
    let mut respuestas = banco.almacen().aplicar(vec![apartada]).await.unwrap();
    let respuesta = respuestas.remove(0);
    rechazado(&respuesta, &[OperacionVenenosa]);
    assert_eq!(primera(&banco.pedir(original).await), respuesta);
    assert_eq!(banco.numero("SELECT count(*) FROM prestamos").await, 0);
}

#[rstest]
#[tokio::test]
async fn an_op_id_is_its_owners_and_tells_nothing_to_others(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let banco = Banco::nuevo(motor).await;
    let de = |quien: &str, mut pedido: biblioteca::wire::pedido::Pedido| {
        pedido.principal = Principal::de(quien);
        pedido
    };
    let presta = con_op_id(prestamo("A", "ana"), "op-1");
    let pregunta = con_op_id(pedido(Operacion::Estado, "x", "", "s1"), "op-1");
    let respuesta = banco.pedir(de("norte", presta.clone())).await;
    confirmado(&respuesta);
    assert_eq!(
        primera(&banco.pedir(de("norte", presta.clone())).await),
        respuesta
    );
    confirmado(&banco.leer(de("norte", pregunta.clone())).await);
    for ajeno in ["sur", ""] {
        let repetida = banco.pedir(de(ajeno, presta.clone())).await;
        rechazado(&repetida, &[ConflictoOpId]);
        assert!(!repetida.datos.contains("ejemplar"), "{repetida:?}");
        let estado = banco.leer(de(ajeno, pregunta.clone())).await;
        rechazado(&estado, &[OperacionNoEncontrada]);
    }
    // In one batch as in two.
    let nueva = con_op_id(prestamo("B", "beto"), "op-2");
    let lote = ["norte", "sur", "norte"].map(|quien| de(quien, nueva.clone()));
    let respuestas = banco.lote(lote.to_vec()).await;
    confirmado(&respuestas[0]);
    rechazado(&respuestas[1], &[ConflictoOpId]);
    assert_eq!(primera(&respuestas[2]), respuestas[0]);
    // What was used without a key is everybody's.
    let vieja = con_op_id(prestamo("A", "zoe"), "op-3");
    let antes = banco.pedir(vieja.clone()).await;
    assert_eq!(primera(&banco.pedir(de("sur", vieja)).await), antes);
    assert_eq!(banco.numero("SELECT count(*) FROM operaciones").await, 3);
}
