//! Starts the load manager: its three sockets, its diario, its actor and its guardian.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::carga::actividad::{Actividad, FALTAS_MAX};
use crate::carga::actor::{Cableado, Carga, EstadoCarga, VerEstado};
use crate::carga::admision::Admision;
use crate::carga::anotador::{ORDENES_MAX, Orden, anotar};
use crate::carga::asistencia::Asistencia;
use crate::carga::clientes::Clientes;
use crate::carga::hora::Hora;
use crate::carga::reparto::Ajuste;
use crate::carga::trabajo::Trabajo;
use crate::carga::ventanilla::Ventanilla;
use crate::db::diario::{ARCHIVO, Diario, Opciones, faltas};
use crate::domain::modo::Modo;
use crate::domain::operacion::Operacion;
use crate::domain::reglas::Reglas;
use crate::net::curve::Dominio;
use crate::net::news;
use crate::net::server::{Escucha, Salida, servir};
use crate::nodo::{ArranqueError, Entorno, TERMINA, hasta};
use crate::runtime::guardian::{Puesto, vigilar};
use crate::settings::{Ajustes, Modos};
use crate::wire::actividad::Decision;
use crate::wire::codec::TRAMA_BYTES_MAX;
use crate::wire::estado::EstadoDeCarga;
use crate::wire::json::SOLICITUD_BYTES_MAX;

/// How often deadlines are looked at: fine enough for the shortest one (100 ms).
const TIC: Duration = Duration::from_millis(20);

/// A started load manager; cheap to clone.
#[derive(Clone)]
pub struct EnMarcha {
    puesto: Puesto<Carga>,
    abierta: Rc<Cell<bool>>,
    por_negar: Rc<Cell<usize>>,
    ventanilla: Ventanilla,
    asistencia: Asistencia,
}

impl EnMarcha {
    /// Whether its mailbox answers, or nobody holds the place now.
    pub async fn responde(&self) -> bool {
        self.puesto.contesta(VerEstado).await
    }

    /// Where this process asks on somebody's behalf.
    #[must_use]
    pub const fn ventanilla(&self) -> &Ventanilla {
        &self.ventanilla
    }

    /// How it and the actors that work for it are.
    pub async fn estado(&self) -> EstadoDeCarga {
        self.asistencia.estado().await
    }

    /// The same, and what it holds itself at that instant; none when it does not answer.
    pub async fn estado_y_suyo(&self) -> (EstadoDeCarga, Option<EstadoCarga>) {
        let suyo = self.asistencia.suyo().await;
        (self.asistencia.con(suyo.as_ref()), suyo)
    }

    /// Whether it can do its job now: for every kind of operation an actor that sees a
    /// database, and clients are taken.
    pub async fn salud(&self) -> Result<(), String> {
        if !self.abierta.get() {
            return Err(TERMINA.to_owned());
        }
        let estado = self.asistencia.estado().await;
        if !estado.vivo {
            return Err("la carga no da abasto o se está reiniciando".to_owned());
        }
        for tema in Operacion::ESCRITURAS {
            let suyos = || estado.actores.iter().filter(|actor| actor.tema == tema);
            if suyos().next().is_none() {
                return Err(format!("la carga no tiene actores de {tema}"));
            }
            if !suyos().any(|actor| actor.almacenes.iter().any(|enlace| enlace.listo)) {
                return Err(format!(
                    "ningún actor de {tema} ve un almacenamiento con la base de datos"
                ));
            }
        }
        Ok(())
    }

    /// Takes nothing more and waits for the answers that are owed.
    pub async fn drenar(&self) {
        self.abierta.set(false);
        hasta(async || {
            self.por_negar.get() == 0
                && match self.puesto.actor() {
                    None => true,
                    Some(actor) => actor
                        .send(VerEstado)
                        .await
                        .is_ok_and(|estado| estado.esperan == 0 && estado.diario.por_anotar == 0),
                }
        })
        .await;
    }
}

/// Starts it.
///
/// # Errors
/// [`ArranqueError`] when one of its sockets or its diario cannot be had.
pub async fn arrancar(entorno: &Entorno<'_>) -> Result<EnMarcha, ArranqueError> {
    let ajustes = entorno.ajustes;
    let carga = &ajustes.carga;
    let puesto = Puesto::vacante();

    let (trabajo, de_trabajo) = mpsc::channel(carga.en_vuelo_max as usize);
    let extremo = carga.trabajo.to_string();
    let escucha = Escucha {
        extremo: &extremo,
        dominio: Dominio::Trabajo,
        trama_bytes_max: TRAMA_BYTES_MAX,
        latido: entorno.latido(),
    };
    let asistencia = Asistencia::nueva(puesto.clone(), ajustes.nodo.id.clone());
    let actividad = Actividad::default();
    let puerta = Trabajo::nueva(
        puesto.clone(),
        asistencia.clone(),
        actividad.clone(),
        trabajo.clone(),
    )?;
    let (real, tarea) = servir(&entorno.contexto, escucha, puerta, de_trabajo)?;
    entorno.vigilar_socket("la puerta de trabajo", tarea);
    tracing::info!(extremo = real, "la carga espera actores");

    let noticias = news::abrir(&entorno.contexto, &carga.eventos.to_string())?;
    let ordenes = abrir_diario(entorno, &puesto, &actividad).await?;

    let (salidas, de_salidas) = mpsc::channel(carga.en_vuelo_max as usize);
    let admision = admision(ajustes, &puesto, salidas)?;
    let puerta = Clientes::nueva(admision.clone());
    let extremo = carga.clientes.to_string();
    let escucha = Escucha {
        extremo: &extremo,
        dominio: Dominio::Clientes,
        trama_bytes_max: SOLICITUD_BYTES_MAX,
        latido: TIC,
    };
    let (real, tarea) = servir(&entorno.contexto, escucha, puerta, de_salidas)?;
    entorno.vigilar_socket("la puerta de clientes", tarea);
    tracing::info!(extremo = real, "la carga espera clientes");

    let cableado = Cableado {
        nodo: ajustes.nodo.id.clone(),
        reparto: Ajuste {
            silencio_max: entorno.silencio_max(),
            cola_max: carga.cola_max as usize,
        },
        diario_max: carga.diario_max as usize,
        trabajo,
        noticias,
        ordenes,
        actividad,
    };
    vigilar(
        "carga".to_owned(),
        puesto.clone(),
        entorno.limites(),
        entorno.rendiciones.clone(),
        move |centinela| Ok(Carga::nueva(centinela, cableado.clone())),
    );
    Ok(EnMarcha {
        puesto,
        abierta: Rc::clone(&admision.abierta),
        por_negar: Rc::clone(&admision.por_negar),
        ventanilla: Ventanilla::nueva(admision, ajustes.claves().is_some()),
        asistencia,
    })
}

fn admision(
    ajustes: &Ajustes,
    puesto: &Puesto<Carga>,
    salidas: mpsc::Sender<Salida>,
) -> Result<Admision, ArranqueError> {
    let zona = Reglas::zona(&ajustes.reglas.zona_horaria)
        .map_err(|error| ArranqueError::Regla(error.to_string()))?;
    Ok(Admision {
        puesto: puesto.clone(),
        salidas,
        sede: ajustes.nodo.sede.clone(),
        hora: Arc::new(Hora::en(zona)),
        plazo: ajustes.plazo(),
        asincronas: asincronas(&ajustes.modos).into(),
        por_conexion_max: ajustes.carga.por_conexion_max as usize,
        abierta: Rc::new(Cell::new(true)),
        por_negar: Rc::default(),
    })
}

/// Opens the diario's file before any client is heard, and starts the task that owns it.
async fn abrir_diario(
    entorno: &Entorno<'_>,
    puesto: &Puesto<Carga>,
    actividad: &Actividad,
) -> Result<mpsc::Sender<Orden>, ArranqueError> {
    let ruta = entorno.ajustes.nodo.datos.join(ARCHIVO);
    let diario = Diario::abrir(Opciones::nuevas(ruta.clone()))
        .await
        .map_err(|fallo| ArranqueError::Diario(fallo.to_string()))?;
    match faltas(&ruta, FALTAS_MAX).await {
        Ok((ultimas, total)) => actividad.recordar(
            ultimas
                .iter()
                .map(|(pedido, respuesta)| Decision::nueva(pedido, respuesta)),
            total,
        ),
        // The carga works without; `auditar --excepciones` tells what is wrong.
        Err(fallo) => tracing::warn!(%fallo, "no se leyeron las faltas del diario"),
    }
    let (ordenes, por_hacer) = mpsc::channel(ORDENES_MAX);
    let rendiciones = entorno.rendiciones.clone();
    actix_rt::spawn(anotar(diario, por_hacer, puesto.clone(), rendiciones));
    Ok(ordenes)
}

fn asincronas(modos: &Modos) -> Vec<Operacion> {
    [
        (Operacion::Prestamo, modos.prestamo),
        (Operacion::Devolucion, modos.devolucion),
        (Operacion::Renovacion, modos.renovacion),
    ]
    .into_iter()
    .filter(|(_, modo)| *modo == Modo::Asincrono)
    .map(|(operacion, _)| operacion)
    .collect()
}
