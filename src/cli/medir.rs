//! What `medir` measures: who asks, what, how fast and how it is to be answered.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::ids::Sede;
use crate::domain::modo::Modo;
use crate::domain::operacion::Operacion;

/// What a user wants of `medir`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Medicion {
    /// One measurement.
    Una(Medida),
    /// The course's experiment: several, each like this one.
    Tabla(Medida),
    /// Two results side by side.
    Comparar(PathBuf, PathBuf),
}

/// A measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Medida {
    /// Clients at once, in each sede.
    pub clientes: u32,
    /// Their sedes; none leaves it to the settings.
    pub sedes: Vec<Sede>,
    /// How long, without the warm-up.
    pub duracion: Duration,
    /// What comes before and is not counted.
    pub calentamiento: Duration,
    /// Requests a second, due at fixed instants; none is a closed loop.
    pub ritmo: Option<u32>,
    /// What they ask.
    pub carrera: Carrera,
    /// How many of the seeded books they ask for, from `Libro1`.
    pub libros: u32,
    /// When writes are answered.
    pub modos: Modos,
    /// Where the results go, without extension.
    pub salida: Option<PathBuf>,
    /// `--carga` was given: the library that runs there is measured, whatever it is.
    pub en_marcha: bool,
}

/// What the clients of a measurement ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrera {
    /// One operation only, with what it needs before or after.
    Una(Operacion),
    /// Several together.
    Mezcla(Pesos),
}

/// How often each operation is asked, against the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pesos([u32; OPERACIONES.len()]);

/// In the order of [`Pesos`].
const OPERACIONES: [Operacion; 4] = [
    Operacion::Prestamo,
    Operacion::Devolucion,
    Operacion::Renovacion,
    Operacion::Consulta,
];

/// Largest weight: more says nothing that a smaller one could not.
const PESO_MAX: u32 = 1_000;

impl Default for Pesos {
    /// A fifth reads, and of the rest a fifth renews; each loan is returned.
    fn default() -> Self {
        Self([32, 32, 16, 20])
    }
}

impl Pesos {
    /// Reads `prestamo=50,consulta=50`.
    ///
    /// # Errors
    /// A Spanish sentence.
    pub fn leer(texto: &str) -> Result<Self, String> {
        let mut pesos = [0; OPERACIONES.len()];
        for pieza in texto.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let (nombre, peso) = pieza.split_once('=').unwrap_or((pieza, "1"));
            let lugar = Operacion::de_palabra(nombre.trim())
                .and_then(|cual| OPERACIONES.iter().position(|otra| *otra == cual))
                .ok_or_else(|| {
                    format!(
                        "'{nombre}' no se mide: prestamo, devolucion, renovacion, consulta, mezcla"
                    )
                })?;
            pesos[lugar] = peso
                .trim()
                .parse()
                .ok()
                .filter(|peso| *peso <= PESO_MAX)
                .ok_or_else(|| format!("'{peso}' no es un peso de 0 a {PESO_MAX}"))?;
        }
        if pesos.iter().all(|peso| *peso == 0) {
            return Err("la mezcla no pide nada".to_owned());
        }
        Ok(Self(pesos))
    }

    /// All the weights together; never 0.
    #[must_use]
    pub fn suma(&self) -> u32 {
        self.0.iter().sum()
    }

    /// The operation on which a number below [`Pesos::suma`] falls.
    #[must_use]
    pub fn sortear(&self, mut numero: u64) -> Operacion {
        for (operacion, peso) in OPERACIONES.into_iter().zip(self.0) {
            if numero < u64::from(peso) {
                return operacion;
            }
            numero -= u64::from(peso);
        }
        Operacion::Consulta
    }
}

/// When each writing operation is answered; none leaves it synchronous.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Modos([Option<Modo>; Operacion::ESCRITURAS.len()]);

impl Modos {
    /// The same for all.
    #[must_use]
    pub const fn todos(modo: Modo) -> Self {
        Self([Some(modo); Operacion::ESCRITURAS.len()])
    }

    /// That of an operation.
    #[must_use]
    pub fn de(&self, operacion: Operacion) -> Option<Modo> {
        let lugar = Operacion::ESCRITURAS
            .iter()
            .position(|otra| *otra == operacion)?;
        self.0[lugar]
    }

    /// Reads `asincrono`, or `prestamo=sincrono,devolucion=asincrono`.
    ///
    /// # Errors
    /// A Spanish sentence.
    pub fn leer(texto: &str) -> Result<Self, String> {
        let modo = |palabra: &str| {
            Modo::de_palabra(palabra.trim())
                .ok_or_else(|| format!("'{palabra}' no es un modo: es sincrono o asincrono"))
        };
        if !texto.contains('=') {
            return modo(texto).map(Self::todos);
        }
        let mut modos = Self::default();
        for pieza in texto.split(',') {
            let (nombre, palabra) = pieza.split_once('=').unwrap_or((pieza, ""));
            let lugar = Operacion::de_palabra(nombre.trim())
                .and_then(|cual| Operacion::ESCRITURAS.iter().position(|otra| *otra == cual))
                .ok_or_else(|| {
                    format!("'{nombre}' no tiene modo: prestamo, devolucion, renovacion")
                })?;
            modos.0[lugar] = Some(modo(palabra)?);
        }
        Ok(modos)
    }
}

impl fmt::Display for Carrera {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Una(operacion) => write!(f, "{operacion}"),
            Self::Mezcla(Pesos(pesos)) => {
                let piezas: Vec<_> = OPERACIONES
                    .iter()
                    .zip(pesos)
                    .filter(|(_, peso)| **peso > 0)
                    .map(|(operacion, peso)| format!("{operacion}={peso}"))
                    .collect();
                f.write_str(&piezas.join(","))
            }
        }
    }
}

impl fmt::Display for Modos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let palabra = |modo: Option<Modo>| modo.unwrap_or(Modo::Sincrono).palabra();
        if self
            .0
            .iter()
            .all(|modo| palabra(*modo) == palabra(self.0[0]))
        {
            return f.write_str(palabra(self.0[0]));
        }
        let piezas: Vec<_> = Operacion::ESCRITURAS
            .iter()
            .zip(self.0)
            .map(|(operacion, modo)| format!("{operacion}={}", palabra(modo)))
            .collect();
        f.write_str(&piezas.join(","))
    }
}
