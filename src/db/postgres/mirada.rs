//! Asks every server of the list how it is, on connections of its own: role, timeline, and how
//! each standby follows the primary.
//!
//! The standbys are known by name at the primary (`pg_stat_replication`) and by address in the
//! list; a standby itself tells under which name it follows.

use std::sync::Arc;

use futures::future::join_all;
use sqlx::Error;
use sqlx::postgres::PgConnection;

use crate::db::filas::leer;
use crate::db::motivo::motivo;
use crate::db::postgres::buscar::Visto;
use crate::db::postgres::conexion::{CONEXION_MAX, Destino, conectar, linea_de_wal, tardo};
use crate::wire::base::{EstadoDeBase, EstadoDeServidor, Papel, Replicacion};

/// As the role of an almacenamiento sees it; what it may not see is null.
const MIRADA: &str = "SELECT pg_is_in_recovery() AS en_recuperacion,
    current_setting('transaction_read_only') = 'on' AS solo_lectura,
    (SELECT system_identifier FROM pg_control_system())::text AS sistema,
    CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_lsn()) END
        AS archivo_wal,
    coalesce((SELECT received_tli FROM pg_stat_wal_receiver),
             (SELECT timeline_id FROM pg_control_checkpoint()))::bigint AS linea_replica,
    current_setting('synchronous_standby_names') <> '' AS exige_sincrona,
    pg_database_size(current_database()) AS bytes,
    (SELECT substring(conninfo FROM ' application_name=([^ ]+)') FROM pg_stat_wal_receiver)
        AS sigue_como,
    CASE WHEN NOT pg_is_in_recovery() THEN
        (SELECT coalesce(json_agg(json_build_array(application_name, state, sync_state,
            greatest(pg_current_wal_lsn() - flush_lsn, 0)::bigint,
            (extract(epoch FROM replay_lag) * 1000)::bigint)), '[]')
         FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup')::text
    END AS replicas";

#[derive(sqlx::FromRow)]
struct Dicho {
    en_recuperacion: bool,
    solo_lectura: bool,
    sistema: String,
    archivo_wal: Option<String>,
    linea_replica: Option<i64>,
    exige_sincrona: bool,
    bytes: i64,
    sigue_como: Option<String>,
    replicas: Option<String>,
}

type FilaReplica = (
    String,
    Option<String>,
    Option<String>,
    Option<u64>,
    Option<u64>,
);

/// The connections, kept from one look to the next.
pub struct Vigilancia {
    puestos: Vec<Puesto>,
    visto: Arc<Visto>,
}

struct Puesto {
    destino: Destino,
    conexion: Option<PgConnection>,
}

impl Vigilancia {
    pub(super) fn nueva(destinos: &[Destino], visto: Arc<Visto>) -> Self {
        let puesto = |destino: &Destino| Puesto {
            destino: destino.clone(),
            conexion: None,
        };
        Self {
            puestos: destinos.iter().map(puesto).collect(),
            visto,
        }
    }

    /// Asks them all at once; each has two seconds.
    pub async fn mirar(&mut self) -> EstadoDeBase {
        let dichos = join_all(self.puestos.iter_mut().map(Puesto::preguntar)).await;
        let mut base = EstadoDeBase::default();
        let mut replicas: Vec<FilaReplica> = Vec::new();
        let mut nombres = Vec::new();
        for (puesto, dicho) in self.puestos.iter().zip(dichos) {
            let nombre = puesto.destino.nombre.clone();
            let Ok(dicho) = dicho else {
                let causa = dicho.err().map(|causa| motivo(&causa));
                base.servidores.push(servidor(
                    nombre,
                    Papel::Inalcanzable,
                    causa.unwrap_or_default(),
                ));
                nombres.push(None);
                continue;
            };
            let servidor = self.juzgar(nombre, &dicho);
            if servidor.papel == Papel::Primario {
                base.exige_sincrona = dicho.exige_sincrona;
                replicas = leer(dicho.replicas.as_deref().unwrap_or("[]")).unwrap_or_default();
            }
            base.servidores.push(servidor);
            nombres.push(dicho.sigue_como);
        }
        repartir(&mut base.servidores, &nombres, replicas);
        base
    }

    fn juzgar(&self, nombre: String, dicho: &Dicho) -> EstadoDeServidor {
        let linea = match &dicho.archivo_wal {
            Some(archivo) => linea_de_wal(archivo),
            None => dicho.linea_replica.and_then(|n| u32::try_from(n).ok()),
        };
        let objecion = self
            .visto
            .objecion(&dicho.sistema, linea.unwrap_or(u32::MAX));
        let (papel, detalle) = match (dicho.en_recuperacion, objecion) {
            (true, _) => (Papel::Replica, String::new()),
            (false, Some(objecion)) => (Papel::Rechazado, objecion),
            (false, None) if dicho.solo_lectura => {
                (Papel::Rechazado, "es de solo lectura".to_owned())
            }
            (false, None) => (Papel::Primario, String::new()),
        };
        EstadoDeServidor {
            linea,
            bytes: u64::try_from(dicho.bytes).ok(),
            ..servidor(nombre, papel, detalle)
        }
    }
}

impl Puesto {
    async fn preguntar(&mut self) -> Result<Dicho, Error> {
        let mut conexion = match self.conexion.take() {
            Some(conexion) => conexion,
            None => conectar(&self.destino.lector()).await?,
        };
        let pregunta = sqlx::query_as(MIRADA).fetch_one(&mut conexion);
        let dicho = tokio::time::timeout(CONEXION_MAX, pregunta)
            .await
            .unwrap_or_else(|_| Err(tardo("no answer to a look")))?;
        // Only a connection without any doubt is kept.
        self.conexion = Some(conexion);
        Ok(dicho)
    }
}

fn servidor(nombre: String, papel: Papel, detalle: String) -> EstadoDeServidor {
    EstadoDeServidor {
        nombre,
        papel,
        linea: None,
        replicacion: None,
        bytes: None,
        wal_bytes: None,
        detalle,
    }
}

/// Gives each standby its row of the primary's; those of no listed one come after.
fn repartir(
    servidores: &mut Vec<EstadoDeServidor>,
    nombres: &[Option<String>],
    replicas: Vec<FilaReplica>,
) {
    for (nombre, estado, sincronia, retraso_bytes, retraso_ms) in replicas {
        let replicacion = Replicacion {
            estado: estado.unwrap_or_default(),
            sincrona: matches!(sincronia.as_deref(), Some("sync" | "quorum")),
            retraso_bytes,
            retraso_ms,
        };
        let suyo = servidores
            .iter_mut()
            .zip(nombres)
            .find(|(servidor, sigue)| {
                servidor.papel == Papel::Replica
                    && servidor.replicacion.is_none()
                    && sigue.as_ref() == Some(&nombre)
            });
        match suyo {
            Some((servidor, _)) => servidor.replicacion = Some(replicacion),
            None => servidores.push(EstadoDeServidor {
                replicacion: Some(replicacion),
                ..servidor(nombre, Papel::Replica, "no está en la lista".to_owned())
            }),
        }
    }
}
