//! The storage supervisor as an actor: opens the database or stands by, admits operations,
//! and ends when its database can no longer be trusted.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture,
    WrapFuture,
};
use futures::future::LocalBoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::almacenamiento::escritor::{desenlace_de, escribir};
use crate::almacenamiento::lector::leer;
use crate::almacenamiento::tarea::{Contestador, Tarea};
use crate::db::{Almacen, Fallo};
use crate::net::server::Par;
use crate::runtime::guardian::{Centinela, Fin, Rendicion};
use crate::wire::admin::Encomienda;
use crate::wire::codec::encode;
use crate::wire::mensaje::{Disposicion, EstadoAlmacen, Mensaje};
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::{Causa, Desenlace};

/// Reads that may wait for a connection; more are refused, since a read may be repeated.
const LECTURAS_MAX: usize = 1024;

/// Opens the database. With `esperar` it waits for the owner's lock, else a database that
/// somebody owns is [`Fallo::Ocupada`].
pub type Abrir = Rc<dyn Fn(bool) -> LocalBoxFuture<'static, Result<Arc<dyn Almacen>, Fallo>>>;

/// What the door answers to a beat; written by the actor, read by the door.
pub type Anuncio = Rc<RefCell<EstadoAlmacen>>;

/// Limits and wiring of the supervisor.
#[derive(Clone)]
pub struct Ajuste {
    /// How the database is opened.
    pub abrir: Abrir,
    /// Operations that may wait for their commit.
    pub cola_max: usize,
    /// Operations in one commit.
    pub lote_max: usize,
    /// Reads under way at once: one for each connection.
    pub lectores: usize,
    /// What the door announces.
    pub anuncio: Anuncio,
    /// Where outcomes go.
    pub contestador: Contestador,
    /// Who is told that this process must end.
    pub rendiciones: mpsc::Sender<Rendicion>,
}

/// Operations from the door.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Tareas(pub Vec<Tarea>);

/// Administrative work from a node: its number is the node's.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Administrar(pub Par, pub u64, pub Encomienda);

/// Say whether this renewal would be granted; the outcome goes to the sender.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Validar(pub Pedido, pub oneshot::Sender<Desenlace>);

/// Finish what is queued, take nothing more.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Drenar;

#[derive(Message)]
#[rtype(result = "()")]
struct EscritorTerminado(Result<(), Fallo>);

struct Abierto {
    almacen: Arc<dyn Almacen>,
    cola: mpsc::Sender<Tarea>,
    lecturas: mpsc::Sender<Tarea>,
    /// Searches by title have a reader of their own: they take a hundred times as long.
    busquedas: mpsc::Sender<Tarea>,
    escritor: JoinHandle<()>,
}

/// See the module's doc.
pub struct Almacenamiento {
    centinela: Centinela,
    ajuste: Ajuste,
    abierto: Option<Abierto>,
}

impl Almacenamiento {
    /// A supervisor that will open its database when it starts.
    #[must_use]
    pub fn nuevo(centinela: Centinela, ajuste: Ajuste) -> Self {
        Self {
            centinela,
            ajuste,
            abierto: None,
        }
    }

    fn anunciar(&self, disposicion: Disposicion) {
        let base_id = self
            .abierto
            .as_ref()
            .map(|abierto| abierto.almacen.base_id().to_owned());
        *self.ajuste.anuncio.borrow_mut() = EstadoAlmacen {
            disposicion,
            base_id: base_id.unwrap_or_default(),
        };
    }

    fn abrir(&self, esperar: bool, ctx: &mut Context<Self>) {
        let apertura = (self.ajuste.abrir)(esperar);
        ctx.spawn(apertura.into_actor(self).map(|resultado, actor, ctx| {
            actor.abierta(resultado, ctx);
        }));
    }

    fn abierta(&mut self, resultado: Result<Arc<dyn Almacen>, Fallo>, ctx: &mut Context<Self>) {
        match resultado {
            Ok(almacen) => {
                tracing::info!(base_id = almacen.base_id(), "base de datos abierta");
                let (cola, tareas) = mpsc::channel(self.ajuste.cola_max);
                let trabajo = escribir(
                    Arc::clone(&almacen),
                    tareas,
                    self.ajuste.lote_max,
                    self.ajuste.contestador.clone(),
                );
                let yo = ctx.address();
                let escritor = actix_rt::spawn(async move {
                    // In a task of its own: its panic must not go unnoticed.
                    let fin = match actix_rt::spawn(trabajo).await {
                        Ok(fin) => fin.map(|_| ()),
                        Err(_) => Err(Fallo::Defecto("panic".to_owned())),
                    };
                    yo.do_send(EscritorTerminado(fin));
                });
                let lectores =
                    |cuantos| leer(&almacen, cuantos, LECTURAS_MAX, &self.ajuste.contestador);
                let busquedas = lectores(1);
                let lecturas = lectores(self.ajuste.lectores.saturating_sub(1));
                self.abierto = Some(Abierto {
                    almacen,
                    cola,
                    lecturas,
                    busquedas,
                    escritor,
                });
                self.anunciar(Disposicion::Listo);
            }
            Err(Fallo::Ocupada) => {
                tracing::info!("otro proceso tiene la base de datos; quedo en espera");
                self.anunciar(Disposicion::EnEspera);
                self.abrir(true, ctx);
            }
            Err(Fallo::Inservible(motivo)) => self.rendirse(motivo, ctx),
            Err(fallo) => {
                self.centinela.no_arranco(fallo.to_string());
                ctx.stop();
            }
        }
    }

    /// Starting again would not help: the process must end and say why.
    fn rendirse(&mut self, motivo: String, ctx: &mut Context<Self>) {
        tracing::error!("{motivo}");
        self.centinela.no_arranco(motivo.clone());
        let fin = Fin::NoArranco(motivo);
        let rendicion = Rendicion {
            nombre: "almacenamiento".to_owned(),
            fin,
        };
        // Full only when another one is on its way already.
        let _ = self.ajuste.rendiciones.try_send(rendicion);
        ctx.stop();
    }

    fn recibir(&self, tareas: Vec<Tarea>) {
        let mut devueltas = Vec::new();
        for tarea in tareas {
            let Some(abierto) = &self.abierto else {
                // Standing by, starting or leaving: another may have the database.
                devueltas.push((tarea.origen, Desenlace::EnEspera));
                continue;
            };
            let cola = if tarea.pedido.titulo.is_some() && tarea.pedido.operacion.es_lectura() {
                &abierto.busquedas
            } else if tarea.pedido.operacion.es_lectura() {
                &abierto.lecturas
            } else {
                &abierto.cola
            };
            if let Err(error) = cola.try_send(tarea) {
                let desenlace = Desenlace::NoAplicada(Causa::ColaLlena);
                devueltas.push((error.into_inner().origen, desenlace));
            }
        }
        self.ajuste.contestador.contestar(devueltas);
    }

    fn administrar(&self, par: Par, id: u64, encomienda: Encomienda) {
        let contestador = self.ajuste.contestador.clone();
        let almacen = self
            .abierto
            .as_ref()
            .map(|abierto| Arc::clone(&abierto.almacen));
        actix_rt::spawn(async move {
            let informe = match almacen {
                None => Err("este almacenamiento no tiene la base de datos".to_owned()),
                Some(almacen) => almacen
                    .administrar(encomienda)
                    .await
                    .map_err(|fallo| fallo.to_string()),
            };
            match encode(&Mensaje::Informe(id, informe)) {
                Ok(trama) => contestador.enviar(par, trama),
                Err(error) => tracing::error!(%error, "no se pudo escribir un informe"),
            }
        });
    }
}

impl Actor for Almacenamiento {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.anunciar(Disposicion::NoListo);
        self.abrir(false, ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.anunciar(Disposicion::NoListo);
    }
}

impl Handler<Tareas> for Almacenamiento {
    type Result = ();
    fn handle(&mut self, Tareas(tareas): Tareas, _: &mut Self::Context) {
        self.recibir(tareas);
    }
}

impl Handler<Administrar> for Almacenamiento {
    type Result = ();
    fn handle(&mut self, mensaje: Administrar, _: &mut Self::Context) {
        let Administrar(par, id, encomienda) = mensaje;
        self.administrar(par, id, encomienda);
    }
}

impl Handler<Validar> for Almacenamiento {
    type Result = ();
    fn handle(&mut self, Validar(pedido, espera): Validar, _: &mut Self::Context) {
        let Some(abierto) = &self.abierto else {
            let _ = espera.send(Desenlace::NoAplicada(Causa::SinAlmacenamiento));
            return;
        };
        let almacen = Arc::clone(&abierto.almacen);
        actix_rt::spawn(async move {
            let desenlace = match almacen.validar(pedido).await {
                Ok(respuesta) => Desenlace::Decidida(respuesta),
                Err(fallo) => desenlace_de(&fallo),
            };
            let _ = espera.send(desenlace);
        });
    }
}

impl Handler<EscritorTerminado> for Almacenamiento {
    type Result = ();
    fn handle(&mut self, EscritorTerminado(fin): EscritorTerminado, ctx: &mut Self::Context) {
        if let Err(fallo) = fin {
            let motivo = format!(
                "no se sabe si el último commit llegó al disco ({fallo}); el proceso termina \
                 para que la base de datos se recupere al abrirla de nuevo"
            );
            self.rendirse(motivo, ctx);
        }
    }
}

impl Handler<Drenar> for Almacenamiento {
    type Result = ResponseFuture<()>;
    fn handle(&mut self, _: Drenar, _: &mut Self::Context) -> Self::Result {
        let escritor = self.abierto.take().map(|abierto| abierto.escritor);
        self.anunciar(Disposicion::NoListo);
        Box::pin(async move {
            if let Some(escritor) = escritor {
                let _ = escritor.await;
            }
        })
    }
}
