//! What the load manager has done since its process started, for the panel: it outlives the
//! actor, which notes it here. Counts and the latest decisions; it decides nothing.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::domain::operacion::Operacion;
use crate::wire::actividad::{ActividadDeCarga, Decision};
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::{Estado, Respuesta};

/// Latest decisions that are kept: a screenful.
const ULTIMAS_MAX: usize = 12;

/// Refusals after a queued yes that are kept; `auditar --excepciones` lists them all.
pub const FALTAS_MAX: usize = 20;

/// See the module's doc; cheap to clone, and all clones are one.
#[derive(Clone, Default)]
pub struct Actividad(Rc<RefCell<Hecho>>);

#[derive(Default)]
struct Hecho {
    /// Its lists stay empty.
    cuentas: ActividadDeCarga,
    ultimas: VecDeque<Decision>,
    faltas: VecDeque<Decision>,
}

impl Actividad {
    /// A request was admitted.
    pub fn pedida(&self, operacion: Operacion) {
        self.0.borrow_mut().cuentas.pedidas[operacion as usize] += 1;
    }

    /// So many were handed to actors.
    pub fn entregadas(&self, cuantas: usize) {
        self.0.borrow_mut().cuentas.entregadas += cuantas as u64;
    }

    /// One was acknowledged as queued.
    pub fn encolada(&self) {
        self.0.borrow_mut().cuentas.encoladas += 1;
    }

    /// One was decided for the first time; `tras_encolar` when it had been acknowledged as
    /// queued.
    pub fn decidida(&self, pedido: &Pedido, respuesta: &Respuesta, tras_encolar: bool) {
        let hecho = &mut *self.0.borrow_mut();
        let decision = Decision::nueva(pedido, respuesta);
        let cuentas = match respuesta.estado {
            Estado::Confirmado => &mut hecho.cuentas.confirmadas,
            _ => &mut hecho.cuentas.rechazadas,
        };
        if let Some(cuenta) = cuentas.get_mut(pedido.operacion as usize) {
            *cuenta += 1;
        }
        if tras_encolar && respuesta.estado == Estado::Rechazado {
            hecho.cuentas.faltas_total += 1;
            anteponer(&mut hecho.faltas, decision.clone(), FALTAS_MAX);
        }
        anteponer(&mut hecho.ultimas, decision, ULTIMAS_MAX);
    }

    /// The refusals after a queued yes that the diario holds from before, the oldest first,
    /// the last of `total`.
    pub fn recordar(&self, faltas: impl IntoIterator<Item = Decision>, total: u64) {
        let hecho = &mut *self.0.borrow_mut();
        hecho.cuentas.faltas_total += total;
        for falta in faltas {
            anteponer(&mut hecho.faltas, falta, FALTAS_MAX);
        }
    }

    /// As it is told.
    #[must_use]
    pub fn vista(&self) -> ActividadDeCarga {
        let hecho = self.0.borrow();
        ActividadDeCarga {
            ultimas: hecho.ultimas.iter().cloned().collect(),
            faltas: hecho.faltas.iter().cloned().collect(),
            ..hecho.cuentas.clone()
        }
    }
}

fn anteponer(lista: &mut VecDeque<Decision>, decision: Decision, max: usize) {
    lista.truncate(max - 1);
    lista.push_front(decision);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::ids::{OpId, Sede, UsuarioId};
    use crate::domain::rechazo::Rechazo;
    use crate::wire::huella::{Contenido, Huella};

    fn devolucion(usuario: &str) -> Pedido {
        let operacion = Operacion::Devolucion;
        Pedido {
            op_id: OpId::parse("k").unwrap(),
            operacion,
            isbn: None,
            ejemplar: None,
            usuario: Some(UsuarioId::parse(usuario).unwrap()),
            titulo: None,
            sede: Sede::parse("sede1").unwrap(),
            huella: Huella::de(Contenido {
                operacion,
                isbn: None,
                ejemplar: None,
                usuario: Some(usuario),
                sede: None,
            }),
            principal: crate::domain::principal::Principal::nadie(),
        }
    }

    fn no() -> Respuesta {
        Respuesta {
            estado: Estado::Rechazado,
            rechazo: Some(Rechazo::PrestamoNoActivo),
            mensaje: "m".into(),
            fecha: "f".into(),
            datos: "{}".into(),
            repetida: false,
        }
    }

    #[test]
    fn the_newest_is_first_and_nothing_grows_without_end() {
        let actividad = Actividad::default();
        let vieja = Decision::nueva(&devolucion("antes"), &no());
        actividad.recordar([vieja], 7);
        for numero in 0..100 {
            actividad.pedida(Operacion::Devolucion);
            actividad.decidida(&devolucion(&format!("u{numero}")), &no(), numero % 10 == 0);
        }
        let vista = actividad.vista();
        assert_eq!(vista.pedidas, [0, 100, 0, 0, 0]);
        assert_eq!(vista.rechazadas, [0, 100, 0]);
        assert_eq!(vista.ultimas.len(), ULTIMAS_MAX);
        assert_eq!(vista.ultimas[0].usuario.as_deref(), Some("u99"));
        assert_eq!((vista.faltas.len(), vista.faltas_total), (11, 17));
        assert_eq!(vista.faltas[0].usuario.as_deref(), Some("u90"));
        assert_eq!(vista.faltas[10].usuario.as_deref(), Some("antes"));
    }

    #[test]
    fn a_refusal_that_nobody_was_promised_otherwise_is_no_broken_promise() {
        let actividad = Actividad::default();
        actividad.decidida(&devolucion("u"), &no(), false);
        assert_eq!(actividad.vista().faltas_total, 0);
        assert_eq!(actividad.vista().ultimas.len(), 1);
    }
}
