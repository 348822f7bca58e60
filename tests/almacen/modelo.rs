//! A random library against a naive model of it: same answers, and no copy gained or lost.

use std::collections::{BTreeMap, BTreeSet};

use biblioteca::domain::operacion::Operacion::{self, Devolucion, Prestamo, Renovacion};
use biblioteca::wire::pedido::Pedido;
use proptest::prelude::{Just, Strategy, prop, prop_oneof};
use proptest::test_runner::{Config, TestRunner};

use crate::banco::Motor::{self, Postgres, Sqlite};
use crate::banco::{Banco, confirmado, datos, pedido, prestamo};
use rstest::rstest;

const LIBROS: [&str; 3] = ["A", "B", "C"];
const USUARIOS: [&str; 4] = ["ana", "beto", "caro", "dani"];

/// Open loans as (copy → user, renewals); free copies are the rest.
#[derive(Default)]
struct Modelo {
    abiertos: BTreeMap<String, (String, u32)>,
    hubo: BTreeSet<(String, String)>,
}

impl Modelo {
    fn copias(libro: &str) -> Vec<String> {
        let cuantas = if libro == "A" { 1 } else { 3 };
        (1..=cuantas).map(|k| format!("{libro}-s1-{k}")).collect()
    }

    fn de(&self, libro: &str, usuario: &str) -> Option<String> {
        let mut copias = Self::copias(libro).into_iter();
        copias.find(|copia| self.abiertos.get(copia).is_some_and(|(u, _)| u == usuario))
    }

    /// The code of the answer, empty for yes.
    fn decidir(&mut self, operacion: Operacion, libro: &str, usuario: &str) -> &'static str {
        let tiene = self.de(libro, usuario);
        let cerrado = self.hubo.contains(&(usuario.to_owned(), libro.to_owned()));
        match (operacion, tiene) {
            (Prestamo, Some(_)) => "PrestamoActivo",
            (Prestamo, None) => {
                let mut copias = Self::copias(libro).into_iter();
                let Some(libre) = copias.find(|copia| !self.abiertos.contains_key(copia)) else {
                    return "SinEjemplaresDisponibles";
                };
                self.abiertos.insert(libre, (usuario.to_owned(), 0));
                self.hubo.insert((usuario.to_owned(), libro.to_owned()));
                ""
            }
            (_, None) if cerrado => "PrestamoNoActivo",
            (_, None) => "PrestamoNoEncontrado",
            (Renovacion, Some(copia)) => {
                let (_, veces) = self.abiertos.get_mut(&copia).unwrap();
                if *veces == 2 {
                    return "LimiteRenovaciones";
                }
                *veces += 1;
                ""
            }
            (_, Some(copia)) => {
                self.abiertos.remove(&copia);
                ""
            }
        }
    }
}

async fn comparar(motor: Motor, lotes: Vec<Vec<(Operacion, &'static str, &'static str)>>) {
    let banco = Banco::nuevo(motor).await;
    let mut modelo = Modelo::default();
    for lote in lotes {
        let pedidos: Vec<Pedido> = lote
            .iter()
            .map(|(operacion, libro, usuario)| pedido(*operacion, libro, usuario, "s1"))
            .collect();
        let respuestas = banco.lote(pedidos).await;
        for ((operacion, libro, usuario), respuesta) in lote.into_iter().zip(respuestas) {
            let codigo = respuesta.rechazo.map_or("", |rechazo| rechazo.codigo());
            let esperado = modelo.decidir(operacion, libro, usuario);
            assert_eq!(codigo, esperado, "{operacion} {libro} {usuario}");
        }
        let perdidos = "SELECT count(*) FROM disponibilidad d WHERE total <> disponibles + (
            SELECT count(*) FROM prestamos p WHERE p.isbn = d.isbn AND p.sede = d.sede
            AND p.devuelto_en IS NULL)";
        assert_eq!(banco.numero(perdidos).await, 0);
        let abiertos = "SELECT count(*) FROM prestamos WHERE devuelto_en IS NULL";
        let abiertos = banco.numero(abiertos).await;
        assert_eq!(usize::try_from(abiertos).unwrap(), modelo.abiertos.len());
    }
}

#[rstest]
fn any_sequence_of_batches_is_decided_as_a_naive_model_would(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let operacion = prop_oneof![3 => Just(Prestamo), 2 => Just(Devolucion), 2 => Just(Renovacion)];
    let libro = prop::sample::select(LIBROS.to_vec());
    let usuario = prop::sample::select(USUARIOS.to_vec());
    let lote = prop::collection::vec((operacion, libro, usuario), 1..16);
    let lotes = prop::collection::vec(lote, 1..8);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut corredor = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    corredor
        .run(&lotes.prop_map(|lotes| lotes), |lotes| {
            runtime.block_on(comparar(motor, lotes));
            Ok(())
        })
        .unwrap();
}

#[rstest]
#[tokio::test]
async fn a_batch_of_256_is_one_commit(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    let filas = (1..=256).map(|n| crate::banco::fila(n, &format!("L{n}"), "s1", 1));
    banco.catalogo(filas.collect()).await;
    let pedidos = (1..=256).map(|n| prestamo(&format!("L{n}"), &format!("u{n}")));
    let respuestas = banco.lote(pedidos.collect()).await;
    for (n, respuesta) in (1..).zip(&respuestas) {
        confirmado(respuesta);
        assert_eq!(datos(respuesta)["usuario"], format!("u{n}"));
    }
    let instantes = "SELECT count(DISTINCT creada_en) FROM operaciones";
    assert_eq!(banco.numero(instantes).await, 1);
    assert_eq!(banco.numero("SELECT count(*) FROM operaciones").await, 256);
}
