//! The picture for a person: one sentence and four tables.

use comfy_table::{Table, presets};

use crate::panorama::{ActorVisto, Panorama, ServidorVisto, Sondeada};
use crate::wire::base::Replicacion;
use crate::wire::estado::{EstadoDeAlmacen, EstadoDeCarga};
use crate::wire::mensaje::Disposicion;

/// What stands in a cell of somebody who did not answer.
const NADA: &str = "—";

/// The sentence and the tables.
pub(super) fn texto(panorama: &Panorama) -> String {
    let frase = panorama.juicio().frase();
    let cargas = tabla(
        [
            "carga",
            "nodo",
            "estado",
            "esperan",
            "con actores",
            "en cola",
            "en el diario",
        ],
        panorama.cargas.iter().map(carga),
    );
    let actores = panorama.actores();
    let actores = if actores.is_empty() {
        "Ninguna carga que responda conoce actores.".to_owned()
    } else {
        tabla(
            [
                "actor",
                "operación",
                "en curso",
                "créditos",
                "cargas",
                "cortacircuitos",
            ],
            actores.iter().map(actor),
        )
    };
    let almacenes = tabla(
        [
            "almacenamiento",
            "nodo",
            "estado",
            "base",
            "archivo",
            "en cola",
        ],
        panorama.almacenes.iter().map(almacen),
    );
    let vistos = panorama.servidores();
    let bases = tabla(
        [
            "base de datos",
            "papel",
            "línea",
            "replicación",
            "síncrona",
            "retraso",
            "tamaño",
            "la ven",
            "detalle",
        ],
        vistos.iter().map(servidor),
    );
    let durabilidad = match panorama.durabilidad() {
        Some(durabilidad) => format!("La base de datos está {}.", durabilidad.frase()),
        None => "Nadie ha mirado la base de datos todavía.".to_owned(),
    };
    format!("{frase}\n\n{cargas}\n\n{actores}\n\n{almacenes}\n\n{bases}\n{durabilidad}")
}

fn tabla<const N: usize>(cabecera: [&str; N], filas: impl Iterator<Item = [String; N]>) -> String {
    let mut tabla = Table::new();
    tabla.load_preset(presets::UTF8_BORDERS_ONLY);
    tabla.set_header(cabecera);
    for fila in filas {
        tabla.add_row(fila);
    }
    tabla.to_string()
}

/// The row of somebody who did not answer.
fn muda<const N: usize>(extremo: String) -> [String; N] {
    let mut fila = [NADA; N].map(str::to_owned);
    for (celda, dicho) in fila.iter_mut().zip([extremo.as_str(), NADA, "no responde"]) {
        dicho.clone_into(celda);
    }
    fila
}

fn carga(carga: &Sondeada<EstadoDeCarga>) -> [String; 7] {
    let extremo = carga.extremo.clone();
    let Some(estado) = &carga.estado else {
        return muda(extremo);
    };
    let vida = if estado.vivo { "viva" } else { "no da abasto" };
    [
        extremo,
        estado.nodo.clone(),
        vida.into(),
        estado.esperan.to_string(),
        estado.entregadas.to_string(),
        estado.en_cola.to_string(),
        diario(estado),
    ]
}

/// How many wait, and for how long the oldest has.
fn diario(estado: &EstadoDeCarga) -> String {
    if estado.encoladas == 0 {
        return "0".to_owned();
    }
    let edad_s = estado.edad_max_ms / 1000;
    format!("{} (la más antigua, {edad_s} s)", estado.encoladas)
}

fn actor(visto: &ActorVisto) -> [String; 6] {
    let estado = &visto.estado;
    let cortacircuitos: Vec<String> = estado
        .almacenes
        .iter()
        .map(|enlace| format!("{} {}", enlace.extremo, enlace.cortacircuitos.palabra()))
        .collect();
    [
        estado.nombre.clone(),
        estado.tema.palabra().into(),
        estado.en_curso.to_string(),
        estado.creditos.to_string(),
        visto.cargas.len().to_string(),
        cortacircuitos.join("\n"),
    ]
}

fn almacen(almacen: &Sondeada<EstadoDeAlmacen>) -> [String; 6] {
    let extremo = almacen.extremo.clone();
    let Some(estado) = &almacen.estado else {
        return muda(extremo);
    };
    let disposicion = match estado.disposicion {
        Disposicion::Listo => "listo",
        Disposicion::EnEspera => "en espera",
        Disposicion::NoListo => "no listo",
    };
    let base = if estado.base_id.is_empty() {
        NADA
    } else {
        &estado.base_id
    };
    [
        extremo,
        estado.nodo.clone(),
        disposicion.into(),
        base.to_owned(),
        estado.archivo.clone(),
        (estado.en_cola + estado.lecturas).to_string(),
    ]
}

fn servidor(visto: &ServidorVisto) -> [String; 9] {
    let estado = &visto.estado;
    let replicacion = estado.replicacion.as_ref();
    let o_nada = |dicho: Option<String>| dicho.unwrap_or_else(|| NADA.to_owned());
    let sincrona = |replica: &Replicacion| if replica.sincrona { "sí" } else { "no" }.to_owned();
    [
        estado.nombre.clone(),
        estado.papel.palabra().into(),
        o_nada(estado.linea.map(|linea| linea.to_string())),
        o_nada(replicacion.map(|replica| replica.estado.clone())),
        o_nada(replicacion.map(sincrona)),
        o_nada(replicacion.and_then(retraso)),
        o_nada(estado.bytes.map(|bytes| tamano(bytes, estado.wal_bytes))),
        visto.almacenes.len().to_string(),
        estado.detalle.clone(),
    ]
}

fn retraso(replica: &Replicacion) -> Option<String> {
    let bytes = replica.retraso_bytes?;
    Some(match replica.retraso_ms {
        Some(ms) => format!("{} kB, {ms} ms", bytes / 1024),
        None => format!("{} kB", bytes / 1024),
    })
}

/// In MB, with the WAL of a file beside it.
fn tamano(bytes: u64, wal_bytes: Option<u64>) -> String {
    let mb = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    match wal_bytes {
        Some(wal) => format!("{} + WAL {}", mb(bytes), mb(wal)),
        None => mb(bytes),
    }
}
