//! The gauges of the database itself, server by server: the snapshot of `biblioteca estado`,
//! in Prometheus' words.
//!
//! `extremo` is the server as `estado` names it (host, port and database, or a file): never a
//! user or a password. What is not known has no series, so that no graph shows a 0 for it.

use std::collections::HashMap;

use crate::nodo::medidas::galga;
use crate::runtime::metricas::{Galgas, Metrica};
use crate::wire::base::{Durabilidad, EstadoDeBase, EstadoDeServidor, Papel};

const MIRADA: Metrica = galga(
    "biblioteca_base_mirada_edad_segundos",
    "Hace cuánto miró este almacenamiento los servidores de la base de datos",
);
const DURABILIDAD: Metrica = galga(
    "biblioteca_base_durabilidad",
    "1 en lo que hoy sobrevive una operación confirmada",
);
const RESPONDE: Metrica = galga(
    "biblioteca_base_responde",
    "1 si el servidor de la base de datos responde a este almacenamiento",
);
const PAPEL: Metrica = galga(
    "biblioteca_base_papel",
    "1 en lo que el servidor de la base de datos es ahora",
);
const LINEA: Metrica = galga(
    "biblioteca_base_linea",
    "Línea de tiempo del servidor: sube en uno con cada promoción",
);
const SINCRONA: Metrica = galga(
    "biblioteca_base_replica_sincrona",
    "1 si una confirmación espera al disco de esta réplica",
);
const RETRASO_BYTES: Metrica = galga(
    "biblioteca_base_retraso_bytes",
    "WAL del primario que la réplica no tiene en su disco",
);
const RETRASO: Metrica = galga(
    "biblioteca_base_retraso_segundos",
    "Con cuánto retraso aplica la réplica lo que se escribe",
);
const TAMANO: Metrica = galga("biblioteca_base_bytes", "Tamaño de la base de datos");
const WAL: Metrica = galga(
    "biblioteca_base_wal_bytes",
    "Tamaño del WAL de una base de datos de un solo archivo",
);

/// Puts them all.
pub(super) fn de_base(galgas: &mut Galgas, base: &EstadoDeBase) {
    galgas.poner(&MIRADA, &[], base.edad_ms as f64 / 1000.0);
    let esta = base.durabilidad();
    for durabilidad in Durabilidad::TODAS {
        let etiquetas = [("durabilidad", durabilidad.palabra())];
        galgas.poner(&DURABILIDAD, &etiquetas, f64::from(durabilidad == esta));
    }
    // Standbys that nobody named all call themselves the same, and a series is told once.
    let mut veces: HashMap<&str, usize> = HashMap::new();
    for servidor in &base.servidores {
        let vez = veces.entry(&servidor.nombre).or_default();
        *vez += 1;
        let extremo = match *vez {
            1 => servidor.nombre.clone(),
            vez => format!("{} ({vez})", servidor.nombre),
        };
        de_servidor(galgas, &extremo, servidor);
    }
}

fn de_servidor(galgas: &mut Galgas, extremo: &str, servidor: &EstadoDeServidor) {
    let suyo = [("extremo", extremo)];
    let responde = servidor.papel != Papel::Inalcanzable;
    galgas.poner(&RESPONDE, &suyo, f64::from(responde));
    for papel in Papel::TODOS {
        let etiquetas = [("extremo", extremo), ("papel", papel.palabra())];
        galgas.poner(&PAPEL, &etiquetas, f64::from(papel == servidor.papel));
    }
    let mut si_se_sabe = |metrica: &Metrica, valor: Option<f64>| {
        if let Some(valor) = valor {
            galgas.poner(metrica, &suyo, valor);
        }
    };
    si_se_sabe(&LINEA, servidor.linea.map(f64::from));
    si_se_sabe(&TAMANO, servidor.bytes.map(|bytes| bytes as f64));
    si_se_sabe(&WAL, servidor.wal_bytes.map(|bytes| bytes as f64));
    let Some(replica) = &servidor.replicacion else {
        return;
    };
    // Without a word for its state the role may not see how it follows.
    let sincrona = (!replica.estado.is_empty()).then_some(f64::from(replica.sincrona));
    si_se_sabe(&SINCRONA, sincrona);
    let retraso_bytes = replica.retraso_bytes.map(|bytes| bytes as f64);
    si_se_sabe(&RETRASO_BYTES, retraso_bytes);
    // With all of it on its disk and nothing written meanwhile it is not late.
    let retraso_ms = replica
        .retraso_ms
        .or((retraso_bytes == Some(0.0)).then_some(0));
    si_se_sabe(&RETRASO, retraso_ms.map(|ms| ms as f64 / 1000.0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::base::Replicacion;

    fn servidor(nombre: &str, papel: Papel) -> EstadoDeServidor {
        EstadoDeServidor {
            nombre: nombre.into(),
            papel,
            linea: None,
            replicacion: None,
            bytes: None,
            wal_bytes: None,
            detalle: String::new(),
        }
    }

    #[test]
    fn each_server_is_told_as_estado_tells_it_and_what_is_not_known_is_not_told() {
        let replica = || EstadoDeServidor {
            linea: Some(3),
            replicacion: Some(Replicacion {
                estado: "streaming".into(),
                sincrona: true,
                retraso_bytes: Some(2048),
                retraso_ms: Some(1500),
            }),
            ..servidor("walreceiver", Papel::Replica)
        };
        let base = EstadoDeBase {
            edad_ms: 500,
            exige_sincrona: true,
            servidores: vec![
                EstadoDeServidor {
                    linea: Some(3),
                    bytes: Some(7),
                    ..servidor("pc1:5432/b", Papel::Primario)
                },
                servidor("pc2:5432/b", Papel::Inalcanzable),
                replica(),
                replica(),
            ],
        };
        let mut galgas = Galgas::default();
        de_base(&mut galgas, &base);
        let texto = galgas.texto();
        for dicho in [
            "biblioteca_base_mirada_edad_segundos 0.5\n",
            "biblioteca_base_durabilidad{durabilidad=\"sincrona\"} 1\n",
            "biblioteca_base_durabilidad{durabilidad=\"sin_primario\"} 0\n",
            "biblioteca_base_responde{extremo=\"pc1:5432/b\"} 1\n",
            "biblioteca_base_responde{extremo=\"pc2:5432/b\"} 0\n",
            "biblioteca_base_papel{extremo=\"pc1:5432/b\",papel=\"primario\"} 1\n",
            "biblioteca_base_papel{extremo=\"pc1:5432/b\",papel=\"réplica\"} 0\n",
            "biblioteca_base_papel{extremo=\"pc2:5432/b\",papel=\"inalcanzable\"} 1\n",
            "biblioteca_base_linea{extremo=\"pc1:5432/b\"} 3\n",
            "biblioteca_base_bytes{extremo=\"pc1:5432/b\"} 7\n",
            "biblioteca_base_replica_sincrona{extremo=\"walreceiver\"} 1\n",
            "biblioteca_base_retraso_bytes{extremo=\"walreceiver\"} 2048\n",
            "biblioteca_base_retraso_segundos{extremo=\"walreceiver (2)\"} 1.5\n",
        ] {
            assert!(texto.contains(dicho), "no {dicho} in:\n{texto}");
        }
        for callado in [
            "linea{extremo=\"pc2",
            "bytes{extremo=\"pc2",
            "retraso_bytes{extremo=\"pc1",
            "_wal_bytes",
        ] {
            assert!(!texto.contains(callado), "{callado} in:\n{texto}");
        }
    }
}
