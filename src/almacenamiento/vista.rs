//! The latest look at the database, for whoever asks how it is. A task looks every two
//! seconds, on connections of its own, and nobody waits for it.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use crate::db::mirada::Mirador;
use crate::wire::base::EstadoDeBase;

/// Pause between two looks: a promotion is seen within the few seconds that it takes, and
/// three small questions a look are nothing to a server.
const PAUSA: Duration = Duration::from_secs(2);

/// Pause while a new database is being made, which takes a moment.
const ESTRENO: Duration = Duration::from_millis(100);

/// What was seen last, and when. Read by the door.
#[derive(Clone, Default)]
pub struct Vista(Rc<RefCell<Option<(Instant, EstadoDeBase)>>>);

impl Vista {
    /// The latest look, with its age; none before the first.
    #[must_use]
    pub fn ultima(&self) -> Option<EstadoDeBase> {
        let vista = self.0.borrow();
        let (cuando, base) = vista.as_ref()?;
        let edad_ms = u64::try_from(cuando.elapsed().as_millis()).unwrap_or(u64::MAX);
        Some(EstadoDeBase {
            edad_ms,
            ..base.clone()
        })
    }
}

/// Starts looking; ends when nobody holds the view any more.
#[must_use]
pub fn vigilar(mirador: Mirador) -> Vista {
    let vista = Vista::default();
    actix_rt::spawn(mirar(Rc::downgrade(&vista.0), mirador));
    vista
}

async fn mirar(vista: Weak<RefCell<Option<(Instant, EstadoDeBase)>>>, mut mirador: Mirador) {
    let mut antes = None;
    // A file that is not there yet is being made: there is nothing to tell of it.
    while !mirador.hay_algo() && vista.strong_count() > 0 {
        tokio::time::sleep(ESTRENO).await;
    }
    loop {
        let base = mirador.mirar().await;
        let durabilidad = base.durabilidad();
        if antes.replace(durabilidad) != Some(durabilidad) && durabilidad.mengua() {
            tracing::warn!("la base de datos está {}", durabilidad.frase());
        }
        let Some(vista) = vista.upgrade() else {
            return;
        };
        *vista.borrow_mut() = Some((Instant::now(), base));
        drop(vista);
        tokio::time::sleep(PAUSA).await;
    }
}
