//! Fault case 28: clocks that are wrong, each in its own way. No breaker, lease, repeat or
//! return is decided otherwise for it.

use serde_json::{Value, json};

use crate::cliente::prestamo;
use crate::diario::{decidida, devuelve};
use crate::nodo::{Biblioteca, Nodo, texto};
use crate::trampa::Trampa;

const HORA_S: i64 = 3_600;
const ANO_S: i64 = 365 * 24 * HORA_S;

/// Starts roles with these clocks.
fn con_relojes<const N: usize>(b: &Biblioteca, trampa: &Trampa, de: [(&str, i64); N]) -> [Nodo; N] {
    de.map(|(rol, adelanto_s)| {
        let comando = trampa.reloj(b.comando(&["--role", rol]), adelanto_s);
        Nodo::de(comando, &b.carpeta.path().join(format!("{rol}.log")))
    })
}

/// Not among them: the one PC of a SQLite database set back while its storage is down and a
/// return waits. The order of the return and an older loan is not known then; it is refused,
/// and `auditar --excepciones` tells of it.
#[test]
fn clocks_an_hour_or_a_year_wrong_change_no_decision() {
    let biblioteca = Biblioteca::sembrada();
    let trampa = Trampa::nueva(biblioteca.carpeta.path());
    let vidas = |de: [(&str, i64); 4]| con_relojes(&biblioteca, &trampa, de);
    let primera_vida = [
        ("carga", ANO_S),
        ("actor-prestamo", -HORA_S),
        ("almacenamiento", -HORA_S),
    ];
    let mut nodos = con_relojes(&biblioteca, &trampa, primera_vida);
    biblioteca.espera_servicio();
    let cliente = biblioteca.cliente();
    let primera = cliente.decidir(&prestamo("Libro1", "ana", "p1"));
    assert_eq!(texto(&primera, "estado"), "CONFIRMADO");
    // Nobody takes returns yet: it waits in the diario, while clocks jump.
    let encolada = cliente.pedir(&devuelve("Libro1", "ana", "d1"));
    assert_eq!(texto(&encolada, "estado"), "ENCOLADO");
    nodos.iter_mut().for_each(Nodo::matar);

    let mut nodos = vidas([
        ("carga", -HORA_S),
        ("actor-prestamo", ANO_S),
        ("almacenamiento", HORA_S),
        ("actor-devolucion", -ANO_S),
    ]);
    biblioteca.espera_servicio();
    let guardada = decidida(&biblioteca.cliente(), "d1");
    assert_eq!(texto(&guardada, "estado"), "CONFIRMADO", "{guardada}");
    nodos.iter_mut().for_each(Nodo::matar);

    let nodos = vidas([
        ("carga", HORA_S),
        ("actor-prestamo", -ANO_S),
        ("almacenamiento", -ANO_S),
        ("actor-devolucion", HORA_S),
    ]);
    biblioteca.espera_servicio();
    let cliente = biblioteca.cliente();
    let mut repetida = cliente.decidir(&prestamo("Libro1", "ana", "p1"));
    assert_eq!(repetida["repetida"], true);
    repetida["repetida"] = json!(false);
    assert_eq!(repetida, primera, "identical, its date included");
    // By a clock that has gone back, a newer loan is not older than the return before it.
    let otra = cliente.decidir(&prestamo("Libro1", "ana", "p2"));
    assert_eq!(texto(&otra, "estado"), "CONFIRMADO");
    cliente.pedir(&devuelve("Libro1", "ana", "d2"));
    let devuelta: Value = decidida(&cliente, "d2");
    assert_eq!(texto(&devuelta, "estado"), "CONFIRMADO", "{devuelta}");
    for nodo in &nodos {
        assert!(!nodo.registro().contains("cortacircuitos ABIERTO"));
        assert!(!nodo.registro().contains("actor perdido"));
    }
}
