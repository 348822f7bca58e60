//! The picture for another program: `biblioteca estado --json`, and what the panel is made of.

use serde_json::{Value, json};

use crate::domain::operacion::Operacion;
use crate::panorama::{Panorama, ServidorVisto};
use crate::wire::actividad::{ActividadDeCarga, Decision};
use crate::wire::base::Durabilidad;
use crate::wire::mensaje::Disposicion;

/// One JSON object; on several lines when `legible`.
#[must_use]
pub fn texto(panorama: &Panorama, legible: bool) -> String {
    let valor = valor(panorama);
    if legible {
        format!("{valor:#}")
    } else {
        valor.to_string()
    }
}

/// See the module's doc.
#[must_use]
pub fn valor(panorama: &Panorama) -> Value {
    let juicio = panorama.juicio();
    let extremo = |lugar: &usize| panorama.cargas.get(*lugar).map(|carga| &carga.extremo);
    json!({
        "en_orden": juicio.problemas.is_empty(),
        "resumen": juicio.frase(),
        "problemas": juicio.problemas,
        "sigue": juicio.sigue,
        "cargas": panorama.cargas.iter().enumerate().map(|(lugar, carga)| json!({
            "extremo": carga.extremo,
            "responde": carga.estado.is_some(),
            "nodo": carga.estado.as_ref().map(|estado| &estado.nodo),
            "esperan": carga.estado.as_ref().map(|estado| estado.esperan),
            "entregadas": carga.estado.as_ref().map(|estado| estado.entregadas),
            "en_cola": carga.estado.as_ref().map(|estado| estado.en_cola),
            "encoladas": carga.estado.as_ref().map(|estado| estado.encoladas),
            "apartadas": carga.estado.as_ref().map(|estado| estado.apartadas),
            "edad_max_ms": carga.estado.as_ref().map(|estado| estado.edad_max_ms),
            "actividad": panorama.actividades.get(lugar).and_then(Option::as_ref).map(actividad),
        })).collect::<Vec<_>>(),
        "actores": panorama.actores().iter().map(|visto| json!({
            "nombre": visto.estado.nombre,
            "operacion": visto.estado.tema.palabra(),
            "creditos": visto.estado.creditos,
            "en_curso": visto.estado.en_curso,
            "cargas": visto.cargas.iter().filter_map(extremo).collect::<Vec<_>>(),
            "almacenamientos": visto.estado.almacenes.iter().map(|enlace| json!({
                "extremo": enlace.extremo,
                "cortacircuitos": enlace.cortacircuitos.palabra(),
                "listo": enlace.listo,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "almacenamientos": panorama.almacenes.iter().map(|almacen| json!({
            "extremo": almacen.extremo,
            "responde": almacen.estado.is_some(),
            "nodo": almacen.estado.as_ref().map(|estado| &estado.nodo),
            "estado": almacen.estado.as_ref().map(|estado| palabra(estado.disposicion)),
            "base_id": almacen.estado.as_ref().map(|estado| &estado.base_id),
            "archivo": almacen.estado.as_ref().map(|estado| &estado.archivo),
            "en_cola": almacen.estado.as_ref().map(|estado| estado.en_cola),
            "lecturas": almacen.estado.as_ref().map(|estado| estado.lecturas),
        })).collect::<Vec<_>>(),
        "durabilidad": panorama.durabilidad().map(Durabilidad::palabra),
        "avisos": juicio.avisos,
        "bases": panorama.servidores().iter().map(|visto| servidor(panorama, visto)).collect::<Vec<_>>(),
    })
}

fn servidor(panorama: &Panorama, visto: &ServidorVisto) -> Value {
    let extremo = |lugar: &usize| panorama.almacenes.get(*lugar).map(|a| &a.extremo);
    let edad = |lugar: &usize| panorama.bases.get(*lugar)?.as_ref().map(|b| b.edad_ms);
    let replicacion = visto.estado.replicacion.as_ref();
    json!({
        "nombre": visto.estado.nombre,
        "papel": visto.estado.papel.palabra(),
        "linea": visto.estado.linea,
        "replicacion": replicacion.map(|replica| &replica.estado),
        "sincrona": replicacion.map(|replica| replica.sincrona),
        "retraso_bytes": replicacion.and_then(|replica| replica.retraso_bytes),
        "retraso_ms": replicacion.and_then(|replica| replica.retraso_ms),
        "bytes": visto.estado.bytes,
        "wal_bytes": visto.estado.wal_bytes,
        "detalle": visto.estado.detalle,
        "vista_por": visto.almacenes.iter().filter_map(extremo).collect::<Vec<_>>(),
        "edad_ms": visto.almacenes.iter().filter_map(edad).min(),
    })
}

/// What a carga has done since it started.
fn actividad(hecho: &ActividadDeCarga) -> Value {
    let cuentas = |operaciones: &[Operacion], cuentas: &[u64]| -> Value {
        let pares = operaciones.iter().zip(cuentas);
        pares
            .map(|(operacion, cuenta)| (operacion.palabra().to_owned(), json!(cuenta)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    json!({
        "pedidas": cuentas(&Operacion::TODAS, &hecho.pedidas),
        "entregadas": hecho.entregadas,
        "encoladas": hecho.encoladas,
        "confirmadas": cuentas(&Operacion::ESCRITURAS, &hecho.confirmadas),
        "rechazadas": cuentas(&Operacion::ESCRITURAS, &hecho.rechazadas),
        "ultimas": hecho.ultimas.iter().map(decision).collect::<Vec<_>>(),
        "faltas": hecho.faltas.iter().map(decision).collect::<Vec<_>>(),
        "faltas_total": hecho.faltas_total,
    })
}

fn decision(decision: &Decision) -> Value {
    json!({
        "operacion": decision.operacion.palabra(),
        "estado": decision.estado.palabra(),
        "codigo": decision.rechazo.map(|rechazo| rechazo.codigo()),
        "isbn": decision.isbn,
        "ejemplar": decision.ejemplar,
        "usuario": decision.usuario,
        "sede": decision.sede,
        "fecha": decision.fecha,
        "mensaje": decision.mensaje,
    })
}

const fn palabra(disposicion: Disposicion) -> &'static str {
    match disposicion {
        Disposicion::Listo => "listo",
        Disposicion::EnEspera => "en_espera",
        Disposicion::NoListo => "no_listo",
    }
}
