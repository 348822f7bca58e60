//! The batching writer: one commit for all that queued while the last commit ran.
//!
//! One task, one batch at a time, so that a batch grows exactly as large as the disk is slow.
//! A batch, once begun, is never cancelled.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;

use crate::almacenamiento::tarea::{Contestador, Origen, Tarea};
use crate::db::{Almacen, Asiento, Fallo};
use crate::wire::respuesta::{Causa, Desenlace};

/// What the writer has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EstadoEscritor {
    /// Commits.
    pub lotes: u64,
    /// Operations in them.
    pub operaciones: u64,
}

/// Runs until every sender of `cola` is gone.
///
/// # Errors
/// [`Fallo`] when the outcome of a commit is not known: nothing may be decided on this
/// connection any more, so its owner must end and be started afresh.
pub async fn escribir(
    almacen: Arc<dyn Almacen>,
    mut cola: mpsc::Receiver<Tarea>,
    lote_max: usize,
    contestador: Contestador,
) -> Result<EstadoEscritor, Fallo> {
    let mut estado = EstadoEscritor::default();
    let mut tareas = Vec::with_capacity(lote_max);
    while cola.recv_many(&mut tareas, lote_max).await > 0 {
        let (origenes, lote) = separar(&mut tareas, &contestador);
        if lote.is_empty() {
            continue;
        }
        estado.lotes += 1;
        estado.operaciones += lote.len() as u64;
        match almacen.aplicar(lote).await {
            Ok(respuestas) => contestador.contestar(
                origenes
                    .into_iter()
                    .zip(respuestas.into_iter().map(Desenlace::Decidida)),
            ),
            Err(fallo) => {
                let desenlace = desenlace_de(&fallo);
                tracing::error!(%fallo, operaciones = origenes.len(), "commit fallido");
                contestador.contestar(
                    origenes
                        .into_iter()
                        .map(|origen| (origen, desenlace.clone())),
                );
                if !matches!(fallo, Fallo::NoAplicado(_)) {
                    return Err(fallo);
                }
            }
        }
    }
    Ok(estado)
}

/// Parts the batch from its senders; whoever has stopped waiting is told, not written.
fn separar(tareas: &mut Vec<Tarea>, contestador: &Contestador) -> (Vec<Origen>, Vec<Asiento>) {
    let ahora = Instant::now();
    let mut origenes = Vec::with_capacity(tareas.len());
    let mut lote = Vec::with_capacity(tareas.len());
    let mut vencidas = Vec::new();
    for tarea in tareas.drain(..) {
        if tarea.vence <= ahora {
            vencidas.push((tarea.origen, Desenlace::NoAplicada(Causa::PlazoVencido)));
        } else {
            let aqui = (ahora - tarea.recibida).as_millis();
            let aqui = u64::try_from(aqui).unwrap_or(u64::MAX);
            origenes.push(tarea.origen);
            lote.push(Asiento {
                pedido: tarea.pedido,
                edad_ms: tarea.edad_ms.map(|edad_ms| edad_ms.saturating_add(aqui)),
            });
        }
    }
    contestador.contestar(vencidas);
    (origenes, lote)
}

/// What a failure of the database means for the operations that met it.
#[must_use]
pub const fn desenlace_de(fallo: &Fallo) -> Desenlace {
    match fallo {
        Fallo::NoAplicado(_) | Fallo::Inservible(_) | Fallo::Ocupada => {
            Desenlace::NoAplicada(Causa::SinAlmacenamiento)
        }
        Fallo::Incierto(_) => Desenlace::Incierta(Causa::SinAlmacenamiento),
    }
}
