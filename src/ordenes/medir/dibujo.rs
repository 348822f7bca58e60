//! The figures as SVG pictures for a report: text stays text, in whatever font the reader has.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::ordenes::medir::resultado::Resultado;

const ANCHO: u32 = 900;
const ALTO: u32 = 520;

/// One line or set of bars, told apart by shape of its colour and by its name.
const COLORES: [RGBColor; 6] = [
    RGBColor(0, 90, 160),
    RGBColor(200, 80, 0),
    RGBColor(0, 130, 80),
    RGBColor(150, 40, 120),
    RGBColor(90, 90, 90),
    RGBColor(180, 140, 0),
];

type Lienzo<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Fallo = Box<dyn std::error::Error>;

/// A line of points, with its name.
pub(super) struct Linea {
    pub(super) nombre: String,
    /// `(x, y, half of the bar of error)`; 0 for none.
    pub(super) puntos: Vec<(f64, f64, f64)>,
}

/// Title and names of the axes.
pub(super) struct Rotulos<'a> {
    pub(super) titulo: &'a str,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
}

/// Lines over a plane whose axes begin at zero.
///
/// # Errors
/// What the drawing says, which never is of the disk.
pub(super) fn lineas(rotulos: &Rotulos<'_>, lineas: &[Linea]) -> Result<String, String> {
    let mut svg = String::new();
    {
        let lienzo = SVGBackend::with_string(&mut svg, (ANCHO, ALTO)).into_drawing_area();
        trazar(&lienzo, rotulos, lineas).map_err(|error| error.to_string())?;
    }
    Ok(svg)
}

fn trazar(lienzo: &Lienzo<'_>, rotulos: &Rotulos<'_>, lineas: &[Linea]) -> Result<(), Fallo> {
    lienzo.fill(&WHITE)?;
    let puntos = || lineas.iter().flat_map(|linea| &linea.puntos);
    let x_max = puntos().map(|p| p.0).fold(1.0, f64::max);
    let y_max = puntos().map(|p| p.1 + p.2).fold(0.001, f64::max);
    let mut plano = ChartBuilder::on(lienzo)
        .margin(16)
        .caption(rotulos.titulo, ("sans-serif", 20))
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..x_max * 1.02, 0.0..y_max * 1.1)?;
    plano
        .configure_mesh()
        .x_desc(rotulos.x)
        .y_desc(rotulos.y)
        .light_line_style(WHITE)
        .draw()?;
    for (linea, color) in lineas.iter().zip(COLORES.iter().cycle()) {
        let trazo = linea.puntos.iter().map(|p| (p.0, p.1));
        plano
            .draw_series(LineSeries::new(trazo.clone(), color.stroke_width(2)).point_size(3))?
            .label(linea.nombre.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(3)));
        let barras = linea.puntos.iter().filter(|p| p.2 > 0.0).map(|p| {
            let abajo = (p.1 - p.2).max(0.0);
            ErrorBar::new_vertical(p.0, abajo, p.1, p.1 + p.2, color.filled(), 8)
        });
        plano.draw_series(barras)?;
    }
    plano
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    lienzo.present()?;
    Ok(())
}

/// Latency by percentile of each operation: the tail is what a person at a desk feels.
pub(super) fn percentiles(resultado: &Resultado) -> Result<String, String> {
    let rotulos = Rotulos {
        titulo: "Tiempo de respuesta por percentil",
        x: "nueves del percentil (1: 90 %, 2: 99 %, 3: 99,9 %)",
        y: "ms",
    };
    let de_operacion = resultado.operaciones.iter().map(|una| Linea {
        nombre: una.operacion.clone(),
        puntos: una
            .percentiles
            .iter()
            .filter(|(p, _)| *p < 100.0)
            .map(|(p, ms)| (-(1.0 - p / 100.0).log10(), *ms, 0.0))
            .collect(),
    });
    lineas(&rotulos, &de_operacion.collect::<Vec<_>>())
}

/// Answers of each second.
pub(super) fn serie(resultado: &Resultado) -> Result<String, String> {
    let rotulos = Rotulos {
        titulo: "Respuestas por segundo",
        x: "segundo",
        y: "respuestas",
    };
    let puntos = (1u32..).zip(&resultado.serie);
    let linea = Linea {
        nombre: "todas".to_owned(),
        puntos: puntos
            .map(|(segundo, (respuestas, _))| (f64::from(segundo), *respuestas as f64, 0.0))
            .collect(),
    };
    lineas(&rotulos, &[linea])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_its_words_and_a_line_for_each_name() {
        let rotulos = Rotulos {
            titulo: "Préstamos",
            x: "solicitantes",
            y: "ms",
        };
        let una = |nombre: &str| Linea {
            nombre: nombre.to_owned(),
            puntos: vec![(4.0, 2.0, 0.5), (10.0, 5.0, 9.0)],
        };
        let svg = lineas(&rotulos, &[una("síncrono"), una("asíncrono")]).unwrap();
        for trozo in [
            "<svg",
            "Préstamos",
            "solicitantes",
            "síncrono",
            "asíncrono",
            "</svg>",
        ] {
            assert!(svg.contains(trozo), "falta {trozo}");
        }
        assert!(lineas(&rotulos, &[]).unwrap().contains("</svg>"));
    }
}
