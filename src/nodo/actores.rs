//! Starts the actors of one kind: links, actor and guardian for each.

use std::time::Duration;

use crate::actores::actor::{ActorOperacion, Despedirse, EstadoActor, Ficha, VerEstado};
use crate::actores::base::BaseConocida;
use crate::actores::enlaces::{Lugar, tender};
use crate::actores::relevo::{Ajuste, Relevo};
use crate::domain::operacion::Operacion;
use crate::nodo::{ArranqueError, Entorno, hasta};
use crate::role::Role;
use crate::runtime::breaker;
use crate::runtime::guardian::{Puesto, vigilar};

/// How long a breaker's probe may stay unanswered before another may be sent.
const SONDA_MAX: Duration = Duration::from_secs(2);

/// How long an actor may take to say how it is: whoever asks waits about a second.
const ESTADO_MAX: Duration = Duration::from_millis(400);

/// A started actor; cheap to clone.
#[derive(Clone)]
pub struct EnMarcha {
    nombre: String,
    tema: Operacion,
    puesto: Puesto<ActorOperacion>,
}

impl EnMarcha {
    /// Whether its mailbox answers, or nobody holds the place now.
    pub async fn responde(&self) -> bool {
        self.puesto.contesta(VerEstado).await
    }

    /// What it works.
    #[must_use]
    pub const fn tema(&self) -> Operacion {
        self.tema
    }

    /// Its role and number.
    #[must_use]
    pub fn nombre(&self) -> &str {
        &self.nombre
    }

    /// What it holds; none when it does not answer.
    pub async fn estado(&self) -> Option<EstadoActor> {
        let actor = self.puesto.actor()?;
        let estado = tokio::time::timeout(ESTADO_MAX, actor.send(VerEstado)).await;
        estado.ok()?.ok()
    }

    /// Whether it can do its job now: a carga gives it work, and it sees a database.
    pub async fn salud(&self) -> Result<(), String> {
        let nombre = &self.nombre;
        let Some(estado) = self.estado().await else {
            return Err(format!("{nombre} no responde o se está reiniciando"));
        };
        if !estado.almacenes.iter().any(|almacen| almacen.listo) {
            return Err(format!(
                "{nombre} no ve ningún almacenamiento con la base de datos"
            ));
        }
        if estado.cargas == 0 {
            return Err(format!("{nombre} no ve ninguna carga"));
        }
        Ok(())
    }

    /// Tells the cargas that it leaves, and finishes what it has and what comes until they
    /// have heard it, `despedida` at most.
    pub async fn drenar(&self, despedida: Duration) {
        let _ = self.puesto.entregar(Despedirse);
        // A carga that has not heard it yet still hands it work.
        tokio::time::sleep(despedida).await;
        hasta(async || match self.puesto.actor() {
            None => true,
            Some(actor) => actor
                .send(VerEstado)
                .await
                .is_ok_and(|estado| estado.en_curso == 0),
        })
        .await;
    }
}

/// Starts as many of this kind as the settings say.
///
/// # Errors
/// [`ArranqueError`] when the node's memory of its database cannot be read.
pub fn arrancar(entorno: &Entorno<'_>, rol: Role) -> Result<Vec<EnMarcha>, ArranqueError> {
    let ajustes = entorno.ajustes;
    let tema = match rol {
        Role::ActorDevolucion => Operacion::Devolucion,
        Role::ActorRenovacion => Operacion::Renovacion,
        _ => Operacion::Prestamo,
    };
    let base = BaseConocida::en(&ajustes.nodo.datos);
    base.leer()
        .map_err(|error| ArranqueError::Carpeta(ajustes.nodo.datos.display().to_string(), error))?;
    let lugar = Lugar {
        cargas: ajustes
            .actores
            .cargas
            .iter()
            .map(ToString::to_string)
            .collect(),
        almacenes: ajustes
            .actores
            .almacenamientos
            .iter()
            .map(ToString::to_string)
            .collect(),
        creditos: ajustes.actores.creditos,
        latido: entorno.latido(),
    };
    let ajuste = ajuste(entorno);
    let en_marcha = (1..=ajustes.actores.por_tipo).map(|numero| {
        let puesto = Puesto::vacante();
        let ficha = Ficha {
            nombre: format!("{}/{rol}-{numero}", ajustes.nodo.id),
            tema,
            creditos: ajustes.actores.creditos,
            silencio_max: entorno.silencio_max(),
        };
        let nombre = format!("{rol}-{numero}");
        let (mio, contexto, lugar, base) = (
            puesto.clone(),
            entorno.contexto.clone(),
            lugar.clone(),
            base.clone(),
        );
        vigilar(
            nombre.clone(),
            puesto.clone(),
            entorno.limites(),
            entorno.rendiciones.clone(),
            move |centinela| {
                let conocida = base.leer().map_err(|error| error.to_string())?;
                let relevo = Relevo::nuevo(ajuste, &lugar.almacenes, conocida);
                let enlaces =
                    tender(&contexto, &lugar, tema, &mio).map_err(|error| error.to_string())?;
                Ok(ActorOperacion::nuevo(
                    centinela,
                    relevo,
                    enlaces,
                    base.clone(),
                    ficha.clone(),
                ))
            },
        );
        EnMarcha {
            nombre,
            tema,
            puesto,
        }
    });
    Ok(en_marcha.collect())
}

fn ajuste(entorno: &Entorno<'_>) -> Ajuste {
    let cortacircuitos = &entorno.ajustes.cortacircuitos;
    Ajuste {
        breaker: breaker::Ajuste {
            fallos_max: cortacircuitos.fallos_max,
            abierto: Duration::from_secs(u64::from(cortacircuitos.abierto_s)),
            sonda: SONDA_MAX,
        },
        espera: Duration::from_millis(u64::from(cortacircuitos.espera_ms)),
        rondas: cortacircuitos.rondas,
        silencio_max: entorno.silencio_max(),
    }
}
