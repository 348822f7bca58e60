//! The core that shares the work, stepped by hand.

use std::time::{Duration, Instant};

use biblioteca::carga::reparto::{Ajuste, Entrada, Reparto, Salida};
use biblioteca::domain::ids::Sede;
use biblioteca::domain::operacion::Operacion;
use biblioteca::net::server::Par;
use biblioteca::wire::json::leer_peticion;
use biblioteca::wire::mensaje::{LatidoActor, Resultado};
use biblioteca::wire::pedido::Pedido;
use biblioteca::wire::respuesta::Desenlace;

pub const PLAZO: Duration = Duration::from_millis(2_500);

/// An operation of that word on one book.
pub fn pedido(operacion: &str) -> Pedido {
    let texto = format!(r#"{{"operacion":"{operacion}","isbn":"A","usuario":"u","op_id":"k"}}"#);
    leer_peticion(texto.as_bytes(), &Sede::parse("sede1").unwrap())
        .unwrap()
        .pedido
}

pub fn par(nombre: &str) -> Par {
    Par::from(nombre.as_bytes())
}

/// The sharing of work at a moment that the test holds.
pub struct Mesa {
    pub reparto: Reparto,
    pub ahora: Instant,
}

impl Mesa {
    pub fn nueva(cola_max: usize) -> Self {
        let ajuste = Ajuste {
            silencio_max: Duration::from_secs(1),
            cola_max,
        };
        Self {
            reparto: Reparto::nuevo(ajuste),
            ahora: Instant::now(),
        }
    }

    pub fn paso(&mut self, entrada: Entrada) -> Vec<Salida> {
        let mut salidas = Vec::new();
        self.reparto.paso(self.ahora, entrada, &mut salidas);
        salidas
    }

    pub fn latido(&mut self, nombre: &str, tema: Operacion, creditos: u32) -> Vec<Salida> {
        self.paso(Entrada::Latido(par(nombre), LatidoActor { tema, creditos }))
    }

    pub fn pide(&mut self, id: u64, operacion: &str) -> Vec<Salida> {
        self.pide_de(Some("cliente"), id, operacion)
    }

    /// Over that connection; over none, for the diario.
    pub fn pide_de(&mut self, quien: Option<&str>, id: u64, operacion: &str) -> Vec<Salida> {
        self.paso(Entrada::Pedido {
            id,
            par: quien.map(par),
            pedido: pedido(operacion),
            plazo: PLAZO,
            edad_ms: None,
        })
    }

    pub fn resulta(&mut self, nombre: &str, id: u64, desenlace: Desenlace) -> Vec<Salida> {
        self.paso(Entrada::Resultados(
            par(nombre),
            vec![Resultado { id, desenlace }],
        ))
    }

    pub fn pasan(&mut self, ms: u64) -> Vec<Salida> {
        self.ahora += Duration::from_millis(ms);
        self.paso(Entrada::Tic)
    }
}
