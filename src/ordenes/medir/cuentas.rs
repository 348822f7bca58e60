//! What a measurement counts while it runs: how many, how fast, with what outcome, for each
//! operation and each second.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::domain::operacion::Operacion;

/// Longest latency told apart, in microseconds: a client gives up long before.
const LATENCIA_MAX_MICROS: u64 = 60_000_000;

/// The operations that are measured, in the order of the tables.
pub(super) const MEDIDAS: [Operacion; 4] = [
    Operacion::Prestamo,
    Operacion::Devolucion,
    Operacion::Renovacion,
    Operacion::Consulta,
];

/// One operation's.
#[derive(Default)]
pub(super) struct Cuenta {
    /// In microseconds, to three digits; none until the first answer.
    pub(super) latencias: Option<Histogram<u64>>,
    /// Answers by what they said.
    pub(super) desenlaces: BTreeMap<String, u64>,
    /// Of these, the ones that say that nobody took the attempt: no response time of anything.
    pub(super) no_atendidas: u64,
}

/// One second of the run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Segundo {
    pub(super) respuestas: u64,
    pub(super) suma_ms: f64,
}

/// All of them.
pub(super) struct Cuentas {
    cuentas: [Cuenta; MEDIDAS.len()],
    /// By the second in which the answer came, from the end of the warm-up.
    pub(super) segundos: Vec<Segundo>,
    /// Attempts that had to be repeated: silence, a lost connection, `DESCONOCIDO`.
    pub(super) repetidas: u64,
    /// Requests whose time had come and that nobody answered to the end.
    pub(super) sin_respuesta: u64,
    /// Frames that were no answer.
    pub(super) ilegibles: u64,
}

impl Cuentas {
    pub(super) fn nuevas(duracion: Duration) -> Self {
        let segundos = usize::try_from(duracion.as_secs()).unwrap_or(0).max(1);
        Self {
            cuentas: Default::default(),
            segundos: vec![Segundo::default(); segundos],
            repetidas: 0,
            sin_respuesta: 0,
            ilegibles: 0,
        }
    }

    /// An answer: what it said, its latency, and when it came since the warm-up ended.
    pub(super) fn anotar(
        &mut self,
        operacion: Operacion,
        desenlace: String,
        latencia: Duration,
        llegada: Duration,
    ) {
        let Some(lugar) = MEDIDAS.iter().position(|otra| *otra == operacion) else {
            return;
        };
        let cuenta = &mut self.cuentas[lugar];
        let micros = u64::try_from(latencia.as_micros()).unwrap_or(u64::MAX);
        if cuenta.latencias.is_none() {
            cuenta.latencias = Histogram::new_with_max(LATENCIA_MAX_MICROS, 3).ok();
        }
        if let Some(latencias) = &mut cuenta.latencias {
            latencias.saturating_record(micros);
        }
        *cuenta.desenlaces.entry(desenlace).or_default() += 1;
        // Those that come while it ends are of its last second.
        let ultimo = self.segundos.len() - 1;
        let segundo = usize::try_from(llegada.as_secs()).unwrap_or(ultimo);
        let segundo = &mut self.segundos[segundo.min(ultimo)];
        segundo.respuestas += 1;
        segundo.suma_ms += latencia.as_secs_f64() * 1_000.0;
    }

    /// An answer that says that nobody took the attempt: it is counted, and has no latency.
    pub(super) fn no_atendida(&mut self, operacion: Operacion, desenlace: String) {
        if let Some(lugar) = MEDIDAS.iter().position(|otra| *otra == operacion) {
            let cuenta = &mut self.cuentas[lugar];
            cuenta.no_atendidas += 1;
            *cuenta.desenlaces.entry(desenlace).or_default() += 1;
        }
    }

    /// Each operation that was answered.
    pub(super) fn cada_una(&self) -> impl Iterator<Item = (Operacion, &Cuenta)> {
        MEDIDAS
            .into_iter()
            .zip(&self.cuentas)
            .filter(|(_, cuenta)| !cuenta.desenlaces.is_empty())
    }

    /// Answers so far.
    pub(super) fn respuestas(&self) -> u64 {
        self.segundos.iter().map(|segundo| segundo.respuestas).sum()
    }
}
