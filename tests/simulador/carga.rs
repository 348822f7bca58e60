//! A carga: the pure `Nucleo` (diario and sharing of work) behind the contract's JSON. The only
//! file here that knows its interface.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use biblioteca::carga::contestacion::decir;
use biblioteca::carga::diario::{self, Contestacion, Solicitud, Viaje};
use biblioteca::carga::nucleo::{Entrada, Nucleo, Salida};
use biblioteca::carga::reparto;
use biblioteca::db::diario::{Cerrada, Suerte};
use biblioteca::domain::ids::{OpId, Sede};
use biblioteca::domain::modo::Modo;
use biblioteca::net::server::Par;
use biblioteca::wire::json::{escribir_respuesta, leer_peticion};
use biblioteca::wire::mensaje::Encargo;
use biblioteca::wire::respuesta::{Causa, Desenlace};

use crate::defecto::Defecto;
use crate::escenario::Escenario;
use crate::juez::Regla;
use crate::mundo::{Mundo, SILENCIO_MAX};
use crate::nodo::{Evento, Nodo, Paquete, Proceso};
use crate::red::par_de;

#[derive(Debug)]
struct Abierta {
    cliente: usize,
    conexion: u64,
    serie: u32,
    op_id: OpId,
    desde: Instant,
    desde_us: u64,
}

/// One life of it.
pub struct Carga {
    nucleo: Nucleo,
    abiertas: BTreeMap<u64, Abierta>,
    /// On its way to the disk.
    pub viaje: Option<Viaje>,
    /// Whether anything is acknowledged and undecided.
    encoladas: bool,
}

impl Carga {
    /// Its numbers start where no former life's can be.
    pub fn nueva(escenario: &Escenario, vida: u64) -> Self {
        let ajuste = reparto::Ajuste {
            silencio_max: SILENCIO_MAX,
            cola_max: escenario.cola_carga,
        };
        let diario = diario::Ajuste {
            sin_decidir_max: 1_000,
            semilla: escenario.semilla ^ vida,
        };
        Self {
            nucleo: Nucleo::nuevo(diario, ajuste, vida << 32),
            abiertas: BTreeMap::new(),
            viaje: None,
            encoladas: true,
        }
    }

    /// Whether deadlines have to be looked at often.
    pub fn ocupada(&self) -> bool {
        !self.abiertas.is_empty() || self.encoladas
    }

    /// What it still holds, if anything.
    pub fn fuga(&self) -> Option<String> {
        let estado = self.nucleo.estado_reparto();
        let limpia = estado.entregadas == 0 && estado.en_cola == 0 && self.abiertas.is_empty();
        (!limpia).then(|| format!("{estado:?}, {} open", self.abiertas.len()))
    }
}

impl Proceso<Carga> {
    /// Whether it lives and has queued operations that nobody has decided yet.
    pub fn espera_decisiones(&self) -> bool {
        self.nucleo.as_ref().is_some_and(|carga| carga.encoladas)
    }
}

impl Mundo {
    /// A message from a client or an actor.
    pub fn en_carga(&mut self, i: usize, de: Nodo, conexion: u64, paquete: Paquete) {
        let entrada = match (de, paquete) {
            (Nodo::Cliente(cliente), Paquete::Peticion { intento, trama }) => {
                self.admitir(i, cliente, conexion, intento, &trama)
            }
            (_, Paquete::LatidoActor(latido)) => {
                Entrada::Reparto(reparto::Entrada::Latido(par_de(conexion), latido))
            }
            (_, Paquete::Adios) => Entrada::Reparto(reparto::Entrada::Adios(par_de(conexion))),
            (_, Paquete::Resultado(resultado)) => {
                let lista = vec![resultado];
                Entrada::Reparto(reparto::Entrada::Resultados(par_de(conexion), lista))
            }
            otro => unreachable!("{otro:?} at a carga"),
        };
        self.paso_carga(i, entrada);
    }

    pub fn ausente(&mut self, i: usize, par: Par) {
        self.paso_carga(i, Entrada::Reparto(reparto::Entrada::Ausente(par)));
    }

    pub fn de_vuelta(&mut self, i: usize, suertes: Vec<Suerte>, halladas: Vec<Option<Cerrada>>) {
        self.paso_carga(i, Entrada::DeVuelta(suertes, halladas));
    }

    pub fn tic_carga(&mut self, i: usize) {
        if self.escenario.defecto != Some(Defecto::OlvidaElPlazo) {
            self.paso_carga(i, Entrada::Tic);
        }
    }

    fn admitir(
        &mut self,
        i: usize,
        cliente: usize,
        conexion: u64,
        serie: u32,
        trama: &[u8],
    ) -> Entrada {
        let desde = self.cargas[i].hora(self.ahora_us);
        let carga = self.cargas[i].nucleo.as_mut().unwrap();
        let peticion = leer_peticion(trama, &Sede::parse("sede1").unwrap()).unwrap();
        let id = carga.nucleo.numero();
        let op_id = peticion.pedido.op_id.clone();
        self.juez.admite(i, id, op_id.clone());
        let abierta = Abierta {
            cliente,
            conexion,
            serie,
            op_id,
            desde,
            desde_us: self.ahora_us,
        };
        carga.abiertas.insert(id, abierta);
        Entrada::Solicitud(Solicitud {
            id,
            par: par_de(conexion),
            pedido: peticion.pedido,
            plazo: Duration::from_millis(u64::from(peticion.plazo_ms.unwrap())),
            asincrona: peticion.modo == Some(Modo::Asincrono),
        })
    }

    pub fn paso_carga(&mut self, i: usize, entrada: Entrada) {
        let ahora = self.cargas[i].hora(self.ahora_us);
        let carga = self.cargas[i].nucleo.as_mut().unwrap();
        let mut salidas = Vec::new();
        carga.nucleo.paso(ahora, [entrada], &mut salidas);
        let estado = carga.nucleo.estado_diario(ahora);
        carga.encoladas = !estado.cargado || estado.sin_decidir + estado.por_anotar > 0;
        for salida in salidas {
            match salida {
                Salida::Enviar(par, encargo) => self.entregar(i, &par, encargo),
                Salida::Contestar(id, contestacion) => {
                    self.contestar_a_cliente(i, id, contestacion)
                }
                Salida::Viaje(viaje) => self.viajar(i, viaje),
                Salida::Noticia(..) => {}
            }
        }
    }

    fn entregar(&mut self, i: usize, par: &Par, mut encargo: Encargo) {
        self.juez.entrega(i, encargo.id);
        let otro = self.escenario.defecto == Some(Defecto::OtroOpIdAlEntregar);
        if otro && encargo.intento > 1 {
            let op_id = format!("{}-otra", encargo.pedido.op_id);
            encargo.pedido.op_id = OpId::parse(&op_id).unwrap();
        }
        // A routing id without its connection goes nowhere.
        if let Some(actor) = self.red.actor_de(i, par) {
            self.enviar(
                Nodo::Carga(i),
                Nodo::Actor(actor),
                Paquete::Encargo(encargo),
            );
        }
    }

    fn contestar_a_cliente(&mut self, i: usize, id: u64, contestacion: Contestacion) {
        let carga = self.cargas[i].nucleo.as_ref().unwrap();
        let desenlace = match carga.abiertas.get(&id) {
            Some(abierta) => decir(contestacion, &abierta.op_id, "carga", String::new()),
            None => Desenlace::Incierta(Causa::FalloInterno),
        };
        self.responder(i, id, desenlace);
    }

    fn responder(&mut self, i: usize, id: u64, mut desenlace: Desenlace) {
        if let (Some(Defecto::NoAplicadaTrasEnviar), Desenlace::Incierta(causa)) =
            (self.escenario.defecto, &desenlace)
        {
            desenlace = Desenlace::NoAplicada(*causa);
        }
        let ahora = self.cargas[i].hora(self.ahora_us);
        let descongelada_us = self.cargas[i].descongelado_us;
        let carga = self.cargas[i].nucleo.as_mut().unwrap();
        let Some(abierta) = carga.abiertas.remove(&id) else {
            return self
                .juez
                .acusar(Regla::NoUnaRespuesta, format!("{id} again"));
        };
        let plazo = Duration::from_millis(self.escenario.plazo_ms);
        let limite = (descongelada_us < abierta.desde_us).then_some(plazo);
        let tardanza = ahora - abierta.desde;
        self.juez.responde(i, id, &desenlace, tardanza, limite);
        if self.escenario.defecto == Some(Defecto::RespondeDosVeces) && self.azar.mil(50) {
            self.juez.responde(i, id, &desenlace, tardanza, limite);
        }
        let (de, a) = (Nodo::Carga(i), Nodo::Cliente(abierta.cliente));
        if self.red.conexion(a, de) != abierta.conexion {
            return;
        }
        let trama = escribir_respuesta(&abierta.op_id, &desenlace, None, "");
        let intento = abierta.serie;
        self.enviar(de, a, Paquete::Respuesta { intento, trama });
    }

    /// The actor inside the process panics: every duty to answer is done by its drop, and the
    /// guardian starts another.
    pub fn panico(&mut self, i: usize) {
        let Some(carga) = self.cargas[i].nucleo.as_mut() else {
            return;
        };
        let ids: Vec<u64> = carga.abiertas.keys().copied().collect();
        for id in ids {
            self.responder(i, id, Desenlace::Incierta(Causa::FalloInterno));
        }
        // The diario's task is another: it ends the trip that is under way.
        self.sincronizar(i);
        let vida = self.cargas[i].vida + 1;
        let nueva = Carga::nueva(&self.escenario, vida);
        self.cargas[i].nace(nueva);
        self.agendar(0, Evento::Tic(Nodo::Carga(i), vida));
        self.agendar_lectura(i);
    }
}
