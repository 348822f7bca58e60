//! Fault case 25: a disk that answers EIO. The process stops itself, acknowledges nothing that
//! is not there, and after a restart nothing acknowledged is missing.

use std::time::Duration;

use serde_json::Value;

use crate::cliente::{Cliente, prestamo};
use crate::diario::{asincrono, decidida};
use crate::nodo::{Biblioteca, Nodo, texto};
use crate::trampa::{Modo, Trampa};

const FIN_MAX: Duration = Duration::from_secs(20);

fn pide(n: usize) -> Value {
    prestamo(
        &format!("Libro{}", 200 + n),
        &format!("u{n}"),
        &format!("k{n}"),
    )
}

/// Starts a role whose files of that name can be made to fail.
fn con_trampa(b: &Biblioteca, trampa: &Trampa, rol: &str, archivo: &str, modo: Modo) -> Nodo {
    let comando = trampa.disco(b.comando(&["--role", rol]), archivo, modo);
    Nodo::de(comando, &b.carpeta.path().join(format!("{rol}.log")))
}

/// Sends some operations into a disk that fails; those that were acknowledged all the same.
fn pedir_en_vano(
    cliente: &Cliente,
    como: impl Fn(Value) -> Value,
    fin: impl FnOnce(),
) -> Vec<usize> {
    let numeros = 20..30;
    numeros.clone().for_each(|n| cliente.enviar(&como(pide(n))));
    fin();
    let mut aceptadas = Vec::new();
    while !cliente.nada_por(Duration::from_millis(300)) {
        let respuesta = cliente.recibir();
        if respuesta["exito"] == true {
            let op_id = texto(&respuesta, "op_id");
            aceptadas.push(op_id[1..].parse().unwrap());
        }
    }
    aceptadas
}

#[test]
fn a_diario_whose_disk_fails_ends_its_carga_and_every_encolado_is_there_afterwards() {
    for modo in [Modo::Sync, Modo::Escritura] {
        let biblioteca = Biblioteca::sembrada();
        let trampa = Trampa::nueva(biblioteca.carpeta.path());
        let mut carga = con_trampa(&biblioteca, &trampa, "carga", "diario.db", modo);
        carga.espera_registro("espera clientes");
        let cliente = biblioteca.cliente();
        for n in 0..20 {
            let encolada = cliente.pedir(&asincrono(pide(n)));
            assert_eq!(texto(&encolada, "estado"), "ENCOLADO");
        }
        trampa.armar();
        let aceptadas = pedir_en_vano(&cliente, asincrono, || {
            assert_eq!(carga.espera_fin(FIN_MAX), 70, "{modo:?}");
        });
        assert_eq!(aceptadas, [0; 0], "{modo:?}: acknowledged without its sync");
        trampa.desarmar();
        let _nodos = ["carga", "actor-prestamo", "almacenamiento"].map(|rol| biblioteca.rol(rol));
        biblioteca.espera_servicio();
        let cliente = biblioteca.cliente();
        for n in 0..20 {
            let guardada = decidida(&cliente, &format!("k{n}"));
            assert_eq!(texto(&guardada, "estado"), "CONFIRMADO");
        }
    }
}

#[test]
fn a_database_whose_disk_fails_ends_its_owner_and_every_confirmado_is_there_afterwards() {
    for modo in [Modo::Sync, Modo::Escritura] {
        let biblioteca = Biblioteca::sembrada();
        let trampa = Trampa::nueva(biblioteca.carpeta.path());
        let mut almacen = con_trampa(
            &biblioteca,
            &trampa,
            "almacenamiento",
            "biblioteca.db",
            modo,
        );
        let _resto = ["carga", "actor-prestamo"].map(|rol| biblioteca.rol(rol));
        biblioteca.espera_servicio();
        let cliente = biblioteca.cliente();
        let antes: Vec<Value> = (0..20).map(|n| cliente.decidir(&pide(n))).collect();
        trampa.armar();
        let aceptadas = pedir_en_vano(
            &cliente,
            |pide| pide,
            || {
                assert_eq!(almacen.espera_fin(FIN_MAX), 70, "{modo:?}");
            },
        );
        assert_eq!(aceptadas, [0; 0], "{modo:?}: acknowledged without its sync");
        trampa.desarmar();
        let _almacen = biblioteca.rol("almacenamiento");
        biblioteca.espera_servicio();
        // The first one has answers of former attempts on their way.
        let cliente = biblioteca.cliente();
        for (n, primera) in antes.iter().enumerate() {
            let mut repetida = cliente.decidir(&pide(n));
            assert_eq!(repetida["repetida"], true, "{modo:?}: k{n} was lost");
            repetida["repetida"] = false.into();
            assert_eq!(&repetida, primera);
        }
        for n in 20..30 {
            cliente.decidir(&pide(n));
        }
        let hechas = "select count(*) from operaciones where op_id like 'k%'";
        assert_eq!(biblioteca.contar(hechas), 30);
    }
}
