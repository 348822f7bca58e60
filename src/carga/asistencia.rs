//! How the load manager and the actors that work for it are, for whoever asks: the door on
//! 5557, the health and the metrics. What an actor told of itself is forgotten when it is old.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::carga::actor::{Carga, EstadoCarga, VerEstado};
use crate::net::server::Par;
use crate::runtime::guardian::Puesto;
use crate::wire::estado::{EstadoDeActor, EstadoDeCarga};

/// How long the load manager may take to say how it is: whoever asks waits about a second.
const ESTADO_MAX: Duration = Duration::from_millis(400);

/// What an actor told of itself counts for this long: it tells it twice a second, and one that
/// has missed two is frozen or gone.
const NOTICIA_MAX: Duration = Duration::from_millis(1_500);

/// See the module's doc; cheap to clone, and all clones are one.
#[derive(Clone)]
pub struct Asistencia {
    puesto: Puesto<Carga>,
    nodo: String,
    actores: Rc<RefCell<HashMap<Par, (Instant, EstadoDeActor)>>>,
}

impl Asistencia {
    /// Of the load manager in `puesto`, of the node named `nodo`.
    #[must_use]
    pub fn nueva(puesto: Puesto<Carga>, nodo: String) -> Self {
        Self {
            puesto,
            nodo,
            actores: Rc::default(),
        }
    }

    /// An actor told how it is.
    pub fn anotar(&self, par: Par, estado: EstadoDeActor) {
        let dicho = (Instant::now(), estado);
        self.actores.borrow_mut().insert(par, dicho);
    }

    /// Its connection is gone.
    pub fn borrar(&self, par: &Par) {
        self.actores.borrow_mut().remove(par);
    }

    /// What the load manager holds; none from one that is busy or gone.
    pub async fn suyo(&self) -> Option<EstadoCarga> {
        let actor = self.puesto.actor()?;
        let suyo = tokio::time::timeout(ESTADO_MAX, actor.send(VerEstado)).await;
        suyo.ok()?.ok()
    }

    /// How everything is now. A load manager that is busy or gone is told as not living.
    pub async fn estado(&self) -> EstadoDeCarga {
        self.con(self.suyo().await.as_ref())
    }

    /// The same, with what the load manager holds asked for already.
    #[must_use]
    pub fn con(&self, suyo: Option<&EstadoCarga>) -> EstadoDeCarga {
        let mut estado = EstadoDeCarga {
            nodo: self.nodo.clone(),
            vivo: false,
            esperan: 0,
            entregadas: 0,
            en_cola: 0,
            encoladas: 0,
            apartadas: 0,
            edad_max_ms: 0,
            actores: self
                .actores
                .borrow()
                .values()
                .filter(|(visto, _)| visto.elapsed() < NOTICIA_MAX)
                .map(|(_, estado)| estado.clone())
                .collect(),
        };
        if let Some(suyo) = suyo {
            estado.vivo = true;
            estado.esperan = suyo.esperan as u64;
            estado.entregadas = suyo.reparto.entregadas as u64;
            estado.en_cola = suyo.reparto.en_cola as u64;
            estado.encoladas = suyo.diario.sin_decidir as u64;
            estado.apartadas = suyo.diario.apartadas as u64;
            estado.edad_max_ms = suyo.diario.edad_max_ms;
        }
        estado
    }
}
