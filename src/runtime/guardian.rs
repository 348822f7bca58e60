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
mod tests {
    use actix::{ActorContext, AsyncContext};

    use super::*;

    #[derive(Clone, Copy, PartialEq)]
    enum Mania {
        Ninguna,
        MoriralNacer,
    }

    struct Cobaya {
        _centinela: Centinela,
        mania: Mania,
    }

    impl Actor for Cobaya {
        type Context = Context<Self>;
        fn started(&mut self, ctx: &mut Self::Context) {
            if self.mania == Mania::MoriralNacer {
                ctx.stop();
            }
        }
    }

    #[derive(Message)]
    #[rtype(result = "u32")]
    struct Suma(u32);

    #[derive(Message)]
    #[rtype(result = "()")]
    enum Muere {
        Panico,
        Parada,
    }

    impl Handler<Suma> for Cobaya {
        type Result = u32;
        fn handle(&mut self, msg: Suma, _: &mut Self::Context) -> u32 {
            msg.0 + 1
        }
    }

    impl Handler<Muere> for Cobaya {
        type Result = ();
        fn handle(&mut self, msg: Muere, ctx: &mut Self::Context) {
            match msg {
                Muere::Panico => panic!("planted"),
                Muere::Parada => ctx.notify(Detente),
            }
        }
    }

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Detente;
    impl Handler<Detente> for Cobaya {
        type Result = ();
        fn handle(&mut self, _: Detente, ctx: &mut Self::Context) {
            ctx.stop();
        }
    }

    fn limites(reinicios_max: usize) -> Limites {
        Limites {
            pausa_min: Duration::from_millis(1),
            pausa_max: Duration::from_millis(4),
            ..Limites::nuevos(reinicios_max, Duration::from_secs(60))
        }
    }

    /// Asks until the place is held and answers; bounded by the test's own deadline.
    async fn pregunta(puesto: &Puesto<Cobaya>) -> u32 {
        let plazo = tokio::time::Instant::now() + Duration::from_secs(10);
        while tokio::time::Instant::now() < plazo {
            if let Some(actor) = puesto.actor()
                && let Ok(suma) = actor.send(Suma(1)).await
            {
                return suma;
            }
            tokio::task::yield_now().await;
        }
        panic!("nobody answers");
    }

    async fn espera_muertes(puesto: &Puesto<Cobaya>, causa: &str, n: u64) {
        let plazo = tokio::time::Instant::now() + Duration::from_secs(10);
        while puesto.estado().muertes.get(causa).copied().unwrap_or(0) < n {
            assert!(tokio::time::Instant::now() < plazo, "{:?}", puesto.estado());
            tokio::task::yield_now().await;
        }
    }

    #[actix_rt::test]
    async fn an_actor_that_panics_or_stops_is_built_again_and_the_cause_counted() {
        let (rendiciones, _escucha) = mpsc::channel(1);
        let puesto = Puesto::vacante();
        vigilar(
            "cobaya".into(),
            puesto.clone(),
            limites(8),
            rendiciones,
            |_centinela| {
                Ok(Cobaya {
                    _centinela,
                    mania: Mania::Ninguna,
                })
            },
        );
        assert_eq!(pregunta(&puesto).await, 2);
        let _ = puesto.entregar(Muere::Panico);
        espera_muertes(&puesto, "panico", 1).await;
        assert_eq!(pregunta(&puesto).await, 2);
        let _ = puesto.entregar(Muere::Parada);
        espera_muertes(&puesto, "detenido", 1).await;
        assert_eq!(pregunta(&puesto).await, 2);
    }

    #[actix_rt::test]
    async fn a_message_to_an_empty_place_comes_back() {
        let puesto: Puesto<Cobaya> = Puesto::vacante();
        assert!(puesto.entregar(Suma(1)).is_err());
    }

    #[actix_rt::test]
    async fn one_that_dies_in_its_start_is_given_up_after_the_limit() {
        let (rendiciones, mut escucha) = mpsc::channel(1);
        let puesto = Puesto::vacante();
        vigilar(
            "cobaya".into(),
            puesto.clone(),
            limites(3),
            rendiciones,
            |_centinela| {
                Ok(Cobaya {
                    _centinela,
                    mania: Mania::MoriralNacer,
                })
            },
        );
        let rendicion = escucha.recv().await.unwrap();
        assert_eq!(rendicion.fin, Fin::Detenido);
        assert_eq!(puesto.estado().muertes["detenido"], 4);
    }

    #[actix_rt::test]
    async fn a_factory_that_fails_or_panics_is_a_cause_too() {
        let (rendiciones, mut escucha) = mpsc::channel(1);
        let puesto: Puesto<Cobaya> = Puesto::vacante();
        let mut vez = 0;
        vigilar(
            "cobaya".into(),
            puesto.clone(),
            limites(1),
            rendiciones,
            move |_| {
                vez += 1;
                if vez == 1 {
                    panic!("planted")
                }
                Err("sin disco".to_owned())
            },
        );
        let rendicion = escucha.recv().await.unwrap();
        assert_eq!(rendicion.fin, Fin::NoArranco("sin disco".into()));
        assert_eq!(puesto.estado().muertes["panico"], 1);
    }

    #[test]
    fn pauses_double_up_to_their_limit_and_then_there_is_none() {
        let limites = Limites::nuevos(8, Duration::from_secs(60));
        let ms: Vec<u128> = (1..=8)
            .map(|n| limites.pausa(n).unwrap().as_millis())
            .collect();
        assert_eq!(ms, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(limites.pausa(9), None);
    }
}
