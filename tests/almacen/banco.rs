//! The bench: a store in a folder of its own with a clock that the test moves.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use biblioteca::db::sqlite::{Opciones, SqliteAlmacen};
use biblioteca::db::{Almacen, Asiento};
use biblioteca::domain::ids::{Ejemplar, Isbn, OpId, Sede, Titulo, UsuarioId};
use biblioteca::domain::operacion::Operacion;
use biblioteca::domain::rechazo::Rechazo;
use biblioteca::domain::reglas::Reglas;
use biblioteca::wire::admin::{Encomienda, FilaCatalogo, Informe};
use biblioteca::wire::huella::{Contenido, Huella};
use biblioteca::wire::pedido::Pedido;
use biblioteca::wire::respuesta::{Estado, Respuesta};
use serde_json::Value;
use tempfile::TempDir;

pub const DIA_MS: i64 = 24 * 3600 * 1000;

pub struct Banco {
    pub carpeta: TempDir,
    pub reloj: Arc<AtomicI64>,
    pub almacen: Option<SqliteAlmacen>,
    pub reglas: Reglas,
}

impl Banco {
    pub async fn nuevo() -> Self {
        Self::con(Reglas::default()).await
    }

    /// Noon of 2026-11-24 in Bogotá; books A (1 copy in s1, 1 in s2), B and C (3 in s1).
    pub async fn con(reglas: Reglas) -> Self {
        let mut banco = Self {
            carpeta: tempfile::tempdir().unwrap(),
            reloj: Arc::new(AtomicI64::new(1_795_539_600_000)),
            almacen: None,
            reglas,
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
        self.almacen = Some(SqliteAlmacen::abrir(self.opciones()).await.unwrap());
    }

    pub async fn reabrir(&mut self) {
        self.almacen.take().unwrap().cerrar().await;
        self.abrir().await;
    }

    pub fn almacen(&self) -> &dyn Almacen {
        self.almacen.as_ref().unwrap()
    }

    pub fn avanzar(&self, ms: i64) {
        self.reloj.fetch_add(ms, Ordering::Relaxed);
    }

    pub async fn catalogo(&self, filas: Vec<FilaCatalogo>) -> Informe {
        let encomienda = Encomienda::Catalogo(filas);
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
        use sqlx::{ConnectOptions, Connection};
        let opciones = sqlx::sqlite::SqliteConnectOptions::new().filename(self.ruta());
        let mut conexion = opciones.connect().await.unwrap();
        let hecho = sqlx::query(sentencia).execute(&mut conexion).await;
        conexion.close().await.unwrap();
        hecho
            .map(|hecho| hecho.rows_affected())
            .map_err(|causa| causa.to_string())
    }

    pub async fn numero(&self, sentencia: &'static str) -> i64 {
        use sqlx::{ConnectOptions, Connection};
        let opciones = sqlx::sqlite::SqliteConnectOptions::new().filename(self.ruta());
        let mut conexion = opciones.connect().await.unwrap();
        let numero: (i64,) = sqlx::query_as(sentencia)
            .fetch_one(&mut conexion)
            .await
            .unwrap();
        conexion.close().await.unwrap();
        numero.0
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
