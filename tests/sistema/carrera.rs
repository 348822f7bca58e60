//! Fault case 36: the last copy, asked for through two cargas at once. Some hundreds of races
//! here; ten thousand by command:
//!
//! ```text
//! BIBLIOTECA_CARRERAS=10000 cargo nextest run --cargo-profile largas -E 'test(last_copy)'
//! ```

use serde_json::Value;

use crate::cliente::{Cliente, devolucion, prestamo};
use crate::doble::{Doble, ROLES};
use crate::nodo::texto;

/// Of the starting data, a book with one copy in each branch that nobody has.
const ULTIMO: &str = "Libro205";

fn carreras() -> usize {
    std::env::var("BIBLIOTECA_CARRERAS").map_or(300, |texto| texto.parse().expect("a number"))
}

#[test]
fn the_last_copy_raced_for_through_two_cargas_is_lent_once_each_time() {
    let doble = Doble::nueva();
    let _procesos = ROLES.map(|rol| [0, 1].map(|cual| doble.arrancar(rol, cual)));
    doble.espera_servicio();
    let clientes = doble.clientes().map(Cliente::dealer);
    let cuantas = carreras();
    for carrera in 0..cuantas {
        let pide = |i: usize| prestamo(ULTIMO, &format!("u{i}"), &format!("c{carrera}-{i}"));
        let pedidos = [pide(0), pide(1)];
        // Both are on their way before either is answered.
        for i in [carrera % 2, 1 - carrera % 2] {
            clientes[i].enviar(&pedidos[i]);
        }
        let respuestas = [0, 1].map(|i| {
            let primera = clientes[i].recibir();
            let decidida = ["CONFIRMADO", "RECHAZADO"].contains(&texto(&primera, "estado"));
            if decidida {
                primera
            } else {
                clientes[i].decidir(&pedidos[i])
            }
        });
        let ganan = |respuesta: &Value| respuesta["estado"] == "CONFIRMADO";
        let ganador = respuestas.iter().position(ganan);
        let ganador = ganador.unwrap_or_else(|| panic!("nobody got it: {respuestas:?}"));
        let perdedor = &respuestas[1 - ganador];
        assert_eq!(texto(perdedor, "codigo"), "SinEjemplaresDisponibles");
        let devuelve = devolucion(ULTIMO, &format!("u{ganador}"), &format!("d{carrera}"));
        let devuelta = clientes[carrera % 2].decidir(&devuelve);
        assert_eq!(texto(&devuelta, "estado"), "CONFIRMADO", "{devuelta}");
    }
    let prestados = format!("select count(*) from prestamos where isbn='{ULTIMO}'");
    let prestados = doble.biblioteca.contar(&prestados);
    assert_eq!(prestados, i64::try_from(cuantas).unwrap());
}
