//! How long an actor and its almacenamientos take for each operation, and when its breakers
//! change: for the metrics, beside what the actor decides.

use std::collections::HashMap;
use std::time::Instant;

use crate::actores::relevo::EstadoEndpoint;
use crate::domain::operacion::Operacion;
use crate::runtime::breaker::EstadoBreaker;
use crate::runtime::metricas::{self, CAMBIOS, TRAMO};

/// Attempts that are remembered. One that is never answered stays; with so many the
/// memory begins anew, and a few times are not measured.
const INTENTOS_MAX: usize = 16_384;

/// See the module's doc.
#[derive(Debug)]
pub struct Cronometro {
    actor: String,
    recibidas: HashMap<(usize, u64), (Operacion, Instant)>,
    enviadas: HashMap<(usize, u64), (Operacion, Instant)>,
    cortacircuitos: Vec<EstadoBreaker>,
}

impl Cronometro {
    /// Of the actor of that name.
    #[must_use]
    pub fn nuevo(actor: String) -> Self {
        Self {
            actor,
            recibidas: HashMap::new(),
            enviadas: HashMap::new(),
            cortacircuitos: Vec::new(),
        }
    }

    /// A carga gave the operation `id`.
    pub fn recibe(&mut self, carga: usize, id: u64, operacion: Operacion) {
        empezar(&mut self.recibidas, (carga, id), operacion);
    }

    /// It was answered.
    pub fn contesta(&mut self, carga: usize, id: u64) {
        acabar(&mut self.recibidas, (carga, id), "actor");
    }

    /// It was sent to an almacenamiento.
    pub fn envia(&mut self, almacen: usize, id: u64, operacion: Operacion) {
        empezar(&mut self.enviadas, (almacen, id), operacion);
    }

    /// That answered.
    pub fn vuelve(&mut self, almacen: usize, id: u64) {
        acabar(&mut self.enviadas, (almacen, id), "almacenamiento");
    }

    /// How its breakers stand.
    pub fn mirar(&mut self, almacenes: &[EstadoEndpoint]) {
        for (lugar, almacen) in almacenes.iter().enumerate() {
            let antes = self.cortacircuitos.get(lugar);
            if antes.is_some_and(|antes| *antes != almacen.breaker) {
                let a = almacen.breaker.to_string();
                let etiquetas = [
                    ("actor", self.actor.as_str()),
                    ("extremo", almacen.extremo.as_str()),
                    ("a", a.as_str()),
                ];
                metricas::contar(&CAMBIOS, &etiquetas, 1);
            }
        }
        self.cortacircuitos.clear();
        self.cortacircuitos
            .extend(almacenes.iter().map(|almacen| almacen.breaker));
    }
}

type Marcha = HashMap<(usize, u64), (Operacion, Instant)>;

fn empezar(marcha: &mut Marcha, clave: (usize, u64), operacion: Operacion) {
    if marcha.len() >= INTENTOS_MAX {
        marcha.clear();
    }
    marcha.insert(clave, (operacion, Instant::now()));
}

fn acabar(marcha: &mut Marcha, clave: (usize, u64), tramo: &'static str) {
    if let Some((operacion, desde)) = marcha.remove(&clave) {
        let etiquetas = [("tramo", tramo), ("operacion", operacion.palabra())];
        metricas::medir(&TRAMO, &etiquetas, desde.elapsed());
    }
}
