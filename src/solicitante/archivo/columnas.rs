//! The order of the columns of a request file: as given with `--columnas` or found.
//!
//! Called by the command line (`FromStr`) and by the reader. It never looks at a file.

use std::fmt;
use std::str::FromStr;

use super::palabras;

/// Most columns a line may have: twice what any known form uses.
pub const COLUMNAS_MAX: usize = 12;

/// What stands in one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Columna {
    /// The operation's word.
    Operacion,
    /// The book: goes out as `isbn`.
    Libro,
    /// The bar code of one copy.
    Ejemplar,
    /// Who borrows or returns.
    Usuario,
    /// The branch.
    Sede,
    /// Words of a title, for a consulta.
    Titulo,
    /// Something a request has no field for, such as the number of a loan.
    Ignorada,
}

impl Columna {
    /// Its name in `--columnas`.
    #[must_use]
    pub const fn nombre(self) -> &'static str {
        match self {
            Self::Operacion => "operacion",
            Self::Libro => "libro",
            Self::Ejemplar => "ejemplar",
            Self::Usuario => "usuario",
            Self::Sede => "sede",
            Self::Titulo => "titulo",
            Self::Ignorada => "ignorar",
        }
    }
}

/// An order of columns in which an operation and its book can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columnas(Vec<Columna>);

/// Why an order of columns can't be used; `Display` is the Spanish sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnasError {
    /// A name that stands for no column.
    #[error(
        "la columna '{0}' no existe; use operacion, usuario, libro, ejemplar, sede, titulo o ignorar"
    )]
    Desconocida(String),
    /// A column twice.
    #[error("la columna '{0}' está dos veces")]
    Repetida(&'static str),
    /// Without it no line makes a request.
    #[error("falta la columna '{0}'")]
    Falta(&'static str),
    /// More than [`COLUMNAS_MAX`].
    #[error("son más de {COLUMNAS_MAX} columnas")]
    Demasiadas,
}

impl Columnas {
    /// Checks an order.
    ///
    /// # Errors
    /// [`ColumnasError`] when a column is missing or stands twice, or there are too many.
    pub fn nuevas(columnas: Vec<Columna>) -> Result<Self, ColumnasError> {
        if columnas.len() > COLUMNAS_MAX {
            return Err(ColumnasError::Demasiadas);
        }
        for (posicion, columna) in columnas.iter().enumerate() {
            if *columna != Columna::Ignorada && columnas[..posicion].contains(columna) {
                return Err(ColumnasError::Repetida(columna.nombre()));
            }
        }
        if !columnas.contains(&Columna::Operacion) {
            return Err(ColumnasError::Falta("operacion"));
        }
        let libro = [Columna::Libro, Columna::Ejemplar, Columna::Titulo];
        if !columnas.iter().any(|columna| libro.contains(columna)) {
            return Err(ColumnasError::Falta("libro"));
        }
        Ok(Self(columnas))
    }

    /// The columns from left to right.
    #[must_use]
    pub fn orden(&self) -> &[Columna] {
        &self.0
    }

    /// Where the operation's word stands, from 0.
    #[must_use]
    pub fn posicion_operacion(&self) -> usize {
        self.0
            .iter()
            .position(|columna| *columna == Columna::Operacion)
            .unwrap_or(0)
    }
}

impl FromStr for Columnas {
    type Err = ColumnasError;

    fn from_str(texto: &str) -> Result<Self, ColumnasError> {
        let columnas = texto
            .split([',', ';', ' '])
            .map(str::trim)
            .filter(|nombre| !nombre.is_empty())
            .map(|nombre| {
                let conocida = match nombre {
                    "-" | "_" => Some(Columna::Ignorada),
                    _ => palabras::columna(nombre),
                };
                conocida.ok_or_else(|| ColumnasError::Desconocida(nombre.to_owned()))
            })
            .collect::<Result<_, _>>()?;
        Self::nuevas(columnas)
    }
}

impl fmt::Display for Columnas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nombres: Vec<_> = self.0.iter().map(|columna| columna.nombre()).collect();
        f.write_str(&nombres.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_printed_and_checked() {
        let orden: Result<Columnas, _> = "Operación, idUsuario,libro,sede".parse();
        assert_eq!(
            orden.map(|columnas| columnas.to_string()),
            Ok("operacion,usuario,libro,sede".to_owned())
        );
        assert_eq!(
            "operacion,color,libro".parse::<Columnas>(),
            Err(ColumnasError::Desconocida("color".to_owned()))
        );
        assert_eq!(
            "operacion,usuario".parse::<Columnas>(),
            Err(ColumnasError::Falta("libro"))
        );
        assert_eq!(
            "operacion,libro,isbn".parse::<Columnas>(),
            Err(ColumnasError::Repetida("libro"))
        );
        assert!("operacion,-,libro,-".parse::<Columnas>().is_ok());
    }
}
