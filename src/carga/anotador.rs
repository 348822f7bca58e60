//! The task that owns the diario's file: one trip at a time, never cancelled, the answer goes
//! back to the load manager as a message. A file that can't be trusted any more ends the
//! process: only a fresh opening tells what is on the disk.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::carga::actor::{Carga, DelDiario, Noticia};
use crate::carga::diario::Viaje;
use crate::db::Fallo;
use crate::db::diario::Diario;
use crate::runtime::guardian::{Fin, Puesto, Rendicion};
use crate::runtime::metricas;

/// How often something long closed is forgotten: with what is forgotten at once it keeps up
/// with any rate that the database confirms.
const PODA: Duration = Duration::from_millis(500);

/// Orders that may wait: a trip of this life of the load manager and of a former one, and
/// their readings of the file.
pub const ORDENES_MAX: usize = 8;

/// For the task; `vida` comes back, so that a load manager does not take the answer to its
/// former life for its own.
#[derive(Debug)]
pub enum Orden {
    /// Read everything undecided.
    Cargar {
        /// Whose.
        vida: u64,
    },
    /// Write and look up.
    Viaje {
        /// Whose.
        vida: u64,
        /// What.
        viaje: Viaje,
    },
}

/// Runs until every sender of `ordenes` is gone, or the file fails.
pub async fn anotar(
    mut diario: Diario,
    mut ordenes: mpsc::Receiver<Orden>,
    puesto: Puesto<Carga>,
    rendiciones: mpsc::Sender<Rendicion>,
) {
    let fin = atender(&mut diario, &mut ordenes, &puesto).await;
    if let Err(fallo) = fin {
        let motivo = format!(
            "no se sabe si lo último llegó al disco del diario ({fallo}); el proceso termina \
             para leerlo de nuevo al arrancar"
        );
        tracing::error!("{motivo}");
        let nombre = "diario".to_owned();
        let fin = Fin::NoArranco(motivo);
        // Full only when another one is on its way already.
        let _ = rendiciones.try_send(Rendicion { nombre, fin });
    }
}

async fn atender(
    diario: &mut Diario,
    ordenes: &mut mpsc::Receiver<Orden>,
    puesto: &Puesto<Carga>,
) -> Result<(), Fallo> {
    let mut podado = Instant::now();
    while let Some(orden) = ordenes.recv().await {
        let mensaje = match orden {
            Orden::Cargar { vida } => DelDiario {
                vida,
                noticia: Noticia::Cargadas(diario.cargar().await?),
            },
            Orden::Viaje { vida, viaje } => {
                let suertes = if viaje.apuntes.is_empty() {
                    Vec::new()
                } else {
                    let sale = Instant::now();
                    let suertes = diario.anotar(&viaje.apuntes).await?;
                    metricas::medir(&metricas::DIARIO, &[], sale.elapsed());
                    metricas::medir_lote(&metricas::DIARIO_LOTE, viaje.apuntes.len());
                    suertes
                };
                let halladas = diario.buscar(&viaje.preguntas).await?;
                DelDiario {
                    vida,
                    noticia: Noticia::DeVuelta(suertes, halladas),
                }
            }
        };
        // With nobody in the place the next one reads the file afresh.
        let _ = puesto.entregar(mensaje);
        if podado.elapsed() >= PODA {
            diario.podar().await?;
            podado = Instant::now();
        }
    }
    Ok(())
}
