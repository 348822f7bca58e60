//! The answers' words and `datos` (contract §2), the same for every kind of database.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::foto::{Foto, Prestamo};
use crate::domain::ids::{Ejemplar, Isbn, Sede, UsuarioId};
use crate::domain::operacion::Operacion;
use crate::domain::plazo;
use crate::domain::rechazo::Rechazo;
use crate::domain::reglas::Reglas;
use crate::domain::solicitud::Negativa;
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::{Estado, Respuesta};

use crate::db::decision::Veredicto;

/// How many copies there are and how many of them are free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Existencias {
    /// Any is free.
    pub disponible: bool,
    /// `disponible` or `agotado`.
    pub estado: &'static str,
    /// In service and not lent.
    pub disponibles: u64,
    /// All of them.
    pub total: u64,
}

impl Existencias {
    /// So many of so many are free.
    #[must_use]
    pub const fn de(disponibles: u64, total: u64) -> Self {
        let disponible = disponibles > 0;
        Self {
            disponible,
            estado: if disponible { "disponible" } else { "agotado" },
            disponibles,
            total,
        }
    }
}

/// By branch.
pub type PorSede = BTreeMap<String, Existencias>;

/// Writes what a commit is going to store.
#[derive(Debug, Clone, Copy)]
pub struct Redactor<'a> {
    /// Zone and lengths.
    pub reglas: &'a Reglas,
    /// Titles.
    pub foto: &'a Foto,
    /// The batch's instant.
    pub ahora: Timestamp,
}

#[derive(Serialize)]
struct DatosPrestamo<'a> {
    isbn: &'a Isbn,
    ejemplar: &'a Ejemplar,
    usuario: &'a UsuarioId,
    sede: &'a Sede,
    fecha_prestamo: String,
    fecha_devolucion: String,
    dias_prestamo: u32,
}

#[derive(Serialize)]
struct DatosDevolucion<'a> {
    isbn: &'a Isbn,
    ejemplar: &'a Ejemplar,
    usuario: &'a UsuarioId,
    sede: &'a Sede,
    fecha_prestamo: String,
    fecha_devolucion: String,
}

#[derive(Serialize)]
struct DatosRenovacion<'a> {
    isbn: &'a Isbn,
    ejemplar: &'a Ejemplar,
    usuario: &'a UsuarioId,
    nueva_fecha_devolucion: String,
    renovaciones: u32,
}

#[derive(Serialize)]
struct DatosRechazo<'a> {
    motivos: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    isbn: Option<&'a Isbn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ejemplar: Option<&'a Ejemplar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usuario: Option<&'a UsuarioId>,
    sede: &'a Sede,
    #[serde(skip_serializing_if = "Option::is_none")]
    sedes: Option<&'a PorSede>,
}

impl Redactor<'_> {
    /// The answer to a decided operation; `sedes` tells where else a book without free copies
    /// is.
    #[must_use]
    pub fn respuesta(
        &self,
        pedido: &Pedido,
        veredicto: &Veredicto,
        sedes: Option<&PorSede>,
    ) -> Respuesta {
        match veredicto {
            Err(negativa) => self.rechazo(pedido, negativa, sedes),
            Ok(hecho) => {
                let (mensaje, datos) = match pedido.operacion {
                    Operacion::Devolucion => self.devolucion(hecho),
                    Operacion::Renovacion => self.renovacion(hecho),
                    _ => self.prestamo(hecho),
                };
                Respuesta {
                    estado: Estado::Confirmado,
                    rechazo: None,
                    mensaje,
                    fecha: self.fecha(self.ahora),
                    datos,
                    repetida: false,
                }
            }
        }
    }

    /// The answer to an op_id with other content: about this request, with nothing of the
    /// first.
    #[must_use]
    pub fn conflicto(&self) -> Respuesta {
        rechazada(Rechazo::ConflictoOpId, self.fecha(self.ahora))
    }

    fn prestamo(&self, hecho: &Prestamo) -> (String, String) {
        let vence = self.plazo(hecho);
        let mensaje = format!(
            "{} se prestó a {} hasta el {}",
            self.libro(&hecho.isbn),
            hecho.usuario,
            vence.get(..10).unwrap_or(&vence),
        );
        let datos = DatosPrestamo {
            isbn: &hecho.isbn,
            ejemplar: &hecho.ejemplar,
            usuario: &hecho.usuario,
            sede: &hecho.sede,
            fecha_prestamo: self.fecha(hecho.prestado_en),
            fecha_devolucion: vence,
            dias_prestamo: self.reglas.dias_prestamo,
        };
        (mensaje, objeto(&datos))
    }

    fn devolucion(&self, hecho: &Prestamo) -> (String, String) {
        let mensaje = format!("{} devolvió {}", hecho.usuario, self.libro(&hecho.isbn));
        let datos = DatosDevolucion {
            isbn: &hecho.isbn,
            ejemplar: &hecho.ejemplar,
            usuario: &hecho.usuario,
            sede: &hecho.sede,
            fecha_prestamo: self.fecha(hecho.prestado_en),
            fecha_devolucion: self.fecha(self.ahora),
        };
        (mensaje, objeto(&datos))
    }

    fn renovacion(&self, hecho: &Prestamo) -> (String, String) {
        let vence = self.plazo(hecho);
        let mensaje = format!(
            "{} tiene {} hasta el {}",
            hecho.usuario,
            self.libro(&hecho.isbn),
            vence.get(..10).unwrap_or(&vence),
        );
        let datos = DatosRenovacion {
            isbn: &hecho.isbn,
            ejemplar: &hecho.ejemplar,
            usuario: &hecho.usuario,
            nueva_fecha_devolucion: vence,
            renovaciones: hecho.renovaciones,
        };
        (mensaje, objeto(&datos))
    }

    fn rechazo(&self, pedido: &Pedido, negativa: &Negativa, sedes: Option<&PorSede>) -> Respuesta {
        let datos = DatosRechazo {
            motivos: negativa.motivos().iter().map(|m| m.codigo()).collect(),
            isbn: pedido.isbn.as_ref(),
            ejemplar: pedido.ejemplar.as_ref(),
            usuario: pedido.usuario.as_ref(),
            sede: &pedido.sede,
            sedes,
        };
        Respuesta {
            mensaje: self.negacion(pedido, negativa.codigo()),
            datos: objeto(&datos),
            ..rechazada(negativa.codigo(), self.fecha(self.ahora))
        }
    }

    /// The refusal's sentence, with the copy, the book and the user it is about.
    fn negacion(&self, pedido: &Pedido, codigo: Rechazo) -> String {
        let libro = pedido.isbn.as_ref().map(|isbn| self.libro(isbn));
        let cosa = match (&pedido.ejemplar, libro) {
            (None, libro) => libro,
            (Some(ejemplar), None) => Some(format!("ejemplar '{ejemplar}'")),
            (Some(ejemplar), Some(libro)) => Some(format!("ejemplar '{ejemplar}' de {libro}")),
        };
        let usuario = pedido.usuario.as_ref().map(|id| format!("usuario '{id}'"));
        let partes: Vec<String> = cosa.into_iter().chain(usuario).collect();
        let que = self.motivo(pedido, codigo);
        if partes.is_empty() {
            return que.to_owned();
        }
        format!("{que}: {}", partes.join(", "))
    }

    /// What is refused: of a copy that was named, not what would be of any of its book.
    fn motivo(&self, pedido: &Pedido, codigo: Rechazo) -> &'static str {
        let Some(ejemplar) = &pedido.ejemplar else {
            return codigo.mensaje();
        };
        let copia = self.foto.copia(ejemplar);
        match codigo {
            Rechazo::EjemplarNoEncontrado if copia.is_some() => "Ese ejemplar no es de ese libro",
            // Nobody puts it out of service within a batch; it may be returned in this one.
            Rechazo::SinEjemplaresDisponibles if copia.is_some_and(|copia| !copia.en_servicio) => {
                "Ese ejemplar está fuera de servicio"
            }
            Rechazo::SinEjemplaresDisponibles => "Ese ejemplar está prestado",
            Rechazo::PrestamoNoEncontrado if pedido.usuario.is_some() => {
                "No consta ningún préstamo de ese usuario y ejemplar"
            }
            Rechazo::PrestamoNoEncontrado => "No consta ningún préstamo de ese ejemplar",
            otro => otro.mensaje(),
        }
    }

    fn libro(&self, isbn: &Isbn) -> String {
        match self.foto.titulo(isbn) {
            Some(titulo) => format!("«{titulo}» ({isbn})"),
            None => format!("libro '{isbn}'"),
        }
    }

    fn plazo(&self, hecho: &Prestamo) -> String {
        let zona = self.reglas.zona_horaria.clone();
        plazo::texto(&hecho.vence_en.to_zoned(zona))
    }

    fn fecha(&self, instante: Timestamp) -> String {
        plazo::texto_ms(instante, &self.reglas.zona_horaria)
    }
}

/// A refusal with its plain sentence and no data but its reason.
#[must_use]
pub fn rechazada(codigo: Rechazo, fecha: String) -> Respuesta {
    Respuesta {
        estado: Estado::Rechazado,
        rechazo: Some(codigo),
        mensaje: codigo.mensaje().to_owned(),
        fecha,
        datos: objeto(&BTreeMap::from([("motivos", [codigo.codigo()])])),
        repetida: false,
    }
}

/// A JSON object as text. The structs here have text keys and finite numbers, with which
/// writing cannot fail.
pub fn objeto(datos: &impl Serialize) -> String {
    serde_json::to_string(datos).unwrap_or_else(|_| "{}".to_owned())
}
