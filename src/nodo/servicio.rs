//! What a service manager (systemd, `Type=notify`) is told: that the node is ready, that it
//! ends, and, while every mailbox answers, that it is alive.
//!
//! Called by `nodo`; without a service manager every call does nothing. It never decides
//! anything about the node itself.

use std::time::Duration;

use sd_notify::NotifyState;

/// Beats for each period of the watchdog: a late one is not yet a missed one.
const LATIDOS_POR_PERIODO: u32 = 3;

/// The node serves.
pub fn listo(nodo: &str) {
    let frase = format!("{nodo} en servicio");
    avisar(&[NotifyState::Ready, NotifyState::Status(&frase)]);
}

/// The node finishes what it has and ends.
pub fn terminando() {
    avisar(&[
        NotifyState::Stopping,
        NotifyState::Status("termina lo que está en curso"),
    ]);
}

/// Feeds the service manager's watchdog, if it has one, as long as `responde` comes back with
/// true. Never ends.
pub async fn alimentar(responde: impl AsyncFn() -> bool) {
    match sd_notify::watchdog_enabled() {
        None => std::future::pending().await,
        Some(periodo) => {
            latir(periodo / LATIDOS_POR_PERIODO, responde, || {
                avisar(&[NotifyState::Watchdog]);
            })
            .await
        }
    }
}

async fn latir(cada: Duration, responde: impl AsyncFn() -> bool, mut latido: impl FnMut()) {
    // A period of zero is nobody's watchdog, and no clock's.
    let mut reloj = tokio::time::interval(cada.max(Duration::from_millis(1)));
    loop {
        reloj.tick().await;
        if responde().await {
            latido();
        } else {
            tracing::warn!("un buzón no contesta: no se alimenta al vigilante del servicio");
        }
    }
}

fn avisar(estados: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(estados) {
        tracing::warn!(%error, "no se pudo avisar al gestor de servicios");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[actix_rt::test]
    async fn a_mailbox_that_does_not_answer_is_not_alive() {
        let (preguntas, latidos) = (Cell::new(0), Cell::new(0));
        let tercera = async || {
            preguntas.set(preguntas.get() + 1);
            preguntas.get() != 3
        };
        let contar = || latidos.set(latidos.get() + 1);
        let vigilante = latir(Duration::from_millis(1), tercera, contar);
        let cuatro = async {
            while preguntas.get() < 4 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = vigilante => {}
            () = cuatro => {}
        }
        // A late clock asks several times in one turn; one of them had no answer.
        assert_eq!(preguntas.get() - latidos.get(), 1);
    }
}
