//! Keeps an actor alive: builds it, watches it, builds it again.
//!
//! actix restarts an actor that stops, at once and for ever, and never one that panics. Here
//! a death is a value with a cause, counted; restarts wait a growing pause; and after too many
//! in a window the process itself gives up (exit 70), because a supervisor outside (systemd,
//! Compose) can do what restarting one actor could not.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, Addr, Context, Handler, Message};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::runtime::metricas;

/// Why an actor ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fin {
    /// It panicked.
    Panico,
    /// It stopped itself or was stopped.
    Detenido,
    /// It never came to work: its factory or its start failed, and why.
    NoArranco(String),
}

impl Fin {
    /// The word in logs, counts and metrics.
    #[must_use]
    pub const fn palabra(&self) -> &'static str {
        match self {
            Self::Panico => "panico",
            Self::Detenido => "detenido",
            Self::NoArranco(_) => "no_arranco",
        }
    }
}

/// Held by the actor as a field: its drop tells the guardian that the actor is gone, since
/// an actor's fields are dropped however it ends, a panic's unwinding included.
pub struct Centinela {
    aviso: Option<oneshot::Sender<Fin>>,
    causa: Fin,
}

impl Centinela {
    /// Names the cause, for an actor that is about to stop because its start failed.
    pub fn no_arranco(&mut self, motivo: impl Into<String>) {
        self.causa = Fin::NoArranco(motivo.into());
    }
}

impl Drop for Centinela {
    fn drop(&mut self) {
        let fin = if std::thread::panicking() {
            Fin::Panico
        } else {
            std::mem::replace(&mut self.causa, Fin::Detenido)
        };
        if let Some(aviso) = self.aviso.take() {
            // Nobody listens any more when the whole node is going down.
            let _ = aviso.send(fin);
        }
    }
}

/// Limits of a guardian's patience.
#[derive(Debug, Clone, Copy)]
pub struct Limites {
    /// Restarts allowed within `ventana`; one more ends the process.
    pub reinicios_max: usize,
    /// The window.
    pub ventana: Duration,
    /// First pause before a restart; doubles with each one in the window.
    pub pausa_min: Duration,
    /// Longest pause.
    pub pausa_max: Duration,
}

impl Limites {
    /// Design §5's pauses: long enough not to spin, short enough that nobody at a desk waits.
    #[must_use]
    pub const fn nuevos(reinicios_max: usize, ventana: Duration) -> Self {
        Self {
            reinicios_max,
            ventana,
            pausa_min: Duration::from_millis(100),
            pausa_max: Duration::from_secs(5),
        }
    }

    /// How long to wait before the `n`-th restart of the window (from 1), or none when that
    /// is one too many.
    #[must_use]
    pub fn pausa(&self, n: usize) -> Option<Duration> {
        if n > self.reinicios_max {
            return None;
        }
        let veces = 1u32.checked_shl(u32::try_from(n.saturating_sub(1)).unwrap_or(u32::MAX));
        Some(
            self.pausa_min
                .saturating_mul(veces.unwrap_or(u32::MAX))
                .min(self.pausa_max),
        )
    }
}

/// What a guardian has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EstadoGuardian {
    /// Whether the actor is alive now.
    pub vivo: bool,
    /// Deaths by [`Fin::palabra`].
    pub muertes: BTreeMap<&'static str, u64>,
}

struct Interior<A: Actor> {
    actor: Option<Addr<A>>,
    estado: EstadoGuardian,
}

/// The place of an actor: stays while its holders come and go. Cheap to clone.
pub struct Puesto<A: Actor>(Rc<RefCell<Interior<A>>>);

impl<A: Actor> Clone for Puesto<A> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<A: Actor<Context = Context<A>>> Puesto<A> {
    /// An empty place, for whoever must know it before its guardian starts.
    #[must_use]
    pub fn vacante() -> Self {
        Self(Rc::new(RefCell::new(Interior {
            actor: None,
            estado: EstadoGuardian::default(),
        })))
    }

    /// Hands a message to the actor. The mailbox has no bound of its own: what bounds it is
    /// the admission of those who call this.
    ///
    /// # Errors
    /// The message comes back when nobody holds the place.
    pub fn entregar<M>(&self, mensaje: M) -> Result<(), M>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<M>,
    {
        match &self.0.borrow().actor {
            Some(actor) if actor.connected() => {
                actor.do_send(mensaje);
                Ok(())
            }
            _ => Err(mensaje),
        }
    }

    /// The holder's address, to ask it something.
    #[must_use]
    pub fn actor(&self) -> Option<Addr<A>> {
        self.0.borrow().actor.clone()
    }

    /// Whether the holder's mailbox answers, as long as that takes; true when nobody holds the
    /// place, which is its guardian's business.
    pub async fn contesta<M>(&self, pregunta: M) -> bool
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<M>,
    {
        match self.actor() {
            None => true,
            Some(actor) => actor.send(pregunta).await.is_ok() || self.actor().is_none(),
        }
    }

    /// What its guardian has seen.
    #[must_use]
    pub fn estado(&self) -> EstadoGuardian {
        self.0.borrow().estado.clone()
    }

    fn ocupar(&self, actor: Addr<A>) {
        let mut interior = self.0.borrow_mut();
        interior.actor = Some(actor);
        interior.estado.vivo = true;
    }

    fn desocupar(&self, fin: &Fin) {
        let mut interior = self.0.borrow_mut();
        interior.actor = None;
        interior.estado.vivo = false;
        *interior.estado.muertes.entry(fin.palabra()).or_default() += 1;
    }
}

/// An actor's death that its guardian gives up on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendicion {
    /// The actor's name.
    pub nombre: String,
    /// How it ended the last time.
    pub fin: Fin,
}

impl fmt::Display for Rendicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nombre = &self.nombre;
        match &self.fin {
            Fin::NoArranco(motivo) => write!(f, "{nombre} no puede trabajar: {motivo}"),
            fin => write!(f, "{nombre} no se mantiene vivo ({})", fin.palabra()),
        }
    }
}

/// Keeps `puesto` held by an actor that `fabrica` builds, from now until the system ends or
/// the limit is reached, which is told to `rendiciones`.
pub fn vigilar<A, F>(
    nombre: String,
    puesto: Puesto<A>,
    limites: Limites,
    rendiciones: mpsc::Sender<Rendicion>,
    mut fabrica: F,
) where
    A: Actor<Context = Context<A>>,
    F: FnMut(Centinela) -> Result<A, String> + 'static,
{
    actix_rt::spawn(async move {
        let mut reinicios: VecDeque<Instant> = VecDeque::new();
        loop {
            let fin = una_vida(&puesto, &mut fabrica).await;
            puesto.desocupar(&fin);
            let etiquetas = [("actor", nombre.as_str()), ("causa", fin.palabra())];
            metricas::contar(&metricas::REINICIOS, &etiquetas, 1);
            let ahora = Instant::now();
            reinicios.push_back(ahora);
            while reinicios
                .front()
                .is_some_and(|&antes| ahora - antes > limites.ventana)
            {
                reinicios.pop_front();
            }
            let Some(pausa) = limites.pausa(reinicios.len()) else {
                tracing::error!(
                    actor = nombre,
                    ?fin,
                    "el actor no se mantiene vivo; el proceso termina"
                );
                let _ = rendiciones.send(Rendicion { nombre, fin }).await;
                return;
            };
            tracing::warn!(actor = nombre, ?fin, ?pausa, "actor caído; se reinicia");
            tokio::time::sleep(pausa).await;
        }
    });
}

/// Builds the actor and waits for its end.
async fn una_vida<A, F>(puesto: &Puesto<A>, fabrica: &mut F) -> Fin
where
    A: Actor<Context = Context<A>>,
    F: FnMut(Centinela) -> Result<A, String>,
{
    let (aviso, muerte) = oneshot::channel();
    let centinela = Centinela {
        aviso: Some(aviso),
        causa: Fin::Detenido,
    };
    match catch_unwind(AssertUnwindSafe(|| fabrica(centinela))) {
        Err(_) => Fin::Panico,
        Ok(Err(motivo)) => Fin::NoArranco(motivo),
        Ok(Ok(actor)) => {
            puesto.ocupar(actor.start());
            muerte.await.unwrap_or(Fin::Detenido)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#[path = "guardian_tests.rs"]
mod tests;
