//! The network: links that lose, double, delay and reorder, that are cut one way or both, and
//! whose connection breaks and is made again.
//!
//! One thing it does not do, because TCP does not: double an operation on its way to an
//! almacenamiento, which keeps no memory of what it has refused.

use biblioteca::net::server::Par;

use crate::azar::Azar;
use crate::caso::Caso;
use crate::escenario::{ALMACENES, CARGAS, Escenario, Ruido};
use crate::mundo::Mundo;
use crate::nodo::{Evento, Nodo, Paquete};

/// Usual latency, in µs.
const LATENCIA_US: (u64, u64) = (200, 3_000);

/// How long until the other end learns that a connection broke, in µs: up to one beat.
const AVISO_MAX_US: u64 = 300_000;

#[derive(Debug, Default)]
struct Sentido {
    /// While cut: whether TCP keeps what is sent for later, or it is lost.
    corte: Option<bool>,
    retenidos: Vec<Paquete>,
    /// When the last message arrives, for links that keep the order.
    ultima_us: u64,
}

#[derive(Debug)]
struct Enlace {
    de: Nodo,
    a: Nodo,
    conexion: u64,
    sentidos: [Sentido; 2],
}

/// Every link, from who connects to who listens.
#[derive(Debug)]
pub struct Red {
    enlaces: Vec<Enlace>,
    clientes: usize,
    siguiente: u64,
    ruido: Ruido,
}

/// A connection's routing id at the listening end.
pub fn par_de(conexion: u64) -> Par {
    Par::from(&conexion.to_be_bytes()[..])
}

impl Red {
    pub fn nueva(escenario: &Escenario) -> Self {
        let mut red = Self {
            enlaces: Vec::new(),
            clientes: escenario.clientes,
            siguiente: 1,
            ruido: escenario.ruido,
        };
        for cliente in 0..escenario.clientes {
            for carga in 0..CARGAS {
                red.tender(Nodo::Cliente(cliente), Nodo::Carga(carga));
            }
        }
        for actor in 0..escenario.actores.len() {
            for carga in 0..CARGAS {
                red.tender(Nodo::Actor(actor), Nodo::Carga(carga));
            }
            for almacen in 0..ALMACENES {
                red.tender(Nodo::Actor(actor), Nodo::Almacen(almacen));
            }
        }
        red
    }

    fn tender(&mut self, de: Nodo, a: Nodo) {
        self.siguiente += 1;
        self.enlaces.push(Enlace {
            de,
            a,
            conexion: self.siguiente,
            sentidos: Default::default(),
        });
    }

    /// The link between two processes, and which of its directions leads from `de` to `a`.
    fn lugar(&self, de: Nodo, a: Nodo) -> (usize, usize) {
        let actor = |i: usize| self.clientes * CARGAS + i * (CARGAS + ALMACENES);
        match (de, a) {
            (Nodo::Cliente(i), Nodo::Carga(j)) => (i * CARGAS + j, 0),
            (Nodo::Carga(j), Nodo::Cliente(i)) => (i * CARGAS + j, 1),
            (Nodo::Actor(i), Nodo::Carga(j)) => (actor(i) + j, 0),
            (Nodo::Carga(j), Nodo::Actor(i)) => (actor(i) + j, 1),
            (Nodo::Actor(i), Nodo::Almacen(j)) => (actor(i) + CARGAS + j, 0),
            (Nodo::Almacen(j), Nodo::Actor(i)) => (actor(i) + CARGAS + j, 1),
            _ => unreachable!("no link between {de} and {a}"),
        }
    }

    fn sentido(&mut self, de: Nodo, a: Nodo) -> &mut Sentido {
        let (enlace, sentido) = self.lugar(de, a);
        &mut self.enlaces[enlace].sentidos[sentido]
    }

    pub fn conexion(&self, de: Nodo, a: Nodo) -> u64 {
        self.enlaces[self.lugar(de, a).0].conexion
    }

    /// The actor that a carga knows by that routing id, if the connection still stands.
    pub fn actor_de(&self, carga: usize, par: &Par) -> Option<usize> {
        let conexion = u64::from_be_bytes(par.as_ref().try_into().unwrap());
        let suya = |enlace: &&Enlace| enlace.a == Nodo::Carga(carga) && enlace.conexion == conexion;
        match self.enlaces.iter().find(suya)?.de {
            Nodo::Actor(i) => Some(i),
            _ => None,
        }
    }

    /// A link drawn at random.
    pub fn alguno(&self, azar: &mut Azar) -> (Nodo, Nodo) {
        let enlace = &self.enlaces[azar.indice(self.enlaces.len())];
        (enlace.de, enlace.a)
    }

    fn de(&self, nodo: Nodo) -> Vec<(Nodo, Nodo)> {
        let pares = self.todos().into_iter();
        pares.filter(|&(de, a)| de == nodo || a == nodo).collect()
    }

    fn todos(&self) -> Vec<(Nodo, Nodo)> {
        self.enlaces
            .iter()
            .map(|enlace| (enlace.de, enlace.a))
            .collect()
    }
}

impl Mundo {
    /// Sends a message through what the link does to it.
    pub fn enviar(&mut self, de: Nodo, a: Nodo, paquete: Paquete) {
        let ruido = self.red.ruido;
        let ruidoso = !self.sano;
        let sentido = self.red.sentido(de, a);
        if let Some(retiene) = sentido.corte {
            self.rastro
                .anotar(self.ahora_us, || format!("{de} -/-> {a}: {paquete}"));
            if retiene {
                sentido.retenidos.push(paquete);
            }
            return;
        }
        if ruidoso && self.azar.mil(ruido.perdidos_mil) {
            self.rastro
                .anotar(self.ahora_us, || format!("{de} -x-> {a}: {paquete}"));
            return;
        }
        let doble = ruidoso && self.azar.mil(ruido.dobles_mil);
        let triple = self.escenario.caso == Some(Caso::LentaYTriple);
        for _ in 0..u32::from(doble) * (1 + u32::from(triple)) {
            self.llevar(de, a, paquete.clone());
        }
        self.llevar(de, a, paquete);
    }

    fn llevar(&mut self, de: Nodo, a: Nodo, paquete: Paquete) {
        let ruido = self.red.ruido;
        let mut demora_us = self.azar.entre(LATENCIA_US.0, LATENCIA_US.1);
        if !self.sano && self.azar.mil(ruido.lentos_mil) {
            demora_us += self.azar.entre(0, ruido.lento_max_us);
        }
        let conexion = self.red.conexion(de, a);
        let ultima_us = &mut self.red.sentido(de, a).ultima_us;
        let mut llega_us = self.ahora_us + demora_us;
        if !ruido.desordena {
            llega_us = llega_us.max(*ultima_us);
            *ultima_us = llega_us;
        }
        let evento = Evento::Entrega {
            de,
            a,
            conexion,
            paquete,
        };
        self.agendar(llega_us - self.ahora_us, evento);
    }

    /// Cuts a link in one direction.
    pub fn cortar(&mut self, de: Nodo, a: Nodo, retiene: bool) {
        self.red.sentido(de, a).corte = Some(retiene);
    }

    /// Mends a link; what TCP kept goes on its way.
    pub fn reparar(&mut self, de: Nodo, a: Nodo) {
        for (de, a) in [(de, a), (a, de)] {
            let sentido = self.red.sentido(de, a);
            sentido.corte = None;
            for paquete in std::mem::take(&mut sentido.retenidos) {
                self.llevar(de, a, paquete);
            }
        }
    }

    pub fn reparar_todo(&mut self) {
        for (de, a) in self.red.todos() {
            self.reparar(de, a);
        }
    }

    /// Breaks a connection: what was on its way is lost, a new one is made at once, and each
    /// end learns of it, or with `avisa` false has to find out by silence.
    pub fn romper(&mut self, de: Nodo, a: Nodo, avisa: bool) {
        self.red.siguiente += 1;
        let nueva = self.red.siguiente;
        let lugar = self.red.lugar(de, a).0;
        let enlace = &mut self.red.enlaces[lugar];
        let vieja = std::mem::replace(&mut enlace.conexion, nueva);
        for sentido in &mut enlace.sentidos {
            sentido.retenidos.clear();
        }
        if !avisa {
            return;
        }
        let demora_us = self.azar.entre(0, AVISO_MAX_US);
        match (de, a) {
            (Nodo::Actor(_), Nodo::Carga(carga)) => {
                self.agendar(demora_us, Evento::Ausente(carga, par_de(vieja)));
            }
            (Nodo::Actor(actor), Nodo::Almacen(almacen)) => {
                let vida = self.actores[actor].vida;
                self.agendar(demora_us, Evento::Desconectado(actor, vida, almacen));
            }
            (Nodo::Cliente(cliente), Nodo::Carga(carga)) => {
                self.agendar(demora_us, Evento::Caida(cliente, carga));
            }
            _ => {}
        }
    }

    /// Breaks every connection of a process.
    pub fn romper_todo(&mut self, nodo: Nodo, avisa: bool) {
        for (de, a) in self.red.de(nodo) {
            self.romper(de, a, avisa);
        }
    }
}
