//! A users file against what the database has: who is new, who changes and how; and a block
//! and its way back.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::json;

use crate::domain::ids::UsuarioId;
use crate::wire::admin::{EfectoBloqueo, FilaUsuario, InformeUsuarios};

/// What the database says of one user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ficha {
    /// Its name.
    pub nombre: Option<String>,
    /// Its category.
    pub categoria: Option<String>,
    /// The last day of its membership, YYYY-MM-DD.
    pub vence: Option<String>,
    /// Whether it is blocked.
    pub bloqueado: bool,
    /// Why it is blocked.
    pub motivo: Option<String>,
}

/// As both databases give it: `[id, nombre, categoria, vence, bloqueado, motivo]`.
pub type FilaFicha = (
    UsuarioId,
    Option<String>,
    Option<String>,
    Option<String>,
    u8,
    Option<String>,
);

/// Everybody of a file whom the database knows.
pub type Fichas = HashMap<UsuarioId, Ficha>;

/// What changes.
#[derive(Debug, Default)]
pub struct Cambios {
    /// Users to write as they are to be, in the order of their ids: the order in which rows
    /// are locked.
    pub fichas: Vec<(UsuarioId, Ficha)>,
    /// For `historial`: whose, and its detail in JSON.
    pub historial: Vec<(UsuarioId, String)>,
    /// How many of each.
    pub informe: InformeUsuarios,
}

/// Rows of the database by user.
#[must_use]
pub fn fichas(filas: Vec<FilaFicha>) -> Fichas {
    filas
        .into_iter()
        .map(|(id, nombre, categoria, vence, bloqueado, motivo)| {
            let ficha = Ficha {
                nombre,
                categoria,
                vence,
                bloqueado: bloqueado != 0,
                motivo,
            };
            (id, ficha)
        })
        .collect()
}

/// What a file changes.
#[must_use]
pub fn comparar(autor: &str, filas: &[FilaUsuario], hay: &Fichas) -> Cambios {
    let mut cambios = Cambios::default();
    let mut nuevas = HashMap::new();
    for fila in filas {
        // A row sees those before it: a file may name somebody twice.
        let conocida = nuevas.get(&fila.id).or_else(|| hay.get(&fila.id)).cloned();
        let ficha = renovada(conocida.as_ref().cloned().unwrap_or_default(), fila);
        match &conocida {
            Some(antes) if *antes == ficha => {
                cambios.informe.iguales += 1;
                continue;
            }
            Some(_) => cambios.informe.cambiados += 1,
            None => cambios.informe.nuevos += 1,
        }
        let detalle = json!({"autor": autor, "antes": conocida, "ahora": ficha});
        cambios
            .historial
            .push((fila.id.clone(), detalle.to_string()));
        nuevas.insert(fila.id.clone(), ficha);
    }
    cambios.fichas = nuevas.into_iter().collect();
    cambios.fichas.sort_by(|una, otra| una.0.cmp(&otra.0));
    cambios
}

/// The user as the row wants it.
fn renovada(ficha: Ficha, fila: &FilaUsuario) -> Ficha {
    let bloqueado = fila.bloqueado.unwrap_or(ficha.bloqueado);
    Ficha {
        nombre: fila.nombre.clone().unwrap_or(ficha.nombre),
        categoria: fila.categoria.clone().unwrap_or(ficha.categoria),
        vence: fila.vence.clone().unwrap_or(ficha.vence),
        bloqueado,
        motivo: ficha.motivo.filter(|_| bloqueado),
    }
}

/// A block, or its way back.
#[derive(Debug, Clone, Copy)]
pub struct Bloqueo<'a> {
    /// Who asks it.
    pub autor: &'a str,
    /// Whom.
    pub usuario: &'a UsuarioId,
    /// Whether it is blocked from now on.
    pub bloqueado: bool,
    /// Why.
    pub motivo: Option<&'a str>,
}

/// What it does to a user: its new state, when it changes.
#[must_use]
pub fn bloquear(ficha: Option<&Ficha>, bloqueo: Bloqueo<'_>) -> (EfectoBloqueo, Option<Ficha>) {
    let Some(ficha) = ficha else {
        return (EfectoBloqueo::NoExiste, None);
    };
    let motivo = bloqueo.motivo.filter(|_| bloqueo.bloqueado);
    let nueva = Ficha {
        bloqueado: bloqueo.bloqueado,
        motivo: motivo.map(str::to_owned),
        ..ficha.clone()
    };
    if nueva == *ficha {
        return (EfectoBloqueo::YaEstaba, None);
    }
    (EfectoBloqueo::Hecho, Some(nueva))
}

impl Bloqueo<'_> {
    /// Its word in `historial`.
    #[must_use]
    pub const fn accion(&self) -> &'static str {
        if self.bloqueado {
            "bloquear"
        } else {
            "desbloquear"
        }
    }

    /// Its detail there.
    #[must_use]
    pub fn detalle(&self) -> String {
        json!({"autor": self.autor, "motivo": self.motivo}).to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fila(id: &str) -> FilaUsuario {
        FilaUsuario {
            linea: 2,
            id: UsuarioId::parse(id).unwrap(),
            nombre: Some(Some("Ana".to_owned())),
            categoria: None,
            vence: Some(None),
            bloqueado: None,
        }
    }

    #[test]
    fn what_a_file_does_not_tell_stays_and_what_it_empties_goes() {
        let antes = Ficha {
            nombre: Some("A.".to_owned()),
            categoria: Some("profesor".to_owned()),
            vence: Some("2026-01-31".to_owned()),
            bloqueado: true,
            motivo: Some("debe un libro".to_owned()),
        };
        let hay = Fichas::from([(UsuarioId::parse("ana").unwrap(), antes.clone())]);
        let cambios = comparar("yo", &[fila("ana"), fila("ana")], &hay);
        let ahora = Ficha {
            nombre: Some("Ana".to_owned()),
            vence: None,
            ..antes
        };
        assert_eq!(cambios.fichas, [(UsuarioId::parse("ana").unwrap(), ahora)]);
        assert_eq!((cambios.informe.cambiados, cambios.informe.iguales), (1, 1));
        assert!(
            cambios.historial[0].1.contains("2026-01-31"),
            "what it was before"
        );
    }

    #[test]
    fn letting_somebody_in_again_forgets_the_reason() {
        let mut suelta = fila("ana");
        suelta.bloqueado = Some(false);
        let bloqueada = Ficha {
            bloqueado: true,
            motivo: Some("m".to_owned()),
            ..Ficha::default()
        };
        assert_eq!(renovada(bloqueada.clone(), &suelta).motivo, None);
        let usuario = UsuarioId::parse("ana").unwrap();
        let bloqueo = Bloqueo {
            autor: "yo",
            usuario: &usuario,
            bloqueado: true,
            motivo: Some("m"),
        };
        let suelta = Bloqueo {
            bloqueado: false,
            motivo: Some("pagó"),
            ..bloqueo
        };
        let (efecto, ficha) = bloquear(Some(&bloqueada), suelta);
        assert_eq!(efecto, EfectoBloqueo::Hecho);
        assert_eq!(ficha, Some(Ficha::default()));
        let repetida = bloquear(Some(&bloqueada), bloqueo).0;
        assert_eq!(repetida, EfectoBloqueo::YaEstaba);
        assert_eq!(bloquear(None, bloqueo).0, EfectoBloqueo::NoExiste);
    }
}
