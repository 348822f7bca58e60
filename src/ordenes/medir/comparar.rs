//! Two runs side by side, and whether their difference is more than chance.

use std::path::Path;

use comfy_table::Table;

use crate::ordenes::medir::resultado::{DeOperacion, Resultado, ms};

/// Standard errors beyond which two means differ by more than chance (99.7 %).
const ERRORES_TIPICOS: f64 = 3.0;

/// The comparison of two files, as text.
///
/// # Errors
/// A Spanish sentence when a file is none of ours.
pub(super) fn comparar(una: &Path, otra: &Path) -> Result<String, String> {
    let (antes, despues) = (Resultado::leer(una)?, Resultado::leer(otra)?);
    let mut texto = String::new();
    let mut tabla = Table::new();
    tabla.set_header([
        "medición",
        "operación",
        "respuestas/s A",
        "B",
        "media ms A",
        "B",
        "p99 ms A",
        "B",
        "B/A",
        "la media de B",
    ]);
    for (a, b) in antes.iter().zip(&despues) {
        let condiciones = |r: &Resultado| (r.clientes, r.sedes.len(), r.ritmo, r.carrera.clone());
        if condiciones(a) != condiciones(b) {
            texto += &format!(
                "Atención: no se midió lo mismo.\n  A: {}\n  B: {}\n",
                a.titulo(),
                b.titulo()
            );
        }
        for de_a in &a.operaciones {
            if let Some(de_b) = b.operacion(&de_a.operacion) {
                tabla.add_row(fila(a, b, de_a, de_b));
            }
        }
    }
    if antes.len() != despues.len() {
        texto += &format!(
            "Atención: A tiene {} mediciones y B {}; se comparan las primeras.\n",
            antes.len(),
            despues.len()
        );
    }
    texto += &format!("A: {}\nB: {}\n{tabla}", una.display(), otra.display());
    texto += "\nSolo es comparable lo medido en el mismo equipo y a la misma hora.";
    Ok(texto)
}

fn fila(a: &Resultado, b: &Resultado, de_a: &DeOperacion, de_b: &DeOperacion) -> [String; 10] {
    let ritmo = |r: &Resultado, de: &DeOperacion| {
        format!("{:.0}", de.respuestas as f64 / r.segundos.max(0.001))
    };
    [
        format!("{} por sede, {}", a.clientes, a.modos),
        de_a.operacion.clone(),
        ritmo(a, de_a),
        ritmo(b, de_b),
        ms(de_a.media_ms),
        ms(de_b.media_ms),
        ms(de_a.percentil(99.0)),
        ms(de_b.percentil(99.0)),
        format!("{:.2}", de_b.media_ms / de_a.media_ms.max(0.001)),
        juicio(de_a, de_b).to_owned(),
    ]
}

/// Whether the means differ by more than their own uncertainty.
fn juicio(a: &DeOperacion, b: &DeOperacion) -> &'static str {
    let varianza = |de: &DeOperacion| de.sigma_ms.powi(2) / de.respuestas.max(1) as f64;
    let error = (varianza(a) + varianza(b)).sqrt();
    let diferencia = b.media_ms - a.media_ms;
    if diferencia.abs() <= ERRORES_TIPICOS * error {
        "no se distingue"
    } else if diferencia > 0.0 {
        "es mayor"
    } else {
        "es menor"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn de(respuestas: u64, media_ms: f64) -> DeOperacion {
        DeOperacion {
            operacion: "prestamo".to_owned(),
            respuestas,
            no_atendidas: 0,
            media_ms,
            sigma_ms: 2.0,
            percentiles: Vec::new(),
            desenlaces: Default::default(),
        }
    }

    #[test]
    fn a_difference_counts_when_chance_does_not_explain_it() {
        assert_eq!(juicio(&de(10, 5.0), &de(10, 6.0)), "no se distingue");
        assert_eq!(juicio(&de(1_000, 5.0), &de(1_000, 6.0)), "es mayor");
        assert_eq!(juicio(&de(1_000, 5.0), &de(1_000, 4.0)), "es menor");
    }
}
