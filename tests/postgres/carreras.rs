//! Several stores on one database at once: every race has one winner, and nobody waits in a
//! circle.

use std::collections::BTreeMap;

use biblioteca::db::postgres::PostgresAlmacen;
use biblioteca::db::{Almacen, Asiento};
use biblioteca::domain::operacion::Operacion::{Devolucion, Prestamo, Renovacion};
use biblioteca::domain::rechazo::Rechazo::{LimitePrestamos, SinEjemplaresDisponibles};
use biblioteca::domain::reglas::Reglas;
use biblioteca::wire::respuesta::{Estado, Respuesta};
use futures::future::join_all;

use crate::banco::{asiento, con_op_id, confirmado, devolucion, pedido, prestamo, renovacion};
use crate::servidor::comun;
use crate::{Buscador, abrir, con_libros, pedir};

/// Races of the quick suite; the full number is the drill's.
const CARRERAS: u32 = 500;

/// One store's share of a mixed load.
const LOTES: usize = 40;
const LOTE: usize = 24;

fn uno_gana(respuestas: [&Respuesta; 2], motivo: biblioteca::domain::rechazo::Rechazo) {
    let confirmadas = respuestas
        .iter()
        .filter(|r| r.estado == Estado::Confirmado)
        .count();
    let negadas = respuestas
        .iter()
        .filter(|r| r.rechazo == Some(motivo))
        .count();
    assert_eq!((confirmadas, negadas), (1, 1), "{respuestas:?}");
}

async fn dos(base: &str) -> [PostgresAlmacen; 2] {
    let url = comun().url("biblioteca", base);
    [abrir(&url).await, abrir(&url).await]
}

#[tokio::test]
async fn the_last_copy_goes_to_one_of_two_stores() {
    let base = comun().base_nueva();
    let [a, b] = dos(&base).await;
    con_libros(&a, CARRERAS, 1).await;
    for n in 1..=CARRERAS {
        let de = |quien: &str| prestamo(&format!("L{n}"), &format!("{quien}{n}"));
        let (una, otra) = tokio::join!(pedir(&a, de("ana")), pedir(&b, de("beto")));
        uno_gana([&una.unwrap(), &otra.unwrap()], SinEjemplaresDisponibles);
    }
    let abiertos = comun().psql(&base, "SELECT count(*) FROM prestamos");
    assert_eq!(abiertos, CARRERAS.to_string());
}

#[tokio::test]
async fn nobody_gets_past_the_limit_by_asking_at_two_stores() {
    let base = comun().base_nueva();
    let url = comun().url("biblioteca", &base);
    let reglas = Reglas {
        prestamos_max: 1,
        ..Reglas::default()
    };
    let buscador = Buscador::nuevo(&[url], reglas, 1).unwrap();
    let (a, b) = (
        buscador.abrir().await.unwrap(),
        buscador.abrir().await.unwrap(),
    );
    con_libros(&a, 2, 200).await;
    for n in 1..=100 {
        // A stranger: there is no row to lock yet.
        let quien = format!("u{n}");
        let (una, otra) = tokio::join!(
            pedir(&a, prestamo("L1", &quien)),
            pedir(&b, prestamo("L2", &quien))
        );
        let (una, otra) = (una.unwrap(), otra.unwrap());
        uno_gana([&una, &otra], LimitePrestamos);
        // The same again, now that there is one.
        let suyo = if una.rechazo.is_none() { "L1" } else { "L2" };
        pedir(&a, devolucion(suyo, &quien)).await.unwrap();
        let (una, otra) = tokio::join!(
            pedir(&a, prestamo("L1", &quien)),
            pedir(&b, prestamo("L2", &quien))
        );
        uno_gana([&una.unwrap(), &otra.unwrap()], LimitePrestamos);
    }
}

#[tokio::test]
async fn two_renewals_at_once_count_twice() {
    let base = comun().base_nueva();
    let [a, b] = dos(&base).await;
    con_libros(&a, 1, 200).await;
    for n in 1..=100 {
        let quien = format!("u{n}");
        pedir(&a, prestamo("L1", &quien)).await.unwrap();
        let (una, otra) = tokio::join!(
            pedir(&a, renovacion("L1", &quien)),
            pedir(&b, renovacion("L1", &quien))
        );
        let veces = |r: Respuesta| confirmado(&r)["renovaciones"].as_u64().unwrap();
        let (una, otra) = (veces(una.unwrap()), veces(otra.unwrap()));
        assert_eq!((una.min(otra), una.max(otra)), (1, 2));
    }
}

#[tokio::test]
async fn an_operation_sent_to_two_stores_is_decided_once() {
    let base = comun().base_nueva();
    let [a, b] = dos(&base).await;
    con_libros(&a, 2, 200).await;
    for n in 1..=100 {
        let original = con_op_id(prestamo("L1", &format!("u{n}")), &format!("op-{n}"));
        let (una, otra) = tokio::join!(pedir(&a, original.clone()), pedir(&b, original));
        let (una, otra) = (una.unwrap(), otra.unwrap());
        assert_ne!(una.repetida, otra.repetida);
        assert_eq!(una.datos, otra.datos);
        assert_eq!((una.estado, una.fecha), (otra.estado, otra.fecha));
    }
    let cuentas = "SELECT count(*), sum(repeticiones) FROM operaciones";
    assert_eq!(comun().psql(&base, cuentas), "100|100");
    assert_eq!(comun().psql(&base, "SELECT count(*) FROM prestamos"), "100");
}

#[tokio::test]
async fn a_return_by_code_does_not_undo_a_renewal_that_came_first() {
    let base = comun().base_nueva();
    let [a, b] = dos(&base).await;
    con_libros(&a, 1, 1).await;
    for n in 1..=200 {
        let quien = format!("u{n}");
        pedir(&a, prestamo("L1", &quien)).await.unwrap();
        // The return names no user: only the book is common to both.
        let (renovada, devuelta) = tokio::join!(
            pedir(&a, renovacion("L1", &quien)),
            pedir(&b, devolucion("@L1-s1-1", ""))
        );
        confirmado(&devuelta.unwrap());
        renovada.unwrap();
    }
    let cuadran = "SELECT (SELECT count(*) FROM operaciones
            WHERE tipo = 'renovacion' AND estado = 'CONFIRMADO')
        = (SELECT sum(renovaciones) FROM prestamos)";
    assert_eq!(comun().psql(&base, cuadran), "t");
}

/// A small generator of its own: the load is the same on every run.
fn azar(semilla: &mut u64, hasta: usize) -> usize {
    *semilla ^= *semilla << 13;
    *semilla ^= *semilla >> 7;
    *semilla ^= *semilla << 17;
    usize::try_from(*semilla % hasta as u64).unwrap()
}

fn mezcla(semilla: &mut u64) -> Vec<Asiento> {
    let operaciones = [
        Prestamo, Prestamo, Prestamo, Devolucion, Devolucion, Renovacion,
    ];
    (0..LOTE)
        .map(|_| {
            let operacion = operaciones[azar(semilla, operaciones.len())];
            let libro = format!("L{}", 1 + azar(semilla, 12));
            let quien = format!("u{}", 1 + azar(semilla, 8));
            asiento(pedido(operacion, &libro, &quien, "s1"))
        })
        .collect()
}

#[tokio::test]
async fn mixed_batches_of_four_stores_keep_every_invariant() {
    let base = comun().base_nueva();
    let url = comun().url("biblioteca", &base);
    let almacenes = join_all((0..4).map(|_| abrir(&url))).await;
    con_libros(&almacenes[0], 12, 2).await;
    let carga = almacenes.iter().enumerate().map(|(n, almacen)| async move {
        let mut semilla = 0x9E37_79B9_7F4A_7C15 + n as u64;
        let mut codigos: BTreeMap<&'static str, usize> = BTreeMap::new();
        for _ in 0..LOTES {
            let respuestas = almacen.aplicar(mezcla(&mut semilla)).await.unwrap();
            for respuesta in respuestas {
                let codigo = respuesta.rechazo.map_or("", |rechazo| rechazo.codigo());
                *codigos.entry(codigo).or_default() += 1;
            }
        }
        codigos
    });
    let confirmadas: usize = join_all(carga).await.iter().map(|c| c[""]).sum();
    assert!(confirmadas > LOTES * LOTE / 4, "{confirmadas}");
    let cuenta = |sql: &str| comun().psql(&base, sql);
    let total = (4 * LOTES * LOTE).to_string();
    assert_eq!(cuenta("SELECT count(*) FROM operaciones"), total);
    let perdidas = "SELECT count(*) FROM disponibilidad d WHERE total <> disponibles + (
        SELECT count(*) FROM prestamos p WHERE p.isbn = d.isbn AND p.sede = d.sede
        AND p.devuelto_en IS NULL)";
    assert_eq!(cuenta(perdidas), "0");
    let de_mas = "SELECT count(*) FROM (SELECT usuario FROM prestamos
        WHERE devuelto_en IS NULL GROUP BY usuario HAVING count(*) > 5) u";
    assert_eq!(cuenta(de_mas), "0");
    let hechas = "SELECT count(*) FILTER (WHERE tipo = 'prestamo') =
            (SELECT count(*) FROM prestamos)
        AND count(*) FILTER (WHERE tipo = 'devolucion') =
            (SELECT count(*) FROM prestamos WHERE devuelto_en IS NOT NULL)
        AND count(*) FILTER (WHERE tipo = 'renovacion') =
            (SELECT sum(renovaciones) FROM prestamos)
        FROM operaciones WHERE estado = 'CONFIRMADO'";
    assert_eq!(cuenta(hechas), "t");
    let abrazos = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(cuenta(abrazos), "0");
}

#[tokio::test]
async fn a_caller_that_stops_waiting_leaves_no_transaction_open() {
    let base = comun().base_nueva();
    let almacen = abrir(&comun().url("biblioteca", &base)).await;
    con_libros(&almacen, 1, 2000).await;
    // From the very first instant, which is that of BEGIN, to about the length of a batch.
    for n in 0..1000_u64 {
        let lote = vec![asiento(prestamo("L1", &format!("u{n}")))];
        let espera = std::time::Duration::from_micros(n % 250 * 8);
        let _ = tokio::time::timeout(espera, almacen.aplicar(lote)).await;
    }
    // Behind all of them in the writer's queue.
    pedir(&almacen, prestamo("L1", "ultima")).await.unwrap();
    let abiertas = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    assert_eq!(comun().psql(&base, abiertas), "0");
    assert_eq!(
        comun().psql(&base, "SELECT count(*) FROM operaciones"),
        "1001"
    );
}

#[tokio::test]
async fn a_plan_made_on_empty_tables_is_not_kept_while_they_grow() {
    let base = comun().base_nueva();
    // What autovacuum does to a new library: now the planner is sure that there is nothing.
    comun().psql(&base, "VACUUM ANALYZE");
    let almacen = abrir(&comun().url("biblioteca", &base)).await;
    con_libros(&almacen, 40, 30).await;
    for n in 0..400 {
        let libro = format!("L{}", 1 + n % 40);
        let lote = (0..3).map(|k| asiento(prestamo(&libro, &format!("u{n}-{k}"))));
        almacen.aplicar(lote.collect()).await.unwrap();
    }
    almacen.cerrar().await;
    let leidas = leidas_por_indices(&base, "operaciones").await;
    // Read whole at every batch it would be 400² × 3 ÷ 2.
    assert!(leidas < 60_000, "{leidas} rows of operaciones read");
}

/// Rows that everybody has read by the indexes of a table, once all stores are closed.
async fn leidas_por_indices(base: &str, tabla: &str) -> u64 {
    // What a connection read is told when it ends.
    let quedan = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'biblioteca'";
    while comun().psql(base, quedan) != "0" {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let leidas =
        format!("SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = '{tabla}'");
    comun().psql(base, &leidas).parse().unwrap()
}

/// Both indexes of the open loans have the same predicate: a planner that finds little lent may
/// answer a question about a copy by reading all of the users' index. Such a plan must not be
/// kept until there is much to read.
#[tokio::test]
async fn open_loans_are_soon_looked_up_and_not_read_whole() {
    let base = comun().base_nueva();
    comun().psql(&base, "VACUUM ANALYZE");
    let almacen = abrir(&comun().url("biblioteca", &base)).await;
    con_libros(&almacen, 40, 60).await;
    // Alone and in batches: they are read by different statements.
    for n in 0..400 {
        let libro = format!("L{}", 1 + n % 40);
        let cuantas = if n % 2 == 0 { 1 } else { 5 };
        let lote = (0..cuantas).map(|k| asiento(prestamo(&libro, &format!("u{n}-{k}"))));
        almacen.aplicar(lote.collect()).await.unwrap();
    }
    almacen.cerrar().await;
    let leidas = leidas_por_indices(&base, "prestamos").await;
    // 84,107, nearly all while there were less than 300; when plans were made anew at each
    // doubling it was 161,454, and more with every doubling.
    assert!(leidas < 120_000, "{leidas} rows of prestamos read");
}
