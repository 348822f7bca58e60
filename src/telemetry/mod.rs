//! Diagnostics: `tracing` to stderr, for a person who reads a terminal or a journal.
//!
//! Called once by `main`. Standard output stays free for results.

mod tope;

use std::fmt;
use std::io::{self, IsTerminal};

use jiff::Zoned;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::telemetry::tope::Tope;

/// What is told when `RUST_LOG` says nothing: ours, not the libraries'.
const FILTRO: &str = "biblioteca=info";

/// Starts writing diagnostics; a second call does nothing. A `RUST_LOG` that can't be read
/// counts as unset, and is told.
pub fn iniciar() {
    let pedido = std::env::var("RUST_LOG").unwrap_or_default();
    let (filtro, error) = filtro(&pedido);
    let capa = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_timer(HoraLocal)
        // It would be told on standard error, with a panic where that is gone.
        .log_internal_errors(false);
    let iniciado = tracing_subscriber::registry()
        .with(filtro)
        .with(Tope::nuevo(io::stderr))
        .with(capa)
        .try_init();
    if let (Ok(()), Some(error)) = (iniciado, error) {
        tracing::warn!(%error, "RUST_LOG no se entiende; se usa {FILTRO}");
    }
}

fn filtro(pedido: &str) -> (EnvFilter, Option<String>) {
    if pedido.trim().is_empty() {
        return (EnvFilter::new(FILTRO), None);
    }
    match EnvFilter::try_new(pedido) {
        Ok(filtro) => (filtro, None),
        Err(error) => (EnvFilter::new(FILTRO), Some(error.to_string())),
    }
}

/// Local time to the millisecond, with its offset: readable here, comparable elsewhere.
struct HoraLocal;

impl FormatTime for HoraLocal {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        write!(w, "{}", Zoned::now().strftime("%Y-%m-%d %H:%M:%S%.3f%:z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_makes_no_sense_is_told_and_replaced() {
        assert_eq!(filtro("").0.to_string(), FILTRO);
        assert_eq!(filtro("biblioteca=debug").0.to_string(), "biblioteca=debug");
        let (usado, error) = filtro("biblioteca=mucho");
        assert_eq!(usado.to_string(), FILTRO);
        assert!(error.is_some());
    }

    #[test]
    fn the_time_is_readable_and_has_its_offset() {
        let mut texto = String::new();
        assert_eq!(HoraLocal.format_time(&mut Writer::new(&mut texto)), Ok(()));
        assert_eq!(
            texto.len(),
            "2026-11-24 09:38:00.123-05:00".len(),
            "{texto}"
        );
    }
}
