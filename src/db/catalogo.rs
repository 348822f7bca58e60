//! A catalogue file against what the database has: what is new, and which rows cannot be.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use crate::db::sembrar;
use crate::db::titulo::buscable;
use crate::domain::ids::{Ejemplar, Isbn, Sede};
use crate::wire::admin::{FilaCatalogo, Informe};

/// Most copies that one row may ask for: a typing error must not fill the disk.
const EJEMPLARES_MAX: u32 = 10_000;

/// The copies that each row wants to exist, or why they cannot be.
pub type Pedidas = Vec<Result<Vec<Ejemplar>, String>>;

/// What `historial` tells of a change besides what changed.
#[derive(Debug, Clone, Copy)]
pub struct Firma<'a> {
    /// The word of what was asked.
    pub accion: &'static str,
    /// Who asked it; empty when that was not told.
    pub autor: &'a str,
    /// When.
    pub ahora: Timestamp,
}

impl<'a> Firma<'a> {
    /// Of that change.
    #[must_use]
    pub const fn de(accion: &'static str, autor: &'a str, ahora: Timestamp) -> Self {
        Self {
            accion,
            autor,
            ahora,
        }
    }
}

/// What a catalogue adds to what is there.
#[derive(Default)]
pub struct Novedades<'a> {
    /// New branches.
    pub sedes: Vec<&'a Sede>,
    /// New books: isbn, title, author, folded title.
    pub libros: Vec<(&'a Isbn, &'a str, Option<&'a str>, String)>,
    /// New copies, with book and branch.
    pub ejemplares: Vec<(Ejemplar, &'a Isbn, &'a Sede)>,
    /// Rows that cannot be: line and Spanish reason.
    pub rechazadas: Vec<(u32, String)>,
}

/// What is there.
pub struct Existentes {
    /// Branches.
    pub sedes: HashSet<Sede>,
    /// Those of the books asked.
    pub libros: HashSet<Isbn>,
    /// Those of the copies asked, with book and branch.
    pub ejemplares: HashMap<Ejemplar, (Isbn, Sede)>,
}

/// The copies that each row wants.
#[must_use]
pub fn pedidas(filas: &[FilaCatalogo]) -> Pedidas {
    filas.iter().map(codigos).collect()
}

/// The copies that a row wants to exist, or why it cannot be.
fn codigos(fila: &FilaCatalogo) -> Result<Vec<Ejemplar>, String> {
    // PostgreSQL has no text with NUL in it, and the whole file would fall with one row.
    if fila
        .autor
        .iter()
        .any(|autor| autor.contains(char::is_control))
    {
        return Err("el autor tiene caracteres de control".to_owned());
    }
    if let Some(codigo) = &fila.codigo {
        return Ok(vec![codigo.clone()]);
    }
    if fila.ejemplares > EJEMPLARES_MAX {
        return Err(format!(
            "pide {} ejemplares; el máximo de una fila es {EJEMPLARES_MAX}",
            fila.ejemplares
        ));
    }
    (1..=fila.ejemplares)
        .map(|k| sembrar::codigo(&fila.isbn, &fila.sede, k))
        .collect::<Result<_, _>>()
        .map_err(|_| {
            "isbn y sede son tan largos que no dejan lugar para el código de cada ejemplar; \
             indique la columna 'codigo'"
                .to_owned()
        })
}

/// What is new.
#[must_use]
pub fn comparar(filas: &[FilaCatalogo], pedidas: Pedidas, mut hay: Existentes) -> Novedades<'_> {
    let mut nuevas = Novedades::default();
    for (fila, pedido) in filas.iter().zip(pedidas) {
        let ajeno = |codigo: &Ejemplar| {
            let (isbn, sede) = hay.ejemplares.get(codigo)?;
            (*isbn != fila.isbn || *sede != fila.sede).then(|| {
                format!("el código '{codigo}' ya es de un ejemplar de '{isbn}' en '{sede}'")
            })
        };
        let codigos = match pedido {
            Err(motivo) => Err(motivo),
            Ok(codigos) => match codigos.iter().find_map(ajeno) {
                Some(motivo) => Err(motivo),
                None => Ok(codigos),
            },
        };
        let codigos = match codigos {
            Ok(codigos) => codigos,
            Err(motivo) => {
                nuevas.rechazadas.push((fila.linea, motivo));
                continue;
            }
        };
        if hay.sedes.insert(fila.sede.clone()) {
            nuevas.sedes.push(&fila.sede);
        }
        if hay.libros.insert(fila.isbn.clone()) {
            let (titulo, autor) = (fila.titulo.as_str(), fila.autor.as_deref());
            let libro = (&fila.isbn, titulo, autor, buscable(titulo, autor));
            nuevas.libros.push(libro);
        }
        for codigo in codigos {
            let de = (fila.isbn.clone(), fila.sede.clone());
            if hay.ejemplares.insert(codigo.clone(), de).is_none() {
                nuevas.ejemplares.push((codigo, &fila.isbn, &fila.sede));
            }
        }
    }
    nuevas
}

impl Novedades<'_> {
    /// Each new thing for `historial`: what kind, and its key.
    #[must_use]
    pub fn cambios(&self) -> Vec<(&'static str, &str)> {
        let sedes = self.sedes.iter().map(|sede| ("sede", sede.as_str()));
        let libros = self.libros.iter().map(|libro| ("libro", libro.0.as_str()));
        let ejemplares = self.ejemplares.iter();
        let ejemplares = ejemplares.map(|ejemplar| ("ejemplar", ejemplar.0.as_str()));
        sedes.chain(libros).chain(ejemplares).collect()
    }

    /// What is told to whoever imported it.
    #[must_use]
    pub fn informe(self) -> Informe {
        Informe {
            libros: self.libros.len() as u64,
            ejemplares: self.ejemplares.len() as u64,
            prestamos: 0,
            rechazadas: self.rechazadas,
        }
    }
}
