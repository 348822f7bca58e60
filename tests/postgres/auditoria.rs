//! An audit of a PostgreSQL library: it believes what is there and misses what was taken away.

use biblioteca::db::Almacen;
use biblioteca::db::auditoria::{Fuente, auditar};

use crate::banco::{asiento, con_op_id, devolucion, prestamo, renovacion};
use crate::servidor::comun;
use crate::{abrir, buscador, con_libros};

#[tokio::test]
async fn a_sound_library_passes_and_every_kind_of_tampering_is_named() {
    let base = comun().base_nueva();
    let url = comun().url("biblioteca", &base);
    let almacen = abrir(&url).await;
    con_libros(&almacen, 2, 2).await;
    let pedidos = [
        con_op_id(prestamo("L1", "ana"), "op-1"),
        con_op_id(prestamo("L2", "ana"), "op-2"),
        con_op_id(renovacion("L1", "ana"), "op-3"),
        con_op_id(devolucion("L2", "ana"), "op-4"),
        con_op_id(prestamo("Z", "ana"), "op-5"),
    ];
    let lote = pedidos.into_iter().map(asiento).collect();
    almacen.aplicar(lote).await.unwrap();
    let fuente = Fuente::Servidores(buscador(&[url]));
    let mirar = async || {
        let auditoria = auditar(&fuente, &["op-1", "op-3", "op-5", "op-9"])
            .await
            .unwrap();
        let faltas: Vec<u64> = auditoria.comprobaciones.iter().map(|c| c.faltas).collect();
        (auditoria, faltas)
    };
    let (auditoria, faltas) = mirar().await;
    assert_eq!(faltas, [0; 8], "{auditoria:?}");
    assert_eq!(
        (auditoria.cuentas.operaciones, auditoria.cuentas.abiertos),
        (5, 1)
    );
    assert_eq!(auditoria.guardadas.len(), 3);
    assert_eq!(auditoria.guardadas["op-1"].datos()["isbn"], "L1");
    comun().psql(
        &base,
        "UPDATE prestamos SET renovaciones = 2 WHERE isbn = 'L1'",
    );
    comun().psql(
        &base,
        "INSERT INTO prestamos (ejemplar, isbn, usuario, sede, prestado_en, vence_en)
         SELECT ejemplar, isbn, usuario, sede, prestado_en, vence_en FROM prestamos
         WHERE isbn = 'L2'",
    );
    let (auditoria, faltas) = mirar().await;
    assert_eq!(faltas, [0, 0, 0, 0, 1, 0, 1, 0], "{auditoria:?}");
}
