//! The gauges of `/metrics`: how the roles of this process are now; [`base`] has those of the
//! database.

mod base;

use std::time::Duration;

use crate::domain::operacion::Operacion;
use crate::nodo::medidas::base::de_base;
use crate::nodo::{actores, almacenamiento, carga};
use crate::runtime::metricas::{Galgas, Metrica};
use crate::wire::estado::Cortacircuitos;

const fn galga(nombre: &'static str, ayuda: &'static str) -> Metrica {
    Metrica { nombre, ayuda }
}

const INFO: Metrica = galga("biblioteca_info", "Nodo y versión; siempre 1");
const LISTO: Metrica = galga(
    "biblioteca_listo",
    "1 si el rol puede hacer su trabajo ahora",
);
const ESPERAN: Metrica = galga(
    "biblioteca_esperan",
    "Solicitudes admitidas por la carga y sin respuesta",
);
const ESPERAN_EDAD: Metrica = galga(
    "biblioteca_esperan_edad_segundos",
    "Cuánto lleva sin respuesta la más antigua de esas solicitudes",
);
const COLA: Metrica = galga("biblioteca_cola", "Operaciones que esperan en una cola");
const COLA_EDAD: Metrica = galga(
    "biblioteca_cola_edad_segundos",
    "Cuánto lleva en su cola la más antigua de esas operaciones",
);
const EN_CURSO: Metrica = galga(
    "biblioteca_en_curso",
    "Operaciones que los actores tienen entre manos",
);
const CREDITOS: Metrica = galga(
    "biblioteca_creditos",
    "Operaciones que los actores vivos aceptan a la vez de esta carga",
);
const ACTORES: Metrica = galga(
    "biblioteca_actores",
    "Actores vivos que trabajan para esta carga",
);
const DIARIO: Metrica = galga(
    "biblioteca_diario_pendientes",
    "Operaciones encoladas en el diario y sin decidir",
);
const DIARIO_EDAD: Metrica = galga(
    "biblioteca_diario_edad_segundos",
    "Edad de la operación sin decidir más antigua del diario",
);
const APARTADAS: Metrica = galga(
    "biblioteca_diario_apartadas",
    "Operaciones del diario que esperan a una persona",
);
const CORTACIRCUITOS: Metrica = galga(
    "biblioteca_cortacircuitos",
    "1 en el estado en que está el cortacircuitos de un actor para un almacenamiento",
);
const BASE: Metrica = galga(
    "biblioteca_base",
    "1 en lo que el almacenamiento es para la base de datos: listo, en_espera, no_listo",
);

/// Who is here, and how.
pub async fn galgas(
    nodo: &str,
    carga: Option<&carga::EnMarcha>,
    actores: &[actores::EnMarcha],
    almacenamiento: Option<&almacenamiento::EnMarcha>,
) -> Galgas {
    let mut galgas = Galgas::default();
    let version = env!("CARGO_PKG_VERSION");
    galgas.poner(&INFO, &[("nodo", nodo), ("version", version)], 1.0);
    if let Some(carga) = carga {
        de_carga(&mut galgas, carga).await;
    }
    for actor in actores {
        de_actor(&mut galgas, actor).await;
    }
    if let Some(almacenamiento) = almacenamiento {
        let listo = almacenamiento.salud().is_ok();
        galgas.poner(&LISTO, &[("rol", "almacenamiento")], f64::from(listo));
        for (palabra, es) in almacenamiento.disposiciones() {
            galgas.poner(&BASE, &[("disposicion", palabra)], f64::from(es));
        }
        let colas = almacenamiento.colas().await.unwrap_or_default();
        for (cola, cuantas, edad) in [
            ("commit", colas.en_cola, colas.edad_en_cola),
            ("lecturas", colas.lecturas, colas.edad_lecturas),
            ("busquedas", colas.busquedas, colas.edad_busquedas),
        ] {
            poner_cola(&mut galgas, cola, cuantas as f64, edad);
        }
        if let Some(base) = almacenamiento.base() {
            de_base(&mut galgas, &base);
        }
    }
    galgas
}

fn poner_cola(galgas: &mut Galgas, cola: &str, cuantas: f64, edad: Duration) {
    galgas.poner(&COLA, &[("cola", cola)], cuantas);
    galgas.poner(&COLA_EDAD, &[("cola", cola)], edad.as_secs_f64());
}

async fn de_carga(galgas: &mut Galgas, carga: &carga::EnMarcha) {
    let listo = carga.salud().await.is_ok();
    galgas.poner(&LISTO, &[("rol", "carga")], f64::from(listo));
    let (estado, suyo) = carga.estado_y_suyo().await;
    galgas.poner(&ESPERAN, &[], estado.esperan as f64);
    let edades = suyo.map(|suyo| (suyo.edad_esperan, suyo.edad_en_cola));
    let (edad_esperan, edad_en_cola) = edades.unwrap_or_default();
    galgas.poner(&ESPERAN_EDAD, &[], edad_esperan.as_secs_f64());
    poner_cola(galgas, "reparto", estado.en_cola as f64, edad_en_cola);
    galgas.poner(&DIARIO, &[], estado.encoladas as f64);
    galgas.poner(&DIARIO_EDAD, &[], estado.edad_max_ms as f64 / 1000.0);
    galgas.poner(&APARTADAS, &[], estado.apartadas as f64);
    for tema in Operacion::ESCRITURAS {
        let suyos: Vec<_> = estado.actores.iter().filter(|a| a.tema == tema).collect();
        let creditos: u32 = suyos.iter().map(|actor| actor.creditos).sum();
        let etiquetas = [("operacion", tema.palabra())];
        galgas.poner(&ACTORES, &etiquetas, suyos.len() as f64);
        galgas.poner(&CREDITOS, &etiquetas, f64::from(creditos));
    }
}

async fn de_actor(galgas: &mut Galgas, actor: &actores::EnMarcha) {
    let nombre = actor.nombre();
    let listo = actor.salud().await.is_ok();
    galgas.poner(&LISTO, &[("rol", nombre)], f64::from(listo));
    let Some(estado) = actor.estado().await else {
        return;
    };
    galgas.poner(&EN_CURSO, &[("actor", nombre)], estado.en_curso as f64);
    for almacen in &estado.almacenes {
        let esta = almacen.breaker.to_string();
        for palabra in [
            Cortacircuitos::Cerrado,
            Cortacircuitos::Abierto,
            Cortacircuitos::MedioAbierto,
        ]
        .map(Cortacircuitos::palabra)
        {
            let etiquetas = [
                ("actor", nombre),
                ("extremo", almacen.extremo.as_str()),
                ("estado", palabra),
            ];
            galgas.poner(&CORTACIRCUITOS, &etiquetas, f64::from(esta == palabra));
        }
    }
}
