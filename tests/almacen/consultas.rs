//! Questions and their answers.

use biblioteca::domain::ids::{Ejemplar, Isbn, Titulo};
use biblioteca::domain::operacion::Operacion;
use biblioteca::domain::rechazo::Rechazo::{
    EjemplarNoEncontrado, LibroNoEncontrado, UsuarioNoEncontrado,
};
use biblioteca::wire::pedido::Pedido;
use serde_json::json;

use crate::banco::Motor::{self, Postgres, Sqlite};
use crate::banco::{Banco, confirmado, devolucion, fila, pedido, prestamo};
use rstest::rstest;

fn consulta(objeto: &str) -> Pedido {
    pedido(Operacion::Consulta, objeto, "", "s1")
}

fn busqueda(titulo: &str) -> Pedido {
    Pedido {
        isbn: None,
        titulo: Some(Titulo::parse(titulo).unwrap()),
        ..consulta("x")
    }
}

#[rstest]
#[tokio::test]
async fn a_book_is_told_in_all_and_by_sede(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    confirmado(&banco.pedir(prestamo("A", "ana")).await);
    let datos = confirmado(&banco.leer(consulta("A")).await);
    assert_eq!(
        datos,
        json!({
            "isbn": "A", "titulo": "Título A", "autor": null,
            "disponible": true, "estado": "disponible", "disponibles": 1, "total": 2,
            "sedes": {
                "s1": {"disponible": false, "estado": "agotado", "disponibles": 0, "total": 1},
                "s2": {"disponible": true, "estado": "disponible", "disponibles": 1, "total": 1},
            },
        })
    );
    let nadie = banco.leer(consulta("Z")).await;
    assert_eq!(nadie.rechazo, Some(LibroNoEncontrado));
}

#[rstest]
#[tokio::test]
async fn a_copy_is_told_alone(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    confirmado(&banco.pedir(prestamo("@B-s1-2", "ana")).await);
    let lento = confirmado(&banco.leer(consulta("@B-s1-2")).await);
    assert_eq!(
        (&lento["disponibles"], &lento["total"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(lento["ejemplar"], "B-s1-2");
    assert_eq!(lento["sedes"]["s1"]["estado"], "agotado");
    let libre = confirmado(&banco.leer(consulta("B@B-s1-1")).await);
    assert_eq!(libre["disponible"], true);
    for ajeno in ["@Z-1", "A@B-s1-1"] {
        let respuesta = banco.leer(consulta(ajeno)).await;
        assert_eq!(respuesta.rechazo, Some(EjemplarNoEncontrado));
    }
}

async fn titulos(banco: &Banco, busca: &str) -> Vec<String> {
    let datos = confirmado(&banco.leer(busqueda(busca)).await);
    let libros = datos["libros"].as_array().unwrap().iter();
    libros
        .map(|libro| libro["isbn"].as_str().unwrap().to_owned())
        .collect()
}

#[rstest]
#[tokio::test]
async fn a_book_is_found_by_all_words_of_title_or_author_without_accents_and_to_the_letter(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let banco = Banco::nuevo(motor).await;
    let mut filas = vec![
        fila(1, "h1", "s1", 1),
        fila(2, "h2", "s1", 1),
        fila(3, "h3", "s1", 1),
    ];
    filas[0].titulo = Titulo::parse("Cien años de soledad").unwrap();
    filas[1].titulo = Titulo::parse("Cien sonetos: 100% amor").unwrap();
    filas[2].titulo = Titulo::parse("Nombres_con guion").unwrap();
    filas[0].autor = Some("Gabriel García Márquez".to_owned());
    filas[1].autor = Some("Pablo Neruda".to_owned());
    banco.catalogo(filas).await;
    assert_eq!(titulos(&banco, "SOLEDAD anos").await, ["h1"]);
    assert_eq!(titulos(&banco, "garcia").await, ["h1"]);
    assert_eq!(titulos(&banco, "neruda CIEN").await, ["h2"]);
    assert!(titulos(&banco, "neruda soledad").await.is_empty());
    assert_eq!(titulos(&banco, "cien").await, ["h1", "h2"]);
    assert_eq!(titulos(&banco, "%").await, ["h2"]);
    assert_eq!(titulos(&banco, "_").await, ["h3"]);
    assert!(titulos(&banco, "\\").await.is_empty());
    assert!(titulos(&banco, "cien guion").await.is_empty());
}

#[rstest]
#[tokio::test]
async fn a_search_gives_at_most_fifty(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    let filas = (1..=60)
        .map(|n| fila(n, &format!("N{n}"), "s1", 1))
        .collect();
    banco.catalogo(filas).await;
    assert_eq!(titulos(&banco, "titulo n").await.len(), 50);
}

#[rstest]
#[tokio::test]
async fn sql_in_a_text_is_only_text(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    let malo = "x\\'); DROP TABLE prestamos;--\"ñ$1";
    banco.catalogo(vec![fila(1, malo, "s1", 1)]).await;
    // Alone and among others: they are written by different statements.
    let datos = confirmado(&banco.pedir(prestamo(malo, "' OR 1=1 --")).await);
    assert_eq!(datos["isbn"], malo);
    assert_eq!(datos["usuario"], "' OR 1=1 --");
    confirmado(&banco.pedir(devolucion(malo, "' OR 1=1 --")).await);
    let juntas = vec![prestamo(malo, "\\' --"), prestamo("A", "\\' --")];
    for respuesta in banco.lote(juntas).await {
        assert_eq!(confirmado(&respuesta)["usuario"], "\\' --");
    }
    let mut pregunta = consulta("x");
    pregunta.isbn = Some(Isbn::parse(malo).unwrap());
    assert_eq!(
        confirmado(&banco.leer(pregunta.clone()).await)["disponibles"],
        0
    );
    pregunta.ejemplar = Some(Ejemplar::parse("' OR '1'='1").unwrap());
    let respuesta = banco.leer(pregunta).await;
    assert_eq!(respuesta.rechazo, Some(EjemplarNoEncontrado));
    assert_eq!(banco.numero("SELECT count(*) FROM prestamos").await, 3);
}

#[rstest]
#[tokio::test]
async fn a_users_open_loans_are_told_the_first_due_first(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    let de = |usuario: &str| Pedido {
        isbn: None,
        ..pedido(Operacion::Consulta, "x", usuario, "s1")
    };
    let nadie = banco.leer(de("ana")).await;
    assert_eq!(nadie.rechazo, Some(UsuarioNoEncontrado));
    let prestada = confirmado(&banco.pedir(prestamo("B", "ana")).await);
    confirmado(&banco.pedir(prestamo("A", "ana")).await);
    confirmado(&banco.pedir(prestamo("B", "eva")).await);
    let suyos = confirmado(&banco.leer(de("ana")).await);
    assert_eq!(suyos["usuario"], "ana");
    let prestamos = suyos["prestamos"].as_array().unwrap();
    assert_eq!(prestamos.len(), 2);
    let isbns: Vec<&str> = prestamos
        .iter()
        .filter_map(|p| p["isbn"].as_str())
        .collect();
    assert_eq!(isbns, ["A", "B"], "due on the same day: by isbn");
    for campo in ["ejemplar", "fecha_prestamo", "fecha_devolucion", "sede"] {
        assert_eq!(prestamos[1][campo], prestada[campo], "{campo}");
    }
    assert_eq!(
        (&prestamos[1]["titulo"], &prestamos[1]["renovaciones"]),
        (&json!("Título B"), &json!(0))
    );
}
