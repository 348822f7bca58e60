//! The figures of a measurement, as they are kept and shown: JSON for programs and for
//! comparing later, CSV for a spreadsheet, tables for a person.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use comfy_table::Table;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::cli::Medida;
use crate::ordenes::medir::cuentas::{Cuenta, Cuentas};
use crate::sistema::motivo;

/// Version of the JSON: fields may be added, none renamed.
const VERSION: u32 = 1;

/// Percentiles that are kept, in per cent: enough for a curve.
const PERCENTILES: [f64; 14] = [
    0.0, 10.0, 25.0, 50.0, 75.0, 80.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.9, 99.99, 100.0,
];

/// One measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Resultado {
    pub(super) version: u32,
    /// When it began, RFC 3339.
    pub(super) fecha: String,
    /// Clients in each sede.
    pub(super) clientes: u32,
    pub(super) sedes: Vec<String>,
    /// How long it measured, without warm-up.
    pub(super) segundos: f64,
    /// Requests a second that were due; none in a closed loop.
    pub(super) ritmo: Option<u32>,
    /// What was asked, in words.
    pub(super) carrera: String,
    /// How it was to be answered, in words.
    pub(super) modos: String,
    /// Actors of each kind, when the measurement started them.
    pub(super) actores: Option<u32>,
    pub(super) operaciones: Vec<DeOperacion>,
    /// Answers of each second, and their mean latency in ms.
    pub(super) serie: Vec<(u64, f64)>,
    /// Attempts that were repeated.
    pub(super) repetidas: u64,
    /// Due, and never answered.
    pub(super) sin_respuesta: u64,
    /// Frames that were no answer.
    pub(super) ilegibles: u64,
}

/// One operation of it; times in ms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct DeOperacion {
    pub(super) operacion: String,
    /// Answers of those who took it: the times below are theirs.
    pub(super) respuestas: u64,
    /// Answers that say that nobody took it.
    #[serde(default)]
    pub(super) no_atendidas: u64,
    pub(super) media_ms: f64,
    pub(super) sigma_ms: f64,
    /// `[per cent, ms]`.
    pub(super) percentiles: Vec<(f64, f64)>,
    pub(super) desenlaces: BTreeMap<String, u64>,
}

impl DeOperacion {
    fn de(operacion: &str, cuenta: &Cuenta) -> Self {
        let latencias = cuenta.latencias.as_ref();
        let ms = |micros: f64| micros.round() / 1_000.0;
        let percentil = |p| latencias.map_or(0, |todas| todas.value_at_percentile(p));
        Self {
            operacion: operacion.to_owned(),
            respuestas: latencias.map_or(0, Histogram::len),
            no_atendidas: cuenta.no_atendidas,
            media_ms: ms(latencias.map_or(0.0, Histogram::mean)),
            sigma_ms: ms(latencias.map_or(0.0, Histogram::stdev)),
            percentiles: PERCENTILES
                .into_iter()
                .map(|p| (p, ms(percentil(p) as f64)))
                .collect(),
            desenlaces: cuenta.desenlaces.clone(),
        }
    }

    /// The latency that so many per cent did not exceed.
    pub(super) fn percentil(&self, p: f64) -> f64 {
        let hallado = self.percentiles.iter().find(|(cual, _)| *cual == p);
        hallado.map_or(0.0, |(_, ms)| *ms)
    }
}

impl Resultado {
    pub(super) fn de(
        medida: &Medida,
        sedes: &[String],
        actores: Option<u32>,
        cuentas: &Cuentas,
    ) -> Self {
        let operaciones = cuentas
            .cada_una()
            .map(|(operacion, cuenta)| DeOperacion::de(operacion.palabra(), cuenta));
        let serie = cuentas.segundos.iter().map(|segundo| {
            let media = segundo.suma_ms / segundo.respuestas.max(1) as f64;
            (segundo.respuestas, (media * 1_000.0).round() / 1_000.0)
        });
        Self {
            version: VERSION,
            fecha: (jiff::Timestamp::now() - medida.duracion).to_string(),
            clientes: medida.clientes,
            sedes: sedes.to_vec(),
            segundos: medida.duracion.as_secs_f64(),
            ritmo: medida.ritmo,
            carrera: medida.carrera.to_string(),
            modos: medida.modos.to_string(),
            actores,
            operaciones: operaciones.collect(),
            serie: serie.collect(),
            repetidas: cuentas.repetidas,
            sin_respuesta: cuentas.sin_respuesta,
            ilegibles: cuentas.ilegibles,
        }
    }

    /// Answers of all its operations.
    pub(super) fn respuestas(&self) -> u64 {
        self.operaciones.iter().map(|una| una.respuestas).sum()
    }

    /// Answers of its operations that say that nobody took them.
    pub(super) fn no_atendidas(&self) -> u64 {
        self.operaciones.iter().map(|una| una.no_atendidas).sum()
    }

    /// Whether nobody answered anything.
    pub(super) fn es_silencio(&self) -> bool {
        self.respuestas() + self.no_atendidas() == 0
    }

    /// What was measured of an operation.
    pub(super) fn operacion(&self, palabra: &str) -> Option<&DeOperacion> {
        self.operaciones.iter().find(|una| una.operacion == palabra)
    }

    /// Reads what [`escribir`] wrote: one measurement or a table of them.
    ///
    /// # Errors
    /// A Spanish sentence.
    pub(super) fn leer(ruta: &Path) -> Result<Vec<Self>, String> {
        let texto = std::fs::read_to_string(ruta)
            .map_err(|error| format!("no se puede leer {}: {}", ruta.display(), motivo(&error)))?;
        let ajeno = || format!("{} no es el resultado de una medición", ruta.display());
        let leidos: Vec<Self> = serde_json::from_str(&texto).map_err(|_| ajeno())?;
        if leidos.is_empty() || leidos.iter().any(|uno| uno.version != VERSION) {
            return Err(ajeno());
        }
        Ok(leidos)
    }

    /// For a person.
    pub(super) fn tabla(&self) -> String {
        let mut cifras = Table::new();
        cifras.set_header([
            "operación",
            "respuestas",
            "por segundo",
            "media ms",
            "σ ms",
            "p50 ms",
            "p90 ms",
            "p99 ms",
            "máx ms",
            "no atendidas",
        ]);
        for una in &self.operaciones {
            cifras.add_row([
                una.operacion.clone(),
                una.respuestas.to_string(),
                format!("{:.0}", una.respuestas as f64 / self.segundos),
                ms(una.media_ms),
                ms(una.sigma_ms),
                ms(una.percentil(50.0)),
                ms(una.percentil(90.0)),
                ms(una.percentil(99.0)),
                ms(una.percentil(100.0)),
                una.no_atendidas.to_string(),
            ]);
        }
        let mut desenlaces = Table::new();
        desenlaces.set_header(["operación", "desenlace", "cuenta"]);
        for una in &self.operaciones {
            for (desenlace, cuenta) in &una.desenlaces {
                let fila = [&una.operacion, desenlace, &cuenta.to_string()];
                desenlaces.add_row(fila);
            }
        }
        format!("{}\n{cifras}\n{desenlaces}{}", self.titulo(), self.resto())
    }

    /// What was measured, in a line.
    pub(super) fn titulo(&self) -> String {
        let bucle = match self.ritmo {
            Some(ritmo) => format!("{ritmo} solicitudes por segundo"),
            None => "cada cliente pide al tener su respuesta".to_owned(),
        };
        let actores = self
            .actores
            .map_or_else(String::new, |n| format!(", {n} actores de cada clase"));
        format!(
            "{} clientes por sede ({}), {:.0} s, {}, {}, {bucle}{actores}: {:.0} respuestas por segundo",
            self.clientes,
            self.sedes.join(", "),
            self.segundos,
            self.carrera,
            self.modos,
            self.respuestas() as f64 / self.segundos,
        )
    }

    fn resto(&self) -> String {
        let restos = [
            (self.repetidas, "intentos repetidos"),
            (self.sin_respuesta, "solicitudes sin respuesta"),
            (self.ilegibles, "respuestas ilegibles"),
        ];
        restos
            .into_iter()
            .filter(|(cuenta, _)| *cuenta > 0)
            .map(|(cuenta, que)| format!("\n{cuenta} {que}"))
            .collect()
    }
}

/// Milliseconds as the tables have them.
pub(super) fn ms(valor: f64) -> String {
    format!("{valor:.3}")
}

/// Measurements as JSON, for [`Resultado::leer`].
pub(super) fn en_json(resultados: &[Resultado]) -> Result<String, String> {
    serde_json::to_string_pretty(resultados).map_err(|error| error.to_string())
}

/// Measurements as CSV, a row for each operation of each.
pub(super) fn en_csv(resultados: &[Resultado]) -> Result<String, String> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let error = |error: csv::Error| error.to_string();
    csv.write_record([
        "fecha",
        "clientes_por_sede",
        "sedes",
        "segundos",
        "ritmo",
        "modos",
        "actores",
        "operacion",
        "respuestas",
        "por_segundo",
        "media_ms",
        "sigma_ms",
        "p50_ms",
        "p90_ms",
        "p99_ms",
        "max_ms",
        "no_atendidas",
        "sin_respuesta",
    ])
    .map_err(error)?;
    for r in resultados {
        let opcional = |valor: Option<u32>| valor.map_or_else(String::new, |n| n.to_string());
        for una in &r.operaciones {
            csv.write_record([
                r.fecha.clone(),
                r.clientes.to_string(),
                r.sedes.join(" "),
                format!("{:.1}", r.segundos),
                opcional(r.ritmo),
                r.modos.clone(),
                opcional(r.actores),
                una.operacion.clone(),
                una.respuestas.to_string(),
                format!("{:.1}", una.respuestas as f64 / r.segundos),
                ms(una.media_ms),
                ms(una.sigma_ms),
                ms(una.percentil(50.0)),
                ms(una.percentil(90.0)),
                ms(una.percentil(99.0)),
                ms(una.percentil(100.0)),
                una.no_atendidas.to_string(),
                r.sin_respuesta.to_string(),
            ])
            .map_err(error)?;
        }
    }
    let bytes = csv.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// How long a measurement takes at least, warm-up included.
pub(super) fn dura(medida: &Medida) -> Duration {
    medida.calentamiento + medida.duracion
}
