//! The diario's pure core: what is acknowledged as queued, when it is replayed, and who waits
//! for it. `paso(ahora, entrada) -> salidas`; no clock, no disk, no sockets.
//!
//! A new operation is told as queued only after its trip to the disk came back. What is on the
//! disk is replayed in the order of acceptance, each thing (copy, or user and book) one at a
//! time, until it is decided. One trip to the disk is under way at a time: what queued
//! meanwhile makes the next one, so that many operations share a sync. `entradas` holds what
//! is undecided, each operation in `compacta`'s form and found by `indice`; `clientes` those who
//! wait, `compuerta` how much is replayed at once, `apremio` how much of that while many wait for
//! the disk.

mod apremio;
mod clientes;
mod compacta;
mod compuerta;
mod disco;
mod entradas;
mod indice;
mod mensajes;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

use std::time::{Duration, Instant};

use crate::carga::diario::apremio::Apremio;
use crate::carga::diario::clientes::{Clientes, Motivo};
use crate::carga::diario::compacta::Nombrado;
use crate::carga::diario::compuerta::{Azar, Compuerta};
use crate::carga::diario::entradas::{Anotada, Entradas, Fase, Turno};
use crate::db::diario::{Apunte, Cargadas, Cerrada};
use crate::domain::ids::OpId;
use crate::domain::operacion::Operacion;
use crate::domain::rechazo::Rechazo;
use crate::plantado::{Defecto, plantado};
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::{Causa, Desenlace, Respuesta};

pub use mensajes::{Ajuste, Contestacion, Entrada, EstadoDiario, Salida, Solicitud, Viaje};

/// Reports of a deterministic failure after which an entry waits for a person (design §2).
const VENENOS_MAX: u8 = 5;

/// How long one replay may take: time for every round over every almacenamiento.
const PLAZO_REPLAY: Duration = Duration::from_secs(10);

/// Replays of one kind under way at once: as many as one commit of the database takes.
const EN_VUELO_MAX: usize = 256;

/// Share of the undecided entries that one connection may have, in percent (design §2).
const POR_PAR_PCT: usize = 10;

/// How long closed entries wait for room on a full disk before they try again.
const SIN_SITIO: Duration = Duration::from_millis(500);

/// See the module's doc.
pub struct Diario {
    ajuste: Ajuste,
    azar: Azar,
    cargado: bool,
    entradas: Entradas,
    clientes: Clientes,
    compuertas: [Compuerta; 3],
    /// For the next trip.
    por_anotar: Vec<Apunte>,
    /// New ones, on the next trip or the one under way.
    abriendo: usize,
    apremio: Apremio,
    por_preguntar: Vec<(u64, OpId)>,
    /// On the trip that is under way, if one is.
    viaje: Option<(Vec<Apunte>, Vec<u64>)>,
    /// Until then no room is asked for again.
    sin_sitio: Option<Instant>,
    /// To be looked at again when the trip is back, or the file is read.
    pendientes: Vec<Solicitud>,
}

impl Diario {
    /// One that has not read its file.
    #[must_use]
    pub fn nuevo(ajuste: Ajuste) -> Self {
        Self {
            ajuste,
            azar: Azar::con_semilla(ajuste.semilla),
            cargado: false,
            entradas: Entradas::default(),
            clientes: Clientes::default(),
            compuertas: [(); 3].map(|()| Compuerta::nueva(EN_VUELO_MAX)),
            por_anotar: Vec::new(),
            abriendo: 0,
            apremio: Apremio::default(),
            por_preguntar: Vec::new(),
            viaje: None,
            sin_sitio: None,
            pendientes: Vec::new(),
        }
    }

    /// Takes one input; what it causes is pushed to `salidas`. After a burst of inputs comes
    /// one [`Diario::fin_de_rafaga`].
    pub fn paso(&mut self, ahora: Instant, entrada: Entrada, salidas: &mut Vec<Salida>) {
        match entrada {
            Entrada::Cargadas(cargadas) => self.cargar(ahora, cargadas, salidas),
            Entrada::Solicitud(solicitud) => {
                let par = solicitud.par.clone();
                self.clientes
                    .entra(solicitud.id, par, ahora, solicitud.plazo);
                self.recibir(ahora, solicitud, salidas);
            }
            Entrada::DeVuelta(suertes, halladas) => {
                self.de_vuelta(ahora, suertes, halladas, salidas);
            }
            Entrada::Desenlace(seq, desenlace) => self.resultado(ahora, seq, desenlace, salidas),
            Entrada::Tic => {
                for (id, motivo) in self.clientes.vencidos(ahora) {
                    let causa = Causa::PlazoVencido;
                    let desenlace = match motivo {
                        // It may be on the disk by now.
                        Motivo::Disco => Desenlace::Incierta(causa),
                        _ => Desenlace::NoAplicada(causa),
                    };
                    salidas.push(Salida::Contestar(id, Contestacion::Desenlace(desenlace)));
                }
            }
        }
    }

    /// Sends off what the burst has gathered: one trip to the disk, and the replays that may go.
    pub fn fin_de_rafaga(&mut self, ahora: Instant, salidas: &mut Vec<Salida>) {
        self.viajar(ahora, salidas);
        self.apremio.mirar(ahora, self.abriendo);
        for indice in 0..self.compuertas.len() {
            while self.compuertas[indice].deja(ahora) && self.apremio.deja(ahora, indice) {
                let Some(seq) = self.entradas.sacar_lista(indice, ahora) else {
                    break;
                };
                let Some(anotada) = self.entradas.sale(seq) else {
                    continue;
                };
                salidas.push(Salida::Replay {
                    seq,
                    pedido: anotada.compacta.pedido(),
                    plazo: PLAZO_REPLAY,
                    edad_ms: anotada.edad_ms(ahora),
                });
                self.compuertas[indice].sale();
                self.apremio.sale(indice);
            }
        }
    }

    /// See [`EstadoDiario`].
    #[must_use]
    pub fn estado(&self, ahora: Instant) -> EstadoDiario {
        let (sin_decidir, apartadas, edad_max_ms) = self.entradas.cuenta(ahora);
        EstadoDiario {
            cargado: self.cargado,
            sin_decidir,
            apartadas,
            en_vuelo: self.compuertas.iter().map(Compuerta::en_vuelo).sum(),
            edad_max_ms,
            por_anotar: self.por_anotar.len()
                + self.viaje.as_ref().map_or(0, |(apuntes, _)| apuntes.len()),
        }
    }

    fn cargar(&mut self, ahora: Instant, cargadas: Cargadas, salidas: &mut Vec<Salida>) {
        self.entradas.numerar_desde(cargadas.siguiente);
        let perdidas = usize::from(plantado(Defecto::PierdeEntrada));
        for entrada in cargadas.sin_decidir.into_iter().skip(perdidas) {
            let mut anotada = Anotada::nueva(&entrada.pedido, None, ahora);
            anotada.edad_previa_ms = entrada.edad_ms;
            self.entradas.insertar(entrada.seq, anotada);
            self.entradas.en_disco(entrada.seq, ahora);
        }
        self.cargado = true;
        self.mirar_pendientes(ahora, salidas);
    }

    fn mirar_pendientes(&mut self, ahora: Instant, salidas: &mut Vec<Salida>) {
        for solicitud in std::mem::take(&mut self.pendientes) {
            // Whoever was answered in the meantime, as its time was over, is not served.
            if self.clientes.espera(solicitud.id) {
                self.recibir(ahora, solicitud, salidas);
            }
        }
    }

    fn recibir(&mut self, ahora: Instant, solicitud: Solicitud, salidas: &mut Vec<Salida>) {
        if !self.cargado {
            return self.pendientes.push(solicitud);
        }
        let Some((seq, anotada)) = self.entradas.de_op_id(&solicitud.pedido.op_id) else {
            return self.nueva(ahora, solicitud, salidas);
        };
        let lectura = solicitud.pedido.operacion == Operacion::Estado;
        let suya = solicitud
            .pedido
            .principal
            .alcanza(&anotada.compacta.principal());
        if lectura && !suya {
            // What stands here is another's: the database knows whether anything is its own.
            return self.pasar(ahora, solicitud.id, solicitud.pedido, salidas);
        }
        let misma = suya && anotada.compacta.huella == solicitud.pedido.huella;
        let contestacion = match &anotada.fase {
            // Not acknowledged to anybody yet: nothing is said of it before it is.
            Fase::PorAnotar if lectura || !misma => return self.pendientes.push(solicitud),
            Fase::PorAnotar => {
                self.clientes.cambia(solicitud.id, Motivo::Disco);
                return self.entradas.suma_espera(seq, solicitud.id);
            }
            Fase::Decidida(respuesta) if lectura => Contestacion::Guardada(Box::new(Cerrada {
                operacion: anotada.compacta.operacion,
                huella: anotada.compacta.huella.to_string(),
                principal: anotada.compacta.principal(),
                respuesta: (**respuesta).clone(),
            })),
            fase if lectura => Contestacion::EnCola {
                edad_ms: anotada.edad_ms(ahora),
                intentos: anotada.intentos,
                apartada: *fase == Fase::Apartada,
            },
            Fase::Decidida(respuesta) => {
                let respuesta = (**respuesta).clone();
                let Solicitud { id, pedido, .. } = solicitud;
                return self.repetida(ahora, (id, pedido), misma, respuesta, salidas);
            }
            _ if misma => Contestacion::Encolada,
            _ => Contestacion::Conflicto,
        };
        self.contestar(solicitud.id, contestacion, salidas);
    }

    /// An operation that is not in memory.
    fn nueva(&mut self, ahora: Instant, solicitud: Solicitud, salidas: &mut Vec<Salida>) {
        let Solicitud {
            id,
            par,
            pedido,
            asincrona,
            ..
        } = solicitud;
        if pedido.operacion == Operacion::Estado {
            self.clientes.cambia(id, Motivo::Pregunta(pedido.clone()));
            return self.por_preguntar.push((id, pedido.op_id));
        }
        if !asincrona {
            let nombrado = Nombrado::de(&pedido);
            let faltan = self.entradas.detras_de(nombrado, Turno::Cliente(id))
                + self.entradas.detras_por_si_acaso(nombrado, id);
            if faltan == 0 {
                return self.pasar(ahora, id, pedido, salidas);
            }
            return self.clientes.cambia(id, Motivo::Turno { pedido, faltan });
        }
        let suyas = self.entradas.de_par(&par);
        let por_par = (self.ajuste.sin_decidir_max * POR_PAR_PCT / 100).max(1);
        if self.entradas.total() >= self.ajuste.sin_decidir_max || suyas >= por_par {
            let lleno = Desenlace::NoAplicada(Causa::DiarioLleno);
            return self.contestar(id, Contestacion::Desenlace(lleno), salidas);
        }
        let mut anotada = Anotada::nueva(&pedido, Some(par), ahora);
        anotada.suma_espera(id);
        self.clientes.cambia(id, Motivo::Disco);
        let seq = self.entradas.agregar(anotada);
        self.abriendo += 1;
        self.por_anotar.push(Apunte::Abrir {
            seq,
            pedido,
            edad_ms: 0,
        });
    }

    /// A request for what is decided already; `misma`, when its content and owner are those.
    fn repetida(
        &mut self,
        ahora: Instant,
        (id, pedido): (u64, Pedido),
        misma: bool,
        respuesta: Respuesta,
        salidas: &mut Vec<Salida>,
    ) {
        if misma {
            let repetida = Respuesta {
                repetida: true,
                ..respuesta
            };
            let desenlace = Desenlace::Decidida(repetida);
            return self.contestar(id, Contestacion::Desenlace(desenlace), salidas);
        }
        if respuesta.rechazo == Some(Rechazo::ConflictoOpId) {
            // The one that came here was the intruder: the database knows whose op_id it is.
            return self.pasar(ahora, id, pedido, salidas);
        }
        self.contestar(id, Contestacion::Conflicto, salidas);
    }

    fn resultado(
        &mut self,
        ahora: Instant,
        seq: u64,
        desenlace: Desenlace,
        salidas: &mut Vec<Salida>,
    ) {
        let Some(anotada) = self.entradas.de_mut(seq) else {
            return;
        };
        let compuerta = &mut self.compuertas[entradas::clase(anotada.compacta.operacion)];
        match desenlace {
            Desenlace::Decidida(respuesta) => {
                compuerta.acierto();
                let respuesta = Respuesta {
                    repetida: false,
                    ..respuesta
                };
                anotada.fase = Fase::Decidida(Box::new(respuesta.clone()));
                salidas.push(Salida::Decidida(
                    anotada.compacta.pedido(),
                    respuesta.clone(),
                ));
                self.por_anotar.push(Apunte::Cerrar { seq, respuesta });
                self.soltar(ahora, seq, salidas);
            }
            Desenlace::Envenenada if anotada.venenos + 1 >= VENENOS_MAX => {
                compuerta.vuelve();
                anotada.fase = Fase::Apartada;
                tracing::error!(
                    op_id = anotada.compacta.op_id(),
                    "operación apartada: hace fallar a \
                    quien la atiende; sigue encolada y espera a una persona"
                );
                self.por_anotar.push(Apunte::Apartar { seq });
                self.soltar(ahora, seq, salidas);
            }
            otro => {
                if otro == Desenlace::Envenenada {
                    anotada.venenos += 1;
                    compuerta.vuelve();
                } else {
                    compuerta.fallo(ahora, &mut self.azar);
                }
                let pausa = self.azar.propia(anotada.intentos);
                self.entradas.lista(seq, ahora + pausa);
                for id in self.entradas.probada(seq) {
                    self.una_menos(ahora, id, salidas);
                }
            }
        }
    }

    /// Those who waited for that entry have one less to wait for.
    fn soltar(&mut self, ahora: Instant, seq: u64, salidas: &mut Vec<Salida>) {
        for turno in self.entradas.soltar(seq) {
            match turno {
                Turno::Entrada(otra) => self.entradas.una_menos(otra, ahora),
                Turno::Cliente(id) => self.una_menos(ahora, id, salidas),
            }
        }
    }

    /// A client has one entry less to wait for.
    fn una_menos(&mut self, ahora: Instant, id: u64, salidas: &mut Vec<Salida>) {
        if let Some(pedido) = self.clientes.uno_menos(id) {
            self.pasar(ahora, id, pedido, salidas);
        }
    }

    fn pasar(&mut self, ahora: Instant, id: u64, pedido: Pedido, salidas: &mut Vec<Salida>) {
        if let Some((par, plazo)) = self.clientes.sale(id, ahora) {
            salidas.push(Salida::Pasar {
                id,
                par,
                pedido,
                plazo,
            });
        }
    }

    fn contestar(&mut self, id: u64, contestacion: Contestacion, salidas: &mut Vec<Salida>) {
        // Whoever was told that its time was over is not told again.
        if self.clientes.quita(id) {
            salidas.push(Salida::Contestar(id, contestacion));
        }
    }
}
