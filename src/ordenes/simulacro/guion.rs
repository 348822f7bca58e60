//! What breaks next, drawn from a seed: the same seed gives the same faults in the same
//! order. Pure.
//!
//! Faults are dealt like cards, so that even a short drill sees every kind before any again;
//! sometimes two at once, never of one role.

use std::time::Duration;

use crate::ordenes::simulacro::base::Activos;
use crate::ordenes::simulacro::flota::ROLES;
use crate::role::Role;
use crate::solicitante::reintento::Azar;

/// Between a recovery and the next fault, in ms.
const PAUSA_MS: (u64, u64) = (400, 1_200);

/// How long a killed process stays away, in ms: from a service manager's restart to one that
/// a person notices.
const AUSENCIA_MS: (u64, u64) = (200, 2_500);

/// How long a process stays frozen, in ms: up to several times what makes it count as dead.
const CONGELADO_MS: (u64, u64) = (500, 4_000);

/// Of 100 faults, how many come with another at the same time (fault case 45).
const PAREJAS_PCT: u64 = 25;

/// What is done to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Golpe {
    /// kill -9 and, later, another start.
    Muerte,
    /// SIGSTOP and, later, SIGCONT.
    Congelacion,
}

impl Golpe {
    /// In the past tense, for the report.
    pub(super) const fn palabra(self) -> &'static str {
        match self {
            Self::Muerte => "muerto",
            Self::Congelacion => "congelado",
        }
    }
}

/// To whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Blanco {
    /// One of the two of a role, whichever the dice say.
    Rol(Role),
    /// The almacenamiento that has the database.
    Dueno,
    /// The one that stands by.
    Reserva,
}

impl Blanco {
    /// What role it has.
    const fn rol(self) -> Role {
        match self {
            Self::Rol(rol) => rol,
            Self::Dueno | Self::Reserva => Role::Almacenamiento,
        }
    }

    /// For the report.
    pub(super) const fn palabra(self) -> &'static str {
        match self {
            Self::Rol(rol) => rol.palabra(),
            Self::Dueno => "almacenamiento con la base",
            Self::Reserva => "almacenamiento en espera",
        }
    }
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Averia {
    /// To wait before it.
    pub(super) pausa: Duration,
    /// What is done.
    pub(super) golpe: Golpe,
    /// To whom.
    pub(super) blanco: Blanco,
    /// Which of the two, where the target leaves it open.
    pub(super) cual: usize,
    /// How long.
    pub(super) dura: Duration,
}

/// See the module's doc.
pub(super) struct Guion {
    azar: Azar,
    activos: Activos,
    baraja: Vec<(Golpe, Blanco)>,
}

impl Guion {
    /// The script of a seed, for a cluster with so many active almacenamientos.
    pub(super) const fn nuevo(semilla: u64, activos: Activos) -> Self {
        Self {
            azar: Azar::con_semilla(semilla),
            activos,
            baraja: Vec::new(),
        }
    }

    /// The next fault, and the one that comes at the same time, if any.
    pub(super) fn siguientes(&mut self) -> Vec<Averia> {
        if self.baraja.is_empty() {
            self.baraja = baraja(self.activos);
        }
        let ultima = self.baraja.len() as u64 - 1;
        let carta = usize::try_from(self.azar.hasta(ultima)).unwrap_or(0);
        let mut averias = vec![self.sacar(carta)];
        let rol = averias[0].blanco.rol();
        if self.azar.hasta(99) < PAREJAS_PCT
            && let Some(carta) = self.baraja.iter().position(|(_, b)| b.rol() != rol)
        {
            averias.push(self.sacar(carta));
        }
        averias
    }

    fn sacar(&mut self, carta: usize) -> Averia {
        let (golpe, blanco) = self.baraja.swap_remove(carta);
        let dura = match golpe {
            Golpe::Muerte => AUSENCIA_MS,
            Golpe::Congelacion => CONGELADO_MS,
        };
        Averia {
            pausa: self.entre(PAUSA_MS),
            golpe,
            blanco,
            cual: usize::from(self.azar.hasta(1) == 1),
            dura: self.entre(dura),
        }
    }

    fn entre(&mut self, (min, max): (u64, u64)) -> Duration {
        Duration::from_millis(min + self.azar.hasta(max - min))
    }
}

fn baraja(activos: Activos) -> Vec<(Golpe, Blanco)> {
    let blancos: Vec<Blanco> = ROLES
        .into_iter()
        .flat_map(|rol| match (rol, activos) {
            (Role::Almacenamiento, Activos::Uno) => vec![Blanco::Dueno, Blanco::Reserva],
            _ => vec![Blanco::Rol(rol)],
        })
        .collect();
    [Golpe::Muerte, Golpe::Congelacion]
        .into_iter()
        .flat_map(|golpe| blancos.iter().map(move |blanco| (golpe, *blanco)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_gives_the_same_faults_and_another_gives_others() {
        let doce = |semilla| {
            let mut guion = Guion::nuevo(semilla, Activos::Uno);
            (0..12).map(|_| guion.siguientes()).collect::<Vec<_>>()
        };
        assert_eq!(doce(7), doce(7));
        assert_ne!(doce(7), doce(8));
    }

    #[test]
    fn every_kind_comes_once_before_any_comes_again() {
        for (activos, clases) in [(Activos::Uno, 12), (Activos::Todos, 10)] {
            let mut guion = Guion::nuevo(1, activos);
            for _ in 0..3 {
                let mut vistas = BTreeSet::new();
                while vistas.len() < clases {
                    for averia in guion.siguientes() {
                        assert!(vistas.insert((averia.golpe, averia.blanco)), "{averia:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn two_at_once_are_never_of_one_role() {
        let mut guion = Guion::nuevo(1, Activos::Todos);
        let parejas: Vec<_> = (0..400)
            .map(|_| guion.siguientes())
            .filter(|averias| averias.len() > 1)
            .collect();
        assert!(parejas.len() > 40);
        for pareja in parejas {
            assert_eq!(pareja.len(), 2);
            assert_ne!(pareja[0].blanco.rol(), pareja[1].blanco.rol());
        }
    }
}
