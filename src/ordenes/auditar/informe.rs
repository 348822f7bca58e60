//! The audit as a librarian reads it.

use std::fmt::Write;

use crate::db::auditoria::Auditoria;
use crate::db::diario::Excepcion;
use crate::ordenes::auditar::cotejo::{Clase, Cotejo};
use crate::ordenes::cuantos;

/// Broken promises named one by one; the rest is counted.
const NOMBRADAS: usize = 20;

/// Whether the database's own checks all hold.
#[must_use]
pub fn cuadra(auditoria: &Auditoria) -> bool {
    auditoria.comprobaciones.iter().all(|c| c.faltas == 0)
}

/// The database's own checks.
#[must_use]
pub fn de_base(auditoria: &Auditoria) -> String {
    let cuentas = auditoria.cuentas;
    let mut texto = format!(
        "La base de datos guarda {} ({}) y {}.\n",
        cuantos(
            cuentas.operaciones.unsigned_abs(),
            "operación",
            "operaciones"
        ),
        cuantos(
            cuentas.repeticiones.unsigned_abs(),
            "repetición contestada",
            "repeticiones contestadas"
        ),
        cuantos(
            cuentas.abiertos.unsigned_abs(),
            "préstamo abierto",
            "préstamos abiertos"
        ),
    );
    for comprobacion in &auditoria.comprobaciones {
        if comprobacion.faltas == 0 {
            let _ = writeln!(texto, "  bien  {}", comprobacion.regla);
            continue;
        }
        let _ = writeln!(
            texto,
            "  MAL   {}: {} veces no",
            comprobacion.regla, comprobacion.faltas
        );
        for muestra in &comprobacion.muestras {
            let _ = writeln!(texto, "          {muestra}");
        }
    }
    texto
}

/// What a carga accepted as queued and could not keep: its users were told yes, so somebody
/// has to tell them.
#[must_use]
pub fn de_excepciones(excepciones: &[Excepcion]) -> String {
    if excepciones.is_empty() {
        return "Excepciones del diario: ninguna.\n".to_owned();
    }
    let mut texto = format!("Excepciones del diario: {}.\n", excepciones.len());
    for excepcion in excepciones {
        let pedido = &excepcion.pedido;
        let libro = pedido.isbn.as_ref().map(ToString::to_string);
        let cosa = libro.or_else(|| pedido.ejemplar.as_ref().map(ToString::to_string));
        let fin = match (&excepcion.codigo, &excepcion.mensaje) {
            (Some(codigo), Some(mensaje)) => format!("rechazada, {codigo}: {mensaje}"),
            _ => "apartada: espera a una persona".to_owned(),
        };
        let _ = writeln!(
            texto,
            "  {} {} de {} (aceptada {}, op_id {}): {fin}",
            pedido.operacion,
            cosa.unwrap_or_default(),
            pedido
                .usuario
                .as_ref()
                .map_or("-", |usuario| usuario.as_str()),
            excepcion.aceptada_en,
            pedido.op_id,
        );
    }
    texto
}

/// The comparison with receipts.
#[must_use]
pub fn de_recibos(cotejo: &Cotejo) -> String {
    if cotejo.operaciones == 0 {
        return "Recibos: ninguno de un préstamo, una devolución o una renovación.\n".to_owned();
    }
    let estados: Vec<String> = cotejo
        .por_estado
        .iter()
        .map(|(estado, cuenta)| format!("{cuenta} {estado}"))
        .collect();
    let mut texto = format!(
        "Recibos de {}: {}.\n",
        cuantos(cotejo.operaciones as u64, "operación", "operaciones"),
        estados.join(", ")
    );
    let encoladas = cotejo.encoladas_decididas + cotejo.encoladas_pendientes.len();
    if encoladas > 0 {
        let _ = writeln!(
            texto,
            "  encoladas: {} ya decididas ({} de ellas rechazadas), {} aún en un diario",
            cotejo.encoladas_decididas,
            cotejo.encoladas_rechazadas.len(),
            cotejo.encoladas_pendientes.len()
        );
    }
    for (op_id, donde) in cotejo.encoladas_pendientes.iter().take(NOMBRADAS) {
        let _ = writeln!(texto, "  pendiente en el diario de {donde}: {op_id}");
    }
    if cotejo.dudosas > 0 {
        let _ = writeln!(
            texto,
            "  sin resultado conocido por su cliente: {}",
            cotejo.dudosas
        );
    }
    let _ = writeln!(
        texto,
        "  perdidas {}, cambiadas {}, aplicadas sin deber {}",
        cotejo.roturas_de(Clase::Perdida),
        cotejo.roturas_de(Clase::Cambiada),
        cotejo.roturas_de(Clase::Aplicada)
    );
    for rotura in cotejo.roturas.iter().take(NOMBRADAS) {
        let clase = match rotura.clase {
            Clase::Perdida => "PERDIDA",
            Clase::Cambiada => "CAMBIADA",
            Clase::Aplicada => "APLICADA",
        };
        let _ = writeln!(texto, "  {clase} {}: {}", rotura.op_id, rotura.detalle);
    }
    if cotejo.roturas.len() > NOMBRADAS {
        let _ = writeln!(texto, "  … y {} más", cotejo.roturas.len() - NOMBRADAS);
    }
    texto
}
