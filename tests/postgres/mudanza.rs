//! A library moves from SQLite to PostgreSQL and loses nothing.

use biblioteca::db::mudanza::mudar;
use biblioteca::db::sqlite::{Opciones, SqliteAlmacen};
use biblioteca::db::{Almacen, Fallo};
use biblioteca::wire::admin::Encomienda;

use crate::banco::{asiento, con_op_id, devolucion, prestamo, renovacion};
use crate::servidor::comun;
use crate::{abrir, pedir};

#[tokio::test]
async fn everything_moves_and_every_repeat_gets_its_old_answer() {
    let carpeta = tempfile::tempdir().unwrap();
    let ruta = carpeta.path().join("b.db");
    let vieja = SqliteAlmacen::abrir(Opciones::nuevas(&ruta)).await.unwrap();
    vieja.administrar(Encomienda::Sembrar).await.unwrap();
    let pedidos = vec![
        con_op_id(prestamo("@Libro60-sede1-1", "ana"), "op-1"),
        con_op_id(prestamo("@Libro300-sede2-1", "beto \"ñ\" \\"), "op-2"),
        con_op_id(prestamo("Libro456", "nadie"), "op-3"),
        con_op_id(renovacion("@Libro300-sede2-1", "beto \"ñ\" \\"), "op-4"),
        con_op_id(devolucion("@Libro300-sede2-1", ""), "op-5"),
    ];
    let lote = pedidos.iter().cloned().map(asiento).collect();
    let respuestas = vieja.aplicar(lote).await.unwrap();
    let base = comun().base_nueva();
    let urls = [comun().url("biblioteca_duena", &base)];
    assert!(matches!(mudar(&ruta, &urls).await, Err(Fallo::Ocupada)));
    let base_id = vieja.base_id().to_owned();
    vieja.cerrar().await;

    let cuentas = mudar(&ruta, &urls).await.unwrap();
    assert!(cuentas.contains(&("operaciones", 5)) && cuentas.contains(&("prestamos", 202)));
    let nueva = abrir(&comun().url("biblioteca", &base)).await;
    assert_eq!(nueva.base_id(), base_id);
    for (pedido, antes) in pedidos.into_iter().zip(respuestas) {
        let mut repetida = pedir(&nueva, pedido).await.unwrap();
        assert!(repetida.repetida);
        repetida.repetida = false;
        assert_eq!(repetida, antes);
    }
    // Numbers go on after the old ones, and what was lent comes back.
    let vuelta = pedir(&nueva, devolucion("@Libro60-sede1-1", "ana")).await;
    assert_eq!(vuelta.unwrap().rechazo, None);
    let otro = pedir(&nueva, prestamo("@Libro60-sede1-1", "caro")).await;
    assert_eq!(otro.unwrap().rechazo, None);
    match mudar(&ruta, &urls).await {
        Err(Fallo::Inservible(motivo)) => assert!(motivo.contains("ya tiene"), "{motivo}"),
        otra => panic!("{otra:?}"),
    }
}
