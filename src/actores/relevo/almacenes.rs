//! The endpoints: which are there, which may get an operation, and what their loss means.

use std::time::{Duration, Instant};

use super::{Almacen, Relevo, Salida};
use crate::runtime::breaker::{EstadoBreaker, Permiso};
use crate::wire::mensaje::{Disposicion, EstadoAlmacen};

/// How long operations are kept back while the last ready endpoint is being replaced: a
/// standby takes over within this; after it, answers are given at once.
const RELEVO_MAX: Duration = Duration::from_millis(1_000);

impl Relevo {
    pub(super) fn presente(&self, ahora: Instant, almacen: &Almacen) -> bool {
        almacen
            .visto
            .is_some_and(|visto| ahora - visto <= self.ajuste.silencio_max)
    }

    pub(super) fn listo(&self, ahora: Instant, almacen: &Almacen) -> bool {
        !almacen.ajeno && almacen.disposicion == Disposicion::Listo && self.presente(ahora, almacen)
    }

    /// The next ready endpoint whose breaker gives leave, in rotation.
    pub(super) fn elegir(&mut self, ahora: Instant) -> Option<(usize, Permiso)> {
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
    pub(super) fn hay_relevo(&self, ahora: Instant) -> bool {
        self.listo_hasta
            .is_some_and(|hasta| ahora - hasta < RELEVO_MAX)
    }

    pub(super) fn siguiente_turno(&mut self, fallido: usize) {
        if self.turno == fallido {
            self.turno = (fallido + 1) % self.almacenes.len();
        }
    }

    pub(super) fn estado_de(
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
        quien.disposicion = estado.disposicion;
        if estado.disposicion != Disposicion::Listo || !propia {
            quien.dijo_listo = None;
            return self.dar_por_mudo(ahora, almacen);
        }
        let silencio_max = self.ajuste.silencio_max;
        let antes = quien.dijo_listo.replace(ahora);
        // One that went on saying so while its operations failed serves its ten seconds.
        if antes.is_none_or(|antes| ahora - antes > silencio_max) {
            quien.breaker.listo_de_nuevo();
        }
        // Nobody takes the place of one that is there and does not work.
        if quien.breaker.estado(ahora) != EstadoBreaker::Abierto {
            self.listo_hasta = Some(ahora);
        }
    }

    /// Whether an endpoint would take an operation now.
    pub(super) fn alguien_toma(&self, ahora: Instant) -> bool {
        self.almacenes
            .iter()
            .any(|almacen| self.listo(ahora, almacen) && almacen.breaker.admite(ahora))
    }

    /// Tries again what was kept back.
    pub(super) fn reanudar(&mut self, ahora: Instant, salidas: &mut Vec<Salida>) {
        for id in std::mem::take(&mut self.retenidas) {
            self.intentar(ahora, id, salidas);
        }
    }

    pub(super) fn perder(&mut self, ahora: Instant, almacen: usize, salidas: &mut Vec<Salida>) {
        let Some(quien) = self.almacenes.get_mut(almacen) else {
            return;
        };
        quien.visto = None;
        quien.disposicion = Disposicion::NoListo;
        quien.dijo_listo = None;
        self.siguiente_turno(almacen);
        self.dar_por_mudo(ahora, almacen);
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

    /// Whether an endpoint is there and has decided a write that was still asked for within the
    /// longest wait for one attempt: what it has not answered is behind what it decides, and it is
    /// slow, not broken.
    pub(super) fn avanza(&self, ahora: Instant, almacen: &Almacen) -> bool {
        let hace_poco = |decidio| ahora - decidio < self.ajuste.espera;
        self.listo(ahora, almacen) && almacen.decidio.is_some_and(hace_poco)
    }

    /// What it has not answered yet it will not.
    pub(super) fn dar_por_mudo(&mut self, ahora: Instant, almacen: usize) {
        self.almacenes[almacen].decidio = None;
        for tardanza in self.tardanzas.de(almacen) {
            self.callar(ahora, tardanza);
        }
    }

    /// Logs every change of a breaker once.
    pub(super) fn anunciar(&mut self, ahora: Instant) {
        for almacen in &mut self.almacenes {
            let estado = almacen.breaker.estado(ahora);
            if estado != almacen.anunciado {
                almacen.anunciado = estado;
                tracing::warn!("cortacircuitos {estado} para {}", almacen.extremo);
            }
        }
    }
}
