//! The panel: what it shows when something dies, and how many may look.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::nodo::{Biblioteca, Nodo};
use crate::pagina::{PANTALLA, Pagina};

/// What the issue promises, from the death on.
const NOTICIA_MAX: Duration = Duration::from_secs(2);

/// Screens that one carga serves.
const OYENTES_MAX: usize = 32;

fn actores(biblioteca: &Biblioteca, nodo: &str) -> Nodo {
    let roles = "actor-prestamo,actor-devolucion,actor-renovacion";
    let mut comando = biblioteca.comando(&["--role", roles]);
    comando
        .env("BIBLIOTECA_HTTP__ESCUCHA", "")
        .env("BIBLIOTECA_NODO__ID", nodo);
    Nodo::de(comando, &biblioteca.carpeta.path().join(nodo))
}

#[test]
fn a_killed_actor_shows_within_two_seconds_and_so_does_its_return() {
    let Some(pagina) = Pagina::abrir(PANTALLA) else {
        return;
    };
    let biblioteca = Biblioteca::sembrada();
    let mut almacen = biblioteca.rol("almacenamiento");
    let _carga = biblioteca.nodo(&["--role", "carga"]);
    let _uno = actores(&biblioteca, "pc3");
    let mut otro = actores(&biblioteca, "pc4");
    biblioteca.espera_servicio();
    pagina.ir(&format!("http://127.0.0.1:{}/", biblioteca.http));
    pagina.espera("flujo", "pc4");
    pagina.espera("frase", "Todo en orden.");

    otro.matar();
    let tardo = pagina.espera("flujo", "caído hace");
    assert!(tardo < NOTICIA_MAX, "{tardo:?}");
    pagina.espera("ausentes", "pc4/actor-prestamo-1");
    // The other one does its work, and the sentence says what estado says.
    pagina.espera("frase", "Todo en orden.");
    let _vuelve = actores(&biblioteca, "pc4");
    pagina.espera("flujo", "Actores · 6 en pie");
    assert!(!pagina.texto("flujo").contains("caído"));

    almacen.matar();
    let tardo = pagina.espera("frase", "Atención");
    assert!(tardo < 2 * NOTICIA_MAX, "{tardo:?}");
    pagina.espera("problemas", "no responde");
    pagina.espera("sigue", "no se puede decidir ninguna operación");
    assert_eq!(pagina.quejas(), [""; 0]);
}

#[test]
fn the_panel_counts_what_is_decided_and_says_when_its_carga_is_gone() {
    let Some(pagina) = Pagina::abrir(PANTALLA) else {
        return;
    };
    let biblioteca = Biblioteca::sembrada();
    let mut nodo = biblioteca.todo();
    pagina.ir(&format!("http://127.0.0.1:{}/", biblioteca.http));
    pagina.espera("enlace", "En vivo");
    let cliente = biblioteca.cliente();
    cliente.decidir(&crate::cliente::prestamo("Libro1", "ana", "k1"));
    cliente.decidir(&crate::cliente::prestamo("Libro1", "ana", "k2"));
    pagina.espera("ultimas", "PrestamoActivo");
    pagina.espera("ultimas", "Confirmada");
    pagina.espera("cuentas", "Préstamos\n1");
    nodo.matar();
    pagina.espera("enlace", "Sin noticias");
    pagina.espera("frase", "no responde");
}

/// A listener, once it has heard something; or the answer that it got instead.
fn oir(puerto: u16) -> (TcpStream, String) {
    let mut conexion = TcpStream::connect(("127.0.0.1", puerto)).unwrap();
    conexion
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let pedido = format!("GET /panel/eventos HTTP/1.1\r\nHost: 127.0.0.1:{puerto}\r\n\r\n");
    conexion.write_all(pedido.as_bytes()).unwrap();
    let (mut leido, mut trozo) = (String::new(), [0; 4096]);
    while !leido.contains("data: ") && !leido.contains("problem+json") {
        let cuantos = conexion.read(&mut trozo).unwrap();
        assert!(cuantos > 0, "closed after: {leido}");
        leido.push_str(&String::from_utf8_lossy(&trozo[..cuantos]));
    }
    (conexion, leido)
}

#[test]
fn as_many_may_look_as_there_are_screens_and_one_that_leaves_makes_room() {
    let biblioteca = Biblioteca::sembrada();
    let _nodo = biblioteca.todo();
    let puerto = biblioteca.http;
    let mut oyentes: Vec<_> = (0..OYENTES_MAX).map(|_| oir(puerto)).collect();
    assert!(
        oyentes
            .iter()
            .all(|(_, leido)| leido.starts_with("HTTP/1.1 200"))
    );
    let (_, de_mas) = oir(puerto);
    assert!(de_mas.starts_with("HTTP/1.1 503"), "{de_mas}");
    assert!(de_mas.contains("demasiados paneles"), "{de_mas}");
    oyentes.pop();
    let limite = Instant::now() + Duration::from_secs(10);
    while !oir(puerto).1.starts_with("HTTP/1.1 200") {
        assert!(Instant::now() < limite, "the place is not free again");
    }
}
