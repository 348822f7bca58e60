//! The other cargas (`http.otras`): a desk whose carga has died goes on at the next one, so
//! their pages, and nobody else's, may ask here from another origin (CORS). Without cookies:
//! whoever asks from there brings a token.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

/// How long a browser may remember that it may ask, in s.
const RECUERDA_S: &str = "600";

/// Their origins, `http://host:port`.
#[derive(Debug, Clone, Default)]
pub struct Vecinas(Vec<String>);

impl Vecinas {
    /// Those.
    #[must_use]
    pub fn nuevas(otras: &[String]) -> Self {
        Self(otras.to_vec())
    }

    /// The origin that the request comes from, when it is one of them.
    #[must_use]
    pub fn origen(&self, cabeceras: &HeaderMap) -> Option<HeaderValue> {
        let origen = cabeceras.get(ORIGIN)?;
        let texto = origen.to_str().ok()?;
        self.0
            .iter()
            .any(|vecina| vecina == texto)
            .then(|| origen.clone())
    }
}

/// Tells the browser that a page of theirs may read the answer; the question whether it may
/// ask at all (a preflight) is answered here.
pub(super) async fn cruzar(
    peticion: ServiceRequest,
    sigue: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let vecinas = peticion.app_data::<web::Data<Vecinas>>();
    let Some(origen) = vecinas.and_then(|vecinas| vecinas.origen(peticion.headers())) else {
        return Ok(sigue.call(peticion).await?.map_into_boxed_body());
    };
    let previa = *peticion.method() == Method::OPTIONS
        && peticion
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut respuesta = if previa {
        let permiso = HttpResponse::NoContent()
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"))
            .insert_header((
                ACCESS_CONTROL_ALLOW_HEADERS,
                "authorization, content-type, idempotency-key",
            ))
            .insert_header((ACCESS_CONTROL_MAX_AGE, RECUERDA_S))
            .finish();
        peticion.into_response(permiso)
    } else {
        sigue.call(peticion).await?.map_into_boxed_body()
    };
    let cabeceras = respuesta.headers_mut();
    cabeceras.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origen);
    cabeceras.append(VARY, HeaderValue::from_static("Origin"));
    Ok(respuesta)
}
