//! The door on 5570: frames of nodes, JSON of plain clients, beats. It decides nothing.
//!
//! A frame of ours begins with its version byte, which no JSON text can: one socket serves
//! both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::almacenamiento::actor::{
    Administrar, Almacenamiento, Anuncio, Tareas, Validar, VerEstado,
};
use crate::almacenamiento::directo::{
    Accion, escribir_causa, escribir_desenlace, escribir_mala, leer_accion,
};
use crate::almacenamiento::tarea::{Origen, Tarea};
use crate::almacenamiento::vista::Vista;
use crate::domain::ids::Sede;
use crate::net::curve::Quien;
use crate::net::curve::lista::Papel;
use crate::net::server::{Entrada, Par, Puerta, Salida, Sobre};
use crate::runtime::guardian::Puesto;
use crate::runtime::recibidos::Recibidos;
use crate::wire::codec::{VERSION, decode, encode};
use crate::wire::estado::{EstadoDeAlmacen, EstadoNodo};
use crate::wire::mensaje::{Disposicion, EstadoAlmacen, Mensaje};
use crate::wire::respuesta::{Causa, Desenlace, Estado};

/// How long a plain client waits for its answer (design §2); the commit goes on regardless.
const RESPUESTA_DIRECTA: Duration = Duration::from_millis(800);

/// Plain requests under way at once; each holds a small task.
const DIRECTAS_MAX: usize = 1024;

/// How long the supervisor may take to say how it is: whoever asks waits about a second.
const ESTADO_MAX: Duration = Duration::from_millis(400);

/// Which node this door belongs to, for those who look at the whole.
#[derive(Debug, Clone)]
pub struct Rotulo {
    /// `nodo.id`.
    pub nodo: String,
    /// The database's file.
    pub archivo: String,
}

/// See the module's doc.
pub struct PuertaAlmacen {
    puesto: Puesto<Almacenamiento>,
    rotulo: Rotulo,
    anuncio: Anuncio,
    salidas: mpsc::Sender<Salida>,
    sede: Sede,
    directas: Arc<Semaphore>,
    vista: Vista,
    /// By node, and its number of the attempt.
    recibidos: Recibidos<(Par, u64)>,
}

impl PuertaAlmacen {
    /// A door to `puesto` that answers through `salidas`.
    #[must_use]
    pub fn nueva(
        puesto: Puesto<Almacenamiento>,
        rotulo: Rotulo,
        anuncio: Anuncio,
        salidas: mpsc::Sender<Salida>,
        sede: Sede,
        vista: Vista,
    ) -> Self {
        Self {
            puesto,
            rotulo,
            anuncio,
            salidas,
            sede,
            directas: Arc::new(Semaphore::new(DIRECTAS_MAX)),
            vista,
            recibidos: Recibidos::default(),
        }
    }

    fn latido(&self) -> EstadoAlmacen {
        let anuncio = self.anuncio.borrow().clone();
        if self.puesto.estado().vivo {
            anuncio
        } else {
            EstadoAlmacen {
                disposicion: Disposicion::NoListo,
                ..anuncio
            }
        }
    }

    /// Answers from a task of its own: a supervisor that is busy or gone holds up nobody.
    fn contar_estado(&self, par: Par) {
        let anuncio = self.latido();
        let actor = self.puesto.actor();
        let salidas = self.salidas.clone();
        let rotulo = self.rotulo.clone();
        actix_rt::spawn(async move {
            let colas = match actor {
                Some(actor) => tokio::time::timeout(ESTADO_MAX, actor.send(VerEstado)).await,
                None => Ok(Ok(Default::default())),
            };
            let colas = colas.ok().and_then(Result::ok).unwrap_or_default();
            let estado = EstadoNodo::Almacenamiento(EstadoDeAlmacen {
                nodo: rotulo.nodo,
                disposicion: anuncio.disposicion,
                base_id: anuncio.base_id,
                archivo: rotulo.archivo,
                en_cola: colas.en_cola as u64,
                lecturas: colas.lecturas as u64,
            });
            match encode(&Mensaje::EstadoNodo(estado)) {
                Ok(trama) => {
                    // Full: whoever asked asks again.
                    let _ = salidas.try_send(Salida {
                        par,
                        sobre: Sobre::default(),
                        libera: false,
                        trama,
                    });
                }
                Err(error) => tracing::error!(%error, "no se pudo escribir el estado"),
            }
        });
    }

    fn de_nodo(
        &mut self,
        par: Par,
        quien: &Quien,
        trama: &[u8],
        tareas: &mut Vec<Tarea>,
        inmediatas: &mut Vec<Salida>,
    ) {
        let ahora = Instant::now();
        match decode(trama) {
            Ok(mensaje) if !puede(quien, &mensaje) => {
                let quien = quien.nombre();
                tracing::warn!(quien, "su clave no puede pedir esto; se ignora");
            }
            Ok(Mensaje::Encargos(encargos)) => {
                for encargo in encargos {
                    let entrega = (Arc::clone(&par), encargo.id);
                    if !self.recibidos.es_nuevo(ahora, entrega) {
                        continue;
                    }
                    tareas.push(Tarea {
                        origen: Origen::Nodo(Arc::clone(&par), encargo.id),
                        pedido: encargo.pedido,
                        edad_ms: encargo.edad_ms,
                        recibida: ahora,
                        vence: ahora + Duration::from_millis(u64::from(encargo.plazo_ms)),
                    });
                }
            }
            Ok(Mensaje::VerEstado) => self.contar_estado(par),
            Ok(Mensaje::VerBase) => {
                inmediatas.extend(de_una_vez(par, &Mensaje::EstadoBase(self.vista.ultima())));
            }
            Ok(Mensaje::LatidoAlmacen) => {
                inmediatas.extend(de_una_vez(par, &Mensaje::EstadoAlmacen(self.latido())));
            }
            Ok(Mensaje::Encomienda(id, encomienda)) => {
                let _ = self.puesto.entregar(Administrar(par, id, encomienda));
            }
            Ok(otro) => tracing::warn!(?otro, "nadie dice esto a un almacenamiento; se ignora"),
            Err(error) => tracing::warn!(%error, "trama ilegible; se ignora"),
        }
    }

    fn directa(&self, entrada: Entrada, tareas: &mut Vec<Tarea>, inmediatas: &mut Vec<Salida>) {
        let (sobre, cuerpo) = Sobre::separar(&entrada.tramas);
        let par = entrada.par;
        let mut negar = |trama| {
            inmediatas.push(Salida {
                par: Arc::clone(&par),
                sobre: sobre.clone(),
                libera: false,
                trama,
            });
        };
        let [trama] = cuerpo else {
            let codigo = Causa::ParametrosInvalidos.codigo();
            return negar(escribir_mala(codigo, "se esperaba un solo marco"));
        };
        let accion = match leer_accion(trama, &self.sede, entrada.quien.principal()) {
            Ok(accion) => accion,
            Err((codigo, detalle)) => return negar(escribir_mala(codigo, &detalle)),
        };
        let Ok(sitio) = Arc::clone(&self.directas).try_acquire_owned() else {
            return negar(escribir_causa(Causa::ColaLlena, Estado::Ocupado));
        };
        let (aviso, espera) = oneshot::channel();
        match accion {
            Accion::Operar(pedido) => tareas.push(Tarea {
                origen: Origen::Directo(aviso),
                pedido,
                edad_ms: None,
                recibida: Instant::now(),
                vence: Instant::now() + RESPUESTA_DIRECTA,
            }),
            Accion::Validar(pedido) => {
                let _ = self.puesto.entregar(Validar(pedido, aviso));
            }
        }
        let salidas = self.salidas.clone();
        actix_rt::spawn(async move {
            let desenlace = match tokio::time::timeout(RESPUESTA_DIRECTA, espera).await {
                Ok(Ok(desenlace)) => desenlace,
                Ok(Err(_)) => Desenlace::Incierta(Causa::FalloInterno),
                Err(_) => Desenlace::Incierta(Causa::PlazoVencido),
            };
            let trama = escribir_desenlace(&desenlace);
            let _ = salidas
                .send(Salida {
                    par,
                    sobre,
                    libera: false,
                    trama,
                })
                .await;
            drop(sitio);
        });
    }
}

/// Whether that key may say that here: an actor's hands on its own kind of operation and
/// reads, an almacenamiento's brings administrative work.
fn puede(quien: &Quien, mensaje: &Mensaje) -> bool {
    match mensaje {
        Mensaje::Encargos(encargos) => encargos.iter().all(|encargo| {
            let papel = Papel::de(encargo.pedido.operacion);
            papel.map_or_else(|| lee(quien), |papel| quien.puede(papel))
        }),
        Mensaje::Encomienda(..) => quien.puede(Papel::Almacenamiento),
        _ => true,
    }
}

/// Every actor reads.
fn lee(quien: &Quien) -> bool {
    quien.puede(Papel::ActorPrestamo)
        || quien.puede(Papel::ActorDevolucion)
        || quien.puede(Papel::ActorRenovacion)
}

/// An answer that needs nobody.
fn de_una_vez(par: Par, mensaje: &Mensaje) -> Option<Salida> {
    let trama = encode(mensaje).ok()?;
    Some(Salida {
        par,
        sobre: Sobre::default(),
        libera: false,
        trama,
    })
}

impl Puerta for PuertaAlmacen {
    fn recibir(&mut self, entradas: Vec<Entrada>, inmediatas: &mut Vec<Salida>) {
        let mut tareas = Vec::new();
        for entrada in entradas {
            match entrada.tramas.as_slice() {
                [trama] if trama.first() == Some(&VERSION) => {
                    let par = Arc::clone(&entrada.par);
                    self.de_nodo(par, &entrada.quien, trama, &mut tareas, inmediatas);
                }
                _ if entrada.quien.puede(Papel::Directo) => {
                    self.directa(entrada, &mut tareas, inmediatas);
                }
                _ => {
                    let quien = entrada.quien.nombre();
                    tracing::warn!(quien, "su clave no es de un cliente directo; se ignora");
                }
            }
        }
        if !tareas.is_empty() {
            // With nobody in the place the senders' own deadlines tell them.
            let _ = self.puesto.entregar(Tareas(tareas));
        }
    }

    fn latir(&mut self, _inmediatas: &mut Vec<Salida>) {}

    fn liberar(&mut self, _par: &Par) {}

    fn ausente(&mut self, _par: &Par) {}
}
