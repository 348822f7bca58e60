//! The storage supervisor as an actor: opens the database or stands by, admits operations,
//! opens it again when it was lost, and ends when it can no longer be trusted.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture,
    WrapFuture,
};
use futures::future::LocalBoxFuture;
use tokio::sync::{mpsc, oneshot};

use crate::almacenamiento::abierto::Abierto;
use crate::almacenamiento::escritor::desenlace_de;
use crate::almacenamiento::tarea::{Contestador, Tarea};
use crate::db::{Almacen, Fallo, Remedio};
use crate::net::server::Par;
use crate::runtime::guardian::{Centinela, Fin, Rendicion};
use crate::wire::admin::{Cumplido, Encomienda};
use crate::wire::codec::encode;
use crate::wire::mensaje::{Disposicion, EstadoAlmacen, Mensaje};
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::{Causa, Desenlace};

/// Pause before a database that was not there is searched again. A search itself takes up to
/// a second; a new primary must be found well within the 8 s that it may take to appear.
const BUSQUEDA_PAUSA: Duration = Duration::from_millis(250);

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

/// Asks for a snapshot.
#[derive(Debug, Message)]
#[rtype(result = "EstadoColas")]
pub struct VerEstado;

/// What waits in the supervisor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, actix::MessageResponse)]
pub struct EstadoColas {
    /// Operations waiting for their commit.
    pub en_cola: usize,
    /// How long the oldest of them has waited.
    pub edad_en_cola: Duration,
    /// Reads waiting for a connection.
    pub lecturas: usize,
    /// How long the oldest of them has waited.
    pub edad_lecturas: Duration,
    /// Searches by title waiting for theirs.
    pub busquedas: usize,
    /// How long the oldest of them has waited.
    pub edad_busquedas: Duration,
}

/// Finish what is queued, take nothing more.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Drenar;

/// The writer of the `n`-th opening ended.
#[derive(Message)]
#[rtype(result = "()")]
struct EscritorTerminado(u64, Result<(), Fallo>);

/// The database of the `n`-th opening is lost.
#[derive(Message)]
#[rtype(result = "()")]
struct BasePerdida(u64);

/// See the module's doc.
pub struct Almacenamiento {
    centinela: Centinela,
    ajuste: Ajuste,
    abierto: Option<Abierto>,
    /// Openings so far: news of an earlier one are old.
    aperturas: u64,
    /// A drain has begun: a database that comes back is not opened any more.
    drenando: bool,
    /// Why the database is not there, as last told to the log.
    ausencia: Option<String>,
}

impl Almacenamiento {
    /// A supervisor that will open its database when it starts.
    #[must_use]
    pub fn nuevo(centinela: Centinela, ajuste: Ajuste) -> Self {
        Self {
            centinela,
            ajuste,
            abierto: None,
            aperturas: 0,
            drenando: false,
            ausencia: None,
        }
    }

    fn anunciar(&self, disposicion: Disposicion) {
        let base_id = self
            .abierto
            .as_ref()
            .map(|abierto| abierto.almacen().base_id().to_owned());
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
            Ok(almacen) => self.trabajar(almacen, ctx),
            Err(Fallo::Ocupada) => {
                tracing::info!("otro proceso tiene la base de datos; quedo en espera");
                self.anunciar(Disposicion::EnEspera);
                self.abrir(true, ctx);
            }
            Err(Fallo::Inservible(motivo)) => self.rendirse(motivo, ctx),
            Err(Fallo::SinPrimario(motivo)) => self.buscar_despues(motivo, ctx),
            Err(fallo) => {
                self.centinela.no_arranco(fallo.to_string());
                ctx.stop();
            }
        }
    }

    /// Takes operations from now on.
    fn trabajar(&mut self, almacen: Arc<dyn Almacen>, ctx: &mut Context<Self>) {
        if self.drenando {
            return;
        }
        tracing::info!(base_id = almacen.base_id(), "base de datos abierta");
        self.ausencia = None;
        self.aperturas += 1;
        let apertura = self.aperturas;
        let (yo, vigia) = (ctx.address(), ctx.address());
        self.abierto = Some(Abierto::nuevo(
            almacen,
            &self.ajuste,
            move |fin| yo.do_send(EscritorTerminado(apertura, fin)),
            move || vigia.do_send(BasePerdida(apertura)),
        ));
        self.anunciar(Disposicion::Listo);
    }

    /// The database recovers without us: nothing is taken meanwhile, and this process goes on.
    fn reabrir(&mut self, ctx: &mut Context<Self>) {
        self.abierto = None;
        self.anunciar(Disposicion::NoListo);
        if !self.drenando {
            self.abrir(false, ctx);
        }
    }

    /// Tells the reason once, however often it is the same.
    fn buscar_despues(&mut self, motivo: String, ctx: &mut Context<Self>) {
        if self.drenando {
            return;
        }
        if self.ausencia.as_ref() != Some(&motivo) {
            tracing::warn!(
                motivo,
                "no hay base de datos que escriba; se sigue buscando"
            );
            self.ausencia = Some(motivo);
        }
        self.anunciar(Disposicion::NoListo);
        ctx.run_later(BUSQUEDA_PAUSA, |actor, ctx| {
            if !actor.drenando {
                actor.abrir(false, ctx);
            }
        });
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
            if let Err(origen) = abierto.encolar(tarea) {
                let desenlace = Desenlace::NoAplicada(Causa::ColaLlena);
                devueltas.push((origen, desenlace));
            }
        }
        self.ajuste.contestador.contestar(devueltas);
    }

    fn administrar(&self, par: Par, id: u64, encomienda: Encomienda) {
        let contestador = self.ajuste.contestador.clone();
        let almacen = self
            .abierto
            .as_ref()
            .map(|abierto| Arc::clone(abierto.almacen()));
        actix_rt::spawn(async move {
            let cumplido = match almacen {
                None => Err("este almacenamiento no tiene la base de datos".to_owned()),
                Some(almacen) => almacen
                    .administrar(encomienda)
                    .await
                    .map_err(|fallo| fallo.to_string()),
            };
            // The words that the askers of before the others know.
            let mensaje = match cumplido {
                Ok(Cumplido::Catalogo(informe)) => Mensaje::Informe(id, Ok(informe)),
                Err(motivo) => Mensaje::Informe(id, Err(motivo)),
                Ok(otro) => Mensaje::Cumplido(id, Ok(otro)),
            };
            match encode(&mensaje) {
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
        let almacen = Arc::clone(abierto.almacen());
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
    fn handle(&mut self, fin: EscritorTerminado, ctx: &mut Self::Context) {
        let EscritorTerminado(apertura, Err(fallo)) = fin else {
            return;
        };
        let Some(abierto) = self.abierto.as_ref().filter(|_| apertura == self.aperturas) else {
            return;
        };
        // After a panic of the writer nobody has answered its batch: only our end tells them.
        let defecto = matches!(fallo, Fallo::Defecto(_));
        if !defecto && abierto.almacen().remedio() == Remedio::Reabrir {
            return self.reabrir(ctx);
        }
        let motivo = format!(
            "no se sabe si el último commit llegó al disco ({fallo}); el proceso termina \
             para que la base de datos se recupere al abrirla de nuevo"
        );
        self.rendirse(motivo, ctx);
    }
}

impl Handler<BasePerdida> for Almacenamiento {
    type Result = ();
    fn handle(&mut self, BasePerdida(apertura): BasePerdida, ctx: &mut Self::Context) {
        if self.abierto.is_some() && apertura == self.aperturas {
            self.reabrir(ctx);
        }
    }
}

impl Handler<VerEstado> for Almacenamiento {
    type Result = EstadoColas;
    fn handle(&mut self, _: VerEstado, _: &mut Self::Context) -> EstadoColas {
        let abierto = self.abierto.as_ref();
        abierto.map_or_else(EstadoColas::default, Abierto::colas)
    }
}

impl Handler<Drenar> for Almacenamiento {
    type Result = ResponseFuture<()>;
    fn handle(&mut self, _: Drenar, _: &mut Self::Context) -> Self::Result {
        self.drenando = true;
        let escritor = self.abierto.take().map(Abierto::drenar);
        self.anunciar(Disposicion::NoListo);
        Box::pin(async move {
            if let Some(escritor) = escritor {
                let _ = escritor.await;
            }
        })
    }
}
