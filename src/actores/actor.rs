//! The one actor behind `actor-prestamo`, `actor-devolucion` and `actor-renovacion`: its
//! messages, and the shell around [`Relevo`].

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use actix::{Actor, AsyncContext, Context, Handler, Message};

use crate::actores::base::BaseConocida;
use crate::actores::cronometro::Cronometro;
use crate::actores::enlaces::Enlaces;
use crate::actores::relevo::{Entrada, EstadoEndpoint, Relevo, Salida};
use crate::domain::operacion::Operacion;
use crate::runtime::breaker::EstadoBreaker;
use crate::runtime::guardian::Centinela;
use crate::wire::codec::{encode, encode_encargos, encode_resultados};
use crate::wire::estado::{Cortacircuitos, EstadoDeActor, EstadoDeEnlace};
use crate::wire::mensaje::{Encargo, LatidoActor, Mensaje, Resultado};

/// How often attempts are looked at: fine enough for the shortest deadline (100 ms).
const TIC: Duration = Duration::from_millis(20);

/// How often it tells the cargas how it is, for `estado`, health and panel: what they show is
/// never older than 2 s, three of these and the way.
const NOTICIA: Duration = Duration::from_millis(500);

/// From a carga, by its place in the configuration.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct DeCarga(pub usize, pub Vec<Mensaje>);

/// From an almacenamiento, by its place in the configuration.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum DeAlmacen {
    /// It said something.
    Mensajes(usize, Vec<Mensaje>),
    /// Its connection ended.
    Desconectado(usize),
    /// These were certainly not sent to it.
    SinEnviar(usize, Vec<u64>),
}

/// Leave in order: tell the cargas to give nothing more.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Despedirse;

/// Asks for a snapshot.
#[derive(Debug, Message)]
#[rtype(result = "EstadoActor")]
pub struct VerEstado;

/// What an actor holds.
#[derive(Debug, Clone, PartialEq, Eq, actix::MessageResponse)]
pub struct EstadoActor {
    /// Operations in hand.
    pub en_curso: usize,
    /// Cargas whose beat is heard.
    pub cargas: usize,
    /// Every almacenamiento as it sees it.
    pub almacenes: Vec<EstadoEndpoint>,
}

/// Who an actor is, for those who look at the whole.
#[derive(Debug, Clone)]
pub struct Ficha {
    /// Node, role and number.
    pub nombre: String,
    /// What it writes.
    pub tema: Operacion,
    /// Most operations it holds at once for one carga.
    pub creditos: u32,
    /// Silence after which a carga is dead.
    pub silencio_max: Duration,
}

/// See the module's doc.
pub struct ActorOperacion {
    _centinela: Centinela,
    relevo: Relevo,
    enlaces: Enlaces,
    base: BaseConocida,
    ficha: Ficha,
    vida: u64,
    /// When each carga was heard last.
    oidas: Vec<Option<Instant>>,
    cronometro: Cronometro,
}

impl ActorOperacion {
    /// An actor that works through `enlaces`.
    #[must_use]
    pub fn nuevo(
        centinela: Centinela,
        relevo: Relevo,
        enlaces: Enlaces,
        base: BaseConocida,
        ficha: Ficha,
    ) -> Self {
        Self {
            _centinela: centinela,
            oidas: vec![None; enlaces.cargas.len()],
            cronometro: Cronometro::nuevo(ficha.nombre.clone()),
            relevo,
            enlaces,
            base,
            ficha,
            vida: uuid::Uuid::new_v4().as_u64_pair().0,
        }
    }

    /// Tells every carga how it is.
    fn contar_estado(&self) {
        let almacenes = self.relevo.estado(Instant::now());
        let estado = EstadoDeActor {
            vida: self.vida,
            nombre: self.ficha.nombre.clone(),
            tema: self.ficha.tema,
            creditos: self.ficha.creditos,
            en_curso: self.relevo.en_curso() as u64,
            almacenes: almacenes.into_iter().map(de_enlace).collect(),
        };
        if let Ok(trama) = encode(&Mensaje::EstadoActor(estado)) {
            for enlace in &self.enlaces.cargas {
                // News only: a carga that is not there asks for none.
                let _ = enlace.enviar(Vec::new(), trama.clone());
            }
        }
    }

    fn suceder(&mut self, entradas: impl IntoIterator<Item = Entrada>) {
        let ahora = Instant::now();
        let mut salidas = Vec::new();
        for entrada in entradas {
            self.relevo.paso(ahora, entrada, &mut salidas);
        }
        self.cronometro.mirar(&self.relevo.estado(ahora));
        self.cumplir(salidas);
    }

    fn cumplir(&mut self, salidas: Vec<Salida>) {
        let mut encargos: BTreeMap<usize, Vec<Encargo>> = BTreeMap::new();
        let mut resultados: BTreeMap<usize, Vec<Resultado>> = BTreeMap::new();
        for salida in salidas {
            match salida {
                Salida::Enviar(almacen, encargo) => {
                    let operacion = encargo.pedido.operacion;
                    self.cronometro.envia(almacen, encargo.id, operacion);
                    encargos.entry(almacen).or_default().push(encargo);
                }
                Salida::Responder(carga, resultado) => {
                    self.cronometro.contesta(carga, resultado.id);
                    resultados.entry(carga).or_default().push(resultado);
                }
                Salida::Base(base_id) => self.base.recordar(&base_id),
            }
        }
        for (carga, lista) in resultados {
            self.contestar(carga, lista);
        }
        for (almacen, lista) in encargos {
            self.encargar(almacen, lista);
        }
    }

    fn contestar(&self, carga: usize, lista: Vec<Resultado>) {
        let tramas = match encode_resultados(lista) {
            Ok(tramas) => tramas,
            Err(error) => return tracing::error!(%error, "no se pudo escribir un resultado"),
        };
        for trama in tramas {
            if self.enlaces.cargas[carga]
                .enviar(Vec::new(), trama)
                .is_err()
            {
                tracing::warn!("la salida hacia una carga está llena; se pierde un resultado");
            }
        }
    }

    fn encargar(&mut self, almacen: usize, lista: Vec<Encargo>) {
        let ids: Vec<u64> = lista.iter().map(|encargo| encargo.id).collect();
        let mut tramas = match encode_encargos(lista) {
            Ok(tramas) => tramas,
            Err(error) => return tracing::error!(%error, "no se pudo escribir un encargo"),
        };
        let mut sobrantes = Vec::new();
        let enlace = &self.enlaces.almacenes[almacen];
        if tramas.len() == 1 {
            sobrantes.extend(
                enlace
                    .enviar(ids, tramas.remove(0))
                    .err()
                    .unwrap_or_default(),
            );
        } else {
            // Split by size: which operation went into which frame is not known any more, so
            // a frame that cannot be sent is left to the attempt's time.
            for trama in tramas {
                let _ = enlace.enviar(Vec::new(), trama);
            }
        }
        if !sobrantes.is_empty() {
            self.suceder([Entrada::SinEnviar(almacen, sobrantes)]);
        }
    }
}

impl Actor for ActorOperacion {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(TIC, |actor, _| actor.suceder([Entrada::Tic]));
        ctx.run_interval(NOTICIA, |actor, _| actor.contar_estado());
    }
}

fn de_enlace(endpoint: EstadoEndpoint) -> EstadoDeEnlace {
    EstadoDeEnlace {
        extremo: endpoint.extremo,
        cortacircuitos: match endpoint.breaker {
            EstadoBreaker::Cerrado => Cortacircuitos::Cerrado,
            EstadoBreaker::Abierto => Cortacircuitos::Abierto,
            EstadoBreaker::MedioAbierto => Cortacircuitos::MedioAbierto,
        },
        listo: endpoint.listo,
    }
}

impl Handler<DeCarga> for ActorOperacion {
    type Result = ();
    fn handle(&mut self, DeCarga(carga, mensajes): DeCarga, _: &mut Self::Context) {
        self.oidas[carga] = Some(Instant::now());
        let entradas = mensajes.into_iter().filter_map(|mensaje| match mensaje {
            Mensaje::Encargos(encargos) => Some(Entrada::Encargos(carga, encargos)),
            _ => None,
        });
        let entradas: Vec<Entrada> = entradas.collect();
        for entrada in &entradas {
            if let Entrada::Encargos(carga, encargos) = entrada {
                for encargo in encargos {
                    let operacion = encargo.pedido.operacion;
                    self.cronometro.recibe(*carga, encargo.id, operacion);
                }
            }
        }
        self.suceder(entradas);
    }
}

impl Handler<DeAlmacen> for ActorOperacion {
    type Result = ();
    fn handle(&mut self, mensaje: DeAlmacen, _: &mut Self::Context) {
        let entradas: Vec<Entrada> = match mensaje {
            DeAlmacen::Desconectado(almacen) => vec![Entrada::Desconectado(almacen)],
            DeAlmacen::SinEnviar(almacen, ids) => vec![Entrada::SinEnviar(almacen, ids)],
            DeAlmacen::Mensajes(almacen, mensajes) => mensajes
                .into_iter()
                .filter_map(|mensaje| match mensaje {
                    Mensaje::Resultados(lista) => Some(Entrada::Resultados(almacen, lista)),
                    Mensaje::EstadoAlmacen(estado) => Some(Entrada::Estado(almacen, estado)),
                    _ => None,
                })
                .collect(),
        };
        for entrada in &entradas {
            if let Entrada::Resultados(almacen, lista) = entrada {
                for resultado in lista {
                    self.cronometro.vuelve(*almacen, resultado.id);
                }
            }
        }
        self.suceder(entradas);
    }
}

impl Handler<Despedirse> for ActorOperacion {
    type Result = ();
    fn handle(&mut self, _: Despedirse, _: &mut Self::Context) {
        let (tema, creditos) = (self.ficha.tema, 0);
        let ultimo = encode(&Mensaje::LatidoActor(LatidoActor { tema, creditos }));
        let (Ok(adios), Ok(ultimo)) = (encode(&Mensaje::Adios), ultimo) else {
            return;
        };
        for enlace in &self.enlaces.cargas {
            // The goodbye is for now, the beat for a carga that has yet to hear of this actor.
            let _ = enlace.enviar(Vec::new(), adios.clone());
            enlace.latir_con(ultimo.clone());
        }
    }
}

impl Handler<VerEstado> for ActorOperacion {
    type Result = EstadoActor;
    fn handle(&mut self, _: VerEstado, _: &mut Self::Context) -> EstadoActor {
        let ahora = Instant::now();
        let oida = |visto: &&Instant| ahora - **visto <= self.ficha.silencio_max;
        EstadoActor {
            en_curso: self.relevo.en_curso(),
            cargas: self.oidas.iter().flatten().filter(oida).count(),
            almacenes: self.relevo.estado(ahora),
        }
    }
}
