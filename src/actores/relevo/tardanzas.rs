//! Attempts that nobody waits for any more and that were not answered, until it is known what
//! that says about their endpoint.
//!
//! An operation may have little time left: its client named a deadline of 100 ms, or it spent
//! most of it in a queue. That an endpoint does not answer within that little is no failure of
//! the endpoint's, and three of them in one commit must not cost everybody its ten seconds of
//! ABIERTO. So the attempt ends, but its permit is kept until the endpoint has had
//! [`PACIENCIA`], or the longest wait for one attempt if that is shorter: an answer in that time
//! is one, silence is a failure, unless the endpoint has decided others within the longest wait:
//! then it is behind with its work, and ten seconds without it would put it further behind. The
//! same for what is under way when an earlier attempt is answered after all; it has the whole
//! time of its attempt. An endpoint that goes, or says that it cannot, is judged at once. There
//! are never more than were sent within the longest wait.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use crate::runtime::breaker::Permiso;

/// What an endpoint has to answer before its silence counts, however short the attempt was:
/// many times a commit, and less than the first attempt of a synchronous operation gets when its
/// client names no deadline.
pub(super) const PACIENCIA: Duration = Duration::from_millis(750);

/// One attempt that ended without an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tardanza {
    pub almacen: usize,
    pub permiso: Permiso,
    pub lectura: bool,
    /// When the endpoint has had its time.
    pub vence: Instant,
}

/// See the module's doc. By the number of the send.
#[derive(Default)]
pub(super) struct Tardanzas {
    por_envio: HashMap<u64, Tardanza>,
    vencen: BTreeSet<(Instant, u64)>,
}

impl Tardanzas {
    pub(super) fn anotar(&mut self, envio: u64, tardanza: Tardanza) {
        self.vencen.insert((tardanza.vence, envio));
        self.por_envio.insert(envio, tardanza);
    }

    /// The endpoint has said something about that send after all.
    pub(super) fn contestada(&mut self, almacen: usize, envio: u64) -> Option<Tardanza> {
        let tardanza = *self.por_envio.get(&envio)?;
        if tardanza.almacen != almacen {
            return None;
        }
        self.quitar(envio)
    }

    /// The next one whose endpoint has had its time.
    pub(super) fn vencida(&mut self, ahora: Instant) -> Option<Tardanza> {
        while let Some(&(vence, envio)) = self.vencen.first()
            && vence <= ahora
        {
            self.vencen.pop_first();
            if let Some(tardanza) = self.por_envio.remove(&envio) {
                return Some(tardanza);
            }
        }
        None
    }

    /// All of an endpoint that is gone, the first sent first.
    pub(super) fn de(&mut self, almacen: usize) -> Vec<Tardanza> {
        let suyas = self.vencen.iter().map(|&(_, envio)| envio);
        let suyas: Vec<u64> = suyas
            .filter(|envio| self.por_envio[envio].almacen == almacen)
            .collect();
        suyas.into_iter().filter_map(|e| self.quitar(e)).collect()
    }

    fn quitar(&mut self, envio: u64) -> Option<Tardanza> {
        let tardanza = self.por_envio.remove(&envio)?;
        self.vencen.remove(&(tardanza.vence, envio));
        Some(tardanza)
    }
}
