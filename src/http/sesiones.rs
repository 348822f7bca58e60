//! The sessions of the pages: a cookie instead of a token, for a while. They live in this
//! process's memory: another carga asks for the token again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::http::tokens::{hash, secreto};

/// The cookie's name.
pub const GALLETA: &str = "biblioteca_sesion";

/// How long a session lasts without use: a turn at a desk.
pub const OCIO_MAX: Duration = Duration::from_secs(12 * 3600);

/// Sessions at once; with more, the one that rested longest ends.
const SESIONES_MAX: usize = 1_024;

/// See the module's doc.
#[derive(Debug, Default)]
pub struct Sesiones {
    /// By the hash of the cookie: whose token's hash, and when it was used last.
    abiertas: HashMap<String, (String, Instant)>,
}

impl Sesiones {
    /// Opens one for the holder of a token; answers the cookie's value.
    pub fn abrir(&mut self, secreto_del_token: &str, ahora: Instant) -> String {
        self.abiertas
            .retain(|_, (_, usada)| ahora.saturating_duration_since(*usada) < OCIO_MAX);
        if self.abiertas.len() >= SESIONES_MAX {
            let mas_vieja = self.abiertas.iter().min_by_key(|(_, (_, usada))| *usada);
            if let Some(clave) = mas_vieja.map(|(clave, _)| clave.clone()) {
                self.abiertas.remove(&clave);
            }
        }
        let galleta = secreto("");
        self.abiertas
            .insert(hash(&galleta), (hash(secreto_del_token), ahora));
        galleta
    }

    /// The hash of the token that opened it, if it is still open.
    pub fn de(&mut self, galleta: &str, ahora: Instant) -> Option<String> {
        let (token, usada) = self.abiertas.get_mut(&hash(galleta))?;
        if ahora.saturating_duration_since(*usada) >= OCIO_MAX {
            return None;
        }
        *usada = ahora;
        Some(token.clone())
    }

    /// Ends it.
    pub fn cerrar(&mut self, galleta: &str) {
        self.abiertas.remove(&hash(galleta));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_its_tokens_until_it_is_closed_or_rests_too_long() {
        let mut sesiones = Sesiones::default();
        let ahora = Instant::now();
        let galleta = sesiones.abrir("bib-1", ahora);
        assert_eq!(sesiones.de(&galleta, ahora), Some(hash("bib-1")));
        assert_eq!(sesiones.de("otra", ahora), None);
        assert_eq!(sesiones.de(&galleta, ahora + OCIO_MAX), None);
        sesiones.cerrar(&galleta);
        assert_eq!(sesiones.de(&galleta, ahora), None);
        for _ in 0..2 * SESIONES_MAX {
            sesiones.abrir("bib-2", ahora);
        }
        assert!(sesiones.abiertas.len() <= SESIONES_MAX);
    }
}
