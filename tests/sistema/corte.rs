//! Fault case 26: the power goes at any instant, and everything acknowledged is there
//! afterwards.
//!
//! A node with every role works while a library preloaded into it writes down, in one order,
//! what it does to its files and what it tells its clients (`grabadora.c`). From that the disk
//! is built as a power cut would leave it, at one instant after the other, and opened as a
//! restart would.
//!
//! Here some of the cuts around syncs, changes of names and acknowledgements, and a few between,
//! others each time. All of them, by command:
//!
//! ```text
//! BIBLIOTECA_CORTES=todos cargo test --test sistema power_cut -- --nocapture
//! ```
//!
//! That takes an hour of CPU; `BIBLIOTECA_CORTES=K/N` takes the K-th of N parts of them, a number
//! about so many of the first kind. `BIBLIOTECA_CORTES_SEMILLA` is the seed of which, and of
//! what is left of unsynced writes. The recording is never the same twice, so a failure keeps it.

mod disco;
mod grabacion;
mod juez;
mod mostrador;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::azar::Azar;
use crate::nodo::{Biblioteca, Nodo};
use disco::{Contenido, Disco, Forma, contenido};
use grabacion::{Acuse, Grabacion, Grabadora, Registro};
use juez::{Debido, Juez};
use mostrador::{Memoria, Mostrador};

/// Cuts around something, and between.
const CORTES: usize = 140;
const ENTRE: usize = 40;

/// Rounds until SQLite copies its log to the file, at most: it takes a dozen.
const RONDAS_MAX: usize = 100;

/// Free space that images in memory need; a small /dev/shm is left alone.
const MEMORIA_MIN: u64 = 1 << 30;

/// Failures that each thread tells.
const MUESTRAS: usize = 5;

/// The two lives of a node, recorded, and what the desk knows of them.
fn grabar(biblioteca: &Biblioteca, grabadora: &Grabadora, antes: &Contenido) -> Memoria {
    let registro = biblioteca.carpeta.path().join("nodo.log");
    let vida = || {
        let comando = grabadora.graba(biblioteca.comando(&[]), &biblioteca.datos());
        let nodo = Nodo::de(comando, &registro);
        biblioteca.espera_servicio();
        nodo
    };
    let mut nodo = vida();
    let mut mostrador = Mostrador::nuevo(biblioteca);
    let copiada = || fs::metadata(biblioteca.base()).unwrap().modified().unwrap();
    let sembrada = copiada();
    let rondas = (0..RONDAS_MAX).take_while(|_| {
        mostrador.ronda();
        copiada() == sembrada
    });
    println!("rounds: {}", rondas.count());
    assert_ne!(
        copiada(),
        sembrada,
        "SQLite never copied its log to the file"
    );
    // Its log begins again over the old one.
    mostrador.ronda();
    let pendientes = mostrador.interrumpir(&mut nodo);
    comprobar_grabacion(grabadora, antes, &biblioteca.datos());
    assert!(
        vuelve_a_empezar(&grabadora.leer()),
        "it did not begin again"
    );

    let mut nodo = vida();
    mostrador.volver(&pendientes);
    mostrador.ronda();
    nodo.senal("TERM");
    assert_eq!(nodo.espera_fin(Duration::from_secs(20)), 0);
    comprobar_grabacion(grabadora, antes, &biblioteca.datos());
    mostrador.memoria
}

/// Whether the database's log was copied to the file and then written from its start.
fn vuelve_a_empezar(grabacion: &Grabacion) -> bool {
    let escrito = |n: usize| match grabacion.registro(n) {
        Registro::Escribe { nombre, donde, .. } => Some((nombre, donde)),
        _ => None,
    };
    let mut escritos = (0..grabacion.largo()).filter_map(escrito);
    let copiada = escritos.any(|(nombre, _)| nombre == "biblioteca.db");
    copiada && escritos.any(|(nombre, donde)| nombre == "biblioteca.db-wal" && donde == 0)
}

/// With everything that was written, the disk is the folder as the node left it: nothing
/// escaped the recording. A process may end, or be killed, when its last write is recorded and
/// not done; that one is forgotten.
fn comprobar_grabacion(grabadora: &Grabadora, antes: &Contenido, datos: &Path) {
    let grabacion = grabadora.leer();
    let real = contenido(datos);
    let mut distintos = BTreeSet::new();
    let ultimo = grabacion.largo() - 1;
    for largo in (ultimo..=grabacion.largo()).rev() {
        let mut disco = Disco::nuevo(antes);
        (0..largo).for_each(|n| disco.sigue(grabacion.registro(n)));
        let copia = tempfile::tempdir().unwrap();
        disco.cortar(Forma::Todo, &mut Azar::nuevo(0), copia.path());
        let copia = contenido(copia.path());
        if copia == real {
            grabadora.recortar(&grabacion, largo);
            return;
        }
        let nombres = copia.keys().chain(real.keys());
        distintos.extend(nombres.filter(|n| copia.get(*n) != real.get(*n)).cloned());
    }
    panic!("the recording is not what the node did: {distintos:?}");
}

/// The power goes before this record.
#[derive(Debug, Clone, Copy)]
struct Corte {
    registro: usize,
    /// Around a sync, a change of a name or an acknowledgement.
    notable: bool,
    /// The last one before something more is surely on the disk.
    al_borde: bool,
}

/// Every instant at which the disk is another one than at the next; what has been acknowledged
/// by then is the most that this disk must hold.
fn cortes(grabacion: &Grabacion, acuses: &[Acuse]) -> Vec<Corte> {
    let dichos: BTreeSet<usize> = acuses.iter().map(|acuse| acuse.registro).collect();
    let es_escritura = |registro: &Registro<'_>| {
        matches!(registro, Registro::Escribe { .. } | Registro::Trunca { .. })
    };
    let (mut cortes, mut anterior, mut notable) = (Vec::new(), 0, true);
    for n in 0..grabacion.largo() {
        let registro = grabacion.registro(n);
        if !registro.es_de_disco() {
            continue;
        }
        notable |= !es_escritura(&registro) || dichos.range(anterior..n).next().is_some();
        cortes.push(Corte {
            registro: n,
            notable,
            al_borde: matches!(registro, Registro::Sincronizado(_)),
        });
        (anterior, notable) = (n, !es_escritura(&registro));
    }
    cortes.push(Corte {
        registro: grabacion.largo(),
        notable: true,
        al_borde: true,
    });
    cortes
}

/// Those to be taken: all, one part of them, or about so many of each kind, as the seed draws
/// them.
fn elegir(mut cortes: Vec<Corte>, semilla: u64) -> Vec<Corte> {
    let dicho = std::env::var("BIBLIOTECA_CORTES").ok();
    let numero = |texto: &str| texto.parse().expect("todos, a part K/N, or a number");
    let cuantos: usize = match dicho.as_deref() {
        None => CORTES,
        Some("todos") => return cortes,
        Some(dicho) => match dicho.split_once('/') {
            None => numero(dicho),
            Some((cual, de)) => {
                let (cual, de): (usize, usize) = (numero(cual), numero(de));
                let linde = |n| cortes.len() * n / de;
                return cortes[linde(cual - 1)..linde(cual)].to_vec();
            }
        },
    };
    let notables = cortes.iter().filter(|corte| corte.notable).count();
    let otros = cortes.len() - notables;
    let mut azar = Azar::nuevo(semilla);
    cortes.retain(|corte| match corte.notable {
        true => azar.indice(notables) < cuantos,
        false => azar.indice(otros) < ENTRE,
    });
    cortes
}

/// Where images are built: in memory if the PC has that, as each of thousands waits for its
/// disk when it is opened.
fn taller() -> TempDir {
    let memoria = PathBuf::from("/dev/shm");
    let libre = rustix::fs::statvfs(&memoria).map_or(0, |disco| disco.f_bavail * disco.f_frsize);
    if libre >= MEMORIA_MIN {
        return tempfile::tempdir_in(memoria).unwrap();
    }
    tempfile::tempdir().unwrap()
}

/// What all who look at the images share.
struct Caso<'a> {
    antes: &'a Contenido,
    grabacion: &'a Grabacion,
    acuses: &'a [Acuse],
    cortes: &'a [Corte],
    semilla: u64,
    taller: &'a Path,
}

impl Caso<'_> {
    /// Takes the cuts `cual`, `cual + de`, …: after which something is wrong, told at once, as
    /// all of them take their time. Counts the images.
    fn mirar(&self, cual: usize, de: usize, hechas: &AtomicUsize) -> BTreeSet<usize> {
        let ejecutor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut disco = Disco::nuevo(self.antes);
        let (mut debido, mut juez) = (Debido::default(), Juez::default());
        let (mut registro, mut acuses) = (0, self.acuses.iter().peekable());
        let mut faltas = BTreeSet::new();
        for corte in self.cortes.iter().skip(cual).step_by(de) {
            while registro < corte.registro {
                disco.sigue(self.grabacion.registro(registro));
                registro += 1;
            }
            while let Some(acuse) = acuses.next_if(|acuse| acuse.registro < corte.registro) {
                debido.sigue(acuse);
            }
            for forma in [Forma::Todo, Forma::Parte, Forma::Nada] {
                let otra = match forma {
                    Forma::Todo => true,
                    Forma::Parte => disco.por_sincronizar(),
                    // Until then the same is surely on the disk, and less was acknowledged.
                    Forma::Nada => disco.por_sincronizar() && corte.al_borde,
                };
                if !otra {
                    continue;
                }
                let vez = hechas.fetch_add(1, Ordering::Relaxed);
                // Of its own: SQLite closes the one before when it likes.
                let carpeta = self.taller.join(vez.to_string());
                fs::create_dir(&carpeta).unwrap();
                let mut azar = Azar::nuevo(self.semilla ^ ((corte.registro as u64) << 8));
                disco.cortar(forma, &mut azar, &carpeta);
                if let Err(falta) = ejecutor.block_on(juez.juzgar(&carpeta, &debido))
                    && faltas.insert(corte.registro)
                    && faltas.len() <= MUESTRAS
                {
                    println!("{corte:?} {forma:?}: {falta}");
                }
                fs::remove_dir_all(&carpeta).unwrap();
            }
        }
        faltas
    }
}

fn semilla() -> u64 {
    let dicha = std::env::var("BIBLIOTECA_CORTES_SEMILLA");
    dicha.map_or_else(
        |_| u64::from(std::process::id()),
        |texto| texto.parse().expect("a number"),
    )
}

#[test]
fn a_power_cut_at_any_instant_takes_nothing_that_was_acknowledged() {
    let mut biblioteca = Biblioteca::sembrada();
    let antes = contenido(&biblioteca.datos());
    let grabadora = Grabadora::nueva(biblioteca.carpeta.path());
    let inicio = Instant::now();
    let memoria = grabar(&biblioteca, &grabadora, &antes);
    println!("recorded in {:.1} s", inicio.elapsed().as_secs_f64());
    let grabacion = grabadora.leer();
    let mut acuses = grabacion.acuses(biblioteca.clientes);
    acuses.retain(|acuse| memoria.pedidas.contains(&acuse.op_id));
    let grabadas: BTreeSet<_> = acuses
        .iter()
        .map(|acuse| (acuse.op_id.clone(), acuse.estado.clone()))
        .collect();
    let mudas: Vec<_> = memoria.dichas.difference(&grabadas).collect();
    assert!(
        mudas.is_empty(),
        "told, and not in the recording: {mudas:?}"
    );

    let semilla = semilla();
    let cortes = elegir(cortes(&grabacion, &acuses), semilla);
    let taller = taller();
    let caso = Caso {
        antes: &antes,
        grabacion: &grabacion,
        acuses: &acuses,
        cortes: &cortes,
        semilla,
        taller: taller.path(),
    };
    let (inicio, hechas) = (Instant::now(), AtomicUsize::new(0));
    let hilos = thread::available_parallelism().map_or(1, usize::from);
    let faltas: BTreeSet<usize> = thread::scope(|ambito| {
        let (caso, hechas) = (&caso, &hechas);
        let hilos: Vec<_> = (0..hilos)
            .map(|cual| ambito.spawn(move || caso.mirar(cual, hilos, hechas)))
            .collect();
        hilos
            .into_iter()
            .flat_map(|hilo| hilo.join().unwrap())
            .collect()
    });
    println!(
        "seed {semilla}: {} records, {} acknowledgements, {} cuts, {} images in {:.1} s",
        grabacion.largo(),
        acuses.len(),
        cortes.len(),
        hechas.into_inner(),
        inicio.elapsed().as_secs_f64(),
    );
    if !faltas.is_empty() {
        biblioteca.carpeta.disable_cleanup(true);
        panic!(
            "{} cuts lose something; the recording is in {}",
            faltas.len(),
            biblioteca.carpeta.path().display()
        );
    }
}
