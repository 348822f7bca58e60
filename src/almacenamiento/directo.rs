//! The JSON of plain clients of 5570 (contract §2): five actions on the database itself.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::ids::{OpId, Sede, Texto};
use crate::domain::operacion::Operacion;
use crate::domain::principal::Principal;
use crate::wire::campos::{Campos, campo_crudo, campo_op_id, campo_texto, leer_campos};
use crate::wire::huella::{Contenido, Huella};
use crate::wire::json::{estado_de, exigir_campos};
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::{Causa, Codigo, Desenlace, Estado};

/// What a plain client asks of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accion {
    /// Decide or read it.
    Operar(Pedido),
    /// Say whether this renewal would be granted; change nothing.
    Validar(Pedido),
}

/// A refusal to read the request: code and Spanish detail.
pub type Mala = (&'static str, String);

/// Reads one request of `principal`. `sede` stands in where the client names none.
///
/// # Errors
/// [`Mala`], ready to be answered.
pub fn leer_accion(trama: &[u8], sede: &Sede, principal: Principal) -> Result<Accion, Mala> {
    let campos = leer_campos(trama).map_err(mala)?;
    let accion = match campo_crudo(&campos, "accion").map_err(mala)? {
        None => campo_crudo(&campos, "action").map_err(mala)?,
        accion => accion,
    };
    let accion = accion.ok_or_else(|| mala("falta el campo 'accion'"))?;
    let operacion = match &*accion {
        "procesar_prestamo" => Operacion::Prestamo,
        "aplicar_devolucion" => Operacion::Devolucion,
        "actualizar_renovacion" | "validar_renovacion" => Operacion::Renovacion,
        "consultar_libro" => Operacion::Consulta,
        otra => {
            let muestra: String = otra.chars().take(40).collect();
            let detalle = format!("no existe la acción '{muestra}'");
            return Err((Causa::OperacionNoSoportada.codigo(), detalle));
        }
    };
    let mut pedido = leer_pedido(&campos, operacion, sede)?;
    pedido.principal = principal;
    exigir_campos(&pedido).map_err(mala)?;
    Ok(if accion == "validar_renovacion" {
        Accion::Validar(pedido)
    } else {
        Accion::Operar(pedido)
    })
}

fn leer_pedido(
    campos: &Campos<'_>,
    operacion: Operacion,
    sede_propia: &Sede,
) -> Result<Pedido, Mala> {
    let isbn = campo_texto(campos).map_err(mala)?;
    let ejemplar = campo_texto(campos).map_err(mala)?;
    let usuario = campo_texto(campos).map_err(mala)?;
    let titulo = campo_texto(campos).map_err(mala)?;
    let sede: Option<Sede> = campo_texto(campos).map_err(mala)?;
    let op_id = campo_op_id(campos)
        .map_err(mala)?
        .unwrap_or_else(OpId::nuevo);
    let huella = Huella::de(Contenido {
        operacion,
        isbn: isbn.as_ref().map(Texto::as_str),
        ejemplar: ejemplar.as_ref().map(Texto::as_str),
        usuario: usuario.as_ref().map(Texto::as_str),
        sede: sede.as_ref().map(Texto::as_str),
    });
    let sede = sede.unwrap_or_else(|| sede_propia.clone());
    Ok(Pedido {
        op_id,
        operacion,
        isbn,
        ejemplar,
        usuario,
        titulo,
        sede,
        huella,
        principal: Principal::nadie(),
    })
}

fn mala(detalle: impl ToString) -> Mala {
    (Causa::ParametrosInvalidos.codigo(), detalle.to_string())
}

#[derive(Serialize)]
struct Bien<'a> {
    status: &'static str,
    datos: &'a RawValue,
}

#[derive(Serialize)]
struct Mal<'a> {
    error: &'a str,
    detalle: &'a str,
}

/// Writes what became of it.
#[must_use]
pub fn escribir_desenlace(desenlace: &Desenlace) -> Vec<u8> {
    let Desenlace::Decidida(respuesta) = desenlace else {
        let (estado, codigo) = estado_de(desenlace);
        let Some(Codigo::Causa(causa)) = codigo else {
            return escribir_causa(Causa::FalloInterno, estado);
        };
        return escribir_causa(causa, estado);
    };
    match respuesta.rechazo {
        Some(rechazo) => escribir_mala(rechazo.codigo(), &respuesta.mensaje),
        None => {
            debug_assert_eq!(respuesta.estado, Estado::Confirmado);
            let datos = serde_json::from_str(&respuesta.datos).unwrap_or(RawValue::NULL);
            serde_json::to_vec(&Bien {
                status: "ok",
                datos,
            })
            .unwrap_or_default()
        }
    }
}

/// Writes why there is no decision.
#[must_use]
pub fn escribir_causa(causa: Causa, estado: Estado) -> Vec<u8> {
    escribir_mala(causa.codigo(), &causa.mensaje(estado))
}

/// Writes an error.
#[must_use]
pub fn escribir_mala(codigo: &str, detalle: &str) -> Vec<u8> {
    serde_json::to_vec(&Mal {
        error: codigo,
        detalle,
    })
    .unwrap_or_default()
}
