//! A database that is open: its writer, its readers, and the wait for its loss.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::almacenamiento::actor::{Ajuste, EstadoColas};
use crate::almacenamiento::cola::Cola;
use crate::almacenamiento::escritor::escribir;
use crate::almacenamiento::lector::leer;
use crate::almacenamiento::tarea::{Origen, Tarea};
use crate::db::{Almacen, Fallo};

/// Reads that may wait for a connection; more are refused, since a read may be repeated.
const LECTURAS_MAX: usize = 1024;

/// See the module's doc. Dropped, it ends what it started as soon as their queues are empty.
pub struct Abierto {
    almacen: Arc<dyn Almacen>,
    cola: Cola,
    lecturas: Cola,
    /// Searches by title have a reader of their own: they take a hundred times as long.
    busquedas: Cola,
    escritor: JoinHandle<()>,
    _vigia: Vigia,
}

/// Waits for the loss of a store; what it waits for would keep the store for ever.
struct Vigia(JoinHandle<()>);

impl Drop for Vigia {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Abierto {
    /// Starts them all. `al_terminar` is told how the writer ended, `al_perder` that the
    /// database is lost.
    pub fn nuevo(
        almacen: Arc<dyn Almacen>,
        ajuste: &Ajuste,
        al_terminar: impl FnOnce(Result<(), Fallo>) + 'static,
        al_perder: impl FnOnce() + 'static,
    ) -> Self {
        let contestador = &ajuste.contestador;
        let (cola, tareas) = mpsc::channel(ajuste.cola_max);
        let trabajo = escribir(
            Arc::clone(&almacen),
            tareas,
            ajuste.lote_max,
            contestador.clone(),
        );
        let escritor = actix_rt::spawn(async move {
            // In a task of its own: its panic must not go unnoticed.
            al_terminar(match actix_rt::spawn(trabajo).await {
                Ok(fin) => fin.map(|_| ()),
                Err(_) => Err(Fallo::Defecto("panic".to_owned())),
            });
        });
        let vigilado = Arc::clone(&almacen);
        let vigia = Vigia(actix_rt::spawn(async move {
            vigilado.perdida().await;
            al_perder();
        }));
        let lectores = |cuantos| leer(&almacen, cuantos, LECTURAS_MAX, contestador);
        let busquedas = lectores(1);
        let lecturas = lectores(ajuste.lectores.saturating_sub(1));
        Self {
            almacen,
            cola: Cola::nueva(cola),
            lecturas: Cola::nueva(lecturas),
            busquedas: Cola::nueva(busquedas),
            escritor,
            _vigia: vigia,
        }
    }

    /// The store itself.
    pub fn almacen(&self) -> &Arc<dyn Almacen> {
        &self.almacen
    }

    /// Queues it where it belongs.
    ///
    /// # Errors
    /// Whom to tell that the queue is full.
    pub fn encolar(&self, tarea: Tarea) -> Result<(), Origen> {
        let pedido = &tarea.pedido;
        let cola = match (pedido.operacion.es_lectura(), &pedido.titulo) {
            (true, Some(_)) => &self.busquedas,
            (true, None) => &self.lecturas,
            (false, _) => &self.cola,
        };
        cola.poner(tarea)
    }

    /// What waits now.
    pub fn colas(&self) -> EstadoColas {
        EstadoColas {
            en_cola: self.cola.largo(),
            edad_en_cola: self.cola.edad(),
            lecturas: self.lecturas.largo(),
            edad_lecturas: self.lecturas.edad(),
            busquedas: self.busquedas.largo(),
            edad_busquedas: self.busquedas.edad(),
        }
    }

    /// Takes nothing more; the task ends when what is queued is done.
    pub fn drenar(self) -> JoinHandle<()> {
        self.escritor
    }
}
