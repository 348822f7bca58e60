//! An actor: the pure `Relevo`, watched for what its breakers allow and for how often it
//! sends.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use biblioteca::actores::relevo::{Ajuste, Entrada, Relevo, Salida};
use biblioteca::domain::ids::OpId;
use biblioteca::domain::operacion::Operacion;
use biblioteca::runtime::breaker::{self, EstadoBreaker};
use biblioteca::wire::mensaje::{Encargo, LatidoActor, Resultado};

use crate::defecto::Defecto;
use crate::escenario::{ALMACENES, CARGAS, Escenario};
use crate::juez::Regla;
use crate::mundo::{Mundo, SILENCIO_MAX};
use crate::nodo::{Evento, Nodo, Paquete};

/// How long a probe may stay unanswered, as in the node.
const SONDA: Duration = Duration::from_secs(2);

/// One life of it.
pub struct Actor {
    relevo: Relevo,
    latido: LatidoActor,
    /// By operation: times it was received, and sends.
    cuentas: BTreeMap<OpId, (u32, u32)>,
    /// The probe that an endpoint has not answered yet.
    sondas: [Option<(u64, Instant)>; ALMACENES],
    /// Endpoints whose permit the planted bug has lost.
    perdidos: [bool; ALMACENES],
}

impl Actor {
    pub fn nuevo(escenario: &Escenario, tema: Operacion) -> Self {
        let ajuste = Ajuste {
            breaker: breaker::Ajuste {
                fallos_max: 3,
                abierto: Duration::from_millis(escenario.abierto_ms),
                sonda: SONDA,
            },
            espera: Duration::from_millis(escenario.espera_ms),
            rondas: escenario.rondas,
            silencio_max: SILENCIO_MAX,
        };
        let extremos: Vec<String> = (0..ALMACENES).map(|i| format!("almacen{i}")).collect();
        Self {
            relevo: Relevo::nuevo(ajuste, &extremos, Some("base".to_owned())),
            latido: LatidoActor {
                tema,
                creditos: escenario.creditos,
            },
            cuentas: BTreeMap::new(),
            sondas: [None; ALMACENES],
            perdidos: [false; ALMACENES],
        }
    }

    pub fn ocupado(&self) -> bool {
        self.relevo.en_curso() > 0
    }

    fn breakers(&self, ahora: Instant) -> Vec<EstadoBreaker> {
        let estado = self.relevo.estado(ahora);
        estado.iter().map(|endpoint| endpoint.breaker).collect()
    }

    /// A step, and what it did against the rules.
    fn paso(
        &mut self,
        ahora: Instant,
        entrada: Entrada,
        otros: bool,
    ) -> (Vec<Salida>, Vec<(Regla, String)>) {
        let antes = self.breakers(ahora);
        self.contestada(&entrada);
        let mut salidas = Vec::new();
        self.relevo.paso(ahora, entrada, &mut salidas);
        if otros {
            ignorar_cortacircuitos(&mut salidas);
        }
        let despues = self.breakers(ahora);
        let mut faltas = Vec::new();
        for almacen in 0..ALMACENES {
            let enviados: Vec<&Encargo> = salidas
                .iter()
                .filter_map(|salida| match salida {
                    Salida::Enviar(a, encargo) if *a == almacen => Some(encargo),
                    _ => None,
                })
                .collect();
            let cerrado = EstadoBreaker::Cerrado;
            let estados = (antes[almacen], despues[almacen]);
            if estados == (EstadoBreaker::Abierto, EstadoBreaker::Abierto) && !enviados.is_empty() {
                faltas.push((Regla::Cortacircuitos, format!("almacen{almacen} ABIERTO")));
            }
            if estados.1 != EstadoBreaker::MedioAbierto {
                self.sondas[almacen] = None;
            }
            if estados.0 == cerrado || estados.1 == cerrado {
                continue;
            }
            for encargo in enviados {
                let vencida = |desde: Instant| ahora - desde >= SONDA;
                if self.sondas[almacen].is_some_and(|(_, desde)| !vencida(desde)) {
                    faltas.push((
                        Regla::Cortacircuitos,
                        format!("almacen{almacen}: two probes"),
                    ));
                }
                self.sondas[almacen] = Some((encargo.id, ahora));
            }
        }
        (salidas, faltas)
    }

    /// A probe that came back, or never went, is none.
    fn contestada(&mut self, entrada: &Entrada) {
        let (almacen, ids): (usize, Vec<u64>) = match entrada {
            Entrada::Resultados(almacen, lista) => (*almacen, lista.iter().map(|r| r.id).collect()),
            Entrada::SinEnviar(almacen, ids) => (*almacen, ids.clone()),
            _ => return,
        };
        let sonda = &mut self.sondas[almacen];
        if sonda.is_some_and(|(id, _)| ids.contains(&id)) {
            *sonda = None;
        }
    }
}

fn ignorar_cortacircuitos(salidas: &mut Vec<Salida>) {
    let mas = salidas.iter().filter_map(|salida| match salida {
        Salida::Enviar(a, encargo) => Some(Salida::Enviar(1 - a, encargo.clone())),
        _ => None,
    });
    let mas: Vec<Salida> = mas.collect();
    salidas.extend(mas);
}

impl Mundo {
    /// A message from a carga or an almacenamiento.
    pub fn en_actor(&mut self, i: usize, de: Nodo, paquete: Paquete) {
        let entrada = match (de, paquete) {
            (Nodo::Carga(carga), Paquete::Encargo(encargo)) => {
                let actor = self.actores[i].nucleo.as_mut().unwrap();
                let op_id = encargo.pedido.op_id.clone();
                actor.cuentas.entry(op_id).or_default().0 += 1;
                Entrada::Encargos(carga, vec![encargo])
            }
            (Nodo::Almacen(almacen), Paquete::Resultado(resultado)) => {
                Entrada::Resultados(almacen, vec![resultado])
            }
            (Nodo::Almacen(almacen), Paquete::EstadoAlmacen(estado)) => {
                Entrada::Estado(almacen, estado)
            }
            otro => unreachable!("{otro:?} at an actor"),
        };
        self.paso_actor(i, entrada);
    }

    pub fn desconectado(&mut self, i: usize, almacen: usize) {
        self.paso_actor(i, Entrada::Desconectado(almacen));
    }

    pub fn sin_enviar(&mut self, i: usize, almacen: usize, id: u64) {
        self.paso_actor(i, Entrada::SinEnviar(almacen, vec![id]));
    }

    pub fn tic_actor(&mut self, i: usize) {
        if self.escenario.defecto != Some(Defecto::ActorSinReloj) {
            self.paso_actor(i, Entrada::Tic);
        }
    }

    /// Beats to everybody it is connected to.
    pub fn latir(&mut self, i: usize) {
        let latido = self.actores[i].nucleo.as_ref().unwrap().latido.clone();
        for carga in 0..CARGAS {
            let paquete = Paquete::LatidoActor(latido.clone());
            self.enviar(Nodo::Actor(i), Nodo::Carga(carga), paquete);
        }
        for almacen in 0..ALMACENES {
            self.enviar(
                Nodo::Actor(i),
                Nodo::Almacen(almacen),
                Paquete::LatidoAlmacen,
            );
        }
    }

    fn paso_actor(&mut self, i: usize, entrada: Entrada) {
        let ahora = self.actores[i].hora(self.ahora_us);
        let otros = self.escenario.defecto == Some(Defecto::IgnoraElCortacircuitos);
        let actor = self.actores[i].nucleo.as_mut().unwrap();
        if let Entrada::SinEnviar(_, ids) = &entrada {
            self.rastro.anotar(self.ahora_us, || {
                format!("actor{i}: {} not sent", ids.len())
            });
        }
        let (salidas, faltas) = actor.paso(ahora, entrada, otros);
        for (regla, detalle) in faltas {
            self.juez.acusar(regla, format!("actor{i}, {detalle}"));
        }
        for salida in salidas {
            match salida {
                Salida::Enviar(almacen, encargo) => self.encargar(i, almacen, encargo),
                Salida::Responder(carga, resultado) => self.informar(i, carga, resultado),
                Salida::Base(_) => {}
            }
        }
    }

    fn informar(&mut self, i: usize, carga: usize, resultado: Resultado) {
        let paquete = Paquete::Resultado(resultado);
        self.enviar(Nodo::Actor(i), Nodo::Carga(carga), paquete);
    }

    fn encargar(&mut self, i: usize, almacen: usize, encargo: Encargo) {
        let intentos_max = self.escenario.rondas * ALMACENES as u32;
        let muerto = self.almacenes[almacen].nucleo.is_none();
        let no_sale = self.azar.mil(if muerto { 500 } else { 5 }) && !self.sano;
        let (vida, actor) = (
            self.actores[i].vida,
            self.actores[i].nucleo.as_mut().unwrap(),
        );
        if no_sale {
            let evento = Evento::SinEnviar(i, vida, almacen, encargo.id);
            return self.agendar(1_000, evento);
        }
        let cuenta = actor
            .cuentas
            .entry(encargo.pedido.op_id.clone())
            .or_default();
        cuenta.1 += 1;
        let (recibidas, enviadas) = *cuenta;
        if enviadas > recibidas * intentos_max {
            let detalle = format!("{} sent {enviadas} times", encargo.pedido.op_id);
            self.juez.acusar(Regla::DemasiadosEnvios, detalle);
        }
        if self.escenario.defecto == Some(Defecto::PermisoPerdido) {
            let sonda = actor.sondas[almacen].is_some();
            actor.perdidos[almacen] |= sonda;
            if actor.perdidos[almacen] {
                return;
            }
        }
        self.enviar(
            Nodo::Actor(i),
            Nodo::Almacen(almacen),
            Paquete::Encargo(encargo),
        );
    }
}
