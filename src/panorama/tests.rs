//! What a person is told of each kind of trouble.

use super::*;
use crate::wire::estado::EstadoDeEnlace;

fn actor(vida: u64, tema: Operacion, cortacircuitos: Cortacircuitos) -> EstadoDeActor {
    EstadoDeActor {
        vida,
        nombre: format!("pc3/actor-{tema}-{vida}"),
        tema,
        creditos: 8,
        en_curso: 0,
        almacenes: vec![EstadoDeEnlace {
            extremo: "tcp://a:5570".into(),
            cortacircuitos,
            listo: true,
        }],
    }
}

fn carga(extremo: &str, actores: Vec<EstadoDeActor>) -> Sondeada<EstadoDeCarga> {
    Sondeada {
        extremo: extremo.into(),
        estado: Some(EstadoDeCarga {
            nodo: "pc1".into(),
            vivo: true,
            esperan: 0,
            entregadas: 0,
            en_cola: 0,
            encoladas: 0,
            apartadas: 0,
            edad_max_ms: 0,
            actores,
        }),
    }
}

fn almacen(extremo: &str, disposicion: Disposicion, base_id: &str) -> Sondeada<EstadoDeAlmacen> {
    Sondeada {
        extremo: extremo.into(),
        estado: Some(EstadoDeAlmacen {
            nodo: "pc1".into(),
            disposicion,
            base_id: base_id.into(),
            archivo: "b.db".into(),
            en_cola: 0,
            lecturas: 0,
        }),
    }
}

fn tres() -> Vec<EstadoDeActor> {
    TEMAS
        .iter()
        .zip(1..)
        .map(|((tema, _), vida)| actor(vida, *tema, Cortacircuitos::Cerrado))
        .collect()
}

fn sano() -> Panorama {
    Panorama {
        cargas: vec![
            carga("tcp://c1:5557", tres()),
            carga("tcp://c2:5557", tres()),
        ],
        almacenes: vec![
            almacen("tcp://a:5570", Disposicion::Listo, "b"),
            almacen("tcp://b:5570", Disposicion::EnEspera, ""),
        ],
        bases: Vec::new(),
        actividades: vec![None, None],
    }
}

#[test]
fn a_sound_library_is_all_right_and_each_actor_is_counted_once() {
    let panorama = sano();
    assert_eq!(panorama.juicio().frase(), "Todo en orden.");
    let actores = panorama.actores();
    assert_eq!(actores.len(), 3);
    assert!(actores.iter().all(|visto| visto.cargas == [0, 1]));
}

/// It was the owner, ended and came back: nobody has anything to ask of it, perhaps for days.
#[test]
fn a_half_open_breaker_is_told_but_for_one_that_stands_by() {
    for (extremo, se_dice) in [("tcp://a:5570", true), ("tcp://b:5570", false)] {
        let mut panorama = sano();
        if let Some(estado) = &mut panorama.cargas[0].estado {
            let enlace = &mut estado.actores[0].almacenes[0];
            enlace.extremo = extremo.into();
            enlace.cortacircuitos = Cortacircuitos::MedioAbierto;
        }
        let frase = panorama.juicio().frase();
        assert_eq!(frase.contains("MEDIO_ABIERTO"), se_dice, "{frase}");
        assert_eq!(frase == "Todo en orden.", !se_dice, "{frase}");
    }
}

#[test]
fn a_dead_door_is_named_with_what_still_works() {
    let mut panorama = sano();
    panorama.cargas[0].estado = None;
    panorama.almacenes[1].estado = None;
    assert_eq!(
        panorama.juicio().frase(),
        "Atención: la carga tcp://c1:5557 no responde; el almacenamiento tcp://b:5570 no \
         responde. Se siguen atendiendo: préstamos, devoluciones, renovaciones, consultas."
    );
}

#[test]
fn a_missing_kind_of_actor_stops_only_its_own_operation() {
    let mut panorama = sano();
    for carga in &mut panorama.cargas {
        if let Some(estado) = &mut carga.estado {
            estado.actores.retain(|a| a.tema != Operacion::Renovacion);
        }
    }
    let juicio = panorama.juicio();
    assert_eq!(juicio.problemas.len(), 2);
    assert_eq!(juicio.sigue, ["préstamos", "devoluciones", "consultas"]);
}

#[test]
fn open_breakers_two_databases_and_no_owner_are_told() {
    let mut panorama = sano();
    if let Some(estado) = &mut panorama.cargas[0].estado {
        estado.actores[0].almacenes[0].cortacircuitos = Cortacircuitos::Abierto;
    }
    assert!(
        panorama
            .juicio()
            .frase()
            .contains("cortacircuitos ABIERTO para tcp://a:5570 en 1 actor")
    );
    panorama.almacenes[1] = almacen("tcp://b:5570", Disposicion::Listo, "otra");
    assert!(
        panorama
            .juicio()
            .frase()
            .contains("bases de datos distintas")
    );
    panorama.almacenes = vec![almacen("tcp://a:5570", Disposicion::NoListo, "b")];
    let juicio = panorama.juicio();
    assert!(
        juicio
            .frase()
            .contains("ningún almacenamiento tiene la base")
    );
    assert!(
        juicio
            .frase()
            .ends_with("no se puede decidir ninguna operación.")
    );
}

#[test]
fn with_nobody_there_it_says_so() {
    let mut panorama = sano();
    for carga in &mut panorama.cargas {
        carga.estado = None;
    }
    assert!(!panorama.nadie());
    for almacen in &mut panorama.almacenes {
        almacen.estado = None;
    }
    assert!(panorama.nadie());
    assert!(panorama.juicio().frase().contains("nadie responde"));
}

#[test]
fn what_waits_for_a_person_is_said() {
    let mut panorama = sano();
    if let Some(estado) = &mut panorama.cargas[0].estado {
        estado.apartadas = 2;
    }
    let frase = panorama.juicio().frase();
    assert!(
        frase.contains("2 operaciones") && frase.contains("--excepciones"),
        "{frase}"
    );
}

fn servidor(nombre: &str, papel: Papel) -> EstadoDeServidor {
    EstadoDeServidor {
        nombre: nombre.into(),
        papel,
        linea: Some(1),
        replicacion: None,
        bytes: None,
        wal_bytes: None,
        detalle: String::new(),
    }
}

#[test]
fn a_database_that_works_with_less_durability_is_told_and_is_no_problem() {
    let mut panorama = sano();
    let base = EstadoDeBase {
        servidores: vec![servidor("pc1:5432/b", Papel::Primario)],
        ..EstadoDeBase::default()
    };
    panorama.bases = vec![Some(base.clone()), Some(base)];
    let juicio = panorama.juicio();
    assert!(juicio.problemas.is_empty());
    assert!(
        juicio.frase().contains("pero sin réplica"),
        "{}",
        juicio.frase()
    );
    assert_eq!(panorama.servidores().len(), 1, "each server once");
}

#[test]
fn a_server_that_one_almacenamiento_cannot_reach_is_a_problem() {
    let mut panorama = sano();
    let vista = |papel| {
        Some(EstadoDeBase {
            servidores: vec![servidor("pc1:5432/b", papel)],
            ..EstadoDeBase::default()
        })
    };
    panorama.bases = vec![vista(Papel::Primario), vista(Papel::Inalcanzable)];
    let frase = panorama.juicio().frase();
    assert!(
        frase.contains("la base de datos pc1:5432/b no responde"),
        "{frase}"
    );
    assert!(frase.contains("sin primario"), "{frase}");
}

#[test]
fn a_ready_storage_that_no_actor_works_with_is_no_order() {
    let mut panorama = sano();
    for carga in &mut panorama.cargas {
        let actores = carga
            .estado
            .iter_mut()
            .flat_map(|estado| &mut estado.actores);
        actores.for_each(|actor| actor.almacenes[0].listo = false);
    }
    let frase = panorama.juicio().frase();
    assert!(
        frase.starts_with("Atención: 3 actores aún no trabajan con el almacenamiento tcp://a:5570")
            && frase.contains("otra base de datos")
            && frase.ends_with("Ahora no se puede decidir ninguna operación."),
        "{frase}"
    );
}

#[test]
fn with_an_open_breaker_that_operation_does_not_go_on() {
    let mut panorama = sano();
    for carga in &mut panorama.cargas {
        if let Some(estado) = &mut carga.estado {
            estado.actores[0].almacenes[0].cortacircuitos = Cortacircuitos::Abierto;
        }
    }
    let sigue = panorama.juicio().sigue;
    assert_eq!(sigue, ["devoluciones", "renovaciones", "consultas"]);
    for carga in &mut panorama.cargas {
        let actores = carga
            .estado
            .iter_mut()
            .flat_map(|estado| &mut estado.actores);
        actores.for_each(|actor| actor.almacenes[0].cortacircuitos = Cortacircuitos::Abierto);
    }
    assert_eq!(panorama.juicio().sigue, [""; 0], "a lookup asks it too");
}

/// Fault case 24.
#[test]
fn a_full_disk_is_named() {
    let mut panorama = sano();
    panorama.bases = vec![Some(EstadoDeBase {
        servidores: vec![EstadoDeServidor {
            nombre: "b.db".into(),
            papel: Papel::SinSitio,
            linea: None,
            replicacion: None,
            bytes: Some(1),
            wal_bytes: Some(0),
            detalle: "el disco está lleno".into(),
        }],
        ..EstadoDeBase::default()
    })];
    assert_eq!(
        panorama.juicio().frase(),
        "Atención: casi no queda sitio en el disco de la base de datos b.db: lo que no quepa no \
         se confirma. Se siguen atendiendo: préstamos, devoluciones, renovaciones, consultas."
    );
}
