//! Receipts against the database: which promise each kept or broke. Pure.
//!
//! What a receipt claims is contract §2's: a decision is stored, word for word; an ENCOLADO is
//! decided or waits in a diario; what was certainly not applied is not there.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::db::auditoria::Guardada;
use crate::domain::operacion::Operacion;
use crate::domain::rechazo::Rechazo;
use crate::solicitante::recibos::Recibo;
use crate::wire::respuesta::Estado;

/// How a promise was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clase {
    /// Acknowledged, and nowhere to be found.
    Perdida,
    /// The database tells something else than the client was told.
    Cambiada,
    /// Told as certainly not applied, and applied.
    Aplicada,
}

/// One broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotura {
    /// How.
    pub clase: Clase,
    /// Of which operation.
    pub op_id: String,
    /// In Spanish, for a person.
    pub detalle: String,
}

/// What the comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cotejo {
    /// Operations with a receipt; reads are not among them.
    pub operaciones: usize,
    /// Receipts, by state.
    pub por_estado: BTreeMap<String, usize>,
    /// ENCOLADO and decided since.
    pub encoladas_decididas: usize,
    /// Of those, refused: a queued yes that became a no. `op_id` and reason.
    pub encoladas_rechazadas: Vec<(String, String)>,
    /// ENCOLADO and still in a diario: `op_id`, and whose diario.
    pub encoladas_pendientes: Vec<(String, String)>,
    /// DESCONOCIDO to the end: applied or not, both keep the promise.
    pub dudosas: usize,
    /// What was broken.
    pub roturas: Vec<Rotura>,
}

impl Cotejo {
    /// How many promises were broken that way.
    #[must_use]
    pub fn roturas_de(&self, clase: Clase) -> usize {
        self.roturas.iter().filter(|r| r.clase == clase).count()
    }
}

/// The op_ids whose receipts say ENCOLADO and that `guardadas` has not: where they are has to
/// be asked of the cargas.
#[must_use]
pub fn sin_decidir<'a>(
    recibos: &'a [Recibo],
    guardadas: &HashMap<String, Guardada>,
) -> Vec<&'a str> {
    let mut vistas = HashSet::new();
    recibos
        .iter()
        .filter(|recibo| recibo.estado == Estado::Encolado.palabra())
        .map(|recibo| recibo.op_id.as_str())
        .filter(|op_id| !guardadas.contains_key(*op_id) && vistas.insert(*op_id))
        .collect()
}

/// Compares. `en_diario`: the op_ids that wait in some diario, and in whose.
#[must_use]
pub fn cotejar(
    recibos: &[Recibo],
    guardadas: &HashMap<String, Guardada>,
    en_diario: &HashMap<String, String>,
) -> Cotejo {
    let mut cotejo = Cotejo::default();
    let mut por_operacion: BTreeMap<&str, Vec<&Recibo>> = BTreeMap::new();
    for recibo in recibos {
        if Operacion::de_palabra(&recibo.operacion).is_some_and(Operacion::es_lectura) {
            continue;
        }
        *cotejo.por_estado.entry(recibo.estado.clone()).or_default() += 1;
        por_operacion.entry(&recibo.op_id).or_default().push(recibo);
    }
    cotejo.operaciones = por_operacion.len();
    for (op_id, suyos) in por_operacion {
        let guardada = guardadas.get(op_id);
        operacion(&mut cotejo, op_id, &suyos, guardada, en_diario.get(op_id));
    }
    cotejo
}

fn operacion(
    cotejo: &mut Cotejo,
    op_id: &str,
    suyos: &[&Recibo],
    guardada: Option<&Guardada>,
    en_diario: Option<&String>,
) {
    let mut romper = |clase, detalle| {
        cotejo.roturas.push(Rotura {
            clase,
            op_id: op_id.to_owned(),
            detalle,
        });
    };
    let dice = |estado: Estado| suyos.iter().any(|r| r.estado == estado.palabra());
    for recibo in suyos.iter().filter(|recibo| es_decision(recibo)) {
        match guardada {
            None => romper(
                Clase::Perdida,
                format!(
                    "{}: se dijo {} y la base no la tiene",
                    que(recibo),
                    recibo.estado
                ),
            ),
            Some(guardada) => {
                if let Some(diferencia) = diferencia(recibo, guardada) {
                    romper(Clase::Cambiada, format!("{}: {diferencia}", que(recibo)));
                }
            }
        }
    }
    if suyos.iter().any(|recibo| es_decision(recibo)) {
        return;
    }
    let aplicada = guardada.is_some_and(|g| g.estado == Estado::Confirmado.palabra());
    if dice(Estado::Encolado) {
        match guardada {
            Some(guardada) => {
                cotejo.encoladas_decididas += 1;
                if let Some(codigo) = &guardada.codigo {
                    let rechazada = (op_id.to_owned(), codigo.clone());
                    cotejo.encoladas_rechazadas.push(rechazada);
                }
            }
            None => match en_diario {
                Some(donde) => {
                    let pendiente = (op_id.to_owned(), donde.clone());
                    cotejo.encoladas_pendientes.push(pendiente);
                }
                None => romper(
                    Clase::Perdida,
                    format!(
                        "{}: se dijo ENCOLADO y no está ni en la base, ni en el diario de una \
                         carga que responda, ni en el de esta carpeta",
                        suyos.first().map_or_else(String::new, |recibo| que(recibo))
                    ),
                ),
            },
        }
    } else if dice(Estado::Desconocido) {
        cotejo.dudosas += 1;
    } else if aplicada && !suyos.iter().any(|recibo| es_conflicto(recibo)) {
        let dichos: Vec<&str> = suyos.iter().map(|r| r.estado.as_str()).collect();
        romper(
            Clase::Aplicada,
            format!("se dijo solo {} y está aplicada", dichos.join(", ")),
        );
    }
}

/// CONFIRMADO or RECHAZADO, of this operation and not of its op_id.
fn es_decision(recibo: &Recibo) -> bool {
    matches!(
        Estado::de_palabra(&recibo.estado),
        Some(Estado::Confirmado | Estado::Rechazado)
    ) && !es_conflicto(recibo)
}

fn es_conflicto(recibo: &Recibo) -> bool {
    recibo.codigo.as_deref() == Some(Rechazo::ConflictoOpId.codigo())
}

fn que(recibo: &Recibo) -> String {
    let partes: Vec<&str> = [&recibo.isbn, &recibo.ejemplar, &recibo.usuario]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    format!("{} {}", recibo.operacion, partes.join(" "))
}

/// What the database tells otherwise than the receipt.
fn diferencia(recibo: &Recibo, guardada: &Guardada) -> Option<String> {
    if recibo.estado != guardada.estado || recibo.codigo != guardada.codigo {
        let con = |estado: &str, codigo: &Option<String>| match codigo {
            Some(codigo) => format!("{estado} {codigo}"),
            None => estado.to_owned(),
        };
        return Some(format!(
            "se dijo {} y la base dice {}",
            con(&recibo.estado, &recibo.codigo),
            con(&guardada.estado, &guardada.codigo)
        ));
    }
    let contenido = recibo.operacion == guardada.tipo
        && recibo.isbn == guardada.isbn
        && recibo.ejemplar == guardada.ejemplar
        && recibo.usuario == guardada.usuario;
    if !contenido {
        return Some("la base tiene otra operación con ese op_id".to_owned());
    }
    if recibo.datos != guardada.datos() {
        return Some(format!(
            "se dieron los datos {} y la base tiene {}",
            recibo.datos, guardada.datos
        ));
    }
    None
}

#[cfg(test)]
#[path = "cotejo_tests.rs"]
mod tests;
