//! The diario's file: what was written is there after a death, in order, once; a full disk is
//! a refusal; a damaged file is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use biblioteca::db::Fallo;
use biblioteca::db::diario::reloj::Marca;
use biblioteca::db::diario::{Apunte, Diario, Opciones, SinDecidir, Suerte, excepciones};
use biblioteca::domain::ids::{OpId, Sede};
use biblioteca::domain::rechazo::Rechazo;
use biblioteca::wire::json::leer_peticion;
use biblioteca::wire::pedido::Pedido;
use biblioteca::wire::respuesta::{Estado, Respuesta};
use tempfile::TempDir;

fn pedido(op_id: &str) -> Pedido {
    let texto = format!(
        r#"{{"operacion":"devolucion","isbn":"A","usuario":"u{op_id}","op_id":"{op_id}"}}"#
    );
    let peticion = leer_peticion(texto.as_bytes(), &Sede::parse("sede1").unwrap());
    peticion.unwrap().pedido
}

fn abrir(seq: u64) -> Apunte {
    Apunte::Abrir {
        seq,
        pedido: pedido(&format!("k{seq}")),
        edad_ms: 0,
    }
}

fn respuesta(rechazo: Option<Rechazo>) -> Respuesta {
    Respuesta {
        estado: rechazo.map_or(Estado::Confirmado, |_| Estado::Rechazado),
        rechazo,
        mensaje: "dicho".into(),
        fecha: "2026-11-24T04:21:27.123-05:00".into(),
        datos: r#"{"isbn":"A"}"#.into(),
        repetida: false,
    }
}

fn cerrar(seq: u64, rechazo: Option<Rechazo>) -> Apunte {
    Apunte::Cerrar {
        seq,
        respuesta: respuesta(rechazo),
    }
}

/// A folder with a diario, and the clock that it is opened with.
struct Mesa {
    carpeta: TempDir,
    reloj: Arc<Mutex<Marca>>,
}

impl Mesa {
    fn nueva() -> Self {
        let marca = Marca {
            pared: "2026-11-24T09:00:00Z".parse().unwrap(),
            arranque: "a".into(),
            arranque_ms: 1_000,
        };
        Self {
            carpeta: tempfile::tempdir().unwrap(),
            reloj: Arc::new(Mutex::new(marca)),
        }
    }

    fn ruta(&self) -> PathBuf {
        self.carpeta.path().join("datos/diario.db")
    }

    fn opciones(&self) -> Opciones {
        let reloj = Arc::clone(&self.reloj);
        Opciones {
            reloj: Box::new(move || reloj.lock().unwrap().clone()),
            ..Opciones::nuevas(self.ruta())
        }
    }

    async fn abrir(&self) -> Diario {
        Diario::abrir(self.opciones()).await.unwrap()
    }
}

fn seqs(sin_decidir: &[SinDecidir]) -> Vec<u64> {
    sin_decidir.iter().map(|entrada| entrada.seq).collect()
}

#[tokio::test]
async fn what_was_written_is_there_in_order_after_its_owner_is_gone_without_a_word() {
    let mesa = Mesa::nueva();
    let mut diario = mesa.abrir().await;
    let lote: Vec<Apunte> = (1..=300).map(abrir).collect();
    let suertes = diario.anotar(&lote).await.unwrap();
    assert_eq!(suertes, vec![Suerte::Hecha; 300]);
    drop(diario);
    let cargadas = mesa.abrir().await.cargar().await.unwrap();
    assert_eq!(seqs(&cargadas.sin_decidir), (1..=300).collect::<Vec<u64>>());
    assert_eq!(cargadas.siguiente, 301);
    assert_eq!(cargadas.sin_decidir[6].pedido, pedido("k7"));
}

#[tokio::test]
async fn a_closed_entry_is_not_loaded_again_and_its_op_id_gets_its_answer() {
    let mesa = Mesa::nueva();
    let mut diario = mesa.abrir().await;
    diario.anotar(&[abrir(1), abrir(2)]).await.unwrap();
    let no = Some(Rechazo::PrestamoNoActivo);
    diario.anotar(&[cerrar(1, no)]).await.unwrap();
    drop(diario);
    let mut diario = mesa.abrir().await;
    assert_eq!(seqs(&diario.cargar().await.unwrap().sin_decidir), [2]);
    let otra_vez = Apunte::Abrir {
        seq: 3,
        pedido: pedido("k1"),
        edad_ms: 0,
    };
    let suertes = diario.anotar(&[otra_vez, abrir(4)]).await.unwrap();
    let Suerte::Decidida(cerrada) = &suertes[0] else {
        panic!("{suertes:?}");
    };
    assert_eq!(cerrada.respuesta, respuesta(no));
    assert_eq!(cerrada.huella, pedido("k1").huella.to_string());
    assert_eq!(suertes[1], Suerte::Hecha);
    let op_ids = ["k2", "k1", "otra"].map(|texto| OpId::parse(texto).unwrap());
    let halladas = diario.buscar(&op_ids).await.unwrap();
    let hay: Vec<bool> = halladas.iter().map(Option::is_some).collect();
    assert_eq!(
        hay,
        [false, true, false],
        "an undecided one has no answer yet"
    );
}

#[tokio::test]
async fn an_age_goes_on_while_the_carga_is_down_whatever_its_clock_says() {
    let mesa = Mesa::nueva();
    let mut diario = mesa.abrir().await;
    let mas_vieja = Apunte::Abrir {
        seq: 2,
        pedido: pedido("k2"),
        edad_ms: 400,
    };
    diario.anotar(&[abrir(1), mas_vieja]).await.unwrap();
    drop(diario);
    {
        let mut reloj = mesa.reloj.lock().unwrap();
        reloj.pared = "2020-01-01T00:00:00Z".parse().unwrap();
        reloj.arranque_ms += 60_000;
    }
    let edades = async || {
        let cargadas = mesa.abrir().await.cargar().await.unwrap();
        let edades: Vec<u64> = cargadas.sin_decidir.iter().map(|e| e.edad_ms).collect();
        edades
    };
    assert_eq!(edades().await, [60_000, 60_400]);
    *mesa.reloj.lock().unwrap() = Marca {
        pared: "2026-11-24T09:02:00Z".parse().unwrap(),
        arranque: "otro".into(),
        arranque_ms: 5,
    };
    assert_eq!(edades().await, [120_000, 120_400]);
}

/// Fault case 24.
#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing_and_goes_on_when_there_is_room() {
    let mesa = Mesa::nueva();
    let pequeno = Opciones {
        paginas_max: Some(60),
        ..mesa.opciones()
    };
    let mut diario = Diario::abrir(pequeno).await.unwrap();
    let (mut seq, mut escritas) = (0, 0);
    let rechazado = loop {
        let lote: Vec<Apunte> = (1..=20).map(|n| abrir(seq + n)).collect();
        seq += 20;
        let suertes = diario.anotar(&lote).await.unwrap();
        if suertes.contains(&Suerte::SinSitio) {
            break suertes;
        }
        escritas += suertes.len();
        assert!(escritas < 10_000, "it never got full");
    };
    assert_eq!(rechazado, vec![Suerte::SinSitio; 20], "whole or not at all");
    assert_eq!(
        diario.cargar().await.unwrap().sin_decidir.len(),
        escritas,
        "and it goes on working"
    );
    drop(diario);
    let mut diario = mesa.abrir().await;
    assert_eq!(diario.cargar().await.unwrap().sin_decidir.len(), escritas);
    let suertes = diario.anotar(&[abrir(90_000)]).await.unwrap();
    assert_eq!(suertes, [Suerte::Hecha]);
}

#[tokio::test]
async fn when_less_than_five_percent_is_free_nothing_new_is_taken_and_the_old_is_closed() {
    let mesa = Mesa::nueva();
    let mut diario = mesa.abrir().await;
    diario.anotar(&[abrir(1)]).await.unwrap();
    drop(diario);
    let sin_sitio = Opciones {
        libre_pct: |_| Some(4),
        ..mesa.opciones()
    };
    let mut diario = Diario::abrir(sin_sitio).await.unwrap();
    let suertes = diario.anotar(&[abrir(2), cerrar(1, None)]).await.unwrap();
    assert_eq!(suertes, [Suerte::SinSitio, Suerte::Hecha]);
    assert_eq!(diario.cargar().await.unwrap().sin_decidir, []);
}

#[tokio::test]
async fn two_cargas_do_not_share_a_folder() {
    let mesa = Mesa::nueva();
    let _primera = mesa.abrir().await;
    match Diario::abrir(mesa.opciones()).await {
        Err(Fallo::Inservible(motivo)) => assert!(motivo.contains("nodo.datos"), "{motivo}"),
        otro => panic!("{otro:?}"),
    }
}

#[tokio::test]
async fn a_damaged_file_is_refused_with_advice() {
    let mesa = Mesa::nueva();
    std::fs::create_dir_all(mesa.ruta().parent().unwrap()).unwrap();
    std::fs::write(mesa.ruta(), b"esto no es un diario ".repeat(500)).unwrap();
    match Diario::abrir(mesa.opciones()).await {
        Err(Fallo::Inservible(motivo)) => {
            let dicho = motivo.contains("diario.db") && motivo.contains("auditar");
            assert!(dicho, "{motivo}");
        }
        otro => panic!("{otro:?}"),
    }
}

/// Fault case 26, one cut.
#[tokio::test]
async fn a_torn_last_write_takes_only_what_was_not_acknowledged() {
    let mesa = Mesa::nueva();
    let mut diario = mesa.abrir().await;
    diario.anotar(&[abrir(1)]).await.unwrap();
    let wal = mesa.ruta().with_extension("db-wal");
    let antes = std::fs::metadata(&wal).unwrap().len();
    diario.anotar(&[abrir(2)]).await.unwrap();
    // As after a power cut in the second commit: its log is cut within the last frame.
    let otra = Mesa::nueva();
    std::fs::create_dir_all(otra.ruta().parent().unwrap()).unwrap();
    std::fs::copy(mesa.ruta(), otra.ruta()).unwrap();
    let mut bytes = std::fs::read(&wal).unwrap();
    assert!(bytes.len() as u64 > antes);
    bytes.truncate(bytes.len() - 7);
    std::fs::write(otra.ruta().with_extension("db-wal"), bytes).unwrap();
    let cargadas = otra.abrir().await.cargar().await.unwrap();
    assert_eq!(seqs(&cargadas.sin_decidir), [1]);
}

#[tokio::test]
async fn what_was_refused_or_set_aside_is_listed_and_what_was_granted_is_not() {
    let mesa = Mesa::nueva();
    let mut diario = mesa.abrir().await;
    let lote: Vec<Apunte> = (1..=4).map(abrir).collect();
    diario.anotar(&lote).await.unwrap();
    let no = Some(Rechazo::PrestamoNoEncontrado);
    let lote = [cerrar(1, None), cerrar(2, no), Apunte::Apartar { seq: 3 }];
    diario.anotar(&lote).await.unwrap();
    let listadas = excepciones(&mesa.ruta()).await.unwrap();
    let claves: Vec<_> = listadas
        .iter()
        .map(|e| (e.pedido.op_id.as_str(), e.codigo.as_deref()))
        .collect();
    assert_eq!(claves, [("k2", Some("PrestamoNoEncontrado")), ("k3", None)]);
    assert!(listadas[1].apartada_en.is_some() && listadas[1].cerrada_en.is_none());
    let quedan = seqs(&diario.cargar().await.unwrap().sin_decidir);
    assert_eq!(quedan, [3, 4], "set aside is not closed");
}

#[tokio::test]
async fn what_was_closed_long_ago_is_forgotten_and_a_refusal_is_kept_longer() {
    let mesa = Mesa::nueva();
    let mut diario = mesa.abrir().await;
    let lote: Vec<Apunte> = (1..=3).map(abrir).collect();
    diario.anotar(&lote).await.unwrap();
    let no = Some(Rechazo::PrestamoNoActivo);
    let lote = [cerrar(1, None), cerrar(2, no)];
    diario.anotar(&lote).await.unwrap();
    assert_eq!(diario.podar().await.unwrap(), 0);
    mesa.reloj.lock().unwrap().pared = "2026-12-05T09:00:00Z".parse().unwrap();
    assert_eq!(diario.podar().await.unwrap(), 1);
    mesa.reloj.lock().unwrap().pared = "2027-12-05T09:00:00Z".parse().unwrap();
    assert_eq!(diario.podar().await.unwrap(), 1);
    assert_eq!(seqs(&diario.cargar().await.unwrap().sin_decidir), [3]);
}
