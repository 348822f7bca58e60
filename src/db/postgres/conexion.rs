//! A connection to one server: its URL, its limits, and what the server says of itself.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Error};

use crate::db::Fallo;

/// Longest wait for a server to take a connection: a dead host answers nothing at all.
pub const CONEXION_MAX: Duration = Duration::from_millis(1000);

/// Longest statement, in ms: shorter than an actor's patience, so that whoever waits for the
/// next batch is still there.
const SENTENCIA_MS: &str = "1000";

/// Longest wait for a row that another almacenamiento holds, in ms; well under
/// `deadlock_timeout` (1 s), so that PostgreSQL seldom has to look for a deadlock.
const CERROJO_MS: &str = "300";

/// A process that was frozen inside a transaction loses it after this, in ms, and its rows
/// are free again.
const OCIO_MS: &str = "1000";

/// One address of the list.
#[derive(Debug, Clone)]
pub struct Destino {
    /// Host, port and database, without user or password: for logs.
    pub nombre: String,
    opciones: PgConnectOptions,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sitio {
    /// `host:port`, IPv6 in brackets.
    Red(String),
    /// A socket of this PC.
    Archivo(PathBuf),
}

/// What a server said of itself.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Servidor {
    /// A standby.
    pub en_recuperacion: bool,
    /// It takes no writes, for whatever reason.
    pub solo_lectura: bool,
    /// Drawn when its cluster was made, the same in its standbys.
    pub sistema: String,
    /// The WAL file of its next commit, whose first 8 hexadecimal digits are the timeline;
    /// right at once after a promotion, which `pg_control_checkpoint` is not.
    pub archivo_wal: Option<String>,
    /// `on`, or a lie about durability.
    pub fsync: String,
    /// `on`, or pages torn by a power cut.
    pub full_page_writes: String,
    /// What a commit of this session waits for.
    pub synchronous_commit: String,
    /// Empty when no standby is waited for.
    pub synchronous_standby_names: String,
}

const SERVIDOR: &str = "SELECT pg_is_in_recovery() AS en_recuperacion,
    current_setting('transaction_read_only') = 'on' AS solo_lectura,
    (SELECT system_identifier FROM pg_control_system())::text AS sistema,
    CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_lsn()) END
        AS archivo_wal,
    current_setting('fsync') AS fsync,
    current_setting('full_page_writes') AS full_page_writes,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('synchronous_standby_names') AS synchronous_standby_names";

impl Servidor {
    /// The timeline, if it is a primary.
    #[must_use]
    pub fn linea(&self) -> Option<u32> {
        linea_de_wal(self.archivo_wal.as_deref()?)
    }

    /// Whether it would take our writes.
    #[must_use]
    pub const fn escribible(&self) -> bool {
        !self.en_recuperacion && !self.solo_lectura
    }
}

impl Destino {
    /// Reads a URL. `target_session_attrs` is honoured by searching for the primary, and not
    /// handed to sqlx, which ignores it.
    ///
    /// # Errors
    /// The Spanish reason, without the URL: it may carry a password.
    pub fn leer(url: &str) -> Result<Self, String> {
        let (url, atributos) = separar_atributos(url.trim());
        if let Some(otro) = atributos
            .iter()
            .find(|valor| !["any", "read-write", "primary"].contains(&valor.as_str()))
        {
            return Err(format!(
                "target_session_attrs={otro} no sirve aquí: un almacenamiento escribe, y por eso \
                 busca el primario"
            ));
        }
        let opciones = PgConnectOptions::from_str(&url)
            .map_err(|_| "una dirección postgres: no se entiende".to_owned())?;
        let base = opciones.get_database().unwrap_or_default().to_owned();
        let nombre = match opciones.get_socket() {
            Some(socket) => format!("{}/{base}", socket.display()),
            None => format!("{}:{}/{base}", opciones.get_host(), opciones.get_port()),
        };
        Ok(Self { nombre, opciones })
    }

    /// Where it is, as a connection finds it.
    #[must_use]
    pub fn sitio(&self) -> Sitio {
        let (host, puerto) = (self.opciones.get_host(), self.opciones.get_port());
        let carpeta = self.opciones.get_socket().map(PathBuf::as_path);
        match carpeta.or_else(|| host.starts_with('/').then(|| Path::new(host))) {
            Some(carpeta) => Sitio::Archivo(carpeta.join(format!(".s.PGSQL.{puerto}"))),
            None if host.contains(':') && !host.starts_with('[') => {
                Sitio::Red(format!("[{host}]:{puerto}"))
            }
            None => Sitio::Red(format!("{host}:{puerto}")),
        }
    }

    /// For the writer: every lookup by index, from the batch to the tables. The planner never
    /// reads a big table whole because its statistics are of yesterday, and plans once.
    #[must_use]
    pub fn escritor(&self) -> PgConnectOptions {
        self.limitado().options([
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("enable_bitmapscan", "off"),
            ("jit", "off"),
        ])
    }

    /// For everything that only reads.
    #[must_use]
    pub fn lector(&self) -> PgConnectOptions {
        self.limitado().options([("jit", "off")])
    }

    /// For work that may take long: the owner's, an auditor's.
    #[must_use]
    pub fn sin_limites(&self, quien: &str) -> PgConnectOptions {
        self.opciones
            .clone()
            .application_name(quien)
            .disable_statement_logging()
    }

    /// sqlx sets neither a connect timeout nor keepalives: the first is ours (whoever calls
    /// waits with a limit), the second the server's, which then frees a dead client's rows.
    fn limitado(&self) -> PgConnectOptions {
        self.opciones
            .clone()
            .application_name("biblioteca")
            .disable_statement_logging()
            .options([
                ("statement_timeout", SENTENCIA_MS),
                ("lock_timeout", CERROJO_MS),
                ("idle_in_transaction_session_timeout", OCIO_MS),
                ("tcp_keepalives_idle", "5"),
                ("tcp_keepalives_interval", "2"),
                ("tcp_keepalives_count", "3"),
                ("default_transaction_isolation", "read committed"),
            ])
    }
}

/// The timeline in the name of a WAL file.
#[must_use]
pub fn linea_de_wal(archivo: &str) -> Option<u32> {
    u32::from_str_radix(archivo.get(..8)?, 16).ok()
}

/// Connects within [`CONEXION_MAX`].
///
/// # Errors
/// What the server says, or an I/O error when it says nothing.
pub async fn conectar(opciones: &PgConnectOptions) -> Result<PgConnection, Error> {
    tokio::time::timeout(CONEXION_MAX, opciones.connect())
        .await
        .unwrap_or_else(|_| Err(tardo("no answer to a connection")))
}

/// Asks the server what it is, within [`CONEXION_MAX`].
///
/// # Errors
/// As [`conectar`].
pub async fn examinar(conexion: &mut PgConnection) -> Result<Servidor, Error> {
    let pregunta = sqlx::query_as(SERVIDOR).fetch_one(conexion);
    tokio::time::timeout(CONEXION_MAX, pregunta)
        .await
        .unwrap_or_else(|_| Err(tardo("no answer to a question")))
}

/// Makes the session as durable as it can be, and says so where the server is not.
///
/// # Errors
/// [`Fallo::Inservible`] when a confirmed operation would not survive a loss of power.
pub async fn asegurar(
    nombre: &str,
    servidor: &Servidor,
    escritor: &mut PgConnection,
) -> Result<(), Fallo> {
    if servidor.fsync != "on" {
        return Err(Fallo::Inservible(format!(
            "{nombre} tiene fsync = off: lo confirmado no sobrevive a un corte de corriente. \
             Ponga fsync = on en postgresql.conf"
        )));
    }
    if servidor.full_page_writes != "on" {
        tracing::warn!(
            base = nombre,
            "full_page_writes = off: un corte de corriente puede dañar páginas, salvo que el \
             sistema de archivos las escriba enteras"
        );
    }
    // remote_apply waits for more than on does; the others for less.
    if !["on", "remote_apply"].contains(&servidor.synchronous_commit.as_str()) {
        tracing::warn!(
            base = nombre,
            valor = servidor.synchronous_commit,
            "synchronous_commit era menor que on; esta sesión usa on"
        );
        sqlx::raw_sql("SET synchronous_commit = on")
            .execute(escritor)
            .await
            .map_err(Fallo::NoAplicado)?;
    }
    Ok(())
}

/// Silence, as an error.
#[must_use]
pub fn tardo(que: &'static str) -> Error {
    Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, que))
}

/// The URL without `target_session_attrs`, and its values.
fn separar_atributos(url: &str) -> (String, Vec<String>) {
    let Some((base, parametros)) = url.split_once('?') else {
        return (url.to_owned(), Vec::new());
    };
    let mut atributos = Vec::new();
    let mut otros = Vec::new();
    for parametro in parametros.split('&').filter(|p| !p.is_empty()) {
        match parametro.split_once('=') {
            Some(("target_session_attrs", valor)) => atributos.push(valor.to_owned()),
            _ => otros.push(parametro),
        }
    }
    if otros.is_empty() {
        (base.to_owned(), atributos)
    } else {
        (format!("{base}?{}", otros.join("&")), atributos)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn target_session_attrs_is_taken_and_the_rest_kept() {
        let (url, atributos) =
            separar_atributos("postgres://h/b?sslmode=disable&target_session_attrs=read-write");
        assert_eq!(url, "postgres://h/b?sslmode=disable");
        assert_eq!(atributos, ["read-write"]);
        assert!(Destino::leer("postgres://h/b?target_session_attrs=primary").is_ok());
        let motivo = Destino::leer("postgres://u:secreto@h/b?target_session_attrs=standby");
        let motivo = motivo.unwrap_err();
        assert!(motivo.contains("standby") && !motivo.contains("secreto"));
    }

    #[test]
    fn a_name_for_logs_has_no_password() {
        let destino = Destino::leer("postgres://ana:secreto@pc2:5433/biblioteca").unwrap();
        assert_eq!(destino.nombre, "pc2:5433/biblioteca");
    }

    #[test]
    fn a_server_is_where_a_connection_finds_it() {
        let red = |donde: &str| Sitio::Red(donde.to_owned());
        for (url, sitio) in [
            ("postgres://u:c@pc2:5433/b", red("pc2:5433")),
            ("postgres://pc2/b", red("pc2:5432")),
            ("postgres://[::1]/b", red("[::1]:5432")),
            (
                "postgres:///b?host=/var/run/postgresql",
                Sitio::Archivo("/var/run/postgresql/.s.PGSQL.5432".into()),
            ),
        ] {
            assert_eq!(Destino::leer(url).unwrap().sitio(), sitio, "{url}");
        }
    }

    #[test]
    fn the_timeline_is_read_from_the_name_of_the_wal_file() {
        let servidor = Servidor {
            en_recuperacion: false,
            solo_lectura: false,
            sistema: String::new(),
            archivo_wal: Some("0000000A00000001000000FF".to_owned()),
            fsync: "on".to_owned(),
            full_page_writes: "on".to_owned(),
            synchronous_commit: "on".to_owned(),
            synchronous_standby_names: String::new(),
        };
        assert_eq!(servidor.linea(), Some(10));
    }
}
