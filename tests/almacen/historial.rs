//! Every change is told in `historial` with who made it; and what a library of before lacks
//! is brought up to date when it is opened or migrated.

use std::path::Path;

use biblioteca::db::Almacen;
use biblioteca::db::postgres::{Buscador, migrar};
use biblioteca::db::sqlite::{Opciones, SqliteAlmacen};
use biblioteca::domain::ids::Titulo;
use biblioteca::domain::operacion::Operacion;
use biblioteca::domain::principal::Principal;
use biblioteca::domain::rechazo::Rechazo;
use biblioteca::domain::reglas::Reglas;
use biblioteca::wire::admin::Encomienda;
use biblioteca::wire::pedido::Pedido;
use rstest::rstest;
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::banco::Motor::{self, Postgres, Sqlite};
use crate::banco::{
    Banco, con_op_id, confirmado, datos, devolucion, fila, pedido, prestamo, rechazado, renovacion,
};
use crate::servidor;

fn por(mut pedido: Pedido, principal: Principal) -> Pedido {
    pedido.principal = principal;
    pedido
}

#[rstest]
#[tokio::test]
async fn each_loan_return_and_renewal_is_told_with_who_did_it_once(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let banco = Banco::nuevo(motor).await;
    let en_grupo = |autor: &str| Principal::en_grupo("mostradores", autor);
    let presta = por(con_op_id(prestamo("A", "ana"), "op-1"), en_grupo("desk-1"));
    confirmado(&banco.pedir(presta.clone()).await);
    // One of the same group repeats it: the first did it.
    let otra = banco.pedir(por(presta.clone(), en_grupo("desk-2"))).await;
    assert!(otra.repetida);
    rechazado(
        &banco
            .pedir(por(prestamo("A", "ana"), en_grupo("desk-2")))
            .await,
        &[Rechazo::PrestamoActivo, Rechazo::SinEjemplaresDisponibles],
    );
    confirmado(
        &banco
            .pedir(por(renovacion("A", "ana"), Principal::de("clave-3")))
            .await,
    );
    let suelta = Principal::en_grupo("", "local");
    confirmado(&banco.pedir(por(devolucion("A", "ana"), suelta)).await);
    confirmado(&banco.pedir(prestamo("A", "beto")).await);
    assert_eq!(
        banco
            .numero(
                "SELECT count(*) FROM historial WHERE objeto = 'ejemplar' AND accion <> 'catalogo'"
            )
            .await,
        4,
        "refusals and repeats change nothing"
    );
    let primera = "SELECT count(*) FROM historial WHERE accion = 'prestamo' AND clave =
        (SELECT ejemplar FROM prestamos WHERE usuario = 'ana')
        AND autor = 'desk-1' AND detalle LIKE '%\"op-1\"%' AND detalle LIKE '%\"ana\"%'";
    assert_eq!(banco.numero(primera).await, 1);
    let otras = "SELECT count(*) FROM historial
        WHERE (accion = 'renovacion' AND autor = 'clave-3')
           OR (accion = 'devolucion' AND autor = 'local')
           OR (accion = 'prestamo' AND autor = 'sin clave')";
    assert_eq!(banco.numero(otras).await, 3);
    let cuando = "SELECT count(*) FROM historial h JOIN prestamos p
        ON p.ejemplar = h.clave AND p.prestado_en = h.fecha WHERE h.accion = 'prestamo'";
    assert_eq!(banco.numero(cuando).await, 2, "of the same instant");
}

#[rstest]
#[tokio::test]
async fn catalogues_and_starting_data_are_told_with_who_brought_them(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let banco = Banco::nuevo(motor).await;
    let autor = || "ana@pc1".to_owned();
    let filas = vec![fila(1, "Nuevo", "s3", 2)];
    banco
        .administrar(Encomienda::CatalogoDe {
            autor: autor(),
            filas,
        })
        .await;
    let suyas = "SELECT count(*) FROM historial WHERE accion = 'catalogo' AND autor = 'ana@pc1'";
    assert_eq!(banco.numero(suyas).await, 4, "a sede, a book, two copies");
    banco.administrar(Encomienda::SembrarDe(autor())).await;
    let sembradas =
        "SELECT count(*) FROM historial WHERE accion = 'sembrar' AND autor <> 'ana@pc1'";
    assert_eq!(banco.numero(sembradas).await, 0);
}

/// The migrations up to the second, in a folder of their own.
async fn de_antes(motor: Motor, carpeta: &Path) -> Migrator {
    let de = match motor {
        Sqlite => "migrations/sqlite",
        Postgres => "migrations/postgres",
    };
    for archivo in std::fs::read_dir(de).unwrap() {
        let archivo = archivo.unwrap();
        let nombre = archivo.file_name().into_string().unwrap();
        if nombre.as_str() < "0003" {
            std::fs::copy(archivo.path(), carpeta.join(nombre)).unwrap();
        }
    }
    Migrator::new(carpeta).await.unwrap()
}

/// What the program of before had written: a book whose author was not searched, and a block.
const DE_ANTES: &str = "
    INSERT INTO libros (isbn, titulo, autor, titulo_plegado)
        VALUES ('h1', 'Cien años de soledad', 'Gabriel García Márquez', 'cien anos de soledad'),
               ('h2', 'Anónimo', NULL, 'anonimo');
    INSERT INTO historial (fecha, accion, objeto, clave, detalle)
        VALUES ('2026-01-01T00:00:00.000Z', 'bloquear', 'usuario', 'ana',
                '{\"autor\":\"luz@pc1\",\"motivo\":null}'),
               ('2026-01-01T00:00:00.000Z', 'catalogo', 'libro', 'h1', '{}');";

/// A library of before, opened as a node of now opens it.
async fn antigua(motor: Motor, carpeta: &Path) -> Box<dyn Almacen> {
    let migraciones = carpeta.join("migraciones");
    std::fs::create_dir(&migraciones).unwrap();
    let migraciones = de_antes(motor, &migraciones).await;
    match motor {
        Sqlite => {
            let ruta = carpeta.join("biblioteca.db");
            let url = format!("sqlite:{}?mode=rwc", ruta.display());
            let mut conexion = SqliteConnection::connect(&url).await.unwrap();
            migraciones.run(&mut conexion).await.unwrap();
            sqlx::raw_sql(DE_ANTES)
                .execute(&mut conexion)
                .await
                .unwrap();
            conexion.close().await.unwrap();
            Box::new(SqliteAlmacen::abrir(Opciones::nuevas(ruta)).await.unwrap())
        }
        Postgres => {
            let servidor = servidor::comun();
            let base = format!("antigua_{}", std::process::id());
            servidor.psql("postgres", &format!("CREATE DATABASE {base}"));
            let url = servidor.url("postgres", &base);
            let mut conexion = PgConnection::connect(&url).await.unwrap();
            migraciones.run(&mut conexion).await.unwrap();
            sqlx::raw_sql(DE_ANTES)
                .execute(&mut conexion)
                .await
                .unwrap();
            conexion.close().await.unwrap();
            assert!(migrar(std::slice::from_ref(&url)).await.unwrap() > 0);
            let buscador = Buscador::nuevo(&[url], Reglas::default(), 2).unwrap();
            Box::new(buscador.abrir().await.unwrap())
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_book_of_before_is_found_by_its_author(#[values(Sqlite, Postgres)] motor: Motor) {
    let carpeta = tempfile::tempdir().unwrap();
    let almacen = antigua(motor, carpeta.path()).await;
    for busca in ["garcia MARQUEZ", "soledad", "García años"] {
        let mut pregunta = pedido(Operacion::Consulta, "x", "", "s1");
        pregunta.isbn = None;
        pregunta.titulo = Some(Titulo::parse(busca).unwrap());
        let respuesta = almacen.leer(pregunta).await.unwrap();
        assert_eq!(datos(&respuesta)["libros"][0]["isbn"], "h1", "{busca}");
    }
}

#[tokio::test]
async fn who_was_told_in_the_detail_of_before_is_told_in_the_column() {
    let carpeta = tempfile::tempdir().unwrap();
    drop(antigua(Sqlite, carpeta.path()).await);
    let url = format!("sqlite:{}", carpeta.path().join("biblioteca.db").display());
    let mut conexion = SqliteConnection::connect(&url).await.unwrap();
    let autores: Vec<(String,)> = sqlx::query_as("SELECT autor FROM historial ORDER BY id")
        .fetch_all(&mut conexion)
        .await
        .unwrap();
    assert_eq!(autores, [("luz@pc1".to_owned(),), (String::new(),)]);
    let cambiar = sqlx::query("UPDATE historial SET autor = 'otra'").execute(&mut conexion);
    assert!(cambiar.await.is_err(), "still append-only");
}
