//! Keeps an eye on every door, for as long as somebody looks: each is asked on its own, so a
//! dead one delays the news of no other.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::net::socket::Contexto;
use crate::panorama::Panorama;
use crate::panorama::sondeo::{A_ALMACEN, A_CARGA, Dicho, Puertas, componer, una};

/// Pause between two questions to one door. With the longest answer a door's death is known
/// within 2 s, and an actor's as soon as its carga knows.
const VUELTA: Duration = Duration::from_millis(400);

/// What is seen; none until every door has been asked once.
pub type Vista = watch::Receiver<Option<Arc<Panorama>>>;

/// Starts to look, on the caller's thread; ends with the last [`Vista`].
#[must_use]
pub fn vigilar(contexto: &Contexto, puertas: &Puertas) -> Vista {
    let (aviso, vista) = watch::channel(None);
    let vistas = Rc::new(Vistas {
        cargas: puertas.cargas.len(),
        dichos: RefCell::new(vec![None; puertas.cargas.len() + puertas.almacenes.len()]),
        aviso,
    });
    let extremos = puertas.cargas.iter().chain(&puertas.almacenes).cloned();
    for (lugar, extremo) in extremos.enumerate() {
        let (contexto, vistas) = (contexto.clone(), Rc::clone(&vistas));
        actix_rt::spawn(async move {
            let preguntas = if lugar < vistas.cargas {
                A_CARGA
            } else {
                A_ALMACEN
            };
            while !vistas.aviso.is_closed() {
                let dicho = una(&contexto, extremo.clone(), preguntas).await;
                vistas.anotar(lugar, dicho);
                tokio::time::sleep(VUELTA).await;
            }
        });
    }
    vista
}

struct Vistas {
    /// So many of the first are cargas, the others almacenamientos.
    cargas: usize,
    dichos: RefCell<Vec<Option<(String, Dicho)>>>,
    aviso: watch::Sender<Option<Arc<Panorama>>>,
}

impl Vistas {
    fn anotar(&self, lugar: usize, dicho: (String, Dicho)) {
        self.dichos.borrow_mut()[lugar] = Some(dicho);
        let todos: Option<Vec<_>> = self.dichos.borrow().iter().cloned().collect();
        if let Some(mut cargas) = todos {
            let almacenes = cargas.split_off(self.cargas);
            let panorama = componer(cargas, almacenes);
            self.aviso.send_replace(Some(Arc::new(panorama)));
        }
    }
}
