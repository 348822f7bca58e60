//! Frames between Rust nodes: one version byte, then bincode. The only file that names it.

use bincode::Options;

use crate::domain::principal::Principal;
use crate::wire::mensaje::{Encargo, Mensaje, Resultado};

/// Largest frame between nodes, in bytes; the sockets refuse a larger one unread. Room for a
/// frame of many operations, and for one title search (50 books, each with its sedes).
pub const TRAMA_BYTES_MAX: usize = 1024 * 1024;

/// First byte of every frame. A JSON text cannot begin with it, so one socket serves both.
pub const VERSION: u8 = 1;

/// Why a frame cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// No bytes at all.
    #[error("trama vacía")]
    Vacia,
    /// Written by a version that this one does not read.
    #[error("trama de una versión desconocida ({0})")]
    Version(u8),
    /// Not a message of ours.
    #[error("trama ilegible: {0}")]
    Ilegible(#[from] bincode::Error),
}

fn formato() -> impl Options {
    bincode::DefaultOptions::new()
        .with_limit(TRAMA_BYTES_MAX as u64)
        .with_fixint_encoding()
        .reject_trailing_bytes()
}

/// Writes a message.
///
/// # Errors
/// [`CodecError::Ilegible`] when it would not fit [`TRAMA_BYTES_MAX`].
pub fn encode(mensaje: &Mensaje) -> Result<Vec<u8>, CodecError> {
    let mut trama = Vec::with_capacity(512);
    trama.push(VERSION);
    formato().serialize_into(&mut trama, mensaje)?;
    Ok(trama)
}

/// Writes a list of operations in as few frames as fit.
///
/// # Errors
/// [`CodecError::Ilegible`] when a single one does not fit a frame.
pub fn encode_encargos(encargos: Vec<Encargo>) -> Result<Vec<Vec<u8>>, CodecError> {
    if encargos
        .iter()
        .all(|encargo| encargo.pedido.principal.es_nadie())
    {
        // The form that every version reads.
        return encode_lista(Mensaje::Encargos(encargos));
    }
    let con_principal = encargos
        .into_iter()
        .map(|encargo| (encargo.pedido.principal.texto(), encargo));
    encode_lista(Mensaje::EncargosDe(con_principal.collect()))
}

/// Writes a list of outcomes in as few frames as fit.
///
/// # Errors
/// [`CodecError::Ilegible`] when a single one does not fit a frame.
pub fn encode_resultados(resultados: Vec<Resultado>) -> Result<Vec<Vec<u8>>, CodecError> {
    encode_lista(Mensaje::Resultados(resultados))
}

/// Encodes the whole list, or its halves when it does not fit.
fn encode_lista(lista: Mensaje) -> Result<Vec<Vec<u8>>, CodecError> {
    let fallo = match encode(&lista) {
        Ok(trama) => return Ok(vec![trama]),
        Err(fallo) => fallo,
    };
    let (primera, segunda) = match lista {
        Mensaje::Encargos(mut todos) if todos.len() > 1 => {
            let resto = todos.split_off(todos.len() / 2);
            (Mensaje::Encargos(todos), Mensaje::Encargos(resto))
        }
        Mensaje::EncargosDe(mut todos) if todos.len() > 1 => {
            let resto = todos.split_off(todos.len() / 2);
            (Mensaje::EncargosDe(todos), Mensaje::EncargosDe(resto))
        }
        Mensaje::Resultados(mut todos) if todos.len() > 1 => {
            let resto = todos.split_off(todos.len() / 2);
            (Mensaje::Resultados(todos), Mensaje::Resultados(resto))
        }
        _ => return Err(fallo),
    };
    let mut tramas = encode_lista(primera)?;
    tramas.extend(encode_lista(segunda)?);
    Ok(tramas)
}

/// Reads a message. Never panics, whatever the bytes.
///
/// # Errors
/// [`CodecError`] says what is wrong with the frame.
pub fn decode(trama: &[u8]) -> Result<Mensaje, CodecError> {
    match trama.split_first() {
        None => Err(CodecError::Vacia),
        Some((&VERSION, cuerpo)) => Ok(juntar(formato().deserialize(cuerpo)?)),
        Some((&otra, _)) => Err(CodecError::Version(otra)),
    }
}

/// Puts each principal into its operation.
fn juntar(mensaje: Mensaje) -> Mensaje {
    let Mensaje::EncargosDe(lista) = mensaje else {
        return mensaje;
    };
    let encargos = lista.into_iter().map(|(principal, mut encargo)| {
        encargo.pedido.principal = Principal::leer(&principal);
        encargo
    });
    Mensaje::Encargos(encargos.collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::ids::{Isbn, OpId, Sede, UsuarioId};
    use crate::domain::operacion::Operacion;
    use crate::domain::rechazo::Rechazo;
    use crate::wire::actividad::{ActividadDeCarga, Decision};
    use crate::wire::admin::{Cumplido, EfectoBloqueo, Encomienda};
    use crate::wire::base::{EstadoDeBase, EstadoDeServidor, Papel, Replicacion};
    use crate::wire::huella::{Contenido, Huella};
    use crate::wire::pedido::Pedido;
    use crate::wire::respuesta::{Desenlace, Estado, Respuesta};

    fn encargo(op_id: &str) -> Encargo {
        let contenido = Contenido {
            operacion: Operacion::Prestamo,
            isbn: Some("Libro456"),
            ejemplar: None,
            usuario: Some("usuario1"),
            sede: None,
        };
        Encargo {
            id: 7,
            pedido: Pedido {
                op_id: OpId::parse(op_id).unwrap(),
                operacion: Operacion::Prestamo,
                isbn: Some(Isbn::parse("Libro456").unwrap()),
                ejemplar: None,
                usuario: Some(UsuarioId::parse("usuario1").unwrap()),
                titulo: None,
                sede: Sede::parse("sede1").unwrap(),
                huella: Huella::de(contenido),
                principal: Principal::nadie(),
            },
            plazo_ms: 2500,
            edad_ms: None,
            intento: 1,
        }
    }

    /// The first frame of version 1: an older node must go on reading it.
    #[test]
    fn the_bytes_of_an_encargo_do_not_change() {
        let trama = encode(&Mensaje::Encargos(vec![encargo("a")])).unwrap();
        let hex: String = trama.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, include_str!("encargo.v1.hex").trim());
        assert_eq!(
            decode(&trama).unwrap(),
            Mensaje::Encargos(vec![encargo("a")])
        );
    }

    /// An operation with an owner is the older frame of another number, with a name before it:
    /// an older node refuses it whole, and never takes it for one without an owner.
    #[test]
    fn the_owner_of_an_operation_travels_beside_it() {
        let mut suya = encargo("a");
        suya.pedido.principal = Principal::en_grupo("mostradores", "ana");
        let tramas = encode_encargos(vec![suya.clone(), encargo("b")]).unwrap();
        assert_eq!(tramas[0][..5], [1, 17, 0, 0, 0]);
        let leidas = decode(&tramas[0]).unwrap();
        assert_eq!(leidas, Mensaje::Encargos(vec![suya, encargo("b")]));
        let sin = encode_encargos(vec![encargo("a")]).unwrap();
        assert_eq!(
            sin,
            [encode(&Mensaje::Encargos(vec![encargo("a")])).unwrap()]
        );
    }

    #[test]
    fn a_list_too_long_for_a_frame_is_split_and_loses_nothing() {
        let respuesta = Respuesta {
            estado: Estado::Confirmado,
            rechazo: None,
            mensaje: "m".into(),
            fecha: "f".into(),
            datos: "x".repeat(300_000),
            repetida: false,
        };
        let resultados: Vec<Resultado> = (0..10)
            .map(|id| Resultado {
                id,
                desenlace: Desenlace::Decidida(respuesta.clone()),
            })
            .collect();
        let tramas = encode_resultados(resultados).unwrap();
        assert!(tramas.len() > 1 && tramas.iter().all(|trama| trama.len() <= TRAMA_BYTES_MAX));
        let ids: Vec<u64> = tramas
            .iter()
            .flat_map(|trama| match decode(trama).unwrap() {
                Mensaje::Resultados(lista) => lista,
                otro => unreachable!("{otro:?}"),
            })
            .map(|resultado| resultado.id)
            .collect();
        assert_eq!(ids, (0..10).collect::<Vec<_>>());
    }

    /// The first of its kind: an older node must go on reading it.
    #[test]
    fn the_bytes_of_a_carga_s_activity_do_not_change() {
        let rechazada = Decision {
            operacion: Operacion::Devolucion,
            estado: Estado::Rechazado,
            rechazo: Some(Rechazo::PrestamoNoActivo),
            isbn: Some("i".into()),
            ejemplar: None,
            usuario: Some("u".into()),
            sede: "s".into(),
            fecha: "f".into(),
            mensaje: "m".into(),
        };
        let mensaje = Mensaje::Actividad(ActividadDeCarga {
            pedidas: [1, 2, 3, 4, 5],
            entregadas: 6,
            encoladas: 7,
            confirmadas: [8, 9, 10],
            rechazadas: [11, 12, 13],
            ultimas: vec![rechazada],
            faltas: Vec::new(),
            faltas_total: 14,
        });
        let trama = encode(&mensaje).unwrap();
        let hex: String = trama.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, include_str!("actividad.v1.hex").trim());
        assert_eq!(decode(&trama).unwrap(), mensaje);
        assert_eq!(encode(&Mensaje::VerActividad).unwrap(), [1, 13, 0, 0, 0]);
    }

    /// Variants are numbered by their place: one put in between would renumber all after it.
    #[test]
    fn questions_and_answers_keep_their_numbers() {
        assert_eq!(encode(&Mensaje::LatidoCarga).unwrap(), [1, 1, 0, 0, 0]);
        assert_eq!(encode(&Mensaje::VerEstado).unwrap(), [1, 9, 0, 0, 0]);
        assert_eq!(encode(&Mensaje::VerBase).unwrap(), [1, 15, 0, 0, 0]);
        let sembrar = Encomienda::SembrarDe("a".into());
        assert_eq!(
            encode(&Mensaje::Encomienda(7, sembrar)).unwrap(),
            [
                1, 7, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, b'a'
            ]
        );
        let cumplido = Cumplido::Bloqueo(EfectoBloqueo::YaEstaba);
        assert_eq!(
            encode(&Mensaje::Cumplido(7, Ok(cumplido))).unwrap(),
            [
                1, 12, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0
            ]
        );
    }

    /// The first of its kind: an older node must go on reading it.
    #[test]
    fn the_bytes_of_a_database_s_state_do_not_change() {
        let replica = EstadoDeServidor {
            nombre: "b".into(),
            papel: Papel::Replica,
            linea: Some(3),
            replicacion: Some(Replicacion {
                estado: "s".into(),
                sincrona: true,
                retraso_bytes: Some(4),
                retraso_ms: None,
            }),
            bytes: Some(5),
            wal_bytes: None,
            detalle: "d".into(),
        };
        let mensaje = Mensaje::EstadoBase(Some(EstadoDeBase {
            edad_ms: 2,
            exige_sincrona: true,
            servidores: vec![replica],
        }));
        let trama = encode(&mensaje).unwrap();
        let hex: String = trama.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, include_str!("base.v1.hex").trim());
        assert_eq!(decode(&trama).unwrap(), mensaje);
    }

    #[test]
    fn another_version_is_told_apart_from_garbage() {
        assert!(matches!(decode(&[]), Err(CodecError::Vacia)));
        assert!(matches!(decode(&[9, 1, 2]), Err(CodecError::Version(9))));
        let mut larga = encode(&Mensaje::LatidoCarga).unwrap();
        larga.push(0);
        assert!(matches!(decode(&larga), Err(CodecError::Ilegible(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = decode(&bytes);
            bytes.insert(0, VERSION);
            let _ = decode(&bytes);
        }

        #[test]
        fn a_flipped_or_cut_frame_is_refused_or_still_a_message(posicion in any::<prop::sample::Index>(), bit in 0u8..8, corte in any::<prop::sample::Index>()) {
            let trama = encode(&Mensaje::Encargos(vec![encargo("a"), encargo("b")])).unwrap();
            prop_assert!(decode(&trama[..corte.index(trama.len())]).is_err());
            let mut rota = trama.clone();
            rota[posicion.index(trama.len())] ^= 1 << bit;
            let _ = decode(&rota);
        }
    }
}
