//! What a run amounts to: counts, latencies, the closing tables and the exit code. Pure.
//!
//! Called by `informe` and by the verbs that end with an exit code. It never prints.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets};
use hdrhistogram::Histogram;

use crate::domain::operacion::Operacion;
use crate::domain::rechazo::Rechazo;
use crate::wire::respuesta::Estado;

/// Longest latency told apart, in µs: an hour, far beyond any budget.
const LATENCIA_MICROS_MAX: u64 = 3_600_000_000;

/// Significant figures of the latencies.
const CIFRAS: u8 = 3;

/// The states in the order of the table's columns.
const ESTADOS: [Estado; 7] = [
    Estado::Confirmado,
    Estado::Encolado,
    Estado::Rechazado,
    Estado::Invalido,
    Estado::Ocupado,
    Estado::NoDisponible,
    Estado::Desconocido,
];

/// What the exit code is decided from (contract §1). Usage errors (2) end before there is
/// one of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Veredicto {
    /// Our own machinery failed.
    pub interno: bool,
    /// No carga answered.
    pub nadie: bool,
    /// Some request has no definite outcome yet, or was not sent.
    pub sin_definir: bool,
    /// A rule refused some request, or a line was unreadable or a request malformed.
    pub rechazada: bool,
}

impl Veredicto {
    /// The exit code: the highest that applies.
    #[must_use]
    pub const fn codigo_salida(self) -> u8 {
        if self.interno {
            70
        } else if self.nadie {
            69
        } else if self.sin_definir {
            3
        } else if self.rechazada {
            1
        } else {
            0
        }
    }

    /// Adds the outcome of one request.
    pub fn contar(&mut self, estado: Estado) {
        match estado {
            Estado::Confirmado => {}
            Estado::Rechazado | Estado::Invalido => self.rechazada = true,
            Estado::Encolado | Estado::Ocupado | Estado::NoDisponible | Estado::Desconocido => {
                self.sin_definir = true;
            }
        }
    }
}

/// Counts and latencies of one operation.
#[derive(Debug, Default)]
struct Cuenta {
    estados: [u64; ESTADOS.len()],
    /// In µs; absent until the first one.
    latencias: Option<Histogram<u64>>,
}

/// The sums of a run.
#[derive(Debug, Default)]
pub struct Resumen {
    veredicto: Veredicto,
    cuentas: BTreeMap<Operacion, Cuenta>,
    motivos: BTreeMap<String, u64>,
}

impl Resumen {
    /// Adds one request by its last outcome; `micros`: from its first send to its first
    /// answer, in µs, when this process sent it.
    pub fn contar(
        &mut self,
        operacion: Operacion,
        estado: Estado,
        codigo: Option<&str>,
        micros: Option<u64>,
    ) {
        self.veredicto.contar(estado);
        if let Some(codigo) = codigo
            && estado != Estado::Confirmado
        {
            *self.motivos.entry(codigo.to_owned()).or_default() += 1;
        }
        let cuenta = self.cuentas.entry(operacion).or_default();
        if let Some(cual) = ESTADOS.iter().position(|otro| *otro == estado) {
            cuenta.estados[cual] += 1;
        }
        if let Some(micros) = micros {
            if cuenta.latencias.is_none() {
                cuenta.latencias = Histogram::new_with_bounds(1, LATENCIA_MICROS_MAX, CIFRAS).ok();
            }
            if let Some(latencias) = &mut cuenta.latencias {
                latencias.saturating_record(micros);
            }
        }
    }

    /// What the exit code is decided from, as far as the requests go; the caller adds what it
    /// knows of the run.
    pub const fn veredicto(&mut self) -> &mut Veredicto {
        &mut self.veredicto
    }

    /// The table by operation and outcome. Only outcomes that happened have a column.
    #[must_use]
    pub fn tabla(&self) -> String {
        let vistos: Vec<usize> = (0..ESTADOS.len())
            .filter(|&cual| self.cuentas.values().any(|cuenta| cuenta.estados[cual] > 0))
            .collect();
        let mut encabezado = vec!["operación".to_owned(), "total".to_owned()];
        encabezado.extend(
            vistos
                .iter()
                .map(|&cual| ESTADOS[cual].palabra().to_owned()),
        );
        encabezado.extend(["media ms", "σ ms", "p50 ms", "p99 ms"].map(str::to_owned));
        let filas = self.cuentas.iter().map(|(operacion, cuenta)| {
            let total: u64 = cuenta.estados.iter().sum();
            let mut fila = vec![operacion.to_string(), total.to_string()];
            fila.extend(vistos.iter().map(|&cual| cuenta.estados[cual].to_string()));
            fila.extend(latencias(cuenta.latencias.as_ref()));
            fila
        });
        tabla(encabezado, filas)
    }

    /// The table of reasons, if anything was not confirmed for one.
    #[must_use]
    pub fn tabla_motivos(&self) -> Option<String> {
        let encabezado = ["motivo", "cuántas", "qué significa"].map(str::to_owned);
        let filas = self.motivos.iter().map(|(codigo, cuenta)| {
            let significa = Rechazo::de_codigo(codigo).map_or("", Rechazo::mensaje);
            vec![codigo.clone(), cuenta.to_string(), significa.to_owned()]
        });
        (!self.motivos.is_empty()).then(|| tabla(encabezado.to_vec(), filas))
    }
}

/// Mean, standard deviation, p50 and p99 in ms with µs resolution.
fn latencias(histograma: Option<&Histogram<u64>>) -> [String; 4] {
    let Some(latencias) = histograma else {
        return ["-"; 4].map(str::to_owned);
    };
    let exacto = |micros: u64| ms(micros as f64);
    [
        ms(latencias.mean()),
        ms(latencias.stdev()),
        exacto(latencias.value_at_quantile(0.50)),
        exacto(latencias.value_at_quantile(0.99)),
    ]
}

fn ms(micros: f64) -> String {
    format!("{:.3}", micros / 1_000.0)
}

fn tabla(encabezado: Vec<String>, filas: impl Iterator<Item = Vec<String>>) -> String {
    let mut tabla = Table::new();
    tabla.load_preset(presets::UTF8_FULL_CONDENSED);
    tabla.set_header(encabezado);
    tabla.add_rows(filas);
    for columna in tabla.column_iter_mut().skip(1) {
        columna.set_cell_alignment(CellAlignment::Right);
    }
    tabla.to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_the_highest_that_applies() {
        let de = |interno, nadie, sin_definir, rechazada| {
            Veredicto {
                interno,
                nadie,
                sin_definir,
                rechazada,
            }
            .codigo_salida()
        };
        assert_eq!(de(false, false, false, false), 0);
        assert_eq!(de(false, false, false, true), 1);
        assert_eq!(de(false, false, true, true), 3);
        assert_eq!(de(false, true, true, true), 69);
        assert_eq!(de(true, true, true, true), 70);
    }

    #[test]
    fn every_outcome_has_its_code() {
        for (estado, codigo) in [
            (Estado::Confirmado, 0),
            (Estado::Rechazado, 1),
            (Estado::Invalido, 1),
            (Estado::Encolado, 3),
            (Estado::Ocupado, 3),
            (Estado::NoDisponible, 3),
            (Estado::Desconocido, 3),
        ] {
            let mut veredicto = Veredicto::default();
            veredicto.contar(estado);
            assert_eq!(veredicto.codigo_salida(), codigo, "{estado}");
        }
    }

    #[test]
    fn the_tables_count_and_measure() {
        let mut resumen = Resumen::default();
        for micros in [1_000, 2_000, 3_000] {
            resumen.contar(Operacion::Prestamo, Estado::Confirmado, None, Some(micros));
        }
        resumen.contar(
            Operacion::Prestamo,
            Estado::Rechazado,
            Some("LimitePrestamos"),
            None,
        );
        let tabla = resumen.tabla();
        let fila = tabla
            .lines()
            .find(|linea| linea.contains("prestamo"))
            .unwrap();
        let celdas: Vec<&str> = fila.split(['│', '┆']).map(str::trim).collect();
        // The histogram keeps three figures: the exact values are 0.816 and 3.000.
        assert_eq!(
            celdas[1..9],
            [
                "prestamo", "4", "3", "1", "2.000", "0.817", "2.000", "3.001"
            ]
        );
        assert!(!tabla.contains("ENCOLADO"));
        let motivos = resumen.tabla_motivos().unwrap();
        assert!(motivos.contains("LimitePrestamos") && motivos.contains("límite de préstamos"));
        assert_eq!(resumen.veredicto().codigo_salida(), 1);
    }
}
