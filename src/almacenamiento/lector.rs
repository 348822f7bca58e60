//! The readers: as many reads at once as there are connections, the rest in order.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Mutex, mpsc};

use crate::almacenamiento::escritor::desenlace_de;
use crate::almacenamiento::tarea::{Contestador, Tarea};
use crate::db::{Almacen, Fallo};
use crate::wire::respuesta::{Causa, Desenlace};

/// Starts `lectores` readers of a queue of `cola_max`; they end when its sender is dropped.
#[must_use]
pub fn leer(
    almacen: &Arc<dyn Almacen>,
    lectores: usize,
    cola_max: usize,
    contestador: &Contestador,
) -> mpsc::Sender<Tarea> {
    let (cola, tareas) = mpsc::channel(cola_max);
    let tareas = Arc::new(Mutex::new(tareas));
    for _ in 0..lectores.max(1) {
        let lector = uno(
            Arc::clone(almacen),
            Arc::clone(&tareas),
            contestador.clone(),
        );
        actix_rt::spawn(lector);
    }
    cola
}

async fn uno(
    almacen: Arc<dyn Almacen>,
    tareas: Arc<Mutex<mpsc::Receiver<Tarea>>>,
    contestador: Contestador,
) {
    loop {
        let tarea = tareas.lock().await.recv().await;
        let Some(tarea) = tarea else { return };
        let desenlace = if tarea.vence <= Instant::now() {
            Desenlace::NoAplicada(Causa::PlazoVencido)
        } else {
            let almacen = Arc::clone(&almacen);
            // In a task of its own: a panic ends this read, not the reader.
            let lectura = actix_rt::spawn(async move { almacen.leer(tarea.pedido).await });
            match lectura
                .await
                .unwrap_or(Err(Fallo::Defecto("panic".to_owned())))
            {
                Ok(respuesta) => Desenlace::Decidida(respuesta),
                Err(fallo) => {
                    tracing::error!(%fallo, "lectura fallida");
                    desenlace_de(&fallo)
                }
            }
        };
        contestador.contestar([(tarea.origen, desenlace)]);
    }
}
