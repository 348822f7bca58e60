//! What one client of a measurement asks next.

use crate::cli::{Carrera, Medida};
use crate::domain::ids::{Isbn, OpId, UsuarioId};
use crate::domain::modo::Modo;
use crate::domain::operacion::Operacion;
use crate::solicitante::reintento::Azar;
use crate::wire::json_cliente::{RespuestaCliente, Solicitud};
use crate::wire::respuesta::Estado;

/// In a mixed run, how many of 100 requests only read.
const LECTURAS_PCT: u64 = 20;

/// One client: it has a user of its own and at most one loan.
pub(super) struct Cliente {
    usuario: String,
    libros: u64,
    carrera: Carrera,
    modo: Option<Modo>,
    azar: Azar,
    prestado: Option<String>,
    isbn: String,
    operacion: Operacion,
    op_id: String,
}

impl Cliente {
    pub(super) fn nuevo(numero: usize, medida: &Medida) -> Self {
        // A user that no earlier run has left a loan with.
        let usuario = format!("medir-{}", OpId::nuevo());
        let semilla = numero as u64 ^ u64::from(std::process::id()) << 32;
        Self {
            usuario,
            libros: u64::from(medida.libros.max(1)),
            carrera: medida.carrera,
            modo: medida.modo,
            azar: Azar::con_semilla(semilla),
            prestado: None,
            isbn: String::new(),
            operacion: Operacion::Consulta,
            op_id: String::new(),
        }
    }

    /// The next request, as JSON.
    pub(super) fn pedir(&mut self) -> String {
        self.operacion = self.siguiente();
        self.isbn = match (&self.prestado, self.operacion) {
            (Some(isbn), Operacion::Devolucion | Operacion::Renovacion) => isbn.clone(),
            _ => format!("Libro{}", 1 + self.azar.hasta(self.libros - 1)),
        };
        self.op_id = OpId::nuevo().to_string();
        let mut solicitud = Solicitud::nueva(self.operacion);
        solicitud.isbn = Isbn::parse(&self.isbn).ok();
        solicitud.op_id = OpId::parse(&self.op_id).ok();
        if !self.operacion.es_lectura() {
            solicitud.usuario = UsuarioId::parse(&self.usuario).ok();
            solicitud.modo = Some(self.modo.unwrap_or(Modo::Sincrono));
        }
        solicitud.texto()
    }

    fn siguiente(&mut self) -> Operacion {
        match (self.carrera, &self.prestado) {
            (Carrera::Una(Operacion::Consulta | Operacion::Estado), _) => Operacion::Consulta,
            (Carrera::Una(Operacion::Renovacion), Some(_)) => Operacion::Renovacion,
            (Carrera::Mezcla, _) if self.azar.hasta(99) < LECTURAS_PCT => Operacion::Consulta,
            (Carrera::Mezcla, Some(_)) if self.azar.hasta(99) < LECTURAS_PCT => {
                Operacion::Renovacion
            }
            (_, Some(_)) => Operacion::Devolucion,
            (_, None) => Operacion::Prestamo,
        }
    }

    /// Whether this answers what was asked last.
    pub(super) fn es_suya(&self, respuesta: &RespuestaCliente) -> bool {
        respuesta.op_id.as_deref() == Some(&self.op_id)
    }

    /// Learns from the answer what the user has now.
    pub(super) fn avanzar(&mut self, respuesta: &RespuestaCliente) {
        match (self.operacion, respuesta.estado) {
            (Operacion::Prestamo, Estado::Confirmado | Estado::Encolado) => {
                self.prestado = Some(std::mem::take(&mut self.isbn));
            }
            (Operacion::Devolucion, Estado::Confirmado | Estado::Encolado | Estado::Rechazado)
            | (Operacion::Renovacion, Estado::Rechazado) => self.prestado = None,
            _ => {}
        }
    }
}
