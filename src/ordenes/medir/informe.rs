//! The figures of a measurement: how many, how fast, with what outcome.

use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::Table;
use hdrhistogram::Histogram;

use crate::cli::Medida;
use crate::wire::json_cliente::RespuestaCliente;

/// Longest latency told apart, in microseconds: a client gives up long before.
const LATENCIA_MAX_MICROS: u64 = 60_000_000;

/// Counts and latencies; latencies in microseconds, to three digits.
pub(super) struct Informe {
    latencias: Option<Histogram<u64>>,
    desenlaces: BTreeMap<String, u64>,
}

impl Informe {
    pub(super) fn nuevo() -> Self {
        Self {
            latencias: Histogram::new_with_max(LATENCIA_MAX_MICROS, 3).ok(),
            desenlaces: BTreeMap::new(),
        }
    }

    pub(super) fn anotar(&mut self, respuesta: &RespuestaCliente, espera: Duration) {
        let micros = u64::try_from(espera.as_micros()).unwrap_or(u64::MAX);
        if let Some(latencias) = &mut self.latencias {
            latencias.saturating_record(micros);
        }
        let desenlace = match &respuesta.codigo {
            Some(codigo) => format!("{} {codigo}", respuesta.estado),
            None => respuesta.estado.to_string(),
        };
        *self.desenlaces.entry(desenlace).or_default() += 1;
    }

    pub(super) fn ilegible(&mut self) {
        *self
            .desenlaces
            .entry("respuesta ilegible".to_owned())
            .or_default() += 1;
    }

    pub(super) fn sin_respuesta(&mut self) {
        *self
            .desenlaces
            .entry("sin respuesta".to_owned())
            .or_default() += 1;
    }

    /// Answers that were timed.
    pub(super) fn contestadas(&self) -> u64 {
        self.latencias.as_ref().map_or(0, Histogram::len)
    }

    pub(super) fn tabla(&self, medida: &Medida, duracion: Duration) -> String {
        let ritmo = self.contestadas() as f64 / duracion.as_secs_f64();
        let (media, sigma, p50, p99, maxima) = match &self.latencias {
            Some(h) if !h.is_empty() => (
                h.mean(),
                h.stdev(),
                h.value_at_quantile(0.5) as f64,
                h.value_at_quantile(0.99) as f64,
                h.max() as f64,
            ),
            _ => (0.0, 0.0, 0.0, 0.0, 0.0),
        };
        let ms = |micros: f64| format!("{:.3}", micros / 1000.0);
        let mut cifras = Table::new();
        cifras.set_header([
            "clientes",
            "segundos",
            "respuestas",
            "por segundo",
            "media ms",
            "σ ms",
            "p50 ms",
            "p99 ms",
            "máx ms",
        ]);
        cifras.add_row([
            medida.clientes.to_string(),
            format!("{:.1}", duracion.as_secs_f64()),
            self.contestadas().to_string(),
            format!("{ritmo:.0}"),
            ms(media),
            ms(sigma),
            ms(p50),
            ms(p99),
            ms(maxima),
        ]);
        let mut desenlaces = Table::new();
        desenlaces.set_header(["desenlace", "cuenta"]);
        for (desenlace, cuenta) in &self.desenlaces {
            desenlaces.add_row([desenlace.clone(), cuenta.to_string()]);
        }
        format!("{cifras}\n{desenlaces}")
    }
}
