//! The administrative verbs with the nodes up, stopped and silent.

use std::fs;
use std::process::Output;
use std::time::{Duration, Instant};

use crate::cliente::prestamo;
use crate::nodo::{Biblioteca, texto};

fn dicho(salida: &Output) -> String {
    String::from_utf8_lossy(&salida.stdout).into_owned() + &String::from_utf8_lossy(&salida.stderr)
}

#[test]
fn a_users_file_goes_in_with_the_nodes_stopped_and_up() {
    let biblioteca = Biblioteca::sembrada();
    let archivo = biblioteca.carpeta.path().join("usuarios.csv");
    let ruta = archivo.to_str().unwrap();
    fs::write(
        &archivo,
        "Id;Nombre;Categoría;Vence;Bloqueado\nv1;Vera;profesor;2020-01-31;no\nb1;Beto;;;sí\nx1;;;ayer;\n;Nadie;;;\n",
    )
    .unwrap();
    let detenida = biblioteca.orden(&["usuarios", "importar", ruta]);
    assert_eq!(detenida.status.code(), Some(1), "{}", dicho(&detenida));
    assert!(dicho(&detenida).contains("línea 4: 'ayer'"));
    assert!(dicho(&detenida).contains("línea 5: el campo 'id' está vacío"));
    assert!(dicho(&detenida).contains("2 nuevos"));

    let _nodo = biblioteca.todo();
    let cliente = biblioteca.cliente();
    let codigo = |usuario: &str, op_id: &str| {
        let respuesta = cliente.pedir(&prestamo("Libro1", usuario, op_id));
        texto(&respuesta, "codigo").to_owned()
    };
    assert_eq!(codigo("v1", "u-1"), "UsuarioVencido");
    assert_eq!(codigo("b1", "u-2"), "UsuarioBloqueado");
    fs::write(&archivo, "id,vence,bloqueado\nv1,31/12/2099,\nb1,,no\n").unwrap();
    let en_marcha = biblioteca.orden(&["usuarios", "importar", ruta]);
    assert_eq!(en_marcha.status.code(), Some(0), "{}", dicho(&en_marcha));
    assert!(dicho(&en_marcha).contains("2 cambiados"));
    let otra = biblioteca.orden(&["usuarios", "importar", ruta]);
    assert!(
        dicho(&otra).contains("0 nuevos, 0 cambiados, 2 iguales"),
        "{}",
        dicho(&otra)
    );
    for usuario in ["v1", "b1"] {
        let prestada = cliente.pedir(&prestamo("Libro1", usuario, &format!("u-{usuario}")));
        assert_eq!(texto(&prestada, "estado"), "CONFIRMADO", "{prestada}");
    }
    assert_eq!(
        biblioteca.contar("select count(*) from usuarios where id='v1' and nombre='Vera'"),
        1,
        "what the second file does not tell stays"
    );
}

#[test]
fn a_user_is_blocked_and_let_in_again_through_a_running_node() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let cliente = biblioteca.cliente();
    let nadie = biblioteca.orden(&["usuarios", "bloquear", "nadie", "--motivo", "m"]);
    assert_eq!(nadie.status.code(), Some(1), "{}", dicho(&nadie));
    assert!(dicho(&nadie).contains("UsuarioNoEncontrado"));
    cliente.pedir(&prestamo("Libro1", "ana", "b-1"));
    let motivo = "debe un libro";
    let bloqueo = biblioteca.orden(&["usuarios", "bloquear", "ana", "--motivo", motivo]);
    assert_eq!(bloqueo.status.code(), Some(0), "{}", dicho(&bloqueo));
    let negada = cliente.pedir(&prestamo("Libro2", "ana", "b-2"));
    assert_eq!(texto(&negada, "codigo"), "UsuarioBloqueado");
    let suelta = biblioteca.orden(&["usuarios", "desbloquear", "ana"]);
    assert_eq!(suelta.status.code(), Some(0), "{}", dicho(&suelta));
    let prestada = cliente.pedir(&prestamo("Libro2", "ana", "b-3"));
    assert_eq!(texto(&prestada, "estado"), "CONFIRMADO");
    let contada = "select count(*) from historial where accion='bloquear' and clave='ana'
        and json_extract(detalle, '$.motivo')='debe un libro'
        and json_extract(detalle, '$.autor') like '%@%'";
    assert_eq!(biblioteca.contar(contada), 1);
    let sin_motivo = biblioteca.orden(&["usuarios", "bloquear", "ana"]);
    assert_eq!(sin_motivo.status.code(), Some(2));
}

/// One dead almacenamiento in the list must not hide the living one.
#[test]
fn the_owner_is_found_behind_a_dead_almacenamiento() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let [muerto] = crate::puertos::puertos();
    let mut orden = biblioteca.comando(&["usuarios", "desbloquear", "usuario1"]);
    orden.env(
        "BIBLIOTECA_ACTORES__ALMACENAMIENTOS",
        format!("127.0.0.1:{muerto},127.0.0.1:{}", biblioteca.almacen),
    );
    let desde = Instant::now();
    let salida = orden.output().unwrap();
    // usuario1 exists in no starting data: the answer itself came from the owner.
    assert!(dicho(&salida).contains("usuario1"), "{}", dicho(&salida));
    assert_ne!(salida.status.code(), Some(69), "{}", dicho(&salida));
    assert!(desde.elapsed() < Duration::from_secs(8));
}

#[test]
fn an_owner_that_does_not_answer_is_waited_for_ten_seconds_and_no_longer() {
    let biblioteca = Biblioteca::sembrada();
    let nodo = biblioteca.todo();
    nodo.senal("STOP");
    let desde = Instant::now();
    let salida = biblioteca.orden(&["usuarios", "bloquear", "ana", "--motivo", "m"]);
    let duro = desde.elapsed();
    nodo.senal("CONT");
    assert_eq!(salida.status.code(), Some(69), "{}", dicho(&salida));
    assert!(duro < Duration::from_secs(15), "{duro:?}");
}
