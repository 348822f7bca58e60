//! Administrative work that goes through a running almacenamiento.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{Ejemplar, Isbn, Sede, Titulo, UsuarioId};

/// What an administrator asks of the database. On the wire: append only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encomienda {
    /// Make the starting data, once.
    Sembrar,
    /// Add these books and copies; a part of a file that fits a frame.
    Catalogo(Vec<FilaCatalogo>),
    /// Register these users, or bring them up to date; a part of a file that fits a frame.
    Usuarios {
        /// Who asks it, for `historial`.
        autor: String,
        /// The rows.
        filas: Vec<FilaUsuario>,
    },
    /// Block a user, or let it borrow again.
    Bloqueo {
        /// Who asks it, for `historial`.
        autor: String,
        /// Whom.
        usuario: UsuarioId,
        /// Whether it is blocked from now on.
        bloqueado: bool,
        /// Why.
        motivo: Option<String>,
    },
    /// [`Encomienda::Sembrar`], with who asks it, for `historial`.
    SembrarDe(String),
    /// [`Encomienda::Catalogo`], with who asks it, for `historial`.
    CatalogoDe {
        /// Who.
        autor: String,
        /// The rows.
        filas: Vec<FilaCatalogo>,
    },
}

/// One readable row of a users file (contract §5). Of an existing user, what the file does not
/// tell stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilaUsuario {
    /// Line number in the file, from 1, for the report.
    pub linea: u32,
    /// The user.
    pub id: UsuarioId,
    /// Its name; none when the file has no such column, none within for an empty cell.
    pub nombre: Option<Option<String>>,
    /// Its category, likewise.
    pub categoria: Option<Option<String>>,
    /// The last day of its membership, YYYY-MM-DD, likewise; an empty cell never runs out.
    pub vence: Option<Option<String>>,
    /// Whether it is blocked; none for a missing column and for an empty cell alike, so that
    /// nobody is let in by what was left out.
    pub bloqueado: Option<bool>,
}

/// What became of administrative work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cumplido {
    /// Of starting data and catalogues.
    Catalogo(Informe),
    /// Of users.
    Usuarios(InformeUsuarios),
    /// Of a block: what it changed.
    Bloqueo(EfectoBloqueo),
}

/// What a part of a users file changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InformeUsuarios {
    /// Users registered.
    pub nuevos: u64,
    /// Users that were otherwise before.
    pub cambiados: u64,
    /// Users that were so already.
    pub iguales: u64,
}

/// What blocking, or its way back, changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EfectoBloqueo {
    /// It is so now, and was not before.
    Hecho,
    /// It was so already.
    YaEstaba,
    /// There is no such user.
    NoExiste,
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
