//! Starting data and imported catalogues.

use biblioteca::domain::ids::Ejemplar;
use biblioteca::wire::admin::{Cumplido, Encomienda, Informe};

use crate::banco::Motor::{self, Postgres, Sqlite};
use crate::banco::{Banco, confirmado, devolucion, fila, informe, pedido};
use biblioteca::domain::operacion::Operacion;
use rstest::rstest;

#[rstest]
#[tokio::test]
async fn the_starting_data_is_made_once(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    let informe = informe(banco.administrar(Encomienda::Sembrar).await);
    assert_eq!((informe.libros, informe.prestamos), (1000, 200));
    let prestados = "SELECT count(*) FROM prestamos WHERE devuelto_en IS NULL AND sede = 'sede1'";
    assert_eq!(banco.numero(prestados).await, 50);
    let vuelta = pedido(Operacion::Devolucion, "@Libro1-sede1-1", "", "sede1");
    confirmado(&banco.pedir(vuelta).await);
    let otra = banco.administrar(Encomienda::Sembrar).await;
    assert_eq!(otra, Cumplido::Catalogo(Informe::default()));
    assert_eq!(banco.numero(prestados).await, 49);
    let libre = pedido(Operacion::Prestamo, "978-0596007126", "usuario005", "sede1");
    confirmado(&banco.pedir(libre).await);
}

#[rstest]
#[tokio::test]
async fn importing_the_same_file_again_changes_nothing(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    let mut filas = vec![fila(1, "N", "nueva", 3), fila(2, "N", "nueva", 1)];
    filas[1].codigo = Some(Ejemplar::parse("barra-7").unwrap());
    let informe = banco.catalogo(filas.clone()).await;
    assert_eq!((informe.libros, informe.ejemplares), (1, 4));
    let historia = banco.numero("SELECT count(*) FROM historial").await;
    assert_eq!(banco.catalogo(filas.clone()).await, Informe::default());
    assert_eq!(
        banco.numero("SELECT count(*) FROM historial").await,
        historia
    );
    filas[0].ejemplares = 5;
    let mas = banco.catalogo(filas).await;
    assert_eq!((mas.libros, mas.ejemplares), (0, 2));
}

#[rstest]
#[tokio::test]
async fn a_code_of_another_book_is_refused_and_the_rest_goes_in(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let banco = Banco::nuevo(motor).await;
    let mut filas = vec![fila(7, "N1", "s1", 1), fila(8, "N2", "s1", 1)];
    filas[0].codigo = Some(Ejemplar::parse("A-s1-1").unwrap());
    let informe = banco.catalogo(filas).await;
    assert_eq!((informe.libros, informe.ejemplares), (1, 1));
    assert_eq!(informe.rechazadas.len(), 1);
    assert_eq!(informe.rechazadas[0].0, 7);
    assert!(informe.rechazadas[0].1.contains("'A'"), "{informe:?}");
}

#[rstest]
#[tokio::test]
async fn every_change_is_told_in_the_history(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    let antes = banco.numero("SELECT count(*) FROM historial").await;
    banco.catalogo(vec![fila(1, "N", "nueva", 2)]).await;
    // A sede, a book and two copies.
    assert_eq!(
        banco.numero("SELECT count(*) FROM historial").await,
        antes + 4
    );
    confirmado(
        &banco
            .pedir(pedido(Operacion::Prestamo, "N", "ana", "nueva"))
            .await,
    );
    confirmado(&banco.pedir(devolucion("N", "ana")).await);
}

#[rstest]
#[tokio::test]
async fn a_row_with_a_nul_in_its_author_falls_alone(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    let mut filas = vec![fila(1, "N1", "s1", 1), fila(2, "N2", "s1", 1)];
    filas[0].autor = Some("Bor\0ges".to_owned());
    let informe = banco.catalogo(filas).await;
    assert_eq!((informe.libros, informe.rechazadas.len()), (1, 1));
    assert_eq!(informe.rechazadas[0].0, 1);
    let nuevos = "SELECT count(*) FROM libros WHERE isbn IN ('N1', 'N2')";
    assert_eq!(banco.numero(nuevos).await, 1);
}
