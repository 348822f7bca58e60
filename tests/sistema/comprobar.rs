//! `biblioteca comprobar` as an operator meets it, and the mistakes that stop a node before a
//! socket opens.

use std::fs;
use std::net::TcpListener;
use std::process::Output;
use std::time::{Duration, Instant};

use crate::nodo::Biblioteca;

fn con(biblioteca: &Biblioteca, toml: &str, argumentos: &[&str]) -> Output {
    let archivo = biblioteca.carpeta.path().join("mio.toml");
    fs::write(&archivo, toml).unwrap();
    let mut todos = argumentos.to_vec();
    todos.extend(["--config", archivo.to_str().unwrap()]);
    // The library's own addresses are in its environment, above any file.
    let mut comando = biblioteca.comando(&todos);
    for clave in [
        "ACTORES__ALMACENAMIENTOS",
        "ACTORES__CARGAS",
        "SOLICITANTE__CARGAS",
    ] {
        comando.env_remove(format!("BIBLIOTECA_{clave}"));
    }
    comando.output().unwrap()
}

fn errores(salida: &Output) -> String {
    String::from_utf8_lossy(&salida.stderr).into_owned()
}

fn dicho(salida: &Output) -> String {
    String::from_utf8_lossy(&salida.stdout).into_owned()
}

/// The line of a table that begins with a key.
fn fila(salida: &Output, clave: &str) -> String {
    let dicho = dicho(salida);
    let fila = dicho
        .lines()
        .find(|linea| linea.split_whitespace().next() == Some(clave));
    fila.unwrap_or_else(|| panic!("no {clave} in {dicho}"))
        .to_owned()
}

#[test]
fn every_value_is_told_with_where_it_came_from_and_no_secret() {
    let biblioteca = Biblioteca::vacia();
    let toml = "[carga]\nplazo_ms = 3000\n[almacenamiento]\nbase_datos = ['postgres://ana:secreta@127.0.0.1:1/b']\n";
    let argumentos = ["comprobar", "--role", "carga", "--sede", "norte"];
    let salida = con(&biblioteca, toml, &argumentos);
    assert_eq!(salida.status.code(), Some(0), "{}", errores(&salida));
    assert!(fila(&salida, "carga.plazo_ms").contains("3000"));
    assert!(fila(&salida, "carga.plazo_ms").contains("mio.toml"));
    assert!(fila(&salida, "carga.cola_max").contains("de fábrica"));
    assert!(fila(&salida, "nodo.sede").contains("--sede"));
    assert!(fila(&salida, "nodo.roles").contains("--role"));
    assert!(fila(&salida, "carga.clientes").contains("BIBLIOTECA_CARGA__CLIENTES"));
    assert!(fila(&salida, "almacenamiento.base_datos").contains("ana:***@"));
    assert!(!dicho(&salida).contains("secreta"));
    assert!(!biblioteca.datos().exists(), "it makes nothing");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let biblioteca = Biblioteca::vacia();
    let toml = "[carga]\nplazo_sm = 1\nplazo_ms = 7\n[latidos]\nperiodo_ms = 5000\n[actores]\ncargas = ['a:1', 'a:1']\nalmacenamientos = ['a:1']\n[reglas]\nzona_horaria = 'Macondo'\nprestamos_max = 'cinco'\n";
    let salida = con(&biblioteca, toml, &["comprobar"]);
    assert_eq!(salida.status.code(), Some(2));
    let errores = errores(&salida);
    for trozo in [
        "'carga.plazo_sm' no existe; ¿quiso decir 'carga.plazo_ms'?",
        "reglas.prestamos_max",
        "carga.plazo_ms: 7 no está entre",
        "latidos.periodo_ms",
        "actores.cargas: tcp://a:1 está repetido",
        "actores.almacenamientos: tcp://a:1 está también en actores.cargas",
        "Macondo",
    ] {
        assert!(errores.contains(trozo), "falta «{trozo}» en:\n{errores}");
    }
    let nodo = con(&biblioteca, toml, &[]);
    assert_eq!(nodo.status.code(), Some(2), "and no node starts with it");
}

#[test]
fn one_sqlite_file_is_not_on_two_hosts() {
    let biblioteca = Biblioteca::vacia();
    let en = |hosts: &str| {
        let toml = format!("[actores]\nalmacenamientos = [{hosts}]\n");
        con(
            &biblioteca,
            &toml,
            &["comprobar", "--role", "almacenamiento"],
        )
    };
    let dos = en("'192.0.2.11:5570', '192.0.2.12:5570'");
    assert_eq!(dos.status.code(), Some(2));
    assert!(errores(&dos).contains("postgres:"), "{}", errores(&dos));
    let uno = en("'192.0.2.11:5570', '192.0.2.11:5571'");
    assert_eq!(uno.status.code(), Some(0), "{}", errores(&uno));
    // Two names may be one host.
    let nombres = en("'almacen1:5570', 'almacen2:5570'");
    assert_eq!(nombres.status.code(), Some(0), "{}", errores(&nombres));
    assert!(dicho(&nombres).contains("aviso: actores.almacenamientos"));
}

#[test]
fn whoever_does_not_answer_is_a_warning_within_a_few_seconds() {
    let biblioteca = Biblioteca::vacia();
    let [muerta] = crate::puertos::puertos();
    let toml = format!(
        "[actores]\ncargas = ['127.0.0.1:{muerta}']\nalmacenamientos = ['192.0.2.1:5570']\n"
    );
    let desde = Instant::now();
    let salida = con(
        &biblioteca,
        &toml,
        &["comprobar", "--role", "actor-prestamo"],
    );
    assert!(desde.elapsed() < Duration::from_secs(20));
    assert_eq!(salida.status.code(), Some(0), "{}", errores(&salida));
    for trozo in [
        format!("aviso: actores.cargas: en 127.0.0.1:{muerta} nadie responde"),
        "aviso: actores.almacenamientos: en 192.0.2.1:5570 nadie responde".to_owned(),
    ] {
        assert!(dicho(&salida).contains(&trozo), "{}", dicho(&salida));
    }
}

#[test]
fn a_postgres_server_is_tried_where_it_listens() {
    let biblioteca = Biblioteca::vacia();
    let servidor = TcpListener::bind("127.0.0.1:0").unwrap();
    let viva = servidor.local_addr().unwrap();
    let [muerta] = crate::puertos::puertos();
    let toml = format!(
        "[almacenamiento]\nbase_datos = ['postgres://u:c@{viva}/b', 'postgres://u:c@127.0.0.1:{muerta}/b']\n"
    );
    let salida = con(
        &biblioteca,
        &toml,
        &["comprobar", "--role", "almacenamiento"],
    );
    let dicho = dicho(&salida);
    assert_eq!(salida.status.code(), Some(0), "{dicho}");
    let aviso = format!("en 127.0.0.1:{muerta}/b nadie responde ahora (rechaza la conexión)");
    assert!(dicho.contains(&aviso), "{dicho}");
    assert!(!dicho.contains(&format!("en {viva}")), "{dicho}");
}

#[test]
fn actors_that_do_not_know_their_own_carga_are_a_warning() {
    let biblioteca = Biblioteca::vacia();
    let salida = con(&biblioteca, "[carga]\n", &["comprobar"]);
    assert_eq!(salida.status.code(), Some(0), "{}", errores(&salida));
    assert!(
        dicho(&salida).contains("los actores de este mismo proceso no conocen"),
        "{}",
        dicho(&salida)
    );
}
