//! What a seed stands for: how many processes, which settings, how hostile a network, how
//! often something breaks, and until when.

use biblioteca::domain::operacion::Operacion;

use crate::azar::Azar;
use crate::caso::Caso;
use crate::defecto::Defecto;

/// How links behave besides the faults that cut them.
#[derive(Debug, Clone, Copy)]
pub struct Ruido {
    /// Messages lost, doubled and delayed, in a thousand.
    pub perdidos_mil: u64,
    pub dobles_mil: u64,
    pub lentos_mil: u64,
    /// Longest delay of a delayed one.
    pub lento_max_us: u64,
    /// Whether a message may overtake another of the same link.
    pub desordena: bool,
}

/// See the module's doc.
#[derive(Debug, Clone)]
pub struct Escenario {
    pub semilla: u64,
    pub defecto: Option<Defecto>,
    /// One named fault in place of the drawn ones.
    pub caso: Option<Caso>,
    /// Of a thousand attempts, how many ask to be queued.
    pub asincronas_mil: u64,
    pub clientes: usize,
    pub guion: usize,
    pub actores: Vec<Operacion>,
    pub plazo_ms: u64,
    pub creditos: u32,
    pub cola_carga: usize,
    pub cola_almacen: usize,
    pub lote_max: usize,
    pub commit_max_us: u64,
    pub abierto_ms: u64,
    pub espera_ms: u64,
    pub rondas: u32,
    pub intentos_max: u32,
    pub ruido: Ruido,
    /// Mean time between faults.
    pub falta_cada_us: u64,
    /// When faults end.
    pub sana_us: u64,
}

/// Cargas and almacenamientos: every role twice.
pub const CARGAS: usize = 2;
pub const ALMACENES: usize = 2;

impl Escenario {
    pub fn de(semilla: u64, defecto: Option<Defecto>) -> Self {
        let azar = &mut Azar::nuevo(semilla ^ 0x5eed_0000_b1b1_107e);
        let temas = azar.uno::<&[Operacion]>(&[
            &[Operacion::Prestamo],
            &[Operacion::Prestamo, Operacion::Renovacion],
            &[Operacion::Prestamo, Operacion::Devolucion],
            &[
                Operacion::Prestamo,
                Operacion::Devolucion,
                Operacion::Renovacion,
            ],
        ]);
        let por_tema = azar.uno(&[2, 2, 2, 3]);
        let plazo_ms = azar.uno(&[600, 1_200, 2_500, 2_500]);
        Self {
            semilla,
            defecto,
            caso: None,
            asincronas_mil: azar.uno(&[0, 100, 400, 1_000]),
            clientes: azar.indice(6) + 1,
            guion: azar.indice(7) + 3,
            actores: temas
                .iter()
                .flat_map(|&tema| std::iter::repeat_n(tema, por_tema))
                .collect(),
            plazo_ms,
            creditos: azar.uno(&[1, 2, 8, 64]),
            cola_carga: azar.uno(&[0, 2, 100]),
            cola_almacen: azar.uno(&[1, 4, 100]),
            lote_max: azar.uno(&[1, 3, 64]),
            // Slower than this and no deadline could be kept by anybody.
            commit_max_us: azar.uno(&[2_000, 20_000, 20_000, plazo_ms * 80]),
            abierto_ms: azar.uno(&[1_000, 3_000, 10_000]),
            espera_ms: azar.uno(&[300, 1_000, 3_000]),
            rondas: azar.uno(&[1, 2, 2, 3]),
            intentos_max: azar.uno(&[1, 3, 40]),
            ruido: ruido(azar),
            falta_cada_us: azar.uno(&[150_000, 400_000, 1_000_000, 2_500_000]),
            sana_us: azar.entre(2_000_000, 8_000_000),
        }
    }
}

fn ruido(azar: &mut Azar) -> Ruido {
    let nivel = azar.indice(4);
    Ruido {
        perdidos_mil: [0, 0, 20, 150][nivel],
        dobles_mil: [0, 10, 100, 300][azar.indice(4)],
        lentos_mil: [0, 50, 300, 700][nivel],
        lento_max_us: azar.uno(&[20_000, 500_000, 1_500_000]),
        desordena: azar.mil(500),
    }
}
