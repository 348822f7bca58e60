//! What a person sees while a measurement runs: a line on standard error, rewritten on a
//! terminal and repeated now and then elsewhere.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use crate::ordenes::medir::cuentas::Cuentas;

/// Between two lines on a terminal.
const EN_TERMINAL: Duration = Duration::from_secs(1);

/// Between two lines in a file or a pipe, which keep them all.
const EN_ARCHIVO: Duration = Duration::from_secs(5);

/// See the module's doc.
pub(super) struct Progreso {
    terminal: bool,
    /// What is measured, before the figures.
    titulo: String,
    total: Duration,
    dicho: Duration,
    respuestas: u64,
}

impl Progreso {
    pub(super) fn nuevo(titulo: String, total: Duration) -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            titulo,
            total,
            dicho: Duration::ZERO,
            respuestas: 0,
        }
    }

    /// Says how far it is, when it is time to.
    pub(super) fn mirar(&mut self, cuentas: &Cuentas, van: Duration) {
        let cada = if self.terminal {
            EN_TERMINAL
        } else {
            EN_ARCHIVO
        };
        if van < self.dicho + cada {
            return;
        }
        let respuestas = cuentas.respuestas();
        let lapso = (van - self.dicho).as_secs_f64();
        let ritmo = (respuestas - self.respuestas) as f64 / lapso;
        let linea = format!(
            "{}: {} de {} s, {respuestas} respuestas, {ritmo:.0} por segundo",
            self.titulo,
            van.as_secs(),
            self.total.as_secs()
        );
        self.escribir(&linea);
        self.dicho = van;
        self.respuestas = respuestas;
    }

    fn escribir(&self, linea: &str) {
        let mut salida = std::io::stderr().lock();
        // Nobody reads it: the measurement goes on.
        let _ = if self.terminal {
            write!(salida, "\r\x1b[K{linea}")
        } else {
            writeln!(salida, "{linea}")
        };
        let _ = salida.flush();
    }

    /// Leaves the terminal's line clean.
    pub(super) fn cerrar(&self) {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
