//! How much one place in the code may tell in a minute: a peer that sends rubbish by the
//! thousand must not fill the disk with our complaints about it. At most some 50 MB a day of
//! one place; what was kept back is told with the next that is not.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// What one place may tell within [`VENTANA`]: more than a person reads.
const POR_VENTANA: u32 = 200;

const VENTANA: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Cuenta {
    desde: Instant,
    dichos: u32,
    callados: u64,
}

/// See the module's doc. `debug` and `trace` pass: whoever turns them on wants all of it.
#[derive(Debug)]
pub struct Tope<W> {
    cuentas: Mutex<HashMap<Identifier, Cuenta>>,
    /// Where it tells how much it kept back.
    salida: fn() -> W,
}

/// Whether it is told, and how much of its kind was not since the last one that was.
#[derive(Debug, PartialEq, Eq)]
struct Turno {
    pasa: bool,
    callados: u64,
}

impl<W: Write> Tope<W> {
    /// One that has let nothing through yet.
    pub fn nuevo(salida: fn() -> W) -> Self {
        Self {
            cuentas: Mutex::default(),
            salida,
        }
    }

    fn turno(&self, lugar: Identifier, ahora: Instant) -> Turno {
        let mut cuentas = self.cuentas.lock().unwrap_or_else(PoisonError::into_inner);
        let cuenta = cuentas.entry(lugar).or_insert(Cuenta {
            desde: ahora,
            dichos: 0,
            callados: 0,
        });
        let mut callados = 0;
        if ahora.saturating_duration_since(cuenta.desde) >= VENTANA {
            callados = std::mem::take(&mut cuenta.callados);
            cuenta.desde = ahora;
            cuenta.dichos = 0;
        }
        let pasa = cuenta.dichos < POR_VENTANA;
        if pasa {
            cuenta.dichos += 1;
        } else {
            cuenta.callados += 1;
        }
        Turno { pasa, callados }
    }
}

impl<S: Subscriber, W: Write + 'static> Layer<S> for Tope<W> {
    fn event_enabled(&self, evento: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadatos = evento.metadata();
        if *metadatos.level() > Level::INFO {
            return true;
        }
        let Turno { pasa, callados } = self.turno(metadatos.callsite(), Instant::now());
        if callados > 0 {
            // A log that cannot be written has nobody to be told to.
            let _ = writeln!(
                (self.salida)(),
                "  … y {callados} avisos más como el siguiente, que no se escribieron ({})",
                metadatos.target()
            );
        }
        pasa
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use tracing::Callsite as _;
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn beyond_its_share_of_a_minute_a_place_is_silent_and_then_tells_how_much_it_kept_back() {
        let tope = Tope::nuevo(std::io::sink);
        let lugar =
            tracing::callsite!(name: "prueba", kind: tracing::metadata::Kind::EVENT, fields:);
        let lugar = lugar.metadata().callsite();
        let principio = Instant::now();
        let pasan = (0..1_000).filter(|_| tope.turno(lugar.clone(), principio).pasa);
        assert_eq!(pasan.count(), POR_VENTANA as usize);
        let despues = tope.turno(lugar.clone(), principio + VENTANA);
        let callados = 1_000 - u64::from(POR_VENTANA);
        assert_eq!((despues.pasa, despues.callados), (true, callados));
        let otra = tope.turno(lugar, principio + VENTANA);
        assert_eq!((otra.pasa, otra.callados), (true, 0));
    }

    #[derive(Clone, Default)]
    struct Papel(Arc<Mutex<Vec<u8>>>);

    impl Write for Papel {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Papel {
        type Writer = Self;
        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn one_place_that_floods_silences_no_other_and_no_debug() {
        let papel = Papel::default();
        let capa = tracing_subscriber::fmt::layer().with_writer(papel.clone());
        let todo = tracing_subscriber::registry()
            .with(Tope::nuevo(std::io::sink))
            .with(capa);
        tracing::subscriber::with_default(todo, || {
            for n in 0..1_000 {
                tracing::warn!("basura {n}");
                tracing::debug!("detalle {n}");
            }
            tracing::error!("lo que importa");
        });
        let texto = String::from_utf8(papel.0.lock().unwrap().clone()).unwrap();
        assert!((1..500).contains(&texto.matches("basura").count()));
        assert_eq!(texto.matches("detalle").count(), 1_000);
        assert_eq!(texto.matches("lo que importa").count(), 1);
    }
}
