//! The process's metrics, in Prometheus' text format: counters and histograms that any part
//! adds to, and gauges that whoever renders them brings along.
//!
//! One table for the whole process, behind a lock that is held for a map's look-up. Label
//! values come from closed sets of our own (operations, states, codes, endpoints of the
//! configuration); never an isbn or a usuario.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a metric is.
#[derive(Debug, PartialEq, Eq)]
pub struct Metrica {
    /// `biblioteca_…`, with the unit at its end.
    pub nombre: &'static str,
    /// What it means; Spanish, it reaches the operator.
    pub ayuda: &'static str,
}

const fn metrica(nombre: &'static str, ayuda: &'static str) -> Metrica {
    Metrica { nombre, ayuda }
}

/// Answers to clients.
pub const OPERACIONES: Metrica = metrica(
    "biblioteca_operaciones_total",
    "Respuestas dadas a clientes, por operación, estado y código",
);
/// Answers that an earlier attempt had decided.
pub const REPETIDAS: Metrica = metrica(
    "biblioteca_repetidas_total",
    "Respuestas que un intento anterior ya había decidido",
);
/// Operations handed to a second actor.
pub const REENTREGAS: Metrica = metrica(
    "biblioteca_reentregas_total",
    "Operaciones entregadas a un segundo actor porque el primero cayó",
);
/// Time that each hop takes.
pub const TRAMO: Metrica = metrica(
    "biblioteca_tramo_segundos",
    "Tiempo desde que un tramo recibe una operación hasta que la contesta",
);
/// Time of one commit.
pub const COMMIT: Metrica = metrica(
    "biblioteca_commit_segundos",
    "Tiempo de una confirmación a la base de datos",
);
/// Operations in one commit.
pub const LOTE: Metrica = metrica(
    "biblioteca_commit_operaciones",
    "Operaciones en una confirmación a la base de datos",
);
/// Time of one trip to the diario's disk.
pub const DIARIO: Metrica = metrica(
    "biblioteca_diario_viaje_segundos",
    "Tiempo de una escritura al disco del diario",
);
/// Operations in one such trip.
pub const DIARIO_LOTE: Metrica = metrica(
    "biblioteca_diario_viaje_apuntes",
    "Apuntes (aceptada, decidida) en una escritura al disco del diario",
);
/// Changes of a breaker's state.
pub const CAMBIOS: Metrica = metrica(
    "biblioteca_cortacircuitos_cambios_total",
    "Cambios de estado de cortacircuitos, por el estado al que pasan",
);
/// Deaths of actors, by cause.
pub const REINICIOS: Metrica = metrica(
    "biblioteca_reinicios_total",
    "Actores caídos y reiniciados, por causa",
);

/// Answers of the side door.
pub const HTTP: Metrica = metrica(
    "biblioteca_http_respuestas_total",
    "Respuestas por HTTP, por ruta y clase de su código",
);

/// Upper bounds of the buckets of a time, in s: from a local answer to the diario's deadline.
const SEGUNDOS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Upper bounds of the buckets of a batch, in operations: up to `almacenamiento.lote_max`.
const OPERACIONES_DE_LOTE: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Series that a process may have. Ours are a few hundred; with more, some label is not from
/// a closed set, and no new ones are taken.
const SERIES_MAX: usize = 10_000;

/// What the labels of a series take, with room to spare: they are written for each answer.
const ETIQUETAS_BYTES: usize = 96;

/// A label and its value.
pub type Etiqueta<'a> = (&'static str, &'a str);

enum Valor {
    Cuenta(u64),
    Histograma {
        cubos: &'static [f64],
        en: Vec<u64>,
        suma: f64,
    },
}

struct Familia {
    ayuda: &'static str,
    series: BTreeMap<String, Valor>,
}

static TABLA: Mutex<BTreeMap<&'static str, Familia>> = Mutex::new(BTreeMap::new());

fn tabla() -> MutexGuard<'static, BTreeMap<&'static str, Familia>> {
    // What a panicked holder left is whole: each change is one number.
    TABLA.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds `cuanto` to a counter.
pub fn contar(metrica: &Metrica, etiquetas: &[Etiqueta<'_>], cuanto: u64) {
    cambiar(metrica, etiquetas, &[], |valor| {
        if let Valor::Cuenta(cuenta) = valor {
            *cuenta += cuanto;
        }
    });
}

/// Puts a time into a histogram.
pub fn medir(metrica: &Metrica, etiquetas: &[Etiqueta<'_>], tiempo: Duration) {
    observar(metrica, etiquetas, &SEGUNDOS, tiempo.as_secs_f64());
}

/// Puts the size of a batch into a histogram.
pub fn medir_lote(metrica: &Metrica, operaciones: usize) {
    observar(metrica, &[], &OPERACIONES_DE_LOTE, operaciones as f64);
}

fn observar(metrica: &Metrica, etiquetas: &[Etiqueta<'_>], limites: &'static [f64], visto: f64) {
    cambiar(metrica, etiquetas, limites, |valor| {
        if let Valor::Histograma { cubos, en, suma } = valor {
            let lugar = cubos.partition_point(|limite| *limite < visto);
            en[lugar] += 1;
            *suma += visto;
        }
    });
}

fn cambiar(
    metrica: &Metrica,
    etiquetas: &[Etiqueta<'_>],
    cubos: &'static [f64],
    cambio: impl FnOnce(&mut Valor),
) {
    let clave = escribir_etiquetas(etiquetas);
    let mut tabla = tabla();
    let familia = tabla.entry(metrica.nombre).or_insert_with(|| Familia {
        ayuda: metrica.ayuda,
        series: BTreeMap::new(),
    });
    if familia.series.len() >= SERIES_MAX && !familia.series.contains_key(&clave) {
        return;
    }
    cambio(familia.series.entry(clave).or_insert_with(|| {
        if cubos.is_empty() {
            Valor::Cuenta(0)
        } else {
            Valor::Histograma {
                cubos,
                en: vec![0; cubos.len() + 1],
                suma: 0.0,
            }
        }
    }));
}

fn escribir_etiquetas(etiquetas: &[Etiqueta<'_>]) -> String {
    let mut texto = String::with_capacity(ETIQUETAS_BYTES);
    for (nombre, valor) in etiquetas {
        if !texto.is_empty() {
            texto.push(',');
        }
        texto.push_str(nombre);
        texto.push_str("=\"");
        for letra in valor.chars() {
            match letra {
                '\\' => texto.push_str("\\\\"),
                '"' => texto.push_str("\\\""),
                '\n' => texto.push_str("\\n"),
                _ => texto.push(letra),
            }
        }
        texto.push('"');
    }
    texto
}

/// Everything that was counted and measured since the process began.
#[must_use]
pub fn texto() -> String {
    let mut texto = String::new();
    for (nombre, familia) in &*tabla() {
        let cuenta = matches!(familia.series.values().next(), Some(Valor::Cuenta(_)));
        let tipo = if cuenta { "counter" } else { "histogram" };
        cabeza(&mut texto, nombre, familia.ayuda, tipo);
        for (etiquetas, valor) in &familia.series {
            match valor {
                Valor::Cuenta(cuenta) => linea(&mut texto, nombre, etiquetas, *cuenta as f64),
                Valor::Histograma { cubos, en, suma } => {
                    histograma(&mut texto, nombre, etiquetas, (cubos, en, *suma));
                }
            }
        }
    }
    texto
}

fn histograma(
    texto: &mut String,
    nombre: &str,
    etiquetas: &str,
    (cubos, en, suma): (&[f64], &[u64], f64),
) {
    let coma = if etiquetas.is_empty() { "" } else { "," };
    let mut hasta = 0;
    let limites = cubos.iter().map(ToString::to_string);
    for (limite, cuantos) in limites.chain(["+Inf".to_owned()]).zip(en) {
        hasta += cuantos;
        let con_limite = format!("{etiquetas}{coma}le=\"{limite}\"");
        linea(
            texto,
            &format!("{nombre}_bucket"),
            &con_limite,
            hasta as f64,
        );
    }
    linea(texto, &format!("{nombre}_sum"), etiquetas, suma);
    linea(texto, &format!("{nombre}_count"), etiquetas, hasta as f64);
}

fn cabeza(texto: &mut String, nombre: &str, ayuda: &str, tipo: &str) {
    let _ = writeln!(texto, "# HELP {nombre} {ayuda}\n# TYPE {nombre} {tipo}");
}

fn linea(texto: &mut String, nombre: &str, etiquetas: &str, valor: f64) {
    let _ = if etiquetas.is_empty() {
        writeln!(texto, "{nombre} {valor}")
    } else {
        writeln!(texto, "{nombre}{{{etiquetas}}} {valor}")
    };
}

/// What is so now, as whoever asks finds it.
#[derive(Debug, Default)]
pub struct Galgas(BTreeMap<&'static str, Galga>);

#[derive(Debug)]
struct Galga {
    ayuda: &'static str,
    series: Vec<(String, f64)>,
}

impl Galgas {
    /// One more.
    pub fn poner(&mut self, metrica: &Metrica, etiquetas: &[Etiqueta<'_>], valor: f64) {
        let galga = self.0.entry(metrica.nombre).or_insert_with(|| Galga {
            ayuda: metrica.ayuda,
            series: Vec::new(),
        });
        galga.series.push((escribir_etiquetas(etiquetas), valor));
    }

    /// All of them.
    #[must_use]
    pub fn texto(&self) -> String {
        let mut texto = String::new();
        for (nombre, galga) in &self.0 {
            cabeza(&mut texto, nombre, galga.ayuda, "gauge");
            for (etiquetas, valor) in &galga.series {
                linea(&mut texto, nombre, etiquetas, *valor);
            }
        }
        texto
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUENTA: Metrica = metrica("prueba_total", "Prueba");
    const TIEMPO: Metrica = metrica("prueba_segundos", "Prueba");

    #[test]
    fn counters_add_histograms_accumulate_and_labels_are_escaped() {
        contar(&CUENTA, &[("a", "x\"y\\z\n")], 2);
        contar(&CUENTA, &[("a", "x\"y\\z\n")], 3);
        for ms in [1, 3, 20_000] {
            medir(&TIEMPO, &[("t", "u")], Duration::from_millis(ms));
        }
        let texto = texto();
        for dicho in [
            "# TYPE prueba_total counter\n",
            "prueba_total{a=\"x\\\"y\\\\z\\n\"} 5\n",
            "# TYPE prueba_segundos histogram\n",
            "prueba_segundos_bucket{t=\"u\",le=\"0.001\"} 1\n",
            "prueba_segundos_bucket{t=\"u\",le=\"0.005\"} 2\n",
            "prueba_segundos_bucket{t=\"u\",le=\"+Inf\"} 3\n",
            "prueba_segundos_count{t=\"u\"} 3\n",
        ] {
            assert!(texto.contains(dicho), "no {dicho} in:\n{texto}");
        }
    }

    #[test]
    fn a_label_that_never_repeats_does_not_grow_the_memory() {
        const MUCHAS: Metrica = metrica("prueba_muchas_total", "Prueba");
        for n in 0..2 * SERIES_MAX {
            contar(&MUCHAS, &[("n", &n.to_string())], 1);
        }
        assert_eq!(texto().matches("prueba_muchas_total{").count(), SERIES_MAX);
    }
}
