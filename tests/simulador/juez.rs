//! What must hold, whatever happens: it sees every send, answer and commit, knows nothing of
//! how the cores work, and remembers the first promise that was broken.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use biblioteca::domain::ids::OpId;
use biblioteca::wire::json_cliente::RespuestaCliente;
use biblioteca::wire::respuesta::{Codigo, Desenlace, Estado};
use serde_json::Value;

use crate::base::Base;

/// The promises, by what breaks them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regla {
    /// A client was told something else than what the database has stored.
    OtraRespuesta,
    /// An operation took effect twice, or nobody had asked for it.
    DosEfectos,
    /// An operation took effect that nobody was left to doubt.
    AplicadaSinDecirlo,
    /// A refused operation took effect.
    RechazadaConEfecto,
    /// Acknowledged as queued, and never decided.
    EncoladaPerdida,
    /// The database contradicts itself.
    Invariante,
    /// A carga answered a request twice, or never.
    NoUnaRespuesta,
    /// A carga answered after the deadline.
    FueraDePlazo,
    /// An operation was sent while the breaker forbade it.
    Cortacircuitos,
    /// More sends than rounds, or more hand-overs than two.
    DemasiadosEnvios,
    /// An actor sits on an operation that an endpoint would take.
    Ociosa,
    /// With everything healthy again, somebody waits for ever.
    SinFin,
    /// With nothing to do, a core still holds something.
    Fuga,
}

/// A broken promise.
#[derive(Debug, Clone)]
pub struct Violacion {
    pub regla: Regla,
    pub us: u64,
    pub detalle: String,
}

impl fmt::Display for Violacion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { regla, us, detalle } = self;
        write!(f, "{regla:?} at {us} us: {detalle}")
    }
}

/// How often a run came to what it is for: a simulator in which nothing goes wrong proves
/// nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cobertura {
    /// Requests that a carga took.
    pub admitidas: u64,
    /// Operations handed to a second actor.
    pub segundas_entregas: u64,
    /// Answers DESCONOCIDO, and OCUPADO or NO_DISPONIBLE.
    pub inciertas: u64,
    pub negadas: u64,
    /// Decisions that an earlier attempt had brought about.
    pub repetidas: u64,
    /// Effects in the database.
    pub efectos: u64,
    /// Operations sent while their breaker was not closed.
    pub sondas: u64,
    /// Answers ENCOLADO, and entries that a restarted carga found undecided.
    pub encoladas: u64,
    pub releidas: u64,
}

impl Cobertura {
    pub const fn sumar(&mut self, otra: &Self) {
        self.admitidas += otra.admitidas;
        self.segundas_entregas += otra.segundas_entregas;
        self.inciertas += otra.inciertas;
        self.negadas += otra.negadas;
        self.repetidas += otra.repetidas;
        self.efectos += otra.efectos;
        self.sondas += otra.sondas;
        self.encoladas += otra.encoladas;
        self.releidas += otra.releidas;
    }
}

/// What a client wants once, under however many op_ids it may wrongly ask for it.
pub type Intencion = (usize, usize);

#[derive(Debug, Default)]
struct Historia {
    op_ids: BTreeSet<OpId>,
    /// Attempts, and whether each was answered with a certain "not applied".
    intentos: BTreeMap<u32, bool>,
    decisiones: Vec<RespuestaCliente>,
    encoladas: BTreeSet<OpId>,
}

#[derive(Debug)]
struct Admitida {
    op_id: OpId,
    entregas: u32,
    respuesta: Option<Desenlace>,
    perdida: bool,
}

/// See the module's doc.
#[derive(Debug, Default)]
pub struct Juez {
    pub violacion: Option<Violacion>,
    pub ahora_us: u64,
    pub cobertura: Cobertura,
    historias: BTreeMap<Intencion, Historia>,
    de_op_id: BTreeMap<OpId, Intencion>,
    admitidas: BTreeMap<(usize, u64), Admitida>,
    /// How many effects have been looked at.
    efectos: usize,
    por_intencion: BTreeMap<Intencion, u32>,
}

impl Juez {
    pub fn acusar(&mut self, regla: Regla, detalle: String) {
        let us = self.ahora_us;
        self.violacion
            .get_or_insert(Violacion { regla, us, detalle });
    }

    /// A client sends an attempt of a writing operation.
    pub fn envia(&mut self, intencion: Intencion, op_id: OpId, serie: u32) {
        let historia = self.historias.entry(intencion).or_default();
        historia.intentos.insert(serie, false);
        historia.op_ids.insert(op_id.clone());
        self.de_op_id.insert(op_id, intencion);
    }

    /// It did not go out after all.
    pub fn no_salio(&mut self, intencion: Intencion, serie: u32) {
        if let Some(historia) = self.historias.get_mut(&intencion) {
            historia.intentos.remove(&serie);
        }
    }

    /// A client gets an answer to one of them.
    pub fn recibe(&mut self, intencion: Intencion, serie: u32, respuesta: &RespuestaCliente) {
        let Some(historia) = self.historias.get_mut(&intencion) else {
            return;
        };
        match respuesta.estado {
            Estado::Ocupado | Estado::NoDisponible => {
                historia.intentos.insert(serie, true);
            }
            Estado::Confirmado | Estado::Rechazado => historia.decisiones.push(respuesta.clone()),
            Estado::Desconocido => {}
            Estado::Encolado => {
                let op_id = respuesta.op_id.as_deref().map(OpId::parse);
                historia.encoladas.insert(op_id.unwrap().unwrap());
                self.cobertura.encoladas += 1;
            }
            otro => self.acusar(Regla::OtraRespuesta, format!("{otro} to {intencion:?}")),
        }
    }

    /// A carga takes a request; `id` is its own number.
    pub fn admite(&mut self, carga: usize, id: u64, op_id: OpId) {
        let admitida = Admitida {
            op_id,
            entregas: 0,
            respuesta: None,
            perdida: false,
        };
        self.admitidas.insert((carga, id), admitida);
        self.cobertura.admitidas += 1;
    }

    /// A carga hands it to an actor.
    pub fn entrega(&mut self, carga: usize, id: u64) {
        // A replay has a number of its own.
        let Some(admitida) = self.admitidas.get_mut(&(carga, id)) else {
            return;
        };
        admitida.entregas += 1;
        self.cobertura.segundas_entregas += u64::from(admitida.entregas == 2);
        if admitida.entregas > 2 {
            let detalle = format!("{} handed over {} times", admitida.op_id, admitida.entregas);
            self.acusar(Regla::DemasiadosEnvios, detalle);
        }
    }

    /// A carga answers it, so long after it came; without a limit when the carga was frozen.
    pub fn responde(
        &mut self,
        carga: usize,
        id: u64,
        desenlace: &Desenlace,
        tardanza: Duration,
        limite: Option<Duration>,
    ) {
        let Some(admitida) = self.admitidas.get_mut(&(carga, id)) else {
            return self.acusar(Regla::NoUnaRespuesta, format!("{id} was never asked"));
        };
        let op_id = admitida.op_id.clone();
        match desenlace {
            Desenlace::Decidida(r) => self.cobertura.repetidas += u64::from(r.repetida),
            Desenlace::Incierta(_) => self.cobertura.inciertas += 1,
            _ => self.cobertura.negadas += 1,
        }
        if admitida.respuesta.replace(desenlace.clone()).is_some() {
            self.acusar(Regla::NoUnaRespuesta, format!("{op_id} answered twice"));
        }
        if limite.is_some_and(|limite| tardanza > limite) {
            self.acusar(Regla::FueraDePlazo, format!("{op_id} after {tardanza:?}"));
        }
    }

    /// A carga's process ends with what it had.
    pub fn muere_carga(&mut self, carga: usize) {
        for ((cual, _), admitida) in &mut self.admitidas {
            admitida.perdida |= *cual == carga && admitida.respuesta.is_none();
        }
    }

    /// The database has committed.
    pub fn commit(&mut self, base: &Base) {
        if let Err(detalle) = base.revisar() {
            self.acusar(Regla::Invariante, detalle);
        }
        for op_id in base.efectos.iter().skip(self.efectos) {
            let Some(&intencion) = self.de_op_id.get(op_id) else {
                self.acusar(Regla::DosEfectos, format!("nobody asked for {op_id}"));
                continue;
            };
            let cuenta = self.por_intencion.entry(intencion).or_default();
            *cuenta += 1;
            if *cuenta > 1 {
                self.acusar(Regla::DosEfectos, format!("{op_id} took effect again"));
            }
        }
        self.efectos = base.efectos.len();
    }

    /// Everything is over: what was said is compared with what is stored.
    pub fn cerrar(&mut self, base: &Base) {
        self.cobertura.efectos = base.efectos.len() as u64;
        self.por_intencion.clear();
        self.efectos = 0;
        self.commit(base);
        for ((carga, _), admitida) in &self.admitidas {
            if admitida.respuesta.is_none() && !admitida.perdida {
                let detalle = format!("carga{carga} never answered {}", admitida.op_id);
                return self.acusar(Regla::NoUnaRespuesta, detalle);
            }
        }
        for intencion in self.historias.keys().copied().collect::<Vec<_>>() {
            if let Err((regla, detalle)) = self.revisar(intencion, base) {
                self.acusar(regla, detalle);
            }
        }
    }

    fn revisar(&self, intencion: Intencion, base: &Base) -> Result<(), (Regla, String)> {
        let historia = &self.historias[&intencion];
        let con_efecto = self.por_intencion.contains_key(&intencion);
        for op_id in &historia.op_ids {
            let guardada = base.operaciones.get(op_id).map(|g| &g.respuesta);
            let hecha = base.efectos.contains(op_id);
            if hecha && guardada.is_none_or(|g| g.estado != Estado::Confirmado) {
                return Err((Regla::RechazadaConEfecto, format!("{op_id}")));
            }
            if guardada.is_some() && self.nadie_duda(op_id, historia) {
                return Err((Regla::AplicadaSinDecirlo, format!("{op_id}")));
            }
        }
        for op_id in &historia.encoladas {
            if !base.operaciones.contains_key(op_id) {
                return Err((Regla::EncoladaPerdida, format!("{op_id}")));
            }
        }
        for dada in &historia.decisiones {
            if dada.estado == Estado::Rechazado && con_efecto {
                return Err((Regla::RechazadaConEfecto, format!("{intencion:?}")));
            }
            if !coincide(dada, base) {
                return Err((Regla::OtraRespuesta, format!("{dada:?}")));
            }
        }
        Ok(())
    }

    /// Whether every attempt was answered as certainly not applied: as the cargas said it, or,
    /// where the network doubled no request, as the client heard it.
    fn nadie_duda(&self, op_id: &OpId, historia: &Historia) -> bool {
        let de = |admitida: &&Admitida| admitida.op_id == *op_id;
        let admitidas: Vec<_> = self.admitidas.values().filter(de).collect();
        let negada = |admitida: &&Admitida| match &admitida.respuesta {
            Some(Desenlace::Decidida(_) | Desenlace::Incierta(_)) | None => false,
            Some(_) => true,
        };
        let oidas = admitidas.len() <= historia.intentos.len()
            && historia.intentos.values().all(|negado| *negado);
        oidas || (!admitidas.is_empty() && admitidas.iter().all(negada))
    }
}

fn coincide(dada: &RespuestaCliente, base: &Base) -> bool {
    let op_id = dada.op_id.as_deref().and_then(|id| OpId::parse(id).ok());
    let Some(guardada) = op_id.and_then(|id| base.operaciones.get(&id)) else {
        return false;
    };
    let guardada = &guardada.respuesta;
    let codigo = guardada.rechazo.map(|r| Codigo::Rechazo(r).texto());
    let datos: Value = serde_json::from_str(&guardada.datos).unwrap();
    dada.estado == guardada.estado
        && dada.codigo.as_deref() == codigo
        && dada.fecha_operacion == guardada.fecha
        && dada.datos == datos
}
