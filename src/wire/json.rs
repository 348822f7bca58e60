//! What plain clients speak on 5555: one JSON object asks, one answers (contract §2).
//!
//! Called by the carga's client door. Whatever the bytes, the outcome is a [`Peticion`] or an
//! [`Invalida`] that can be answered; nothing panics and nothing is guessed.

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::ids::{OpId, Sede, Texto};
use crate::domain::modo::Modo;
use crate::domain::operacion::Operacion;
use crate::domain::principal::Principal;
use crate::wire::campos::{Campos, campo, campo_crudo, campo_op_id, campo_texto, leer_campos};
use crate::wire::huella::{Contenido, Huella};
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::{Causa, Codigo, Desenlace, Estado};

/// Largest request of a plain client, in bytes (contract §2); beyond it the connection ends.
pub const SOLICITUD_BYTES_MAX: usize = 64 * 1024;

/// Bounds of a client's own `plazo_ms`, in ms (contract §2).
pub const PLAZO_MS: std::ops::RangeInclusive<u32> = 100..=30_000;

const SIN_LIBRO: &str = "falta el campo 'isbn', 'ejemplar' o 'titulo'";
const PLAZO_MALO: &str = "el campo 'plazo_ms' debe ser un entero de 100 a 30000";

/// When a client that found no room should come back, in ms: a few commits later.
pub const REINTENTAR_MS: u32 = 50;

/// The same as `datos` tells it: one text for all, as it is written most when there is least
/// time.
static REINTENTO: LazyLock<String> =
    LazyLock::new(|| format!("{{\"reintentar_ms\":{REINTENTAR_MS}}}"));

/// What an answer takes besides its message, its `datos` and its `id`, in bytes: with it an
/// answer is written in one piece of memory.
const MARCO_BYTES: usize = 256;

/// A well-formed request.
#[derive(Debug, Clone)]
pub struct Peticion {
    /// The operation.
    pub pedido: Pedido,
    /// The client's own `id`, to echo.
    pub id: Option<Box<RawValue>>,
    /// The mode it asked for, if it did.
    pub modo: Option<Modo>,
    /// The deadline it asked for, in ms, if it did.
    pub plazo_ms: Option<u32>,
}

/// A malformed request, with what could be read of it.
#[derive(Debug, Clone)]
pub struct Invalida {
    /// Which of the two codes.
    pub causa: Causa,
    /// Spanish sentence that says what is wrong.
    pub detalle: String,
    /// Its op_id, when that was readable.
    pub op_id: Option<OpId>,
    /// Its `id`, when that was readable.
    pub id: Option<Box<RawValue>>,
}

/// Reads one request of a plain client. `sede` stands in where the client names none.
///
/// # Errors
/// [`Invalida`], ready to be answered.
pub fn leer_peticion(trama: &[u8], sede: &Sede) -> Result<Peticion, Invalida> {
    leer(trama, sede, exigir_campos_de_cliente)
}

/// Reads one request of our own side door, which may also ask for a user's loans: it knows who
/// may see them.
///
/// # Errors
/// [`Invalida`], ready to be answered.
pub fn leer_peticion_propia(trama: &[u8], sede: &Sede) -> Result<Peticion, Invalida> {
    leer(trama, sede, exigir_campos)
}

/// What a well-formed request must have, or a Spanish sentence.
type Exigencia = fn(&Pedido) -> Result<(), &'static str>;

fn leer(trama: &[u8], sede: &Sede, exigir: Exigencia) -> Result<Peticion, Invalida> {
    let campos = leer_campos(trama).map_err(|detalle| sin_objeto(&detalle))?;
    let id = campo(&campos, "id").map(ToOwned::to_owned);
    let leido = campo_op_id(&campos).map_err(mal);
    let op_id = leido.as_ref().ok().cloned().flatten();
    interpretar(&campos, leido, (sede, exigir), id.clone()).map_err(|(causa, detalle)| Invalida {
        causa,
        detalle,
        op_id,
        id,
    })
}

fn sin_objeto(detalle: &str) -> Invalida {
    Invalida {
        causa: Causa::ParametrosInvalidos,
        detalle: detalle.to_owned(),
        op_id: None,
        id: None,
    }
}

type Mal = (Causa, String);

fn mal(detalle: impl ToString) -> Mal {
    (Causa::ParametrosInvalidos, detalle.to_string())
}

fn interpretar(
    campos: &Campos<'_>,
    op_id: Result<Option<OpId>, Mal>,
    (sede_propia, exigir): (&Sede, Exigencia),
    id: Option<Box<RawValue>>,
) -> Result<Peticion, Mal> {
    let operacion = leer_operacion(campos)?;
    let op_id = op_id?;
    let isbn = campo_texto(campos).map_err(mal)?;
    let ejemplar = campo_texto(campos).map_err(mal)?;
    let usuario = campo_texto(campos).map_err(mal)?;
    let titulo = campo_texto(campos).map_err(mal)?;
    let sede: Option<Sede> = campo_texto(campos).map_err(mal)?;
    let huella = Huella::de(Contenido {
        operacion,
        isbn: isbn.as_ref().map(Texto::as_str),
        ejemplar: ejemplar.as_ref().map(Texto::as_str),
        usuario: usuario.as_ref().map(Texto::as_str),
        sede: sede.as_ref().map(Texto::as_str),
    });
    if operacion == Operacion::Estado && op_id.is_none() {
        return Err(mal("falta el campo 'op_id'"));
    }
    let pedido = Pedido {
        op_id: op_id.unwrap_or_else(OpId::nuevo),
        operacion,
        isbn,
        ejemplar,
        usuario,
        titulo,
        sede: sede.unwrap_or_else(|| sede_propia.clone()),
        huella,
        principal: Principal::nadie(),
    };
    exigir(&pedido).map_err(mal)?;
    Ok(Peticion {
        pedido,
        id,
        modo: leer_modo(campos)?,
        plazo_ms: leer_plazo(campos)?,
    })
}

/// The fields that each operation of a plain client needs (contract §2).
fn exigir_campos_de_cliente(pedido: &Pedido) -> Result<(), &'static str> {
    exigir_campos(pedido)?;
    let de_usuario = pedido.isbn.is_none() && pedido.ejemplar.is_none() && pedido.titulo.is_none();
    if pedido.operacion == Operacion::Consulta && de_usuario {
        return Err(SIN_LIBRO);
    }
    Ok(())
}

/// The fields that each operation needs (contract §2); a consulta may also be of a user.
///
/// # Errors
/// A Spanish sentence that names the missing field.
pub fn exigir_campos(pedido: &Pedido) -> Result<(), &'static str> {
    let libro = pedido.isbn.is_some() || pedido.ejemplar.is_some();
    match pedido.operacion {
        Operacion::Prestamo | Operacion::Renovacion => {
            if pedido.usuario.is_none() {
                return Err("falta el campo 'usuario'");
            }
            libro
                .then_some(())
                .ok_or("falta el campo 'isbn' o 'ejemplar'")
        }
        Operacion::Devolucion => {
            let basta =
                pedido.ejemplar.is_some() || (pedido.isbn.is_some() && pedido.usuario.is_some());
            basta
                .then_some(())
                .ok_or("falta el campo 'ejemplar', o 'isbn' y 'usuario'")
        }
        Operacion::Consulta => (libro || pedido.titulo.is_some() || pedido.usuario.is_some())
            .then_some(())
            .ok_or(SIN_LIBRO),
        Operacion::Estado => Ok(()),
    }
}

fn leer_operacion(campos: &Campos<'_>) -> Result<Operacion, Mal> {
    let palabra = campo_crudo(campos, "operacion").map_err(mal)?;
    let palabra = palabra.ok_or_else(|| mal("falta el campo 'operacion'"))?;
    Operacion::de_palabra(palabra.trim()).ok_or_else(|| {
        let muestra: String = palabra.chars().take(40).collect();
        (
            Causa::OperacionNoSoportada,
            format!("no existe la operación '{muestra}'"),
        )
    })
}

fn leer_modo(campos: &Campos<'_>) -> Result<Option<Modo>, Mal> {
    let palabra = campo_crudo(campos, "modo").map_err(mal)?;
    palabra
        .map(|palabra| {
            Modo::de_palabra(&palabra)
                .ok_or_else(|| mal("el campo 'modo' debe ser 'sincrono' o 'asincrono'"))
        })
        .transpose()
}

fn leer_plazo(campos: &Campos<'_>) -> Result<Option<u32>, Mal> {
    let Some(crudo) = campo(campos, "plazo_ms") else {
        return Ok(None);
    };
    // JSON has one kind of number: `500.0` is an integer, and some clients write it so.
    match serde_json::from_str::<Option<f64>>(crudo.get()) {
        Ok(None) => Ok(None),
        Ok(Some(plazo)) => plazo_entero(plazo).map(Some).ok_or_else(|| mal(PLAZO_MALO)),
        Err(_) => Err(mal(PLAZO_MALO)),
    }
}

fn plazo_entero(plazo: f64) -> Option<u32> {
    let cabe = f64::from(*PLAZO_MS.start())..=f64::from(*PLAZO_MS.end());
    (plazo.fract() == 0.0 && cabe.contains(&plazo)).then_some(plazo as u32)
}

/// An answer as plain clients read it; the order of the fields is the contract's.
#[derive(Serialize)]
struct Escrita<'a> {
    exito: bool,
    mensaje: &'a str,
    #[serde(rename = "fechaOperacion")]
    fecha: &'a str,
    datos: &'a RawValue,
    op_id: Option<&'a OpId>,
    estado: &'static str,
    codigo: Option<&'static str>,
    repetida: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
}

/// What an outcome is told as, and with which code.
#[must_use]
pub fn estado_de(desenlace: &Desenlace) -> (Estado, Option<Codigo>) {
    let (estado, causa) = match desenlace {
        Desenlace::Decidida(respuesta) => {
            return (respuesta.estado, respuesta.rechazo.map(Codigo::Rechazo));
        }
        Desenlace::NoAplicada(causa @ (Causa::ColaLlena | Causa::DiarioLleno)) => {
            (Estado::Ocupado, *causa)
        }
        Desenlace::NoAplicada(causa) => (Estado::NoDisponible, *causa),
        Desenlace::EnEspera => (Estado::NoDisponible, Causa::SinAlmacenamiento),
        Desenlace::Envenenada => (Estado::NoDisponible, Causa::FalloInterno),
        Desenlace::Incierta(causa) => (Estado::Desconocido, *causa),
    };
    (estado, Some(Codigo::Causa(causa)))
}

/// Writes the answer to a request that was handed on.
#[must_use]
pub fn escribir_respuesta(
    op_id: &OpId,
    desenlace: &Desenlace,
    id: Option<&RawValue>,
    ahora: &str,
) -> Vec<u8> {
    let (estado, causa) = match (desenlace, estado_de(desenlace)) {
        (Desenlace::Decidida(respuesta), (estado, codigo)) => {
            return escribir(&Escrita {
                exito: estado.exito(),
                mensaje: &respuesta.mensaje,
                fecha: &respuesta.fecha,
                datos: crudo(&respuesta.datos),
                op_id: Some(op_id),
                estado: estado.palabra(),
                codigo: codigo.map(Codigo::texto),
                repetida: respuesta.repetida,
                id,
            });
        }
        (_, (estado, Some(Codigo::Causa(causa)))) => (estado, causa),
        (_, (estado, _)) => (estado, Causa::FalloInterno),
    };
    escribir(&Escrita {
        exito: false,
        mensaje: &causa.mensaje(estado),
        fecha: ahora,
        datos: crudo(if estado == Estado::Ocupado {
            &REINTENTO
        } else {
            "{}"
        }),
        op_id: Some(op_id),
        estado: estado.palabra(),
        codigo: Some(causa.codigo()),
        repetida: false,
        id,
    })
}

/// Writes the answer to a malformed request.
#[must_use]
pub fn escribir_invalida(invalida: &Invalida, ahora: &str) -> Vec<u8> {
    escribir(&Escrita {
        exito: false,
        mensaje: &invalida.detalle,
        fecha: ahora,
        datos: crudo("{}"),
        op_id: invalida.op_id.as_ref(),
        estado: Estado::Invalido.palabra(),
        codigo: Some(invalida.causa.codigo()),
        repetida: false,
        id: invalida.id.as_deref(),
    })
}

/// `datos` is written by our own database code; a text that is not JSON becomes null rather
/// than an answer that no client can read.
fn crudo(texto: &str) -> &RawValue {
    serde_json::from_str(texto).unwrap_or(RawValue::NULL)
}

fn escribir(respuesta: &Escrita<'_>) -> Vec<u8> {
    let id = respuesta.id.map_or(0, |id| id.get().len());
    let cabe = MARCO_BYTES + respuesta.mensaje.len() + respuesta.datos.get().len() + id;
    let mut texto = Vec::with_capacity(cabe);
    // Strings, booleans and already written JSON: there is nothing in it that can fail.
    let _ = serde_json::to_writer(&mut texto, respuesta);
    texto
}
