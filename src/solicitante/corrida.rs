//! A run: the lines of a request file, one at a time and in order, as a person at a desk
//! would make them.
//!
//! Called by the role `solicitante`. A line is done when its receipt is on disk; until then
//! every start sends it again under its op_id. It never skips a line and never gives one two
//! op_ids.

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::archivo::{Archivo, Forma, Linea};
use super::informe::{Informe, Suceso};
use super::intercambio::{Decision, Intercambio};
use super::progreso::{Hecha, Progreso, ProgresoError};
use super::recibos::{Recibo, Recibos, RecibosError};
use super::reintento::{Final, Limites};
use crate::domain::ids::{IdInvalido, OpId, Sede};
use crate::domain::modo::Modo;
use crate::wire::json_cliente::Solicitud;
use crate::wire::respuesta::Estado;

/// What every line of a run has in common.
#[derive(Debug, Clone)]
pub struct Opciones {
    /// The retry budget of each request.
    pub limites: Limites,
    /// How long each ENCOLADO is asked after, in ms (contract §5: 10 s).
    pub espera_encolado_ms: u64,
    /// The branch of lines that tell none.
    pub sede: Option<Sede>,
    /// The mode of every request; the rules' default when absent.
    pub modo: Option<Modo>,
    /// How long a carga may take for each, in ms; its own default when absent.
    pub plazo_ms: Option<u32>,
}

impl Default for Opciones {
    fn default() -> Self {
        Self {
            limites: Limites::default(),
            espera_encolado_ms: 10_000,
            sede: None,
            modo: None,
            plazo_ms: None,
        }
    }
}

impl Opciones {
    /// What besides the file's bytes decides what its lines say: for [`Progreso::abrir`].
    #[must_use]
    pub fn contenido(&self, forma: &Forma) -> String {
        let sede = self.sede.as_ref().map_or("-", Sede::as_str);
        format!("{}; sede: {sede}", forma.orden())
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cierre {
    /// Somebody asked to stop before the last line.
    pub interrumpida: bool,
    /// It stopped because no carga answered at all within a request's whole budget.
    pub nadie: bool,
    /// Lines without a definite outcome; the next start continues with them.
    pub pendientes: u64,
}

/// Why a run can't go on; it can be continued when the cause is gone. Exit code 70.
#[derive(Debug, thiserror::Error)]
pub enum CorridaError {
    /// The progress file.
    #[error(transparent)]
    Progreso(#[from] ProgresoError),
    /// The receipts.
    #[error(transparent)]
    Recibos(#[from] RecibosError),
    /// Never for an op_id of ours.
    #[error("op_id imposible: {0}")]
    OpId(#[from] IdInvalido),
}

/// The files and the screen of a run.
pub struct Corrida<'a> {
    /// Which lines are done.
    pub progreso: &'a mut Progreso,
    /// Where outcomes are kept.
    pub recibos: &'a mut Recibos,
    /// What a person sees.
    pub informe: &'a mut Informe,
    /// What all lines have in common.
    pub opciones: &'a Opciones,
}

/// What became of one line.
struct Desenlace {
    estado: Estado,
    codigo: Option<String>,
    datos: Value,
    intentos: u32,
    /// No carga answered within the whole budget.
    nadie: bool,
}

impl Corrida<'_> {
    /// Runs every line that is not done. `ultimo` is the last receipt found on opening: a kill
    /// may have come between it and its mark.
    ///
    /// # Errors
    /// [`CorridaError`] when the disk fails; nothing is sent after that.
    pub async fn correr(
        &mut self,
        archivo: &Archivo,
        ultimo: Option<&Recibo>,
        red: &mut Intercambio<'_>,
    ) -> Result<Cierre, CorridaError> {
        self.recuperar(ultimo)?;
        let mut cierre = Cierre {
            interrumpida: false,
            nadie: false,
            pendientes: 0,
        };
        for linea in &archivo.lineas {
            if let Some(hecha) = self.progreso.hecha(linea.numero) {
                self.informe.anterior(linea.pedido.operacion, hecha);
                continue;
            }
            cierre.interrumpida |= red.parado();
            if cierre.interrumpida || cierre.nadie {
                cierre.pendientes += 1;
                continue;
            }
            let desenlace = self.linea(linea, red).await?;
            cierre.nadie = desenlace.nadie && !red.parado();
            cierre.pendientes += u64::from(!definitivo(desenlace.estado));
        }
        if cierre.pendientes == 0 {
            self.progreso.terminar()?;
        }
        self.informe.veredicto().nadie |= cierre.nadie;
        Ok(cierre)
    }

    /// Marks the line of a receipt that was written and not yet marked.
    fn recuperar(&mut self, ultimo: Option<&Recibo>) -> Result<(), CorridaError> {
        let Some(recibo) = ultimo else {
            return Ok(());
        };
        let linea = self.progreso.linea_de(&recibo.op_id);
        let estado = Estado::de_palabra(&recibo.estado).filter(|estado| definitivo(*estado));
        if let (Some(linea), Some(estado)) = (linea, estado)
            && self.progreso.hecha(linea).is_none()
        {
            let codigo = recibo.codigo.clone();
            self.progreso.marcar(linea, Hecha { estado, codigo })?;
        }
        Ok(())
    }

    async fn linea(
        &mut self,
        linea: &Linea,
        red: &mut Intercambio<'_>,
    ) -> Result<Desenlace, CorridaError> {
        let op_id = self.progreso.op_id(linea.numero)?;
        let (inicio, reloj) = (Timestamp::now(), Instant::now());
        let solicitud = self.solicitud(linea, &op_id);
        let fin = red
            .pedir(solicitud, self.opciones.limites, self.progreso.reanudada())
            .await;
        let mut desenlace = Desenlace::de(&fin);
        let suceso = Suceso {
            linea,
            estado: desenlace.estado,
            codigo: fin.respuesta().and_then(|r| r.codigo.as_deref()),
            mensaje: fin.respuesta().map_or("sin respuesta", |r| &r.mensaje),
            micros: micros(reloj),
        };
        self.informe.suceso(suceso);
        if suceso.estado == Estado::Encolado {
            let espera_ms = self.opciones.espera_encolado_ms;
            let decision = red.resolver(&op_id, self.opciones.limites, espera_ms).await;
            self.informe
                .resuelta(suceso, decision.as_ref(), micros(reloj));
            desenlace.resolver(decision);
        }
        self.recibos
            .escribir(&recibo(linea, &op_id, &desenlace, inicio))?;
        if definitivo(desenlace.estado) {
            let hecha = Hecha {
                estado: desenlace.estado,
                codigo: desenlace.codigo.clone(),
            };
            self.progreso.marcar(linea.numero, hecha)?;
        }
        Ok(desenlace)
    }

    fn solicitud(&self, linea: &Linea, op_id: &OpId) -> Solicitud {
        let pedido = linea.pedido.clone();
        Solicitud {
            operacion: pedido.operacion,
            isbn: pedido.isbn,
            ejemplar: pedido.ejemplar,
            usuario: pedido.usuario,
            sede: pedido.sede.or_else(|| self.opciones.sede.clone()),
            titulo: pedido.titulo,
            op_id: Some(op_id.clone()),
            id: None,
            modo: self.opciones.modo,
            plazo_ms: self.opciones.plazo_ms,
        }
    }
}

impl Desenlace {
    fn de(fin: &Final) -> Self {
        let respuesta = fin.respuesta();
        Self {
            estado: fin.estado(),
            codigo: respuesta.and_then(|r| r.codigo.clone()),
            datos: respuesta.map_or(Value::Null, |r| r.datos.clone()),
            intentos: fin.intentos(),
            nadie: respuesta.is_none(),
        }
    }

    fn resolver(&mut self, decision: Option<Decision>) {
        if let Some(decision) = decision {
            self.estado = decision.estado;
            self.codigo = decision.codigo;
            self.datos = decision.datos;
        }
    }
}

/// Whether an outcome is final under its op_id; any other line is sent again.
const fn definitivo(estado: Estado) -> bool {
    matches!(
        estado,
        Estado::Confirmado | Estado::Rechazado | Estado::Invalido
    )
}

fn micros(desde: Instant) -> u64 {
    u64::try_from(desde.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn recibo(linea: &Linea, op_id: &OpId, desenlace: &Desenlace, inicio: Timestamp) -> Recibo {
    let pedido = &linea.pedido;
    let datos = match &desenlace.datos {
        Value::Null => Value::Object(serde_json::Map::new()),
        datos => datos.clone(),
    };
    Recibo {
        op_id: op_id.to_string(),
        operacion: pedido.operacion.to_string(),
        isbn: pedido.isbn.as_ref().map(ToString::to_string),
        ejemplar: pedido.ejemplar.as_ref().map(ToString::to_string),
        usuario: pedido.usuario.as_ref().map(ToString::to_string),
        estado: desenlace.estado.to_string(),
        codigo: desenlace.codigo.clone(),
        datos,
        inicio: inicio.to_string(),
        fin: Timestamp::now().to_string(),
        intentos: desenlace.intentos,
    }
}

#[cfg(test)]
#[path = "corrida_tests.rs"]
mod tests;
