//! The files of `deploy/` that start nodes, read as their engines read them: every service is
//! a node that would start, with nothing edited by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use biblioteca::cli;
use biblioteca::role::Role;
use biblioteca::settings::Ajustes;
use biblioteca::settings::load::{cargar, cargar_nodo};
use serde_yaml_ng::Value;

const ARCHIVOS: [&str; 4] = [
    "compose.yml",
    "compose.pc1.yml",
    "compose.pc2.yml",
    "compose.pc3.yml",
];

fn deploy(nombre: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(nombre)
}

/// `NAME=value` lines of the environment file.
fn direcciones() -> BTreeMap<String, String> {
    let texto = std::fs::read_to_string(deploy("compose.env")).unwrap();
    texto
        .lines()
        .filter(|linea| !linea.starts_with('#'))
        .filter_map(|linea| linea.split_once('='))
        .map(|(nombre, valor)| (nombre.to_owned(), valor.to_owned()))
        .collect()
}

/// `${NAME}`, `${NAME:-default}` and `${NAME:?reason}`, as Compose fills them in.
fn rellenar(texto: &str, variables: &BTreeMap<String, String>) -> String {
    let mut lleno = String::new();
    let mut resto = texto;
    while let Some((antes, despues)) = resto.split_once("${") {
        let (dentro, sigue) = despues.split_once('}').expect("an unclosed ${");
        let (nombre, omision) = match dentro.split_once(':') {
            None => (dentro, None),
            Some((nombre, omision)) => (nombre, omision.strip_prefix('-')),
        };
        let valor = variables.get(nombre).map(String::as_str).or(omision);
        lleno.push_str(antes);
        lleno.push_str(valor.unwrap_or_else(|| panic!("{nombre} has no value")));
        resto = sigue;
    }
    lleno + resto
}

/// One service of ours: its command and environment.
struct Servicio {
    nombre: String,
    orden: Vec<String>,
    entorno: Vec<(String, String)>,
    cuerpo: Value,
}

/// The environment file with its other choice made: keys.
fn con_claves() -> BTreeMap<String, String> {
    let texto = std::fs::read_to_string(deploy("compose.env")).unwrap();
    let mut variables = direcciones();
    let comentadas = texto
        .lines()
        .filter_map(|linea| linea.strip_prefix('#')?.split_once('='))
        .filter(|(nombre, _)| nombre.starts_with("BIBLIOTECA_"));
    for (nombre, valor) in comentadas {
        variables.insert(nombre.to_owned(), valor.to_owned());
    }
    variables
}

fn servicios(archivo: &str) -> Vec<Servicio> {
    servicios_con(archivo, &direcciones())
}

fn servicios_con(archivo: &str, variables: &BTreeMap<String, String>) -> Vec<Servicio> {
    let texto = std::fs::read_to_string(deploy(archivo)).unwrap();
    let mut documento: Value = serde_yaml_ng::from_str(&texto).unwrap();
    // Once for each merge inside a merge.
    for _ in 0..3 {
        documento.apply_merge().unwrap();
    }
    let de_texto = |valor: &Value| rellenar(valor.as_str().expect("not a string"), variables);
    let servicios = documento["services"].as_mapping().unwrap();
    servicios
        .iter()
        .filter(|(_, cuerpo)| de_texto(&cuerpo["image"]).starts_with("biblioteca"))
        .map(|(nombre, cuerpo)| Servicio {
            nombre: format!("{archivo}: {}", nombre.as_str().unwrap()),
            orden: cuerpo["command"]
                .as_sequence()
                .unwrap()
                .iter()
                .map(de_texto)
                .collect(),
            entorno: cuerpo["environment"]
                .as_mapping()
                .into_iter()
                .flatten()
                .map(|(clave, valor)| (clave.as_str().unwrap().to_owned(), de_texto(valor)))
                .collect(),
            cuerpo: cuerpo.clone(),
        })
        .collect()
}

/// The settings that the service's process would start with.
fn ajustes(servicio: &Servicio) -> Ajustes {
    leer(servicio).unwrap_or_else(|error| panic!("{}: {error}", servicio.nombre))
}

fn leer(servicio: &Servicio) -> Result<Ajustes, String> {
    let mut linea = vec!["biblioteca".to_owned()];
    linea.extend(servicio.orden.iter().cloned());
    let invocacion = match cli::leer(linea) {
        Ok(invocacion) => invocacion,
        Err(fin) => panic!("{}: {}", servicio.nombre, fin.texto),
    };
    let mut entorno = vec![(
        "BIBLIOTECA_NODO__DATOS".to_owned(),
        "/var/lib/biblioteca".to_owned(),
    )];
    entorno.extend(servicio.entorno.iter().cloned());
    let fuentes = invocacion.fuentes(entorno);
    let ajustes = match invocacion.orden {
        cli::Orden::Nodo(_) => cargar_nodo(&fuentes),
        _ => cargar(&fuentes),
    };
    ajustes.map_err(|error| error.to_string())
}

#[test]
fn every_service_would_start_and_is_restarted_when_it_falls() {
    for archivo in ARCHIVOS {
        let servicios = servicios(archivo);
        assert!(!servicios.is_empty(), "{archivo}");
        for servicio in servicios {
            let ajustes = ajustes(&servicio);
            let es_nodo = servicio.orden[0] == "--role";
            if es_nodo && ajustes.roles() != [Role::Solicitante] {
                assert_eq!(
                    servicio.cuerpo["restart"].as_str(),
                    Some("unless-stopped"),
                    "{}",
                    servicio.nombre
                );
            }
        }
    }
}

/// One choice in the environment file gives every node keys, in a folder that it only reads.
#[test]
fn with_keys_chosen_every_node_of_the_three_pcs_has_them_and_trusts_no_network() {
    for archivo in &ARCHIVOS[1..] {
        let variables = con_claves();
        for servicio in servicios_con(archivo, &variables) {
            let ajustes = ajustes(&servicio);
            assert_eq!(ajustes.claves(), Some(Path::new("/claves")), "{archivo}");
            assert!(!ajustes.seguridad.insegura, "{}", servicio.nombre);
            let hace_claves = servicio.orden[0] == "claves";
            let montada = format!(
                "/etc/biblioteca/claves:/claves{}",
                if hace_claves { "" } else { ":ro" }
            );
            let volumenes = servicio.cuerpo["volumes"].as_sequence().unwrap();
            let montadas = volumenes
                .iter()
                .map(|volumen| rellenar(volumen.as_str().unwrap(), &variables));
            assert!(
                montadas.into_iter().any(|una| una == montada),
                "{}: {montada}",
                servicio.nombre
            );
        }
    }
}

#[test]
fn without_either_choice_a_node_that_others_reach_does_not_start() {
    let mut variables = direcciones();
    variables.remove("BIBLIOTECA_INSEGURA").unwrap();
    for archivo in ["compose.pc1.yml", "compose.pc2.yml"] {
        for servicio in servicios_con(archivo, &variables) {
            if servicio.orden[0] == "--role" {
                let error = leer(&servicio).unwrap_err();
                assert!(error.contains("seguridad.claves"), "{error}");
            }
        }
    }
}

/// Compose publishes `host:container`; the node inside must listen on that port, everywhere.
#[test]
fn every_published_port_has_a_node_that_listens_on_it() {
    for archivo in ARCHIVOS {
        for servicio in servicios(archivo) {
            let ajustes = ajustes(&servicio);
            let escuchados = [
                &ajustes.carga.clientes,
                &ajustes.carga.eventos,
                &ajustes.carga.trabajo,
                &ajustes.almacenamiento.escucha,
            ]
            .map(ToString::to_string);
            for puerto in servicio.cuerpo["ports"].as_sequence().into_iter().flatten() {
                let puerto = rellenar(puerto.as_str().unwrap(), &direcciones());
                let dentro = puerto.rsplit(':').next().unwrap();
                assert!(
                    escuchados.contains(&format!("tcp://0.0.0.0:{dentro}")),
                    "{}: {puerto}",
                    servicio.nombre
                );
            }
        }
    }
}

/// What the three PCs expect of each other is what they offer: the actors to work, a carga to
/// tell who is alive, an almacenamiento to hand an administrative verb to whoever has the base.
#[test]
fn what_each_pc_looks_for_is_what_another_publishes() {
    let publicados: Vec<String> = ["compose.pc1.yml", "compose.pc2.yml"]
        .into_iter()
        .flat_map(servicios)
        .flat_map(|servicio| {
            servicio.cuerpo["ports"]
                .as_sequence()
                .cloned()
                .unwrap_or_default()
        })
        .map(|puerto| {
            let puerto = rellenar(puerto.as_str().unwrap(), &direcciones());
            let (fuera, _) = puerto.rsplit_once(':').unwrap();
            format!("tcp://{fuera}")
        })
        .collect();
    let nodos = ARCHIVOS[1..].iter().copied().flat_map(servicios);
    for servicio in nodos.filter(|servicio| servicio.orden[0] == "--role") {
        let ajustes = ajustes(&servicio);
        let mut buscados = vec![&ajustes.actores.almacenamientos];
        if !servicio.nombre.contains("almacenamiento") {
            buscados.push(&ajustes.actores.cargas);
        }
        if servicio.nombre.starts_with("compose.pc3") {
            buscados.push(&ajustes.solicitante.cargas);
        }
        for buscado in buscados.into_iter().flatten() {
            let buscado = buscado.to_string();
            assert!(
                publicados.contains(&buscado),
                "{}: {buscado}",
                servicio.nombre
            );
        }
    }
}

#[test]
fn the_image_runs_without_privileges_and_says_how_it_is() {
    let texto = std::fs::read_to_string(deploy("Dockerfile")).unwrap();
    let ultima = texto.rsplit("\nFROM ").next().unwrap();
    for pedido in ["USER 10001", "HEALTHCHECK", "ENTRYPOINT [\"biblioteca\"]"] {
        assert!(ultima.contains(pedido), "{pedido}");
    }
    assert_eq!(
        texto.matches("\nFROM ").count(),
        2,
        "built in one, run in the other"
    );
}

#[test]
fn the_manual_says_what_every_file_of_the_folder_is_for() {
    let manual = std::fs::read_to_string(deploy("README.md")).unwrap();
    for entrada in std::fs::read_dir(deploy("")).unwrap() {
        let nombre = entrada.unwrap().file_name().into_string().unwrap();
        // Beside what it belongs to; and the manual itself.
        if nombre == "README.md" || nombre.ends_with(".dockerignore") {
            continue;
        }
        // `compose.pc2.yml` stands there as `.pc2.yml`, after the first.
        let corto = nombre.strip_prefix("compose").unwrap_or(&nombre);
        let dicho = [nombre.as_str(), corto].iter().any(|nombre| {
            manual.contains(&format!("`{nombre}`")) || manual.contains(&format!("`{nombre}/"))
        });
        assert!(dicho, "{nombre}");
    }
}
