//! Named faults of the network (cases 17 to 21), each alone and for the whole run, with what
//! is expected besides the promises.

use biblioteca::domain::operacion::Operacion;

use crate::correr::con;
use crate::escenario::{CARGAS, Escenario, Ruido};
use crate::mundo::{Mundo, Resumen};
use crate::nodo::{Evento, Nodo};

/// Runs of each case; the one that lasts two minutes gets fewer.
const SEMILLAS: u64 = 20;
const SEMILLAS_LARGAS: u64 = 4;

/// How long a client may wait that has another carga to go to: its patience with a silent
/// one, twice if it drew that one again, and what the answer itself takes.
const OTRA_CARGA_US: u64 = 8_000_000;

/// One fault that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caso {
    /// 17: no client reaches carga 0.
    ClientesSinCarga,
    /// 18: the answers of carga 0 to clients are lost.
    RespuestasPerdidas,
    /// 19: each carga sees one actor of each kind, and not the same.
    MitadDeLosActores,
    /// One actor of each kind reaches no almacenamiento, and says so at once.
    MitadSinAlmacen,
    /// 20: 300 ± 200 ms, every message three times.
    LentaYTriple,
    /// 21: every link to carga 0 up 1 s, down 1 s.
    Parpadeo,
}

impl Caso {
    /// The seed's processes and settings, with this fault in place of the drawn ones.
    pub fn escenario(self, semilla: u64) -> Escenario {
        let mut escenario = Escenario::de(semilla, None);
        let tranquilo = Ruido {
            perdidos_mil: 0,
            dobles_mil: 0,
            lentos_mil: 0,
            lento_max_us: 1,
            desordena: false,
        };
        escenario.caso = Some(self);
        let (prestamo, devolucion) = (Operacion::Prestamo, Operacion::Devolucion);
        escenario.actores = vec![prestamo, prestamo, devolucion, devolucion];
        escenario.guion = 12;
        escenario.plazo_ms = 2_500;
        escenario.espera_ms = 3_000;
        escenario.rondas = 2;
        escenario.creditos = 64;
        escenario.cola_carga = 100;
        escenario.cola_almacen = 100;
        escenario.intentos_max = 40;
        escenario.commit_max_us = 20_000;
        escenario.sana_us = 20_000_000;
        if self == Self::Parpadeo {
            escenario.guion = 200;
            escenario.sana_us = 120_000_000;
        }
        escenario.ruido = if self == Self::LentaYTriple {
            Ruido {
                dobles_mil: 1_000,
                lentos_mil: 1_000,
                lento_max_us: 400_000,
                desordena: true,
                ..tranquilo
            }
        } else {
            tranquilo
        };
        escenario
    }
}

impl Mundo {
    /// Puts the case's fault in place; called once, and by its own alarm if it comes and goes.
    pub fn empezar_caso(&mut self, caso: Caso) {
        let clientes = 0..self.clientes.len();
        let actores = 0..self.actores.len();
        match caso {
            Caso::ClientesSinCarga => clientes.for_each(|i| {
                self.cortar(Nodo::Cliente(i), Nodo::Carga(0), false);
                self.cortar(Nodo::Carga(0), Nodo::Cliente(i), false);
            }),
            Caso::RespuestasPerdidas => {
                clientes.for_each(|i| self.cortar(Nodo::Carga(0), Nodo::Cliente(i), false));
            }
            Caso::MitadDeLosActores => actores.for_each(|i| {
                self.cortar(Nodo::Actor(i), Nodo::Carga(i % CARGAS), false);
                self.cortar(Nodo::Carga(i % CARGAS), Nodo::Actor(i), false);
            }),
            Caso::MitadSinAlmacen => {
                for (i, almacen) in actores.step_by(2).flat_map(|i| [(i, 0), (i, 1)]) {
                    self.cortar(Nodo::Actor(i), Nodo::Almacen(almacen), false);
                    self.cortar(Nodo::Almacen(almacen), Nodo::Actor(i), false);
                }
            }
            Caso::LentaYTriple => {}
            Caso::Parpadeo => {
                let baja = (self.ahora_us / 1_000_000).is_multiple_of(2);
                for de in clientes.map(Nodo::Cliente).chain(actores.map(Nodo::Actor)) {
                    if baja {
                        self.romper(de, Nodo::Carga(0), true);
                        self.cortar(de, Nodo::Carga(0), false);
                        self.cortar(Nodo::Carga(0), de, false);
                    } else {
                        self.reparar(de, Nodo::Carga(0));
                    }
                }
                if !self.sano {
                    self.agendar(1_000_000, Evento::Caso(caso));
                }
            }
        }
    }
}

/// Runs a case; no operation of a client waited longer than `espera_max_us`.
fn probar(caso: Caso, espera_max_us: u64) -> Resumen {
    let mut total = Resumen::default();
    let semillas = if caso == Caso::Parpadeo {
        SEMILLAS_LARGAS
    } else {
        SEMILLAS
    };
    for semilla in 1..=semillas {
        let resumen = match con(caso.escenario(semilla), 0).0 {
            Ok(resumen) => resumen,
            Err(_) => panic!(
                "{caso:?}, seed {semilla}: {}",
                con(caso.escenario(semilla), 200).1
            ),
        };
        let espera_us = resumen.espera_max_us;
        assert!(
            espera_us <= espera_max_us,
            "{caso:?}, seed {semilla}: {espera_us} us\n{}",
            con(caso.escenario(semilla), 4_000).1
        );
        total.cobertura.sumar(&resumen.cobertura);
        total.espera_max_us = total.espera_max_us.max(espera_us);
    }
    println!("{caso:?}: {total:?}");
    total
}

#[test]
fn fault_17_clients_that_cannot_reach_a_carga_are_served_by_the_other() {
    probar(Caso::ClientesSinCarga, 4_000_000);
}

#[test]
fn fault_18_lost_answers_are_asked_for_again_and_come_from_the_store() {
    let total = probar(Caso::RespuestasPerdidas, OTRA_CARGA_US);
    assert!(total.cobertura.repetidas > SEMILLAS);
}

#[test]
fn fault_19_cargas_that_see_half_of_the_actors_each_serve() {
    let total = probar(Caso::MitadDeLosActores, 2_000_000);
    assert!(total.cobertura.efectos > SEMILLAS);
}

/// Its quick "no" would make it the least busy, and draw all the work to it.
#[test]
fn an_actor_that_reaches_no_almacenamiento_draws_no_work() {
    let total = probar(Caso::MitadSinAlmacen, 3_000_000);
    assert!(total.cobertura.efectos > SEMILLAS);
    // A client that asks before the first beats hears that there is nobody.
    let (pasadas, negadas) = (total.cobertura.segundas_entregas, total.cobertura.negadas);
    assert!(
        negadas * 5 < pasadas,
        "{negadas} refused, {pasadas} handed on"
    );
}

#[test]
fn fault_20_slow_links_that_carry_everything_three_times_double_no_effect() {
    probar(Caso::LentaYTriple, 4_000_000);
}

#[test]
fn fault_21_links_that_flap_leave_nothing_behind() {
    probar(Caso::Parpadeo, OTRA_CARGA_US);
}
