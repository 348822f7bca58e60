//! The drill as a librarian reads it: what was asked, what was broken, what came of it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use comfy_table::{Table, presets};

use crate::db::auditoria::Auditoria;
use crate::ordenes::auditar::cotejo::{Clase, Cotejo};
use crate::ordenes::auditar::informe::{cuadra, de_base, de_recibos};
use crate::ordenes::simulacro::averias::{Cronica, Hecha};
use crate::ordenes::simulacro::base::Activos;
use crate::ordenes::simulacro::cierre::Repeticiones;
use crate::ordenes::simulacro::guion::{Blanco, Golpe};
use crate::ordenes::simulacro::mostrador::{Espera, Libreta};
use crate::role::Role;

/// Everything that a drill found.
pub(super) struct Resultado {
    pub(super) duracion: Duration,
    pub(super) semilla: u64,
    pub(super) procesos: usize,
    /// The database, for people.
    pub(super) base: String,
    pub(super) activos: Activos,
    pub(super) libretas: Vec<Libreta>,
    pub(super) cronica: Cronica,
    /// Why the cluster did not become whole again.
    pub(super) no_recuperado: Option<String>,
    /// Operations that a desk gave up without a definite outcome.
    pub(super) sin_resultado: usize,
    pub(super) repeticiones: Repeticiones,
    /// Longest time that the machine let this process wait for its turn.
    pub(super) tiron: Duration,
    pub(super) auditoria: Auditoria,
    pub(super) cotejo: Cotejo,
}

impl Resultado {
    /// Whether every promise was kept.
    pub(super) fn cumplido(&self) -> bool {
        cuadra(&self.auditoria)
            && self.cotejo.roturas.is_empty()
            && self.cotejo.encoladas_pendientes.is_empty()
            && self.repeticiones.distintas.is_empty()
            && self.no_recuperado.is_none()
            && self.sin_resultado == 0
    }

    /// The whole report.
    pub(super) fn texto(&self) -> String {
        let mut texto = format!(
            "\nSimulacro de {} s con semilla {}: {} mostradores, {} procesos, cada rol dos veces.\n\
             Base de datos: {}.\n\n",
            self.duracion.as_secs(),
            self.semilla,
            self.libretas.len(),
            self.procesos,
            self.base
        );
        self.operaciones(&mut texto);
        self.averias(&mut texto);
        self.mostradores(&mut texto);
        let _ = write!(
            texto,
            "\n{}\n{}",
            de_base(&self.auditoria),
            de_recibos(&self.cotejo)
        );
        self.veredicto(&mut texto);
        texto
    }

    fn operaciones(&self, texto: &mut String) {
        let mut por_clase: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for recibo in self.libretas.iter().flat_map(|libreta| &libreta.recibos) {
            let clave = (recibo.operacion.as_str(), recibo.estado.as_str());
            *por_clase.entry(clave).or_default() += 1;
        }
        let mut tabla = tabla(&["operación", "respuesta", "veces"]);
        for ((operacion, estado), veces) in por_clase {
            tabla.add_row([operacion.to_owned(), estado.to_owned(), veces.to_string()]);
        }
        let envios: u64 = self.libretas.iter().map(|libreta| libreta.envios).sum();
        let hechas: usize = self
            .libretas
            .iter()
            .map(|libreta| libreta.esperas.len())
            .sum();
        let por_operacion = con_coma(envios as f64 / hechas.max(1) as f64);
        let _ = writeln!(
            texto,
            "{hechas} operaciones, {por_operacion} envíos por operación:\n{tabla}\n"
        );
    }

    fn averias(&self, texto: &mut String) {
        let mut por_clase: BTreeMap<(bool, Blanco, Golpe), Vec<Duration>> = BTreeMap::new();
        for (hecha, pausa) in self.cronica.hechas.iter().zip(self.pausas()) {
            let clase = (hecha.acompanada, hecha.blanco, hecha.golpe);
            por_clase.entry(clase).or_default().push(pausa);
        }
        let mut tabla = tabla(&[
            "proceso",
            "avería",
            "veces",
            "espera mediana",
            "p95",
            "mayor",
            "meta",
        ]);
        for ((acompanada, blanco, golpe), mut pausas) in por_clase {
            pausas.sort_unstable();
            // The goals are of one death alone.
            let meta = meta(blanco, golpe).filter(|_| !acompanada);
            let otra = if acompanada { ", y otra a la vez" } else { "" };
            tabla.add_row([
                blanco.palabra().to_owned(),
                format!("{}{otra}", golpe.palabra()),
                pausas.len().to_string(),
                segundos(percentil(&pausas, 50)),
                segundos(percentil(&pausas, 95)),
                segundos(percentil(&pausas, 100)),
                meta.map_or_else(|| "—".to_owned(), |meta| format!("≤ {}", segundos(meta))),
            ]);
        }
        let _ = writeln!(
            texto,
            "{} averías, y lo más que esperó alguien durante cada una:\n{tabla}",
            self.cronica.hechas.len()
        );
        let _ = writeln!(
            texto,
            "De esas esperas, este equipo puso hasta {} por estar ocupado. {}\n",
            segundos(self.tiron),
            congelado(self.activos)
        );
        for caida in &self.cronica.caidas {
            let _ = writeln!(texto, "Terminó solo: {caida}");
        }
    }

    /// For each fault the longest wait of any desk that touches it or its healing. A wait that
    /// began under an earlier fault is that one's.
    fn pausas(&self) -> Vec<Duration> {
        let hechas = &self.cronica.hechas;
        let mut pausas = vec![Duration::ZERO; hechas.len()];
        for espera in self.libretas.iter().flat_map(|libreta| &libreta.esperas) {
            let toca = |hecha: &Hecha| {
                espera.desde <= hecha.hasta.unwrap_or(Duration::MAX) && espera.hasta >= hecha.desde
            };
            let Some(primera) = hechas.iter().find(|hecha| toca(hecha)) else {
                continue;
            };
            for (hecha, pausa) in hechas.iter().zip(&mut pausas) {
                if hecha.desde == primera.desde {
                    *pausa = espera.dura().max(*pausa);
                }
            }
        }
        pausas
    }

    fn mostradores(&self, texto: &mut String) {
        let mut tabla = tabla(&["mostrador", "operaciones", "espera media", "espera mayor"]);
        for (libreta, numero) in self.libretas.iter().zip(1..) {
            let suma: Duration = libreta.esperas.iter().map(|espera| espera.dura()).sum();
            let cuantas = u32::try_from(libreta.esperas.len())
                .unwrap_or(u32::MAX)
                .max(1);
            let mayor = libreta
                .esperas
                .iter()
                .map(|&espera| Espera::dura(espera))
                .max();
            tabla.add_row([
                numero.to_string(),
                libreta.esperas.len().to_string(),
                segundos(suma / cuantas),
                segundos(mayor.unwrap_or_default()),
            ]);
        }
        let _ = writeln!(texto, "{tabla}");
    }

    fn veredicto(&self, texto: &mut String) {
        let desajustes: u64 = self.auditoria.comprobaciones.iter().map(|c| c.faltas).sum();
        let _ = writeln!(
            texto,
            "Repetidas después con su op_id: {}, con otra respuesta {}.",
            self.repeticiones.hechas,
            self.repeticiones.distintas.len()
        );
        for distinta in &self.repeticiones.distintas {
            let _ = writeln!(texto, "  DISTINTA {distinta}");
        }
        let _ = writeln!(
            texto,
            "Sin resultado en su mostrador: {}. Encoladas que nadie decidió: {}.",
            self.sin_resultado,
            self.cotejo.encoladas_pendientes.len()
        );
        if let Some(motivo) = &self.no_recuperado {
            let _ = writeln!(texto, "NO SE RECUPERÓ: {motivo}");
        }
        let _ = writeln!(
            texto,
            "\nPerdidas {}, dobladas o descuadradas {}. {}",
            self.cotejo.roturas_de(Clase::Perdida),
            desajustes,
            if self.cumplido() {
                "Se cumplieron todas las promesas."
            } else {
                "SE ROMPIÓ UNA PROMESA."
            }
        );
    }
}

/// What a frozen almacenamiento means for the others.
const fn congelado(activos: Activos) -> &'static str {
    match activos {
        Activos::Uno => {
            "Con la base de datos en un proceso congelado\nnadie la releva: se espera a que despierte."
        }
        Activos::Todos => {
            "Los almacenamientos trabajan a la vez:\nlo que uno congelado dejó a medias se deshace en \
             un segundo, y el otro sigue."
        }
    }
}

/// The longest wait that the death of such a process may cause (fault cases 1, 2 and 5).
fn meta(blanco: Blanco, golpe: Golpe) -> Option<Duration> {
    match (golpe, blanco) {
        (Golpe::Congelacion, _) => None,
        (Golpe::Muerte, Blanco::Dueno | Blanco::Reserva | Blanco::Rol(Role::Almacenamiento)) => {
            Some(Duration::from_secs(3))
        }
        (Golpe::Muerte, Blanco::Rol(_)) => Some(Duration::from_secs(2)),
    }
}

/// The value that so many of a hundred do not exceed; `valores` are in order.
fn percentil(valores: &[Duration], de_cien: usize) -> Duration {
    let lugar = (valores.len() * de_cien).div_ceil(100).saturating_sub(1);
    valores.get(lugar).copied().unwrap_or_default()
}

fn segundos(duracion: Duration) -> String {
    format!("{} s", con_coma(duracion.as_secs_f64()))
}

fn con_coma(numero: f64) -> String {
    format!("{numero:.3}").replace('.', ",")
}

fn tabla(cabecera: &[&str]) -> Table {
    let mut tabla = Table::new();
    tabla.load_preset(presets::UTF8_BORDERS_ONLY);
    tabla.set_header(cabecera);
    tabla
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        let veinte: Vec<_> = (1..=20).map(Duration::from_secs).collect();
        assert_eq!(percentil(&veinte, 50), Duration::from_secs(10));
        assert_eq!(percentil(&veinte, 95), Duration::from_secs(19));
        assert_eq!(percentil(&veinte, 100), Duration::from_secs(20));
        assert_eq!(percentil(&veinte[..1], 95), Duration::from_secs(1));
        assert_eq!(percentil(&[], 95), Duration::ZERO);
    }
}
