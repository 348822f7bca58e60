//! Hears what the server warns about during a COMMIT.
//!
//! When somebody cancels the wait for a synchronous standby, COMMIT *succeeds*, with a
//! warning; sqlx drops it but for a tracing event. This listens to that event, for the one
//! future it is wrapped around and nowhere else.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::instrument::WithSubscriber;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

/// Where sqlx tells a server's notices.
const AVISOS: &str = "sqlx::postgres::notice";

/// Made once a store: registering one with tracing is not cheap.
pub struct Oyente {
    destino: Dispatch,
    oido: Arc<AtomicBool>,
}

impl fmt::Debug for Oyente {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oyente").finish_non_exhaustive()
    }
}

impl Oyente {
    /// One that has heard nothing.
    #[must_use]
    pub fn nuevo() -> Self {
        let oido = Arc::new(AtomicBool::new(false));
        Self {
            destino: Dispatch::new(Suscriptor(Arc::clone(&oido))),
            oido,
        }
    }

    /// What was heard until now is of no matter.
    pub fn olvidar(&self) {
        self.oido.store(false, Ordering::Relaxed);
    }

    /// Runs `trabajo`, one at a time; whether the server warned meanwhile stands beside its
    /// result.
    pub async fn oir<T>(&self, trabajo: impl Future<Output = T>) -> (T, bool) {
        self.olvidar();
        let hecho = trabajo.with_subscriber(self.destino.clone()).await;
        (hecho, self.oido.load(Ordering::Relaxed))
    }
}

struct Suscriptor(Arc<AtomicBool>);

impl Subscriber for Suscriptor {
    fn enabled(&self, datos: &Metadata<'_>) -> bool {
        datos.target() == AVISOS && *datos.level() <= Level::WARN
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_warnings_of_the_server_are_heard() {
        let oyente = Oyente::nuevo();
        let (hecho, oido) = oyente
            .oir(async {
                tracing::info!(target: AVISOS, "creating a table");
                tracing::warn!("something else");
                7
            })
            .await;
        assert_eq!((hecho, oido), (7, false));
        let aviso = async { tracing::warn!(target: AVISOS, "canceling wait") };
        assert!(oyente.oir(aviso).await.1);
        assert!(!oyente.oir(async {}).await.1, "each commit starts unheard");
    }
}
