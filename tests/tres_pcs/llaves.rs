//! The keys of the three PCs, made as README's «Keys» says: a pair on each, one list of who
//! comes in, the same on every PC; and the files of config/ with the one change that it asks for.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::casa::{CARGAS, Casa};

/// Who is in the list: name, roles, and where it is a server.
const AUTORIZADOS: [(&str, &str, Option<&str>); 5] = [
    (
        "pc1",
        "carga,almacenamiento,solicitante",
        Some("192.168.1.11"),
    ),
    ("pc2", "carga,solicitante", Some("192.168.1.12")),
    ("pc3", ACTORES, None),
    ("pc4", ACTORES, None),
    ("mostrador", "cliente", None),
];
const ACTORES: &str = "actor-prestamo,actor-devolucion,actor-renovacion,solicitante";

/// A desk's pair, and the public keys of the cargas.
#[derive(Clone)]
pub struct Llaves {
    pub publica: Vec<u8>,
    pub secreta: Vec<u8>,
    /// In the order of [`CARGAS`].
    pub servidores: [Vec<u8>; CARGAS.len()],
}

/// The file of config/ as it is for a deployment with keys.
pub fn con_claves(texto: &str) -> String {
    let puesta = if texto.contains("\ninsegura = true\n") {
        texto.replace("\ninsegura = true\n", "\nclaves = \"claves\"\n")
    } else {
        let comentada = "# [seguridad]\n# claves = \"claves\"\n";
        texto.replace(comentada, "[seguridad]\nclaves = \"claves\"\n")
    };
    assert_ne!(puesta, texto, "the file says how keys are put in it");
    puesta
}

fn bien(salida: &Output) {
    let error = String::from_utf8_lossy(&salida.stderr);
    assert!(salida.status.success(), "{error}");
}

fn mitad(ruta: &Path, campo: &str) -> Vec<u8> {
    let texto = std::fs::read_to_string(ruta).unwrap();
    let linea = texto.lines().find(|linea| linea.contains(campo)).unwrap();
    zmq::z85_decode(linea.split('"').nth(1).unwrap()).unwrap()
}

/// Makes every pair and the list; only public halves leave their PC.
pub fn repartir(casa: &Casa) -> Llaves {
    let carpeta = casa.carpeta.path();
    let clave = carpeta.join("mostrador.clave");
    bien(&casa.orden(
        "pc1",
        &["claves", "nueva", "--archivo", clave.to_str().unwrap()],
    ));
    let publica = |quien: &str| -> PathBuf {
        if quien == "mostrador" {
            return clave.with_extension("publica");
        }
        carpeta.join(quien).join("claves/nodo.publica")
    };
    for (quien, papeles, en) in AUTORIZADOS {
        if quien != "mostrador" {
            bien(&casa.orden(quien, &["claves", "nueva"]));
        }
        let publica = publica(quien);
        let mut orden = vec!["claves", "autorizar", publica.to_str().unwrap()];
        orden.extend(["--nombre", quien, "--papeles", papeles]);
        orden.extend(en.iter().flat_map(|en| ["--en", en]));
        bien(&casa.orden("pc1", &orden));
    }
    let lista = "claves/autorizados.txt";
    for quien in ["pc2", "pc3", "pc4"] {
        let suya = carpeta.join(quien).join(lista);
        std::fs::copy(carpeta.join("pc1").join(lista), suya).unwrap();
    }
    Llaves {
        publica: mitad(&clave, "public-key"),
        secreta: mitad(&clave, "secret-key"),
        servidores: ["pc1", "pc2"].map(|pc| mitad(&publica(pc), "public-key")),
    }
}
