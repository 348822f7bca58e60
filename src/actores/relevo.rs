//! Which almacenamiento gets an operation, and what its silence means: an actor's pure core.
//!
//! `paso(ahora, entrada) -> salidas`; no clock, no sockets. One breaker an endpoint; rotation,
//! attempts bounded by `rondas`; an operation that was sent once and not answered ends as
//! uncertain, never as "not applied". A repeat to another endpoint carries the same op_id, so
//! it can only find what the first one did.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use crate::runtime::breaker::{self, Breaker, EstadoBreaker, Permiso};
use crate::wire::mensaje::{Disposicion, Encargo, EstadoAlmacen, Resultado};
use crate::wire::respuesta::{Causa, Desenlace};

/// How long operations are kept back while the last ready endpoint is being replaced: a
/// standby takes over within this; after it, answers are given at once.
const RELEVO_MAX: Duration = Duration::from_millis(1_000);

/// Its numbers.
#[derive(Debug, Clone, Copy)]
pub struct Ajuste {
    /// For each endpoint's breaker.
    pub breaker: breaker::Ajuste,
    /// Longest wait for one attempt.
    pub espera: Duration,
    /// Attempts allowed: this many for each endpoint.
    pub rondas: u32,
    /// Silence after which an endpoint is not there.
    pub silencio_max: Duration,
}

/// What happened. Cargas and almacenamientos go by their place in the configuration.
#[derive(Debug)]
pub enum Entrada {
    /// Work from a carga.
    Encargos(usize, Vec<Encargo>),
    /// Outcomes from an almacenamiento.
    Resultados(usize, Vec<Resultado>),
    /// An almacenamiento's answer to a beat.
    Estado(usize, EstadoAlmacen),
    /// The connection to an almacenamiento ended.
    Desconectado(usize),
    /// These were certainly not sent to that almacenamiento.
    SinEnviar(usize, Vec<u64>),
    /// Time has passed.
    Tic,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Salida {
    /// Send it to that almacenamiento.
    Enviar(usize, Encargo),
    /// Tell that carga.
    Responder(usize, Resultado),
    /// The first database seen: to be remembered.
    Base(String),
}

struct Almacen {
    extremo: String,
    breaker: Breaker,
    anunciado: EstadoBreaker,
    visto: Option<Instant>,
    disposicion: Disposicion,
    ajeno: bool,
}

struct EnCurso {
    carga: usize,
    encargo: Encargo,
    recibido: Instant,
    vence: Instant,
    /// When to look at it again: the end of its attempt or of its whole time.
    alarma: Instant,
    destino: Option<(usize, Permiso)>,
    intentos: u32,
    /// Some attempt was sent and ended without an answer.
    incierto: bool,
}

/// One endpoint as `biblioteca estado` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EstadoEndpoint {
    /// `tcp://host:port`.
    pub extremo: String,
    /// Its breaker.
    pub breaker: EstadoBreaker,
    /// Whether it answers and owns the database.
    pub listo: bool,
}

/// See the module's doc.
pub struct Relevo {
    ajuste: Ajuste,
    almacenes: Vec<Almacen>,
    en_curso: HashMap<u64, EnCurso>,
    alarmas: BTreeSet<(Instant, u64)>,
    siguiente: u64,
    turno: usize,
    listo_hasta: Option<Instant>,
    base_id: Option<String>,
}

impl Relevo {
    /// One for these endpoints; `base_id` is the database that this node works with, once it
    /// has seen one.
    #[must_use]
    pub fn nuevo(ajuste: Ajuste, extremos: &[String], base_id: Option<String>) -> Self {
        let almacenes = extremos
            .iter()
            .map(|extremo| Almacen {
                extremo: extremo.clone(),
                breaker: Breaker::nuevo(ajuste.breaker),
                anunciado: EstadoBreaker::Cerrado,
                visto: None,
                disposicion: Disposicion::NoListo,
                ajeno: false,
            })
            .collect();
        Self {
            ajuste,
            almacenes,
            en_curso: HashMap::new(),
            alarmas: BTreeSet::new(),
            // Not 1: a restarted actor must not take answers to its former life for its own.
            siguiente: u64::from(uuid::Uuid::new_v4().as_fields().0) << 32,
            turno: 0,
            listo_hasta: None,
            base_id,
        }
    }

    /// Takes one input; what it causes is pushed to `salidas`.
    pub fn paso(&mut self, ahora: Instant, entrada: Entrada, salidas: &mut Vec<Salida>) {
        match entrada {
            Entrada::Encargos(carga, encargos) => {
                for encargo in encargos {
                    self.recibir(ahora, carga, encargo, salidas);
                }
            }
            Entrada::Resultados(almacen, lista) => {
                for resultado in lista {
                    self.resultado(ahora, almacen, resultado, salidas);
                }
            }
            Entrada::Estado(almacen, estado) => self.estado_de(ahora, almacen, estado, salidas),
            Entrada::Desconectado(almacen) => self.perder(ahora, almacen, salidas),
            Entrada::SinEnviar(almacen, ids) => {
                for id in ids {
                    self.sin_enviar(ahora, almacen, id, salidas);
                }
            }
            Entrada::Tic => self.tic(ahora, salidas),
        }
        self.anunciar(ahora);
    }

    /// Every endpoint, in the configuration's order.
    #[must_use]
    pub fn estado(&self, ahora: Instant) -> Vec<EstadoEndpoint> {
        self.almacenes
            .iter()
            .map(|almacen| EstadoEndpoint {
                extremo: almacen.extremo.clone(),
                breaker: almacen.breaker.estado(ahora),
                listo: self.listo(ahora, almacen),
            })
            .collect()
    }

    /// Operations in hand.
    #[must_use]
    pub fn en_curso(&self) -> usize {
        self.en_curso.len()
    }

    fn presente(&self, ahora: Instant, almacen: &Almacen) -> bool {
        almacen
            .visto
            .is_some_and(|visto| ahora - visto <= self.ajuste.silencio_max)
    }

    fn listo(&self, ahora: Instant, almacen: &Almacen) -> bool {
        !almacen.ajeno && almacen.disposicion == Disposicion::Listo && self.presente(ahora, almacen)
    }

    fn recibir(
        &mut self,
        ahora: Instant,
        carga: usize,
        encargo: Encargo,
        salidas: &mut Vec<Salida>,
    ) {
        self.siguiente += 1;
        let vence = ahora + Duration::from_millis(u64::from(encargo.plazo_ms));
        let en_curso = EnCurso {
            carga,
            encargo,
            recibido: ahora,
            vence,
            alarma: vence,
            destino: None,
            intentos: 0,
            incierto: false,
        };
        self.alarmas.insert((vence, self.siguiente));
        self.en_curso.insert(self.siguiente, en_curso);
        self.intentar(ahora, self.siguiente, salidas);
    }

    /// Sends the operation to the next endpoint that takes it, keeps it back for a moment, or
    /// ends it.
    fn intentar(&mut self, ahora: Instant, id: u64, salidas: &mut Vec<Salida>) {
        let intentos_max = self.ajuste.rondas * u32::try_from(self.almacenes.len()).unwrap_or(1);
        let Some(en_curso) = self.en_curso.get(&id) else {
            return;
        };
        let intentos = en_curso.intentos;
        if ahora >= en_curso.vence {
            return self.terminar(id, Causa::PlazoVencido, salidas);
        }
        if intentos >= intentos_max {
            return self.terminar(id, Causa::SinAlmacenamiento, salidas);
        }
        let Some((almacen, permiso)) = self.elegir(ahora) else {
            if !self.hay_relevo(ahora) {
                self.terminar(id, Causa::SinAlmacenamiento, salidas);
            }
            return;
        };
        let Some(en_curso) = self.en_curso.get_mut(&id) else {
            return;
        };
        let resta = en_curso.vence - ahora;
        let plazo = self
            .ajuste
            .espera
            .min(resta / (intentos_max - intentos).min(2));
        self.alarmas.remove(&(en_curso.alarma, id));
        en_curso.alarma = ahora + plazo;
        self.alarmas.insert((en_curso.alarma, id));
        en_curso.destino = Some((almacen, permiso));
        en_curso.intentos += 1;
        let transcurrido = u64::try_from((ahora - en_curso.recibido).as_millis()).unwrap_or(0);
        let encargo = Encargo {
            id,
            plazo_ms: u32::try_from(plazo.as_millis()).unwrap_or(u32::MAX),
            edad_ms: en_curso.encargo.edad_ms.map(|edad| edad + transcurrido),
            intento: u16::try_from(en_curso.intentos).unwrap_or(u16::MAX),
            ..en_curso.encargo.clone()
        };
        if en_curso.intentos > 1 {
            tracing::info!(
                op_id = %encargo.pedido.op_id,
                "conectando a {} (intento {}/{intentos_max})",
                self.almacenes[almacen].extremo,
                en_curso.intentos,
            );
        }
        salidas.push(Salida::Enviar(almacen, encargo));
    }

    /// The next ready endpoint whose breaker gives leave, in rotation.
    fn elegir(&mut self, ahora: Instant) -> Option<(usize, Permiso)> {
        let n = self.almacenes.len();
        for paso in 0..n {
            let i = (self.turno + paso) % n;
            if !self.listo(ahora, &self.almacenes[i]) {
                if !self.presente(ahora, &self.almacenes[i]) {
                    self.almacenes[i].breaker.sin_enviar(ahora);
                }
                continue;
            }
            if let Some(permiso) = self.almacenes[i].breaker.pedir(ahora) {
                self.turno = i;
                return Some((i, permiso));
            }
        }
        None
    }

    /// Whether an endpoint was ready so lately that its successor is on its way.
    fn hay_relevo(&self, ahora: Instant) -> bool {
        self.listo_hasta
            .is_some_and(|hasta| ahora - hasta < RELEVO_MAX)
    }

    fn terminar(&mut self, id: u64, causa: Causa, salidas: &mut Vec<Salida>) {
        let incierto = self
            .en_curso
            .get(&id)
            .is_some_and(|en_curso| en_curso.incierto);
        let desenlace = if incierto {
            Desenlace::Incierta(causa)
        } else {
            Desenlace::NoAplicada(causa)
        };
        self.responder(id, desenlace, salidas);
    }

    fn responder(&mut self, id: u64, desenlace: Desenlace, salidas: &mut Vec<Salida>) {
        let Some(en_curso) = self.en_curso.remove(&id) else {
            return;
        };
        self.alarmas.remove(&(en_curso.alarma, id));
        let resultado = Resultado {
            id: en_curso.encargo.id,
            desenlace,
        };
        salidas.push(Salida::Responder(en_curso.carga, resultado));
    }

    fn resultado(
        &mut self,
        ahora: Instant,
        almacen: usize,
        resultado: Resultado,
        salidas: &mut Vec<Salida>,
    ) {
        if let Some(quien) = self.almacenes.get_mut(almacen) {
            quien.visto = Some(ahora);
        }
        let Resultado { id, desenlace } = resultado;
        let Some(en_curso) = self.en_curso.get_mut(&id) else {
            return;
        };
        let permiso = match en_curso.destino {
            Some((destino, permiso)) if destino == almacen => Some(permiso),
            _ => None,
        };
        match (desenlace, permiso) {
            // A decision is one, however late and from whomever.
            (decidida @ Desenlace::Decidida(_), _) => {
                if let Some(permiso) = permiso {
                    self.almacenes[almacen].breaker.acierto(permiso);
                }
                self.responder(id, decidida, salidas);
            }
            (_, None) => {}
            (Desenlace::EnEspera, Some(permiso)) => {
                let quien = &mut self.almacenes[almacen];
                quien.breaker.devolver(permiso);
                quien.disposicion = Disposicion::EnEspera;
                self.otra_vez(ahora, id, salidas);
            }
            (Desenlace::Envenenada, Some(permiso)) => {
                self.almacenes[almacen].breaker.acierto(permiso);
                self.responder(id, Desenlace::Envenenada, salidas);
            }
            (Desenlace::NoAplicada(causa @ Causa::ColaLlena), Some(permiso)) => {
                self.almacenes[almacen].breaker.acierto(permiso);
                self.terminar(id, causa, salidas);
            }
            (Desenlace::NoAplicada(_), Some(permiso)) => {
                self.almacenes[almacen].breaker.fallo(permiso, ahora);
                self.siguiente_turno(almacen);
                self.otra_vez(ahora, id, salidas);
            }
            (Desenlace::Incierta(_), Some(permiso)) => {
                en_curso.incierto = true;
                self.almacenes[almacen].breaker.fallo(permiso, ahora);
                self.siguiente_turno(almacen);
                self.otra_vez(ahora, id, salidas);
            }
        }
    }

    fn siguiente_turno(&mut self, fallido: usize) {
        if self.turno == fallido {
            self.turno = (fallido + 1) % self.almacenes.len();
        }
    }

    /// Ends the current attempt and makes another, now or when there is an endpoint.
    fn otra_vez(&mut self, ahora: Instant, id: u64, salidas: &mut Vec<Salida>) {
        let Some(en_curso) = self.en_curso.get_mut(&id) else {
            return;
        };
        en_curso.destino = None;
        self.alarmas.remove(&(en_curso.alarma, id));
        en_curso.alarma = en_curso.vence;
        self.alarmas.insert((en_curso.alarma, id));
        self.intentar(ahora, id, salidas);
    }

    fn sin_enviar(&mut self, ahora: Instant, almacen: usize, id: u64, salidas: &mut Vec<Salida>) {
        let Some(en_curso) = self.en_curso.get_mut(&id) else {
            return;
        };
        let Some((destino, permiso)) = en_curso.destino else {
            return;
        };
        if destino != almacen {
            return;
        }
        en_curso.intentos -= 1;
        self.almacenes[almacen].breaker.fallo(permiso, ahora);
        self.almacenes[almacen].visto = None;
        self.siguiente_turno(almacen);
        self.otra_vez(ahora, id, salidas);
    }

    fn estado_de(
        &mut self,
        ahora: Instant,
        almacen: usize,
        estado: EstadoAlmacen,
        salidas: &mut Vec<Salida>,
    ) {
        let base_id = estado.base_id;
        if self.base_id.is_none() && !base_id.is_empty() {
            self.base_id = Some(base_id.clone());
            salidas.push(Salida::Base(base_id.clone()));
        }
        let propia = base_id.is_empty() || self.base_id.as_ref() == Some(&base_id);
        let Some(quien) = self.almacenes.get_mut(almacen) else {
            return;
        };
        if !propia && !quien.ajeno {
            tracing::error!(
                extremo = quien.extremo,
                base_id,
                "ese almacenamiento sirve otra base de datos; no se le envía nada"
            );
        }
        quien.ajeno = !propia;
        quien.visto = Some(ahora);
        let vuelve =
            estado.disposicion == Disposicion::Listo && quien.disposicion != Disposicion::Listo;
        quien.disposicion = estado.disposicion;
        if estado.disposicion == Disposicion::Listo && propia {
            self.listo_hasta = Some(ahora);
            quien.breaker.listo_de_nuevo();
            if vuelve {
                self.reanudar(ahora, salidas);
            }
        }
    }

    /// Tries again what was kept back.
    fn reanudar(&mut self, ahora: Instant, salidas: &mut Vec<Salida>) {
        let mut retenidas: Vec<u64> = self
            .en_curso
            .iter()
            .filter(|(_, en_curso)| en_curso.destino.is_none())
            .map(|(&id, _)| id)
            .collect();
        retenidas.sort_unstable();
        for id in retenidas {
            self.intentar(ahora, id, salidas);
        }
    }

    fn perder(&mut self, ahora: Instant, almacen: usize, salidas: &mut Vec<Salida>) {
        let Some(quien) = self.almacenes.get_mut(almacen) else {
            return;
        };
        quien.visto = None;
        quien.disposicion = Disposicion::NoListo;
        self.siguiente_turno(almacen);
        let mut suyas: Vec<(u64, Permiso)> = self
            .en_curso
            .iter()
            .filter_map(|(&id, en_curso)| match en_curso.destino {
                Some((destino, permiso)) if destino == almacen => Some((id, permiso)),
                _ => None,
            })
            .collect();
        suyas.sort_unstable_by_key(|&(id, _)| id);
        for (id, permiso) in suyas {
            self.almacenes[almacen].breaker.fallo(permiso, ahora);
            if let Some(en_curso) = self.en_curso.get_mut(&id) {
                en_curso.incierto = true;
            }
            self.otra_vez(ahora, id, salidas);
        }
    }

    fn tic(&mut self, ahora: Instant, salidas: &mut Vec<Salida>) {
        let mudos: Vec<usize> = (0..self.almacenes.len())
            .filter(|&i| {
                self.almacenes[i].visto.is_some() && !self.presente(ahora, &self.almacenes[i])
            })
            .collect();
        for almacen in mudos {
            self.perder(ahora, almacen, salidas);
        }
        while let Some(&(alarma, id)) = self.alarmas.first() {
            if alarma > ahora {
                break;
            }
            self.alarmas.remove(&(alarma, id));
            self.vencer(ahora, id, salidas);
        }
        // Kept back until a successor is there; with none on its way, told at once.
        if !self.hay_relevo(ahora) {
            self.reanudar(ahora, salidas);
        }
    }

    /// The time of an attempt, or of the operation, is over.
    fn vencer(&mut self, ahora: Instant, id: u64, salidas: &mut Vec<Salida>) {
        let Some(en_curso) = self.en_curso.get_mut(&id) else {
            return;
        };
        if let Some((almacen, permiso)) = en_curso.destino.take() {
            en_curso.incierto = true;
            self.almacenes[almacen].breaker.fallo(permiso, ahora);
            self.siguiente_turno(almacen);
        }
        self.intentar(ahora, id, salidas);
        if let Some(en_curso) = self.en_curso.get_mut(&id)
            && en_curso.destino.is_none()
        {
            en_curso.alarma = en_curso.vence;
            self.alarmas.insert((en_curso.alarma, id));
        }
    }

    /// Logs every change of a breaker once.
    fn anunciar(&mut self, ahora: Instant) {
        for almacen in &mut self.almacenes {
            let estado = almacen.breaker.estado(ahora);
            if estado != almacen.anunciado {
                almacen.anunciado = estado;
                tracing::warn!("cortacircuitos {estado} para {}", almacen.extremo);
            }
        }
    }
}
