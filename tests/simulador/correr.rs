//! Runs many seeds on all cores, and says of the first that fails how to see it again.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::defecto::Defecto;
use crate::escenario::Escenario;
use crate::juez::{Cobertura, Violacion};
use crate::mundo::{Mundo, Resumen};
use crate::rastro::Rastro;

/// A seed that broke a promise.
#[derive(Debug, Clone)]
pub struct Fallida {
    pub semilla: u64,
    pub violacion: Violacion,
}

/// What a sweep did.
#[derive(Debug, Default)]
pub struct Barrido {
    pub semillas: u64,
    pub eventos: u64,
    pub cobertura: Cobertura,
    pub virtual_us: u64,
    pub fallida: Option<Fallida>,
}

/// One seed; `lineas` of its end are kept.
pub fn una(
    semilla: u64,
    defecto: Option<Defecto>,
    lineas: usize,
) -> (Result<Resumen, Violacion>, String) {
    con(Escenario::de(semilla, defecto), lineas)
}

/// A scenario of somebody's own.
pub fn con(escenario: Escenario, lineas: usize) -> (Result<Resumen, Violacion>, String) {
    let mut mundo = Mundo::nuevo(escenario, Rastro::de(lineas));
    let fin = mundo.correr();
    let mut rastro = mundo.rastro.texto();
    if let Err(violacion) = &fin {
        rastro.push_str(&violacion.to_string());
    }
    (fin, rastro)
}

/// The first of so many seeds that catches a planted bug.
pub fn primera_que_falla(cuantas: u64, defecto: Defecto) -> Option<Fallida> {
    (1..=cuantas).find_map(|semilla| {
        let violacion = una(semilla, Some(defecto), 0).0.err()?;
        Some(Fallida { semilla, violacion })
    })
}

/// Seeds from `primera` on, on all cores, until one fails.
pub fn varias(primera: u64, cuantas: u64) -> Barrido {
    let siguiente = AtomicU64::new(0);
    let basta = AtomicBool::new(false);
    let total = Mutex::new(Barrido::default());
    let hilos = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|ambito| {
        for _ in 0..hilos {
            ambito.spawn(|| {
                while !basta.load(Ordering::Relaxed) {
                    let numero = siguiente.fetch_add(1, Ordering::Relaxed);
                    if numero >= cuantas {
                        return;
                    }
                    let semilla = primera.wrapping_add(numero);
                    let (fin, _) = una(semilla, None, 0);
                    let mut total = total.lock().unwrap();
                    total.semillas += 1;
                    match fin {
                        Ok(resumen) => total.sumar(resumen),
                        Err(violacion) => {
                            basta.store(true, Ordering::Relaxed);
                            total.quizas(Fallida { semilla, violacion });
                        }
                    }
                }
            });
        }
    });
    total.into_inner().unwrap()
}

impl Barrido {
    const fn sumar(&mut self, resumen: Resumen) {
        self.eventos += resumen.eventos;
        self.cobertura.sumar(&resumen.cobertura);
        self.virtual_us += resumen.dura_us;
    }

    /// The lowest seed is told, whichever thread was faster.
    fn quizas(&mut self, fallida: Fallida) {
        if self
            .fallida
            .as_ref()
            .is_none_or(|otra| fallida.semilla < otra.semilla)
        {
            self.fallida = Some(fallida);
        }
    }
}

/// How a failure is told: what broke, the run's end, and the command that repeats it.
pub fn informe(fallida: &Fallida, lineas: usize) -> String {
    let semilla = fallida.semilla;
    let (fin, rastro) = una(semilla, None, lineas);
    let mut texto = format!("\n{:#?}\n\n{rastro}\n", Escenario::de(semilla, None));
    let repetida = match fin {
        Ok(_) => "it passed when repeated: the run is not deterministic".to_owned(),
        Err(violacion) => violacion.to_string(),
    };
    let _ = writeln!(texto, "seed {semilla}: {}", fallida.violacion);
    let _ = writeln!(texto, "repeated: {repetida}");
    let _ = writeln!(texto, "to see it: deploy/simular.sh 1 {semilla}");
    texto
}
