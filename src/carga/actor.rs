//! The load manager as an actor: its messages, and the shell around [`Reparto`].

use std::collections::HashMap;
use std::time::{Duration, Instant};

use actix::{Actor, Context, Handler, Message};
use tokio::sync::mpsc;

use crate::carga::noticia::noticia;
use crate::carga::reparto::{Ajuste, Entrada, EstadoReparto, Reparto, Salida as Decision};
use crate::carga::responder::Responder;
use crate::domain::rechazo::Rechazo;
use crate::net::news::Noticias;
use crate::net::server::{Par, Salida};
use crate::runtime::guardian::Centinela;
use crate::wire::codec::encode_encargos;
use crate::wire::mensaje::{Encargo, Mensaje};
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::Desenlace;

/// An admitted request.
#[derive(Debug)]
pub struct Solicitud {
    /// The operation.
    pub pedido: Pedido,
    /// How long its client waits.
    pub plazo: Duration,
    /// Its one answer.
    pub responder: Responder,
}

/// A burst of admitted requests.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Admitidas(pub Vec<Solicitud>);

/// A burst from actors.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct DeActores(pub Vec<(Par, Mensaje)>);

/// An actor's connection is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Ausente(pub Par);

/// Time has passed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Tic;

/// Asks for a snapshot.
#[derive(Debug, Message)]
#[rtype(result = "EstadoCarga")]
pub struct VerEstado;

/// What the load manager holds.
#[derive(Debug, Clone, PartialEq, Eq, actix::MessageResponse)]
pub struct EstadoCarga {
    /// See [`EstadoReparto`].
    pub reparto: EstadoReparto,
    /// Clients that wait for an answer.
    pub esperan: usize,
}

/// The load manager.
pub struct Carga {
    _centinela: Centinela,
    reparto: Reparto,
    responders: HashMap<u64, Responder>,
    siguiente: u64,
    trabajo: mpsc::Sender<Salida>,
    noticias: Noticias,
}

impl Carga {
    /// A load manager that hands work to `trabajo` and tells `noticias`.
    #[must_use]
    pub fn nueva(
        centinela: Centinela,
        ajuste: Ajuste,
        trabajo: mpsc::Sender<Salida>,
        noticias: Noticias,
    ) -> Self {
        Self {
            _centinela: centinela,
            reparto: Reparto::nuevo(ajuste),
            responders: HashMap::new(),
            // A restarted load manager must not take the answers of its former life for its
            // own: its numbers start where no former ones can be.
            siguiente: u64::from(uuid::Uuid::new_v4().as_fields().0) << 32,
            trabajo,
            noticias,
        }
    }

    fn admitir(&mut self, solicitudes: Vec<Solicitud>) {
        let ahora = Instant::now();
        let mut decisiones = Vec::with_capacity(solicitudes.len());
        for Solicitud {
            pedido,
            plazo,
            responder,
        } in solicitudes
        {
            self.siguiente += 1;
            self.responders.insert(self.siguiente, responder);
            let entrada = Entrada::Pedido {
                id: self.siguiente,
                pedido,
                plazo,
            };
            self.reparto.paso(ahora, entrada, &mut decisiones);
        }
        self.cumplir(decisiones);
    }

    fn atender(&mut self, mensajes: Vec<(Par, Mensaje)>) {
        let ahora = Instant::now();
        let mut decisiones = Vec::new();
        for (par, mensaje) in mensajes {
            let entrada = match mensaje {
                Mensaje::LatidoActor(latido) => Entrada::Latido(par, latido),
                Mensaje::Resultados(lista) => Entrada::Resultados(par, lista),
                Mensaje::Adios => Entrada::Adios(par),
                otro => {
                    tracing::warn!(?otro, "un actor no dice esto; se ignora");
                    continue;
                }
            };
            self.reparto.paso(ahora, entrada, &mut decisiones);
        }
        self.cumplir(decisiones);
    }

    fn suceder(&mut self, entrada: Entrada) {
        let mut decisiones = Vec::new();
        self.reparto.paso(Instant::now(), entrada, &mut decisiones);
        self.cumplir(decisiones);
    }

    fn cumplir(&mut self, decisiones: Vec<Decision>) {
        let mut por_actor: HashMap<Par, Vec<Encargo>> = HashMap::new();
        for decision in decisiones {
            match decision {
                Decision::Enviar(par, encargo) => por_actor.entry(par).or_default().push(encargo),
                Decision::Responder(id, pedido, desenlace) => {
                    self.publicar(&pedido, &desenlace);
                    if let Some(responder) = self.responders.remove(&id) {
                        responder.responder(&desenlace);
                    }
                }
            }
        }
        for (par, encargos) in por_actor {
            self.enviar(par, encargos);
        }
    }

    fn enviar(&self, par: Par, encargos: Vec<Encargo>) {
        match encode_encargos(encargos) {
            Ok(tramas) => {
                for trama in tramas {
                    let salida = Salida {
                        par: par.clone(),
                        delimitada: false,
                        libera: false,
                        trama,
                    };
                    if self.trabajo.try_send(salida).is_err() {
                        tracing::warn!(
                            "la salida hacia los actores está llena; se espera su plazo"
                        );
                    }
                }
            }
            Err(error) => tracing::error!(%error, "no se pudo escribir un encargo"),
        }
    }

    fn publicar(&self, pedido: &Pedido, desenlace: &Desenlace) {
        if let Desenlace::Decidida(respuesta) = desenlace
            && !pedido.operacion.es_lectura()
            && !respuesta.repetida
            && respuesta.rechazo != Some(Rechazo::ConflictoOpId)
        {
            self.noticias.publicar(noticia(pedido, respuesta));
        }
    }
}

impl Actor for Carga {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Not the bound: that is the reply's place, reserved at admission.
        ctx.set_mailbox_capacity(1024);
    }
}

impl Handler<Admitidas> for Carga {
    type Result = ();
    fn handle(&mut self, Admitidas(solicitudes): Admitidas, _: &mut Self::Context) {
        self.admitir(solicitudes);
    }
}

impl Handler<DeActores> for Carga {
    type Result = ();
    fn handle(&mut self, DeActores(mensajes): DeActores, _: &mut Self::Context) {
        self.atender(mensajes);
    }
}

impl Handler<Ausente> for Carga {
    type Result = ();
    fn handle(&mut self, Ausente(par): Ausente, _: &mut Self::Context) {
        self.suceder(Entrada::Ausente(par));
    }
}

impl Handler<Tic> for Carga {
    type Result = ();
    fn handle(&mut self, _: Tic, _: &mut Self::Context) {
        self.suceder(Entrada::Tic);
    }
}

impl Handler<VerEstado> for Carga {
    type Result = EstadoCarga;
    fn handle(&mut self, _: VerEstado, _: &mut Self::Context) -> EstadoCarga {
        EstadoCarga {
            reparto: self.reparto.estado(),
            esperan: self.responders.len(),
        }
    }
}
