//! The load manager's whole core: the diario in front, the sharing of work behind it.

use std::time::{Duration, Instant};

use biblioteca::carga::diario::{self, Contestacion, Solicitud};
use biblioteca::carga::nucleo::{Entrada, Nucleo, Salida};
use biblioteca::carga::reparto;
use biblioteca::db::diario::{Cargadas, Suerte};
use biblioteca::domain::ids::Sede;
use biblioteca::domain::operacion::Operacion;
use biblioteca::net::server::Par;
use biblioteca::wire::json::leer_peticion;
use biblioteca::wire::mensaje::{LatidoActor, Resultado};
use biblioteca::wire::respuesta::{Causa, Desenlace};

use crate::decidida;

struct Mesa {
    nucleo: Nucleo,
    ahora: Instant,
}

impl Mesa {
    /// With its file read, which was empty, and one actor.
    fn nueva() -> Self {
        let diario = diario::Ajuste {
            sin_decidir_max: 10,
            semilla: 1,
        };
        let reparto = reparto::Ajuste {
            silencio_max: Duration::from_secs(1),
            cola_max: 10,
        };
        let mut mesa = Self {
            nucleo: Nucleo::nuevo(diario, reparto, 100),
            ahora: Instant::now(),
        };
        mesa.paso(Entrada::Cargadas(Cargadas::default()));
        mesa.latido();
        mesa
    }

    fn paso(&mut self, entrada: Entrada) -> Vec<Salida> {
        let mut salidas = Vec::new();
        self.nucleo.paso(self.ahora, [entrada], &mut salidas);
        salidas.retain(|salida| !matches!(salida, Salida::Noticia(..)));
        salidas
    }

    fn latido(&mut self) {
        let latido = LatidoActor {
            tema: Operacion::Prestamo,
            creditos: 8,
        };
        let latido = reparto::Entrada::Latido(actor(), latido);
        self.paso(Entrada::Reparto(latido));
    }

    fn pide(&mut self, id: u64, asincrona: bool) -> Vec<Salida> {
        let texto =
            format!(r#"{{"operacion":"prestamo","isbn":"A","usuario":"u","op_id":"k{id}"}}"#);
        let sede = Sede::parse("sede1").unwrap();
        self.paso(Entrada::Solicitud(Solicitud {
            id,
            par: Par::from(&b"cliente"[..]),
            pedido: leer_peticion(texto.as_bytes(), &sede).unwrap().pedido,
            plazo: Duration::from_millis(1_200),
            asincrona,
        }))
    }

    fn pasan(&mut self, ms: u64) -> Vec<Salida> {
        let mut salidas = Vec::new();
        for _ in 0..ms / 10 {
            self.ahora += Duration::from_millis(10);
            self.latido();
            salidas.extend(self.paso(Entrada::Tic));
        }
        salidas
    }
}

fn actor() -> Par {
    Par::from(&b"actor"[..])
}

/// Found by the simulator: what it had waited in the diario took the margin from it, and the
/// answer came after the deadline.
#[test]
fn an_operation_that_has_waited_for_its_turn_is_still_answered_within_its_deadline() {
    let mut mesa = Mesa::nueva();
    mesa.pide(1, true);
    let salidas = mesa.paso(Entrada::DeVuelta(vec![Suerte::Hecha], vec![]));
    let replay = salidas.iter().find_map(|salida| match salida {
        Salida::Enviar(_, encargo) => Some(encargo.id),
        _ => None,
    });
    assert!(salidas.contains(&Salida::Contestar(1, Contestacion::Encolada)));
    assert_eq!(
        mesa.pide(2, false),
        vec![],
        "behind the first, on the same book"
    );
    assert_eq!(mesa.pasan(1_100), vec![]);
    let resultado = Resultado {
        id: replay.unwrap(),
        desenlace: decidida(),
    };
    let lista = reparto::Entrada::Resultados(actor(), vec![resultado]);
    let salidas = mesa.paso(Entrada::Reparto(lista));
    assert!(
        salidas
            .iter()
            .any(|s| matches!(s, Salida::Enviar(_, e) if e.plazo_ms <= 40))
    );
    let fin = Contestacion::Desenlace(Desenlace::Incierta(Causa::PlazoVencido));
    assert_eq!(
        mesa.pasan(60),
        vec![Salida::Contestar(2, fin)],
        "1160 of 1200 ms"
    );
}
