//! `medir --tabla`: the experiment of the course. 4, 6 and 10 solicitantes in each sede, two
//! minutes each: mean and σ of a loan's response time and requests answered; synchronous against
//! asynchronous, one actor of each kind against several.
//!
//! It starts a library of its own, because only so can it choose how many actors there are;
//! with `--carga` it measures the one that runs there, with the actors that it has.

use comfy_table::Table;

use crate::cli::{Carrera, Medida, Modos};
use crate::domain::ids::Sede;
use crate::domain::modo::Modo;
use crate::domain::operacion::Operacion;
use crate::net::socket::Contexto;
use crate::ordenes::SalidaError;
use crate::ordenes::medir::dibujo::{self, Linea, Rotulos};
use crate::ordenes::medir::propia::Propia;
use crate::ordenes::medir::resultado::{Resultado, ms};
use crate::ordenes::medir::una;

/// Solicitantes in each sede.
const SOLICITANTES: [u32; 3] = [4, 6, 10];

/// Actors of each kind: one, and as many as the smallest group of solicitantes.
const ACTORES: [u32; 2] = [1, 4];

/// Measures every combination, in the order of the table.
///
/// # Errors
/// [`SalidaError`] when a library cannot be started, or nobody answers.
pub(super) async fn correr(
    contexto: &Contexto,
    medida: &Medida,
    sedes: &[Sede],
    cargas: &[String],
) -> Result<Vec<Resultado>, SalidaError> {
    let mut resultados = Vec::new();
    let actores: &[Option<u32>] = match medida.en_marcha {
        true => &[None],
        false => &ACTORES.map(Some),
    };
    for &actores in actores {
        // A library that nobody has used yet for each number of actors.
        let propia = actores
            .map(Propia::arrancar)
            .transpose()
            .map_err(|error| SalidaError::Interno(error.to_string()))?;
        // It has no keys.
        let suyo = propia.as_ref().map(|_| Contexto::nuevo());
        let contexto = suyo.as_ref().unwrap_or(contexto);
        let suyas = propia.as_ref().map(|propia| [propia.clientes().to_owned()]);
        let cargas = suyas.as_ref().map_or(cargas, |suyas| suyas.as_slice());
        for modo in [Modo::Sincrono, Modo::Asincrono] {
            for clientes in SOLICITANTES {
                let esta = Medida {
                    clientes,
                    carrera: Carrera::Una(Operacion::Prestamo),
                    modos: Modos::todos(modo),
                    ritmo: None,
                    ..medida.clone()
                };
                let resultado = una(contexto, &esta, sedes, cargas, actores).await?;
                if resultado.es_silencio() {
                    return Err(SalidaError::Nadie("ninguna carga respondió".into()));
                }
                resultados.push(resultado);
            }
        }
    }
    Ok(resultados)
}

fn actores_de(resultado: &Resultado) -> String {
    resultado
        .actores
        .map_or_else(|| "los que hay".to_owned(), |n| n.to_string())
}

/// The table of the report.
pub(super) fn tabla(resultados: &[Resultado]) -> String {
    let mut tabla = Table::new();
    tabla.set_header([
        "solicitantes por sede",
        "modo",
        "actores de cada clase",
        "préstamo: media ms",
        "σ ms",
        "p99 ms",
        "préstamos respondidos",
        "solicitudes respondidas",
        "no atendidas",
    ]);
    for r in resultados {
        let Some(prestamo) = r.operacion("prestamo") else {
            continue;
        };
        tabla.add_row([
            r.clientes.to_string(),
            r.modos.clone(),
            actores_de(r),
            ms(prestamo.media_ms),
            ms(prestamo.sigma_ms),
            ms(prestamo.percentil(99.0)),
            prestamo.respuestas.to_string(),
            r.respuestas().to_string(),
            r.no_atendidas().to_string(),
        ]);
    }
    let (sedes, segundos) = resultados
        .first()
        .map_or((0, 0.0), |r| (r.sedes.len(), r.segundos));
    format!("Cada fila: {sedes} sedes a la vez, {segundos:.0} s.\n{tabla}")
}

/// The loan's response time with its σ, and the requests answered, by solicitantes: a line for
/// each mode and number of actors.
///
/// # Errors
/// What the drawing says.
pub(super) fn dibujos(resultados: &[Resultado]) -> Result<[(&'static str, String); 2], String> {
    let series = |valor: fn(&Resultado) -> (f64, f64)| {
        let mut lineas: Vec<Linea> = Vec::new();
        for r in resultados {
            let nombre = format!("{}, actores: {}", r.modos, actores_de(r));
            let (y, error) = valor(r);
            let punto = (f64::from(r.clientes), y, error);
            match lineas.iter_mut().find(|linea| linea.nombre == nombre) {
                Some(linea) => linea.puntos.push(punto),
                None => lineas.push(Linea {
                    nombre,
                    puntos: vec![punto],
                }),
            }
        }
        lineas
    };
    let tiempo = Rotulos {
        titulo: "Tiempo de respuesta del préstamo (media ± σ)",
        x: "solicitantes por sede",
        y: "ms",
    };
    let cuenta = Rotulos {
        titulo: "Solicitudes respondidas",
        x: "solicitantes por sede",
        y: "solicitudes",
    };
    let de_prestamo = |r: &Resultado| {
        r.operacion("prestamo")
            .map_or((0.0, 0.0), |una| (una.media_ms, una.sigma_ms))
    };
    Ok([
        ("tiempo", dibujo::lineas(&tiempo, &series(de_prestamo))?),
        (
            "respuestas",
            dibujo::lineas(&cuenta, &series(|r| (r.respuestas() as f64, 0.0)))?,
        ),
    ])
}
