//! The faults: processes die and come back, freeze and thaw; connections break, links are
//! cut; an almacenamiento dies around its COMMIT. Then all of it ends for good.

use crate::actor::Actor;
use crate::almacen::{Almacen, Trampa};
use crate::carga::Carga;
use crate::escenario::{ALMACENES, CARGAS};
use crate::mundo::Mundo;
use crate::nodo::{Evento, Nodo, Paquete};

/// How long something stays broken, in µs.
const DURA_US: (u64, u64) = (50_000, 4_000_000);

impl Mundo {
    /// Breaks something, and says when it breaks something again.
    pub fn falta(&mut self) {
        if self.sano {
            return;
        }
        let dura_us = self.azar.entre(DURA_US.0, DURA_US.1);
        match self.azar.indice(100) {
            0..25 => {
                let nodo = self.alguien();
                let avisa = self.azar.mil(700);
                self.matar(nodo, avisa);
                self.agendar(dura_us, Evento::Revive(nodo));
            }
            25..45 => {
                let nodo = self.alguien();
                self.congelar(nodo);
                self.agendar(dura_us, Evento::Descongela(nodo));
            }
            45..65 => self.cortar_alguno(dura_us),
            65..77 => {
                let (de, a) = self.red.alguno(&mut self.azar);
                let avisa = self.azar.mil(700);
                self.rastro
                    .anotar(self.ahora_us, || format!("## {de} <-> {a} breaks"));
                self.romper(de, a, avisa);
            }
            77..80 => {
                let i = self.azar.indice(CARGAS);
                if !self.cargas[i].congelado {
                    self.rastro
                        .anotar(self.ahora_us, || format!("## carga{i} panics"));
                    self.panico(i);
                }
            }
            80..85 => {
                let i = self.azar.indice(self.actores.len());
                self.despedir(i);
            }
            _ => self.entrampar(),
        }
        let cada_us = self.escenario.falta_cada_us;
        let proxima_us = self.azar.entre(cada_us / 4, cada_us * 7 / 4);
        self.agendar(proxima_us, Evento::Falta);
    }

    fn alguien(&mut self) -> Nodo {
        match self.azar.indice(3) {
            0 => Nodo::Carga(self.azar.indice(CARGAS)),
            1 => Nodo::Actor(self.azar.indice(self.actores.len())),
            _ => Nodo::Almacen(self.azar.indice(ALMACENES)),
        }
    }

    fn cortar_alguno(&mut self, dura_us: u64) {
        let (de, a) = self.red.alguno(&mut self.azar);
        let retiene = self.azar.mil(500);
        let sentidos = self.azar.indice(3);
        self.rastro.anotar(self.ahora_us, || {
            format!("## {de} <-> {a} cut ({sentidos}), kept: {retiene}")
        });
        if sentidos != 1 {
            self.cortar(de, a, retiene);
        }
        if sentidos != 2 {
            self.cortar(a, de, retiene);
        }
        self.agendar(dura_us, Evento::Repara(de, a));
    }

    fn despedir(&mut self, i: usize) {
        if self.actores[i].nucleo.is_none() || self.actores[i].congelado {
            return;
        }
        self.rastro
            .anotar(self.ahora_us, || format!("## actor{i} says goodbye"));
        for carga in 0..CARGAS {
            self.enviar(Nodo::Actor(i), Nodo::Carga(carga), Paquete::Adios);
        }
        // Whoever says goodbye ends; a life that went on would get no work any more.
        self.agendar(1_000_000, Evento::Retira(i, self.actores[i].vida));
    }

    pub fn retirar(&mut self, i: usize) {
        self.matar(Nodo::Actor(i), true);
        self.agendar(200_000, Evento::Revive(Nodo::Actor(i)));
    }

    fn entrampar(&mut self) {
        let trampa = self.azar.uno(&[
            Trampa::MuereAntes,
            Trampa::MuereDespues,
            Trampa::Falla,
            Trampa::Incierta,
        ]);
        if let Some(dueno) = self.disco.dueno
            && let Some(almacen) = &mut self.almacenes[dueno].nucleo
        {
            self.rastro
                .anotar(self.ahora_us, || format!("## almacen{dueno}: {trampa:?}"));
            almacen.trampa = Some(trampa);
        }
    }

    /// kill -9. With `avisa` false its peers have to find out by silence.
    pub fn matar(&mut self, nodo: Nodo, avisa: bool) {
        let vive = match nodo {
            Nodo::Carga(i) => self.cargas[i].nucleo.is_some(),
            Nodo::Actor(i) => self.actores[i].nucleo.is_some(),
            Nodo::Almacen(i) => self.almacenes[i].nucleo.is_some(),
            Nodo::Cliente(_) => false,
        };
        if !vive {
            return;
        }
        self.rastro
            .anotar(self.ahora_us, || format!("## {nodo} dies"));
        self.romper_todo(nodo, avisa);
        match nodo {
            Nodo::Carga(i) => {
                self.cargas[i].muere();
                self.juez.muere_carga(i);
            }
            Nodo::Actor(i) => self.actores[i].muere(),
            Nodo::Almacen(i) => {
                self.almacenes[i].muere();
                self.soltar(i);
                // Its service manager starts it again if nobody else does.
                self.agendar(DURA_US.1, Evento::Revive(nodo));
            }
            Nodo::Cliente(_) => {}
        }
    }

    /// Starts a process afresh, unless it lives.
    pub fn revivir(&mut self, nodo: Nodo) {
        let escenario = &self.escenario;
        match nodo {
            Nodo::Carga(i) if self.cargas[i].nucleo.is_none() => {
                let nueva = Carga::nueva(escenario, self.cargas[i].vida + 1);
                self.cargas[i].nace(nueva);
                let vida = self.cargas[i].vida;
                self.agendar(0, Evento::Tic(nodo, vida));
                self.agendar_lectura(i);
            }
            Nodo::Actor(i) if self.actores[i].nucleo.is_none() => {
                let nuevo = Actor::nuevo(escenario, escenario.actores[i]);
                self.actores[i].nace(nuevo);
                let vida = self.actores[i].vida;
                let fase_us = self.azar.entre(0, 100_000);
                self.agendar(fase_us, Evento::Tic(nodo, vida));
                self.agendar(fase_us, Evento::Latido(i, vida));
            }
            Nodo::Almacen(i) if self.almacenes[i].nucleo.is_none() => {
                self.almacenes[i].nace(Almacen::nuevo());
                self.agendar_apertura(i);
            }
            _ => return,
        }
        self.rastro
            .anotar(self.ahora_us, || format!("## {nodo} starts"));
    }

    fn congelar(&mut self, nodo: Nodo) {
        self.rastro
            .anotar(self.ahora_us, || format!("## {nodo} freezes"));
        match nodo {
            Nodo::Carga(i) => self.cargas[i].congelado = self.cargas[i].nucleo.is_some(),
            Nodo::Actor(i) => self.actores[i].congelado = self.actores[i].nucleo.is_some(),
            Nodo::Almacen(i) => self.almacenes[i].congelado = self.almacenes[i].nucleo.is_some(),
            Nodo::Cliente(_) => {}
        }
    }

    /// It goes on where it stood, with everything that has arrived meanwhile.
    pub fn descongelar(&mut self, nodo: Nodo) {
        let ahora_us = self.ahora_us;
        let pospuestos = match nodo {
            Nodo::Carga(i) => self.cargas[i].descongelar(ahora_us),
            Nodo::Actor(i) => self.actores[i].descongelar(ahora_us),
            Nodo::Almacen(i) => self.almacenes[i].descongelar(ahora_us),
            Nodo::Cliente(_) => return,
        };
        self.rastro.anotar(ahora_us, || format!("## {nodo} thaws"));
        for evento in pospuestos {
            self.agendar(0, evento);
        }
    }

    /// From here on nothing breaks any more.
    pub fn sanar(&mut self) {
        self.rastro
            .anotar(self.ahora_us, || "## everything heals".to_owned());
        self.sano = true;
        for nodo in self.todos() {
            self.revivir(nodo);
            self.descongelar(nodo);
        }
        for almacen in &mut self.almacenes {
            almacen.nucleo.as_mut().unwrap().trampa = None;
        }
        self.reparar_todo();
        self.despertar_a_todos();
    }
}
