//! The attempts of one operation, from its arrival to its end.

use std::time::{Duration, Instant};

use super::tardanzas::Tardanza;
use super::{ENVIOS, EnCurso, Relevo, Salida};
use crate::plantado::{Defecto, plantado};
use crate::runtime::breaker::Permiso;
use crate::wire::mensaje::{Disposicion, Encargo, Resultado};
use crate::wire::respuesta::{Causa, Desenlace, Estado};

/// An answer later than this costs its endpoint the turn: it is not broken, but another may be
/// faster (fault case 31). Half of what the first attempt of a synchronous operation gets, and
/// many times a commit.
const LENTO: Duration = Duration::from_millis(500);

/// Share of an attempt's time that the almacenamiento gets, in percent: what it has no time for
/// it says itself, in time, and it does not pass for broken because it is busy (design §2).
const PLAZO_ALMACEN_PCT: u32 = 80;

impl Relevo {
    pub(super) fn recibir(
        &mut self,
        ahora: Instant,
        carga: usize,
        encargo: Encargo,
        salidas: &mut Vec<Salida>,
    ) {
        let entrega = (carga, encargo.id, encargo.intento);
        if !self.recibidos.es_nuevo(ahora, entrega) {
            return;
        }
        self.siguiente = self.siguiente.wrapping_add(ENVIOS);
        let vence = ahora + Duration::from_millis(u64::from(encargo.plazo_ms));
        let en_curso = EnCurso {
            carga,
            encargo,
            recibido: ahora,
            vence,
            alarma: vence,
            destino: None,
            enviado: ahora,
            intentos: 0,
            envio: 0,
            incierto: false,
        };
        self.alarmas.insert((vence, self.siguiente));
        self.en_curso.insert(self.siguiente, en_curso);
        self.intentar(ahora, self.siguiente, salidas);
    }

    /// Sends the operation to the next endpoint that takes it, keeps it back for a moment, or
    /// ends it.
    pub(super) fn intentar(&mut self, ahora: Instant, id: u64, salidas: &mut Vec<Salida>) {
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
            if self.hay_relevo(ahora) {
                self.retenidas.insert(id);
            } else {
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
        self.retenidas.remove(&id);
        self.alarmas.remove(&(en_curso.alarma, id));
        en_curso.alarma = ahora + plazo;
        self.alarmas.insert((en_curso.alarma, id));
        en_curso.destino = Some((almacen, permiso));
        en_curso.enviado = ahora;
        en_curso.intentos += 1;
        en_curso.envio = (en_curso.envio + 1) % ENVIOS;
        let transcurrido = u64::try_from((ahora - en_curso.recibido).as_millis()).unwrap_or(0);
        let encargo = Encargo {
            id: id + en_curso.envio,
            plazo_ms: u32::try_from((plazo * PLAZO_ALMACEN_PCT / 100).as_millis())
                .unwrap_or(u32::MAX),
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

    pub(super) fn terminar(&mut self, id: u64, causa: Causa, salidas: &mut Vec<Salida>) {
        // A read applies nothing, however it ended.
        let incierto = self
            .en_curso
            .get(&id)
            .is_some_and(|en_curso| en_curso.incierto && !en_curso.es_lectura());
        let desenlace = if incierto {
            Desenlace::Incierta(causa)
        } else {
            Desenlace::NoAplicada(causa)
        };
        self.responder(id, desenlace, salidas);
    }

    pub(super) fn responder(&mut self, id: u64, desenlace: Desenlace, salidas: &mut Vec<Salida>) {
        let Some(en_curso) = self.en_curso.remove(&id) else {
            return;
        };
        self.alarmas.remove(&(en_curso.alarma, id));
        self.retenidas.remove(&id);
        // Decided by an earlier attempt: what the one under way says of its endpoint is to come.
        if let Some((envio, tardanza)) = en_curso.tardanza(id, self.ajuste.espera) {
            self.tardanzas.anotar(envio, tardanza);
        }
        let resultado = Resultado {
            id: en_curso.encargo.id,
            desenlace,
        };
        salidas.push(Salida::Responder(en_curso.carga, resultado));
    }

    pub(super) fn resultado(
        &mut self,
        ahora: Instant,
        almacen: usize,
        resultado: Resultado,
        salidas: &mut Vec<Salida>,
    ) {
        let Some(quien) = self.almacenes.get_mut(almacen) else {
            return;
        };
        quien.visto = Some(ahora);
        let Resultado { id, desenlace } = resultado;
        let tardanza = self.tardanzas.contestada(almacen, id);
        if let Some(tardanza) = tardanza {
            self.valorar(ahora, almacen, tardanza.permiso, &desenlace);
        }
        let (id, envio) = (id - id % ENVIOS, id % ENVIOS);
        let en_curso = || self.en_curso.get(&id).map(EnCurso::es_lectura);
        let lectura = tardanza.map(|tardanza| tardanza.lectura).or_else(en_curso);
        if lectura == Some(false) && matches!(desenlace, Desenlace::Decidida(_)) {
            self.almacenes[almacen].decidio = Some(ahora);
        }
        let Some(en_curso) = self.en_curso.get_mut(&id) else {
            return;
        };
        let permiso = en_curso.permiso_de(almacen, envio);
        let lento = !en_curso.es_lectura() && ahora - en_curso.enviado > LENTO;
        en_curso.incierto |= permiso.is_some() && matches!(desenlace, Desenlace::Incierta(_));
        let incierto = en_curso.incierto;
        if let Some(permiso) = permiso {
            en_curso.destino = None;
            self.valorar(ahora, almacen, permiso, &desenlace);
            if lento {
                self.siguiente_turno(almacen);
            }
        }
        match desenlace {
            // A decision is one, however late and from whomever.
            Desenlace::Decidida(_) => self.responder(id, desenlace, salidas),
            _ if permiso.is_none() => {}
            // This attempt applied nothing; an earlier one, sent elsewhere, still may.
            Desenlace::Envenenada if incierto => {
                self.responder(id, Desenlace::Incierta(Causa::FalloInterno), salidas);
            }
            Desenlace::Envenenada => self.responder(id, desenlace, salidas),
            Desenlace::NoAplicada(causa @ Causa::ColaLlena) => self.terminar(id, causa, salidas),
            Desenlace::EnEspera | Desenlace::NoAplicada(_) | Desenlace::Incierta(_) => {
                self.otra_vez(ahora, id, salidas);
            }
        }
    }

    /// What an answer says about its endpoint, whatever it means for the operation.
    fn valorar(&mut self, ahora: Instant, almacen: usize, permiso: Permiso, desenlace: &Desenlace) {
        let quien = &mut self.almacenes[almacen];
        match desenlace {
            Desenlace::Decidida(respuesta)
                if respuesta.estado == Estado::Rechazado && plantado(Defecto::CuentaRechazos) =>
            {
                quien.breaker.fallo(permiso, ahora);
            }
            Desenlace::Decidida(_)
            | Desenlace::Envenenada
            // With no room, or no time left in its queue: busy, not broken.
            | Desenlace::NoAplicada(Causa::ColaLlena | Causa::PlazoVencido) => {
                quien.breaker.acierto(permiso);
            }
            Desenlace::EnEspera => {
                // It goes no more there until a beat says "ready".
                quien.breaker.devolver(permiso);
                quien.disposicion = Disposicion::EnEspera;
                quien.dijo_listo = None;
                self.dar_por_mudo(ahora, almacen);
            }
            Desenlace::NoAplicada(_) | Desenlace::Incierta(_) => {
                quien.breaker.fallo(permiso, ahora);
                self.siguiente_turno(almacen);
            }
        }
    }

    /// An endpoint has had its time and said nothing of that attempt.
    pub(super) fn callar(&mut self, ahora: Instant, tardanza: Tardanza) {
        let avanza = self.avanza(ahora, &self.almacenes[tardanza.almacen]);
        let breaker = &mut self.almacenes[tardanza.almacen].breaker;
        if tardanza.lectura || avanza {
            breaker.lenta(tardanza.permiso, ahora);
        } else {
            breaker.fallo(tardanza.permiso, ahora);
        }
    }

    /// Ends the current attempt and makes another, now or when there is an endpoint.
    pub(super) fn otra_vez(&mut self, ahora: Instant, id: u64, salidas: &mut Vec<Salida>) {
        let Some(en_curso) = self.en_curso.get_mut(&id) else {
            return;
        };
        en_curso.destino = None;
        self.alarmas.remove(&(en_curso.alarma, id));
        en_curso.alarma = en_curso.vence;
        self.alarmas.insert((en_curso.alarma, id));
        self.intentar(ahora, id, salidas);
    }

    pub(super) fn sin_enviar(
        &mut self,
        ahora: Instant,
        almacen: usize,
        id: u64,
        salidas: &mut Vec<Salida>,
    ) {
        let (id, envio) = (id - id % ENVIOS, id % ENVIOS);
        let Some(en_curso) = self.en_curso.get_mut(&id) else {
            return;
        };
        let Some((destino, permiso)) = en_curso.destino else {
            return;
        };
        if destino != almacen || en_curso.envio != envio {
            return;
        }
        en_curso.intentos -= 1;
        self.almacenes[almacen].breaker.fallo(permiso, ahora);
        self.almacenes[almacen].visto = None;
        self.almacenes[almacen].dijo_listo = None;
        self.dar_por_mudo(ahora, almacen);
        self.siguiente_turno(almacen);
        self.otra_vez(ahora, id, salidas);
    }

    /// The time of an attempt, or of the operation, is over.
    pub(super) fn vencer(&mut self, ahora: Instant, id: u64, salidas: &mut Vec<Salida>) {
        let Some(en_curso) = self.en_curso.get_mut(&id) else {
            return;
        };
        let tardanza = en_curso.tardanza(id, self.ajuste.espera);
        if let Some((envio, tardanza)) = tardanza {
            en_curso.incierto = true;
            en_curso.destino = None;
            let ausente = !self.listo(ahora, &self.almacenes[tardanza.almacen]);
            if ausente || tardanza.vence <= ahora {
                self.callar(ahora, tardanza);
            } else {
                self.tardanzas.anotar(envio, tardanza);
            }
            // Also of a read: the next one should not ask in the same place for ever.
            self.siguiente_turno(tardanza.almacen);
        }
        self.intentar(ahora, id, salidas);
        if let Some(en_curso) = self.en_curso.get_mut(&id)
            && en_curso.destino.is_none()
        {
            en_curso.alarma = en_curso.vence;
            self.alarmas.insert((en_curso.alarma, id));
        }
    }
}
