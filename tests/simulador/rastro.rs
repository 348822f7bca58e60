//! The last events of a run, kept only when somebody is going to read them.

use std::collections::VecDeque;

/// See the module's doc.
#[derive(Debug, Default)]
pub struct Rastro {
    max: usize,
    lineas: VecDeque<String>,
    /// Changes with everything that happens: two runs of a seed must agree on it.
    pub suma: u64,
}

impl Rastro {
    pub fn de(max: usize) -> Self {
        Self {
            max,
            ..Self::default()
        }
    }

    pub fn anotar(&mut self, us: u64, linea: impl FnOnce() -> String) {
        self.suma = (self.suma ^ us).wrapping_mul(0x0000_0100_0000_01b3);
        if self.max == 0 {
            return;
        }
        let linea = linea();
        // Beats would drown the rest.
        if linea.contains("latido") || linea.contains(": estado ") {
            return;
        }
        if self.lineas.len() == self.max {
            self.lineas.pop_front();
        }
        let (s, us) = (us / 1_000_000, us % 1_000_000);
        self.lineas.push_back(format!("{s:3}.{us:06} {linea}"));
    }

    pub fn texto(&self) -> String {
        self.lineas
            .iter()
            .map(|linea| format!("{linea}\n"))
            .collect()
    }
}
