//! Each rule of contract §3, through the store.

use biblioteca::db::Fallo;
use biblioteca::domain::rechazo::Rechazo::{
    EjemplarNoEncontrado, LibroNoEncontrado, LimitePrestamos, LimiteRenovaciones, PrestamoActivo,
    PrestamoNoActivo, PrestamoNoEncontrado, SinEjemplaresDisponibles, UsuarioBloqueado,
    UsuarioNoEncontrado, UsuarioVencido,
};
use biblioteca::domain::reglas::{Registro, Reglas};

use crate::banco::Motor::{self, Postgres, Sqlite};
use crate::banco::{
    Banco, DIA_MS, asiento, confirmado, datos, devolucion, prestamo, rechazado, renovacion,
};
use rstest::rstest;

#[rstest]
#[tokio::test]
async fn a_loan_takes_a_free_copy_of_the_sede_and_tells_the_due_date(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let banco = Banco::nuevo(motor).await;
    let datos = confirmado(&banco.pedir(prestamo("A", "ana")).await);
    assert_eq!(datos["ejemplar"], "A-s1-1");
    assert_eq!(datos["sede"], "s1");
    assert_eq!(datos["fecha_devolucion"], "2126-12-08T23:59:00-05:00");
    assert_eq!(datos["dias_prestamo"], 14);
}

#[rstest]
#[tokio::test]
async fn copies_of_other_sedes_do_not_count_but_are_told(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    confirmado(&banco.pedir(prestamo("A", "ana")).await);
    let negada = banco.pedir(prestamo("A", "beto")).await;
    rechazado(&negada, &[SinEjemplaresDisponibles]);
    assert_eq!(datos(&negada)["sedes"]["s2"]["disponibles"], 1);
    assert_eq!(datos(&negada)["sedes"]["s1"]["disponibles"], 0);
    // By code it may be of any sede, and keeps it.
    let datos = confirmado(&banco.pedir(prestamo("@A-s2-1", "beto")).await);
    assert_eq!(datos["sede"], "s2");
}

#[rstest]
#[tokio::test]
async fn what_is_not_in_the_catalogue_is_refused_and_creates_nobody(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let banco = Banco::nuevo(motor).await;
    rechazado(
        &banco.pedir(prestamo("Z", "ana")).await,
        &[LibroNoEncontrado],
    );
    rechazado(
        &banco.pedir(prestamo("@Z-1", "ana")).await,
        &[EjemplarNoEncontrado],
    );
    // Book and copy that disagree.
    let ajena = banco.pedir(prestamo("B@A-s1-1", "ana")).await;
    rechazado(&ajena, &[EjemplarNoEncontrado]);
    let dicho = "Ese ejemplar no es de ese libro: ejemplar 'A-s1-1' de ";
    assert!(ajena.mensaje.starts_with(dicho), "{}", ajena.mensaje);
    let ninguno = banco.pedir(prestamo("B@Z-1", "ana")).await;
    let dicho = "Ese ejemplar no está en el catálogo: ejemplar 'Z-1' de ";
    assert!(ninguno.mensaje.starts_with(dicho), "{}", ninguno.mensaje);
    assert_eq!(banco.numero("SELECT count(*) FROM usuarios").await, 0);
}

#[rstest]
#[tokio::test]
async fn a_lent_lost_or_withdrawn_copy_is_not_available(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    confirmado(&banco.pedir(prestamo("@B-s1-1", "ana")).await);
    let prestado = banco.pedir(prestamo("@B-s1-1", "beto")).await;
    rechazado(&prestado, &[SinEjemplaresDisponibles]);
    let dicho = "Ese ejemplar está prestado: ejemplar 'B-s1-1', usuario 'beto'";
    assert_eq!(prestado.mensaje, dicho);
    let cambio = "UPDATE ejemplares SET estado = 'perdido' WHERE isbn = 'C'";
    assert_eq!(banco.sql(cambio).await, Ok(3));
    for (objeto, dicho) in [
        ("C", "No hay ejemplares disponibles en esa sede"),
        ("@C-s1-2", "Ese ejemplar está fuera de servicio"),
    ] {
        let negado = banco.pedir(prestamo(objeto, "beto")).await;
        rechazado(&negado, &[SinEjemplaresDisponibles]);
        assert!(negado.mensaje.starts_with(dicho), "{}", negado.mensaje);
    }
}

#[rstest]
#[tokio::test]
async fn all_reasons_are_told_and_the_first_in_precedence_is_the_code(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let banco = Banco::nuevo(motor).await;
    for libro in ["B", "C", "D", "E", "A"] {
        confirmado(&banco.pedir(prestamo(libro, "ana")).await);
    }
    let cambio = "UPDATE usuarios SET bloqueado = 1, vence = '2126-11-23'";
    assert_eq!(banco.sql(cambio).await, Ok(1));
    let todos = [
        UsuarioVencido,
        UsuarioBloqueado,
        PrestamoActivo,
        LimitePrestamos,
        SinEjemplaresDisponibles,
    ];
    rechazado(&banco.pedir(prestamo("A", "ana")).await, &todos);
    rechazado(
        &banco.pedir(prestamo("Z", "ana")).await,
        &[
            LibroNoEncontrado,
            UsuarioVencido,
            UsuarioBloqueado,
            LimitePrestamos,
        ],
    );
    rechazado(
        &banco.pedir(renovacion("F", "ana")).await,
        &[UsuarioVencido, UsuarioBloqueado, PrestamoNoEncontrado],
    );
    // Neither keeps a copy from coming back.
    confirmado(&banco.pedir(devolucion("A", "ana")).await);
}

#[rstest]
#[tokio::test]
async fn a_membership_is_good_on_its_last_day(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    confirmado(&banco.pedir(prestamo("B", "ana")).await);
    let cambio = "UPDATE usuarios SET vence = '2126-11-24'";
    assert_eq!(banco.sql(cambio).await, Ok(1));
    confirmado(&banco.pedir(prestamo("C", "ana")).await);
    banco.avanzar(DIA_MS);
    rechazado(&banco.pedir(prestamo("D", "ana")).await, &[UsuarioVencido]);
}

#[rstest]
#[tokio::test]
async fn closed_registration_refuses_strangers(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::con(
        motor,
        Reglas {
            registro: Registro::Cerrado,
            ..Reglas::default()
        },
    )
    .await;
    rechazado(
        &banco.pedir(prestamo("A", "ana")).await,
        &[UsuarioNoEncontrado],
    );
}

#[rstest]
#[tokio::test]
async fn a_professor_may_have_more(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::con(
        motor,
        Reglas {
            prestamos_max: 1,
            ..Reglas::default()
        },
    )
    .await;
    confirmado(&banco.pedir(prestamo("B", "ana")).await);
    rechazado(&banco.pedir(prestamo("C", "ana")).await, &[LimitePrestamos]);
    let cambio = "UPDATE usuarios SET categoria = 'profesor'";
    assert_eq!(banco.sql(cambio).await, Ok(1));
    confirmado(&banco.pedir(prestamo("C", "ana")).await);
}

#[rstest]
#[tokio::test]
async fn each_operation_of_a_batch_sees_those_before_it(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    let respuestas = banco
        .lote(vec![
            prestamo("A", "ana"),
            prestamo("A", "beto"),
            renovacion("A", "ana"),
            devolucion("@A-s1-1", ""),
            prestamo("A", "beto"),
            devolucion("A", "ana"),
        ])
        .await;
    confirmado(&respuestas[0]);
    rechazado(&respuestas[1], &[SinEjemplaresDisponibles]);
    confirmado(&respuestas[2]);
    assert_eq!(confirmado(&respuestas[3])["usuario"], "ana");
    confirmado(&respuestas[4]);
    rechazado(&respuestas[5], &[PrestamoNoActivo]);
    assert_eq!(banco.numero("SELECT count(*) FROM prestamos").await, 2);
}

#[rstest]
#[tokio::test]
async fn a_loan_is_renewed_twice_by_seven_days_from_its_due_date(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let banco = Banco::nuevo(motor).await;
    rechazado(
        &banco.pedir(renovacion("A", "ana")).await,
        &[PrestamoNoEncontrado],
    );
    confirmado(&banco.pedir(prestamo("A", "ana")).await);
    let una = confirmado(&banco.pedir(renovacion("A", "ana")).await);
    assert_eq!(una["nueva_fecha_devolucion"], "2126-12-15T23:59:00-05:00");
    let dos = confirmado(&banco.pedir(renovacion("@A-s1-1", "ana")).await);
    assert_eq!(dos["nueva_fecha_devolucion"], "2126-12-22T23:59:00-05:00");
    assert_eq!(dos["renovaciones"], 2);
    rechazado(
        &banco.pedir(renovacion("A", "ana")).await,
        &[LimiteRenovaciones],
    );
    rechazado(
        &banco.pedir(renovacion("@A-s1-1", "beto")).await,
        &[PrestamoNoEncontrado],
    );
    confirmado(&banco.pedir(devolucion("A", "ana")).await);
    rechazado(
        &banco.pedir(renovacion("A", "ana")).await,
        &[PrestamoNoActivo],
    );
    confirmado(&banco.pedir(prestamo("A", "beto")).await);
    rechazado(
        &banco.pedir(renovacion("@A-s1-1", "ana")).await,
        &[PrestamoNoActivo],
    );
}

#[rstest]
#[tokio::test]
async fn a_return_closes_only_what_it_names(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    let nunca = banco.pedir(devolucion("@A-s1-1", "")).await;
    rechazado(&nunca, &[PrestamoNoEncontrado]);
    let dicho = "No consta ningún préstamo de ese ejemplar: ejemplar 'A-s1-1'";
    assert_eq!(nunca.mensaje, dicho);
    confirmado(&banco.pedir(prestamo("A", "ana")).await);
    for ajeno in [devolucion("@A-s1-1", "beto"), devolucion("B@A-s1-1", "ana")] {
        rechazado(&banco.pedir(ajeno).await, &[PrestamoNoEncontrado]);
    }
    confirmado(&banco.pedir(devolucion("A@A-s1-1", "ana")).await);
    rechazado(
        &banco.pedir(devolucion("@A-s1-1", "")).await,
        &[PrestamoNoActivo],
    );
}

#[rstest]
#[tokio::test]
async fn a_return_that_comes_late_does_not_close_a_newer_loan(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let banco = Banco::nuevo(motor).await;
    confirmado(&banco.pedir(prestamo("A", "ana")).await);
    banco.avanzar(60_000);
    // Acknowledged before the loan existed.
    let antes = banco.tardia(devolucion("@A-s1-1", ""), 3_600_000).await;
    rechazado(&antes, &[PrestamoNoEncontrado]);
    confirmado(&banco.tardia(devolucion("@A-s1-1", ""), 30_000).await);
    banco.avanzar(60_000);
    confirmado(&banco.pedir(prestamo("A", "beto")).await);
    banco.avanzar(60_000);
    // Acknowledged during the first loan, arrives during the second.
    let vieja = banco.tardia(devolucion("@A-s1-1", ""), 150_000).await;
    rechazado(&vieja, &[PrestamoNoActivo]);
    confirmado(&banco.tardia(devolucion("@A-s1-1", ""), 30_000).await);
}

/// Fault case 28: the loan was made while the clock was an hour ahead.
#[rstest]
#[tokio::test]
async fn a_loan_dated_in_the_future_can_be_returned(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    confirmado(&banco.pedir(prestamo("A", "ana")).await);
    let adelantar = "UPDATE prestamos SET prestado_en = '2999-01-01T00:00:00.000Z'";
    banco.sql(adelantar).await.unwrap();
    confirmado(&banco.pedir(devolucion("A", "ana")).await);
}

/// Fault case 32: what is stored cannot be read, and says so of this operation alone.
#[rstest]
#[tokio::test]
async fn a_loan_that_cannot_be_read_is_a_defect_and_not_a_failure_of_the_database(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let banco = Banco::nuevo(motor).await;
    confirmado(&banco.pedir(prestamo("A", "ana")).await);
    banco
        .sql("UPDATE prestamos SET vence_en = 'esto no es ninguna fecha de nada'")
        .await
        .unwrap();
    let lote = vec![asiento(renovacion("A", "ana"))];
    let fallo = banco.almacen().aplicar(lote).await.unwrap_err();
    assert!(matches!(fallo, Fallo::Defecto(_)), "{fallo:?}");
    confirmado(&banco.pedir(prestamo("B", "beto")).await);
}
