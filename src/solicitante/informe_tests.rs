//! What the report shows and counts, read from a buffer.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use super::*;
use crate::solicitante::archivo;

/// An output that the test can read while the report owns it.
#[derive(Clone, Default)]
struct Papel(Arc<Mutex<Vec<u8>>>);

impl Write for Papel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Papel {
    fn texto(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn linea() -> Linea {
    archivo::leer(b"DEVO Libro456 usuario1", None)
        .unwrap()
        .lineas
        .remove(0)
}

fn suceso(linea: &Linea, estado: Estado) -> Suceso<'_> {
    Suceso {
        linea,
        estado,
        codigo: (!estado.exito()).then_some("PrestamoNoActivo"),
        mensaje: "Ese préstamo ya está cerrado",
        micros: 12_345,
    }
}

#[test]
fn a_request_is_shown_with_its_outcome_and_milliseconds() {
    let (papel, linea) = (Papel::default(), linea());
    let mut informe = Informe::en(Box::new(papel.clone()));
    informe.suceso(suceso(&linea, Estado::Confirmado));
    informe.suceso(suceso(&linea, Estado::Rechazado));
    let texto = papel.texto();
    let renglones: Vec<&str> = texto.lines().collect();
    for parte in [
        "devolucion",
        "Libro456",
        "usuario1",
        "CONFIRMADO",
        "12.345 ms",
    ] {
        assert!(renglones[0].contains(parte), "{parte}");
    }
    assert!(renglones[1].ends_with("RECHAZADO PrestamoNoActivo: Ese préstamo ya está cerrado"));
    assert_eq!(informe.veredicto().codigo_salida(), 1);
}

#[test]
fn an_encolado_counts_by_its_end() {
    let (papel, linea) = (Papel::default(), linea());
    let mut informe = Informe::en(Box::new(papel.clone()));
    let encolada = suceso(&linea, Estado::Encolado);
    let decision = Decision {
        estado: Estado::Confirmado,
        codigo: None,
        mensaje: String::new(),
        datos: serde_json::Value::Null,
    };
    informe.suceso(encolada);
    informe.resuelta(encolada, Some(&decision), 900_000);
    assert!(papel.texto().contains("ENCOLADO → CONFIRMADO  900.000 ms"));
    assert_eq!(informe.veredicto().codigo_salida(), 0);
    informe.resuelta(encolada, None, 10_000_000);
    assert_eq!(informe.veredicto().codigo_salida(), 3);
}

#[test]
fn the_close_names_unreadable_lines_and_what_is_pending() {
    let papel = Papel::default();
    let mut informe = Informe::en(Box::new(papel.clone()));
    let hecha = Hecha {
        estado: Estado::Confirmado,
        codigo: None,
    };
    informe.anterior(Operacion::Prestamo, &hecha);
    let ilegibles: Vec<(u32, String)> = (1..=101).map(|n| (n, "falta".to_owned())).collect();
    informe.cerrar(&ilegibles, 0);
    assert_eq!(informe.veredicto().codigo_salida(), 1);
    informe.cerrar(&[], 4);
    assert_eq!(informe.veredicto().codigo_salida(), 3);
    let texto = papel.texto();
    assert!(texto.contains("línea 7: falta") && texto.contains("… y 1 más"));
    assert!(texto.contains("arranque anterior de esta corrida: 1"));
    assert!(texto.contains("sin resultado definitivo: 4"));
}
