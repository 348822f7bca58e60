//! The door for those of this process who ask on somebody's behalf (HTTP): the admission of
//! 5555, with one caller's requests counted as one connection's.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::carga::admision::Admision;
use crate::carga::responder::{Buzon, Remite, Responder, escribir};
use crate::domain::principal::Principal;
use crate::net::server::Par;
use crate::wire::respuesta::{Causa, Desenlace};

/// The owner of op_ids that come over HTTP where there are keys: the desks of one library are
/// one, whatever their tokens are called at each carga. No key or group can have this name.
const GRUPO: &str = "http:mostradores";

/// See the module's doc; cheap to clone.
#[derive(Clone)]
pub struct Ventanilla {
    admision: Admision,
    /// Whose the op_ids of all its callers are.
    grupo: &'static str,
    /// Unanswered requests of each caller that has any.
    en_vuelo: Rc<RefCell<HashMap<Par, usize>>>,
}

impl Ventanilla {
    /// A door that nobody has come through yet. Without keys nobody owns an op_id, so that one
    /// may be repeated here and at 5555.
    #[must_use]
    pub fn nueva(admision: Admision, con_claves: bool) -> Self {
        Self {
            admision,
            grupo: if con_claves { GRUPO } else { "" },
            en_vuelo: Rc::default(),
        }
    }

    /// Asks for `quien` and waits for the one answer, which is due within the request's
    /// deadline as everybody's is. Both are the JSON of contract §2.
    pub async fn pedir(&self, quien: &str, trama: &[u8]) -> Vec<u8> {
        let peticion = match self.admision.leer_propia(trama) {
            Ok(mut peticion) => {
                peticion.pedido.principal = Principal::en_grupo(self.grupo, quien);
                peticion
            }
            Err(invalida) => return invalida,
        };
        // No connection of ZeroMQ has a routing id like it: those are five bytes.
        let par = Par::from(format!("http:{quien}").into_bytes());
        let remite = Remite {
            operacion: peticion.pedido.operacion,
            par: Arc::clone(&par),
            op_id: peticion.pedido.op_id.clone(),
            id: peticion.id.clone(),
            hora: Arc::clone(&self.admision.hora),
        };
        let cuenta = Cuenta::nueva(&self.en_vuelo, par);
        let Some(sitio) = self.admision.sitio(cuenta.antes) else {
            return escribir(&remite, &Desenlace::NoAplicada(Causa::ColaLlena));
        };
        let (aviso, respuesta) = oneshot::channel();
        let buzon = Buzon::Ventanilla(sitio, aviso);
        let responder = Responder::nuevo(buzon, remite.clone());
        let solicitud = self.admision.solicitud(peticion, responder);
        self.admision.entregar(vec![solicitud]);
        respuesta.await.unwrap_or_else(|_| {
            // A responder answers even when it is dropped.
            escribir(&remite, &Desenlace::Incierta(Causa::FalloInterno))
        })
    }
}

/// One request among its caller's, until it is dropped.
struct Cuenta {
    en_vuelo: Rc<RefCell<HashMap<Par, usize>>>,
    par: Par,
    antes: usize,
}

impl Cuenta {
    fn nueva(en_vuelo: &Rc<RefCell<HashMap<Par, usize>>>, par: Par) -> Self {
        let mut suyas = en_vuelo.borrow_mut();
        let suya = suyas.entry(Arc::clone(&par)).or_default();
        *suya += 1;
        Self {
            antes: *suya - 1,
            en_vuelo: Rc::clone(en_vuelo),
            par,
        }
    }
}

impl Drop for Cuenta {
    fn drop(&mut self) {
        let mut suyas = self.en_vuelo.borrow_mut();
        if let Some(suya) = suyas.get_mut(&self.par) {
            *suya -= 1;
            if *suya == 0 {
                suyas.remove(&self.par);
            }
        }
    }
}
