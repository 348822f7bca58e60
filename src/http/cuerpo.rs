//! The body of a request, with a bound on its size and on the time that it takes.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use futures::StreamExt;

use crate::http::problema::problema;

/// How long a client may take to send a body: the largest one over a bad line.
const CUERPO_MAX: Duration = Duration::from_secs(5);

/// Reads it.
///
/// # Errors
/// The answer: too large, too slow or broken off.
pub async fn leer(mut cuerpo: web::Payload, bytes_max: usize) -> Result<Vec<u8>, HttpResponse> {
    let lectura = async {
        let mut leido = Vec::new();
        while let Some(trozo) = cuerpo.next().await {
            let trozo = trozo.map_err(|_| {
                problema(
                    StatusCode::BAD_REQUEST,
                    "Solicitud rota",
                    "el cuerpo de la solicitud no llegó entero",
                )
            })?;
            if leido.len() + trozo.len() > bytes_max {
                return Err(problema(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "Solicitud demasiado grande",
                    &format!("el cuerpo pasa de {bytes_max} bytes"),
                ));
            }
            leido.extend_from_slice(&trozo);
        }
        Ok(leido)
    };
    tokio::time::timeout(CUERPO_MAX, lectura)
        .await
        .unwrap_or_else(|_| {
            Err(problema(
                StatusCode::REQUEST_TIMEOUT,
                "Solicitud demasiado lenta",
                "el cuerpo de la solicitud no llegó a tiempo",
            ))
        })
}
