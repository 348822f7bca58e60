//! The arguments of `medir`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{ArgsGlobales, OPCIONES, SEGUNDOS_MAX};
use crate::cli::valores::Sedes;
use crate::cli::valores::{carrera, entero, modos, sedes};
use crate::cli::{Carrera, Globales, Medicion, Medida, Modos, Pesos};

/// Most clients of one measurement in each sede: each is a few sockets of this process.
const CLIENTES_MAX: u32 = 1_000;
/// Most requests a second: what one process can send.
const RITMO_MAX: u32 = 100_000;
/// Most books that a measurement asks for.
const LIBROS_MAX: u32 = 1_000_000;
/// How long one measurement takes when nobody says it, in s.
const SEGUNDOS: u32 = 10;
/// The same for each row of the table: the course's two minutes.
const SEGUNDOS_TABLA: u32 = 120;

/// Examples and exit codes.
pub(super) const EJEMPLOS: &str = "Ejemplos:
  biblioteca medir --clientes 16 --segundos 30 --operacion prestamo
  biblioteca medir --operacion prestamo=50,devolucion=50 --ritmo 200 --salida corrida
  biblioteca medir --tabla --salida informe
  biblioteca medir --comparar ayer.json hoy.json

Mide la biblioteca que está en marcha y al terminar devuelve lo que prestó; aun así, que no sea la de verdad.
--ritmo pide a instantes fijos, responda o no la carga: la espera por un cliente libre también cuenta.
--tabla arranca una biblioteca propia, en puertos libres y una carpeta temporal, con 1 y con 4 actores de cada clase; con --carga mide la que está en marcha.

Salida: 0 medido; 69 nadie responde.";

#[derive(Debug, Args)]
#[command(next_help_heading = OPCIONES)]
pub(in crate::cli) struct ArgsMedir {
    /// Clientes a la vez en cada sede (si falta: 8)
    #[arg(long, value_name = "N", default_value = "8", hide_default_value = true, value_parser = entero::<1, CLIENTES_MAX>)]
    clientes: u32,
    /// Segundos que dura (si falta: 10; con --tabla, 120 cada fila)
    #[arg(long, value_name = "S", value_parser = entero::<1, SEGUNDOS_MAX>)]
    segundos: Option<u32>,
    /// Segundos de antes que no se cuentan (si falta: 1)
    #[arg(long, value_name = "S", default_value = "1", hide_default_value = true, value_parser = entero::<0, SEGUNDOS_MAX>)]
    calentamiento: u32,
    /// Solicitudes por segundo, a instantes fijos (si falta: cada cliente pide al tener su respuesta)
    #[arg(long, value_name = "N", value_parser = entero::<1, RITMO_MAX>)]
    ritmo: Option<u32>,
    /// prestamo, devolucion, renovacion, consulta, mezcla, o pesos: prestamo=50,consulta=50 (si falta: mezcla)
    #[arg(long, value_name = "OPERACION", value_parser = carrera)]
    operacion: Option<Carrera>,
    /// Cuántos libros de los sembrados se piden, de Libro1 en adelante (si falta: 998, todos los de ese nombre)
    #[arg(long, value_name = "N", default_value = "998", hide_default_value = true, value_parser = entero::<1, LIBROS_MAX>)]
    libros: u32,
    /// sincrono o asincrono, para todas o prestamo=asincrono,devolucion=sincrono (si falta: sincrono)
    #[arg(long, value_name = "MODO", value_parser = modos)]
    modo: Option<Modos>,
    /// Sedes, separadas por comas (si falta: nodo.sede; con --tabla, sede1,sede2)
    #[arg(long, value_name = "SEDES", value_parser = sedes)]
    sedes: Option<Sedes>,
    /// Guarda RUTA.json, RUTA.csv y dibujos RUTA.*.svg
    #[arg(long, value_name = "RUTA")]
    salida: Option<PathBuf>,
    /// El experimento: 4, 6 y 10 solicitantes por sede, síncrono y asíncrono, un actor y varios
    #[arg(long, conflicts_with_all = ["clientes", "ritmo", "operacion", "modo"])]
    tabla: bool,
    /// Compara dos resultados guardados
    #[arg(long, value_names = ["A.json", "B.json"], num_args = 2, conflicts_with_all = ["tabla", "salida"])]
    comparar: Vec<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) globales: ArgsGlobales,
}

/// What it asks.
pub(in crate::cli) fn medicion(args: ArgsMedir, globales: &mut Globales) -> Medicion {
    globales.sumar(args.globales);
    if let [una, otra] = args.comparar.as_slice() {
        return Medicion::Comparar(una.clone(), otra.clone());
    }
    let usuales = if args.tabla { SEGUNDOS_TABLA } else { SEGUNDOS };
    let segundos = |cuantos: u32| Duration::from_secs(u64::from(cuantos));
    let medida = Medida {
        clientes: args.clientes,
        sedes: args.sedes.map(|sedes| sedes.0).unwrap_or_default(),
        duracion: segundos(args.segundos.unwrap_or(usuales)),
        calentamiento: segundos(args.calentamiento),
        ritmo: args.ritmo,
        carrera: args.operacion.unwrap_or(Carrera::Mezcla(Pesos::default())),
        libros: args.libros,
        modos: args.modo.unwrap_or_default(),
        salida: args.salida,
        en_marcha: globales.cargas.is_some(),
    };
    if args.tabla {
        Medicion::Tabla(medida)
    } else {
        Medicion::Una(medida)
    }
}
