//! The door for clients (5555): reads their JSON, admits what there is room for, and refuses
//! the rest, at once or a moment later (`negativas`). It decides nothing about an operation.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use crate::carga::actor::{Solicitud, Tic};
use crate::carga::admision::Admision;
use crate::carga::negativas::Negativas;
use crate::carga::responder::{Buzon, Remite, Responder, escribir};
use crate::net::server::{Entrada, Par, Puerta, Salida, Sobre};
use crate::wire::json::Invalida;
use crate::wire::respuesta::{Causa, Desenlace};

/// See the module's doc.
pub struct Clientes {
    admision: Admision,
    /// Unanswered requests of each connection that has any.
    en_vuelo: HashMap<Par, usize>,
    negativas: Negativas,
}

impl Clientes {
    /// A door that nobody has come through yet.
    #[must_use]
    pub fn nueva(admision: Admision) -> Self {
        Self {
            admision,
            en_vuelo: HashMap::new(),
            negativas: Negativas::default(),
        }
    }

    /// A node that leaves waits until they are told.
    fn contar_negativas(&self) {
        self.admision.por_negar.set(self.negativas.cuantas());
    }

    fn admitir(
        &mut self,
        ahora: Instant,
        entrada: Entrada,
        inmediatas: &mut Vec<Salida>,
    ) -> Option<Solicitud> {
        let (sobre, cuerpo) = Sobre::separar(&entrada.tramas);
        let leida = match cuerpo {
            [trama] => self.admision.leer(trama),
            _ => {
                let invalida = Invalida {
                    causa: Causa::ParametrosInvalidos,
                    detalle: "se esperaba un solo marco con un objeto JSON".to_owned(),
                    op_id: None,
                    id: None,
                };
                Err(self.admision.negar(&invalida))
            }
        };
        let par = entrada.par;
        let salida = |par, sobre, trama| Salida {
            par,
            sobre,
            libera: false,
            trama,
        };
        let peticion = match leida {
            Ok(mut peticion) => {
                peticion.pedido.principal = entrada.quien.principal();
                peticion
            }
            Err(trama) => {
                inmediatas.push(salida(par, sobre, trama));
                return None;
            }
        };
        let remite = Remite {
            operacion: peticion.pedido.operacion,
            par: Arc::clone(&par),
            op_id: peticion.pedido.op_id.clone(),
            id: peticion.id.clone(),
            hora: Arc::clone(&self.admision.hora),
        };
        let suyas = self.en_vuelo.get(&par).copied().unwrap_or(0);
        let Some(sitio) = self.admision.sitio(suyas) else {
            let ocupada = Desenlace::NoAplicada(Causa::ColaLlena);
            let negativa = salida(par, sobre, escribir(&remite, &ocupada));
            if self.admision.abierta.get() {
                inmediatas.extend(self.negativas.negar(ahora, negativa));
            } else {
                inmediatas.push(negativa);
            }
            return None;
        };
        *self.en_vuelo.entry(par).or_default() += 1;
        let responder = Responder::nuevo(Buzon::Socket(sitio, sobre), remite);
        Some(self.admision.solicitud(peticion, responder))
    }
}

impl Puerta for Clientes {
    fn recibir(&mut self, entradas: Vec<Entrada>, inmediatas: &mut Vec<Salida>) {
        let ahora = Instant::now();
        let admitidas: Vec<Solicitud> = entradas
            .into_iter()
            .filter_map(|entrada| self.admitir(ahora, entrada, inmediatas))
            .collect();
        self.contar_negativas();
        self.admision.entregar(admitidas);
    }

    fn latir(&mut self, inmediatas: &mut Vec<Salida>) {
        self.negativas.olvidar(Instant::now());
        if !self.admision.abierta.get() {
            inmediatas.extend(self.negativas.todas());
            self.contar_negativas();
        }
        let _ = self.admision.puesto.entregar(Tic);
    }

    fn proxima(&self) -> Option<Instant> {
        self.negativas.proxima()
    }

    fn a_su_hora(&mut self, inmediatas: &mut Vec<Salida>) {
        inmediatas.extend(self.negativas.vencidas(Instant::now()));
        self.contar_negativas();
    }

    fn liberar(&mut self, par: &Par) {
        if let Some(cuenta) = self.en_vuelo.get_mut(par) {
            *cuenta -= 1;
            if *cuenta == 0 {
                self.en_vuelo.remove(par);
            }
        }
    }

    fn ausente(&mut self, _par: &Par) {
        tracing::debug!("un cliente se fue sin su respuesta");
    }
}
