//! The bench: clients against running cargas, in a closed loop or at a given rate.
//!
//! In a closed loop a client asks again when it has its answer. At a rate, requests are due at
//! fixed instants whatever the cargas do; one that finds no client free waits for one, and that
//! wait is part of its latency (no coordinated omission). After the run what was due is still
//! waited for, and then every client returns its loans: the library is left as it was.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::cli::Medida;
use crate::domain::ids::Sede;
use crate::net::client::{Destino, Enlace, Suceso, conectar};
use crate::net::curve::Dominio;
use crate::net::socket::{Contexto, NetError};
use crate::ordenes::medir::carrera::Cliente;
use crate::ordenes::medir::cuentas::Cuentas;
use crate::ordenes::medir::progreso::Progreso;
use crate::ordenes::medir::puesto::{Contestada, Paso, Puesto};
use crate::wire::codec::TRAMA_BYTES_MAX;

/// How often silent and resting clients are looked for.
const MIRADA: Duration = Duration::from_millis(50);

/// How long what was due is waited for after the run.
const DRENADO_MAX: Duration = Duration::from_secs(10);

/// How long the loans that are left may take to be returned.
const LIMPIEZA_MAX: Duration = Duration::from_secs(10);

/// Links of one ZeroMQ context: each takes three of the 1023 sockets that libzmq gives it.
const ENLACES_POR_CONTEXTO: usize = 250;

/// What a run needs.
pub(super) struct Carga<'a> {
    /// With the keys of this process.
    pub(super) contexto: &'a Contexto,
    /// Where the cargas listen.
    pub(super) cargas: &'a [String],
    /// Branches; each has its own clients.
    pub(super) sedes: &'a [Sede],
    /// The measurement.
    pub(super) medida: &'a Medida,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fase {
    /// Requests are made.
    Midiendo,
    /// Those that were due are waited for.
    Drenando,
    /// Loans are returned; nothing is counted.
    Limpiando,
}

struct Banco<'a> {
    carga: &'a Carga<'a>,
    puestos: Vec<Puesto>,
    /// Instants at which requests were due and found no client free.
    esperan: VecDeque<Instant>,
    /// When the next one is due, at a rate.
    proxima: Instant,
    fase: Fase,
    comienzo: Instant,
    /// When every client was last looked at.
    mirada: Instant,
    cuentas: Cuentas,
}

/// Measures once.
///
/// # Errors
/// [`NetError`] when a connection cannot be made.
pub(super) async fn correr(
    carga: &Carga<'_>,
    progreso: &mut Progreso,
) -> Result<Cuentas, NetError> {
    let medida = carga.medida;
    let clientes = medida.clientes as usize * carga.sedes.len();
    let (llegadas, mut llegan) = mpsc::channel(4 * carga.cargas.len() * clientes + 64);
    let puestos = conectar_todos(carga, clientes, &llegadas)?;
    let inicio = Instant::now();
    let mut banco = Banco {
        carga,
        puestos,
        esperan: VecDeque::new(),
        proxima: inicio,
        fase: Fase::Midiendo,
        comienzo: inicio + medida.calentamiento,
        mirada: inicio,
        cuentas: Cuentas::nuevas(medida.duracion),
    };
    let fin = banco.comienzo + medida.duracion;
    let mut limite = fin;
    loop {
        let ahora = Instant::now();
        if ahora >= limite || banco.fase != Fase::Midiendo && banco.terminada() {
            match banco.fase {
                Fase::Midiendo => {
                    banco.fase = Fase::Drenando;
                    limite = ahora + DRENADO_MAX;
                }
                Fase::Drenando => {
                    banco.abandonar();
                    limite = ahora + LIMPIEZA_MAX;
                }
                Fase::Limpiando => return Ok(banco.cuentas),
            }
        }
        banco.mover(ahora);
        progreso.mirar(&banco.cuentas, ahora.saturating_duration_since(inicio));
        let despertar = banco.despertar(ahora).min(limite);
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(despertar.into()) => {}
            Some((numero, carga, suceso)) = llegan.recv() => banco.suceder(numero, carga, suceso),
        }
        // What else has come, up to one event a client: the clock is looked at in between.
        for _ in 0..clientes {
            match llegan.try_recv() {
                Ok((numero, carga, suceso)) => banco.suceder(numero, carga, suceso),
                Err(_) => break,
            }
        }
    }
}

type Llegadas = mpsc::Sender<(usize, usize, Suceso)>;

fn conectar_todos(
    carga: &Carga<'_>,
    clientes: usize,
    llegadas: &Llegadas,
) -> Result<Vec<Puesto>, NetError> {
    let mut contexto = carga.contexto.clone();
    let mut enlaces = 0;
    let mut puestos = Vec::with_capacity(clientes);
    for numero in 0..clientes {
        let suyos = carga
            .cargas
            .iter()
            .enumerate()
            .map(|(cual, extremo)| {
                if enlaces == ENLACES_POR_CONTEXTO {
                    contexto = carga.contexto.otro();
                    enlaces = 0;
                }
                enlaces += 1;
                let llegadas = llegadas.clone();
                let destino = Destino {
                    extremo,
                    dominio: Dominio::Clientes,
                    trama_bytes_max: TRAMA_BYTES_MAX,
                    latido: None,
                };
                conectar(&contexto, destino, move |suceso| {
                    // One outstanding request a client: there is always room.
                    let _ = llegadas.try_send((numero, cual, suceso));
                })
            })
            .collect::<Result<Vec<Enlace>, NetError>>()?;
        let sede = carga.sedes[numero % carga.sedes.len()].clone();
        let cliente = Cliente::nuevo(numero, sede, carga.medida);
        puestos.push(Puesto::nuevo(numero, suyos, cliente));
    }
    Ok(puestos)
}

impl Banco<'_> {
    /// Between two requests, at a rate; none in a closed loop.
    fn intervalo(&self) -> Option<Duration> {
        let ritmo = self.carga.medida.ritmo?;
        Some(Duration::from_secs(1) / ritmo.max(1))
    }

    fn despertar(&self, ahora: Instant) -> Instant {
        let mirada = ahora + MIRADA;
        match self.intervalo() {
            Some(_) if self.fase == Fase::Midiendo => self.proxima.min(mirada),
            _ => mirada,
        }
    }

    fn suceder(&mut self, numero: usize, carga: usize, suceso: Suceso) {
        for paso in self.puestos[numero].suceder(carga, suceso) {
            self.contar(paso);
        }
        let ahora = Instant::now();
        self.dar_trabajo(numero, ahora);
    }

    fn contar(&mut self, paso: Paso) {
        if self.fase == Fase::Limpiando {
            return;
        }
        match paso {
            Paso::Nada | Paso::Llego => {}
            Paso::Ilegible => self.cuentas.ilegibles += 1,
            Paso::Repetida => self.cuentas.repetidas += 1,
            // Of the warm-up nothing is told.
            Paso::Contestada(contestada) if contestada.debida < self.comienzo => {}
            Paso::Contestada(contestada) if !contestada.atendida => {
                let Contestada {
                    operacion,
                    desenlace,
                    ..
                } = contestada;
                self.cuentas.no_atendida(operacion, desenlace);
            }
            Paso::Contestada(contestada) => {
                let ahora = Instant::now();
                self.cuentas.anotar(
                    contestada.operacion,
                    contestada.desenlace,
                    ahora.saturating_duration_since(contestada.debida),
                    ahora.saturating_duration_since(self.comienzo),
                );
            }
        }
    }

    /// What the clock asks for. Every client is looked at when a request came due, and now and
    /// then: not at each of thousands of answers.
    fn mover(&mut self, ahora: Instant) {
        let mut toca = ahora >= self.mirada + MIRADA;
        if let Some(intervalo) = self.intervalo()
            && self.fase == Fase::Midiendo
        {
            while self.proxima <= ahora {
                self.esperan.push_back(self.proxima);
                self.proxima += intervalo;
                toca = true;
            }
        }
        if !toca {
            return;
        }
        self.mirada = ahora;
        for numero in 0..self.puestos.len() {
            let paso = self.puestos[numero].mirar(ahora);
            self.contar(paso);
            self.dar_trabajo(numero, ahora);
        }
    }

    fn dar_trabajo(&mut self, numero: usize, ahora: Instant) {
        let puesto = &mut self.puestos[numero];
        if !puesto.libre(ahora) {
            return;
        }
        match self.fase {
            Fase::Limpiando => {
                if let Some(texto) = puesto.cliente.devolver() {
                    puesto.pedir(texto, ahora);
                }
            }
            _ if self.carga.medida.ritmo.is_some() => {
                if let Some(debida) = self.esperan.pop_front() {
                    let texto = puesto.cliente.pedir();
                    puesto.pedir(texto, debida);
                }
            }
            Fase::Midiendo => {
                let texto = puesto.cliente.pedir();
                puesto.pedir(texto, ahora);
            }
            Fase::Drenando => {}
        }
    }

    /// Whether nothing is left to wait for.
    fn terminada(&self) -> bool {
        let quietos = self.puestos.iter().all(|puesto| !puesto.ocupado());
        let nadie = self.cuentas.respuestas() == 0;
        match self.fase {
            Fase::Limpiando => {
                quietos
                    && self
                        .puestos
                        .iter()
                        .all(|puesto| puesto.cliente.sin_prestamos())
            }
            // With nobody there the due ones are never taken.
            _ => quietos && (self.esperan.is_empty() || nadie),
        }
    }

    /// Counts what nobody answered, and begins to tidy up.
    fn abandonar(&mut self) {
        let debidas = self.puestos.iter().filter_map(Puesto::debida);
        let debidas = debidas.chain(self.esperan.iter().copied());
        let comienzo = self.comienzo;
        let sin_respuesta = debidas.filter(|debida| *debida >= comienzo).count();
        self.cuentas.sin_respuesta = sin_respuesta as u64;
        self.esperan.clear();
        self.fase = Fase::Limpiando;
    }
}
