//! Keys of a library under test, made by the program's own verbs, and plain clients that
//! carry one.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cliente::consulta;
use crate::nodo::{Biblioteca, Nodo};

/// A library whose one node has keys and every role.
pub struct Cerrada {
    pub biblioteca: Biblioteca,
}

/// A key on disk: its file, and its two halves.
pub struct Clave {
    pub ruta: PathBuf,
    publica: Vec<u8>,
    secreta: Vec<u8>,
}

impl Cerrada {
    /// Seeded, with the node's own key in the list.
    pub fn nueva() -> Self {
        let cerrada = Self {
            biblioteca: Biblioteca::sembrada(),
        };
        cerrada.bien(&["claves", "nueva"]);
        cerrada.autorizar_nodo(&[]);
        cerrada
    }

    /// The node's own key, with every role.
    pub fn autorizar_nodo(&self, mas: &[&str]) {
        let publica = self.carpeta().join("nodo.publica");
        let mut argumentos = vec!["claves", "autorizar", publica.to_str().unwrap()];
        argumentos.extend(["--nombre", "pc1", "--papeles", "todo"]);
        argumentos.extend(mas);
        self.bien(&argumentos);
    }

    pub fn carpeta(&self) -> PathBuf {
        self.biblioteca.carpeta.path().join("claves")
    }

    pub fn comando(&self, argumentos: &[&str]) -> Command {
        let mut comando = self.biblioteca.comando(argumentos);
        comando.env("BIBLIOTECA_SEGURIDAD__CLAVES", self.carpeta());
        comando
    }

    pub fn orden(&self, argumentos: &[&str]) -> Output {
        self.comando(argumentos).output().unwrap()
    }

    pub fn bien(&self, argumentos: &[&str]) {
        let salida = self.orden(argumentos);
        let error = String::from_utf8_lossy(&salida.stderr).into_owned();
        assert!(salida.status.success(), "{argumentos:?}: {error}");
    }

    /// A key that is in no list.
    pub fn suelta(&self, nombre: &str) -> Clave {
        let ruta = self
            .biblioteca
            .carpeta
            .path()
            .join(format!("{nombre}.clave"));
        self.bien(&["claves", "nueva", "--archivo", ruta.to_str().unwrap()]);
        let texto = std::fs::read_to_string(&ruta).unwrap();
        let mitad = |campo: &str| {
            let linea = texto.lines().find(|linea| linea.contains(campo)).unwrap();
            zmq::z85_decode(linea.split('"').nth(1).unwrap()).unwrap()
        };
        Clave {
            publica: mitad("public-key"),
            secreta: mitad("secret-key"),
            ruta,
        }
    }

    /// A key in the list.
    pub fn clave(&self, nombre: &str, papeles: &str, grupo: Option<&str>) -> Clave {
        let clave = self.suelta(nombre);
        let publica = clave.ruta.with_extension("publica");
        let mut argumentos = vec!["claves", "autorizar", publica.to_str().unwrap()];
        argumentos.extend(["--nombre", nombre, "--papeles", papeles]);
        argumentos.extend(grupo.iter().flat_map(|grupo| ["--grupo", grupo]));
        self.bien(&argumentos);
        clave
    }

    /// The public key of the node.
    pub fn servidor(&self) -> Vec<u8> {
        let texto = std::fs::read_to_string(self.carpeta().join("nodo.publica")).unwrap();
        zmq::z85_decode(texto.split('"').nth(1).unwrap()).unwrap()
    }

    /// The node, up: it answers to whoever holds `clave`.
    pub fn todo(&self, clave: &Clave) -> Nodo {
        let registro = self.biblioteca.carpeta.path().join("nodo.log");
        let nodo = Nodo::de(self.comando(&[]), &registro);
        let limite = Instant::now() + Duration::from_secs(30);
        loop {
            let cliente = self.cliente(self.biblioteca.clientes, Some(clave));
            let respuesta = cliente.pedir(&consulta("nada"), Duration::from_secs(5));
            if respuesta.is_some_and(|dicha| dicha["codigo"] == "LibroNoEncontrado") {
                return nodo;
            }
            assert!(Instant::now() < limite, "{}", nodo.registro());
        }
    }

    pub fn cliente(&self, puerto: u16, clave: Option<&Clave>) -> ConClave {
        ConClave::nuevo(
            puerto,
            zmq::DEALER,
            clave.map(|clave| (clave, self.servidor())),
        )
    }

    pub fn oyente(&self, clave: Option<&Clave>) -> ConClave {
        let puerto = self.biblioteca.eventos;
        ConClave::nuevo(
            puerto,
            zmq::SUB,
            clave.map(|clave| (clave, self.servidor())),
        )
    }
}

/// A socket of a plain client; without a key it speaks plainly.
pub struct ConClave {
    pub socket: zmq::Socket,
    _contexto: zmq::Context,
}

impl ConClave {
    fn nuevo(puerto: u16, tipo: zmq::SocketType, clave: Option<(&Clave, Vec<u8>)>) -> Self {
        let contexto = zmq::Context::new();
        let socket = contexto.socket(tipo).unwrap();
        socket.set_linger(0).unwrap();
        if let Some((clave, servidor)) = clave {
            socket.set_curve_serverkey(&servidor).unwrap();
            socket.set_curve_publickey(&clave.publica).unwrap();
            socket.set_curve_secretkey(&clave.secreta).unwrap();
        }
        if tipo == zmq::SUB {
            socket.set_subscribe(b"").unwrap();
        }
        socket
            .connect(&format!("tcp://127.0.0.1:{puerto}"))
            .unwrap();
        Self {
            socket,
            _contexto: contexto,
        }
    }

    /// One request; none when nothing comes within that time.
    pub fn pedir(&self, solicitud: &Value, espera: Duration) -> Option<Value> {
        let texto = solicitud.to_string();
        // Nobody there, or whoever is there does not let us in: there is no room to send.
        if self.socket.send(texto.as_bytes(), zmq::DONTWAIT).is_err() {
            return None;
        }
        self.recibir(espera)
            .map(|trama| serde_json::from_slice(&trama).unwrap())
    }

    pub fn recibir(&self, espera: Duration) -> Option<Vec<u8>> {
        let ms = i32::try_from(espera.as_millis()).unwrap();
        self.socket.set_rcvtimeo(ms).unwrap();
        self.socket.recv_multipart(0).ok()?.pop()
    }
}
