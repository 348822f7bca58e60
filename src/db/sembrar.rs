//! The starting data (contract §6), the same on every run. Pure; a store writes it.
//!
//! - Sedes `sede1` and `sede2`.
//! - 1000 books: `Libro1` … `Libro998`, `978-0596007126` and `978-8437604947`; each with 1 to
//!   5 copies in each sede, `<isbn>-<sede>-<k>`, k from 1. `Libro5`, `Libro10`, … (every
//!   fifth) have a single copy in each sede.
//! - 300 users, `usuario1` … `usuario300`; every tenth is `profesor`, the others `estudiante`.
//! - 200 loans: the first copy of `Libro1` … `Libro50` in `sede1` and of `Libro51` …
//!   `Libro200` in `sede2`; each of `usuario101` … `usuario200` has two of them. The others
//!   have none, so `usuario1` … `usuario100` and `usuario201` … are free for demonstrations.

use crate::domain::ids::{Ejemplar, IdInvalido, Isbn, Sede, Titulo, UsuarioId};
use crate::wire::admin::FilaCatalogo;

const LIBROS: u32 = 1000;
const USUARIOS: u32 = 300;
const PRESTAMOS: u32 = 200;
const PRESTAMOS_SEDE1: u32 = 50;

/// Users from 101 to 200 have loans.
const PRESTATARIOS_DESDE: u32 = 101;
const PRESTATARIOS: u32 = 100;

const ASUNTOS: [&str; 10] = [
    "Álgebra lineal",
    "Historia de Colombia",
    "Redes de computadores",
    "Cálculo diferencial",
    "Sistemas distribuidos",
    "Poesía española",
    "Química orgánica",
    "Introducción a la economía",
    "Bases de datos",
    "Física moderna",
];

const AUTORES: [&str; 7] = [
    "Ana Gómez",
    "Luis Peña",
    "María Muñoz",
    "Jorge Ibáñez",
    "Sofía Rincón",
    "Andrés Cárdenas",
    "Lucía Ospina",
];

/// One user of the starting data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsuarioInicial {
    /// Who.
    pub id: UsuarioId,
    /// `estudiante` or `profesor`.
    pub categoria: &'static str,
}

/// One open loan of the starting data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrestamoInicial {
    /// The copy.
    pub ejemplar: Ejemplar,
    /// Its book.
    pub isbn: Isbn,
    /// Who has it.
    pub usuario: UsuarioId,
    /// The copy's branch.
    pub sede: Sede,
}

/// Books and copies, as rows of a catalogue.
///
/// # Errors
/// None in practice: every text here is an identifier.
pub fn catalogo() -> Result<Vec<FilaCatalogo>, IdInvalido> {
    let mut filas = Vec::new();
    for numero in 1..=LIBROS {
        for (indice, sede) in ["sede1", "sede2"].into_iter().enumerate() {
            // Two different spreads, so that a book is scarce in one branch and not in the other.
            let pasos = if indice == 0 { 3 } else { 7 };
            let ejemplares = if numero % 5 == 0 {
                1
            } else {
                1 + (numero * pasos) % 5
            };
            filas.push(FilaCatalogo {
                linea: numero,
                isbn: isbn(numero)?,
                titulo: Titulo::parse(&titulo(numero))?,
                autor: autor(numero),
                sede: Sede::parse(sede)?,
                codigo: None,
                ejemplares,
            });
        }
    }
    Ok(filas)
}

/// The registered users.
///
/// # Errors
/// None in practice.
pub fn usuarios() -> Result<Vec<UsuarioInicial>, IdInvalido> {
    (1..=USUARIOS)
        .map(|numero| {
            Ok(UsuarioInicial {
                id: usuario(numero)?,
                categoria: if numero % 10 == 0 {
                    "profesor"
                } else {
                    "estudiante"
                },
            })
        })
        .collect()
}

/// The loans.
///
/// # Errors
/// None in practice.
pub fn prestamos() -> Result<Vec<PrestamoInicial>, IdInvalido> {
    (1..=PRESTAMOS)
        .map(|numero| {
            let sede = if numero <= PRESTAMOS_SEDE1 {
                "sede1"
            } else {
                "sede2"
            };
            let isbn = isbn(numero)?;
            let sede = Sede::parse(sede)?;
            Ok(PrestamoInicial {
                ejemplar: codigo(&isbn, &sede, 1)?,
                usuario: usuario(PRESTATARIOS_DESDE + (numero - 1) % PRESTATARIOS)?,
                isbn,
                sede,
            })
        })
        .collect()
}

/// The code made for the `k`th copy of a book in a branch; cut so that it is an identifier.
///
/// # Errors
/// [`IdInvalido`] when isbn and sede are so long that no code is left for them.
pub fn codigo(isbn: &Isbn, sede: &Sede, k: u32) -> Result<Ejemplar, IdInvalido> {
    Ejemplar::parse(&format!("{isbn}-{sede}-{k}"))
}

fn usuario(numero: u32) -> Result<UsuarioId, IdInvalido> {
    UsuarioId::parse(&format!("usuario{numero}"))
}

fn isbn(numero: u32) -> Result<Isbn, IdInvalido> {
    match numero {
        999 => Isbn::parse("978-0596007126"),
        1000 => Isbn::parse("978-8437604947"),
        _ => Isbn::parse(&format!("Libro{numero}")),
    }
}

fn titulo(numero: u32) -> String {
    match numero {
        999 => "Head First Design Patterns".to_owned(),
        1000 => "Cien años de soledad".to_owned(),
        _ => {
            let asunto = ASUNTOS.get(numero as usize % ASUNTOS.len());
            format!("{}, volumen {numero}", asunto.copied().unwrap_or("Libro"))
        }
    }
}

fn autor(numero: u32) -> Option<String> {
    match numero {
        999 => Some("Eric Freeman".to_owned()),
        1000 => Some("Gabriel García Márquez".to_owned()),
        _ => AUTORES
            .get(numero as usize % AUTORES.len())
            .map(|autor| (*autor).to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn every_book_has_one_to_five_copies_in_each_sede_and_some_have_one() {
        let filas = catalogo().unwrap();
        assert_eq!(filas.len(), 2000);
        assert!(filas.iter().all(|f| (1..=5).contains(&f.ejemplares)));
        assert!(filas.iter().filter(|f| f.ejemplares == 1).count() >= 400);
        let isbns: BTreeSet<_> = filas.iter().map(|f| f.isbn.as_str().to_owned()).collect();
        assert_eq!(isbns.len(), 1000);
        assert!(isbns.contains("978-0596007126") && isbns.contains("Libro456"));
    }

    #[test]
    fn two_hundred_loans_keep_the_rules() {
        let prestamos = prestamos().unwrap();
        let sede1 = prestamos.iter().filter(|p| p.sede.as_str() == "sede1");
        assert_eq!((prestamos.len(), sede1.count()), (200, 50));
        let mut por_usuario: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for prestamo in prestamos {
            let libros = por_usuario.entry(prestamo.usuario).or_default();
            assert!(libros.insert(prestamo.isbn), "one of each book");
            assert!(libros.len() <= 5, "within the limit");
        }
    }
}
