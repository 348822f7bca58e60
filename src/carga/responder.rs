//! One request's one answer: sent by `responder`, or by the drop if nobody sent it.
//!
//! Its place in the outgoing queue is reserved at admission, so an answer always fits; that
//! reservation is also what bounds the operations in flight.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::value::RawValue;
use tokio::sync::mpsc::OwnedPermit;

use crate::domain::ids::OpId;
use crate::net::server::{Par, Salida};
use crate::wire::json::escribir_respuesta;
use crate::wire::respuesta::{Causa, Desenlace};

/// Who asked, and how the answer is to look.
#[derive(Debug, Clone)]
pub struct Remite {
    /// The client's connection.
    pub par: Par,
    /// Whether it expects an empty frame first.
    pub delimitada: bool,
    /// The operation.
    pub op_id: OpId,
    /// The client's own `id`.
    pub id: Option<Box<RawValue>>,
    /// Zone of the answer's `fechaOperacion`.
    pub zona: Arc<TimeZone>,
}

/// The duty to answer once.
#[derive(Debug)]
pub struct Responder {
    sitio: Option<OwnedPermit<Salida>>,
    remite: Remite,
}

impl Responder {
    /// Takes on the duty, with a place for its answer.
    #[must_use]
    pub const fn nuevo(sitio: OwnedPermit<Salida>, remite: Remite) -> Self {
        Self {
            sitio: Some(sitio),
            remite,
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

    /// Now, as its answer tells it.
    #[must_use]
    pub fn fecha(&self) -> String {
        ahora(&self.remite.zona)
    }

    /// Answers.
    pub fn responder(mut self, desenlace: &Desenlace) {
        self.enviar(desenlace);
    }

    fn enviar(&mut self, desenlace: &Desenlace) {
        let Some(sitio) = self.sitio.take() else {
            return;
        };
        sitio.send(salida(&self.remite, desenlace, true));
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        // Whoever held it died: the operation may be anywhere on its way.
        self.enviar(&Desenlace::Incierta(Causa::FalloInterno));
    }
}

/// An answer, ready to go out; `libera` when it gives back a place.
#[must_use]
pub fn salida(remite: &Remite, desenlace: &Desenlace, libera: bool) -> Salida {
    let trama = escribir_respuesta(
        &remite.op_id,
        desenlace,
        remite.id.as_deref(),
        &ahora(&remite.zona),
    );
    Salida {
        par: Arc::clone(&remite.par),
        delimitada: remite.delimitada,
        libera,
        trama,
    }
}

/// Now, RFC 3339 with the library's offset.
#[must_use]
pub fn ahora(zona: &TimeZone) -> String {
    jiff::Timestamp::now()
        .to_zoned(zona.clone())
        .strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")
        .to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::Value;
    use tokio::sync::mpsc;

    use super::*;

    #[actix_rt::test]
    async fn a_dropped_duty_answers_that_the_outcome_is_unknown_and_an_answered_one_is_silent() {
        let (cola, mut salidas) = mpsc::channel(2);
        let remite = Remite {
            par: Par::from(&b"x"[..]),
            delimitada: true,
            op_id: OpId::parse("k").unwrap(),
            id: None,
            zona: Arc::new(TimeZone::UTC),
        };
        let nuevo = |cola: &mpsc::Sender<Salida>| {
            Responder::nuevo(cola.clone().try_reserve_owned().unwrap(), remite.clone())
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
