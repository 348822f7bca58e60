//! What may be claimed of an operation that ended without a decision: pure.
//!
//! "Certainly not applied" is a promise (contract §7.4); where it cannot be kept, the end is
//! uncertain. A read applies nothing and so is never uncertain.

use crate::domain::operacion::Operacion;
use crate::wire::respuesta::{Causa, Desenlace};

/// The end of an operation for `causa`: uncertain while an actor has it, or once one was lost
/// with it.
#[must_use]
pub const fn sin_decidir(dudosa: bool, causa: Causa) -> Desenlace {
    if dudosa {
        Desenlace::Incierta(causa)
    } else {
        Desenlace::NoAplicada(causa)
    }
}

/// An actor can only say of itself that it applied nothing: what one before it, dead or
/// silent, sent on its way may still be applied.
#[must_use]
pub fn dudar(incierta: bool, desenlace: Desenlace) -> Desenlace {
    match desenlace {
        Desenlace::NoAplicada(causa) if incierta => Desenlace::Incierta(causa),
        Desenlace::EnEspera if incierta => Desenlace::Incierta(Causa::SinAlmacenamiento),
        Desenlace::Envenenada if incierta => Desenlace::Incierta(Causa::FalloInterno),
        otro => otro,
    }
}

/// The end as it is told: of a read that got no answer nothing can have been applied.
#[must_use]
pub fn de(operacion: Operacion, desenlace: Desenlace) -> Desenlace {
    match desenlace {
        Desenlace::Incierta(causa) if operacion.es_lectura() => Desenlace::NoAplicada(causa),
        otro => otro,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_never_uncertain_and_a_write_that_was_handed_over_always_is() {
        let entregada = sin_decidir(true, Causa::PlazoVencido);
        assert_eq!(entregada, Desenlace::Incierta(Causa::PlazoVencido));
        assert_eq!(de(Operacion::Prestamo, entregada.clone()), entregada);
        let leida = de(Operacion::Consulta, entregada);
        assert_eq!(leida, Desenlace::NoAplicada(Causa::PlazoVencido));
    }

    #[test]
    fn the_no_of_an_actor_after_one_that_was_lost_proves_nothing() {
        let no = Desenlace::NoAplicada(Causa::SinAlmacenamiento);
        assert_eq!(dudar(false, no.clone()), no);
        assert_eq!(
            dudar(true, no),
            Desenlace::Incierta(Causa::SinAlmacenamiento)
        );
    }
}
