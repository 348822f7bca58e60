//! One client of a measurement and its connections: a request under way at a time, repeated
//! under its op_id until its outcome is known.

use std::time::{Duration, Instant};

use crate::domain::operacion::Operacion;
use crate::net::client::{Enlace, Suceso};
use crate::ordenes::medir::carrera::Cliente;
use crate::wire::json_cliente::RespuestaCliente;
use crate::wire::respuesta::Estado;

/// Silence after which a client repeats its request: longer than a carga may take by default
/// (2.5 s).
const SILENCIO_MAX: Duration = Duration::from_secs(5);

/// Pause before a request that nobody took is made again: nobody is helped by a storm.
const PAUSA: Duration = Duration::from_millis(50);

/// Longest pause that a carga may ask for.
const PAUSA_MAX: Duration = Duration::from_secs(1);

/// See the module's doc.
pub(super) struct Puesto {
    enlaces: Vec<Enlace>,
    vivos: Vec<bool>,
    /// The carga it asks; the next one when this one is gone.
    turno: usize,
    pub(super) cliente: Cliente,
    pendiente: Option<Pendiente>,
    /// It was told to come back later, and asks nothing until then.
    descansa: Option<Instant>,
}

/// The one request under way.
struct Pendiente {
    texto: String,
    /// When it was due: its wait counts from here, whenever it was sent.
    debida: Instant,
    enviada: Instant,
    /// An attempt may have been applied: only a decision ends it.
    en_duda: bool,
    /// To be made again at this instant.
    otra_vez: Option<Instant>,
}

/// What an event of a client's links came to.
pub(super) enum Paso {
    /// Nothing that counts.
    Nada,
    /// It has a connection, and had none.
    Llego,
    /// A frame that is no answer.
    Ilegible,
    /// The request was made again.
    Repetida,
    /// The request has its outcome.
    Contestada(Contestada),
}

/// An outcome.
pub(super) struct Contestada {
    pub(super) operacion: Operacion,
    pub(super) desenlace: String,
    /// Somebody took it: granted, queued or refused.
    pub(super) atendida: bool,
    pub(super) debida: Instant,
}

impl Puesto {
    pub(super) fn nuevo(numero: usize, enlaces: Vec<Enlace>, cliente: Cliente) -> Self {
        Self {
            vivos: vec![false; enlaces.len()],
            turno: numero % enlaces.len().max(1),
            enlaces,
            cliente,
            pendiente: None,
            descansa: None,
        }
    }

    /// Whether it can be given a request.
    pub(super) fn libre(&self, ahora: Instant) -> bool {
        self.pendiente.is_none()
            && self.descansa.is_none_or(|hasta| hasta <= ahora)
            && self.vivos.iter().any(|vivo| *vivo)
    }

    /// Whether a request of it is under way.
    pub(super) const fn ocupado(&self) -> bool {
        self.pendiente.is_some()
    }

    /// When its request under way was due.
    pub(super) fn debida(&self) -> Option<Instant> {
        self.pendiente.as_ref().map(|pendiente| pendiente.debida)
    }

    /// Asks what `texto` says, which was due then.
    pub(super) fn pedir(&mut self, texto: String, debida: Instant) {
        self.descansa = None;
        self.pendiente = Some(Pendiente {
            texto,
            debida,
            enviada: Instant::now(),
            en_duda: false,
            otra_vez: None,
        });
        self.enviar();
    }

    pub(super) fn suceder(&mut self, carga: usize, suceso: Suceso) -> Vec<Paso> {
        match suceso {
            Suceso::Conectado => {
                let sin_carga = !self.vivos[self.turno];
                self.vivos[carga] = true;
                if sin_carga {
                    self.turno = carga;
                    self.enviar();
                }
                vec![Paso::Llego]
            }
            Suceso::Desconectado => {
                self.vivos[carga] = false;
                vec![self.perder(carga)]
            }
            Suceso::SinEnviar(_) => vec![self.perder(carga)],
            Suceso::Tramas(tramas) => tramas.iter().map(|trama| self.recibir(trama)).collect(),
        }
    }

    /// The carga it asked is gone: whatever it had may be applied.
    fn perder(&mut self, carga: usize) -> Paso {
        match &mut self.pendiente {
            Some(pendiente) if carga == self.turno => {
                pendiente.en_duda = true;
                pendiente.otra_vez = Some(Instant::now());
                Paso::Repetida
            }
            _ => Paso::Nada,
        }
    }

    fn recibir(&mut self, trama: &[u8]) -> Paso {
        let Ok(respuesta) = RespuestaCliente::parse(trama) else {
            return Paso::Ilegible;
        };
        // The answer to a request that was given up says nothing about this one.
        if !self.cliente.es_suya(&respuesta) {
            return Paso::Nada;
        }
        let Some(pendiente) = &mut self.pendiente else {
            return Paso::Nada;
        };
        let pausa = respuesta.reintentar_ms().map(Duration::from_millis);
        let vuelve = Instant::now() + pausa.unwrap_or(PAUSA).min(PAUSA_MAX);
        match respuesta.estado {
            Estado::Desconocido => {
                // Until it is known, nobody knows whether the client has a loan to return.
                pendiente.en_duda = true;
                pendiente.otra_vez = Some(Instant::now());
                return Paso::Repetida;
            }
            // They speak of their own attempt only; the doubtful one may be applied yet.
            Estado::Ocupado | Estado::NoDisponible if pendiente.en_duda => {
                pendiente.otra_vez = Some(vuelve);
                return Paso::Repetida;
            }
            Estado::Ocupado | Estado::NoDisponible => self.descansa = Some(vuelve),
            _ => {}
        }
        let atendida = matches!(
            respuesta.estado,
            Estado::Confirmado | Estado::Encolado | Estado::Rechazado
        );
        let debida = pendiente.debida;
        let operacion = self.cliente.operacion();
        self.pendiente = None;
        self.cliente.avanzar(&respuesta);
        let desenlace = match &respuesta.codigo {
            Some(codigo) => format!("{} {codigo}", respuesta.estado),
            None => respuesta.estado.to_string(),
        };
        Paso::Contestada(Contestada {
            operacion,
            desenlace,
            atendida,
            debida,
        })
    }

    /// Repeats what has been silent for too long, or is to be made again now.
    pub(super) fn mirar(&mut self, ahora: Instant) -> Paso {
        let Some(pendiente) = &mut self.pendiente else {
            return Paso::Nada;
        };
        if pendiente.otra_vez.is_some_and(|cuando| cuando <= ahora) {
            pendiente.otra_vez = None;
            self.cambiar_de_carga();
            self.enviar();
            return Paso::Nada;
        }
        if ahora.saturating_duration_since(pendiente.enviada) < SILENCIO_MAX {
            return Paso::Nada;
        }
        pendiente.en_duda = true;
        self.cambiar_de_carga();
        self.enviar();
        Paso::Repetida
    }

    /// The next living carga, if there is one.
    fn cambiar_de_carga(&mut self) {
        let n = self.enlaces.len();
        let siguiente = (1..=n)
            .map(|paso| (self.turno + paso) % n)
            .find(|&i| self.vivos[i]);
        self.turno = siguiente.unwrap_or(self.turno);
    }

    fn enviar(&mut self) {
        if let Some(pendiente) = &mut self.pendiente {
            pendiente.enviada = Instant::now();
            // A full queue cannot be with one request under way; silence is looked for anyway.
            let texto = pendiente.texto.clone().into_bytes();
            let _ = self.enlaces[self.turno].enviar(vec![0], texto);
        }
    }
}
