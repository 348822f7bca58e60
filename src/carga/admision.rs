//! Admission to the load manager, the same for every door: what is well formed and has a place
//! for its answer goes in, the rest is refused. It decides nothing about an operation.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{self, OwnedPermit};

use crate::carga::actor::{Admitidas, Carga, Solicitud};
use crate::carga::hora::Hora;
use crate::carga::responder::{Responder, contar};
use crate::domain::ids::Sede;
use crate::domain::modo::Modo;
use crate::domain::operacion::Operacion;
use crate::net::server::Salida;
use crate::runtime::guardian::Puesto;
use crate::wire::json::{
    Invalida, Peticion, escribir_invalida, leer_peticion, leer_peticion_propia,
};
use crate::wire::respuesta::{Causa, Desenlace, Estado};

/// What a door needs to know; cheap to clone.
#[derive(Clone)]
pub struct Admision {
    /// The load manager's place.
    pub puesto: Puesto<Carga>,
    /// Where answers go; its capacity is the bound of admitted operations, of all doors
    /// together.
    pub salidas: mpsc::Sender<Salida>,
    /// The carga's own branch.
    pub sede: Sede,
    /// What `fechaOperacion` says.
    pub hora: Arc<Hora>,
    /// Deadline of a request that names none.
    pub plazo: Duration,
    /// Operations that are answered when they are on the disk, unless the request says
    /// otherwise.
    pub asincronas: Rc<[Operacion]>,
    /// Unanswered requests that one connection may have.
    pub por_conexion_max: usize,
    /// Cleared when the node is leaving: whoever asks is told to go elsewhere.
    pub abierta: Rc<Cell<bool>>,
    /// Refusals that are yet to be told.
    pub por_negar: Rc<Cell<usize>>,
}

impl Admision {
    /// Reads a request of a plain client.
    ///
    /// # Errors
    /// The answer to a malformed one.
    pub fn leer(&self, trama: &[u8]) -> Result<Peticion, Vec<u8>> {
        leer_peticion(trama, &self.sede).map_err(|invalida| self.negar(&invalida))
    }

    /// Reads a request of this process's own side door.
    ///
    /// # Errors
    /// The answer to a malformed one.
    pub fn leer_propia(&self, trama: &[u8]) -> Result<Peticion, Vec<u8>> {
        leer_peticion_propia(trama, &self.sede).map_err(|invalida| self.negar(&invalida))
    }

    /// The answer to a malformed request.
    #[must_use]
    pub fn negar(&self, invalida: &Invalida) -> Vec<u8> {
        let ninguna = ("operacion", "ninguna");
        contar(ninguna, Estado::Invalido, invalida.causa.codigo());
        escribir_invalida(invalida, &self.hora.ahora())
    }

    /// A place for one more answer: in the queue, and among the `suyas` that its connection
    /// has already.
    #[must_use]
    pub fn sitio(&self, suyas: usize) -> Option<OwnedPermit<Salida>> {
        // Nobody holds more than is left for the others: however many flood, a newcomer
        // finds room.
        let suyas_max = self.por_conexion_max.min(self.salidas.capacity());
        if !self.abierta.get() || suyas >= suyas_max {
            return None;
        }
        self.salidas.clone().try_reserve_owned().ok()
    }

    /// What the load manager gets of a request that has its place.
    #[must_use]
    pub fn solicitud(&self, peticion: Peticion, responder: Responder) -> Solicitud {
        let plazo = peticion
            .plazo_ms
            .map_or(self.plazo, |ms| Duration::from_millis(u64::from(ms)));
        let operacion = peticion.pedido.operacion;
        let asincrona = peticion.modo.map_or_else(
            || self.asincronas.contains(&operacion),
            |modo| modo == Modo::Asincrono,
        );
        Solicitud {
            pedido: peticion.pedido,
            plazo,
            asincrona,
            responder,
        }
    }

    /// Hands them over; with nobody in the place they were certainly not applied.
    pub fn entregar(&self, admitidas: Vec<Solicitud>) {
        if admitidas.is_empty() {
            return;
        }
        if let Err(Admitidas(devueltas)) = self.puesto.entregar(Admitidas(admitidas)) {
            for solicitud in devueltas {
                solicitud
                    .responder
                    .responder(&Desenlace::NoAplicada(Causa::FalloInterno));
            }
        }
    }
}
