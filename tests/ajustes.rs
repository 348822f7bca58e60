//! The settings as an operator meets them: files, environment, command line, and the
//! sentence that an error says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use biblioteca::domain::modo::Modo;
use biblioteca::role::Role;
use biblioteca::settings::load::{AjusteInvalido, Fuentes, cargar, cargar_nodo};
use biblioteca::settings::{Ajustes, Registro};
use tempfile::TempDir;

/// A folder with the given files, and the sources that name them in order.
fn archivos(textos: &[(&str, &str)]) -> (TempDir, Fuentes) {
    let carpeta = tempfile::tempdir().unwrap();
    let rutas = textos
        .iter()
        .map(|(nombre, texto)| {
            let ruta = carpeta.path().join(nombre);
            std::fs::write(&ruta, texto).unwrap();
            ruta
        })
        .collect();
    let fuentes = Fuentes {
        archivos: rutas,
        ..Fuentes::default()
    };
    (carpeta, fuentes)
}

fn entorno(pares: &[(&str, &str)]) -> Fuentes {
    Fuentes {
        entorno: pares
            .iter()
            .map(|(nombre, valor)| ((*nombre).to_owned(), (*valor).to_owned()))
            .collect(),
        ..Fuentes::default()
    }
}

fn con(texto: &str) -> Result<Ajustes, AjusteInvalido> {
    let (_carpeta, fuentes) = archivos(&[("mio.toml", texto)]);
    cargar_nodo(&fuentes)
}

/// The sentence of an error, which every one of `trozos` must be in.
#[track_caller]
fn dice(resultado: Result<Ajustes, AjusteInvalido>, trozos: &[&str]) {
    let sentencia = resultado.unwrap_err().to_string();
    for trozo in trozos {
        assert!(sentencia.contains(trozo), "falta «{trozo}» en: {sentencia}");
    }
}

#[test]
fn without_anything_a_node_is_todo_on_loopback() {
    let ajustes = cargar_nodo(&Fuentes::default()).unwrap();
    assert_eq!(ajustes.roles(), Role::DE_TODO);
    assert_eq!(ajustes.carga.clientes.to_string(), "tcp://127.0.0.1:5555");
    assert_eq!(ajustes.carga.plazo_ms, 2500);
    assert_eq!(ajustes.http_escucha().unwrap().port(), 8080);
    assert_eq!(ajustes.modos.devolucion, Modo::Asincrono);
    assert_eq!(ajustes.usuarios.registro, Registro::Abierto);
    assert_eq!(ajustes.reglas.limites["profesor"], 10);
    assert!(!ajustes.nodo.id.is_empty());
    assert_eq!(
        ajustes.ruta_sqlite().unwrap(),
        Path::new("datos/biblioteca.db")
    );
}

#[test]
fn each_layer_wins_over_the_one_below() {
    let (_carpeta, mut fuentes) = archivos(&[
        (
            "uno.toml",
            "[carga]\nplazo_ms = 3000\ncola_max = 10\n[nodo]\nsede = 'norte'",
        ),
        (
            "dos.toml",
            "[carga]\nplazo_ms = 4000\n[reglas.limites]\negresado = 2",
        ),
    ]);
    fuentes.entorno = entorno(&[
        ("BIBLIOTECA_CARGA__PLAZO_MS", "5000"),
        ("BIBLIOTECA_REGLAS__LIMITES__PROFESOR", "12"),
        ("BIBLIOTECA_NODO__ID", "0123"),
        ("BIBLIOTECA_COLOR", "no es nuestra"),
        ("PATH", "/bin"),
    ])
    .entorno;
    fuentes.sede = Some(biblioteca::domain::ids::Sede::parse("sur").unwrap());
    fuentes.roles = Some(vec![Role::Almacenamiento]);
    let ajustes = cargar_nodo(&fuentes).unwrap();
    assert_eq!(ajustes.carga.plazo_ms, 5000);
    assert_eq!(ajustes.carga.cola_max, 10);
    assert_eq!(ajustes.nodo.id, "0123");
    assert_eq!(ajustes.nodo.sede.as_str(), "sur");
    assert_eq!(ajustes.roles(), [Role::Almacenamiento]);
    let limites = &ajustes.reglas.limites;
    assert_eq!(
        (
            limites["egresado"],
            limites["profesor"],
            limites["estudiante"]
        ),
        (2, 12, 5)
    );
}

#[test]
fn the_names_of_existing_deployments_set_the_lists() {
    let ajustes = cargar(&entorno(&[
        (
            "GESTOR_ALMACENAMIENTO_ENDPOINTS",
            "pc1:5570, tcp://pc2:5570",
        ),
        ("GESTOR_CARGA_ADDR", "pc1:5555"),
    ]))
    .unwrap();
    let escritos: Vec<_> = ajustes
        .actores
        .almacenamientos
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(escritos, ["tcp://pc1:5570", "tcp://pc2:5570"]);
    assert_eq!(ajustes.solicitante.cargas[0].host(), "pc1");

    let vacias = cargar(&entorno(&[("GESTOR_CARGA_ADDR", " ")])).unwrap();
    assert_eq!(vacias.solicitante.cargas[0].host(), "127.0.0.1");
    dice(
        cargar(&entorno(&[("GESTOR_CARGA_ADDR", "pc1")])),
        &["GESTOR_CARGA_ADDR", "solicitante.cargas", "puerto"],
    );
}

#[test]
fn an_unknown_key_names_its_file_and_the_nearest_key() {
    dice(
        con("[carga]\nplazo_mss = 1"),
        &[
            "mio.toml",
            "'carga.plazo_mss'",
            "¿quiso decir 'carga.plazo_ms'?",
        ],
    );
    dice(
        cargar(&entorno(&[("BIBLIOTECA_CRGA__PLAZO_MS", "1")])),
        &["BIBLIOTECA_CRGA__PLAZO_MS", "'carga.plazo_ms'"],
    );
    dice(con("xyzzy = 1"), &["mio.toml", "'xyzzy' no existe"]);
    dice(con("carga = 1"), &["'carga'", "sección"]);
}

#[test]
fn a_wrong_value_names_its_origin_and_what_was_expected() {
    dice(
        con("[carga]\nplazo_ms = '2500'"),
        &["mio.toml", "carga.plazo_ms", "número entero"],
    );
    dice(
        con("[carga]\nplazo_ms = -1"),
        &["número entero no negativo"],
    );
    dice(
        con("[carga]\nplazo_ms = 99999999999"),
        &["carga.plazo_ms", "fuera de lo admitido"],
    );
    dice(
        con("[carga]\nclientes = 'pc1'"),
        &["carga.clientes", "'pc1'", "puerto"],
    );
    dice(
        con("[nodo]\nroles = ['cargo']"),
        &["nodo.roles", "'cargo'", "almacenamiento"],
    );
    dice(con("[nodo]\nsede = ' '"), &["nodo.sede", "vacío"]);
    dice(
        con("[modos]\nprestamo = 'rápido'"),
        &["modos.prestamo", "sincrono o asincrono"],
    );
    dice(
        con("[seguridad]\ninsegura = 'si'"),
        &["seguridad.insegura", "true o false"],
    );
    dice(
        cargar(&entorno(&[("BIBLIOTECA_SEGURIDAD__INSEGURA", "si")])),
        &["BIBLIOTECA_SEGURIDAD__INSEGURA", "true o false"],
    );
}

#[test]
fn a_missing_or_broken_file_is_told() {
    let fuentes = Fuentes {
        archivos: vec![PathBuf::from("no/existe.toml")],
        ..Fuentes::default()
    };
    dice(cargar(&fuentes), &["no/existe.toml", "no existe"]);
    dice(con("[carga\n"), &["mio.toml", "no es TOML válido"]);
}

#[test]
fn what_does_not_go_together_is_refused() {
    dice(
        con("[carga]\nplazo_ms = 99"),
        &["carga.plazo_ms", "entre 100 y 30000"],
    );
    dice(con("[carga]\nplazo_ms = 250"), &["latidos", "250 ms"]);
    dice(
        con("[cortacircuitos]\nespera_ms = 200"),
        &["cortacircuitos.espera_ms"],
    );
    dice(
        con("[carga]\ncola_max = 0"),
        &["carga.cola_max", "0 no está entre"],
    );
    dice(
        con("[carga]\nen_vuelo_max = 100"),
        &["carga.por_conexion_max"],
    );
    dice(con("[actores]\ncargas = []"), &["actores.cargas", "vacía"]);
    dice(
        con("[actores]\ncargas = ['pc1:1', 'tcp://PC1:1']"),
        &["actores.cargas", "repetido"],
    );
    dice(
        con("[solicitante]\ncargas = ['*:1']"),
        &["solicitante.cargas", "conectarse"],
    );
    dice(
        con("[reglas.limites]\nprofesor = 0"),
        &["reglas.limites", "'profesor'"],
    );
    dice(
        con("[reglas]\nzona_horaria = 'Marte/Olimpo'"),
        &["Marte/Olimpo", "no existe"],
    );
    dice(con("[nodo]\nroles = ''"), &["nodo.roles", "vacía"]);
    dice(
        con("[nodo]\nroles = 'carga, solicitante'"),
        &["nodo.roles", "solicitante"],
    );
}

#[test]
fn a_database_is_one_sqlite_file_or_several_postgres_and_no_password_is_repeated() {
    let base = |urls: &str| con(&format!("[almacenamiento]\nbase_datos = [{urls}]"));
    dice(base(""), &["base_datos", "vacía"]);
    dice(
        base("'sqlite:a.db', 'sqlite:b.db'"),
        &["una sola dirección"],
    );
    dice(base("'sqlite::memory:'"), &["en disco"]);
    dice(base("'mysql://x'"), &["sqlite: o postgres:"]);
    let mezcla = base("'sqlite:a.db', 'postgres://u:clave@pc1/biblioteca'");
    let sentencia = mezcla.unwrap_err().to_string();
    assert!(sentencia.contains("sqlite"), "{sentencia}");
    assert!(!sentencia.contains("clave@"), "{sentencia}");
    let varias = base("'postgres://u@pc1/biblioteca', 'postgresql://u@pc2/biblioteca'").unwrap();
    assert_eq!(varias.almacenamiento.base_datos.len(), 2);
    assert_eq!(varias.ruta_sqlite(), None);
    let ajustes = con("[nodo]\ndatos = 'datos/b'\n[almacenamiento]\nbase_datos = 'sqlite:../x.db'");
    assert_eq!(
        ajustes.unwrap().ruta_sqlite().unwrap(),
        Path::new("datos/x.db")
    );
    let absoluta = con("[almacenamiento]\nbase_datos = 'sqlite:///var/lib/b.db'");
    assert_eq!(
        absoluta.unwrap().ruta_sqlite().unwrap(),
        Path::new("/var/lib/b.db")
    );
}

#[test]
fn listening_to_the_network_wants_a_yes_only_where_this_node_listens() {
    let abierto = "[carga]\nclientes = '0.0.0.0:5555'\n";
    dice(con(abierto), &["carga.clientes", "seguridad.insegura"]);
    // What does not help is not advised.
    let http = con("[http]\nescucha = '0.0.0.0:8080'\n").unwrap_err();
    assert!(
        !http.to_string().contains("ponga seguridad.claves"),
        "{http}"
    );
    assert!(con(&format!("{abierto}[seguridad]\ninsegura = true")).is_ok());
    assert!(con(&format!("{abierto}[nodo]\nroles = ['actor-prestamo']")).is_ok());
    let (_carpeta, verbo) = archivos(&[("mio.toml", abierto)]);
    assert!(cargar(&verbo).is_ok(), "un verbo no escucha");
    dice(
        con("[carga]\neventos = '127.0.0.1:5555'"),
        &["carga.eventos", "otra escucha"],
    );
    assert!(con("[carga]\neventos = '127.0.0.1:0'\ntrabajo = '127.0.0.1:0'").is_ok());
}

#[test]
fn http_is_on_for_a_carga_or_where_it_was_set() {
    let solo = "[nodo]\nroles = ['almacenamiento']\n";
    assert_eq!(con(solo).unwrap().http_escucha(), None);
    let puesta = con(&format!("{solo}[http]\nescucha = '127.0.0.1:8081'")).unwrap();
    assert_eq!(puesta.http_escucha().unwrap().port(), 8081);
    assert_eq!(con("[http]\nescucha = ''").unwrap().http_escucha(), None);
}

#[test]
fn every_file_that_is_delivered_loads_for_its_own_node() {
    let carpeta = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut vistos = 0;
    for entrada in std::fs::read_dir(carpeta).unwrap() {
        let ruta = entrada.unwrap().path();
        let fuentes = Fuentes {
            archivos: vec![ruta.clone()],
            ..Fuentes::default()
        };
        let ajustes = cargar_nodo(&fuentes).unwrap_or_else(|error| panic!("{error}"));
        if ruta.file_stem().is_some_and(|nombre| nombre != "base") {
            assert_ne!(ajustes.nodo.roles, [Role::Todo], "{}", ruta.display());
        }
        vistos += 1;
    }
    assert!(
        vistos >= 5,
        "faltan archivos de configuración: hay {vistos}"
    );
}

#[test]
fn the_three_pcs_meet_at_the_same_addresses() {
    let de = |nombre: &str| {
        let ruta = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("config")
            .join(nombre);
        cargar_nodo(&Fuentes {
            archivos: vec![ruta],
            ..Fuentes::default()
        })
        .unwrap()
    };
    let (pc1, pc1b, pc2, pc3) = (
        de("pc1.toml"),
        de("pc1b.toml"),
        de("pc2.toml"),
        de("pc3.toml"),
    );
    assert_eq!(
        pc3.actores.cargas,
        [pc1.carga.trabajo.clone(), pc2.carga.trabajo.clone()]
    );
    assert_eq!(
        pc3.actores.almacenamientos,
        [
            pc1.almacenamiento.escucha.clone(),
            pc1b.almacenamiento.escucha.clone()
        ]
    );
    assert_eq!(
        pc3.solicitante.cargas,
        [pc1.carga.clientes.clone(), pc2.carga.clientes.clone()]
    );
    assert_eq!(
        pc1.ruta_sqlite(),
        pc1b.ruta_sqlite(),
        "los dos en el mismo archivo"
    );
    assert_ne!(pc1.nodo.datos, pc1b.nodo.datos);
    assert_eq!(pc3.actores.por_tipo, 2);
}
