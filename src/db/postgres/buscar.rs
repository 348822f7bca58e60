//! Finds the primary itself: sqlx takes one address and believes whatever answers there.
//!
//! Every address is asked at once, whether it is in recovery, takes writes, and of which
//! cluster and timeline it is. The writable server of the highest timeline wins; one of a
//! lower timeline than this node has seen is a primary that was left behind, one of
//! another cluster or library is a mistake. Neither is ever written to.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;
use jiff::Timestamp;
use sqlx::Error;
use sqlx::postgres::PgConnection;

use crate::db::Fallo;
use crate::db::motivo::motivo;
use crate::db::postgres::conexion::{Destino, Servidor, Sitio, asegurar, conectar, examinar};
use crate::db::postgres::memoria::{self, Memoria};
use crate::db::postgres::migrar::comprobar_tablas;
use crate::db::postgres::mirada::Vigilancia;
use crate::db::postgres::{Partes, PostgresAlmacen};
use crate::domain::reglas::Reglas;
use crate::plantado::{Defecto, plantado};
use crate::sistema;

/// The wall clock of a test; none is the server's own.
pub type Pared = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the searches before this one found out, in this process and in those before it.
#[derive(Debug, Default)]
pub(super) struct Visto {
    memoria: Mutex<Memoria>,
    /// Where it is kept; none for a search that is over with its process.
    ruta: Option<PathBuf>,
}

/// Knows the addresses, and opens the store at the one that is the primary now.
pub struct Buscador {
    destinos: Vec<Destino>,
    reglas: Reglas,
    lectores: u32,
    pared: Option<Pared>,
    visto: Arc<Visto>,
}

/// A server that may be written to.
struct Candidato {
    nombre: String,
    indice: usize,
    linea: u32,
    servidor: Servidor,
    escritor: PgConnection,
}

/// Commits that have waited for a standby for more than a second: a batch would join them.
/// Another role's are not shown, and do not matter.
const ATASCADOS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE wait_event = 'SyncRep' AND datname = current_database()
      AND query_start < clock_timestamp() - interval '1 s'";

const IDENTIDAD: &str = "SELECT base_id, greatest(creada_en,
        (SELECT max(creada_en) FROM operaciones),
        (SELECT fecha FROM historial ORDER BY id DESC LIMIT 1)),
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    FROM base";

impl Buscador {
    /// Reads the addresses; connects to nothing yet.
    ///
    /// # Errors
    /// The Spanish reason why an address is not one.
    pub fn nuevo(urls: &[String], reglas: Reglas, lectores: u32) -> Result<Self, String> {
        let destinos = urls.iter().map(|url| Destino::leer(url));
        Ok(Self {
            destinos: destinos.collect::<Result<_, _>>()?,
            reglas,
            lectores,
            pared: None,
            visto: Arc::default(),
        })
    }

    /// With a wall clock of its own instead of the server's.
    #[must_use]
    pub fn con_pared(mut self, pared: Pared) -> Self {
        self.pared = Some(pared);
        self
    }

    /// With what was seen before, and will be, in the file `primario.json` of this folder.
    ///
    /// # Errors
    /// [`Fallo::Inservible`] when it is there and cannot be read.
    pub fn con_memoria(mut self, carpeta: &Path) -> Result<Self, Fallo> {
        let ruta = carpeta.join(memoria::ARCHIVO);
        self.visto = Arc::new(Visto {
            memoria: Mutex::new(Memoria::leer(&ruta)?),
            ruta: Some(ruta),
        });
        Ok(self)
    }

    /// Who tells of every server of the list.
    #[must_use]
    pub fn vigilancia(&self) -> Vigilancia {
        Vigilancia::nueva(&self.destinos, Arc::clone(&self.visto))
    }

    /// Its addresses, without user or password.
    #[must_use]
    pub fn nombre(&self) -> String {
        let nombres: Vec<_> = self.destinos.iter().map(|d| d.nombre.as_str()).collect();
        nombres.join(", ")
    }

    /// Each of its addresses by name, and where that is.
    #[must_use]
    pub fn sitios(&self) -> Vec<(String, Sitio)> {
        let sitios = self.destinos.iter().map(|d| (d.nombre.clone(), d.sitio()));
        sitios.collect()
    }

    /// Finds the primary and opens the store on it.
    ///
    /// # Errors
    /// [`Fallo::SinPrimario`] when there is none now, with what each address said;
    /// [`Fallo::Inservible`] when it is there and a person must do something first.
    pub async fn abrir(&self) -> Result<PostgresAlmacen, Fallo> {
        let mut candidato = self.primario().await?;
        let destino = self.destinos.get(candidato.indice);
        let destino = destino.ok_or_else(|| Fallo::SinPrimario("lista vacía".to_owned()))?;
        let nombre = candidato.nombre.clone();
        let escritor = &mut candidato.escritor;
        asegurar(&nombre, &candidato.servidor, escritor).await?;
        comprobar_tablas(&nombre, escritor).await?;
        let (atascados,): (i64,) = sqlx::query_as(ATASCADOS)
            .fetch_one(&mut *escritor)
            .await
            .map_err(|causa| sin_primario(&nombre, &causa))?;
        if atascados > 0 {
            return Err(Fallo::SinPrimario(format!(
                "{nombre}: {atascados} confirmaciones esperan a una réplica síncrona"
            )));
        }
        let (base_id, ultimo, reloj_ms): (String, Option<String>, i64) = sqlx::query_as(IDENTIDAD)
            .fetch_one(&mut *escritor)
            .await
            .map_err(|causa| sin_primario(&nombre, &causa))?;
        self.visto.recordar(&candidato, &base_id)?;
        tracing::info!(
            base = nombre,
            linea = candidato.linea,
            sincrona = !candidato.servidor.synchronous_standby_names.is_empty(),
            "primario encontrado"
        );
        let partes = Partes {
            nombre,
            base_id,
            reglas: self.reglas.clone(),
            pared: self.pared.clone(),
            ultimo: ultimo.and_then(|texto| texto.parse().ok()),
            reloj_ms,
            replicada: !candidato.servidor.synchronous_standby_names.is_empty(),
            lectores: self.lectores,
            opciones_lector: destino.lector(),
            escritor: candidato.escritor,
        };
        PostgresAlmacen::armar(partes).await
    }

    /// A connection to the primary for long questions, as `auditar` asks them.
    ///
    /// # Errors
    /// [`Fallo::SinPrimario`] when there is none now, [`Fallo::Inservible`] without our tables.
    pub async fn inspector(&self) -> Result<PgConnection, Fallo> {
        let Candidato {
            indice,
            nombre,
            mut escritor,
            ..
        } = self.primario().await?;
        comprobar_tablas(&nombre, &mut escritor).await?;
        let destino = self.destinos.get(indice);
        let destino = destino.ok_or_else(|| Fallo::SinPrimario("lista vacía".to_owned()))?;
        let conexion = conectar(&destino.sin_limites("biblioteca auditar")).await;
        conexion.map_err(|causa| sin_primario(&nombre, &causa))
    }

    async fn primario(&self) -> Result<Candidato, Fallo> {
        let preguntas = self.destinos.iter().enumerate();
        let respuestas = join_all(preguntas.map(|(indice, destino)| preguntar(indice, destino)));
        let mut mejor: Option<Candidato> = None;
        let mut motivos = Vec::new();
        for respuesta in respuestas.await {
            match respuesta.and_then(|candidato| self.visto.admitir(candidato)) {
                Err(motivo) => motivos.push(motivo),
                Ok(candidato) => {
                    if mejor.as_ref().is_none_or(|m| candidato.linea > m.linea) {
                        mejor = Some(candidato);
                    }
                }
            }
        }
        mejor.ok_or_else(|| Fallo::SinPrimario(motivos.join("; ")))
    }
}

impl Visto {
    /// Why a server of this cluster and timeline must not be written to, in Spanish.
    pub(super) fn objecion(&self, sistema: &str, linea: u32) -> Option<String> {
        let memoria = self.memoria.lock();
        let memoria = memoria.unwrap_or_else(PoisonError::into_inner);
        if memoria.sistema.as_ref().is_some_and(|de| de != sistema) {
            return Some(format!(
                "es de otro clúster de PostgreSQL{}",
                self.consejo()
            ));
        }
        let vieja = linea < memoria.linea && !plantado(Defecto::LineaVieja);
        vieja.then(|| {
            format!(
                "quedó en la línea de tiempo {linea}, y ya hubo la {}{}",
                memoria.linea,
                self.consejo()
            )
        })
    }

    fn admitir(&self, candidato: Candidato) -> Result<Candidato, String> {
        match self.objecion(&candidato.servidor.sistema, candidato.linea) {
            None => Ok(candidato),
            Some(objecion) => Err(format!("{}: {objecion}", candidato.nombre)),
        }
    }

    /// Kept before the primary is used: nothing may be confirmed on a timeline that a restart
    /// would forget.
    fn recordar(&self, candidato: &Candidato, base_id: &str) -> Result<(), Fallo> {
        let mut memoria = self.memoria.lock().unwrap_or_else(PoisonError::into_inner);
        let nombre = &candidato.nombre;
        if memoria.base_id.as_deref().is_some_and(|de| de != base_id) {
            return Err(Fallo::SinPrimario(format!(
                "{nombre}: es la base de datos de otra biblioteca{}",
                self.consejo()
            )));
        }
        let nueva = Memoria {
            linea: candidato.linea.max(memoria.linea),
            sistema: Some(candidato.servidor.sistema.clone()),
            base_id: Some(base_id.to_owned()),
        };
        if let Some(ruta) = self.ruta.as_ref().filter(|_| nueva != *memoria) {
            nueva.guardar(ruta).map_err(|causa| {
                let ruta = ruta.display();
                Fallo::SinPrimario(format!(
                    "{nombre}: no se pudo anotar en {ruta}: {}",
                    sistema::motivo(&causa)
                ))
            })?;
        }
        *memoria = nueva;
        Ok(())
    }

    /// How a person who means it goes on.
    fn consejo(&self) -> String {
        let ruta = self.ruta.as_ref();
        ruta.map_or_else(String::new, |ruta| {
            format!(" (si el cambio es a propósito, borre {})", ruta.display())
        })
    }
}

async fn preguntar(indice: usize, destino: &Destino) -> Result<Candidato, String> {
    let nombre = &destino.nombre;
    let dicho = |causa: Error| format!("{nombre}: {}", motivo(&causa));
    let mut escritor = conectar(&destino.escritor()).await.map_err(dicho)?;
    let servidor = examinar(&mut escritor).await.map_err(dicho)?;
    if servidor.en_recuperacion {
        return Err(format!("{nombre}: es una réplica"));
    }
    if !servidor.escribible() {
        return Err(format!("{nombre}: es de solo lectura"));
    }
    let Some(linea) = servidor.linea() else {
        return Err(format!("{nombre}: no dice su línea de tiempo"));
    };
    Ok(Candidato {
        nombre: nombre.clone(),
        indice,
        linea,
        servidor,
        escritor,
    })
}

fn sin_primario(nombre: &str, causa: &Error) -> Fallo {
    Fallo::SinPrimario(format!("{nombre}: {}", motivo(causa)))
}
