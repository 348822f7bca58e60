//! Whole runs over a fake network: answers, losses, and kills at every point.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::Path;
use std::task::Poll;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;
use tokio::sync::watch;

use super::*;
use crate::solicitante::archivo;
use crate::solicitante::enlace::{Enlace, Llegada, SinEnlace};
use crate::solicitante::progreso::Rutas;
use crate::solicitante::reintento::Azar;

/// What the library does with each frame that reaches it.
#[derive(Clone, Copy, PartialEq)]
enum Trato {
    Contestar,
    /// It never arrives, and there is no link.
    SinEnlace,
    /// It arrives and is applied; the answer is lost with the link.
    PerderRespuesta,
    /// As if the process were killed: nothing comes back any more.
    Callar,
    Ocupar,
}

/// A library with two cargas behind a network that does as it is told.
#[derive(Default)]
struct Falso {
    tratos: VecDeque<Trato>,
    llegadas: VecDeque<Llegada>,
    /// How often each op_id was applied first, with its content: at most once each.
    aplicadas: BTreeMap<String, String>,
    /// In the order of their first arrival.
    orden: Vec<String>,
    preguntas: u32,
    parar_tras: Option<(usize, watch::Sender<bool>)>,
}

impl Falso {
    fn aplicar(&mut self, pedido: &serde_json::Value) -> serde_json::Value {
        let op_id = pedido["op_id"].as_str().unwrap().to_owned();
        let base = json!({"exito": true, "mensaje": "Listo", "fechaOperacion": "f",
            "op_id": op_id, "id": pedido["id"], "repetida": false, "codigo": null,
            "estado": "CONFIRMADO", "datos": {}});
        let con = |estado: &str, datos: serde_json::Value| {
            let mut respuesta = base.clone();
            respuesta["estado"] = estado.into();
            respuesta["datos"] = datos;
            respuesta
        };
        if pedido["operacion"] == "estado" {
            self.preguntas += 1;
            let estado = if self.preguntas < 2 {
                "ENCOLADO"
            } else {
                "CONFIRMADO"
            };
            return con(
                "CONFIRMADO",
                json!({"estado": estado, "codigo": null, "datos": {"x": 1}}),
            );
        }
        let contenido = format!("{} {}", pedido["isbn"], pedido["usuario"]);
        match self.aplicadas.insert(op_id.clone(), contenido.clone()) {
            Some(antes) => assert_eq!(antes, contenido, "one op_id, two contents"),
            None => self.orden.push(op_id),
        }
        match pedido["operacion"].as_str() {
            Some("devolucion") => con("ENCOLADO", json!({"carga": "c0"})),
            Some("renovacion") => {
                let mut respuesta = con("RECHAZADO", json!({"motivos": ["PrestamoNoActivo"]}));
                respuesta["codigo"] = "PrestamoNoActivo".into();
                respuesta
            }
            _ => base,
        }
    }
}

impl Enlace for Falso {
    fn cargas(&self) -> usize {
        2
    }

    fn enviar(&mut self, carga: usize, texto: String) -> BoxFuture<'_, Result<(), SinEnlace>> {
        let pedido: serde_json::Value = serde_json::from_str(&texto).unwrap();
        let trato = self.tratos.pop_front().unwrap_or(Trato::Contestar);
        if trato == Trato::SinEnlace {
            return async { Err(SinEnlace) }.boxed();
        }
        if trato == Trato::Ocupar {
            let respuesta = json!({"exito": false, "mensaje": "m", "fechaOperacion": "f",
                "op_id": pedido["op_id"], "id": pedido["id"], "estado": "OCUPADO",
                "codigo": "ColaLlena", "datos": {"reintentar_ms": 1}});
            let bytes = respuesta.to_string().into_bytes();
            self.llegadas.push_back(Llegada::Trama { carga, bytes });
            return async { Ok(()) }.boxed();
        }
        let bytes = self.aplicar(&pedido).to_string().into_bytes();
        match trato {
            Trato::PerderRespuesta => self.llegadas.push_back(Llegada::Caida { carga }),
            Trato::Callar => {}
            _ => self.llegadas.push_back(Llegada::Trama { carga, bytes }),
        }
        if let Some((tras, parar)) = &self.parar_tras
            && self.orden.len() >= *tras
        {
            parar.send_replace(true);
        }
        async { Ok(()) }.boxed()
    }

    fn recibir(&mut self) -> BoxFuture<'_, Llegada> {
        // Taken when polled, not when called: a dropped future must lose nothing.
        std::future::poll_fn(|_| match self.llegadas.pop_front() {
            Some(llegada) => Poll::Ready(llegada),
            None => Poll::Pending,
        })
        .boxed()
    }
}

const TEXTO: &str = "PRES L1 U1\nBASURA\nRENO L2 U2\nDEVO L3 U3\nPRES L4 U4\n";

fn opciones() -> Opciones {
    Opciones {
        limites: Limites {
            intentos_max: 6,
            total_ms: 60_000,
            intento_ms: 50_000,
            espera_base_ms: 1,
            espera_max_ms: 2,
        },
        ..Opciones::default()
    }
}

/// One start of the program: opens everything anew, runs, drops everything. With `matar` the
/// run is dropped as soon as it waits for the network.
fn arrancar(
    datos: &Path,
    falso: &mut Falso,
    opciones: &Opciones,
    matar: bool,
) -> Option<(Cierre, u8)> {
    let archivo = archivo::leer(TEXTO.as_bytes(), None).unwrap();
    let rutas = Rutas::de(datos, Path::new("/p.txt"), None).unwrap();
    let contenido = opciones.contenido(&archivo.forma);
    let mut progreso = Progreso::abrir(&rutas, &archivo.huella_hex, &contenido, false).unwrap();
    let (mut recibos, ultimo) = Recibos::abrir(&rutas.recibos).unwrap();
    let mut informe = Informe::en(Box::new(std::io::sink()));
    let (parar, parado) = watch::channel(false);
    if let Some((_, enviador)) = &mut falso.parar_tras {
        *enviador = parar;
    }
    falso.llegadas.clear();
    let mut red = Intercambio::nuevo(falso, parado, Azar::con_semilla(1));
    let mut corrida = Corrida {
        progreso: &mut progreso,
        recibos: &mut recibos,
        informe: &mut informe,
        opciones,
    };
    let correr = corrida.correr(&archivo, ultimo.as_ref(), &mut red);
    let reloj = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let cierre = reloj.block_on(async {
        match matar {
            true => correr.now_or_never(),
            false => Some(correr.await),
        }
    })?;
    let cierre = cierre.unwrap();
    informe.cerrar(&archivo.ilegibles, cierre.pendientes);
    Some((cierre, informe.veredicto().codigo_salida()))
}

fn recibos(datos: &Path) -> Vec<Recibo> {
    let rutas = Rutas::de(datos, Path::new("/p.txt"), None).unwrap();
    fs::read_to_string(rutas.recibos)
        .unwrap()
        .lines()
        .map(|linea| serde_json::from_str(linea).unwrap())
        .collect()
}

/// The line numbers of op_ids, which must all be of one run.
fn lineas(op_ids: &[String]) -> Vec<u32> {
    assert!(op_ids.iter().all(|op_id| op_id[..36] == op_ids[0][..36]));
    op_ids
        .iter()
        .map(|op_id| op_id[37..].parse().unwrap())
        .collect()
}

#[test]
fn a_run_sends_each_line_once_and_reports_the_final_outcomes() {
    let datos = tempfile::tempdir().unwrap();
    let mut falso = Falso::default();
    let (cierre, codigo) = arrancar(datos.path(), &mut falso, &opciones(), false).unwrap();
    assert_eq!((cierre.pendientes, cierre.nadie, codigo), (0, false, 1));
    assert_eq!(lineas(&falso.orden), [1, 3, 4, 5]);
    assert_eq!(falso.preguntas, 2);
    let recibos = recibos(datos.path());
    let estados: Vec<&str> = recibos.iter().map(|r| r.estado.as_str()).collect();
    assert_eq!(
        estados,
        ["CONFIRMADO", "RECHAZADO", "CONFIRMADO", "CONFIRMADO"]
    );
    assert_eq!(recibos[1].codigo.as_deref(), Some("PrestamoNoActivo"));
    assert_eq!(recibos[2].datos, json!({"x": 1}));
    arrancar(datos.path(), &mut falso, &opciones(), false).unwrap();
    assert_eq!(
        falso.orden.len(),
        8,
        "a finished run is followed by a new one"
    );
}

#[test]
fn losses_and_refused_attempts_are_repeated_under_the_same_op_id() {
    let datos = tempfile::tempdir().unwrap();
    let mut falso = Falso {
        tratos: [Trato::SinEnlace, Trato::PerderRespuesta, Trato::Ocupar].into(),
        ..Falso::default()
    };
    let (_, codigo) = arrancar(datos.path(), &mut falso, &opciones(), false).unwrap();
    assert_eq!(codigo, 1);
    assert_eq!(lineas(&falso.orden), [1, 3, 4, 5]);
    assert_eq!(recibos(datos.path())[0].intentos, 4);
}

#[test]
fn a_kill_before_or_after_any_send_skips_and_doubles_nothing() {
    for muerte in 0..7 {
        for trato in [Trato::SinEnlace, Trato::Callar] {
            let datos = tempfile::tempdir().unwrap();
            let mut falso = Falso {
                tratos: vec![Trato::Contestar; muerte].into(),
                ..Falso::default()
            };
            falso.tratos.push_back(trato);
            arrancar(datos.path(), &mut falso, &opciones(), true);
            falso.tratos.clear();
            let segundo = arrancar(datos.path(), &mut falso, &opciones(), false);
            assert_eq!(
                segundo.map(|(cierre, codigo)| (cierre.pendientes, codigo)),
                Some((0, 1))
            );
            assert_eq!(lineas(&falso.orden), [1, 3, 4, 5], "{muerte}");
            assert_eq!(recibos(datos.path()).len(), 4);
        }
    }
}

#[test]
fn a_kill_between_the_receipt_and_its_mark_does_not_repeat_the_receipt() {
    let datos = tempfile::tempdir().unwrap();
    let mut falso = Falso {
        tratos: [Trato::Contestar, Trato::Callar].into(),
        ..Falso::default()
    };
    arrancar(datos.path(), &mut falso, &opciones(), true);
    let ruta = Rutas::de(datos.path(), Path::new("/p.txt"), None)
        .unwrap()
        .progreso;
    let texto = fs::read_to_string(&ruta).unwrap();
    let sin_marca = texto.lines().next().unwrap().to_owned() + "\n{\"hecha\":";
    fs::write(&ruta, sin_marca).unwrap();
    arrancar(datos.path(), &mut falso, &opciones(), false).unwrap();
    let de_recibos: Vec<String> = recibos(datos.path()).into_iter().map(|r| r.op_id).collect();
    assert_eq!(lineas(&de_recibos), [1, 3, 4, 5]);
}

#[test]
fn stopping_ends_cleanly_and_the_next_start_goes_on() {
    let datos = tempfile::tempdir().unwrap();
    let mut falso = Falso {
        parar_tras: Some((2, watch::channel(false).0)),
        ..Falso::default()
    };
    let (cierre, codigo) = arrancar(datos.path(), &mut falso, &opciones(), false).unwrap();
    assert!(cierre.interrumpida && !cierre.nadie);
    assert_eq!((cierre.pendientes, codigo), (2, 3));
    falso.parar_tras = None;
    let (cierre, codigo) = arrancar(datos.path(), &mut falso, &opciones(), false).unwrap();
    assert_eq!((cierre.pendientes, codigo), (0, 1));
    assert_eq!(lineas(&falso.orden), [1, 3, 4, 5]);
}

#[test]
fn when_nobody_answers_the_run_stops_and_can_be_continued() {
    let datos = tempfile::tempdir().unwrap();
    let mut falso = Falso {
        tratos: vec![Trato::SinEnlace; 6].into(),
        ..Falso::default()
    };
    let (cierre, codigo) = arrancar(datos.path(), &mut falso, &opciones(), false).unwrap();
    assert!(cierre.nadie);
    assert_eq!((cierre.pendientes, codigo), (4, 69));
    assert!(falso.orden.is_empty());
    assert_eq!(recibos(datos.path())[0].estado, "NO_DISPONIBLE");
    let (_, codigo) = arrancar(datos.path(), &mut falso, &opciones(), false).unwrap();
    assert_eq!(codigo, 1);
}

#[test]
fn an_encolado_that_is_not_decided_in_time_stays_pending() {
    let datos = tempfile::tempdir().unwrap();
    let mut falso = Falso::default();
    let apurada = Opciones {
        espera_encolado_ms: 1,
        ..opciones()
    };
    let (cierre, codigo) = arrancar(datos.path(), &mut falso, &apurada, false).unwrap();
    assert_eq!((cierre.pendientes, codigo), (1, 3));
    assert_eq!(recibos(datos.path())[2].estado, "ENCOLADO");
    let (cierre, codigo) = arrancar(datos.path(), &mut falso, &opciones(), false).unwrap();
    assert_eq!((cierre.pendientes, codigo), (0, 1));
    assert_eq!(lineas(&falso.orden), [1, 3, 4, 5]);
}
