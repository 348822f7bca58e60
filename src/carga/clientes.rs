//! The door for clients (5555): reads their JSON, admits what there is room for, and refuses
//! the rest at once. It decides nothing about an operation.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::mpsc::{self, OwnedPermit};

use crate::carga::actor::{Admitidas, Carga, Solicitud, Tic};
use crate::carga::responder::{Remite, Responder, ahora, salida};
use crate::domain::ids::Sede;
use crate::domain::modo::Modo;
use crate::domain::operacion::Operacion;
use crate::net::server::{Entrada, Par, Puerta, Salida};
use crate::runtime::guardian::Puesto;
use crate::wire::json::{Invalida, escribir_invalida, leer_peticion};
use crate::wire::respuesta::{Causa, Desenlace};

/// What the door needs to know.
pub struct Clientes {
    /// The load manager's place.
    pub puesto: Puesto<Carga>,
    /// Where answers go; its capacity is the bound of admitted operations.
    pub salidas: mpsc::Sender<Salida>,
    /// The carga's own branch.
    pub sede: Sede,
    /// Zone of `fechaOperacion`.
    pub zona: Arc<TimeZone>,
    /// Deadline of a request that names none.
    pub plazo: Duration,
    /// Operations that are answered when they are on the disk, unless the request says
    /// otherwise.
    pub asincronas: Vec<Operacion>,
    /// Unanswered requests that one connection may have.
    pub por_conexion_max: usize,
    /// Cleared when the node is leaving: whoever asks is told to go elsewhere.
    pub abierta: Rc<Cell<bool>>,
    /// Unanswered requests of each connection that has any.
    pub en_vuelo: HashMap<Par, usize>,
}

impl Clientes {
    fn admitir(&mut self, entrada: Entrada, inmediatas: &mut Vec<Salida>) -> Option<Solicitud> {
        let (delimitada, trama) = match entrada.tramas.as_slice() {
            [trama] => (false, trama),
            [vacia, trama] if vacia.is_empty() => (true, trama),
            otras => {
                let delimitada = otras.first().is_some_and(Vec::is_empty);
                let detalle = "se esperaba un solo marco con un objeto JSON".to_owned();
                let causa = Causa::ParametrosInvalidos;
                let invalida = Invalida {
                    causa,
                    detalle,
                    op_id: None,
                    id: None,
                };
                inmediatas.push(self.invalida(entrada.par, delimitada, &invalida));
                return None;
            }
        };
        let peticion = match leer_peticion(trama, &self.sede) {
            Ok(peticion) => peticion,
            Err(invalida) => {
                inmediatas.push(self.invalida(entrada.par, delimitada, &invalida));
                return None;
            }
        };
        let remite = Remite {
            par: entrada.par,
            delimitada,
            op_id: peticion.pedido.op_id.clone(),
            id: peticion.id,
            zona: Arc::clone(&self.zona),
        };
        let Some(sitio) = self.sitio(&remite.par) else {
            inmediatas.push(salida(
                &remite,
                &Desenlace::NoAplicada(Causa::ColaLlena),
                false,
            ));
            return None;
        };
        *self.en_vuelo.entry(Arc::clone(&remite.par)).or_default() += 1;
        let plazo = peticion
            .plazo_ms
            .map_or(self.plazo, |ms| Duration::from_millis(u64::from(ms)));
        let operacion = peticion.pedido.operacion;
        let asincrona = peticion.modo.map_or_else(
            || self.asincronas.contains(&operacion),
            |modo| modo == Modo::Asincrono,
        );
        let responder = Responder::nuevo(sitio, remite);
        Some(Solicitud {
            pedido: peticion.pedido,
            plazo,
            asincrona,
            responder,
        })
    }

    /// A place for one more answer: in the queue, and among the connection's own.
    fn sitio(&self, par: &Par) -> Option<OwnedPermit<Salida>> {
        let suyas = self.en_vuelo.get(par).copied().unwrap_or(0);
        // Nobody holds more than is left for the others: however many flood, a newcomer
        // finds room.
        let suyas_max = self.por_conexion_max.min(self.salidas.capacity());
        if !self.abierta.get() || suyas >= suyas_max {
            return None;
        }
        self.salidas.clone().try_reserve_owned().ok()
    }

    fn invalida(&self, par: Par, delimitada: bool, invalida: &Invalida) -> Salida {
        let trama = escribir_invalida(invalida, &ahora(&self.zona));
        Salida {
            par,
            delimitada,
            libera: false,
            trama,
        }
    }
}

impl Puerta for Clientes {
    fn recibir(&mut self, entradas: Vec<Entrada>, inmediatas: &mut Vec<Salida>) {
        let admitidas: Vec<Solicitud> = entradas
            .into_iter()
            .filter_map(|entrada| self.admitir(entrada, inmediatas))
            .collect();
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

    fn latir(&mut self, _inmediatas: &mut Vec<Salida>) {
        let _ = self.puesto.entregar(Tic);
    }

    fn liberar(&mut self, par: &Par) {
        if let Some(cuenta) = self.en_vuelo.get_mut(par) {
            *cuenta -= 1;
            if *cuenta == 0 {
                self.en_vuelo.remove(par);
            }
        }
    }

    fn ausente(&mut self, _par: &Par) {
        tracing::debug!("un cliente se fue sin su respuesta");
    }
}
