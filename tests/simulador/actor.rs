//! An actor: the pure `Relevo`, watched for what its breakers allow and for how often it
//! sends.

use std::time::{Duration, Instant};

use biblioteca::actores::relevo::{Ajuste, Entrada, Relevo, Salida};
use biblioteca::domain::operacion::Operacion;
use biblioteca::runtime::breaker;
use biblioteca::wire::mensaje::{Encargo, LatidoActor, Resultado};
use biblioteca::wire::respuesta::{Causa, Desenlace, Estado};

use crate::defecto::Defecto;
use crate::escenario::{ALMACENES, CARGAS, Escenario};
use crate::juez::Regla;
use crate::mundo::{Mundo, SILENCIO_MAX};
use crate::nodo::{Evento, Nodo, Paquete};
use crate::vigia::{SONDA, Vigia};

/// One life of it.
pub struct Actor {
    relevo: Relevo,
    latido: LatidoActor,
    vigia: Vigia,
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
            vigia: Vigia::nuevo(escenario.rondas * ALMACENES as u32),
            perdidos: [false; ALMACENES],
        }
    }

    pub fn ocupado(&self) -> bool {
        self.relevo.en_curso() > 0
    }

    /// A step, and what it did against the rules.
    fn paso(
        &mut self,
        ahora: Instant,
        entrada: Entrada,
        defecto: Option<Defecto>,
    ) -> (Vec<Salida>, Option<(Regla, String)>) {
        let antes = self.relevo.estado(ahora);
        self.vigia.entra(ahora, &entrada);
        let mut salidas = Vec::new();
        self.relevo.paso(ahora, entrada, &mut salidas);
        if defecto == Some(Defecto::IgnoraElCortacircuitos) {
            ignorar_cortacircuitos(&mut salidas);
        }
        let despues = self.relevo.estado(ahora);
        let falta = self.vigia.sale(ahora, &antes, &despues, &salidas);
        (salidas, falta)
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
                Entrada::Encargos(carga, vec![encargo])
            }
            (Nodo::Almacen(almacen), Paquete::Resultado(mut resultado)) => {
                if self.escenario.defecto == Some(Defecto::CuentaRechazos)
                    && let Desenlace::Decidida(respuesta) = &resultado.desenlace
                    && respuesta.estado == Estado::Rechazado
                {
                    resultado.desenlace = Desenlace::Incierta(Causa::FalloInterno);
                }
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
        let defecto = self.escenario.defecto;
        let actor = self.actores[i].nucleo.as_mut().unwrap();
        if let Entrada::SinEnviar(_, ids) = &entrada {
            self.rastro.anotar(self.ahora_us, || {
                format!("actor{i}: {} not sent", ids.len())
            });
        }
        let sondeadas = actor.vigia.sondeadas;
        let (salidas, falta) = actor.paso(ahora, entrada, defecto);
        self.juez.cobertura.sondas += actor.vigia.sondeadas - sondeadas;
        if let Some((regla, detalle)) = falta {
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
        let muerto = self.almacenes[almacen].nucleo.is_none();
        let no_sale = self.azar.mil(if muerto { 500 } else { 5 }) && !self.sano;
        let (vida, actor) = (
            self.actores[i].vida,
            self.actores[i].nucleo.as_mut().unwrap(),
        );
        if no_sale {
            actor.vigia.no_salio(&encargo.pedido.op_id);
            let evento = Evento::SinEnviar(i, vida, almacen, encargo.id);
            return self.agendar(1_000, evento);
        }
        if self.escenario.defecto == Some(Defecto::PermisoPerdido) {
            let sonda = actor.vigia.sondea(almacen);
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
