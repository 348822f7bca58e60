//! A small library for the tests beside the rules: one book with two copies in `s1` and one
//! in `s2`, and the user `ana`.

use jiff::Timestamp;

use crate::domain::foto::{Copia, Foto, Marca, Prestamo, Usuario};
use crate::domain::ids::{Ejemplar, Isbn, Sede, UsuarioId};
use crate::domain::solicitud::Solicitud;

pub struct Muestra {
    pub isbn: Isbn,
    pub primero: Ejemplar,
    pub ajeno: Ejemplar,
    pub ana: UsuarioId,
    pub s1: Sede,
    pub foto: Foto,
}

/// An instant for the tests; the others count from it.
pub fn t(segundos: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + segundos).unwrap()
}

impl Muestra {
    pub fn nueva() -> Self {
        let isbn = Isbn::parse("A").unwrap();
        let sede = |nombre: &str| Sede::parse(nombre).unwrap();
        let mut foto = Foto::nueva(0);
        foto.con_libro(isbn.clone(), "Rayuela".into());
        let codigos = [("A-1", "s1"), ("A-2", "s1"), ("A-3", "s2")];
        let [primero, _, ajeno] = codigos.map(|(codigo, nombre)| {
            let ejemplar = Ejemplar::parse(codigo).unwrap();
            let sede = sede(nombre);
            let copia = Copia {
                isbn: isbn.clone(),
                sede: sede.clone(),
                en_servicio: true,
            };
            foto.con_copia(ejemplar.clone(), copia);
            foto.con_libre(ejemplar.clone(), isbn.clone(), sede);
            ejemplar
        });
        let ana = UsuarioId::parse("ana").unwrap();
        foto.con_usuario(ana.clone(), usuario());
        Self {
            isbn,
            primero,
            ajeno,
            ana,
            s1: sede("s1"),
            foto,
        }
    }

    /// Asks by isbn in `s1`.
    pub fn por_libro<'a>(&'a self, usuario: &'a UsuarioId) -> Solicitud<'a> {
        let isbn = Some(&self.isbn);
        Solicitud {
            isbn,
            ejemplar: None,
            usuario: Some(usuario),
            sede: &self.s1,
        }
    }

    /// `ana` has the first copy since `t(0)`.
    pub fn con_prestamo(mut self, renovaciones: u32) -> Self {
        let prestamo = Prestamo {
            id: 1,
            ejemplar: self.primero.clone(),
            isbn: self.isbn.clone(),
            usuario: self.ana.clone(),
            sede: self.s1.clone(),
            prestado_en: t(0),
            vence_en: t(14 * 86_400),
            devuelto_en: None,
            renovaciones,
        };
        self.foto.con_prestamo(prestamo);
        let marcas = [
            Marca::Libro(self.ana.clone(), self.isbn.clone()),
            Marca::Ejemplar(self.ana.clone(), self.primero.clone()),
            Marca::Alguien(self.primero.clone()),
        ];
        for marca in marcas {
            self.foto.con_marca(marca, t(0));
        }
        self
    }
}

/// In good standing, with no loans.
pub fn usuario() -> Usuario {
    Usuario {
        categoria: None,
        vence: None,
        bloqueado: false,
        abiertos: 0,
    }
}
