//! A client: a script of operations, each under one op_id, sent and repeated as the pure
//! `Reintento` says, sometimes repeated after its answer and sometimes given up.

use biblioteca::domain::ids::OpId;
use biblioteca::domain::operacion::Operacion;
use biblioteca::solicitante::reintento::{self, Entrada, Final, Limites, Reintento, Salida};
use biblioteca::wire::json_cliente::RespuestaCliente;

use crate::azar::Azar;
use crate::base;
use crate::defecto::Defecto;
use crate::escenario::{CARGAS, Escenario};
use crate::mundo::Mundo;
use crate::nodo::{Evento, Nodo, Paquete};

/// Books that clients fight over.
pub const LIBROS: usize = 4;

/// Longest pause between two operations, in µs.
const PAUSA_MAX_US: u64 = 300_000;

#[derive(Debug)]
struct EnMarcha {
    numero: usize,
    operacion: Operacion,
    libro: usize,
    /// None between two runs of it.
    reintento: Option<Reintento>,
    corridas: u32,
    /// When it was first asked, until it is decided.
    desde_us: Option<u64>,
    /// The series number of the run's first attempt.
    primera: u32,
}

/// See the module's doc.
#[derive(Debug)]
pub struct Cliente {
    numero: usize,
    azar: Azar,
    actual: Option<EnMarcha>,
    hechas: usize,
    canario: bool,
    /// Attempts over the whole life.
    serie: u32,
    /// The only alarm that counts.
    turno: u64,
    adelanto_ms: u64,
}

impl Cliente {
    pub fn nuevo(numero: usize, azar: &mut Azar) -> Self {
        Self {
            numero,
            azar: Azar::nuevo(azar.crudo()),
            actual: None,
            hechas: 0,
            canario: false,
            serie: 0,
            turno: 0,
            adelanto_ms: azar.entre(0, 1_000_000),
        }
    }

    /// Nothing left to do once faults have ended.
    pub const fn termino(&self) -> bool {
        self.actual.is_none() && self.canario
    }

    /// What it waits for, for a person.
    pub fn espera(&self) -> String {
        let (i, actual) = (self.numero, self.actual.as_ref());
        let op_id = actual.map(|actual| format!("c{i}-{}", actual.numero));
        format!("solicitante{i} waits for {}", op_id.unwrap_or_default())
    }

    fn proxima(&mut self, escenario: &Escenario, sano: bool) -> bool {
        if self.actual.is_some() {
            return true;
        }
        if sano && self.canario || !sano && self.hechas >= escenario.guion {
            return false;
        }
        // After healing one more, so that there is something to decide.
        self.canario = sano;
        let operacion = if self.azar.mil(100) {
            Operacion::Consulta
        } else {
            self.azar.uno(&escenario.actores)
        };
        self.actual = Some(EnMarcha {
            numero: self.hechas,
            operacion,
            libro: self.azar.indice(LIBROS),
            reintento: None,
            corridas: 0,
            desde_us: None,
            primera: 0,
        });
        self.hechas += 1;
        true
    }
}

fn limites(escenario: &Escenario) -> Limites {
    Limites {
        intentos_max: escenario.intentos_max,
        total_ms: 12_000,
        intento_ms: escenario.plazo_ms + 500,
        espera_base_ms: 50,
        espera_max_ms: 500,
    }
}

impl Mundo {
    pub fn despertar(&mut self, i: usize, turno: u64) {
        let ahora_ms = self.ahora_us / 1000;
        let cliente = &mut self.clientes[i];
        if turno != cliente.turno || !cliente.proxima(&self.escenario, self.sano) {
            return;
        }
        let ahora_ms = ahora_ms + cliente.adelanto_ms;
        let primera = cliente.azar.indice(CARGAS);
        let semilla = cliente.azar.crudo();
        let serie = cliente.serie;
        let actual = cliente.actual.as_mut().unwrap();
        let entrada = match actual.reintento {
            Some(_) => Entrada::Reloj,
            None => {
                let ya_enviada = actual.corridas > 0;
                let azar = reintento::Azar::con_semilla(semilla);
                let limites = limites(&self.escenario);
                let nuevo = Reintento::nuevo(limites, CARGAS, primera, ya_enviada, azar);
                actual.reintento = Some(nuevo);
                actual.corridas += 1;
                if actual.corridas == 1 {
                    actual.desde_us = Some(self.ahora_us);
                }
                actual.primera = serie + 1;
                Entrada::Inicio
            }
        };
        let salida = actual.reintento.as_mut().unwrap().step(ahora_ms, entrada);
        self.cumplir_cliente(i, salida);
    }

    fn paso_cliente(&mut self, i: usize, entrada: Entrada) {
        let cliente = &mut self.clientes[i];
        let ahora_ms = self.ahora_us / 1000 + cliente.adelanto_ms;
        let Some(actual) = &mut cliente.actual else {
            return;
        };
        if let Some(reintento) = &mut actual.reintento {
            let salida = reintento.step(ahora_ms, entrada);
            self.cumplir_cliente(i, salida);
        }
    }

    fn cumplir_cliente(&mut self, i: usize, salida: Salida) {
        match salida {
            Salida::Enviar {
                carga, hasta_ms, ..
            } => {
                self.alarma_cliente(i, hasta_ms);
                self.pedir(i, carga);
            }
            Salida::Esperar { hasta_ms } => self.alarma_cliente(i, hasta_ms),
            Salida::Fin(fin) => self.fin_cliente(i, &fin),
        }
    }

    fn alarma_cliente(&mut self, i: usize, hasta_ms: u64) {
        let cliente = &mut self.clientes[i];
        cliente.turno += 1;
        let turno = cliente.turno;
        let hasta_us = (hasta_ms - cliente.adelanto_ms) * 1000;
        let falta_us = hasta_us.saturating_sub(self.ahora_us);
        self.agendar(falta_us, Evento::Despierta(i, turno));
    }

    fn pedir(&mut self, i: usize, carga: usize) {
        let cliente = &mut self.clientes[i];
        let actual = cliente.actual.as_ref().unwrap();
        cliente.serie += 1;
        let serie = cliente.serie;
        let mut op_id = format!("c{i}-{}", actual.numero);
        if self.escenario.defecto == Some(Defecto::OtroOpIdAlRepetir) {
            op_id = format!("{op_id}-{serie}");
        }
        let asincrona = cliente.azar.mil(self.escenario.asincronas_mil);
        let modo = if asincrona { "asincrono" } else { "sincrono" };
        let texto = format!(
            r#"{{"operacion":"{}","isbn":"{}","usuario":"u{}","op_id":"{op_id}","modo":"{modo}","plazo_ms":{}}}"#,
            actual.operacion,
            base::isbn(actual.libro),
            i / 2,
            self.escenario.plazo_ms,
        );
        let intencion = (i, actual.numero);
        if !actual.operacion.es_lectura() {
            let op_id = OpId::parse(&op_id).unwrap();
            self.juez.envia(intencion, op_id, serie);
        }
        if self.cargas[carga].nucleo.is_none() && self.azar.mil(300) {
            // Nothing went out, so nobody has to answer for it.
            self.juez.no_salio(intencion, serie);
            return self.paso_cliente(i, Entrada::NoEnviada);
        }
        let paquete = Paquete::Peticion {
            intento: serie,
            trama: texto.into_bytes(),
        };
        self.enviar(Nodo::Cliente(i), Nodo::Carga(carga), paquete);
    }

    pub fn en_cliente(&mut self, i: usize, carga: usize, serie: u32, trama: &[u8]) {
        let respuesta = RespuestaCliente::parse(trama).unwrap();
        let op_id = respuesta.op_id.clone().unwrap();
        let numero: usize = op_id.split('-').nth(1).unwrap().parse().unwrap();
        self.juez.recibe((i, numero), serie, &respuesta);
        let Some(actual) = &self.clientes[i].actual else {
            return;
        };
        if actual.numero != numero {
            return;
        }
        // Of an earlier run of the same operation only a decision counts.
        let intento = (serie + 1).saturating_sub(actual.primera);
        let entrada = Entrada::Respuesta {
            carga,
            intento,
            respuesta,
        };
        self.paso_cliente(i, entrada);
    }

    pub fn caida(&mut self, i: usize, carga: usize) {
        self.paso_cliente(i, Entrada::Caida { carga });
    }

    fn fin_cliente(&mut self, i: usize, fin: &Final) {
        let cliente = &mut self.clientes[i];
        let actual = cliente.actual.as_mut().unwrap();
        self.rastro.anotar(self.ahora_us, || {
            format!(
                "solicitante{i} ends c{i}-{}: {}",
                actual.numero,
                fin.estado()
            )
        });
        let sigue = match fin {
            Final::Decidida { .. } => actual.corridas < 3 && cliente.azar.mil(150),
            Final::SinDefinir { .. } => self.sano || cliente.azar.mil(700),
        };
        if let (Final::Decidida { .. }, Some(desde_us)) = (fin, actual.desde_us.take()) {
            self.espera_max_us = self.espera_max_us.max(self.ahora_us - desde_us);
        }
        actual.reintento = None;
        if !sigue {
            cliente.actual = None;
        }
        cliente.turno += 1;
        let turno = cliente.turno;
        let pausa_us = cliente.azar.entre(0, PAUSA_MAX_US);
        self.agendar(pausa_us, Evento::Despierta(i, turno));
    }

    /// Those with nothing under way get one more operation.
    pub fn despertar_a_todos(&mut self) {
        for i in 0..self.clientes.len() {
            if self.clientes[i].actual.is_none() {
                let turno = self.clientes[i].turno;
                self.agendar(0, Evento::Despierta(i, turno));
            }
        }
    }
}
