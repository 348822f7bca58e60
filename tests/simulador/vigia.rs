//! Watches one actor's core from outside: what its breakers allow, how often it sends, and
//! that it does not sit on work that an endpoint would take.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use biblioteca::actores::relevo::{Entrada, EstadoEndpoint, Salida};
use biblioteca::domain::ids::OpId;
use biblioteca::runtime::breaker::EstadoBreaker;
use biblioteca::wire::mensaje::{Disposicion, Resultado};
use biblioteca::wire::respuesta::Desenlace;

use crate::escenario::ALMACENES;
use crate::juez::Regla;
use crate::mundo::SILENCIO_MAX;

/// How long a probe may stay unanswered, as in the node.
pub const SONDA: Duration = Duration::from_secs(2);

/// How long work may lie while an endpoint is ready and its breaker closed: some looks at the
/// clock.
const OCIO_MAX: Duration = Duration::from_millis(150);

/// See the module's doc.
pub struct Vigia {
    intentos_max: u32,
    /// By operation: times it was received, and sends.
    cuentas: BTreeMap<OpId, (u32, u32)>,
    /// The probe that an endpoint has not answered yet.
    sondas: [Option<(u64, Instant)>; ALMACENES],
    /// Received and never sent, by the carga's number.
    guardadas: BTreeMap<(usize, u64), (OpId, Instant)>,
    /// Every hand-over: the network may double one.
    vistas: BTreeSet<((usize, u64), u16)>,
    /// Since when an endpoint is ready and its breaker closed.
    libre_desde: Option<Instant>,
    ultimo: Option<Instant>,
    /// When each endpoint last said that it is ready, unless it was gone or not ready since;
    /// and whether it says so again in this step.
    dijo_listo: [Option<Instant>; ALMACENES],
    vuelve: [bool; ALMACENES],
    /// Probes seen.
    pub sondeadas: u64,
}

type Falta = (Regla, String);

impl Vigia {
    pub const fn nuevo(intentos_max: u32) -> Self {
        Self {
            intentos_max,
            cuentas: BTreeMap::new(),
            sondas: [None; ALMACENES],
            guardadas: BTreeMap::new(),
            vistas: BTreeSet::new(),
            libre_desde: None,
            ultimo: None,
            dijo_listo: [None; ALMACENES],
            vuelve: [false; ALMACENES],
            sondeadas: 0,
        }
    }

    /// Whether a probe is on its way.
    pub const fn sondea(&self, almacen: usize) -> bool {
        self.sondas[almacen].is_some()
    }

    /// Before a step.
    pub fn entra(&mut self, ahora: Instant, entrada: &Entrada) {
        self.presencia(ahora, entrada);
        match entrada {
            Entrada::Encargos(carga, encargos) => {
                for encargo in encargos {
                    let op_id = encargo.pedido.op_id.clone();
                    self.cuentas.entry(op_id.clone()).or_default().0 += 1;
                    let clave = (*carga, encargo.id);
                    if self.vistas.insert((clave, encargo.intento)) {
                        self.guardadas.insert(clave, (op_id, ahora));
                    }
                }
            }
            // A probe that came back, or never went, is none.
            Entrada::Resultados(almacen, lista) => {
                self.contestada(*almacen, lista.iter().map(|resultado| resultado.id));
            }
            Entrada::SinEnviar(almacen, ids) => self.contestada(*almacen, ids.iter().copied()),
            _ => {}
        }
    }

    /// Who was gone, or not ready, and who is back.
    fn presencia(&mut self, ahora: Instant, entrada: &Entrada) {
        self.vuelve = [false; ALMACENES];
        match entrada {
            Entrada::Estado(almacen, estado) if estado.disposicion == Disposicion::Listo => {
                let antes = self.dijo_listo[*almacen].replace(ahora);
                self.vuelve[*almacen] = antes.is_none_or(|antes| ahora - antes > SILENCIO_MAX);
            }
            Entrada::Estado(almacen, _)
            | Entrada::Desconectado(almacen)
            | Entrada::SinEnviar(almacen, _) => self.dijo_listo[*almacen] = None,
            Entrada::Resultados(almacen, lista) => {
                let espera = |resultado: &Resultado| resultado.desenlace == Desenlace::EnEspera;
                if lista.iter().any(espera) {
                    self.dijo_listo[*almacen] = None;
                }
            }
            Entrada::Encargos(..) | Entrada::Tic => {}
        }
    }

    fn contestada(&mut self, almacen: usize, mut ids: impl Iterator<Item = u64>) {
        let sonda = &mut self.sondas[almacen];
        if sonda.is_some_and(|(id, _)| ids.any(|otro| otro == id)) {
            *sonda = None;
        }
    }

    /// After it.
    pub fn sale(
        &mut self,
        ahora: Instant,
        antes: &[EstadoEndpoint],
        despues: &[EstadoEndpoint],
        salidas: &[Salida],
    ) -> Option<Falta> {
        let sondas = self.breakers(ahora, antes, despues, salidas);
        for salida in salidas {
            match salida {
                Salida::Enviar(_, encargo) => {
                    let op_id = &encargo.pedido.op_id;
                    self.cuentas.entry(op_id.clone()).or_default().1 += 1;
                    self.guardadas.retain(|_, (otro, _)| otro != op_id);
                }
                Salida::Responder(carga, resultado) => {
                    self.guardadas.remove(&(*carga, resultado.id));
                }
                Salida::Base(_) => {}
            }
        }
        sondas
            .or_else(|| self.envios(salidas))
            .or_else(|| self.ocio(ahora, despues))
    }

    /// Not sent after all: it does not count.
    pub fn no_salio(&mut self, op_id: &OpId) {
        if let Some(cuenta) = self.cuentas.get_mut(op_id) {
            cuenta.1 -= 1;
        }
    }

    fn envios(&self, salidas: &[Salida]) -> Option<Falta> {
        salidas.iter().find_map(|salida| {
            let Salida::Enviar(_, encargo) = salida else {
                return None;
            };
            let (recibidas, enviadas) = self.cuentas[&encargo.pedido.op_id];
            let detalle = format!("{} sent {enviadas} times", encargo.pedido.op_id);
            (enviadas > recibidas * self.intentos_max).then_some((Regla::DemasiadosEnvios, detalle))
        })
    }

    fn breakers(
        &mut self,
        ahora: Instant,
        antes: &[EstadoEndpoint],
        despues: &[EstadoEndpoint],
        salidas: &[Salida],
    ) -> Option<Falta> {
        for almacen in 0..ALMACENES {
            let mut enviados = salidas.iter().filter_map(|salida| match salida {
                Salida::Enviar(a, encargo) if *a == almacen => Some(encargo.id),
                _ => None,
            });
            let (era, es) = (antes[almacen].breaker, despues[almacen].breaker);
            if es != EstadoBreaker::MedioAbierto {
                self.sondas[almacen] = None;
            }
            let suelta = era == EstadoBreaker::Abierto && es != EstadoBreaker::Abierto;
            if suelta && !self.vuelve[almacen] {
                let detalle = format!("almacen{almacen} did not serve its time in ABIERTO");
                return Some((Regla::Cortacircuitos, detalle));
            }
            if era == EstadoBreaker::Abierto && es == EstadoBreaker::Abierto {
                if enviados.next().is_some() {
                    let detalle = format!("sent to almacen{almacen}, ABIERTO");
                    return Some((Regla::Cortacircuitos, detalle));
                }
            } else if era != EstadoBreaker::Cerrado && es != EstadoBreaker::Cerrado {
                for id in enviados {
                    let fresca = |(_, desde): (u64, Instant)| ahora - desde < SONDA;
                    if self.sondas[almacen].is_some_and(fresca) {
                        let detalle = format!("two probes of almacen{almacen}");
                        return Some((Regla::Cortacircuitos, detalle));
                    }
                    self.sondas[almacen] = Some((id, ahora));
                    self.sondeadas += 1;
                }
            }
        }
        None
    }

    fn ocio(&mut self, ahora: Instant, despues: &[EstadoEndpoint]) -> Option<Falta> {
        let libre = despues
            .iter()
            .any(|e| e.listo && e.breaker == EstadoBreaker::Cerrado);
        // After a freeze its clock has jumped, and nothing could be done meanwhile.
        let salto = self.ultimo.is_none_or(|ultimo| ahora - ultimo > OCIO_MAX);
        self.ultimo = Some(ahora);
        if !libre || salto {
            self.libre_desde = libre.then_some(ahora);
            return None;
        }
        let libre_desde = *self.libre_desde.get_or_insert(ahora);
        let (op_id, _) = self
            .guardadas
            .values()
            .find(|(_, desde)| ahora - (*desde).max(libre_desde) > OCIO_MAX)?;
        Some((
            Regla::Ociosa,
            format!("{op_id} lies while an endpoint is free"),
        ))
    }
}
