//! Administrative work that goes through a running almacenamiento.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{Ejemplar, Isbn, Sede, Titulo};

/// What an administrator asks of the database. On the wire: append only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encomienda {
    /// Make the starting data, once.
    Sembrar,
    /// Add these books and copies; a part of a file that fits a frame.
    Catalogo(Vec<FilaCatalogo>),
}

/// One readable row of a catalogue file (contract §5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilaCatalogo {
    /// Line number in the file, from 1, for the report.
    pub linea: u32,
    /// The book.
    pub isbn: Isbn,
    /// Its title.
    pub titulo: Titulo,
    /// Its author, if told.
    pub autor: Option<String>,
    /// Where its copies are.
    pub sede: Sede,
    /// The bar code of the one copy of this row; else codes are made.
    pub codigo: Option<Ejemplar>,
    /// How many copies of that book the sede has in all; 1 with a `codigo`.
    pub ejemplares: u32,
}

/// What administrative work changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Informe {
    /// Books added.
    pub libros: u64,
    /// Copies added.
    pub ejemplares: u64,
    /// Loans added (starting data).
    pub prestamos: u64,
    /// Rows that the database refused: line and Spanish reason.
    pub rechazadas: Vec<(u32, String)>,
}
