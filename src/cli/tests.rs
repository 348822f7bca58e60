//! What lines mean, and what is said about wrong ones.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::ids::Isbn;
use crate::domain::modo::Modo;
use crate::domain::operacion::Operacion;

fn linea(texto: &str) -> Result<Invocacion, Fin> {
    leer(std::iter::once("biblioteca").chain(texto.split_whitespace()))
}

/// A wrong line ends with 2 and a sentence that has every one of `trozos`.
#[track_caller]
fn mala(texto: &str, trozos: &[&str]) {
    let fin = linea(texto).unwrap_err();
    assert_eq!(fin.codigo, SALIDA_USO, "{texto}");
    for trozo in trozos {
        assert!(
            fin.texto.contains(trozo),
            "{texto}: falta «{trozo}» en: {}",
            fin.texto
        );
    }
}

#[test]
fn no_verb_is_a_node() {
    let nodo = |texto| match linea(texto).unwrap().orden {
        Orden::Nodo(nodo) => nodo,
        otra => unreachable!("{otra:?}"),
    };
    assert_eq!(nodo(""), Nodo::default());
    let roles = nodo("--role carga,almacenamiento").roles;
    assert_eq!(roles, Some(vec![Role::Carga, Role::Almacenamiento]));
    let solicitante =
        nodo("--role solicitante --archivo p.txt --nombre a --columnas x,y --de-nuevo");
    assert_eq!(
        solicitante.solicitud,
        Some(Solicitud {
            archivo: "p.txt".into(),
            nombre: Some("a".into()),
            columnas: Some("x,y".into()),
            de_nuevo: true,
        })
    );
}

#[test]
fn a_request_file_goes_with_the_solicitante_only() {
    mala("--role solicitante", &["--archivo RUTA"]);
    mala(
        "--role carga --archivo p.txt",
        &["solo para el solicitante"],
    );
    mala("--de-nuevo", &["falta --archivo"]);
    let por_ajustes = linea("--archivo p.txt").unwrap();
    let Orden::Nodo(nodo) = por_ajustes.orden else {
        unreachable!()
    };
    assert!(nodo.solicitud_para(&[Role::Solicitante]).unwrap().is_some());
    assert!(nodo.solicitud_para(&[Role::Carga]).is_err());
}

#[test]
fn global_options_stand_before_and_after_the_verb() {
    let esperada =
        linea("--config a.toml --config b.toml --sede norte --carga pc1:5555,pc2:5555 sembrar");
    for texto in [
        "sembrar --config a.toml --config b.toml --sede norte --carga pc1:5555,pc2:5555",
        "--config a.toml sembrar --config b.toml --sede norte --carga pc1:5555,pc2:5555",
        "--config a.toml --sede sur sembrar --config=b.toml --sede norte --carga tcp://pc1:5555,pc2:5555",
    ] {
        assert_eq!(linea(texto), esperada, "{texto}");
    }
    let medio = linea("catalogo --config a.toml importar c.csv --sede norte").unwrap();
    assert_eq!(
        medio.orden,
        Orden::CatalogoImportar {
            ruta: "c.csv".into()
        }
    );
    assert_eq!(medio.globales.configs, [PathBuf::from("a.toml")]);
    assert_eq!(medio.globales.sede, Sede::parse("norte").ok());
}

#[test]
fn the_settings_get_what_the_line_says() {
    let fuentes = linea("--role carga --config a.toml --carga pc1:5555")
        .unwrap()
        .fuentes(Vec::new());
    assert_eq!(fuentes.roles, Some(vec![Role::Carga]));
    assert_eq!(fuentes.cargas.unwrap()[0].host(), "pc1");
    assert_eq!(fuentes.archivos, [PathBuf::from("a.toml")]);
}

#[test]
fn an_operation_is_asked_with_what_it_needs() {
    let Orden::Pedir(pedir) = linea(
        "pedir prestamo --isbn Libro1 --usuario usuario1 --op-id x --modo asincrono --plazo-ms 500",
    )
    .unwrap()
    .orden
    else {
        unreachable!()
    };
    assert_eq!(pedir.operacion, Operacion::Prestamo);
    assert_eq!(pedir.isbn, Isbn::parse("Libro1").ok());
    assert_eq!(
        (pedir.modo, pedir.plazo_ms),
        (Some(Modo::Asincrono), Some(500))
    );
    for buena in [
        "pedir devolucion --ejemplar E1",
        "pedir devolucion --isbn L --usuario U",
        "pedir consulta --titulo quijote",
        "pedir estado --op-id x",
    ] {
        assert!(linea(buena).is_ok(), "{buena}");
    }
    mala("pedir", &["falta OPERACION"]);
    mala(
        "pedir prestamo --usuario U",
        &["prestamo: falta --isbn o --ejemplar"],
    );
    mala("pedir renovacion --isbn L", &["falta --usuario"]);
    mala("pedir devolucion --isbn L", &["falta --usuario"]);
    mala(
        "pedir prestamo --titulo T --usuario U",
        &["solo para consulta"],
    );
    mala("pedir consulta", &["--titulo"]);
    mala("pedir estado", &["falta --op-id"]);
    mala("pedir estado --op-id x --isbn L", &["solo con --op-id"]);
    mala("pedir consulta --isbn L --ejemplar E", &["no van juntos"]);
}

#[test]
fn a_measurement_has_bounds_and_defaults() {
    let medida = |texto: &str| match linea(texto).unwrap().orden {
        Orden::Medir(Medicion::Una(medida) | Medicion::Tabla(medida)) => medida,
        otra => unreachable!("{otra:?}"),
    };
    assert_eq!(
        medida("medir --operacion prestamo"),
        Medida {
            clientes: 8,
            sedes: Vec::new(),
            duracion: Duration::from_secs(10),
            calentamiento: Duration::from_secs(1),
            ritmo: None,
            carrera: Carrera::Una(Operacion::Prestamo),
            libros: 998,
            modos: Modos::default(),
            salida: None,
            en_marcha: false,
        }
    );
    let mezcla = medida("medir --operacion prestamo=1,consulta=3 --modo prestamo=asincrono");
    assert_eq!(mezcla.carrera.to_string(), "prestamo=1,consulta=3");
    assert_eq!(mezcla.modos.de(Operacion::Prestamo), Some(Modo::Asincrono));
    assert_eq!(mezcla.modos.de(Operacion::Devolucion), None);
    let tabla = medida("medir --tabla --carga pc1:5555");
    assert_eq!((tabla.duracion.as_secs(), tabla.en_marcha), (120, true));
    mala("medir --operacion prestamo=0", &["no pide nada"]);
    mala("medir --tabla --ritmo 5", &["no van juntos"]);
    mala("medir --comparar a.json", &["--comparar"]);
    mala("medir --clientes 0", &["--clientes", "de 1 a 1000"]);
    mala("medir --operacion estado", &["'estado' no se mide"]);
    assert_eq!(
        linea("estado --json").unwrap().orden,
        Orden::Estado {
            json: true,
            seguir: false
        }
    );
}

#[test]
fn audits_and_drills_take_what_they_need() {
    let auditar = |recibos: &[&str]| Orden::Auditar {
        recibos: recibos.iter().map(PathBuf::from).collect(),
        excepciones: false,
    };
    assert_eq!(linea("auditar").unwrap().orden, auditar(&[]));
    assert_eq!(
        linea("auditar --recibos a --recibos b").unwrap().orden,
        auditar(&["a", "b"])
    );
    let simulacro = |segundos, semilla| {
        Orden::Simulacro(Simulacro {
            duracion: Duration::from_secs(segundos),
            semilla,
            base_datos: None,
        })
    };
    assert_eq!(linea("simulacro").unwrap().orden, simulacro(30, None));
    assert_eq!(
        linea("simulacro --segundos 90 --semilla 7").unwrap().orden,
        simulacro(90, Some(7))
    );
    let en_postgres = linea("simulacro --base-datos postgres://pc4/b,postgres://pc5/b").unwrap();
    assert_eq!(
        en_postgres.fuentes(Vec::new()).base_datos.as_deref(),
        Some("postgres://pc4/b,postgres://pc5/b"),
        "a layer of the settings, checked as one"
    );
    mala("simulacro --base-datos", &["falta su valor"]);
    mala("simulacro --segundos 4", &["de 5 a 86400"]);
    mala("simulacro --semilla x", &["'x' no es un número"]);
}

#[test]
fn wrong_lines_are_told_in_spanish() {
    mala("prestar", &["la orden 'prestar' no existe"]);
    mala("pedirr", &["¿quiso decir pedir?"]);
    mala("pedri", &["¿quiso decir pedir?"]);
    let lejana = linea("extra").unwrap_err();
    assert!(!lejana.texto.contains("quiso decir"), "{}", lejana.texto);
    mala("usuarios bloquear", &["faltan --motivo MOTIVO y U"]);
    for ayuda in ["help", "ayuda"] {
        let fin = linea(ayuda).unwrap_err();
        assert!(
            fin.codigo == 0 && fin.texto.contains("Órdenes"),
            "{}",
            fin.texto
        );
    }
    mala("sembrar --rol x", &["'--rol' no existe aquí"]);
    mala("sembrar ahora", &["sobra 'ahora'"]);
    mala(
        "--role cargador",
        &["--role", "'cargador'", "almacenamiento"],
    );
    mala("--carga pc1", &["--carga", "puerto"]);
    mala("--sede", &["--sede", "le falta su valor"]);
    mala("--sede a --sede b", &["más de una vez"]);
    mala("pedir prestamoo", &["'prestamoo' no es una operación"]);
    mala("pedir consulta --isbn L --plazo-ms 99", &["de 100 a 30000"]);
    mala(
        "pedir consulta --isbn L --modo x",
        &["sincrono o asincrono"],
    );
    mala("catalogo", &["incompleta"]);
    mala("catalogo importar", &["falta RUTA"]);
    mala("--role carga sembrar", &["no van con una orden"]);
}

#[test]
fn every_help_is_spanish_and_has_an_example() {
    for verbo in [
        "",
        "pedir",
        "sembrar",
        "catalogo",
        "catalogo importar",
        "medir",
        "estado",
        "auditar",
        "simulacro",
    ] {
        let fin = linea(&format!("{verbo} --help")).unwrap_err();
        assert_eq!(fin.codigo, 0, "{verbo}");
        for debida in [
            "Ejemplo",
            "Uso: biblioteca",
            "--config <RUTA>",
            "Muestra esta ayuda",
        ] {
            assert!(
                fin.texto.contains(debida),
                "{verbo}: falta «{debida}»:\n{}",
                fin.texto
            );
        }
        for inglesa in [
            "Usage",
            "Options",
            "Arguments",
            "Commands",
            "Print",
            "default",
            "possible",
        ] {
            assert!(
                !fin.texto.contains(inglesa),
                "{verbo}: «{inglesa}»:\n{}",
                fin.texto
            );
        }
    }
    let version = linea("--version").unwrap_err();
    assert_eq!(
        (version.codigo, version.texto.as_str()),
        (0, concat!("biblioteca ", env!("CARGO_PKG_VERSION"), "\n"))
    );
}
