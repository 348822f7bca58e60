//! The world: virtual time, the queue of what happens, and every process in it. One seed, one
//! run, always the same.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::time::{Duration, Instant};

use crate::actor::Actor;
use crate::almacen::{Almacen, Disco};
use crate::azar::Azar;
use crate::base::Base;
use crate::carga::Carga;
use crate::cliente::{Cliente, LIBROS};
use crate::diario::DiscoDiario;
use crate::escenario::{ALMACENES, CARGAS, Escenario};
use crate::juez::{Cobertura, Juez, Regla, Violacion};
use crate::nodo::{Evento, Nodo, Paquete, Proceso};
use crate::rastro::Rastro;
use crate::red::Red;

/// Four beats missed, as in the node's settings.
pub const SILENCIO_MAX: Duration = Duration::from_millis(1_000);

const LATIDO_US: u64 = 250_000;

/// Deadlines are looked at this often while there are any, and this often while there are
/// none: the node does so always; a run is faster for it.
const TIC_US: (u64, u64) = (20_000, 200_000);

/// How long after healing, besides a breaker's open time, every client has its answer.
const VIVEZA_US: u64 = 12_000_000;

/// How long nothing happens until the cores must be empty: longer than any deadline.
const REPOSO_US: u64 = 4_000_000;

struct Cita(u64, u64, Box<Evento>);

impl PartialEq for Cita {
    fn eq(&self, otra: &Self) -> bool {
        (self.0, self.1) == (otra.0, otra.1)
    }
}
impl Eq for Cita {}
impl PartialOrd for Cita {
    fn partial_cmp(&self, otra: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(otra))
    }
}
impl Ord for Cita {
    fn cmp(&self, otra: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(otra.0, otra.1))
    }
}

/// See the module's doc.
pub struct Mundo {
    pub escenario: Escenario,
    pub ahora_us: u64,
    pub sano: bool,
    pub azar: Azar,
    pub red: Red,
    pub disco: Disco,
    pub diarios: [DiscoDiario; CARGAS],
    pub clientes: Vec<Cliente>,
    pub cargas: Vec<Proceso<Carga>>,
    pub actores: Vec<Proceso<Actor>>,
    pub almacenes: Vec<Proceso<Almacen>>,
    pub juez: Juez,
    pub rastro: Rastro,
    pub espera_max_us: u64,
    cola: BinaryHeap<Reverse<Cita>>,
    citas: u64,
}

/// A run that kept every promise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resumen {
    pub eventos: u64,
    pub cobertura: Cobertura,
    pub dura_us: u64,
    /// The longest that a client waited for a decision.
    pub espera_max_us: u64,
    /// The same for two runs of one seed.
    pub suma: u64,
}

fn procesos<N>(base: Instant, cuantos: usize, azar: &mut Azar) -> Vec<Proceso<N>> {
    (0..cuantos)
        .map(|_| {
            // Clocks start anywhere and drift up to 2 %.
            let adelanto_us = azar.entre(0, 1_000_000_000);
            Proceso::nuevo(base, adelanto_us, azar.entre(980_000, 1_020_000))
        })
        .collect()
}

impl Mundo {
    pub fn nuevo(escenario: Escenario, rastro: Rastro) -> Self {
        let mut azar = Azar::nuevo(escenario.semilla);
        let base = Instant::now();
        let mut mundo = Self {
            ahora_us: 0,
            sano: false,
            red: Red::nueva(&escenario),
            disco: Disco::nuevo(Base::nueva(LIBROS, 2)),
            diarios: Default::default(),
            clientes: (0..escenario.clientes)
                .map(|i| Cliente::nuevo(i, &mut azar))
                .collect(),
            cargas: procesos(base, CARGAS, &mut azar),
            actores: procesos(base, escenario.actores.len(), &mut azar),
            almacenes: procesos(base, ALMACENES, &mut azar),
            juez: Juez::default(),
            rastro,
            espera_max_us: 0,
            cola: BinaryHeap::new(),
            citas: 0,
            azar,
            escenario,
        };
        for nodo in mundo.todos() {
            mundo.revivir(nodo);
        }
        for i in 0..mundo.clientes.len() {
            // After the first beats, so that most have somebody to ask.
            let us = mundo.azar.entre(0, 500_000);
            mundo.agendar(us, Evento::Despierta(i, 0));
        }
        match mundo.escenario.caso {
            Some(caso) => mundo.agendar(0, Evento::Caso(caso)),
            None => mundo.agendar(mundo.escenario.falta_cada_us, Evento::Falta),
        }
        mundo.agendar(mundo.escenario.sana_us, Evento::Sanar);
        mundo
    }

    /// Every process but the clients.
    pub fn todos(&self) -> Vec<Nodo> {
        let cargas = (0..CARGAS).map(Nodo::Carga);
        let actores = (0..self.actores.len()).map(Nodo::Actor);
        let almacenes = (0..ALMACENES).map(Nodo::Almacen);
        cargas.chain(actores).chain(almacenes).collect()
    }

    pub fn agendar(&mut self, en_us: u64, evento: Evento) {
        self.citas += 1;
        let cita = Cita(self.ahora_us + en_us, self.citas, Box::new(evento));
        self.cola.push(Reverse(cita));
    }

    /// Runs to the end.
    pub fn correr(&mut self) -> Result<Resumen, Violacion> {
        let limite_us = self.escenario.sana_us + self.escenario.abierto_ms * 1_000 + VIVEZA_US;
        let mut eventos = 0;
        let mut reposo_us = None;
        while let Some(Reverse(Cita(us, _, evento))) = self.cola.peek_mut().map(PeekMut::pop) {
            self.ahora_us = us;
            self.juez.ahora_us = us;
            eventos += 1;
            self.suceder(*evento);
            if let Some(violacion) = self.juez.violacion.take() {
                return Err(violacion);
            }
            let terminaron = self.sano
                && self.clientes.iter().all(Cliente::termino)
                && self.cargas.iter().all(|carga| !carga.espera_decisiones());
            let desde_us = *reposo_us.get_or_insert(us);
            if !terminaron {
                reposo_us = None;
                if us > limite_us {
                    self.sin_fin();
                    break;
                }
            } else if us > desde_us + REPOSO_US {
                self.buscar_fugas();
                self.juez.cerrar(&self.disco.base);
                break;
            }
        }
        match self.juez.violacion.take() {
            Some(violacion) => Err(violacion),
            None => Ok(Resumen {
                eventos,
                cobertura: self.juez.cobertura,
                dura_us: self.ahora_us,
                espera_max_us: self.espera_max_us,
                suma: self.rastro.suma,
            }),
        }
    }

    fn sin_fin(&mut self) {
        let esperan: Vec<String> = self
            .clientes
            .iter()
            .filter(|cliente| !cliente.termino())
            .map(Cliente::espera)
            .chain(self.cargas.iter().enumerate().filter_map(|(i, carga)| {
                let quedan = carga.espera_decisiones();
                quedan.then(|| format!("carga{i} has undecided entries"))
            }))
            .collect();
        self.juez.acusar(Regla::SinFin, esperan.join("; "));
    }

    fn buscar_fugas(&mut self) {
        for (i, carga) in self.cargas.iter().enumerate() {
            if let Some(fuga) = carga.nucleo.as_ref().and_then(Carga::fuga) {
                self.juez
                    .acusar(Regla::Fuga, format!("carga{i} holds {fuga}"));
            }
        }
        for (i, actor) in self.actores.iter().enumerate() {
            if actor.nucleo.as_ref().is_some_and(Actor::ocupado) {
                self.juez
                    .acusar(Regla::Fuga, format!("actor{i} holds operations"));
            }
        }
        for (i, almacen) in self.almacenes.iter().enumerate() {
            if let Some(fuga) = almacen.nucleo.as_ref().and_then(Almacen::fuga) {
                self.juez
                    .acusar(Regla::Fuga, format!("almacen{i} holds {fuga}"));
            }
        }
    }

    fn suceder(&mut self, evento: Evento) {
        let Some(evento) = self.si_corre(evento) else {
            return;
        };
        match evento {
            Evento::Entrega {
                de,
                a,
                conexion,
                paquete,
            } => self.llegar(de, a, conexion, paquete),
            Evento::Tic(nodo, vida) => self.tic(nodo, vida),
            Evento::Latido(i, vida) => {
                self.latir(i);
                self.agendar(LATIDO_US, Evento::Latido(i, vida));
            }
            Evento::Ausente(i, par) => self.ausente(i, par),
            Evento::Desconectado(i, _, almacen) => self.desconectado(i, almacen),
            Evento::SinEnviar(i, _, almacen, id) => self.sin_enviar(i, almacen, id),
            Evento::LeeDiario(i, _) => self.leer_diario(i),
            Evento::Sincroniza(i, _) => self.sincronizar(i),
            Evento::DeVuelta(i, _, suertes, halladas) => self.de_vuelta(i, suertes, halladas),
            Evento::Caida(i, carga) => self.caida(i, carga),
            Evento::Despierta(i, turno) => self.despertar(i, turno),
            Evento::Abre(i, _) => self.abrir(i),
            Evento::Lote(i, _) => self.empezar_lote(i),
            Evento::Commit(i, _) => self.commit(i),
            Evento::Contesta(i, _) => self.contestar(i),
            Evento::Falta => self.falta(),
            Evento::Caso(caso) => self.empezar_caso(caso),
            Evento::Revive(nodo) => self.revivir(nodo),
            Evento::Retira(i, _) => self.retirar(i),
            Evento::Descongela(nodo) => self.descongelar(nodo),
            Evento::Repara(de, a) => self.reparar(de, a),
            Evento::Sanar => self.sanar(),
        }
    }

    /// The event, if its process is there to see it now and is the one it was meant for.
    fn si_corre(&mut self, evento: Evento) -> Option<Evento> {
        match evento.de_quien() {
            Some(Nodo::Carga(i)) => self.cargas[i].filtrar(evento),
            Some(Nodo::Actor(i)) => self.actores[i].filtrar(evento),
            Some(Nodo::Almacen(i)) => self.almacenes[i].filtrar(evento),
            Some(Nodo::Cliente(_)) | None => Some(evento),
        }
    }

    fn llegar(&mut self, de: Nodo, a: Nodo, conexion: u64, paquete: Paquete) {
        if self.red.conexion(de, a) != conexion {
            self.rastro
                .anotar(self.ahora_us, || format!("{de} -#-> {a}: {paquete}"));
            return;
        }
        self.rastro
            .anotar(self.ahora_us, || format!("{de} ---> {a}: {paquete}"));
        match (a, paquete) {
            (Nodo::Carga(i), paquete) => self.en_carga(i, de, conexion, paquete),
            (Nodo::Actor(i), paquete) => self.en_actor(i, de, paquete),
            (Nodo::Almacen(i), paquete) => self.en_almacen(i, de, conexion, paquete),
            (Nodo::Cliente(i), Paquete::Respuesta { intento, trama }) => {
                let Nodo::Carga(carga) = de else { return };
                self.en_cliente(i, carga, intento, &trama);
            }
            (Nodo::Cliente(_), _) => {}
        }
    }

    fn tic(&mut self, nodo: Nodo, vida: u64) {
        let ocupado = match nodo {
            Nodo::Carga(i) => {
                self.tic_carga(i);
                self.cargas[i].nucleo.as_ref().is_some_and(Carga::ocupada)
            }
            Nodo::Actor(i) => {
                self.tic_actor(i);
                self.actores[i].nucleo.as_ref().is_some_and(Actor::ocupado)
            }
            Nodo::Almacen(_) | Nodo::Cliente(_) => return,
        };
        let periodo_us = if ocupado { TIC_US.0 } else { TIC_US.1 };
        self.agendar(periodo_us, Evento::Tic(nodo, vida));
    }
}
