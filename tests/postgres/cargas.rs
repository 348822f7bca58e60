//! The whole path twice on one PostgreSQL: two cargas, two almacenamientos, the actors of both.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::puertos::puertos;
use crate::servidor::comun;
use crate::{abrir, con_libros};

/// Races of the quick suite; BIBLIOTECA_CARRERAS=10000 in the environment runs the full number.
const CARRERAS: u32 = 300;

/// Races under way at once: well within a connection's 512 unanswered requests.
const TANDA: u32 = 50;

/// Longest wait for an answer, on a busy machine too.
const PACIENCIA: Duration = Duration::from_secs(30);

struct Procesos(Vec<Child>);

impl Drop for Procesos {
    fn drop(&mut self) {
        for proceso in &mut self.0 {
            let _ = proceso.kill();
            let _ = proceso.wait();
        }
    }
}

fn arrancar(carpeta: &Path, nombre: &str, roles: &str, valores: &[(&str, String)]) -> Child {
    let registro = File::create(carpeta.join(format!("{nombre}.log"))).unwrap();
    let mut comando = Command::new(env!("CARGO_BIN_EXE_biblioteca"));
    comando.args(["--role", roles]).stdin(Stdio::null());
    comando.env("BIBLIOTECA_NODO__DATOS", carpeta.join(nombre));
    comando.env("BIBLIOTECA_HTTP__ESCUCHA", "");
    for (clave, valor) in valores {
        comando.env(format!("BIBLIOTECA_{clave}"), valor);
    }
    comando.stdout(registro.try_clone().unwrap());
    comando.stderr(registro).spawn().unwrap()
}

fn conectar(contexto: &zmq::Context, puerto: u16) -> zmq::Socket {
    let socket = contexto.socket(zmq::DEALER).unwrap();
    socket.set_linger(0).unwrap();
    socket
        .set_rcvtimeo(i32::try_from(PACIENCIA.as_millis()).unwrap())
        .unwrap();
    socket
        .connect(&format!("tcp://127.0.0.1:{puerto}"))
        .unwrap();
    socket
}

fn prestamo(libro: u32, quien: &str) -> Value {
    json!({"operacion": "prestamo", "isbn": format!("L{libro}"), "usuario": format!("{quien}{libro}"),
        "op_id": format!("{quien}-{libro}"), "sede": "s1", "id": libro, "modo": "sincrono"})
}

fn pedir_todos(socket: &zmq::Socket, quien: &str, libros: std::ops::Range<u32>) {
    for libro in libros {
        socket.send(&prestamo(libro, quien).to_string(), 0).unwrap();
    }
}

/// The final answers to these loans, each asked again under its op_id until it is decided.
fn decidir(socket: &zmq::Socket, quien: &str, libros: std::ops::Range<u32>) -> HashMap<u32, Value> {
    let mut decididas = HashMap::new();
    let limite = Instant::now() + PACIENCIA;
    while decididas.len() < libros.len() {
        let trama = socket.recv_bytes(0).unwrap();
        let respuesta: Value = serde_json::from_slice(&trama).unwrap();
        let libro = u32::try_from(respuesta["id"].as_u64().unwrap()).unwrap();
        if ["CONFIRMADO", "RECHAZADO"].contains(&respuesta["estado"].as_str().unwrap()) {
            decididas.insert(libro, respuesta);
        } else {
            assert!(Instant::now() < limite, "{respuesta}");
            // The roles are still looking for each other: no hurry.
            std::thread::sleep(Duration::from_millis(20));
            socket.send(&prestamo(libro, quien).to_string(), 0).unwrap();
        }
    }
    decididas
}

#[tokio::test]
async fn the_last_copy_raced_through_two_cargas_is_lent_once_each_time() {
    let carreras = std::env::var("BIBLIOTECA_CARRERAS").map_or(CARRERAS, |n| n.parse().unwrap());
    let base = comun().base_nueva();
    let url = comun().url("biblioteca", &base);
    let almacen = abrir(&url).await;
    con_libros(&almacen, carreras, 1).await;
    almacen.cerrar().await;
    let carpeta = tempfile::tempdir().unwrap();
    let p: [u16; 8] = puertos();
    let local = |n: usize| format!("127.0.0.1:{}", p[n]);
    let comunes = [
        ("ALMACENAMIENTO__BASE_DATOS", url),
        ("ACTORES__CARGAS", format!("{},{}", local(2), local(3))),
        (
            "ACTORES__ALMACENAMIENTOS",
            format!("{},{}", local(6), local(7)),
        ),
    ];
    let mut procesos = Procesos(Vec::new());
    for n in 0..2 {
        let mut valores = comunes.to_vec();
        valores.push(("ALMACENAMIENTO__ESCUCHA", local(6 + n)));
        valores.push(("CARGA__CLIENTES", local(n)));
        valores.push(("CARGA__TRABAJO", local(2 + n)));
        valores.push(("CARGA__EVENTOS", local(4 + n)));
        for roles in ["almacenamiento", "carga,actor-prestamo"] {
            let nombre = format!("{n}-{roles}");
            procesos
                .0
                .push(arrancar(carpeta.path(), &nombre, roles, &valores));
        }
    }
    let contexto = zmq::Context::new();
    let (una, otra) = (conectar(&contexto, p[0]), conectar(&contexto, p[1]));
    for desde in (1..=carreras).step_by(TANDA as usize) {
        let libros = desde..(desde + TANDA).min(carreras + 1);
        // Sent to both before either is heard: they race all the way.
        pedir_todos(&una, "ana", libros.clone());
        pedir_todos(&otra, "beto", libros.clone());
        let ana = decidir(&una, "ana", libros.clone());
        let beto = decidir(&otra, "beto", libros.clone());
        for libro in libros {
            let confirmadas = [&ana[&libro], &beto[&libro]]
                .iter()
                .filter(|r| r["estado"] == "CONFIRMADO")
                .count();
            assert_eq!(confirmadas, 1, "{} {}", ana[&libro], beto[&libro]);
            let negada = [&ana[&libro], &beto[&libro]]
                .into_iter()
                .find(|r| r["estado"] == "RECHAZADO");
            assert_eq!(negada.unwrap()["codigo"], "SinEjemplaresDisponibles");
        }
    }
    let abiertos = comun().psql(&base, "SELECT count(*) FROM prestamos");
    assert_eq!(abiertos, carreras.to_string());
    let decididas = comun().psql(&base, "SELECT count(*) FROM operaciones");
    assert_eq!(decididas, (2 * carreras).to_string());
}
