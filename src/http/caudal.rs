//! How fast things flow, from counts that only grow. Pure: the caller gives the time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::panorama::Panorama;

/// What is averaged over: short enough to show a stop, long enough not to flicker.
const VENTANA: Duration = Duration::from_secs(3);

/// So many a second, over the whole library.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Caudal {
    /// Requests admitted by the cargas.
    pub pedidas: f64,
    /// Operations handed to actors.
    pub entregadas: f64,
    /// Writes decided.
    pub decididas: f64,
}

/// The counts of one carga.
type Cuentas = [u64; 3];

/// Remembers the counts of the last seconds.
#[derive(Debug, Default)]
pub struct Medidor {
    /// Each moment, with what each carga had counted; none for one that did not tell.
    vistas: VecDeque<(Instant, Vec<Option<Cuentas>>)>,
}

impl Medidor {
    /// Takes the counts of one more moment, and tells the pace up to it.
    pub fn medir(&mut self, ahora: Instant, panorama: &Panorama) -> Caudal {
        self.anotar(
            ahora,
            panorama
                .actividades
                .iter()
                .map(|hecho| {
                    hecho.as_ref().map(|hecho| {
                        [
                            hecho.pedidas.iter().sum(),
                            hecho.entregadas,
                            hecho.confirmadas.iter().chain(&hecho.rechazadas).sum(),
                        ]
                    })
                })
                .collect(),
        )
    }

    fn anotar(&mut self, ahora: Instant, cuentas: Vec<Option<Cuentas>>) -> Caudal {
        while let Some((vista, _)) = self.vistas.front()
            && ahora - *vista > VENTANA
            && self.vistas.len() > 1
        {
            self.vistas.pop_front();
        }
        let caudal = self
            .vistas
            .front()
            .map_or_else(Caudal::default, |(desde, antes)| {
                let lapso_s = (ahora - *desde).as_secs_f64().max(0.001);
                let mut suma = [0_u64; 3];
                for (antes, ahora) in antes.iter().zip(&cuentas) {
                    if let (Some(antes), Some(ahora)) = (antes, ahora) {
                        for (suma, (antes, ahora)) in suma.iter_mut().zip(antes.iter().zip(ahora)) {
                            // A carga that was started again counts from 0.
                            *suma += ahora.saturating_sub(*antes);
                        }
                    }
                }
                #[allow(clippy::cast_precision_loss)]
                let [pedidas, entregadas, decididas] = suma.map(|cuantas| cuantas as f64 / lapso_s);
                Caudal {
                    pedidas,
                    entregadas,
                    decididas,
                }
            });
        self.vistas.push_back((ahora, cuentas));
        caudal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_that_of_the_last_seconds_and_of_all_cargas() {
        let inicio = Instant::now();
        let mut medidor = Medidor::default();
        let en = |ms| inicio + Duration::from_millis(ms);
        assert_eq!(
            medidor.anotar(en(0), vec![Some([0; 3]), None]),
            Caudal::default()
        );
        let caudal = medidor.anotar(en(1_000), vec![Some([10, 20, 5]), Some([900, 900, 900])]);
        // One that has just been heard of has no pace yet.
        assert_eq!(
            (caudal.pedidas, caudal.entregadas, caudal.decididas),
            (10.0, 20.0, 5.0)
        );
        for segundo in 2..20 {
            medidor.anotar(en(segundo * 1_000), vec![Some([10, 20, 5]), Some([900; 3])]);
        }
        let quieto = medidor.anotar(en(20_000), vec![Some([10, 20, 5]), Some([900; 3])]);
        assert_eq!(quieto, Caudal::default());
        assert!(medidor.vistas.len() < 10);
    }

    #[test]
    fn a_carga_that_starts_again_does_not_flow_backwards() {
        let inicio = Instant::now();
        let mut medidor = Medidor::default();
        medidor.anotar(inicio, vec![Some([100; 3])]);
        let despues = inicio + Duration::from_secs(1);
        assert_eq!(
            medidor.anotar(despues, vec![Some([3; 3])]),
            Caudal::default()
        );
    }
}
