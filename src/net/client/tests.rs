//! Links whose other end dies, hangs up or lies.

use super::*;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

fn enlazar(contexto: &Contexto, extremo: &str) -> (Enlace, mpsc::Receiver<Suceso>) {
    enlazar_con(contexto, extremo, None)
}

fn enlazar_con(
    contexto: &Contexto,
    extremo: &str,
    latido: Option<(Duration, Vec<u8>)>,
) -> (Enlace, mpsc::Receiver<Suceso>) {
    let (entrada, sucesos) = mpsc::channel(64);
    let destino = Destino {
        extremo,
        dominio: Dominio::Clientes,
        trama_bytes_max: 1024,
        latido,
    };
    let enlace = conectar(contexto, destino, move |suceso| {
        let _ = entrada.try_send(suceso);
    });
    (enlace.unwrap(), sucesos)
}

/// Links to an endpoint that hangs up at once, dropped at every moment of its doing so.
#[actix_rt::test]
async fn links_dropped_while_their_connection_falls_leave_the_others_alive() {
    let contexto = Contexto::nuevo();
    // A context whose I/O thread is stuck cannot end: a failure must be told all the same.
    std::mem::forget(contexto.clone());
    let oyente = TcpListener::bind("127.0.0.1:0").unwrap();
    let cuelga = format!("tcp://{}", oyente.local_addr().unwrap());
    std::thread::spawn(move || oyente.incoming().for_each(drop));
    for vueltas in 0..200 {
        let (enlace, _sucesos) = enlazar(&contexto, &cuelga);
        for _ in 0..vueltas % 40 {
            tokio::task::yield_now().await;
        }
        drop(enlace);
        tokio::task::yield_now().await;
    }
    let router = contexto.contexto().socket(zmq::SocketType::ROUTER).unwrap();
    router.bind("tcp://127.0.0.1:*").unwrap();
    let extremo = router.get_last_endpoint().unwrap().unwrap();
    let (_enlace, mut sucesos) = enlazar(&contexto, &extremo);
    let suceso = tokio::time::timeout(Duration::from_secs(10), sucesos.recv()).await;
    assert!(matches!(suceso, Ok(Some(Suceso::Conectado))), "{suceso:?}");
}

const LATIDO: &[u8] = b"que late";

/// A ROUTER's side of the handshake (ZMTP 3.0, mechanism NULL), and then, at once or after
/// the first beat, a frame that is larger than any socket takes.
fn enganar(mut conexion: TcpStream, tras_latido: bool) -> std::io::Result<()> {
    let mut saludo = [0; 64];
    saludo[0] = 0xff;
    saludo[9] = 0x7f;
    saludo[10] = 3;
    saludo[12..16].copy_from_slice(b"NULL");
    let listo = b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06ROUTER";
    let enorme = b"\x02\0\0\0\0\x7f\xff\xff\xff";
    if !tras_latido {
        return conexion.write_all(&[&saludo[..], listo, enorme].concat());
    }
    conexion.write_all(&[&saludo[..], listo].concat())?;
    let mut oido = Vec::new();
    while !oido.ends_with(LATIDO) {
        let mut octeto = [0];
        conexion.read_exact(&mut octeto)?;
        oido.extend(octeto);
    }
    conexion.write_all(enorme)
}

#[rstest::rstest]
#[case::in_its_first_words(false)]
#[case::later(true)]
#[actix_rt::test]
async fn a_link_outlives_a_peer_that_breaks_the_protocol(#[case] tras_latido: bool) {
    let contexto = Contexto::nuevo();
    let oyente = TcpListener::bind("127.0.0.1:0").unwrap();
    let extremo = format!("tcp://{}", oyente.local_addr().unwrap());
    let tramposo = std::thread::spawn(move || {
        let conexion = oyente.accept().unwrap().0;
        enganar(conexion.try_clone().unwrap(), tras_latido).map(|()| conexion)
    });
    let latido = Some((Duration::from_millis(20), LATIDO.to_vec()));
    let (_enlace, _sucesos) = enlazar_con(&contexto, &extremo, latido);
    let rota = tokio::task::spawn_blocking(|| tramposo.join().unwrap().unwrap());
    drop(rota.await.unwrap());
    let router = contexto.contexto().socket(zmq::SocketType::ROUTER).unwrap();
    router.bind(&extremo).unwrap();
    let late = tokio::task::spawn_blocking(move || router.poll(zmq::POLLIN, 30_000));
    assert_eq!(late.await.unwrap(), Ok(1), "no beat came");
}

/// Whoever takes the connection later hears the last beat, and not the one of before.
#[actix_rt::test]
async fn a_beat_that_was_changed_before_anybody_was_there_is_what_they_hear() {
    let contexto = Contexto::nuevo();
    let libre = TcpListener::bind("127.0.0.1:0").unwrap();
    let extremo = format!("tcp://{}", libre.local_addr().unwrap());
    let latido = Some((Duration::from_millis(20), LATIDO.to_vec()));
    drop(libre);
    let (enlace, mut sucesos) = enlazar_con(&contexto, &extremo, latido);
    enlace.latir_con(b"me voy".to_vec());
    let router = contexto.contexto().socket(zmq::SocketType::ROUTER).unwrap();
    router.bind(&extremo).unwrap();
    let suceso = tokio::time::timeout(Duration::from_secs(10), sucesos.recv()).await;
    assert!(matches!(suceso, Ok(Some(Suceso::Conectado))), "{suceso:?}");
    let oido = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            match router.recv_multipart(zmq::DONTWAIT) {
                Ok(partes) => return partes.last().cloned(),
                Err(_) => tokio::task::yield_now().await,
            }
        }
    });
    assert_eq!(oido.await.unwrap().as_deref(), Some(&b"me voy"[..]));
}
