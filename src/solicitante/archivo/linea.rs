//! One cut line and its columns become one request.
//!
//! Called by the reader. Its errors are Spanish reasons: an unreadable line never stops the
//! others.

use super::columnas::{Columna, Columnas};
use super::{detectar, palabras};
use crate::domain::ids::{Campo, Ejemplar, Isbn, Sede, Texto, Titulo, UsuarioId};
use crate::domain::operacion::Operacion;

/// What a line asks, checked: the fields that contract §2 needs for its operation stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineaPedido {
    /// What is asked; never `estado`.
    pub operacion: Operacion,
    /// The book.
    pub isbn: Option<Isbn>,
    /// One copy.
    pub ejemplar: Option<Ejemplar>,
    /// Who borrows or returns.
    pub usuario: Option<UsuarioId>,
    /// The branch, if the line tells it.
    pub sede: Option<Sede>,
    /// Words of a title, for a consulta.
    pub titulo: Option<Titulo>,
}

/// Collects the fields of a line, each at most once.
#[derive(Debug, Default)]
pub(super) struct Campos<'a> {
    valores: Vec<(Columna, &'a str)>,
}

impl<'a> Campos<'a> {
    /// Adds a field; an empty one is as if absent.
    ///
    /// # Errors
    /// A reason when the field already has another value.
    pub(super) fn poner(&mut self, columna: Columna, valor: &'a str) -> Result<(), String> {
        let valor = valor.trim();
        if valor.is_empty() || columna == Columna::Ignorada {
            return Ok(());
        }
        match self.valor(columna) {
            Some(otro) if otro != valor => Err(format!(
                "dice dos veces '{}': '{otro}' y '{valor}'",
                columna.nombre()
            )),
            Some(_) => Ok(()),
            None => {
                self.valores.push((columna, valor));
                Ok(())
            }
        }
    }

    fn valor(&self, columna: Columna) -> Option<&'a str> {
        self.valores
            .iter()
            .find(|(cual, _)| *cual == columna)
            .map(|(_, valor)| *valor)
    }

    /// The request, checked.
    ///
    /// # Errors
    /// A reason when a field is wrong or one that the operation needs is missing.
    pub(super) fn pedido(&self) -> Result<LineaPedido, String> {
        let palabra = self
            .valor(Columna::Operacion)
            .ok_or_else(|| "falta la operación".to_owned())?;
        let operacion = palabras::operacion(palabra)
            .ok_or_else(|| format!("operación desconocida '{palabra}'"))?;
        let pedido = LineaPedido {
            operacion,
            isbn: parse(self.valor(Columna::Libro))?,
            ejemplar: parse(self.valor(Columna::Ejemplar))?,
            usuario: parse(self.valor(Columna::Usuario))?,
            sede: parse(self.valor(Columna::Sede))?,
            titulo: parse(self.valor(Columna::Titulo))?,
        };
        comprobar(pedido)
    }
}

fn parse<K: Campo>(valor: Option<&str>) -> Result<Option<Texto<K>>, String> {
    valor
        .map(Texto::parse)
        .transpose()
        .map_err(|error| error.to_string())
}

/// The needed fields of contract §2.
fn comprobar(pedido: LineaPedido) -> Result<LineaPedido, String> {
    let libro = pedido.isbn.is_some() || pedido.ejemplar.is_some();
    let usuario = pedido.usuario.is_some();
    let falta = match pedido.operacion {
        Operacion::Prestamo | Operacion::Renovacion if !libro => Some("falta el libro"),
        Operacion::Prestamo | Operacion::Renovacion if !usuario => Some("falta el usuario"),
        Operacion::Devolucion if pedido.ejemplar.is_none() && !(libro && usuario) => {
            Some("una devolución necesita el código del ejemplar, o el libro y el usuario")
        }
        Operacion::Consulta if !libro && pedido.titulo.is_none() => Some("falta el libro"),
        Operacion::Estado => Some("un archivo no puede preguntar por un estado"),
        _ => None,
    };
    match falta {
        Some(motivo) => Err(motivo.to_owned()),
        None => Ok(pedido),
    }
}

/// Reads a cut line. With `dudar` (the columns were told by evidence) a line whose user and
/// book look exchanged is not sent.
///
/// # Errors
/// The Spanish reason why it makes no request.
pub(super) fn leer(fila: &[&str], columnas: &Columnas, dudar: bool) -> Result<LineaPedido, String> {
    let mut campos = Campos::default();
    for (columna, valor) in emparejar(fila, columnas)? {
        campos.poner(columna, valor)?;
    }
    let visto = |columna| campos.valor(columna).and_then(detectar::indicio);
    if dudar
        && visto(Columna::Usuario) == Some(Columna::Libro)
        && visto(Columna::Libro) == Some(Columna::Usuario)
    {
        return Err("el usuario y el libro parecen cambiados de columna".to_owned());
    }
    campos.pedido()
}

/// Gives each value its column. A short line may lack columns that its operation can do
/// without, if it is certain which.
fn emparejar<'a>(fila: &[&'a str], columnas: &Columnas) -> Result<Vec<(Columna, &'a str)>, String> {
    let orden = columnas.orden();
    if fila.len() > orden.len() {
        return Err(format!(
            "tiene {} columnas y se esperaban {} ({columnas})",
            fila.len(),
            orden.len()
        ));
    }
    let unir = |orden: &[Columna]| orden.iter().copied().zip(fila.iter().copied()).collect();
    if fila.len() == orden.len() {
        return Ok(unir(orden));
    }
    let mut posibles = recortes(orden, fila);
    match (posibles.pop(), posibles.pop()) {
        (Some(unico), None) => Ok(unir(&unico)),
        _ => Err(format!(
            "tiene {} columnas y se esperaban {} ({columnas})",
            fila.len(),
            orden.len()
        )),
    }
}

/// The orders that are left when as many columns as the line lacks are taken out, of those
/// its operation can do without, and that no value speaks against.
fn recortes(orden: &[Columna], fila: &[&str]) -> Vec<Vec<Columna>> {
    let operacion = orden
        .iter()
        .position(|columna| *columna == Columna::Operacion)
        .and_then(|posicion| palabras::operacion(fila.get(posicion)?));
    let sin_usuario = match operacion {
        Some(Operacion::Consulta) => true,
        Some(Operacion::Devolucion) => orden.contains(&Columna::Ejemplar),
        _ => false,
    };
    let sobra = |columna: Columna| match columna {
        Columna::Sede | Columna::Titulo | Columna::Ignorada => true,
        Columna::Usuario => sin_usuario,
        _ => false,
    };
    let mut posibles = vec![Vec::new()];
    for columna in orden.iter().copied() {
        // A branch of the search: with the column and, if it may be missing, without it.
        let sin = posibles.clone();
        posibles.iter_mut().for_each(|orden| orden.push(columna));
        if sobra(columna) {
            posibles.extend(sin);
        }
    }
    posibles.retain(|orden: &Vec<Columna>| {
        orden.len() == fila.len()
            && orden.iter().zip(fila).all(|(columna, valor)| {
                *columna == Columna::Ignorada
                    || detectar::indicio(valor).is_none_or(|visto| visto == *columna)
            })
    });
    posibles.dedup();
    posibles
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn con(columnas: &str, linea: &str) -> Result<LineaPedido, String> {
        let fila: Vec<&str> = linea.split(' ').collect();
        leer(&fila, &columnas.parse().unwrap(), true)
    }

    #[test]
    fn each_column_goes_to_its_field() {
        let pedido = con(
            "operacion,sede,usuario,libro",
            "PRESTAMO S1 uS1_201 BK-0101",
        )
        .unwrap();
        assert_eq!(pedido.operacion, Operacion::Prestamo);
        assert_eq!(pedido.isbn.unwrap().as_str(), "BK-0101");
        assert_eq!(pedido.usuario.unwrap().as_str(), "uS1_201");
        assert_eq!(pedido.sede.unwrap().as_str(), "S1");
        assert_eq!(pedido.ejemplar, None);
    }

    #[test]
    fn a_short_line_may_lack_what_its_operation_does_not_need() {
        let columnas = "operacion,libro,usuario,sede";
        assert!(con(columnas, "PRES L1 U1").unwrap().sede.is_none());
        assert!(con(columnas, "CONSULTA L1").unwrap().usuario.is_none());
        let consulta = con(columnas, "CONSULTA L1 SEDE_1").unwrap();
        assert_eq!(consulta.sede.unwrap().as_str(), "SEDE_1");
        assert!(con(columnas, "CONSULTA momo norte").is_err());
        assert!(con("operacion,usuario,libro,ignorar", "DEVOLUCION U1 L1").is_ok());
    }

    #[test]
    fn what_is_missing_is_said() {
        let columnas = "operacion,libro,usuario";
        assert!(con(columnas, "DEVO L1").is_err());
        assert!(
            con("operacion,libro", "DEVO L1")
                .unwrap_err()
                .contains("devolución")
        );
        assert!(con("operacion,ejemplar", "DEVO EJ1").is_ok());
        assert!(con(columnas, "PRESS L1 U1").unwrap_err().contains("PRESS"));
        assert!(
            con(columnas, "PRES L1 U1 X")
                .unwrap_err()
                .contains("4 columnas")
        );
        assert!(
            con(columnas, "PRES U1 L1")
                .unwrap_err()
                .contains("cambiados")
        );
        assert!(
            con(
                "operacion,usuario,libro",
                &format!("PRES U1 {}", "L".repeat(65))
            )
            .is_err()
        );
    }
}
