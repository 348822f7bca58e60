//! An operation in as little memory as it can be: a long backlog is what the memory of this role
//! is used for.

use crate::domain::ids::{OpId, Texto};
use crate::domain::operacion::Operacion;
use crate::domain::principal::Principal;
use crate::wire::huella::Huella;
use crate::wire::pedido::Pedido;

/// Texts of an operation, the principal's included.
const TEXTOS: usize = 7;

/// See the module's doc.
#[derive(Debug)]
pub struct Compacta {
    /// What is asked.
    pub operacion: Operacion,
    /// Hash of the content.
    pub huella: Huella,
    /// All texts, one after the other; nothing for a field that does not stand.
    textos: Box<str>,
    /// Where each of them ends, in bytes.
    fines: [u16; TEXTOS],
}

/// What an operation names, wherever it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Nombrado<'a> {
    /// The book.
    pub isbn: Option<&'a str>,
    /// One copy of it.
    pub ejemplar: Option<&'a str>,
    /// Who borrows or returns.
    pub usuario: Option<&'a str>,
}

/// What an operation is about, as far as a carga can tell: of the same thing an entry waits
/// for the earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cosa<'a> {
    /// That copy.
    Copia(&'a str),
    /// That book (first) with that user.
    Prestamo(&'a str, &'a str),
}

/// Half of a thing, as a client may name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mitad {
    /// The copy alone.
    Ejemplar,
    /// The book alone.
    Libro,
}

impl Mitad {
    /// The other one.
    #[must_use]
    pub const fn otra(self) -> Self {
        match self {
            Self::Ejemplar => Self::Libro,
            Self::Libro => Self::Ejemplar,
        }
    }
}

impl Compacta {
    /// Of this operation.
    #[must_use]
    pub fn de(pedido: &Pedido) -> Self {
        let principal = pedido.principal.texto();
        let nombrado = Nombrado::de(pedido);
        let textos: [&str; TEXTOS] = [
            pedido.op_id.as_str(),
            nombrado.isbn.unwrap_or_default(),
            nombrado.ejemplar.unwrap_or_default(),
            nombrado.usuario.unwrap_or_default(),
            pedido
                .titulo
                .as_ref()
                .map(Texto::as_str)
                .unwrap_or_default(),
            pedido.sede.as_str(),
            &principal,
        ];
        let mut fin = 0;
        let fines = textos.map(|texto| {
            fin += texto.len();
            // A door takes none that is longer.
            u16::try_from(fin).unwrap_or(u16::MAX)
        });
        Self {
            operacion: pedido.operacion,
            huella: pedido.huella,
            textos: textos.concat().into(),
            fines,
        }
    }

    /// The operation as it was.
    #[must_use]
    pub fn pedido(&self) -> Pedido {
        let [op_id, isbn, ejemplar, usuario, titulo, sede, principal] =
            std::array::from_fn(|cual| self.texto(cual));
        Pedido {
            op_id: OpId::leido(op_id),
            operacion: self.operacion,
            isbn: presente(isbn).map(Texto::leido),
            ejemplar: presente(ejemplar).map(Texto::leido),
            usuario: presente(usuario).map(Texto::leido),
            titulo: presente(titulo).map(Texto::leido),
            sede: Texto::leido(sede),
            huella: self.huella,
            principal: Principal::leer(principal),
        }
    }

    /// Its idempotency key.
    #[must_use]
    pub fn op_id(&self) -> &str {
        self.texto(0)
    }

    /// What it names.
    #[must_use]
    pub fn nombrado(&self) -> Nombrado<'_> {
        Nombrado {
            isbn: presente(self.texto(1)),
            ejemplar: presente(self.texto(2)),
            usuario: presente(self.texto(3)),
        }
    }

    /// Whose its op_id is.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal::leer(self.texto(TEXTOS - 1))
    }

    fn texto(&self, cual: usize) -> &str {
        let inicio = cual
            .checked_sub(1)
            .map_or(0, |anterior| self.fines[anterior]);
        let suyo = usize::from(inicio)..usize::from(self.fines[cual]);
        self.textos.get(suyo).unwrap_or_default()
    }
}

fn presente(texto: &str) -> Option<&str> {
    (!texto.is_empty()).then_some(texto)
}

impl<'a> Nombrado<'a> {
    /// By this operation.
    #[must_use]
    pub fn de(pedido: &'a Pedido) -> Self {
        Self {
            isbn: pedido.isbn.as_ref().map(Texto::as_str),
            ejemplar: pedido.ejemplar.as_ref().map(Texto::as_str),
            usuario: pedido.usuario.as_ref().map(Texto::as_str),
        }
    }

    /// The things that it is about.
    pub fn cosas(self) -> impl Iterator<Item = Cosa<'a>> {
        let copia = self.ejemplar.map(Cosa::Copia);
        let prestamo = self.isbn.zip(self.usuario);
        let prestamo = prestamo.map(|(isbn, usuario)| Cosa::Prestamo(isbn, usuario));
        copia.into_iter().chain(prestamo)
    }

    /// Whether the users tell the two apart.
    #[must_use]
    pub fn de_otro_usuario(self, otro: Self) -> bool {
        matches!((self.usuario, otro.usuario), (Some(uno), Some(otro)) if uno != otro)
    }

    /// Which half of its thing it names, if only one.
    #[must_use]
    pub const fn mitad(self) -> Option<Mitad> {
        match (self.ejemplar, self.isbn) {
            (Some(_), None) => Some(Mitad::Ejemplar),
            (None, Some(_)) => Some(Mitad::Libro),
            _ => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::ids::Sede;
    use crate::wire::json::leer_peticion;

    fn pedido(json: &str) -> Pedido {
        let sede = Sede::parse("sede1").unwrap();
        leer_peticion(json.as_bytes(), &sede).unwrap().pedido
    }

    #[test]
    fn an_operation_comes_out_as_it_went_in() {
        let grupo = Principal::en_grupo("mostradores", "ana");
        for (json, principal) in [
            (
                r#"{"operacion":"devolucion","ejemplar":"L1-1"}"#,
                Principal::nadie(),
            ),
            (
                r#"{"operacion":"prestamo","isbn":"Año ñ","usuario":"u 1","op_id":"a b","sede":"otra"}"#,
                grupo,
            ),
            (
                r#"{"operacion":"renovacion","isbn":"L1","ejemplar":"L1-1","usuario":"u"}"#,
                Principal::en_grupo("", "con \u{1f} dentro"),
            ),
        ] {
            let mut pedido = pedido(json);
            pedido.principal = principal;
            let compacta = Compacta::de(&pedido);
            assert_eq!(compacta.pedido(), pedido);
            assert_eq!(compacta.op_id(), pedido.op_id.as_str());
            assert_eq!(compacta.principal(), pedido.principal);
            assert_eq!(compacta.nombrado().isbn, Nombrado::de(&pedido).isbn);
        }
    }

    #[test]
    fn things_are_the_copy_and_the_book_with_its_user() {
        let de = |json: &str| {
            let pedido = pedido(json);
            let cosas: Vec<String> = Nombrado::de(&pedido)
                .cosas()
                .map(|cosa| format!("{cosa:?}"))
                .collect();
            cosas
        };
        assert_eq!(
            de(r#"{"operacion":"renovacion","isbn":"L","ejemplar":"C","usuario":"u"}"#),
            [r#"Copia("C")"#, r#"Prestamo("L", "u")"#]
        );
        assert_eq!(
            de(r#"{"operacion":"devolucion","ejemplar":"C","usuario":"u"}"#),
            [r#"Copia("C")"#]
        );
    }
}
