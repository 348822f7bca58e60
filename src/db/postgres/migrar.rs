//! The tables' version: brought up to date by their owner (`biblioteca migrar`), only checked
//! by an almacenamiento, whose role may not change them.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Error};

use crate::db::Fallo;
use crate::db::motivo::motivo;
use crate::db::postgres::conexion::{Destino, conectar, examinar};
use crate::db::postgres::plegar::plegar_autores;

static MIGRACIONES: Migrator = sqlx::migrate!("migrations/postgres");

/// What the application's role may do; run by the owner after every migration.
const PERMISOS: &str = include_str!("../../../deploy/postgres/permisos.sql");

/// `insufficient_privilege`.
const SIN_PERMISO: &str = "42501";

const VERSIONES: &str = "SELECT version, success FROM _sqlx_migrations ORDER BY version";

/// Brings the tables of the primary among `urls` up to date, with the owner's rights. The
/// number of migrations that were missing.
///
/// # Errors
/// [`Fallo::SinPrimario`] when there is none now; [`Fallo::Inservible`] when the tables are
/// not of this program or of a later version.
pub async fn migrar(urls: &[String]) -> Result<usize, Fallo> {
    let mut conexion = duena(urls).await?;
    let antes = aplicadas(&mut conexion).await.unwrap_or_default().len();
    MIGRACIONES.run(&mut conexion).await.map_err(sin_migrar)?;
    plegar_autores(&mut conexion).await.map_err(de_duena)?;
    sqlx::raw_sql(PERMISOS)
        .execute(&mut conexion)
        .await
        .map_err(de_duena)?;
    let despues = aplicadas(&mut conexion).await.map_err(Fallo::NoAplicado)?;
    conexion.close().await.map_err(Fallo::NoAplicado)?;
    Ok(despues.len().saturating_sub(antes))
}

fn sin_migrar(causa: MigrateError) -> Fallo {
    match causa {
        MigrateError::Execute(causa) | MigrateError::ExecuteMigration(causa, _) => de_duena(causa),
        MigrateError::VersionMissing(version) => Fallo::Inservible(format!(
            "las tablas son de una versión posterior de biblioteca (la migración {version} no es \
             de esta); use esa o una más nueva"
        )),
        otra => Fallo::Inservible(format!("no se pudieron poner al día las tablas: {otra}")),
    }
}

/// What is refused to every role but the owner's.
fn de_duena(causa: Error) -> Fallo {
    match &causa {
        Error::Database(error) if error.code().as_deref() == Some(SIN_PERMISO) => {
            Fallo::Inservible(
                "esa cuenta no puede cambiar las tablas: ejecute 'biblioteca migrar' con la \
                 dirección de la dueña de la base de datos"
                    .to_owned(),
            )
        }
        _ => Fallo::NoAplicado(causa),
    }
}

/// The owner's connection to the primary.
///
/// # Errors
/// [`Fallo::SinPrimario`] with what each address said.
pub async fn duena(urls: &[String]) -> Result<PgConnection, Fallo> {
    let mut motivos = Vec::new();
    for url in urls {
        let destino = Destino::leer(url).map_err(Fallo::Inservible)?;
        let nombre = &destino.nombre;
        match conectar(&destino.sin_limites("biblioteca migrar")).await {
            Err(causa) => motivos.push(format!("{nombre}: {}", motivo(&causa))),
            Ok(mut conexion) => match examinar(&mut conexion).await {
                Ok(servidor) if servidor.escribible() => return Ok(conexion),
                Ok(_) => motivos.push(format!("{nombre}: es una réplica o de solo lectura")),
                Err(causa) => motivos.push(format!("{nombre}: {}", motivo(&causa))),
            },
        }
    }
    Err(Fallo::SinPrimario(motivos.join("; ")))
}

/// Whether the tables are those of this program.
///
/// # Errors
/// [`Fallo::Inservible`] with what to do; [`Fallo::SinPrimario`] when it cannot be asked.
pub async fn comprobar_tablas(nombre: &str, conexion: &mut PgConnection) -> Result<(), Fallo> {
    let hechas = match aplicadas(conexion).await {
        Ok(hechas) => hechas,
        Err(Error::Database(error)) if matches!(error.code().as_deref(), Some("42P01")) => {
            Vec::new()
        }
        Err(Error::Database(error)) if matches!(error.code().as_deref(), Some(SIN_PERMISO)) => {
            return Err(Fallo::Inservible(format!(
                "en {nombre} el rol no puede leer las tablas: créelo con \
                 deploy/postgres/roles.sql y ejecute 'biblioteca migrar' como su dueña"
            )));
        }
        Err(causa) => return Err(Fallo::SinPrimario(format!("{nombre}: {}", motivo(&causa)))),
    };
    let debidas: Vec<i64> = MIGRACIONES
        .iter()
        .map(|migracion| migracion.version)
        .collect();
    if hechas.iter().any(|version| !debidas.contains(version)) {
        return Err(Fallo::Inservible(format!(
            "las tablas de {nombre} son de una versión posterior de biblioteca; use esa o una \
             más nueva"
        )));
    }
    if hechas.len() < debidas.len() {
        return Err(Fallo::Inservible(format!(
            "a {nombre} le faltan tablas: ejecute 'biblioteca migrar' con la dirección de la \
             dueña de la base de datos"
        )));
    }
    Ok(())
}

async fn aplicadas(conexion: &mut PgConnection) -> Result<Vec<i64>, Error> {
    let filas: Vec<(i64, bool)> = sqlx::query_as(VERSIONES).fetch_all(conexion).await?;
    Ok(filas
        .into_iter()
        .filter(|(_, bien)| *bien)
        .map(|(version, _)| version)
        .collect())
}
