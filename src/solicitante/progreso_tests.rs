//! The progress file across restarts, kills and second processes.

#![allow(clippy::unwrap_used)]

use super::*;

fn rutas(datos: &Path) -> Rutas {
    Rutas::de(datos, Path::new("/tmp/pedidos.txt"), None).unwrap()
}

fn abrir(datos: &Path) -> Result<Progreso, ProgresoError> {
    Progreso::abrir(&rutas(datos), "h1", "c1", false)
}

fn confirmada() -> Hecha {
    Hecha {
        estado: Estado::Confirmado,
        codigo: None,
    }
}

#[test]
fn an_interrupted_run_continues_under_its_uuid() {
    let datos = tempfile::tempdir().unwrap();
    let mut una = abrir(datos.path()).unwrap();
    let (corrida, op_id) = (una.corrida(), una.op_id(3).unwrap());
    assert!(!una.reanudada());
    una.marcar(3, confirmada()).unwrap();
    drop(una);
    let otra = abrir(datos.path()).unwrap();
    assert!(otra.reanudada());
    assert_eq!(otra.corrida(), corrida);
    assert_eq!(otra.hecha(3), Some(&confirmada()));
    assert_eq!(otra.hecha(4), None);
    assert_eq!(otra.op_id(3).unwrap(), op_id);
    assert_eq!(op_id.as_str(), format!("{corrida}-3"));
    assert_eq!(otra.linea_de(op_id.as_str()), Some(3));
    assert_eq!(otra.linea_de("otra-3"), None);
}

#[test]
fn after_a_finished_run_comes_a_new_one() {
    let datos = tempfile::tempdir().unwrap();
    let mut una = abrir(datos.path()).unwrap();
    let corrida = una.corrida();
    una.terminar().unwrap();
    drop(una);
    let otra = Progreso::abrir(&rutas(datos.path()), "h2", "c1", false).unwrap();
    assert_ne!(otra.corrida(), corrida);
    assert!(!otra.reanudada());
}

#[test]
fn a_changed_file_stops_an_unfinished_run_unless_it_is_abandoned() {
    let datos = tempfile::tempdir().unwrap();
    let corrida = abrir(datos.path()).unwrap().corrida();
    for (huella, contenido) in [("h2", "c1"), ("h1", "c2")] {
        let abierta = Progreso::abrir(&rutas(datos.path()), huella, contenido, false);
        assert!(matches!(abierta, Err(ProgresoError::Cambiado)));
    }
    let nueva = Progreso::abrir(&rutas(datos.path()), "h2", "c1", true).unwrap();
    assert_ne!(nueva.corrida(), corrida);
}

#[test]
fn a_line_torn_by_a_kill_is_cut_away_at_every_byte() {
    let datos = tempfile::tempdir().unwrap();
    let mut una = abrir(datos.path()).unwrap();
    una.marcar(1, confirmada()).unwrap();
    let ruta = rutas(datos.path()).progreso;
    let entera = fs::read(&ruta).unwrap();
    una.marcar(2, confirmada()).unwrap();
    let todo = fs::read(&ruta).unwrap();
    drop(una);
    for corte in entera.len()..todo.len() {
        fs::write(&ruta, &todo[..corte]).unwrap();
        let mut otra = abrir(datos.path()).unwrap();
        assert!(otra.hecha(1).is_some() && otra.hecha(2).is_none());
        otra.marcar(2, confirmada()).unwrap();
        assert_eq!(fs::read(&ruta).unwrap(), todo);
    }
}

#[test]
fn damage_in_the_middle_is_told_and_not_guessed_over() {
    let datos = tempfile::tempdir().unwrap();
    abrir(datos.path())
        .unwrap()
        .marcar(1, confirmada())
        .unwrap();
    let ruta = rutas(datos.path()).progreso;
    let texto = fs::read_to_string(&ruta).unwrap();
    fs::write(&ruta, format!("{texto}basura\n")).unwrap();
    assert!(matches!(abrir(datos.path()), Err(ProgresoError::Danado(_))));
    fs::write(&ruta, "").unwrap();
    assert!(matches!(abrir(datos.path()), Err(ProgresoError::Danado(_))));
}

#[test]
fn two_at_once_need_two_names() {
    let datos = tempfile::tempdir().unwrap();
    let _una = abrir(datos.path()).unwrap();
    let error = abrir(datos.path()).unwrap_err();
    assert!(error.to_string().contains("--nombre"));
    let otra = Rutas::de(datos.path(), Path::new("/tmp/pedidos.txt"), Some("mesa-2")).unwrap();
    assert!(Progreso::abrir(&otra, "h1", "c1", false).is_ok());
}

#[test]
fn names_come_from_the_path_and_stay_inside_the_folder() {
    let datos = Path::new("/d");
    let de = |archivo: &str| Rutas::de(datos, Path::new(archivo), None).unwrap();
    assert_ne!(de("/a/pedidos.txt"), de("/b/pedidos.txt"));
    assert_eq!(de("/a/pedidos.txt"), de("/a/./pedidos.txt"));
    for malo in ["", "../x", ".x", "a/b", "ñ"] {
        assert!(
            Rutas::de(datos, Path::new("/a"), Some(malo)).is_err(),
            "{malo}"
        );
    }
}
