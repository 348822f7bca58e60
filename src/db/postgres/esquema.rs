//! A schema of one's own in a database that may be somebody's, for the drill: made with our
//! tables in it, and dropped whole. What is beside it is neither read nor changed.
//!
//! Its addresses carry the schema as their only search path, so that whoever is given one of
//! them, a node or an auditor, finds nothing else there.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Error};

use crate::db::Fallo;
use crate::db::postgres::conexion::{Destino, conectar};
use crate::db::postgres::migrar::{duena, migrar};

/// Longest wait for a session that still has its tables: one whose process was killed a moment
/// ago ends by itself.
const CERROJO: &str = "SET lock_timeout = '10s'";

/// Longest work on the schema itself: a commit that waits for a synchronous standby which is gone
/// does not end by itself.
const TRABAJO_MAX: Duration = Duration::from_secs(20);

/// SQLSTATE of a right that is missing.
const SIN_PERMISO: &str = "42501";

/// See the module's doc.
#[derive(Debug)]
pub struct Esquema {
    nombre: String,
    /// Where the database is.
    servidores: Vec<String>,
    /// Those, with the schema.
    urls: Vec<String>,
}

impl Esquema {
    /// Makes a new one on the primary among `urls`, called `prefijo` (small letters), the date
    /// and something unique.
    ///
    /// # Errors
    /// [`Fallo::SinPrimario`] when there is no primary now; [`Fallo::Inservible`] when this
    /// account or this address cannot have a schema of its own. What is left behind then is
    /// nothing, or named.
    pub async fn crear(prefijo: &'static str, urls: &[String]) -> Result<Self, Fallo> {
        let fecha = Timestamp::now().strftime("%Y%m%d_%H%M%S");
        let (unico, ..) = uuid::Uuid::new_v4().as_fields();
        let nombre = format!("{prefijo}_{fecha}_{unico:08x}");
        let esquema = Self {
            servidores: urls.to_vec(),
            urls: urls.iter().map(|url| con_esquema(url, &nombre)).collect(),
            nombre,
        };
        esquema.en_plazo(esquema.hacer()).await?;
        Ok(esquema)
    }

    /// Its name.
    #[must_use]
    pub fn nombre(&self) -> &str {
        &self.nombre
    }

    /// Its addresses, as `almacenamiento.base_datos` takes them; they may carry a password.
    #[must_use]
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Drops it with all that is in it.
    ///
    /// # Errors
    /// [`Fallo`] when there is no primary now, or somebody keeps its tables.
    pub async fn borrar(&self) -> Result<(), Fallo> {
        self.en_plazo(self.quitar()).await
    }

    async fn hacer(&self) -> Result<(), Fallo> {
        let mut conexion = duena(&self.servidores).await?;
        ejecutar(&mut conexion, format!("CREATE SCHEMA {}", self.nombre))
            .await
            .map_err(sin_permiso)?;
        conexion.close().await.map_err(Fallo::NoAplicado)?;
        let llenado = self.llenar().await;
        if llenado.is_err()
            && let Err(fallo) = self.quitar().await
        {
            tracing::warn!(esquema = self.nombre, %fallo, "no se pudo borrar el esquema");
        }
        llenado
    }

    async fn quitar(&self) -> Result<(), Fallo> {
        let mut conexion = duena(&self.servidores).await?;
        ejecutar(&mut conexion, CERROJO.to_owned())
            .await
            .map_err(Fallo::NoAplicado)?;
        ejecutar(
            &mut conexion,
            format!("DROP SCHEMA {} CASCADE", self.nombre),
        )
        .await
        .map_err(Fallo::NoAplicado)?;
        conexion.close().await.map_err(Fallo::NoAplicado)
    }

    async fn en_plazo(
        &self,
        trabajo: impl Future<Output = Result<(), Fallo>>,
    ) -> Result<(), Fallo> {
        let nombre = &self.nombre;
        let hecho = tokio::time::timeout(TRABAJO_MAX, trabajo).await;
        hecho.unwrap_or_else(|_| {
            Err(Fallo::SinPrimario(format!(
                "en {} s no acabó lo de su esquema, quizá porque espera a una réplica síncrona; \
                 si queda allí: DROP SCHEMA {nombre} CASCADE",
                TRABAJO_MAX.as_secs()
            )))
        })
    }

    async fn llenar(&self) -> Result<(), Fallo> {
        for url in &self.urls {
            self.comprobar(url).await?;
        }
        migrar(&self.urls).await.map(|_| ())
    }

    /// A pooler between us and the server may swallow the search path, and the tables found
    /// would then be somebody's. Every address must answer: one that comes up later may be one.
    async fn comprobar(&self, url: &str) -> Result<(), Fallo> {
        let destino = Destino::leer(url).map_err(Fallo::Inservible)?;
        let conectada = conectar(&destino.sin_limites("biblioteca simulacro")).await;
        let mut conexion = conectada.map_err(|causa| {
            Fallo::SinPrimario(format!(
                "{} tiene que responder: sin verla no se sabe si admite un esquema propio ({causa})",
                destino.nombre
            ))
        })?;
        let (ruta,): (String,) = sqlx::query_as("SELECT current_setting('search_path')")
            .fetch_one(&mut conexion)
            .await
            .map_err(Fallo::NoAplicado)?;
        if ruta == self.nombre {
            return conexion.close().await.map_err(Fallo::NoAplicado);
        }
        Err(Fallo::Inservible(format!(
            "en {} no se puede elegir un esquema propio: dé la dirección del servidor mismo, sin \
             intermediarios y sin '#'",
            destino.nombre
        )))
    }
}

/// Later options win over earlier ones.
fn con_esquema(url: &str, nombre: &str) -> String {
    let url = url.trim();
    let union = if url.contains('?') { '&' } else { '?' };
    format!("{url}{union}options[search_path]={nombre}")
}

/// The name in it is made of our own letters and digits alone.
async fn ejecutar(conexion: &mut PgConnection, sql: String) -> Result<(), Error> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(conexion)
        .await
        .map(|_| ())
}

fn sin_permiso(causa: Error) -> Fallo {
    match &causa {
        Error::Database(error) if error.code().as_deref() == Some(SIN_PERMISO) => {
            Fallo::Inservible(
                "esta cuenta no puede crear un esquema en esa base de datos: use la de su dueña"
                    .to_owned(),
            )
        }
        _ => Fallo::NoAplicado(causa),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_the_last_of_the_options() {
        assert_eq!(
            con_esquema(" postgres://h/b ", "s_1"),
            "postgres://h/b?options[search_path]=s_1"
        );
        assert_eq!(
            con_esquema("postgres://h/b?sslmode=disable", "s_1"),
            "postgres://h/b?sslmode=disable&options[search_path]=s_1"
        );
    }
}
