//! Opens what a power cut left as a restart would, and holds it against what had been
//! acknowledged by then.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::Path;

use biblioteca::actores::base::BaseConocida;
use biblioteca::db::Almacen;
use biblioteca::db::auditoria::{Fuente, auditar};
use biblioteca::db::diario::{self, Diario};
use biblioteca::db::sqlite::{self, SqliteAlmacen};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::grabacion::Acuse;

/// Databases remembered: neighbouring cuts leave the same ones.
const VISTAS_MAX: usize = 8;

const OPERACIONES: &str = "SELECT json_group_object(op_id, estado) FROM operaciones";
const ENTRADAS: &str =
    "SELECT json_group_object(op_id, coalesce(estado, 'ENCOLADO')) FROM entradas";

/// States by op_id.
type Estados = BTreeMap<String, String>;

/// What was acknowledged, by op_id.
#[derive(Debug, Default)]
pub struct Debido<'a> {
    decididas: BTreeMap<&'a str, &'a str>,
    encoladas: BTreeSet<&'a str>,
}

impl<'a> Debido<'a> {
    pub fn sigue(&mut self, acuse: &'a Acuse) {
        if acuse.estado == "ENCOLADO" {
            self.encoladas.insert(&acuse.op_id);
            return;
        }
        let antes = self.decididas.insert(&acuse.op_id, &acuse.estado);
        assert!(antes.is_none_or(|antes| antes == acuse.estado), "{acuse:?}");
    }
}

/// A database that was recovered: its bytes, and how each operation stands or what is wrong.
struct Vista {
    bytes: Vec<u8>,
    estados: Result<Estados, String>,
}

#[derive(Default)]
pub struct Juez {
    vistas: VecDeque<Vista>,
}

impl Juez {
    /// What is wrong with the folder `datos`, if anything is.
    pub async fn juzgar(&mut self, datos: &Path, debido: &Debido<'_>) -> Result<(), String> {
        let decididas = self.base(datos).await?;
        let encoladas = entradas(datos).await?;
        for (op_id, dicho) in &debido.decididas {
            exigir(decididas, op_id, dicho)?;
        }
        for op_id in &debido.encoladas {
            match encoladas.get(*op_id).map(String::as_str) {
                None => return Err(format!("{op_id} was ENCOLADO and is not in the diario")),
                Some("ENCOLADO") => {}
                Some(cerrada) => exigir(decididas, op_id, cerrada)?,
            }
        }
        Ok(())
    }

    /// The operations of the library's database, which must be sound.
    async fn base(&mut self, datos: &Path) -> Result<&Estados, String> {
        let ruta = datos.join("biblioteca.db");
        // Opening checks every page (`quick_check`) of files of this size.
        let almacen = SqliteAlmacen::abrir(sqlite::Opciones::nuevas(&ruta)).await;
        let almacen = almacen.map_err(|fallo| format!("the database: {fallo}"))?;
        let recordada = BaseConocida::en(datos).leer();
        let recordada = recordada.map_err(|error| format!("base_id: {error}"))?;
        if recordada.is_some_and(|recordada| recordada != almacen.base_id()) {
            return Err("base_id: of another database".to_owned());
        }
        // Which copies what it recovered into the file.
        almacen.cerrar().await;
        let bytes = fs::read(&ruta).unwrap();
        let conocida = self.vistas.iter().position(|vista| vista.bytes == bytes);
        let lugar = match conocida {
            Some(lugar) => lugar,
            None => {
                let estados = auditada(&ruta).await;
                self.vistas.truncate(VISTAS_MAX - 1);
                self.vistas.push_front(Vista { bytes, estados });
                0
            }
        };
        self.vistas[lugar].estados.as_ref().map_err(Clone::clone)
    }
}

fn exigir(decididas: &Estados, op_id: &str, dicho: &str) -> Result<(), String> {
    match decididas.get(op_id) {
        Some(estado) if estado == dicho => Ok(()),
        estado => Err(format!(
            "{op_id} is {dicho}, and in the database {estado:?}"
        )),
    }
}

/// The operations of a database where nothing contradicts anything.
async fn auditada(ruta: &Path) -> Result<Estados, String> {
    let auditoria = auditar(&Fuente::Archivo(ruta.to_owned()), &[]).await;
    let auditoria = auditoria.map_err(|error| error.to_string())?;
    match auditoria.comprobaciones.iter().find(|c| c.faltas > 0) {
        Some(mala) => Err(format!("the database: {mala:?}")),
        None => estados(ruta, OPERACIONES).await,
    }
}

/// The entries of the diario, opened as its carga does.
async fn entradas(datos: &Path) -> Result<Estados, String> {
    let ruta = datos.join(diario::ARCHIVO);
    let con = |fallo| format!("the diario: {fallo}");
    let mut diario = Diario::abrir(diario::Opciones::nuevas(&ruta))
        .await
        .map_err(con)?;
    let cargadas = diario.cargar().await.map_err(con)?;
    let entradas = estados(&ruta, ENTRADAS).await?;
    let abiertas = entradas
        .values()
        .filter(|estado| *estado == "ENCOLADO")
        .count();
    if cargadas.sin_decidir.len() == abiertas {
        return Ok(entradas);
    }
    Err(format!(
        "the carga finds other than {abiertas} undecided: {cargadas:?}"
    ))
}

async fn estados(ruta: &Path, consulta: &'static str) -> Result<Estados, String> {
    let leer = async {
        let opciones = SqliteConnectOptions::new().filename(ruta).read_only(true);
        let mut conexion = opciones.connect().await?;
        let texto: String = sqlx::query_scalar(consulta)
            .fetch_one(&mut conexion)
            .await?;
        conexion.close().await?;
        Ok::<_, sqlx::Error>(texto)
    };
    let texto = leer
        .await
        .map_err(|error| format!("{}: {error}", ruta.display()))?;
    Ok(serde_json::from_str(&texto).unwrap())
}
