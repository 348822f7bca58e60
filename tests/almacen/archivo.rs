//! What stays after closing; for SQLite the file: who may open it, and what is refused.

use std::fs;

use biblioteca::db::sqlite::{Opciones, SqliteAlmacen};
use biblioteca::db::{Almacen, Fallo};
use rstest::rstest;
use sqlx::migrate::Migrate;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::banco::Motor::{self, Postgres, Sqlite};
use crate::banco::{Banco, confirmado, prestamo};

#[tokio::test]
async fn a_second_opener_is_turned_away() {
    let banco = Banco::nuevo(Sqlite).await;
    let segundo = SqliteAlmacen::abrir(banco.opciones()).await;
    assert!(matches!(segundo, Err(Fallo::Ocupada)));
}

#[rstest]
#[tokio::test]
async fn everything_is_there_after_opening_again(#[values(Sqlite, Postgres)] motor: Motor) {
    let mut banco = Banco::nuevo(motor).await;
    let base_id = banco.almacen().base_id().to_owned();
    confirmado(&banco.pedir(prestamo("A", "ana")).await);
    banco.reabrir().await;
    assert_eq!(banco.almacen().base_id(), base_id);
    assert_eq!(base_id.len(), 32);
    let abiertos = "SELECT count(*) FROM prestamos WHERE devuelto_en IS NULL";
    assert_eq!(banco.numero(abiertos).await, 1);
    // A clock set back does not go back behind what is stored.
    banco.avanzar(-1_000_000_000);
    banco.reabrir().await;
    confirmado(&banco.pedir(prestamo("B", "ana")).await);
    let orden = "SELECT count(DISTINCT a.id) FROM prestamos a JOIN prestamos b
                 ON a.id < b.id AND a.prestado_en <= b.prestado_en";
    assert_eq!(banco.numero(orden).await, 1);
}

async fn inservible(banco: &Banco) -> String {
    match SqliteAlmacen::abrir(banco.opciones()).await {
        Err(Fallo::Inservible(motivo)) => motivo,
        otro => panic!("{otro:?}"),
    }
}

#[tokio::test]
async fn a_damaged_file_is_refused_with_advice() {
    let mut banco = Banco::nuevo(Sqlite).await;
    banco.cerrar().await;
    let sano = fs::read(banco.ruta()).unwrap();
    fs::write(banco.ruta(), &sano[..sano.len() / 2]).unwrap();
    let motivo = inservible(&banco).await;
    assert!(
        motivo.contains("biblioteca.db") && motivo.contains("respaldo"),
        "{motivo}"
    );
    fs::write(banco.ruta(), "esto no es una base de datos ".repeat(200)).unwrap();
    assert!(inservible(&banco).await.contains("biblioteca.db"));
    fs::write(banco.ruta(), &sano).unwrap();
    assert!(SqliteAlmacen::abrir(banco.opciones()).await.is_ok());
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_alone() {
    let mut banco = Banco::nuevo(Sqlite).await;
    banco.cerrar().await;
    assert!(banco.sql("PRAGMA application_id = 7").await.is_ok());
    let motivo = inservible(&banco).await;
    assert!(motivo.contains("otro programa"), "{motivo}");
}

/// Fault case 26: the power went after the first commit of a new file, the list of migrations.
#[tokio::test]
async fn a_database_whose_making_was_cut_short_is_made() {
    let carpeta = tempfile::tempdir().unwrap();
    let ruta = carpeta.path().join("biblioteca.db");
    let opciones = SqliteConnectOptions::new().filename(&ruta);
    let mut conexion = opciones.create_if_missing(true).connect().await.unwrap();
    let lista = conexion.ensure_migrations_table("_sqlx_migrations");
    lista.await.unwrap();
    conexion.close().await.unwrap();
    let almacen = SqliteAlmacen::abrir(Opciones::nuevas(ruta)).await.unwrap();
    assert_eq!(almacen.base_id().len(), 32);
}
