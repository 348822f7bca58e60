//! The circuit breaker of one caller for one endpoint: CERRADO, ABIERTO, MEDIO_ABIERTO.
//!
//! The customer's numbers: ABIERTO after 3 consecutive failures, MEDIO_ABIERTO after 10 s,
//! then a single probe decides. Pure: the caller gives the time. It counts failures of the
//! infrastructure only; a rule's refusal is a success here, and a late answer from before the
//! last change of state says nothing about now and is ignored.

use std::fmt;
use std::time::{Duration, Instant};

use crate::plantado::{Defecto, plantado};

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EstadoBreaker {
    /// Operations pass.
    Cerrado,
    /// None passes.
    Abierto,
    /// One probe passes.
    MedioAbierto,
}

impl fmt::Display for EstadoBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cerrado => "CERRADO",
            Self::Abierto => "ABIERTO",
            Self::MedioAbierto => "MEDIO_ABIERTO",
        })
    }
}

/// Its numbers.
#[derive(Debug, Clone, Copy)]
pub struct Ajuste {
    /// Consecutive failures that open it.
    pub fallos_max: u32,
    /// How long it stays open.
    pub abierto: Duration,
    /// How long a probe may stay unanswered before its permit returns.
    pub sonda: Duration,
}

/// Leave to send one operation; goes back with its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permiso {
    epoca: u64,
}

#[derive(Debug, Clone, Copy)]
enum Fase {
    Cerrado { fallos: u32 },
    Abierto { desde: Instant },
    MedioAbierto { sonda_desde: Option<Instant> },
}

/// See the module's doc.
#[derive(Debug, Clone)]
pub struct Breaker {
    ajuste: Ajuste,
    fase: Fase,
    /// Counts changes of state and probes: a permit of another epoch is a late answer.
    epoca: u64,
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub const fn nuevo(ajuste: Ajuste) -> Self {
        Self {
            ajuste,
            fase: Fase::Cerrado { fallos: 0 },
            epoca: 0,
        }
    }

    /// Where it stands at `ahora`.
    #[must_use]
    pub fn estado(&self, ahora: Instant) -> EstadoBreaker {
        match self.fase {
            Fase::Cerrado { .. } => EstadoBreaker::Cerrado,
            Fase::Abierto { desde } if ahora - desde < self.ajuste.abierto => {
                EstadoBreaker::Abierto
            }
            Fase::Abierto { .. } | Fase::MedioAbierto { .. } => EstadoBreaker::MedioAbierto,
        }
    }

    /// Whether [`Breaker::pedir`] would give a permit, without taking it.
    #[must_use]
    pub fn admite(&self, ahora: Instant) -> bool {
        match self.fase {
            Fase::Cerrado { .. } => true,
            Fase::Abierto { desde } => ahora - desde >= self.ajuste.abierto,
            Fase::MedioAbierto { sonda_desde } => {
                let vencida = |desde| ahora - desde >= self.ajuste.sonda;
                sonda_desde.is_none_or(|d| vencida(d) && !plantado(Defecto::PermisoPerdido))
            }
        }
    }

    /// Asks leave to send one operation.
    pub fn pedir(&mut self, ahora: Instant) -> Option<Permiso> {
        if !self.admite(ahora) {
            return None;
        }
        if !matches!(self.fase, Fase::Cerrado { .. }) {
            self.epoca += 1;
            self.fase = Fase::MedioAbierto {
                sonda_desde: Some(ahora),
            };
        }
        Some(Permiso { epoca: self.epoca })
    }

    /// The operation of `permiso` was answered, whatever the answer said.
    pub fn acierto(&mut self, permiso: Permiso) {
        if permiso.epoca != self.epoca {
            return;
        }
        if !matches!(self.fase, Fase::Cerrado { .. }) {
            self.epoca += 1;
        }
        self.fase = Fase::Cerrado { fallos: 0 };
    }

    /// The endpoint failed the operation of `permiso`.
    pub fn fallo(&mut self, permiso: Permiso, ahora: Instant) {
        if permiso.epoca == self.epoca {
            self.contar_fallo(ahora);
        }
    }

    /// The operation of `permiso` was not answered in time, and that is no failure: a slow
    /// question says nothing of how loans fare, nor one loan of an endpoint that decides others.
    /// But as a probe it has failed.
    pub fn lenta(&mut self, permiso: Permiso, ahora: Instant) {
        if permiso.epoca == self.epoca && !matches!(self.fase, Fase::Cerrado { .. }) {
            self.contar_fallo(ahora);
        }
    }

    /// The operation of `permiso` was not sent after all, or says nothing about the endpoint.
    pub fn devolver(&mut self, permiso: Permiso) {
        if permiso.epoca == self.epoca
            && !plantado(Defecto::PermisoPerdido)
            && let Fase::MedioAbierto { sonda_desde } = &mut self.fase
        {
            *sonda_desde = None;
        }
    }

    /// An operation could not even be sent: its heartbeats are missing.
    pub fn sin_enviar(&mut self, ahora: Instant) {
        if matches!(self.fase, Fase::Cerrado { .. }) {
            self.contar_fallo(ahora);
        }
    }

    /// The endpoint says by heartbeat that it is ready again, after it was gone or not ready:
    /// no need to wait out the rest. Not to be told of one that never stopped saying so.
    pub fn listo_de_nuevo(&mut self) {
        if let Fase::Abierto { .. } = self.fase {
            self.epoca += 1;
            self.fase = Fase::MedioAbierto { sonda_desde: None };
        }
    }

    fn contar_fallo(&mut self, ahora: Instant) {
        let fallos = match self.fase {
            Fase::Cerrado { fallos } => fallos + 1,
            // A failed probe: open again at once.
            Fase::MedioAbierto { .. } => self.ajuste.fallos_max,
            Fase::Abierto { .. } => return,
        };
        if fallos >= self.ajuste.fallos_max {
            self.epoca += 1;
            self.fase = Fase::Abierto { desde: ahora };
        } else {
            self.fase = Fase::Cerrado { fallos };
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn breaker() -> (Breaker, Instant) {
        let ajuste = Ajuste {
            fallos_max: 3,
            abierto: Duration::from_secs(10),
            sonda: Duration::from_secs(2),
        };
        (Breaker::nuevo(ajuste), Instant::now())
    }

    fn abrir(breaker: &mut Breaker, ahora: Instant) {
        for _ in 0..3 {
            let permiso = breaker.pedir(ahora).unwrap();
            breaker.fallo(permiso, ahora);
        }
    }

    #[test]
    fn three_consecutive_failures_open_it_and_an_answer_between_starts_the_count_again() {
        let (mut breaker, t0) = breaker();
        for fallos in [2, 3] {
            for _ in 0..fallos {
                let permiso = breaker.pedir(t0).unwrap();
                breaker.fallo(permiso, t0);
            }
            if fallos == 2 {
                let permiso = breaker.pedir(t0).unwrap();
                breaker.acierto(permiso);
                assert_eq!(breaker.estado(t0), EstadoBreaker::Cerrado);
            }
        }
        assert_eq!(breaker.estado(t0), EstadoBreaker::Abierto);
        assert_eq!(breaker.pedir(t0 + Duration::from_millis(9_999)), None);
    }

    /// Fault case 29.
    #[test]
    fn of_two_hundred_waiting_when_the_ten_seconds_end_exactly_one_passes() {
        let (mut breaker, t0) = breaker();
        abrir(&mut breaker, t0);
        let t1 = t0 + Duration::from_secs(10);
        let permisos = (0..200).filter_map(|_| breaker.pedir(t1)).count();
        assert_eq!(permisos, 1);
        assert_eq!(breaker.estado(t1), EstadoBreaker::MedioAbierto);
    }

    /// Fault case 30.
    #[test]
    fn the_permit_of_a_probe_that_is_never_answered_returns() {
        let (mut breaker, t0) = breaker();
        abrir(&mut breaker, t0);
        let t1 = t0 + Duration::from_secs(10);
        let primera = breaker.pedir(t1).unwrap();
        assert_eq!(breaker.pedir(t1 + Duration::from_millis(1_999)), None);
        let segunda = breaker.pedir(t1 + Duration::from_secs(2)).unwrap();
        breaker.fallo(primera, t1 + Duration::from_secs(2));
        assert_eq!(
            breaker.estado(t1 + Duration::from_secs(2)),
            EstadoBreaker::MedioAbierto
        );
        breaker.acierto(segunda);
        assert_eq!(
            breaker.estado(t1 + Duration::from_secs(2)),
            EstadoBreaker::Cerrado
        );
    }

    #[test]
    fn a_failed_probe_opens_it_for_another_ten_seconds() {
        let (mut breaker, t0) = breaker();
        abrir(&mut breaker, t0);
        let t1 = t0 + Duration::from_secs(10);
        let sonda = breaker.pedir(t1).unwrap();
        breaker.fallo(sonda, t1);
        assert_eq!(breaker.pedir(t1 + Duration::from_secs(9)), None);
        assert!(breaker.admite(t1 + Duration::from_secs(10)));
    }

    #[test]
    fn a_late_answer_from_before_the_trip_is_ignored() {
        let (mut breaker, t0) = breaker();
        let viejo = breaker.pedir(t0).unwrap();
        abrir(&mut breaker, t0);
        breaker.acierto(viejo);
        assert_eq!(breaker.estado(t0), EstadoBreaker::Abierto);
    }

    #[test]
    fn an_endpoint_that_is_ready_again_gets_its_probe_at_once() {
        let (mut breaker, t0) = breaker();
        abrir(&mut breaker, t0);
        breaker.listo_de_nuevo();
        let sonda = breaker.pedir(t0).unwrap();
        assert_eq!(breaker.pedir(t0), None);
        breaker.devolver(sonda);
        assert!(breaker.pedir(t0).is_some());
    }

    #[test]
    fn slow_reads_do_not_open_it_but_as_a_probe_one_fails() {
        let (mut breaker, t0) = breaker();
        for _ in 0..5 {
            let permiso = breaker.pedir(t0).unwrap();
            breaker.lenta(permiso, t0);
        }
        assert_eq!(breaker.estado(t0), EstadoBreaker::Cerrado);
        abrir(&mut breaker, t0);
        let t1 = t0 + Duration::from_secs(10);
        let sonda = breaker.pedir(t1).unwrap();
        breaker.lenta(sonda, t1);
        assert_eq!(breaker.estado(t1), EstadoBreaker::Abierto);
    }

    #[test]
    fn operations_that_could_not_be_sent_open_it_too() {
        let (mut breaker, t0) = breaker();
        for _ in 0..3 {
            breaker.sin_enviar(t0);
        }
        assert_eq!(breaker.estado(t0), EstadoBreaker::Abierto);
    }
}
