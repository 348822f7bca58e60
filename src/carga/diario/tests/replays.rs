//! What becomes of an entry on the disk: replays, poison, restarts, a disk without room.

use super::*;

#[test]
fn without_a_decision_it_is_replayed_with_its_age_until_there_is_one() {
    let mut mesa = Mesa::nueva(100);
    let seq = mesa.encola(pedido("devolucion", "k1", "A"));
    let mut edades = Vec::new();
    for causa in [Causa::SinActores, Causa::PlazoVencido, Causa::ColaLlena] {
        let fallo = Desenlace::Incierta(causa);
        assert_eq!(mesa.resulta(seq, fallo), [], "not at once");
        match &mesa.pasan(10_000)[..] {
            [Salida::Replay { edad_ms, .. }] => edades.push(*edad_ms),
            otras => panic!("{otras:?}"),
        }
    }
    assert!(edades.is_sorted() && edades[0] >= 100, "{edades:?}");
    let salidas = mesa.resulta(seq, decidida());
    assert!(
        salidas.iter().any(|s| matches!(s, Salida::Decidida(..))),
        "news"
    );
}

#[test]
fn when_nobody_decides_it_probes_and_when_they_return_it_drains_at_once() {
    let mut mesa = Mesa::nueva(10_000);
    let mut seqs = vec![mesa.encola(pedido("devolucion", "k0", "L0"))];
    mesa.resulta(seqs[0], Desenlace::NoAplicada(Causa::SinActores));
    for n in 1..900 {
        mesa.encola(pedido("devolucion", &format!("k{n}"), &format!("L{n}")));
    }
    let mut sondas = 0;
    for _ in 0..6_000 {
        for seq in mesa.pasan(10).iter().filter_map(replay) {
            sondas += 1;
            mesa.resulta(seq, Desenlace::NoAplicada(Causa::SinActores));
        }
    }
    assert!((20..300).contains(&sondas), "{sondas} in a minute for 900");
    seqs.clear();
    let vuelta = mesa.ahora;
    let mut decididas = 0;
    while decididas < 900 && mesa.ahora < vuelta + Duration::from_secs(10) {
        let mut salidas = mesa.pasan(10);
        while let Some(seq) = salidas.iter().find_map(replay) {
            decididas += 1;
            salidas.retain(|salida| replay(salida) != Some(seq));
            salidas.extend(mesa.resulta(seq, decidida()));
            if mesa.diario.viaje.is_some() {
                let cuantos = mesa.diario.viaje.as_ref().unwrap().0.len();
                salidas.extend(mesa.vuelve(vec![Suerte::Hecha; cuantos]));
            }
        }
    }
    assert_eq!(decididas, 900, "within 10 s");
}

#[test]
fn replays_leave_the_machine_to_those_who_wait_for_the_disk() {
    let mut mesa = Mesa::nueva(10_000);
    let mut en_vuelo: Vec<u64> = (0..700)
        .map(|n| mesa.encola(pedido("devolucion", &format!("k{n}"), &format!("L{n}"))))
        .filter(|seq| *seq > 0)
        .collect();
    let decidir = |mesa: &mut Mesa, en_vuelo: &mut Vec<u64>| {
        let salidas = mesa.resulta(en_vuelo.remove(0), decidida());
        en_vuelo.extend(salidas.iter().filter_map(replay));
    };
    for _ in 0..20 {
        decidir(&mut mesa, &mut en_vuelo);
    }
    assert_eq!(en_vuelo.len(), EN_VUELO_MAX, "nobody waits");
    for n in 0..MUCHAS {
        mesa.pide(pedido("devolucion", &format!("n{n}"), &format!("N{n}")));
    }
    while en_vuelo.len() > 100 {
        let antes = en_vuelo.len();
        decidir(&mut mesa, &mut en_vuelo);
        assert_eq!(en_vuelo.len(), antes - 1, "no new one");
    }
    let replays = |salidas: Vec<Salida>| salidas.iter().filter_map(replay).count();
    assert_eq!(replays(mesa.pasan(PAUSA_MS - 10)), 0);
    assert_eq!(replays(mesa.pasan(10)), TANDA, "and it goes on");
    let mut despues = 0;
    while let Some((apuntes, _)) = &mesa.diario.viaje {
        let suertes = vec![Suerte::Hecha; apuntes.len()];
        despues += replays(mesa.vuelve(suertes));
    }
    assert_eq!(despues, 0, "whoever was just told comes back at once");
    assert_eq!(
        replays(mesa.pasan(20)),
        EN_VUELO_MAX - 100 - TANDA,
        "nobody waits any more"
    );
}

/// Fault case 32.
#[test]
fn a_poisonous_entry_is_set_aside_after_five_reports_never_closed_and_holds_nobody_up() {
    let mut mesa = Mesa::nueva(100);
    let seq = mesa.encola(pedido("devolucion", "k1", "A"));
    for _ in 0..4 {
        mesa.resulta(seq, Desenlace::Envenenada);
        assert_eq!(
            mesa.pasan(10_000).iter().find_map(replay),
            Some(seq),
            "it is tried again"
        );
    }
    let (id, _) = mesa.pide_de("p", pedido("prestamo", "s", "A"), false);
    let salidas = mesa.resulta(seq, Desenlace::Envenenada);
    assert!(pasa(&salidas, id), "{salidas:?}");
    let estado = mesa.diario.estado(mesa.ahora);
    assert_eq!((estado.sin_decidir, estado.apartadas), (1, 1));
    mesa.vuelve(vec![Suerte::Hecha]);
    let (id, salidas) = mesa.pide(pedido("devolucion", "k1", "A"));
    assert_eq!(dichas(&salidas), [(id, Contestacion::Encolada)]);
}

#[test]
fn estado_tells_the_place_then_the_answer_and_asks_the_disk_before_the_database() {
    let mut mesa = Mesa::nueva(100);
    let estado = |op_id: &str| pedido("estado", op_id, "A");
    let seq = mesa.encola(pedido("devolucion", "k1", "A"));
    mesa.ahora += Duration::from_millis(70);
    let (id, salidas) = mesa.pide_de("p", estado("k1"), false);
    let lugar = Contestacion::EnCola {
        edad_ms: 70,
        intentos: 1,
        apartada: false,
    };
    assert_eq!(dichas(&salidas), [(id, lugar)]);
    let no = respuesta(Some(Rechazo::PrestamoNoActivo));
    mesa.resulta(seq, Desenlace::Decidida(no.clone()));
    let (id, salidas) = mesa.pide_de("p", estado("k1"), false);
    match &dichas(&salidas)[..] {
        [(otra, Contestacion::Guardada(cerrada))] => {
            assert_eq!((*otra, &cerrada.respuesta), (id, &no));
        }
        otras => panic!("{otras:?}"),
    }
    mesa.vuelve(vec![Suerte::Hecha]);
    let (id, salidas) = mesa.pide_de("p", estado("otra"), false);
    assert!(
        matches!(&salidas[..], [Salida::Viaje(v)] if v.preguntas.len() == 1),
        "{salidas:?}"
    );
    let salidas = mesa.paso(Entrada::DeVuelta(vec![], vec![None]));
    assert!(
        matches!(&salidas[..], [Salida::Pasar { id: otra, .. }] if *otra == id),
        "{salidas:?}"
    );
}

#[test]
fn a_restart_replays_what_was_undecided_in_its_order_with_its_age() {
    let mut mesa = Mesa::sin_leer(100);
    let (id, salidas) = mesa.pide_de("p", pedido("prestamo", "s", "A"), false);
    assert_eq!(salidas, [], "nothing goes on before the file is read");
    let vieja = |seq, isbn: &str, edad_ms| SinDecidir {
        seq,
        pedido: pedido("devolucion", &format!("k{seq}"), isbn),
        edad_ms,
    };
    let mut salidas = mesa.paso(Entrada::Cargadas(Cargadas {
        sin_decidir: vec![vieja(3, "A", 5_000), vieja(5, "A", 4_000)],
        siguiente: 9,
    }));
    assert!(
        matches!(
            &salidas[..],
            [Salida::Replay {
                seq: 3,
                edad_ms: 5_000,
                ..
            }]
        ),
        "{salidas:?}"
    );
    salidas = mesa.resulta(3, decidida());
    assert_eq!(salidas.iter().find_map(replay), Some(5));
    mesa.vuelve(vec![Suerte::Hecha]);
    let salidas = mesa.resulta(5, decidida());
    assert!(pasa(&salidas, id));
}

#[test]
fn a_decision_that_finds_no_room_is_written_when_there_is_some() {
    let mut mesa = Mesa::nueva(100);
    let seq = mesa.encola(pedido("devolucion", "k1", "A"));
    mesa.resulta(seq, decidida());
    assert_eq!(mesa.vuelve(vec![Suerte::SinSitio]), []);
    let (_, salidas) = mesa.pide(pedido("devolucion", "k2", "B"));
    match &salidas[..] {
        [Salida::Viaje(viaje)] => {
            assert!(matches!(&viaje.apuntes[..], [Apunte::Abrir { .. }]));
        }
        otras => panic!("{otras:?}"),
    }
    mesa.vuelve(vec![Suerte::Hecha]);
    match &mesa.pasan(2_000)[..] {
        [Salida::Viaje(viaje)] => {
            assert!(matches!(&viaje.apuntes[..], [Apunte::Cerrar { .. }]));
        }
        otras => panic!("{otras:?}"),
    }
}

/// A return that names the copy alone, as a scanner reads it.
fn por_ejemplar(op_id: &str, usuario: Option<&str>) -> Pedido {
    let usuario = usuario.map_or(String::new(), |u| format!(r#""usuario":"{u}","#));
    let texto =
        format!(r#"{{"operacion":"devolucion","ejemplar":"A-s1-1",{usuario}"op_id":"{op_id}"}}"#);
    let peticion = leer_peticion(texto.as_bytes(), &Sede::parse("s1").unwrap());
    peticion.unwrap().pedido
}

fn pasa(salidas: &[Salida], id: u64) -> bool {
    salidas
        .iter()
        .any(|salida| matches!(salida, Salida::Pasar { id: otra, .. } if *otra == id))
}

#[test]
fn a_loan_by_isbn_waits_for_the_return_of_a_copy_that_may_be_of_that_book() {
    let mut mesa = Mesa::nueva(100);
    let seq = mesa.encola(por_ejemplar("k1", None));
    let (id, salidas) = mesa.pide_de("p", pedido("prestamo", "s", "A"), false);
    assert_eq!(salidas, []);
    assert!(pasa(&mesa.resulta(seq, decidida()), id));
    let (id, salidas) = mesa.pide_de("p", pedido("prestamo", "s2", "A"), false);
    assert!(pasa(&salidas, id), "it is decided: nobody waits any more");
}

#[test]
fn a_renewal_by_copy_waits_for_the_return_of_a_book_unless_it_is_another_users() {
    let mut mesa = Mesa::nueva(100);
    let seq = mesa.encola(pedido("devolucion", "k1", "A"));
    let (otra, salidas) = mesa.pide_de("p", por_ejemplar("s1", Some("v")), false);
    assert!(pasa(&salidas, otra));
    let (id, salidas) = mesa.pide_de("p", por_ejemplar("s2", Some("u")), false);
    assert_eq!(salidas, []);
    assert!(pasa(&mesa.resulta(seq, decidida()), id));
}

#[test]
fn a_guess_holds_nobody_up_once_the_entry_was_tried_in_vain() {
    let mut mesa = Mesa::nueva(100);
    let seq = mesa.encola(por_ejemplar("k1", None));
    let (id, _) = mesa.pide_de("p", pedido("prestamo", "s", "A"), false);
    let en_vano = Desenlace::NoAplicada(Causa::SinActores);
    assert!(pasa(&mesa.resulta(seq, en_vano), id));
    let (id, salidas) = mesa.pide_de("p", pedido("prestamo", "s2", "A"), false);
    assert!(pasa(&salidas, id));
}

/// Fault cases 4 and 34: what waits to be tried, and a flood, are not waited for.
#[test]
fn a_guess_waits_neither_for_what_is_not_being_tried_nor_for_many() {
    let mut mesa = Mesa::nueva(1_000);
    // Nobody takes returns: one probe at a time is tried, the others wait for it.
    let seq = mesa.encola(por_ejemplar("k1", None));
    mesa.resulta(seq, Desenlace::NoAplicada(Causa::SinActores));
    for n in 0..20 {
        mesa.encola(por_ejemplar(&format!("en-cola-{n}"), None));
    }
    let (id, salidas) = mesa.pide_de("p", pedido("prestamo", "s", "A"), false);
    assert!(pasa(&salidas, id));
    let mut mesa = Mesa::nueva(1_000);
    let ejemplar = |n: u32| {
        let texto = format!(r#"{{"operacion":"devolucion","ejemplar":"c{n}","op_id":"m{n}"}}"#);
        let peticion = leer_peticion(texto.as_bytes(), &Sede::parse("s1").unwrap());
        peticion.unwrap().pedido
    };
    // With enough decided the gate is wide open.
    for n in 0..5 {
        let seq = mesa.encola(pedido("devolucion", &format!("a{n}"), &format!("B{n}")));
        mesa.resulta(seq, decidida());
        mesa.vuelve(vec![Suerte::Hecha]);
    }
    for n in 0..17 {
        mesa.encola(ejemplar(n));
    }
    assert_eq!(mesa.diario.estado(mesa.ahora).en_vuelo, 17);
    let (id, salidas) = mesa.pide_de("p", pedido("prestamo", "s", "A"), false);
    assert!(pasa(&salidas, id));
}
