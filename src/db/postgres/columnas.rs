//! What a batch writes, as the 32 columns of `escritura`: one value for each row of a part.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::db::postgres::escritura::Parte;
use crate::db::postgres::guardar::{Contestadas, Escrito, Nueva};
use crate::db::reloj::texto_utc;
use crate::domain::foto::{Cambios, Foto, Prestamo};
use crate::domain::plazo;
use crate::domain::reglas::Reglas;

/// A text, or none.
pub type Texto<'a> = Option<Cow<'a, str>>;

/// One parameter.
#[derive(Debug)]
pub enum Columna<'a> {
    /// The instant of everything, which is no column.
    Instante(String),
    /// Texts.
    Textos(Vec<Texto<'a>>),
    /// Numbers.
    Numeros(Vec<i64>),
}

/// See the module's doc.
#[derive(Debug)]
pub struct Filas<'a> {
    /// Rows of each part.
    pub cuentas: [(Parte, usize); 6],
    /// The parameters, in their order.
    pub columnas: Vec<Columna<'a>>,
}

impl<'a> Filas<'a> {
    /// Of this.
    #[must_use]
    pub fn de(escrito: &'a Escrito<'a>, reglas: &Reglas, ahora: Timestamp) -> Self {
        let cambios = escrito.foto.map(Foto::cambios).unwrap_or_default();
        let contestadas = &escrito.contestadas;
        let cuentas = [
            (Parte::Creado, cambios.usuarios.len()),
            (Parte::Cambiado, cambios.cambiados.len()),
            (Parte::Nuevo, cambios.nuevos.len()),
            (Parte::Repetida, contestadas.repetidas.len()),
            (Parte::Decidida, contestadas.nuevas.len()),
            (Parte::Hecho, contestadas.hechos.len()),
        ];
        let mut columnas = de_efectos(cambios, reglas, ahora);
        columnas.extend(de_contestadas(contestadas));
        Self { cuentas, columnas }
    }

    /// The parts that have rows.
    pub fn partes(&self) -> impl Iterator<Item = Parte> {
        let usadas = self.cuentas.into_iter().filter(|(_, filas)| *filas > 0);
        usadas.map(|(parte, _)| parte)
    }
}

/// $1 to $14.
fn de_efectos<'a>(cambios: Cambios<'a>, reglas: &Reglas, ahora: Timestamp) -> Vec<Columna<'a>> {
    let Cambios {
        usuarios,
        cambiados,
        nuevos,
    } = cambios;
    let vence = |prestamo: &&'a Prestamo| {
        let vence = prestamo.vence_en.to_zoned(reglas.zona_horaria.clone());
        Some(plazo::texto(&vence).into())
    };
    let devuelto = |prestamo: &&'a Prestamo| prestamo.devuelto_en.map(|en| texto_utc(en).into());
    let veces = |prestamo: &&'a Prestamo| i64::from(prestamo.renovaciones);
    let nuevo = |campo: fn(&Prestamo) -> &str| textos(&nuevos, |p| Some(campo(p).into()));
    vec![
        textos(usuarios, |id| Some(id.as_str().into())),
        Columna::Instante(texto_utc(ahora)),
        numeros(&cambiados, |p| p.id),
        textos(&cambiados, vence),
        numeros(&cambiados, veces),
        textos(&cambiados, devuelto),
        nuevo(|p| p.ejemplar.as_str()),
        nuevo(|p| p.isbn.as_str()),
        nuevo(|p| p.usuario.as_str()),
        nuevo(|p| p.sede.as_str()),
        textos(&nuevos, |p| Some(texto_utc(p.prestado_en).into())),
        textos(&nuevos, vence),
        textos(&nuevos, devuelto),
        numeros(&nuevos, veces),
    ]
}

/// $15 to $32.
fn de_contestadas<'a>(contestadas: &'a Contestadas<'a>) -> Vec<Columna<'a>> {
    let Contestadas {
        nuevas,
        hechos,
        repetidas,
    } = contestadas;
    let nueva = |campo: fn(&Nueva<'a>) -> Texto<'a>| textos(nuevas, campo);
    vec![
        textos(repetidas, |(id, _)| Some(id.as_str().into())),
        numeros(repetidas, |(_, veces)| *veces),
        nueva(|n| Some(n.asiento.pedido.op_id.as_str().into())),
        nueva(|n| Some(n.asiento.pedido.operacion.palabra().into())),
        nueva(|n| Some(n.asiento.pedido.huella.to_string().into())),
        nueva(|n| Some(n.respuesta.estado.palabra().into())),
        nueva(|n| n.respuesta.rechazo.map(|rechazo| rechazo.codigo().into())),
        textos(nuevas, |n| Some(n.resultado.as_str().into())),
        nueva(|n| n.asiento.pedido.isbn.as_ref().map(|i| i.as_str().into())),
        nueva(|n| {
            let ejemplar = n.asiento.pedido.ejemplar.as_ref();
            ejemplar.map(|codigo| codigo.as_str().into())
        }),
        nueva(|n| n.asiento.pedido.usuario.as_ref().map(|u| u.as_str().into())),
        nueva(|n| Some(n.asiento.pedido.sede.as_str().into())),
        numeros(nuevas, |n| n.repeticiones),
        nueva(|n| Some(n.asiento.pedido.principal.as_str().into())),
        textos(hechos, |h| Some(h.0.into())),
        textos(hechos, |h| Some(h.1.into())),
        textos(hechos, |h| Some(h.2.as_str().into())),
        textos(hechos, |h| Some(h.3.as_str().into())),
    ]
}

fn textos<'a, F>(
    filas: impl IntoIterator<Item = F>,
    campo: impl Fn(F) -> Texto<'a>,
) -> Columna<'a> {
    Columna::Textos(filas.into_iter().map(campo).collect())
}

fn numeros<'a, F>(filas: impl IntoIterator<Item = F>, campo: impl Fn(F) -> i64) -> Columna<'a> {
    Columna::Numeros(filas.into_iter().map(campo).collect())
}
