//! What only a PostgreSQL can show: several almacenamientos on one database, standbys,
//! promotions, crashes. Every server here is a real one that the test starts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod auditoria;
// Shared with tests/almacen, which uses the rest of it.
#[allow(dead_code)]
#[path = "../almacen/banco.rs"]
mod banco;
mod cargas;
mod carreras;
mod durabilidad;
mod escritura;
mod mudanza;
mod nodo;
mod primario;
#[path = "../sistema/puertos.rs"]
mod puertos;
mod replicas;
mod salud;
mod servidor;
mod simulacro;
// A client of HTTP, which tests/sistema uses too.
#[allow(dead_code)]
#[path = "../sistema/web.rs"]
mod web;

use biblioteca::db::postgres::{Buscador, PostgresAlmacen};
use biblioteca::db::{Almacen, Fallo};
use biblioteca::domain::reglas::Reglas;
use biblioteca::wire::admin::{Encomienda, FilaCatalogo};
use biblioteca::wire::pedido::Pedido;
use biblioteca::wire::respuesta::Respuesta;

use banco::{asiento, fila};
use servidor::Servidor;

fn buscador(urls: &[String]) -> Buscador {
    Buscador::nuevo(urls, Reglas::default(), 2).unwrap()
}

async fn abrir(url: &str) -> PostgresAlmacen {
    buscador(&[url.to_owned()]).abrir().await.unwrap()
}

/// Books `L1`… with so many copies each in `s1`.
async fn con_libros(almacen: &PostgresAlmacen, libros: u32, copias: u32) {
    let filas: Vec<FilaCatalogo> = (1..=libros)
        .map(|n| fila(n, &format!("L{n}"), "s1", copias))
        .collect();
    let encomienda = Encomienda::Catalogo(filas);
    almacen.administrar(encomienda).await.unwrap();
}

async fn pedir(almacen: &PostgresAlmacen, pedido: Pedido) -> Result<Respuesta, Fallo> {
    let respuestas = almacen.aplicar(vec![asiento(pedido)]).await?;
    Ok(respuestas.into_iter().next().unwrap())
}

/// Opens as a node does: again and again until it can.
async fn reabrir(buscador: &Buscador) -> PostgresAlmacen {
    let limite = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        match buscador.abrir().await {
            Ok(almacen) => return almacen,
            Err(fallo) => assert!(std::time::Instant::now() < limite, "{fallo}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Of the database `biblioteca`, for the almacenamientos' role.
fn url(servidor: &Servidor) -> String {
    servidor.url("biblioteca", "biblioteca")
}
