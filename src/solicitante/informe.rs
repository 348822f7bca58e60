//! What a person sees of a run: a line for each request, a bar on a terminal, the closing
//! tables.
//!
//! Called by `corrida` and by the command that starts it. A closed or full output never stops a
//! run: what cannot be shown is still in the receipts.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::archivo::Linea;
use super::intercambio::Decision;
use super::progreso::Hecha;
use super::resumen::{Resumen, Veredicto};
use crate::domain::operacion::Operacion;
use crate::sistema::salida::{SinSalida, escribir};
use crate::wire::respuesta::Estado;

/// Most unreadable lines that are listed; the rest are counted.
const ILEGIBLES_MAX: usize = 100;

enum Salida {
    Barra(ProgressBar),
    Lineas(Box<dyn Write + Send>),
}

/// What one request was told.
#[derive(Debug, Clone, Copy)]
pub struct Suceso<'a> {
    /// The request.
    pub linea: &'a Linea,
    /// What may be claimed of it.
    pub estado: Estado,
    /// The reason, if there is one.
    pub codigo: Option<&'a str>,
    /// The answer's sentence; empty without an answer.
    pub mensaje: &'a str,
    /// From its first send to this answer, in µs.
    pub micros: u64,
}

/// The report of one run.
pub struct Informe {
    salida: Salida,
    resumen: Resumen,
    anteriores: u64,
    sin_salida: Option<SinSalida>,
}

impl Informe {
    /// For standard output: with a bar when it is a terminal, plain lines otherwise.
    #[must_use]
    pub fn en_salida(total: u64) -> Self {
        if !io::stdout().is_terminal() {
            return Self::en(Box::new(io::stdout()));
        }
        let barra = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stdout());
        let plantilla = "{bar:30} {pos}/{len} · {elapsed} · faltan {eta}";
        if let Ok(estilo) = ProgressStyle::with_template(plantilla) {
            barra.set_style(estilo);
        }
        Self::con(Salida::Barra(barra))
    }

    /// For any other output, in plain lines.
    #[must_use]
    pub fn en(salida: Box<dyn Write + Send>) -> Self {
        Self::con(Salida::Lineas(salida))
    }

    fn con(salida: Salida) -> Self {
        Self {
            salida,
            resumen: Resumen::default(),
            anteriores: 0,
            sin_salida: None,
        }
    }

    /// Shows a line of text.
    pub fn decir(&mut self, texto: &str) {
        match &mut self.salida {
            Salida::Barra(barra) => barra.println(texto),
            Salida::Lineas(salida) => {
                if let Err(error) = escribir(salida, texto) {
                    self.sin_salida = Some(error);
                }
            }
        }
    }

    /// Counts a line that an earlier process of this run finished.
    pub fn anterior(&mut self, operacion: Operacion, hecha: &Hecha) {
        self.anteriores += 1;
        self.resumen
            .contar(operacion, hecha.estado, hecha.codigo.as_deref(), None);
        self.avanzar();
    }

    /// Shows the first answer to a request. An ENCOLADO is not counted yet: its end is told by
    /// [`Informe::resuelta`].
    pub fn suceso(&mut self, suceso: Suceso<'_>) {
        self.decir(&renglon(&suceso));
        if suceso.estado != Estado::Encolado {
            self.resumen.contar(
                suceso.linea.pedido.operacion,
                suceso.estado,
                suceso.codigo,
                Some(suceso.micros),
            );
            self.avanzar();
        }
    }

    /// Why not all was shown, if that was a failure.
    pub const fn sin_salida(&mut self) -> Option<SinSalida> {
        self.sin_salida.take()
    }

    /// Shows and counts how an ENCOLADO ended, `micros` µs after its first send; none: it is
    /// not decided yet.
    pub fn resuelta(&mut self, encolada: Suceso<'_>, decision: Option<&Decision>, micros: u64) {
        let (estado, codigo, texto) = match decision {
            None => (Estado::Encolado, None, "sin decidir todavía".to_owned()),
            Some(decision) => (
                decision.estado,
                decision.codigo.as_deref(),
                desenlace(
                    decision.estado,
                    decision.codigo.as_deref(),
                    &decision.mensaje,
                ),
            ),
        };
        self.decir(&format!(
            "{:>7}  └ ENCOLADO → {texto}  {} ms",
            encolada.linea.numero,
            ms(micros)
        ));
        self.resumen.contar(
            encolada.linea.pedido.operacion,
            estado,
            codigo,
            Some(encolada.micros),
        );
        self.avanzar();
    }

    fn avanzar(&mut self) {
        if let Salida::Barra(barra) = &self.salida {
            barra.inc(1);
        }
    }

    /// What the exit code is decided from.
    pub const fn veredicto(&mut self) -> &mut Veredicto {
        self.resumen.veredicto()
    }

    /// Shows the closing tables and the unreadable lines; `pendientes`: readable lines that
    /// have no definite outcome and will be sent again by the next start.
    pub fn cerrar(&mut self, ilegibles: &[(u32, String)], pendientes: u64) {
        if let Salida::Barra(barra) = &self.salida {
            barra.finish_and_clear();
            // A finished bar prints no more lines.
            self.salida = Salida::Lineas(Box::new(io::stdout()));
        }
        self.decir(&self.resumen.tabla());
        if let Some(motivos) = self.resumen.tabla_motivos() {
            self.decir(&motivos);
        }
        if self.anteriores > 0 {
            self.decir(&format!(
                "Solicitudes ya hechas por un arranque anterior de esta corrida: {}",
                self.anteriores
            ));
        }
        if !ilegibles.is_empty() {
            self.resumen.veredicto().rechazada = true;
            self.decir(&format!("Líneas ilegibles: {}", ilegibles.len()));
        }
        for (numero, motivo) in ilegibles.iter().take(ILEGIBLES_MAX) {
            self.decir(&format!("  línea {numero}: {motivo}"));
        }
        if ilegibles.len() > ILEGIBLES_MAX {
            self.decir(&format!("  … y {} más", ilegibles.len() - ILEGIBLES_MAX));
        }
        if pendientes > 0 {
            self.resumen.veredicto().sin_definir = true;
            self.decir(&format!(
                "Solicitudes sin resultado definitivo: {pendientes}; repita la misma orden para continuar la corrida"
            ));
        }
    }
}

/// Operation, book, user, outcome and milliseconds in columns.
fn renglon(suceso: &Suceso<'_>) -> String {
    let pedido = &suceso.linea.pedido;
    let libro = match (&pedido.isbn, &pedido.ejemplar, &pedido.titulo) {
        (Some(isbn), ..) => isbn.as_str(),
        (None, Some(ejemplar), _) => ejemplar.as_str(),
        (None, None, Some(titulo)) => titulo.as_str(),
        (None, None, None) => "-",
    };
    let usuario = pedido.usuario.as_ref().map_or("-", |u| u.as_str());
    format!(
        "{:>7}  {:<10}  {libro:<18}  {usuario:<12}  {:>10} ms  {}",
        suceso.linea.numero,
        pedido.operacion.palabra(),
        ms(suceso.micros),
        desenlace(suceso.estado, suceso.codigo, suceso.mensaje),
    )
}

/// The outcome; its reason and sentence only when it is not what was asked for.
fn desenlace(estado: Estado, codigo: Option<&str>, mensaje: &str) -> String {
    let mut texto = estado.palabra().to_owned();
    if !estado.exito() {
        for (marca, parte) in [(" ", codigo.unwrap_or_default()), (": ", mensaje)] {
            if !parte.is_empty() {
                texto.push_str(marca);
                texto.push_str(parte);
            }
        }
    }
    texto
}

fn ms(micros: u64) -> String {
    format!("{}.{:03}", micros / 1_000, micros % 1_000)
}

#[cfg(test)]
#[path = "informe_tests.rs"]
mod tests;
