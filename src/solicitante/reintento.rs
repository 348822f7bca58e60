//! When and where a client repeats a request: rotation among the cargas, full-jitter
//! backoff, a budget. Pure: `step(now, input) -> output`.
//!
//! Called by `corrida` and by the verb `pedir`. It never changes the op_id, reads a clock or
//! touches a socket.

use crate::wire::json_cliente::RespuestaCliente;
use crate::wire::respuesta::Estado;

/// The retry budget of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limites {
    /// Most attempts, over all the cargas.
    pub intentos_max: u32,
    /// From the first send until the client gives up, in ms.
    pub total_ms: u64,
    /// How long one attempt may stay unanswered, in ms; longer than `carga.plazo_ms` (2500),
    /// so that silence means a lost carga or link and not a slow answer.
    pub intento_ms: u64,
    /// Ceiling of the first random wait, in ms; each failure doubles it.
    pub espera_base_ms: u64,
    /// Ceiling of every wait, also of one that an `OCUPADO` asks for, in ms.
    pub espera_max_ms: u64,
}

impl Default for Limites {
    /// Outlives the 10 s of an open breaker with room for its probe.
    fn default() -> Self {
        Self {
            intentos_max: 40,
            total_ms: 30_000,
            intento_ms: 3_000,
            espera_base_ms: 50,
            espera_max_ms: 2_000,
        }
    }
}

/// Random numbers for the jitter (splitmix64): the same seed gives the same waits.
#[derive(Debug, Clone)]
pub struct Azar(u64);

impl Azar {
    /// Starts from a seed.
    #[must_use]
    pub const fn con_semilla(semilla: u64) -> Self {
        Self(semilla)
    }

    /// The next number, uniform from 0 to `max`, both included.
    pub fn hasta(&mut self, max: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mezcla = self.0;
        mezcla = (mezcla ^ (mezcla >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mezcla = (mezcla ^ (mezcla >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mezcla ^= mezcla >> 31;
        match max.checked_add(1) {
            Some(casos) => mezcla % casos,
            None => mezcla,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Entrada {
    /// The request may be sent now; once, first of all.
    Inicio,
    /// The send that was asked for could not be done: certainly nothing went out.
    NoEnviada,
    /// The link to a carga fell.
    Caida {
        /// Which carga, from 0.
        carga: usize,
    },
    /// An answer came.
    Respuesta {
        /// Who gave it.
        carga: usize,
        /// To which attempt, from 1.
        intento: u32,
        /// The answer.
        respuesta: RespuestaCliente,
    },
    /// Time passed.
    Reloj,
    /// No attempts after the one under way: the person wants to stop.
    Parar,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Salida {
    /// Send to this carga, then wait for an answer until `hasta_ms`.
    Enviar {
        /// Which carga, from 0.
        carga: usize,
        /// The attempt's number, from 1.
        intento: u32,
        /// When to come back with [`Entrada::Reloj`], in the clock of `step`.
        hasta_ms: u64,
    },
    /// Come back at `hasta_ms`, or sooner with news.
    Esperar {
        /// In the clock of `step`.
        hasta_ms: u64,
    },
    /// The end; nothing more is taken.
    Fin(Final),
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Final {
    /// `CONFIRMADO`, `ENCOLADO`, `RECHAZADO` or `INVALIDO`.
    Decidida {
        /// The answer.
        respuesta: RespuestaCliente,
        /// Who gave it, from 0.
        carga: usize,
        /// Attempts made.
        intentos: u32,
    },
    /// The budget ended first; the same op_id may be repeated later.
    SinDefinir {
        /// The last answer, if any carga gave one.
        ultima: Option<RespuestaCliente>,
        /// Whether some attempt may have been applied.
        incierta: bool,
        /// Attempts made.
        intentos: u32,
    },
}

impl Final {
    /// What may be claimed of the operation: an attempt that may have been applied outweighs
    /// every later one that certainly was not (contract §2).
    #[must_use]
    pub fn estado(&self) -> Estado {
        match self {
            Self::Decidida { respuesta, .. } => respuesta.estado,
            Self::SinDefinir { incierta: true, .. } => Estado::Desconocido,
            Self::SinDefinir { ultima, .. } => {
                ultima.as_ref().map_or(Estado::NoDisponible, |r| r.estado)
            }
        }
    }

    /// The last answer, if there is one.
    #[must_use]
    pub const fn respuesta(&self) -> Option<&RespuestaCliente> {
        match self {
            Self::Decidida { respuesta, .. } => Some(respuesta),
            Self::SinDefinir { ultima, .. } => ultima.as_ref(),
        }
    }

    /// Attempts made.
    #[must_use]
    pub const fn intentos(&self) -> u32 {
        match self {
            Self::Decidida { intentos, .. } | Self::SinDefinir { intentos, .. } => *intentos,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fase {
    Nueva,
    EnVuelo { vence_ms: u64 },
    Pausa { hasta_ms: u64 },
    Terminada,
}

/// One request on its way to an answer.
#[derive(Debug)]
pub struct Reintento {
    limites: Limites,
    cargas: usize,
    carga: usize,
    intentos: u32,
    fallos: u32,
    fin_ms: u64,
    ultima: Option<RespuestaCliente>,
    incierta: bool,
    sin_mas: bool,
    fase: Fase,
    azar: Azar,
}

impl Reintento {
    /// A request that goes first to carga `primera` of `cargas`. `ya_enviada`: an earlier
    /// process may have sent it, so nothing short of a decision makes it certain.
    #[must_use]
    pub fn nuevo(
        limites: Limites,
        cargas: usize,
        primera: usize,
        ya_enviada: bool,
        azar: Azar,
    ) -> Self {
        Self {
            limites,
            cargas: cargas.max(1),
            carga: primera % cargas.max(1),
            intentos: 0,
            fallos: 0,
            fin_ms: 0,
            ultima: None,
            incierta: ya_enviada,
            sin_mas: false,
            fase: Fase::Nueva,
            azar,
        }
    }

    /// Takes what happened at `ahora_ms` (any clock that never goes back) and says what to do.
    pub fn step(&mut self, ahora_ms: u64, entrada: Entrada) -> Salida {
        match (entrada, self.fase) {
            (_, Fase::Terminada) => self.terminar(),
            (Entrada::Inicio, Fase::Nueva) => {
                self.fin_ms = ahora_ms.saturating_add(self.limites.total_ms);
                self.enviar(ahora_ms)
            }
            (
                Entrada::Respuesta {
                    carga, respuesta, ..
                },
                _,
            ) if decide(respuesta.estado) => {
                self.fase = Fase::Terminada;
                Salida::Fin(Final::Decidida {
                    respuesta,
                    carga,
                    intentos: self.intentos,
                })
            }
            (
                Entrada::Respuesta {
                    intento, respuesta, ..
                },
                Fase::EnVuelo { .. },
            ) if intento == self.intentos => self.no_decidida(ahora_ms, respuesta),
            (Entrada::NoEnviada, Fase::EnVuelo { .. }) => self.fallar(ahora_ms, None),
            (Entrada::Caida { carga }, Fase::EnVuelo { .. }) if carga == self.carga => {
                self.incierta = true;
                self.fallar(ahora_ms, None)
            }
            (Entrada::Reloj, Fase::EnVuelo { vence_ms }) if ahora_ms >= vence_ms => {
                self.incierta = true;
                self.fallar(ahora_ms, None)
            }
            (Entrada::Reloj, Fase::Pausa { hasta_ms }) if ahora_ms >= hasta_ms => {
                self.carga = (self.carga + 1) % self.cargas;
                self.enviar(ahora_ms)
            }
            (Entrada::Parar, fase) => {
                self.sin_mas = true;
                match fase {
                    Fase::EnVuelo { .. } => self.esperar(),
                    _ => self.terminar(),
                }
            }
            _ => self.esperar(),
        }
    }

    fn no_decidida(&mut self, ahora_ms: u64, respuesta: RespuestaCliente) -> Salida {
        let pedida_ms = match respuesta.estado {
            Estado::Ocupado => respuesta.reintentar_ms(),
            _ => None,
        };
        self.incierta |= respuesta.estado == Estado::Desconocido;
        self.ultima = Some(respuesta);
        self.fallar(ahora_ms, pedida_ms)
    }

    /// The attempt failed: wait and go to the next carga, if the budget allows. A wait that
    /// was asked for is kept, with the jitter on top, so that those told the same number do
    /// not come back together.
    fn fallar(&mut self, ahora_ms: u64, pedida_ms: Option<u64>) -> Salida {
        let techo = self
            .limites
            .espera_base_ms
            .saturating_mul(1 << self.fallos.min(20))
            .min(self.limites.espera_max_ms);
        self.fallos += 1;
        let espera_ms = match pedida_ms {
            Some(pedida) => {
                pedida.min(self.limites.espera_max_ms)
                    + self.azar.hasta(self.limites.espera_base_ms)
            }
            None => self.azar.hasta(techo),
        };
        let hasta_ms = ahora_ms.saturating_add(espera_ms);
        if self.sin_mas || self.intentos >= self.limites.intentos_max || hasta_ms >= self.fin_ms {
            return self.terminar();
        }
        self.fase = Fase::Pausa { hasta_ms };
        self.esperar()
    }

    fn enviar(&mut self, ahora_ms: u64) -> Salida {
        self.intentos += 1;
        let vence_ms = ahora_ms
            .saturating_add(self.limites.intento_ms)
            .min(self.fin_ms);
        self.fase = Fase::EnVuelo { vence_ms };
        Salida::Enviar {
            carga: self.carga,
            intento: self.intentos,
            hasta_ms: vence_ms,
        }
    }

    fn esperar(&mut self) -> Salida {
        match self.fase {
            Fase::EnVuelo { vence_ms: hasta_ms } | Fase::Pausa { hasta_ms } => {
                Salida::Esperar { hasta_ms }
            }
            Fase::Nueva | Fase::Terminada => self.terminar(),
        }
    }

    fn terminar(&mut self) -> Salida {
        self.fase = Fase::Terminada;
        Salida::Fin(Final::SinDefinir {
            ultima: self.ultima.clone(),
            incierta: self.incierta,
            intentos: self.intentos,
        })
    }
}

/// Whether an answer ends the request; the other three speak of their attempt only.
const fn decide(estado: Estado) -> bool {
    matches!(
        estado,
        Estado::Confirmado | Estado::Encolado | Estado::Rechazado | Estado::Invalido
    )
}

#[cfg(test)]
#[path = "reintento_tests.rs"]
mod tests;
