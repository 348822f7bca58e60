//! The trips to the disk: what goes on the next one, and what it means when one is back.

use std::time::Instant;

use crate::carga::diario::{Contestacion, Diario, SIN_SITIO, Salida, Viaje};
use crate::db::diario::{Apunte, Cerrada, Suerte};
use crate::wire::respuesta::{Causa, Desenlace};

/// Written at once: bounds the time of one commit.
const LOTE_MAX: usize = 1_024;

impl Diario {
    /// Sends off what waits, unless a trip is under way.
    pub(super) fn viajar(&mut self, ahora: Instant, salidas: &mut Vec<Salida>) {
        if !self.cargado || self.viaje.is_some() {
            return;
        }
        let lleno = self.sin_sitio.is_some_and(|hasta| hasta > ahora);
        let mut apuntes = Vec::new();
        // On a full disk only new operations ask for room at once: they are told.
        let mut quedan = Vec::new();
        for apunte in std::mem::take(&mut self.por_anotar) {
            let nueva = matches!(apunte, Apunte::Abrir { .. });
            if apuntes.len() < LOTE_MAX && (nueva || !lleno) {
                apuntes.push(apunte);
            } else {
                quedan.push(apunte);
            }
        }
        self.por_anotar = quedan;
        let cuantas = self.por_preguntar.len().min(LOTE_MAX);
        let (ids, preguntas): (Vec<u64>, Vec<_>) = self.por_preguntar.drain(..cuantas).unzip();
        if apuntes.is_empty() && preguntas.is_empty() {
            return;
        }
        for apunte in &mut apuntes {
            if let Apunte::Abrir { seq, edad_ms, .. } = apunte
                && let Some(anotada) = self.entradas.de_mut(*seq)
            {
                *edad_ms = anotada.edad_ms(ahora);
            }
        }
        self.viaje = Some((apuntes.clone(), ids));
        salidas.push(Salida::Viaje(Viaje { apuntes, preguntas }));
    }

    pub(super) fn de_vuelta(
        &mut self,
        ahora: Instant,
        suertes: Vec<Suerte>,
        halladas: Vec<Option<Cerrada>>,
        salidas: &mut Vec<Salida>,
    ) {
        let Some((apuntes, preguntas)) = self.viaje.take() else {
            return;
        };
        for (apunte, suerte) in apuntes.into_iter().zip(suertes) {
            match apunte {
                Apunte::Abrir { seq, .. } => {
                    self.abriendo -= 1;
                    self.abierta(ahora, seq, suerte, salidas);
                }
                Apunte::Cerrar { seq, .. } if suerte == Suerte::Hecha => {
                    self.entradas.quitar(seq);
                }
                Apunte::Apartar { .. } if suerte == Suerte::Hecha => {}
                otro => {
                    self.sin_sitio = Some(ahora + SIN_SITIO);
                    self.por_anotar.push(otro);
                }
            }
        }
        for (id, hallada) in preguntas.into_iter().zip(halladas) {
            let Some(pedido) = self.clientes.pregunta(id) else {
                continue;
            };
            match hallada {
                Some(cerrada) if pedido.principal.alcanza(&cerrada.principal) => {
                    self.contestar(id, Contestacion::Guardada(Box::new(cerrada)), salidas);
                }
                _ => self.pasar(ahora, id, pedido, salidas),
            }
        }
        self.mirar_pendientes(ahora, salidas);
    }

    fn abierta(&mut self, ahora: Instant, seq: u64, suerte: Suerte, salidas: &mut Vec<Salida>) {
        if suerte == Suerte::Hecha {
            for id in self.entradas.en_disco(seq, ahora) {
                self.contestar(id, Contestacion::Encolada, salidas);
            }
            return;
        }
        self.soltar(ahora, seq, salidas);
        let Some(mut anotada) = self.entradas.quitar(seq) else {
            return;
        };
        for id in anotada.esperan() {
            match &suerte {
                Suerte::Decidida(cerrada) => {
                    let suyo = (id, anotada.compacta.pedido());
                    let misma = suyo.1.principal.alcanza(&cerrada.principal)
                        && suyo.1.huella.to_string() == cerrada.huella;
                    let respuesta = cerrada.respuesta.clone();
                    self.repetida(ahora, suyo, misma, respuesta, salidas);
                }
                _ => {
                    let lleno = Desenlace::NoAplicada(Causa::DiarioLleno);
                    self.contestar(id, Contestacion::Desenlace(lleno), salidas);
                }
            }
        }
    }
}
