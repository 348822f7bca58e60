//! The bench: a store of either kind, in a folder or a database of its own, with a clock that
//! the test moves.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use biblioteca::db::postgres::{Buscador, PostgresAlmacen};
use biblioteca::db::sqlite::{Opciones, SqliteAlmacen};
use biblioteca::db::{Almacen, Asiento};
use biblioteca::domain::ids::{Ejemplar, Isbn, OpId, Sede, Titulo, UsuarioId};
use biblioteca::domain::operacion::Operacion;
use biblioteca::domain::principal::Principal;
use biblioteca::domain::rechazo::Rechazo;
use biblioteca::domain::reglas::Reglas;
use biblioteca::wire::admin::{Cumplido, Encomienda, FilaCatalogo, Informe};
use biblioteca::wire::huella::{Contenido, Huella};
use biblioteca::wire::pedido::Pedido;
use biblioteca::wire::respuesta::{Estado, Respuesta};
use serde_json::Value;
use tempfile::TempDir;

use crate::servidor;

pub const DIA_MS: i64 = 24 * 3600 * 1000;

/// A kind of database.
#[derive(Debug, Clone, Copy)]
pub enum Motor {
    Sqlite,
    Postgres,
}

pub enum Almacenado {
    Sqlite(SqliteAlmacen),
    Postgres(PostgresAlmacen),
}

pub struct Banco {
    pub carpeta: TempDir,
    pub reloj: Arc<AtomicI64>,
    pub almacen: Option<Almacenado>,
    pub reglas: Reglas,
    /// The name of the PostgreSQL database; none with SQLite.
    base: Option<String>,
}

impl Banco {
    pub async fn nuevo(motor: Motor) -> Self {
        Self::con(motor, Reglas::default()).await
    }

    /// Noon of 2126-11-24 in Bogotá: later than any real clock, whose instants a store never goes
    /// back behind. Books A (1 copy in s1, 1 in s2), B and C (3 in s1).
    pub async fn con(motor: Motor, reglas: Reglas) -> Self {
        let mut banco = Self {
            carpeta: tempfile::tempdir().unwrap(),
            reloj: Arc::new(AtomicI64::new(4_951_213_200_000)),
            almacen: None,
            reglas,
            base: match motor {
                Motor::Sqlite => None,
                Motor::Postgres => Some(servidor::comun().base_nueva()),
            },
        };
        banco.abrir().await;
        let mut filas = vec![fila(1, "A", "s1", 1), fila(2, "A", "s2", 1)];
        for (linea, isbn) in (3..).zip(["B", "C", "D", "E", "F", "G"]) {
            filas.push(fila(linea, isbn, "s1", 3));
        }
        banco.catalogo(filas).await;
        banco
    }

    pub fn ruta(&self) -> PathBuf {
        self.carpeta.path().join("datos/biblioteca.db")
    }

    pub fn opciones(&self) -> Opciones {
        let reloj = Arc::clone(&self.reloj);
        let mut opciones = Opciones::nuevas(self.ruta());
        opciones.reglas = self.reglas.clone();
        opciones.pared = Box::new(move || {
            jiff::Timestamp::from_millisecond(reloj.load(Ordering::Relaxed)).unwrap()
        });
        opciones
    }

    pub async fn abrir(&mut self) {
        let almacen = match &self.base {
            None => Almacenado::Sqlite(SqliteAlmacen::abrir(self.opciones()).await.unwrap()),
            Some(base) => {
                let urls = [servidor::comun().url("biblioteca", base)];
                let buscador = Buscador::nuevo(&urls, self.reglas.clone(), 2).unwrap();
                let reloj = Arc::clone(&self.reloj);
                let buscador = buscador.con_pared(Arc::new(move || {
                    jiff::Timestamp::from_millisecond(reloj.load(Ordering::Relaxed)).unwrap()
                }));
                Almacenado::Postgres(buscador.abrir().await.unwrap())
            }
        };
        self.almacen = Some(almacen);
    }

    pub async fn cerrar(&mut self) {
        match self.almacen.take().unwrap() {
            Almacenado::Sqlite(almacen) => almacen.cerrar().await,
            Almacenado::Postgres(almacen) => almacen.cerrar().await,
        }
    }

    pub async fn reabrir(&mut self) {
        self.cerrar().await;
        self.abrir().await;
    }

    pub fn almacen(&self) -> &dyn Almacen {
        match self.almacen.as_ref().unwrap() {
            Almacenado::Sqlite(almacen) => almacen,
            Almacenado::Postgres(almacen) => almacen,
        }
    }

    pub fn avanzar(&self, ms: i64) {
        self.reloj.fetch_add(ms, Ordering::Relaxed);
    }

    pub async fn catalogo(&self, filas: Vec<FilaCatalogo>) -> Informe {
        informe(self.administrar(Encomienda::Catalogo(filas)).await)
    }

    pub async fn administrar(&self, encomienda: Encomienda) -> Cumplido {
        self.almacen().administrar(encomienda).await.unwrap()
    }

    pub async fn lote(&self, pedidos: Vec<Pedido>) -> Vec<Respuesta> {
        let lote = pedidos.into_iter().map(asiento).collect();
        self.almacen().aplicar(lote).await.unwrap()
    }

    pub async fn pedir(&self, pedido: Pedido) -> Respuesta {
        self.lote(vec![pedido]).await.remove(0)
    }

    pub async fn tardia(&self, pedido: Pedido, edad_ms: u64) -> Respuesta {
        let edad_ms = Some(edad_ms);
        let lote = vec![Asiento {
            pedido,
            edad_ms,
            apartada: false,
        }];
        self.almacen().aplicar(lote).await.unwrap().remove(0)
    }

    pub async fn leer(&self, pedido: Pedido) -> Respuesta {
        self.almacen().leer(pedido).await.unwrap()
    }

    /// Runs SQL as another program would.
    pub async fn sql(&self, sentencia: &'static str) -> Result<u64, String> {
        use sqlx::{Connection, PgConnection, SqliteConnection};
        let hecho = match &self.base {
            None => {
                let mut conexion = SqliteConnection::connect(&self.url()).await.unwrap();
                let hecho = sqlx::query(sentencia).execute(&mut conexion).await;
                conexion.close().await.unwrap();
                hecho.map(|hecho| hecho.rows_affected())
            }
            Some(_) => {
                let mut conexion = PgConnection::connect(&self.url()).await.unwrap();
                let hecho = sqlx::query(sentencia).execute(&mut conexion).await;
                conexion.close().await.unwrap();
                hecho.map(|hecho| hecho.rows_affected())
            }
        };
        hecho.map_err(|causa| causa.to_string())
    }

    pub async fn numero(&self, sentencia: &'static str) -> i64 {
        use sqlx::{Connection, PgConnection, SqliteConnection};
        let numero: (i64,) = match &self.base {
            None => {
                let mut conexion = SqliteConnection::connect(&self.url()).await.unwrap();
                let numero = sqlx::query_as(sentencia).fetch_one(&mut conexion).await;
                conexion.close().await.unwrap();
                numero.unwrap()
            }
            Some(_) => {
                let mut conexion = PgConnection::connect(&self.url()).await.unwrap();
                let numero = sqlx::query_as(sentencia).fetch_one(&mut conexion).await;
                conexion.close().await.unwrap();
                numero.unwrap()
            }
        };
        numero.0
    }

    fn url(&self) -> String {
        match &self.base {
            None => format!("sqlite:{}", self.ruta().display()),
            Some(base) => servidor::comun().url("postgres", base),
        }
    }
}

#[track_caller]
pub fn informe(cumplido: Cumplido) -> Informe {
    match cumplido {
        Cumplido::Catalogo(informe) => informe,
        otro => panic!("{otro:?}"),
    }
}

pub fn asiento(pedido: Pedido) -> Asiento {
    Asiento {
        pedido,
        edad_ms: None,
        apartada: false,
    }
}

pub fn fila(linea: u32, isbn: &str, sede: &str, ejemplares: u32) -> FilaCatalogo {
    FilaCatalogo {
        linea,
        isbn: Isbn::parse(isbn).unwrap(),
        titulo: Titulo::parse(&format!("Título {isbn}")).unwrap(),
        autor: None,
        sede: Sede::parse(sede).unwrap(),
        codigo: None,
        ejemplares,
    }
}

/// A request; what starts with `@` is a copy's code, the rest an isbn.
pub fn pedido(operacion: Operacion, objeto: &str, usuario: &str, sede: &str) -> Pedido {
    let (isbn, ejemplar) = match objeto.split_once('@') {
        Some((isbn, codigo)) => (Some(isbn).filter(|isbn| !isbn.is_empty()), Some(codigo)),
        None => (Some(objeto), None),
    };
    let usuario = Some(usuario).filter(|usuario| !usuario.is_empty());
    Pedido {
        op_id: OpId::nuevo(),
        operacion,
        isbn: isbn.map(|isbn| Isbn::parse(isbn).unwrap()),
        ejemplar: ejemplar.map(|codigo| Ejemplar::parse(codigo).unwrap()),
        usuario: usuario.map(|id| UsuarioId::parse(id).unwrap()),
        titulo: None,
        sede: Sede::parse(sede).unwrap(),
        huella: Huella::de(Contenido {
            operacion,
            isbn,
            ejemplar,
            usuario,
            sede: Some(sede),
        }),
        principal: Principal::nadie(),
    }
}

pub fn prestamo(objeto: &str, usuario: &str) -> Pedido {
    pedido(Operacion::Prestamo, objeto, usuario, "s1")
}

pub fn devolucion(objeto: &str, usuario: &str) -> Pedido {
    pedido(Operacion::Devolucion, objeto, usuario, "s1")
}

pub fn renovacion(objeto: &str, usuario: &str) -> Pedido {
    pedido(Operacion::Renovacion, objeto, usuario, "s1")
}

pub fn con_op_id(mut pedido: Pedido, op_id: &str) -> Pedido {
    pedido.op_id = OpId::parse(op_id).unwrap();
    pedido
}

pub fn datos(respuesta: &Respuesta) -> Value {
    serde_json::from_str(&respuesta.datos).unwrap()
}

#[track_caller]
pub fn confirmado(respuesta: &Respuesta) -> Value {
    assert_eq!(respuesta.estado, Estado::Confirmado, "{respuesta:?}");
    assert_eq!(respuesta.rechazo, None);
    datos(respuesta)
}

#[track_caller]
pub fn rechazado(respuesta: &Respuesta, motivos: &[Rechazo]) {
    assert_eq!(respuesta.estado, Estado::Rechazado, "{respuesta:?}");
    assert_eq!(respuesta.rechazo, motivos.first().copied());
    let codigos: Vec<_> = motivos.iter().map(|motivo| motivo.codigo()).collect();
    assert_eq!(datos(respuesta)["motivos"], serde_json::json!(codigos));
}
