//! `biblioteca simulacro --base-datos`: the drill on a PostgreSQL that has a library of its own.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::servidor::comun;

/// A drill whose temporary files are all under `carpeta`.
fn simulacro(carpeta: &Path, urls: &str, segundos: &str) -> Command {
    let mut comando = Command::new(env!("CARGO_BIN_EXE_biblioteca"));
    comando
        .args(["simulacro", "--segundos", segundos, "--semilla", "3"])
        .args(["--base-datos", urls])
        .env("TMPDIR", carpeta)
        .stdin(Stdio::null());
    comando
}

/// The drill's schemas, and what the library beside them has.
fn lo_que_hay(base: &str) -> (String, String) {
    let esquemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'simulacro%'";
    let biblioteca = "SELECT (SELECT count(*) FROM libros), (SELECT count(*) FROM operaciones),
                             (SELECT count(*) FROM historial), (SELECT base_id FROM base)";
    (comun().psql(base, esquemas), comun().psql(base, biblioteca))
}

/// With a password, which a trusting server does not look at.
fn url_de_la_duena(base: &str) -> String {
    comun().url("biblioteca_duena:secreto", base)
}

fn hasta(que: &str, listo: impl Fn() -> bool) {
    let limite = Instant::now() + Duration::from_secs(30);
    while !listo() {
        assert!(Instant::now() < limite, "never: {que}");
    }
}

fn textos(salida: &Output) -> (String, String) {
    let texto = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (texto(&salida.stdout), texto(&salida.stderr))
}

#[test]
fn ten_seconds_of_faults_beside_a_library_break_no_promise_and_leave_nothing() {
    let carpeta = tempfile::tempdir().unwrap();
    let base = comun().base_nueva();
    let antes = lo_que_hay(&base);
    let urls = format!(
        "{0},{0}?target_session_attrs=primary",
        url_de_la_duena(&base)
    );
    let salida = simulacro(carpeta.path(), &urls, "10").output().unwrap();
    let (dicho, error) = textos(&salida);
    assert_eq!(salida.status.code(), Some(0), "{dicho}\n{error}");
    for debido in [
        "Se cumplieron todas las promesas.",
        "esquema simulacro_",
        "trabajan a la vez",
    ] {
        assert!(dicho.contains(debido), "{debido}: {dicho}");
    }
    assert!(
        error.contains("muerto") || error.contains("congelado"),
        "{error}"
    );
    assert!(!format!("{dicho}{error}").contains("secreto"));
    assert_eq!(lo_que_hay(&base), antes, "what was there, and no schema");
    assert_eq!(fs::read_dir(carpeta.path()).unwrap().count(), 0);
}

/// A renewal that no operation made.
#[test]
fn a_change_that_nobody_asked_for_breaks_the_promise_and_the_schema_is_kept() {
    let carpeta = tempfile::tempdir().unwrap();
    let base = comun().base_nueva();
    let drill = simulacro(carpeta.path(), &url_de_la_duena(&base), "5")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    hasta("the starting data", || {
        let (esquema, _) = lo_que_hay(&base);
        let sql = format!(
            "UPDATE {esquema}.prestamos SET renovaciones = 1
             WHERE ejemplar = 'Libro1-sede1-1' RETURNING 1"
        );
        comun().psql_si_puede(&base, &sql) == (true, "1".to_owned())
    });
    let salida = drill.wait_with_output().unwrap();
    let (dicho, error) = textos(&salida);
    assert_eq!(salida.status.code(), Some(1), "{dicho}\n{error}");
    let (esquema, _) = lo_que_hay(&base);
    for debido in [
        "MAL   cada renovación se contó una vez",
        "SE ROMPIÓ UNA PROMESA.",
        &format!("DROP SCHEMA {esquema} CASCADE"),
    ] {
        assert!(dicho.contains(debido), "{debido}: {dicho}");
    }
    assert_eq!(fs::read_dir(carpeta.path()).unwrap().count(), 1);
}

#[test]
fn whoever_stops_a_drill_takes_its_schema_away() {
    let carpeta = tempfile::tempdir().unwrap();
    let base = comun().base_nueva();
    let antes = lo_que_hay(&base);
    let mut drill = simulacro(carpeta.path(), &url_de_la_duena(&base), "60")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Each almacenamiento has one that writes and one that looks.
    let abierta = "SELECT count(*) >= 4 FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name = 'biblioteca'";
    hasta("two almacenamientos", || {
        comun().psql(&base, abierta) == "t"
    });
    let senal = Command::new("kill")
        .args(["-INT", &drill.id().to_string()])
        .status();
    assert!(senal.unwrap().success());
    assert_eq!(drill.wait().unwrap().code(), Some(3));
    assert_eq!(lo_que_hay(&base), antes);
}

#[test]
fn a_database_that_is_of_no_use_is_told_and_nothing_is_left_behind() {
    let carpeta = tempfile::tempdir().unwrap();
    let base = comun().base_nueva();
    let antes = lo_que_hay(&base);
    let duena = url_de_la_duena(&base);
    for (urls, codigo, debido) in [
        ("sqlite:datos/b.db".to_owned(), 2, "es para un PostgreSQL"),
        ("mysql://ana:secreto@h/b".to_owned(), 2, "empieza con"),
        (",".to_owned(), 2, "la lista está vacía"),
        (format!("{duena},sqlite:b.db"), 2, "no se mezclan"),
        (
            "postgres://ana:secreto@h:puerto/b".to_owned(),
            2,
            "no se entiende",
        ),
        (
            format!("{duena}?target_session_attrs=standby"),
            2,
            "busca el primario",
        ),
        (comun().url("biblioteca", &base), 2, "la de su dueña"),
        (format!("{duena}#"), 2, "la dirección del servidor mismo"),
        (
            comun().url("biblioteca_duena", "no_existe"),
            69,
            "admite escrituras",
        ),
    ] {
        let salida = simulacro(carpeta.path(), &urls, "5").output().unwrap();
        let (dicho, error) = textos(&salida);
        assert_eq!(salida.status.code(), Some(codigo), "{urls}: {dicho}{error}");
        assert!(error.contains(debido), "{urls}: {error}");
        assert!(
            !error.contains("secreto") && dicho.is_empty(),
            "{dicho}{error}"
        );
        assert_eq!(lo_que_hay(&base), antes, "{urls}");
        assert_eq!(fs::read_dir(carpeta.path()).unwrap().count(), 0, "{urls}");
    }
}
