//! The batching writer: one commit for all that queued while the last commit ran.
//!
//! One task, one batch at a time, so that a batch grows exactly as large as the disk is slow.
//! A batch, once begun, is never cancelled.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;

use crate::almacenamiento::tarea::{Contestador, Origen, Tarea};
use crate::almacenamiento::veneno::Venenos;
use crate::db::{Almacen, Asiento, Fallo};
use crate::runtime::metricas;
use crate::wire::respuesta::{Causa, Desenlace, Respuesta};

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
/// [`Fallo`] when the outcome of a commit is not known, or the database is lost: nothing may
/// be decided on this store any more. What still waits is told so at once.
pub async fn escribir(
    almacen: Arc<dyn Almacen>,
    mut cola: mpsc::Receiver<Tarea>,
    lote_max: usize,
    contestador: Contestador,
) -> Result<EstadoEscritor, Fallo> {
    let mut estado = EstadoEscritor::default();
    let mut venenos = Venenos::default();
    let mut tareas = Vec::with_capacity(lote_max);
    while cola.recv_many(&mut tareas, lote_max).await > 0 {
        let (origenes, lote) = separar(&mut tareas, &contestador);
        if lote.is_empty() {
            continue;
        }
        estado.lotes += 1;
        estado.operaciones += lote.len() as u64;
        metricas::medir_lote(&metricas::LOTE, lote.len());
        let empieza = Instant::now();
        let desenlaces = decidir(&*almacen, lote, &mut venenos).await;
        metricas::medir(&metricas::COMMIT, &[], empieza.elapsed());
        let incierto = desenlaces.fin.err();
        contestador.contestar(origenes.into_iter().zip(desenlaces.de_cada_una));
        if let Some(fallo) = incierto {
            devolver(cola, &contestador);
            return Err(fallo);
        }
    }
    Ok(estado)
}

/// A decided batch.
struct Decididas {
    /// In the batch's order.
    de_cada_una: Vec<Desenlace>,
    /// Whether the writer may go on.
    fin: Result<(), Fallo>,
}

/// Puts the batch into one commit. When it meets a defect, each operation gets a commit
/// of its own, so that only the one to blame is set aside.
async fn decidir(almacen: &dyn Almacen, lote: Vec<Asiento>, venenos: &mut Venenos) -> Decididas {
    let cuantas = lote.len();
    match almacen.aplicar(lote.clone()).await {
        Err(Fallo::Defecto(_)) => una_por_una(almacen, lote, venenos).await,
        resultado => una_vez(resultado, cuantas),
    }
}

async fn una_por_una(
    almacen: &dyn Almacen,
    lote: Vec<Asiento>,
    venenos: &mut Venenos,
) -> Decididas {
    let mut todas = Decididas {
        de_cada_una: Vec::with_capacity(lote.len()),
        fin: Ok(()),
    };
    for asiento in lote {
        if todas.fin.is_err() {
            let causa = Causa::SinAlmacenamiento;
            todas.de_cada_una.push(Desenlace::NoAplicada(causa));
            continue;
        }
        let una = aislada(almacen, asiento, venenos).await;
        todas.de_cada_una.extend(una.de_cada_una);
        todas.fin = una.fin;
    }
    todas
}

/// One operation in a commit of its own; when it is poison and somebody waits for it, its
/// refusal is stored instead.
async fn aislada(almacen: &dyn Almacen, asiento: Asiento, venenos: &mut Venenos) -> Decididas {
    let op_id = asiento.pedido.op_id.clone();
    let resultado = almacen.aplicar(vec![asiento.clone()]).await;
    if !matches!(resultado, Err(Fallo::Defecto(_))) {
        return una_vez(resultado, 1);
    }
    let venenosa = venenos.contar(&op_id);
    tracing::error!(%op_id, venenosa, "la operación hace fallar a quien la decide");
    if !venenosa || asiento.edad_ms.is_some() {
        return una_vez(resultado, 1);
    }
    venenos.olvidar(&op_id);
    let apartada = Asiento {
        apartada: true,
        ..asiento
    };
    una_vez(almacen.aplicar(vec![apartada]).await, 1)
}

fn una_vez(resultado: Result<Vec<Respuesta>, Fallo>, cuantas: usize) -> Decididas {
    match resultado {
        Ok(respuestas) => Decididas {
            de_cada_una: respuestas.into_iter().map(Desenlace::Decidida).collect(),
            fin: Ok(()),
        },
        Err(fallo) => {
            tracing::error!(%fallo, operaciones = cuantas, "commit fallido");
            let de_cada_una = vec![desenlace_de(&fallo); cuantas];
            let sabido = matches!(fallo, Fallo::NoAplicado(_) | Fallo::Defecto(_));
            let fin = if sabido { Ok(()) } else { Err(fallo) };
            Decididas { de_cada_una, fin }
        }
    }
}

/// Tells everybody in the queue that nothing was done.
fn devolver(mut cola: mpsc::Receiver<Tarea>, contestador: &Contestador) {
    cola.close();
    let mut devueltas = Vec::new();
    while let Ok(tarea) = cola.try_recv() {
        devueltas.push((
            tarea.origen,
            Desenlace::NoAplicada(Causa::SinAlmacenamiento),
        ));
    }
    contestador.contestar(devueltas);
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
                apartada: false,
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
        Fallo::NoAplicado(_) | Fallo::Inservible(_) | Fallo::SinPrimario(_) | Fallo::Ocupada => {
            Desenlace::NoAplicada(Causa::SinAlmacenamiento)
        }
        Fallo::Defecto(_) => Desenlace::Envenenada,
        Fallo::Incierto(_) => Desenlace::Incierta(Causa::SinAlmacenamiento),
    }
}
