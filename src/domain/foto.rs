//! The working state a batch is decided on: what the database says about everything the
//! batch names, kept up to date in memory while its operations are decided in order.
//!
//! A store fills it before the first operation and writes [`Foto::cambios`] after the last.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::domain::ids::{Ejemplar, Isbn, Sede, UsuarioId};

/// One copy as the catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copia {
    /// Its book.
    pub isbn: Isbn,
    /// Its branch, wherever it is returned.
    pub sede: Sede,
    /// Neither lost nor withdrawn.
    pub en_servicio: bool,
}

/// One registered user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usuario {
    /// Decides the limit of loans.
    pub categoria: Option<String>,
    /// Last day of the membership; none does not run out.
    pub vence: Option<Date>,
    /// An administrator blocked it.
    pub bloqueado: bool,
    /// Open loans.
    pub abiertos: u32,
}

/// One loan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prestamo {
    /// Its number, unique in the database.
    pub id: i64,
    /// The copy lent.
    pub ejemplar: Ejemplar,
    /// Its book.
    pub isbn: Isbn,
    /// Who has it.
    pub usuario: UsuarioId,
    /// The copy's branch.
    pub sede: Sede,
    /// When it was lent.
    pub prestado_en: Timestamp,
    /// When it is due.
    pub vence_en: Timestamp,
    /// When it came back.
    pub devuelto_en: Option<Timestamp>,
    /// How often it was renewed.
    pub renovaciones: u32,
}

/// What somebody may ever have borrowed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Marca {
    /// That user, that book.
    Libro(UsuarioId, Isbn),
    /// That user, that copy.
    Ejemplar(UsuarioId, Ejemplar),
    /// Anybody, that copy.
    Alguien(Ejemplar),
}

/// What the database must do so that it says what the batch decided.
#[derive(Debug, Default)]
pub struct Cambios<'a> {
    /// Users to create.
    pub usuarios: &'a [UsuarioId],
    /// Loans of before the batch that it closed or renewed; write them before the new ones,
    /// or a copy that came back and went out again has two open loans for an instant.
    pub cambiados: Vec<&'a Prestamo>,
    /// Loans to create, some of them already closed again.
    pub nuevos: Vec<&'a Prestamo>,
}

/// See the module's own page.
#[derive(Debug, Default)]
pub struct Foto {
    titulos: HashMap<Isbn, String>,
    copias: HashMap<Ejemplar, Copia>,
    libres: HashMap<(Isbn, Sede), BTreeSet<Ejemplar>>,
    usuarios: HashMap<UsuarioId, Usuario>,
    prestamos: Vec<Prestamo>,
    /// How many of `prestamos` the database had before the batch.
    anteriores: usize,
    tocados: BTreeSet<usize>,
    por_ejemplar: HashMap<Ejemplar, usize>,
    por_libro: HashMap<(UsuarioId, Isbn), usize>,
    marcas: HashMap<Marca, Timestamp>,
    creados: Vec<UsuarioId>,
    ultimo_id: i64,
}

/// Filling it from the database, before the first operation.
impl Foto {
    /// An empty one; new loans are numbered after `ultimo_id`.
    #[must_use]
    pub fn nueva(ultimo_id: i64) -> Self {
        Self {
            ultimo_id,
            ..Self::default()
        }
    }

    /// The book is in the catalogue under that title.
    pub fn con_libro(&mut self, isbn: Isbn, titulo: String) {
        self.titulos.insert(isbn, titulo);
    }

    /// The copy is in the catalogue.
    pub fn con_copia(&mut self, ejemplar: Ejemplar, copia: Copia) {
        self.copias.insert(ejemplar, copia);
    }

    /// The copy is in service and nobody has it.
    pub fn con_libre(&mut self, ejemplar: Ejemplar, isbn: Isbn, sede: Sede) {
        let copia = Copia {
            isbn: isbn.clone(),
            sede: sede.clone(),
            en_servicio: true,
        };
        self.copias.insert(ejemplar.clone(), copia);
        self.libres
            .entry((isbn, sede))
            .or_default()
            .insert(ejemplar);
    }

    /// The user is registered.
    pub fn con_usuario(&mut self, id: UsuarioId, usuario: Usuario) {
        self.usuarios.insert(id, usuario);
    }

    /// The loan is open. All of them go in before the first operation is decided.
    pub fn con_prestamo(&mut self, prestamo: Prestamo) {
        self.indexar(prestamo);
        self.anteriores = self.prestamos.len();
    }

    /// The earliest loan of that kind, open or closed, began at `desde`.
    pub fn con_marca(&mut self, marca: Marca, desde: Timestamp) {
        self.marcas.insert(marca, desde);
    }
}

/// What the rules ask.
impl Foto {
    /// The title of a book in the catalogue.
    #[must_use]
    pub fn titulo(&self, isbn: &Isbn) -> Option<&str> {
        self.titulos.get(isbn).map(String::as_str)
    }

    /// A copy in the catalogue.
    #[must_use]
    pub fn copia(&self, ejemplar: &Ejemplar) -> Option<&Copia> {
        self.copias.get(ejemplar)
    }

    /// The first free copy of a book in a branch.
    #[must_use]
    pub fn libre(&self, isbn: &Isbn, sede: &Sede) -> Option<&Ejemplar> {
        self.libres.get(&(isbn.clone(), sede.clone()))?.first()
    }

    /// A registered user.
    #[must_use]
    pub fn usuario(&self, id: &UsuarioId) -> Option<&Usuario> {
        self.usuarios.get(id)
    }

    /// The open loan of a copy.
    #[must_use]
    pub fn abierto_de_ejemplar(&self, ejemplar: &Ejemplar) -> Option<&Prestamo> {
        self.prestamos.get(*self.por_ejemplar.get(ejemplar)?)
    }

    /// The user's open loan of a book.
    #[must_use]
    pub fn abierto_de_libro(&self, usuario: &UsuarioId, isbn: &Isbn) -> Option<&Prestamo> {
        let clave = (usuario.clone(), isbn.clone());
        self.prestamos.get(*self.por_libro.get(&clave)?)
    }

    /// When the earliest loan of that kind began.
    #[must_use]
    pub fn marca(&self, marca: &Marca) -> Option<Timestamp> {
        self.marcas.get(marca).copied()
    }
}

/// What the rules change, and what came of it.
impl Foto {
    /// Lends a free copy, creating its user if need be. The caller has checked the rules.
    pub fn prestar(&mut self, mut prestamo: Prestamo) -> Prestamo {
        self.ultimo_id += 1;
        prestamo.id = self.ultimo_id;
        if !self.usuarios.contains_key(&prestamo.usuario) {
            self.creados.push(prestamo.usuario.clone());
        }
        let usuario = self.usuarios.entry(prestamo.usuario.clone()).or_default();
        usuario.abiertos = usuario.abiertos.saturating_add(1);
        let estante = (prestamo.isbn.clone(), prestamo.sede.clone());
        if let Some(libres) = self.libres.get_mut(&estante) {
            libres.remove(&prestamo.ejemplar);
        }
        let marcas = [
            Marca::Libro(prestamo.usuario.clone(), prestamo.isbn.clone()),
            Marca::Ejemplar(prestamo.usuario.clone(), prestamo.ejemplar.clone()),
            Marca::Alguien(prestamo.ejemplar.clone()),
        ];
        for marca in marcas {
            self.marcas.entry(marca).or_insert(prestamo.prestado_en);
        }
        self.indexar(prestamo.clone());
        prestamo
    }

    /// Closes the open loan of a copy.
    pub fn devolver(&mut self, ejemplar: &Ejemplar, ahora: Timestamp) -> Option<Prestamo> {
        let indice = self.por_ejemplar.remove(ejemplar)?;
        let prestamo = self.prestamos.get_mut(indice)?;
        // A loan dated in the future (a clock set back) can be returned all the same.
        prestamo.devuelto_en = Some(ahora.max(prestamo.prestado_en));
        self.tocados.insert(indice);
        let prestamo = prestamo.clone();
        self.por_libro
            .remove(&(prestamo.usuario.clone(), prestamo.isbn.clone()));
        if let Some(usuario) = self.usuarios.get_mut(&prestamo.usuario) {
            usuario.abiertos = usuario.abiertos.saturating_sub(1);
        }
        if self.copias.get(ejemplar).is_some_and(|c| c.en_servicio) {
            let estante = (prestamo.isbn.clone(), prestamo.sede.clone());
            self.libres
                .entry(estante)
                .or_default()
                .insert(ejemplar.clone());
        }
        Some(prestamo)
    }

    /// Gives the open loan of a copy a later due date.
    pub fn renovar(&mut self, ejemplar: &Ejemplar, vence_en: Timestamp) -> Option<Prestamo> {
        let indice = *self.por_ejemplar.get(ejemplar)?;
        let prestamo = self.prestamos.get_mut(indice)?;
        prestamo.vence_en = vence_en;
        prestamo.renovaciones += 1;
        self.tocados.insert(indice);
        Some(prestamo.clone())
    }

    /// Everything the batch changed.
    #[must_use]
    pub fn cambios(&self) -> Cambios<'_> {
        let anteriores = self.tocados.range(..self.anteriores);
        Cambios {
            usuarios: &self.creados,
            cambiados: anteriores.filter_map(|i| self.prestamos.get(*i)).collect(),
            nuevos: self.prestamos.iter().skip(self.anteriores).collect(),
        }
    }

    fn indexar(&mut self, prestamo: Prestamo) {
        let indice = self.prestamos.len();
        self.por_ejemplar.insert(prestamo.ejemplar.clone(), indice);
        self.por_libro
            .insert((prestamo.usuario.clone(), prestamo.isbn.clone()), indice);
        self.prestamos.push(prestamo);
    }
}
