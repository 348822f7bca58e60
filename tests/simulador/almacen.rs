//! An almacenamiento: one owner of the database, the other standing by; a queue, batches, and
//! the instants around COMMIT at which it may die.
//!
//! A model of the shell in `src/almacenamiento`, not that code itself: the shell has no pure
//! core.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use biblioteca::runtime::recibidos::Recibidos;
use biblioteca::wire::mensaje::{Disposicion, Encargo, EstadoAlmacen, Resultado};
use biblioteca::wire::respuesta::{Causa, Desenlace, Respuesta};

use crate::base::Base;
use crate::defecto::Defecto;
use crate::mundo::Mundo;
use crate::nodo::{Evento, Nodo, Paquete};

/// How long the lock of a dead owner takes to be had, and the database to be opened, in µs.
const APERTURA_US: (u64, u64) = (1_000, 300_000);

/// How long the planted bug that cancels a commit waits for it.
const CANCELACION: Duration = Duration::from_millis(30);

/// What happens to the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trampa {
    /// The process dies before it.
    MuereAntes,
    /// The process dies after it and before the answers.
    MuereDespues,
    /// The database fails and has certainly not applied it.
    Falla,
    /// Nobody knows; the process says so and ends.
    Incierta,
}

#[derive(Debug)]
struct Tarea {
    actor: usize,
    conexion: u64,
    encargo: Encargo,
    llego: Instant,
    vence: Instant,
}

#[derive(Debug)]
struct Lote {
    tareas: Vec<Tarea>,
    despues: Base,
    respuestas: Vec<Respuesta>,
    desenlaces: Vec<Desenlace>,
}

/// One life of it.
#[derive(Debug)]
pub struct Almacen {
    disposicion: Disposicion,
    cola: VecDeque<Tarea>,
    lote: Option<Lote>,
    pub trampa: Option<Trampa>,
    recibidos: Recibidos<(u64, u64)>,
}

impl Almacen {
    pub fn nuevo() -> Self {
        Self {
            disposicion: Disposicion::NoListo,
            cola: VecDeque::new(),
            lote: None,
            trampa: None,
            recibidos: Recibidos::default(),
        }
    }

    pub fn fuga(&self) -> Option<String> {
        let nada = self.cola.is_empty() && self.lote.is_none();
        (!nada).then(|| format!("{} queued", self.cola.len()))
    }
}

/// The disk that both share: it outlives them.
#[derive(Debug)]
pub struct Disco {
    pub base: Base,
    /// Who holds the lock.
    pub dueno: Option<usize>,
    /// Before the last commit, for a store that does not sync.
    antes: Option<Base>,
}

impl Disco {
    pub const fn nuevo(base: Base) -> Self {
        Self {
            base,
            dueno: None,
            antes: None,
        }
    }
}

impl Mundo {
    /// Tries to take the lock; in vain, it stands by until the owner is dead.
    pub fn abrir(&mut self, i: usize) {
        let usurpa = self.escenario.defecto == Some(Defecto::RelevaAlCongelado)
            && self
                .disco
                .dueno
                .is_some_and(|otro| self.almacenes[otro].congelado);
        let ajeno = self.disco.dueno.is_some_and(|otro| otro != i);
        let almacen = self.almacenes[i].nucleo.as_mut().unwrap();
        if ajeno && !usurpa {
            almacen.disposicion = Disposicion::EnEspera;
            if self.escenario.defecto == Some(Defecto::RelevaAlCongelado) {
                let vida = self.almacenes[i].vida;
                self.agendar(APERTURA_US.1, Evento::Abre(i, vida));
            }
            return;
        }
        almacen.disposicion = Disposicion::Listo;
        self.disco.dueno = Some(i);
        if self.escenario.defecto == Some(Defecto::OlvidaOpIds) {
            self.disco.base.olvidar();
        }
        self.rastro
            .anotar(self.ahora_us, || format!("almacen{i} owns the database"));
    }

    /// Its process is dead: the lock is free, what was not committed is gone.
    pub fn soltar(&mut self, i: usize) {
        if self.disco.dueno != Some(i) {
            return;
        }
        self.disco.dueno = None;
        if self.escenario.defecto == Some(Defecto::CommitSinDisco)
            && let Some(antes) = self.disco.antes.take()
        {
            self.disco.base = antes;
        }
        for otro in 0..self.almacenes.len() {
            if self.almacenes[otro].nucleo.is_some() {
                self.agendar_apertura(otro);
            }
        }
    }

    pub fn agendar_apertura(&mut self, i: usize) {
        let demora_us = self.azar.entre(APERTURA_US.0, APERTURA_US.1);
        let vida = self.almacenes[i].vida;
        self.agendar(demora_us, Evento::Abre(i, vida));
    }

    pub fn en_almacen(&mut self, i: usize, de: Nodo, conexion: u64, paquete: Paquete) {
        let ahora = self.almacenes[i].hora(self.ahora_us);
        let almacen = self.almacenes[i].nucleo.as_mut().unwrap();
        match (de, paquete) {
            (_, Paquete::LatidoAlmacen) => {
                let estado = EstadoAlmacen {
                    disposicion: almacen.disposicion,
                    base_id: "base".to_owned(),
                };
                self.enviar(Nodo::Almacen(i), de, Paquete::EstadoAlmacen(estado));
            }
            (Nodo::Actor(actor), Paquete::Encargo(encargo)) => {
                let nuevo = almacen.recibidos.es_nuevo(ahora, (conexion, encargo.id));
                if !nuevo && self.escenario.defecto != Some(Defecto::TomaLoDoblado) {
                    return;
                }
                let plazo = Duration::from_millis(u64::from(encargo.plazo_ms));
                let tarea = Tarea {
                    actor,
                    conexion,
                    encargo,
                    llego: ahora,
                    vence: ahora + plazo,
                };
                self.encolar(i, tarea);
            }
            otro => unreachable!("{otro:?} at an almacenamiento"),
        }
    }

    fn encolar(&mut self, i: usize, tarea: Tarea) {
        let cola_max = self.escenario.cola_almacen;
        let vida = self.almacenes[i].vida;
        let envenena = !self.sano && self.escenario.caso.is_none() && self.azar.mil(3);
        let almacen = self.almacenes[i].nucleo.as_mut().unwrap();
        let negativa = match almacen.disposicion {
            Disposicion::NoListo | Disposicion::EnEspera => Some(Desenlace::EnEspera),
            Disposicion::Listo if almacen.cola.len() >= cola_max => {
                Some(Desenlace::NoAplicada(Causa::ColaLlena))
            }
            Disposicion::Listo if tarea.encargo.pedido.operacion.es_lectura() => Some(
                Desenlace::Decidida(self.disco.base.leer(&tarea.encargo.pedido)),
            ),
            // A named fault is alone.
            Disposicion::Listo if envenena => Some(Desenlace::Envenenada),
            Disposicion::Listo => None,
        };
        if let Some(desenlace) = negativa {
            return self.contestar_a(i, &tarea, desenlace);
        }
        almacen.cola.push_back(tarea);
        if almacen.lote.is_none() && almacen.cola.len() == 1 {
            self.agendar(0, Evento::Lote(i, vida));
        }
    }

    /// Begins a transaction with what has queued; whoever has stopped waiting is told.
    pub fn empezar_lote(&mut self, i: usize) {
        let ahora = self.almacenes[i].hora(self.ahora_us);
        let vida = self.almacenes[i].vida;
        let lote_max = self.escenario.lote_max;
        let almacen = self.almacenes[i].nucleo.as_mut().unwrap();
        if almacen.lote.is_some() || almacen.cola.is_empty() {
            return;
        }
        let cuantas = almacen.cola.len().min(lote_max);
        let (tareas, vencidas): (Vec<_>, Vec<_>) = almacen
            .cola
            .drain(..cuantas)
            .partition(|tarea| tarea.vence > ahora);
        for tarea in vencidas {
            self.contestar_a(i, &tarea, Desenlace::NoAplicada(Causa::PlazoVencido));
        }
        if tareas.is_empty() {
            return self.agendar(0, Evento::Lote(i, vida));
        }
        let encargos: Vec<Encargo> = tareas.iter().map(|tarea| tarea.encargo.clone()).collect();
        let defecto = self.escenario.defecto;
        let (despues, respuestas) = self
            .disco
            .base
            .transaccion(&encargos, self.ahora_us, defecto);
        let antes_de_tiempo = defecto == Some(Defecto::ConfirmaAntes);
        let lote = Lote {
            tareas,
            despues,
            respuestas,
            desenlaces: Vec::new(),
        };
        self.almacenes[i].nucleo.as_mut().unwrap().lote = Some(lote);
        if antes_de_tiempo {
            self.contestar_lote(i);
        }
        let demora_us = self.azar.entre(500, self.escenario.commit_max_us);
        self.agendar(demora_us, Evento::Commit(i, vida));
    }

    pub fn commit(&mut self, i: usize) {
        let ahora = self.almacenes[i].hora(self.ahora_us);
        let vida = self.almacenes[i].vida;
        let cancela = self.escenario.defecto == Some(Defecto::CancelaElCommit) && !self.sano;
        let almacen = self.almacenes[i].nucleo.as_mut().unwrap();
        let lote = almacen.lote.as_mut().unwrap();
        let trampa = almacen.trampa.take();
        if trampa == Some(Trampa::MuereAntes) {
            return self.matar(Nodo::Almacen(i), true);
        }
        let incierta = trampa == Some(Trampa::Incierta);
        let aplica = trampa != Some(Trampa::Falla) && !(incierta && self.azar.mil(500));
        for (tarea, respuesta) in lote.tareas.iter().zip(&lote.respuestas) {
            let causa = Causa::SinAlmacenamiento;
            lote.desenlaces.push(match trampa {
                Some(Trampa::Falla) => Desenlace::NoAplicada(causa),
                Some(Trampa::Incierta) => Desenlace::Incierta(causa),
                _ if cancela && tarea.llego + CANCELACION < ahora => {
                    Desenlace::NoAplicada(Causa::PlazoVencido)
                }
                _ => Desenlace::Decidida(respuesta.clone()),
            });
        }
        if aplica {
            let antes = std::mem::replace(&mut self.disco.base, lote.despues.clone());
            self.disco.antes = Some(antes);
            self.rastro.anotar(self.ahora_us, || {
                let op_ids = lote.tareas.iter().map(|t| t.encargo.pedido.op_id.as_str());
                format!("almacen{i} commits {:?}", op_ids.collect::<Vec<_>>())
            });
            self.juez.commit(&self.disco.base);
        }
        if trampa == Some(Trampa::MuereDespues) {
            return self.matar(Nodo::Almacen(i), true);
        }
        if incierta {
            self.contestar_lote(i);
            return self.matar(Nodo::Almacen(i), true);
        }
        let demora_us = self.azar.entre(0, 3_000);
        self.agendar(demora_us, Evento::Contesta(i, vida));
    }

    pub fn contestar(&mut self, i: usize) {
        if self.escenario.defecto != Some(Defecto::ConfirmaAntes) {
            self.contestar_lote(i);
        }
        self.almacenes[i].nucleo.as_mut().unwrap().lote = None;
        self.empezar_lote(i);
    }

    fn contestar_lote(&mut self, i: usize) {
        let almacen = self.almacenes[i].nucleo.as_mut().unwrap();
        let lote = almacen.lote.as_mut().unwrap();
        let tareas = std::mem::take(&mut lote.tareas);
        let mut desenlaces = std::mem::take(&mut lote.desenlaces);
        if desenlaces.is_empty() {
            desenlaces = lote.respuestas.drain(..).map(Desenlace::Decidida).collect();
        }
        for (tarea, desenlace) in tareas.iter().zip(desenlaces) {
            self.contestar_a(i, tarea, desenlace);
        }
    }

    fn contestar_a(&mut self, i: usize, tarea: &Tarea, desenlace: Desenlace) {
        let (de, a) = (Nodo::Almacen(i), Nodo::Actor(tarea.actor));
        if self.red.conexion(a, de) == tarea.conexion {
            let id = tarea.encargo.id;
            self.enviar(de, a, Paquete::Resultado(Resultado { id, desenlace }));
        }
    }
}
