//! The load manager as an actor: its messages, and the shell around [`Nucleo`].

use std::collections::HashMap;
use std::time::{Duration, Instant};

use actix::{Actor, Context, Handler, Message};
use tokio::sync::mpsc;

use crate::carga::actividad::Actividad;
use crate::carga::anotador::Orden;
use crate::carga::contestacion::decir;
use crate::carga::diario::{self, Contestacion, EstadoDiario, Viaje};
use crate::carga::noticia::noticia;
use crate::carga::nucleo::{Entrada, Nucleo, Salida as Decision};
use crate::carga::reparto::{self, EstadoReparto};
use crate::carga::responder::Responder;
use crate::db::diario::{Cargadas, Cerrada, Suerte};
use crate::net::news::Noticias;
use crate::net::server::{Par, Salida, Sobre};
use crate::runtime::guardian::Centinela;
use crate::runtime::metricas;
use crate::wire::codec::encode_encargos;
use crate::wire::mensaje::{Encargo, Mensaje};
use crate::wire::pedido::Pedido;

/// An admitted request.
#[derive(Debug)]
pub struct Solicitud {
    /// The operation.
    pub pedido: Pedido,
    /// How long its client waits.
    pub plazo: Duration,
    /// Whether it is answered when it is on this carga's disk.
    pub asincrona: bool,
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

/// What the diario's task brings, for that life of the load manager.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct DelDiario {
    /// See [`Orden`].
    pub vida: u64,
    /// What.
    pub noticia: Noticia,
}

/// See [`DelDiario`].
#[derive(Debug)]
pub enum Noticia {
    /// The file was read.
    Cargadas(Cargadas),
    /// A trip is back.
    DeVuelta(Vec<Suerte>, Vec<Option<Cerrada>>),
}

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
    /// See [`EstadoDiario`].
    pub diario: EstadoDiario,
    /// Clients that wait for an answer.
    pub esperan: usize,
    /// How long the oldest of them has waited; nothing with none.
    pub edad_esperan: Duration,
    /// See [`reparto::Reparto::edad_en_cola`].
    pub edad_en_cola: Duration,
}

/// Where the load manager's decisions go, and its numbers.
#[derive(Clone)]
pub struct Cableado {
    /// Its node's name: where an ENCOLADO is.
    pub nodo: String,
    /// Of the sharing of work.
    pub reparto: reparto::Ajuste,
    /// Undecided entries that the diario takes.
    pub diario_max: usize,
    /// Frames for actors.
    pub trabajo: mpsc::Sender<Salida>,
    /// The news feed.
    pub noticias: Noticias,
    /// The diario's task.
    pub ordenes: mpsc::Sender<Orden>,
    /// What is told of it.
    pub actividad: Actividad,
}

/// The load manager.
pub struct Carga {
    _centinela: Centinela,
    cableado: Cableado,
    nucleo: Nucleo,
    responders: HashMap<u64, Responder>,
    vida: u64,
}

impl Carga {
    /// A load manager that has not read its diario.
    #[must_use]
    pub fn nueva(centinela: Centinela, cableado: Cableado) -> Self {
        // A restarted load manager must not take the answers of its former life for its own:
        // its numbers start where no former ones can be.
        let vida = u64::from(uuid::Uuid::new_v4().as_fields().0) << 32;
        let ajuste = diario::Ajuste {
            sin_decidir_max: cableado.diario_max,
            semilla: vida,
        };
        Self {
            _centinela: centinela,
            nucleo: Nucleo::nuevo(ajuste, cableado.reparto, vida),
            cableado,
            responders: HashMap::new(),
            vida,
        }
    }

    fn admitir(&mut self, solicitudes: Vec<Solicitud>) {
        let mut entradas = Vec::with_capacity(solicitudes.len());
        for solicitud in solicitudes {
            let id = self.nucleo.numero();
            self.cableado.actividad.pedida(solicitud.pedido.operacion);
            entradas.push(Entrada::Solicitud(diario::Solicitud {
                id,
                par: solicitud.responder.par(),
                pedido: solicitud.pedido,
                plazo: solicitud.plazo,
                asincrona: solicitud.asincrona,
            }));
            self.responders.insert(id, solicitud.responder);
        }
        self.suceder(entradas);
    }

    fn atender(&mut self, mensajes: Vec<(Par, Mensaje)>) {
        let entradas = mensajes.into_iter().filter_map(|(par, mensaje)| {
            let entrada = match mensaje {
                Mensaje::LatidoActor(latido) => reparto::Entrada::Latido(par, latido),
                Mensaje::Resultados(lista) => reparto::Entrada::Resultados(par, lista),
                Mensaje::Adios => reparto::Entrada::Adios(par),
                otro => {
                    tracing::warn!(?otro, "un actor no dice esto; se ignora");
                    return None;
                }
            };
            Some(Entrada::Reparto(entrada))
        });
        let entradas: Vec<Entrada> = entradas.collect();
        self.suceder(entradas);
    }

    fn leer(&mut self, mensaje: DelDiario) {
        if mensaje.vida != self.vida {
            return;
        }
        self.suceder([match mensaje.noticia {
            Noticia::Cargadas(cargadas) => {
                tracing::info!(sin_decidir = cargadas.sin_decidir.len(), "diario leído");
                Entrada::Cargadas(cargadas)
            }
            Noticia::DeVuelta(suertes, halladas) => Entrada::DeVuelta(suertes, halladas),
        }]);
    }

    fn suceder(&mut self, entradas: impl IntoIterator<Item = Entrada>) {
        let mut decisiones = Vec::new();
        self.nucleo.paso(Instant::now(), entradas, &mut decisiones);
        self.cumplir(decisiones);
    }

    fn cumplir(&mut self, decisiones: Vec<Decision>) {
        let mut por_actor: HashMap<Par, Vec<Encargo>> = HashMap::new();
        for decision in decisiones {
            match decision {
                Decision::Enviar(par, encargo) => {
                    if encargo.intento > 1 {
                        let operacion = ("operacion", encargo.pedido.operacion.palabra());
                        metricas::contar(&metricas::REENTREGAS, &[operacion], 1);
                    }
                    por_actor.entry(par).or_default().push(encargo);
                }
                Decision::Contestar(id, contestacion) => self.contestar(id, contestacion),
                Decision::Noticia(pedido, respuesta, tras_encolar) => {
                    let actividad = &self.cableado.actividad;
                    actividad.decidida(&pedido, &respuesta, tras_encolar);
                    self.cableado
                        .noticias
                        .publicar(noticia(&pedido, &respuesta));
                }
                Decision::Viaje(viaje) => self.viajar(viaje),
            }
        }
        for (par, encargos) in por_actor {
            self.cableado.actividad.entregadas(encargos.len());
            self.enviar(par, encargos);
        }
    }

    fn contestar(&mut self, id: u64, contestacion: Contestacion) {
        if contestacion == Contestacion::Encolada {
            self.cableado.actividad.encolada();
        }
        if let Some(responder) = self.responders.remove(&id) {
            let (op_id, fecha) = (responder.op_id().clone(), responder.fecha());
            responder.responder(&decir(contestacion, &op_id, &self.cableado.nodo, fecha));
        }
    }

    fn viajar(&self, viaje: Viaje) {
        self.ordenar(Orden::Viaje {
            vida: self.vida,
            viaje,
        });
    }

    /// The task has room for more orders than there can be; without the task the process is
    /// about to end.
    fn ordenar(&self, orden: Orden) {
        if self.cableado.ordenes.try_send(orden).is_err() {
            tracing::error!("nadie atiende el diario");
        }
    }

    fn enviar(&self, par: Par, encargos: Vec<Encargo>) {
        match encode_encargos(encargos) {
            Ok(tramas) => {
                for trama in tramas {
                    let salida = Salida {
                        par: par.clone(),
                        sobre: Sobre::default(),
                        libera: false,
                        trama,
                    };
                    if self.cableado.trabajo.try_send(salida).is_err() {
                        tracing::warn!(
                            "la salida hacia los actores está llena; se espera su plazo"
                        );
                    }
                }
            }
            Err(error) => tracing::error!(%error, "no se pudo escribir un encargo"),
        }
    }
}

impl Actor for Carga {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Not the bound: that is the reply's place, reserved at admission.
        ctx.set_mailbox_capacity(1024);
        self.ordenar(Orden::Cargar { vida: self.vida });
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
        self.suceder([Entrada::Reparto(reparto::Entrada::Ausente(par))]);
    }
}

impl Handler<DelDiario> for Carga {
    type Result = ();
    fn handle(&mut self, mensaje: DelDiario, _: &mut Self::Context) {
        self.leer(mensaje);
    }
}

impl Handler<Tic> for Carga {
    type Result = ();
    fn handle(&mut self, _: Tic, _: &mut Self::Context) {
        self.suceder([Entrada::Tic]);
    }
}

impl Handler<VerEstado> for Carga {
    type Result = EstadoCarga;
    fn handle(&mut self, _: VerEstado, _: &mut Self::Context) -> EstadoCarga {
        let ahora = Instant::now();
        let edades = self.responders.values().map(Responder::edad);
        EstadoCarga {
            reparto: self.nucleo.estado_reparto(),
            diario: self.nucleo.estado_diario(ahora),
            esperan: self.responders.len(),
            edad_esperan: edades.max().unwrap_or_default(),
            edad_en_cola: self.nucleo.edad_en_cola(ahora),
        }
    }
}
