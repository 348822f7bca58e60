//! What one client of a measurement asks next.

use crate::cli::{Carrera, Medida, Modos};
use crate::domain::ids::{Isbn, OpId, Sede, UsuarioId};
use crate::domain::modo::Modo;
use crate::domain::operacion::Operacion;
use crate::solicitante::reintento::Azar;
use crate::wire::json_cliente::{RespuestaCliente, Solicitud};
use crate::wire::respuesta::Estado;

/// Most loans of a client at once, below any limit of the rules.
const PRESTAMOS_MAX: usize = 4;

/// One client: it has a user of its own and a few loans.
pub(super) struct Cliente {
    usuario: String,
    sede: Sede,
    libros: u64,
    carrera: Carrera,
    modos: Modos,
    azar: Azar,
    prestados: Vec<String>,
    /// Its oldest loan was renewed as often as may be.
    devuelve: bool,
    isbn: String,
    operacion: Operacion,
    op_id: String,
}

impl Cliente {
    pub(super) fn nuevo(numero: usize, sede: Sede, medida: &Medida) -> Self {
        // A user that no earlier run has left a loan with.
        let usuario = format!("medir-{}", OpId::nuevo());
        let semilla = numero as u64 ^ u64::from(std::process::id()) << 32;
        Self {
            usuario,
            sede,
            libros: u64::from(medida.libros.max(1)),
            carrera: medida.carrera,
            modos: medida.modos,
            azar: Azar::con_semilla(semilla),
            prestados: Vec::new(),
            devuelve: false,
            isbn: String::new(),
            operacion: Operacion::Consulta,
            op_id: String::new(),
        }
    }

    /// The next request, as JSON.
    pub(super) fn pedir(&mut self) -> String {
        let operacion = self.siguiente();
        self.texto(operacion)
    }

    /// The return of one of its loans, as JSON; none when it has none left.
    pub(super) fn devolver(&mut self) -> Option<String> {
        (!self.prestados.is_empty()).then(|| self.texto(Operacion::Devolucion))
    }

    /// Whether it owes nothing to the library.
    pub(super) fn sin_prestamos(&self) -> bool {
        self.prestados.is_empty()
    }

    /// What was asked last.
    pub(super) const fn operacion(&self) -> Operacion {
        self.operacion
    }

    fn texto(&mut self, operacion: Operacion) -> String {
        self.operacion = operacion;
        self.isbn = match (self.prestados.first(), operacion) {
            (Some(isbn), Operacion::Devolucion | Operacion::Renovacion) => isbn.clone(),
            _ => format!("Libro{}", 1 + self.azar.hasta(self.libros - 1)),
        };
        self.op_id = OpId::nuevo().to_string();
        let mut solicitud = Solicitud::nueva(operacion);
        solicitud.isbn = Isbn::parse(&self.isbn).ok();
        solicitud.op_id = OpId::parse(&self.op_id).ok();
        solicitud.sede = Some(self.sede.clone());
        if !operacion.es_lectura() {
            solicitud.usuario = UsuarioId::parse(&self.usuario).ok();
            solicitud.modo = Some(self.modos.de(operacion).unwrap_or(Modo::Sincrono));
        }
        solicitud.texto()
    }

    fn siguiente(&mut self) -> Operacion {
        let tiene = !self.prestados.is_empty();
        if self.devuelve && tiene {
            return Operacion::Devolucion;
        }
        match self.carrera {
            Carrera::Una(Operacion::Consulta | Operacion::Estado) => Operacion::Consulta,
            Carrera::Una(Operacion::Renovacion) if tiene => Operacion::Renovacion,
            Carrera::Una(_) if tiene => Operacion::Devolucion,
            Carrera::Una(_) => Operacion::Prestamo,
            Carrera::Mezcla(pesos) => {
                let sorteada = pesos.sortear(self.azar.hasta(u64::from(pesos.suma()) - 1));
                match sorteada {
                    Operacion::Devolucion | Operacion::Renovacion if !tiene => Operacion::Prestamo,
                    Operacion::Prestamo if self.prestados.len() >= PRESTAMOS_MAX => {
                        Operacion::Devolucion
                    }
                    otra => otra,
                }
            }
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
                self.prestados.push(std::mem::take(&mut self.isbn));
            }
            (Operacion::Devolucion, Estado::Confirmado | Estado::Encolado | Estado::Rechazado) => {
                self.prestados.retain(|isbn| *isbn != self.isbn);
                self.devuelve = false;
            }
            (Operacion::Renovacion, Estado::Rechazado) => self.devuelve = true,
            _ => {}
        }
    }
}
