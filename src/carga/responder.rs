//! One request's one answer: sent by `responder`, or by the drop if nobody sent it.
//!
//! Its place in the outgoing queue is reserved at admission, so an answer always fits; that
//! reservation is also what bounds the operations in flight.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use tokio::sync::mpsc::OwnedPermit;
use tokio::sync::oneshot;

use crate::carga::hora::Hora;
use crate::domain::ids::OpId;
use crate::domain::operacion::Operacion;
use crate::net::server::{Par, Salida, Sobre};
use crate::runtime::metricas;
use crate::wire::json::{escribir_respuesta, estado_de};
use crate::wire::respuesta::{Causa, Codigo, Desenlace, Estado};

/// Who asked, and how the answer is to look.
#[derive(Debug, Clone)]
pub struct Remite {
    /// What was asked.
    pub operacion: Operacion,
    /// The client's connection.
    pub par: Par,
    /// The operation.
    pub op_id: OpId,
    /// The client's own `id`.
    pub id: Option<Box<RawValue>>,
    /// What the answer's `fechaOperacion` says.
    pub hora: Arc<Hora>,
}

/// Where the answer goes. Either way its place counts among those of the whole carga.
#[derive(Debug)]
pub enum Buzon {
    /// To a client of the socket, and what goes before it.
    Socket(OwnedPermit<Salida>, Sobre),
    /// To somebody in this process.
    Ventanilla(OwnedPermit<Salida>, oneshot::Sender<Vec<u8>>),
}

/// The duty to answer once.
#[derive(Debug)]
pub struct Responder {
    buzon: Option<Buzon>,
    remite: Remite,
    desde: Instant,
}

impl Responder {
    /// Takes on the duty, with a place for its answer.
    #[must_use]
    pub fn nuevo(buzon: Buzon, remite: Remite) -> Self {
        Self {
            buzon: Some(buzon),
            remite,
            desde: Instant::now(),
        }
    }

    /// Whose answer it is.
    #[must_use]
    pub fn par(&self) -> Par {
        Arc::clone(&self.remite.par)
    }

    /// The operation.
    #[must_use]
    pub const fn op_id(&self) -> &OpId {
        &self.remite.op_id
    }

    /// How long it has been owed.
    #[must_use]
    pub fn edad(&self) -> Duration {
        self.desde.elapsed()
    }

    /// Now, as its answer tells it.
    #[must_use]
    pub fn fecha(&self) -> String {
        self.remite.hora.ahora()
    }

    /// Answers.
    pub fn responder(mut self, desenlace: &Desenlace) {
        self.enviar(desenlace);
    }

    fn enviar(&mut self, desenlace: &Desenlace) {
        let Some(buzon) = self.buzon.take() else {
            return;
        };
        let trama = escribir(&self.remite, desenlace);
        let operacion = ("operacion", self.remite.operacion.palabra());
        let etiquetas = [("tramo", "carga"), operacion];
        metricas::medir(&metricas::TRAMO, &etiquetas, self.desde.elapsed());
        match buzon {
            Buzon::Socket(sitio, sobre) => {
                sitio.send(Salida {
                    par: self.par(),
                    sobre,
                    libera: true,
                    trama,
                });
            }
            // Whoever waited may be gone.
            Buzon::Ventanilla(_, espera) => drop(espera.send(trama)),
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        // Whoever held it died: the operation may be anywhere on its way.
        self.enviar(&Desenlace::Incierta(Causa::FalloInterno));
    }
}

/// The answer's text; each answer is written, and so counted, once.
#[must_use]
pub fn escribir(remite: &Remite, desenlace: &Desenlace) -> Vec<u8> {
    let (estado, codigo) = estado_de(desenlace);
    let operacion = ("operacion", remite.operacion.palabra());
    contar(operacion, estado, codigo.map_or("", Codigo::texto));
    if matches!(desenlace, Desenlace::Decidida(respuesta) if respuesta.repetida) {
        metricas::contar(&metricas::REPETIDAS, &[operacion], 1);
    }
    escribir_respuesta(
        &remite.op_id,
        desenlace,
        remite.id.as_deref(),
        &remite.hora.ahora(),
    )
}

/// Counts an answer.
pub fn contar(operacion: metricas::Etiqueta<'_>, estado: Estado, codigo: &str) {
    let etiquetas = [operacion, ("estado", estado.palabra()), ("codigo", codigo)];
    metricas::contar(&metricas::OPERACIONES, &etiquetas, 1);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::Value;
    use tokio::sync::mpsc;

    use super::*;

    #[actix_rt::test]
    async fn a_dropped_duty_answers_that_the_outcome_is_unknown_and_an_answered_one_is_silent() {
        let (cola, mut salidas) = mpsc::channel(2);
        let remite = Remite {
            operacion: Operacion::Prestamo,
            par: Par::from(&b"x"[..]),
            op_id: OpId::parse("k").unwrap(),
            id: None,
            hora: Arc::new(Hora::en(TimeZone::UTC)),
        };
        let nuevo = |cola: &mpsc::Sender<Salida>| {
            let sitio = cola.clone().try_reserve_owned().unwrap();
            Responder::nuevo(Buzon::Socket(sitio, Sobre::default()), remite.clone())
        };
        drop(nuevo(&cola));
        nuevo(&cola).responder(&Desenlace::NoAplicada(Causa::SinActores));
        let estados: Vec<String> = [salidas.recv().await, salidas.recv().await]
            .into_iter()
            .map(|salida| {
                let json: Value = serde_json::from_slice(&salida.unwrap().trama).unwrap();
                json["estado"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(estados, ["DESCONOCIDO", "NO_DISPONIBLE"]);
        assert!(salidas.try_recv().is_err());
    }
}
