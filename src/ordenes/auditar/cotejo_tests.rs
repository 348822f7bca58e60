//! Each way of keeping and of breaking a promise.

use serde_json::json;

use super::*;

fn recibo(op_id: &str, estado: Estado, codigo: Option<&str>) -> Recibo {
    Recibo {
        op_id: op_id.into(),
        operacion: "prestamo".into(),
        isbn: Some("L1".into()),
        ejemplar: None,
        usuario: Some("U1".into()),
        estado: estado.palabra().into(),
        codigo: codigo.map(Into::into),
        datos: json!({"ejemplar": "L1-1"}),
        inicio: String::new(),
        fin: String::new(),
        intentos: 1,
    }
}

fn guardada(op_id: &str, estado: Estado, codigo: Option<&str>) -> Guardada {
    Guardada {
        op_id: op_id.into(),
        tipo: "prestamo".into(),
        estado: estado.palabra().into(),
        codigo: codigo.map(Into::into),
        isbn: Some("L1".into()),
        ejemplar: None,
        usuario: Some("U1".into()),
        datos: "{\"ejemplar\": \"L1-1\"}".into(),
    }
}

fn comparar(recibos: &[Recibo], base: &[Guardada], diario: &[&str]) -> Cotejo {
    let base = base.iter().map(|g| (g.op_id.clone(), g.clone())).collect();
    let en = |&op_id: &&str| (op_id.to_owned(), "diario.db".to_owned());
    let diario = diario.iter().map(en).collect();
    cotejar(recibos, &base, &diario)
}

fn clases(cotejo: &Cotejo) -> Vec<Clase> {
    cotejo.roturas.iter().map(|rotura| rotura.clase).collect()
}

#[test]
fn kept_promises_break_nothing() {
    let cotejo = comparar(
        &[
            recibo("a", Estado::Confirmado, None),
            recibo("b", Estado::Rechazado, Some("PrestamoActivo")),
            recibo("c", Estado::Encolado, None),
            recibo("d", Estado::Encolado, None),
            recibo("e", Estado::Encolado, None),
            recibo("f", Estado::Ocupado, None),
            recibo("g", Estado::NoDisponible, None),
            recibo("h", Estado::Desconocido, None),
            recibo("a", Estado::Rechazado, Some("ConflictoOpId")),
            recibo("i", Estado::NoDisponible, None),
        ],
        &[
            guardada("a", Estado::Confirmado, None),
            guardada("b", Estado::Rechazado, Some("PrestamoActivo")),
            guardada("c", Estado::Confirmado, None),
            guardada("d", Estado::Rechazado, Some("PrestamoNoActivo")),
            guardada("h", Estado::Confirmado, None),
            guardada("i", Estado::Rechazado, Some("PrestamoActivo")),
        ],
        &["e"],
    );
    assert_eq!(cotejo.roturas, []);
    assert_eq!(cotejo.operaciones, 9);
    assert_eq!(cotejo.encoladas_decididas, 2);
    assert_eq!(
        cotejo.encoladas_rechazadas,
        [("d".to_owned(), "PrestamoNoActivo".to_owned())]
    );
    assert_eq!(
        cotejo.encoladas_pendientes,
        [("e".to_owned(), "diario.db".to_owned())]
    );
    assert_eq!(cotejo.dudosas, 1);
}

#[test]
fn an_acknowledged_operation_that_is_nowhere_is_lost() {
    for (estado, codigo) in [
        (Estado::Confirmado, None),
        (Estado::Rechazado, Some("PrestamoActivo")),
        (Estado::Encolado, None),
    ] {
        let cotejo = comparar(&[recibo("a", estado, codigo)], &[], &["otra"]);
        assert_eq!(clases(&cotejo), [Clase::Perdida], "{estado}");
    }
}

#[test]
fn a_database_that_tells_otherwise_is_noticed() {
    let dicho = recibo("a", Estado::Confirmado, None);
    let mut ajena = guardada("a", Estado::Confirmado, None);
    ajena.usuario = Some("otro".into());
    let mut otros_datos = guardada("a", Estado::Confirmado, None);
    otros_datos.datos = "{}".into();
    for base in [
        guardada("a", Estado::Rechazado, Some("PrestamoActivo")),
        ajena,
        otros_datos,
    ] {
        let cotejo = comparar(std::slice::from_ref(&dicho), &[base], &[]);
        assert_eq!(clases(&cotejo), [Clase::Cambiada]);
    }
    let dos = [
        dicho,
        recibo("a", Estado::Rechazado, Some("PrestamoActivo")),
    ];
    let cotejo = comparar(&dos, &[guardada("a", Estado::Confirmado, None)], &[]);
    assert_eq!(
        clases(&cotejo),
        [Clase::Cambiada],
        "two answers to one op_id"
    );
}

#[test]
fn what_was_told_as_not_applied_must_not_be() {
    let base = [guardada("a", Estado::Confirmado, None)];
    let nunca = [
        recibo("a", Estado::Ocupado, None),
        recibo("a", Estado::NoDisponible, None),
    ];
    assert_eq!(clases(&comparar(&nunca, &base, &[])), [Clase::Aplicada]);
    let dudosa = [nunca[0].clone(), recibo("a", Estado::Desconocido, None)];
    assert_eq!(clases(&comparar(&dudosa, &base, &[])), []);
}

#[test]
fn reads_are_no_operations() {
    let mut consulta = recibo("a", Estado::Confirmado, None);
    consulta.operacion = "consulta".into();
    assert_eq!(comparar(&[consulta], &[], &[]), Cotejo::default());
}
