//! The sending end of a queue that knows how long its oldest has waited: the channel tells how
//! many wait and not since when.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::almacenamiento::tarea::{Origen, Tarea};

/// See the module's doc.
pub struct Cola {
    entrada: mpsc::Sender<Tarea>,
    /// When those that were sent last arrived, in their order: what has been taken out
    /// already is forgotten at the next look.
    llegadas: RefCell<VecDeque<Instant>>,
}

impl Cola {
    /// Of that channel, whose other end takes in order.
    #[must_use]
    pub const fn nueva(entrada: mpsc::Sender<Tarea>) -> Self {
        Self {
            entrada,
            llegadas: RefCell::new(VecDeque::new()),
        }
    }

    /// Puts it at the end.
    ///
    /// # Errors
    /// Whom to tell that the queue is full.
    pub fn poner(&self, tarea: Tarea) -> Result<(), Origen> {
        let recibida = tarea.recibida;
        let puesta = self.entrada.try_send(tarea);
        puesta.map_err(|error| error.into_inner().origen)?;
        self.llegadas.borrow_mut().push_back(recibida);
        self.largo();
        Ok(())
    }

    /// How many wait now; forgets those that do not.
    pub fn largo(&self) -> usize {
        let largo = self.entrada.max_capacity() - self.entrada.capacity();
        let mut llegadas = self.llegadas.borrow_mut();
        let idas = llegadas.len().saturating_sub(largo);
        llegadas.drain(..idas);
        largo
    }

    /// How long the oldest of them has waited; nothing with none.
    #[must_use]
    pub fn edad(&self) -> Duration {
        self.largo();
        let primera = self.llegadas.borrow().front().copied();
        primera.map_or(Duration::ZERO, |llegada| llegada.elapsed())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::domain::ids::{OpId, Sede};
    use crate::domain::operacion::Operacion;
    use crate::domain::principal::Principal;
    use crate::wire::huella::{Contenido, Huella};
    use crate::wire::pedido::Pedido;

    fn tarea(hace: Duration) -> Tarea {
        let contenido = Contenido {
            operacion: Operacion::Estado,
            isbn: None,
            ejemplar: None,
            usuario: None,
            sede: None,
        };
        let recibida = Instant::now() - hace;
        Tarea {
            origen: Origen::Directo(oneshot::channel().0),
            pedido: Pedido {
                op_id: OpId::parse("a").unwrap(),
                operacion: Operacion::Estado,
                isbn: None,
                ejemplar: None,
                usuario: None,
                titulo: None,
                sede: Sede::parse("sede1").unwrap(),
                huella: Huella::de(contenido),
                principal: Principal::nadie(),
            },
            edad_ms: None,
            recibida,
            vence: recibida,
        }
    }

    #[test]
    fn the_age_is_that_of_the_oldest_that_still_waits() {
        let (entrada, mut salida) = mpsc::channel(2);
        let cola = Cola::nueva(entrada);
        assert_eq!((cola.largo(), cola.edad()), (0, Duration::ZERO));
        let minuto = Duration::from_secs(60);
        cola.poner(tarea(3 * minuto)).unwrap();
        cola.poner(tarea(minuto)).unwrap();
        assert!(cola.poner(tarea(minuto)).is_err(), "full");
        assert_eq!(cola.largo(), 2);
        assert!(cola.edad() >= 3 * minuto);
        salida.try_recv().unwrap();
        assert_eq!(cola.largo(), 1);
        assert!((minuto..2 * minuto).contains(&cola.edad()));
        salida.try_recv().unwrap();
        assert_eq!(cola.edad(), Duration::ZERO);
    }
}
