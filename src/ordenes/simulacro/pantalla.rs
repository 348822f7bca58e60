//! What a person sees while the drill runs: a bar on a terminal, plain lines elsewhere.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::sistema::salida::avisar;

/// Between two plain lines of progress.
const LINEA_CADA: Duration = Duration::from_secs(10);

/// See the module's doc; everything goes to standard error.
pub(super) struct Pantalla {
    barra: Option<ProgressBar>,
    dicho: Cell<Duration>,
    total: Duration,
}

impl Pantalla {
    /// For a drill of this length.
    pub(super) fn nueva(total: Duration) -> Self {
        let barra = std::io::stderr().is_terminal().then(|| {
            let barra = ProgressBar::new(total.as_secs());
            let estilo = ProgressStyle::with_template("{bar:30} {pos}/{len} s  {msg}");
            barra.with_style(estilo.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self {
            barra,
            dicho: Cell::new(Duration::ZERO),
            total,
        }
    }

    /// One line that stays.
    pub(super) fn decir(&self, linea: &str) {
        match &self.barra {
            Some(barra) => barra.println(linea),
            None => avisar(linea),
        }
    }

    /// How far it is.
    pub(super) fn avanzar(&self, transcurrido: Duration, operaciones: u64) {
        let mensaje = format!("{operaciones} operaciones");
        match &self.barra {
            Some(barra) => {
                barra.set_position(transcurrido.as_secs());
                barra.set_message(mensaje);
            }
            None if transcurrido >= self.dicho.get() + LINEA_CADA => {
                self.dicho.set(transcurrido);
                avisar(format!(
                    "{:6.1} s  de {} s: {mensaje}",
                    transcurrido.as_secs_f64(),
                    self.total.as_secs()
                ));
            }
            None => {}
        }
    }

    /// The bar is no longer of use.
    pub(super) fn cerrar(&self) {
        if let Some(barra) = &self.barra {
            barra.finish_and_clear();
        }
    }
}
