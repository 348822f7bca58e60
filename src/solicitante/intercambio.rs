//! One request until its answer, over the links, in real time: the shell of `reintento`.
//!
//! Called by `corrida` and by the verb `pedir`. It never has more than one request under way
//! and never changes an op_id.

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep_until, timeout_at};

use super::enlace::{Enlace, Llegada};
use super::reintento::{Azar, Entrada, Final, Limites, Reintento, Salida};
use crate::domain::ids::OpId;
use crate::domain::operacion::Operacion;
use crate::plantado::{Defecto, plantado};
use crate::wire::json_cliente::{RespuestaCliente, Solicitud};
use crate::wire::respuesta::Estado;

/// First and longest pause between two questions after an ENCOLADO, in ms: soon enough for a
/// person, seldom enough for a carga that drains its diario.
const PREGUNTA_MS: (u64, u64) = (50, 1_000);

/// How an operation that was ENCOLADO was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// `Confirmado` or `Rechazado`.
    pub estado: Estado,
    /// The reason, if there is one.
    pub codigo: Option<String>,
    /// Spanish sentence for a person; empty if none was given.
    pub mensaje: String,
    /// The stored answer's data.
    pub datos: Value,
}

/// The conversation of one client with the cargas.
pub struct Intercambio<'a> {
    enlace: &'a mut dyn Enlace,
    parar: watch::Receiver<bool>,
    azar: Azar,
    origen: Instant,
    /// The carga that answered last: it is asked first.
    carga: usize,
    /// The `id` of the last frame sent. It grows over all requests, so that a late answer to
    /// an earlier one is never taken for this one's.
    etiqueta: u64,
}

impl<'a> Intercambio<'a> {
    /// Starts with the first carga. A true in `parar` ends everything cleanly.
    #[must_use]
    pub fn nuevo(enlace: &'a mut dyn Enlace, parar: watch::Receiver<bool>, azar: Azar) -> Self {
        Self {
            enlace,
            parar,
            azar,
            origen: Instant::now(),
            carga: 0,
            etiqueta: 0,
        }
    }

    /// Whether somebody asked to stop.
    #[must_use]
    pub fn parado(&self) -> bool {
        *self.parar.borrow()
    }

    /// Sends a request, repeats it within the budget and gives its end. The request should
    /// have an op_id; its `id` is set here. `ya_enviada`: an earlier process may have sent it.
    pub async fn pedir(
        &mut self,
        mut solicitud: Solicitud,
        limites: Limites,
        ya_enviada: bool,
    ) -> Final {
        let base = self.etiqueta;
        let azar = Azar::con_semilla(self.azar.hasta(u64::MAX));
        let mut nucleo =
            Reintento::nuevo(limites, self.enlace.cargas(), self.carga, ya_enviada, azar);
        let mut parado = false;
        let mut salida = nucleo.step(self.ahora_ms(), Entrada::Inicio);
        loop {
            let entrada = match salida {
                Salida::Fin(fin) => {
                    if let Final::Decidida { carga, .. } = &fin {
                        self.carga = *carga;
                    }
                    return fin;
                }
                Salida::Enviar {
                    carga,
                    intento,
                    hasta_ms,
                } => {
                    self.etiqueta = base + u64::from(intento);
                    solicitud.id = Some(self.etiqueta.to_string());
                    if intento > 1 && plantado(Defecto::OtroOpId) {
                        solicitud.op_id = Some(OpId::nuevo());
                    }
                    self.enviar(carga, solicitud.texto(), hasta_ms).await
                }
                Salida::Esperar { hasta_ms } => {
                    let op_id = solicitud.op_id.as_ref();
                    self.esperar(hasta_ms, op_id, base, &mut parado).await
                }
            };
            salida = nucleo.step(self.ahora_ms(), entrada);
        }
    }

    /// Asks after an ENCOLADO until it is decided, `espera_ms` at most. `datos.carga` of an
    /// ENCOLADO is for people: the carga that gave it is the one that answered last.
    pub async fn resolver(
        &mut self,
        op_id: &OpId,
        limites: Limites,
        espera_ms: u64,
    ) -> Option<Decision> {
        let hasta_ms = self.ahora_ms().saturating_add(espera_ms);
        let carga = self.carga;
        let mut pausa_ms = PREGUNTA_MS.0;
        loop {
            let vuelta = self.instante(self.ahora_ms().saturating_add(pausa_ms).min(hasta_ms));
            tokio::select! {
                () = sleep_until(vuelta) => {}
                () = senal(&mut self.parar) => return None,
            }
            let queda_ms = hasta_ms.saturating_sub(self.ahora_ms());
            if queda_ms == 0 || self.parado() {
                return None;
            }
            let pregunta = Solicitud {
                op_id: Some(op_id.clone()),
                ..Solicitud::nueva(Operacion::Estado)
            };
            let limites = Limites {
                total_ms: queda_ms.min(limites.total_ms),
                ..limites
            };
            self.carga = carga;
            let fin = self.pedir(pregunta, limites, false).await;
            if let Some(decision) = fin.respuesta().and_then(decision_de) {
                return Some(decision);
            }
            pausa_ms = (pausa_ms * 2).min(PREGUNTA_MS.1);
        }
    }

    async fn enviar(&mut self, carga: usize, texto: String, hasta_ms: u64) -> Entrada {
        let limite = self.instante(hasta_ms);
        match timeout_at(limite, self.enlace.enviar(carga, texto)).await {
            Ok(Err(_)) => Entrada::NoEnviada,
            Ok(Ok(())) | Err(_) => Entrada::Reloj,
        }
    }

    async fn esperar(
        &mut self,
        hasta_ms: u64,
        op_id: Option<&OpId>,
        base: u64,
        parado: &mut bool,
    ) -> Entrada {
        let limite = self.instante(hasta_ms);
        let llegada = tokio::select! {
            llegada = self.enlace.recibir() => llegada,
            () = sleep_until(limite) => return Entrada::Reloj,
            () = senal(&mut self.parar), if !*parado => {
                *parado = true;
                return Entrada::Parar;
            }
        };
        match llegada {
            Llegada::Caida { carga } => Entrada::Caida { carga },
            Llegada::Trama { carga, bytes } => self
                .leer(carga, &bytes, op_id, base)
                .unwrap_or(Entrada::Reloj),
        }
    }

    /// The answer in a frame, if it is one to this request.
    fn leer(&self, carga: usize, bytes: &[u8], op_id: Option<&OpId>, base: u64) -> Option<Entrada> {
        let respuesta = match RespuestaCliente::parse(bytes) {
            Ok(respuesta) => respuesta,
            Err(error) => {
                tracing::warn!(carga, %error, "respuesta ilegible; se ignora");
                return None;
            }
        };
        if let (Some(suyo), Some(mio)) = (&respuesta.op_id, op_id)
            && suyo != mio.as_str()
        {
            return None;
        }
        // A server that does not echo the id can only mean the attempt under way.
        let etiqueta = match &respuesta.id {
            None => self.etiqueta,
            Some(id) => id.as_str()?.parse().ok()?,
        };
        let intento = etiqueta.checked_sub(base).filter(|intento| *intento > 0)?;
        Some(Entrada::Respuesta {
            carga,
            intento: u32::try_from(intento).ok()?,
            respuesta,
        })
    }

    fn ahora_ms(&self) -> u64 {
        u64::try_from(self.origen.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn instante(&self, ms: u64) -> Instant {
        self.origen + Duration::from_millis(ms)
    }
}

/// The decision in the answer to an `estado`: its `datos` are the stored answer, or the place
/// in a diario. That an operation is not known here proves nothing.
#[must_use]
pub fn decision_de(respuesta: &RespuestaCliente) -> Option<Decision> {
    let datos = &respuesta.datos;
    let texto = |clave: &str| datos.get(clave).and_then(Value::as_str);
    let estado = texto("estado").and_then(Estado::de_palabra)?;
    let decidido = matches!(estado, Estado::Confirmado | Estado::Rechazado);
    (respuesta.estado == Estado::Confirmado && decidido).then(|| Decision {
        estado,
        codigo: texto("codigo").map(str::to_owned),
        mensaje: texto("mensaje").unwrap_or_default().to_owned(),
        datos: datos.get("datos").cloned().unwrap_or_default(),
    })
}

/// Ends when somebody asks to stop; never when nobody can any more.
async fn senal(parar: &mut watch::Receiver<bool>) {
    if parar.wait_for(|parar| *parar).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::solicitante::enlace::SinEnlace;
    use futures::FutureExt;
    use futures::future::BoxFuture;
    use serde_json::json;

    /// A network that gives the same frames, in order, whatever is sent.
    struct Cinta(std::vec::IntoIter<Value>);

    impl Enlace for Cinta {
        fn cargas(&self) -> usize {
            1
        }

        fn enviar(&mut self, _: usize, _: String) -> BoxFuture<'_, Result<(), SinEnlace>> {
            async { Ok(()) }.boxed()
        }

        fn recibir(&mut self) -> BoxFuture<'_, Llegada> {
            std::future::poll_fn(|_| match self.0.next() {
                None => std::task::Poll::Pending,
                Some(trama) => std::task::Poll::Ready(Llegada::Trama {
                    carga: 0,
                    bytes: trama.to_string().into_bytes(),
                }),
            })
            .boxed()
        }
    }

    fn respuesta(estado: &str, op_id: Value, id: Value, datos: Value) -> Value {
        json!({"exito": true, "mensaje": "", "fechaOperacion": "", "estado": estado,
            "op_id": op_id, "id": id, "datos": datos})
    }

    fn pedir(cinta: Vec<Value>) -> Final {
        let mut cinta = Cinta(cinta.into_iter());
        let parar = watch::channel(false).1;
        let mut red = Intercambio::nuevo(&mut cinta, parar, Azar::con_semilla(1));
        red.etiqueta = 7;
        let solicitud = Solicitud {
            op_id: OpId::parse("mia").ok(),
            ..Solicitud::nueva(Operacion::Consulta)
        };
        let reloj = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        reloj.block_on(red.pedir(solicitud, Limites::default(), false))
    }

    #[test]
    fn only_an_answer_to_this_request_ends_it() {
        let vacio = || json!({});
        let fin = pedir(vec![
            json!("basura"),
            respuesta("CONFIRMADO", json!("otra"), json!("8"), vacio()),
            respuesta("CONFIRMADO", json!("mia"), json!("7"), vacio()),
            respuesta("CONFIRMADO", json!("mia"), json!(8), vacio()),
            respuesta("RECHAZADO", json!("mia"), json!("8"), vacio()),
        ]);
        assert_eq!(fin.estado(), Estado::Rechazado);
        let sin_eco = pedir(vec![respuesta(
            "INVALIDO",
            Value::Null,
            Value::Null,
            vacio(),
        )]);
        assert_eq!(sin_eco.estado(), Estado::Invalido);
    }

    #[test]
    fn only_a_stored_answer_decides_an_encolado() {
        let decision = |estado: &str, datos: Value| {
            let trama = respuesta(estado, json!("mia"), Value::Null, datos).to_string();
            decision_de(&RespuestaCliente::parse(trama.as_bytes()).unwrap())
        };
        let rechazada =
            json!({"estado": "RECHAZADO", "codigo": "PrestamoNoActivo", "mensaje": "m"});
        let leida = decision("CONFIRMADO", rechazada.clone()).unwrap();
        assert_eq!(leida.estado, Estado::Rechazado);
        assert_eq!(leida.codigo.as_deref(), Some("PrestamoNoActivo"));
        assert_eq!(decision("RECHAZADO", rechazada), None);
        assert_eq!(decision("CONFIRMADO", json!({"estado": "ENCOLADO"})), None);
        assert_eq!(decision("CONFIRMADO", json!({})), None);
    }
}
