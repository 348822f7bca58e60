//! Who is asking, and whether they may: the host that they believe to talk to, the page that
//! made them ask, their rate, their token or session, and the role that a path asks for.
//!
//! A path that is not on the list is for administration only.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use actix_web::http::header::{
    ACCEPT, AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, ORIGIN, RETRY_AFTER,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::permiso::Rol;
use crate::http::problema::problema;
use crate::http::ritmo::Ritmo;
use crate::http::sesiones::{GALLETA, Sesiones};
use crate::http::tokens::{ARCHIVO, Tokens};
use crate::http::vecinas::Vecinas;

/// What a token or session that is none costs, in requests: whoever guesses is slow.
const COSTE_FALLO: f64 = 40.0;

/// What a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exige {
    /// Nothing: it tells nothing, or is where one comes in.
    Nada,
    /// From this PC nothing; else a role.
    Cercania(Rol),
    /// A role.
    Rol(Rol),
}

/// What `ruta` asks for.
#[must_use]
pub fn exige(metodo: &Method, ruta: &str) -> Exige {
    let lee = *metodo == Method::GET || *metodo == Method::HEAD;
    match ruta {
        "/salud/vivo" | "/salud/listo" | "/entrar" | "/salir" => Exige::Nada,
        _ if ruta.starts_with("/estatico/") => Exige::Nada,
        "/metrics" => Exige::Cercania(Rol::Lector),
        "/" | "/panel/eventos" | "/v1/openapi.json" => Exige::Rol(Rol::Lector),
        "/mostrador" => Exige::Rol(Rol::Mostrador),
        _ if ruta.starts_with("/v1/usuarios/") => Exige::Rol(Rol::Mostrador),
        _ if ruta.starts_with("/v1/") && lee => Exige::Rol(Rol::Lector),
        _ if ruta.starts_with("/v1/") => Exige::Rol(Rol::Mostrador),
        _ => Exige::Rol(Rol::Administracion),
    }
}

/// Somebody who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quien {
    /// The token's name; `local` for somebody on this PC without one.
    pub nombre: String,
    /// What they may do; none for a passer-by.
    pub rol: Option<Rol>,
    /// Whether a page's session says who they are: one that can be ended.
    pub sesion: bool,
}

/// See the module's doc.
pub struct Acceso {
    carpeta: PathBuf,
    /// Names under which this node is reached, besides numbers and `localhost`.
    nombres: Vec<String>,
    /// Whose pages may ask from another origin.
    vecinas: Vecinas,
    tokens: Mutex<Leidos>,
    sesiones: Mutex<Sesiones>,
    ritmo: Mutex<Ritmo>,
}

/// The file as it was when last read; none when it cannot be read, and then nobody has a
/// token.
struct Leidos {
    tokens: Option<Tokens>,
    de: Option<SystemTime>,
}

impl Acceso {
    /// With the tokens of `carpeta`.
    #[must_use]
    pub fn nuevo(carpeta: PathBuf, nombres: Vec<String>, vecinas: Vecinas) -> Self {
        let leidos = Leidos {
            tokens: Some(Tokens::default()),
            de: None,
        };
        Self {
            carpeta,
            nombres: nombres.into_iter().map(|n| n.to_lowercase()).collect(),
            vecinas,
            tokens: Mutex::new(leidos),
            sesiones: Mutex::default(),
            ritmo: Mutex::default(),
        }
    }

    /// Lets a request in, or answers why not.
    ///
    /// # Errors
    /// The answer.
    pub fn dejar(&self, peticion: &HttpRequest) -> Result<Quien, HttpResponse> {
        let cabeceras = peticion.headers();
        self.anfitrion(cabeceras)?;
        if self.vecinas.origen(cabeceras).is_none() {
            origen(peticion.method(), cabeceras)?;
        }
        let (ip, cerca) = procedencia(peticion);
        let quien = self.identificar(cabeceras, ip, cerca)?;
        let clave = match (&quien.rol, ip) {
            (Some(_), _) => quien.nombre.clone(),
            (None, ip) => direccion(ip),
        };
        // Whoever watches must hear of the health however much somebody else asks.
        if !peticion.path().starts_with("/salud/") {
            self.ritmo(&clave, 1.0)?;
        }
        let minimo = match exige(peticion.method(), peticion.path()) {
            Exige::Nada => return Ok(quien),
            Exige::Cercania(_) if cerca => return Ok(quien),
            Exige::Cercania(rol) | Exige::Rol(rol) => rol,
        };
        match quien.rol {
            Some(rol) if rol >= minimo => Ok(quien),
            Some(_) => Err(problema(
                StatusCode::FORBIDDEN,
                "No permitido",
                &format!("hace falta un token con el rol {}", minimo.palabra()),
            )),
            None => Err(self.sin_credencial(peticion)),
        }
    }

    /// Whether whoever was let in with this request would be again: a session may have ended
    /// and a token been taken away since.
    pub(super) fn sigue(&self, peticion: &HttpRequest) -> bool {
        let (ip, cerca) = procedencia(peticion);
        self.identificar(peticion.headers(), ip, cerca)
            .is_ok_and(|quien| quien.rol.is_some())
    }

    /// The token's holder; also used by the page where one comes in.
    pub(super) fn por_token(&self, secreto: &str) -> Option<Quien> {
        let leidos = self.leidos();
        let token = leidos.tokens.as_ref()?.de(secreto)?;
        Some(Quien {
            nombre: token.nombre.clone(),
            rol: Some(token.rol),
            sesion: false,
        })
    }

    /// Whether somebody may try a token from there now.
    pub(super) fn probar(&self, peticion: &HttpRequest) -> Result<(), HttpResponse> {
        let ip = peticion.peer_addr().map(|par| par.ip().to_canonical());
        self.ritmo(&direccion(ip), COSTE_FALLO)
    }

    /// The sessions of this process.
    pub(super) fn sesiones(&self) -> MutexGuard<'_, Sesiones> {
        // What a panicked holder left is whole: each change is one call.
        self.sesiones.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn identificar(
        &self,
        cabeceras: &HeaderMap,
        ip: Option<IpAddr>,
        cerca: bool,
    ) -> Result<Quien, HttpResponse> {
        if let Some(credencial) = cabeceras.get(AUTHORIZATION) {
            let texto = credencial.to_str().unwrap_or_default();
            let portador = texto
                .get(..7)
                .filter(|esquema| esquema.eq_ignore_ascii_case("bearer "))
                .and_then(|_| self.por_token(texto[7..].trim()));
            return match portador {
                Some(quien) => Ok(quien),
                None => {
                    self.ritmo(&direccion(ip), COSTE_FALLO)?;
                    Err(no_autorizado("ese token no vale"))
                }
            };
        }
        if let Some(galleta) = galleta(cabeceras) {
            let de = self.sesiones().de(&galleta, Instant::now());
            // A token that was taken away ends its sessions.
            if let Some(quien) = de.and_then(|secreto_hash| self.por_hash(&secreto_hash)) {
                return Ok(quien);
            }
        }
        let nadie = Quien {
            nombre: "nadie".to_owned(),
            rol: None,
            sesion: false,
        };
        let sin_tokens = |leidos: &Leidos| {
            let tokens = leidos.tokens.as_ref();
            tokens.is_some_and(|tokens| tokens.lista().is_empty())
        };
        if cerca && sin_tokens(&self.leidos()) {
            return Ok(Quien {
                nombre: "local".to_owned(),
                rol: Some(Rol::Administracion),
                sesion: false,
            });
        }
        Ok(nadie)
    }

    fn por_hash(&self, hash: &str) -> Option<Quien> {
        let leidos = self.leidos();
        let lista = leidos.tokens.as_ref()?.lista();
        let token = lista.iter().find(|token| token.hash == hash)?;
        Some(Quien {
            nombre: token.nombre.clone(),
            rol: Some(token.rol),
            sesion: true,
        })
    }

    /// Reads the file again if it is another one than before.
    fn leidos(&self) -> MutexGuard<'_, Leidos> {
        let mut leidos = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let de = std::fs::metadata(self.carpeta.join(ARCHIVO))
            .and_then(|datos| datos.modified())
            .ok();
        if de != leidos.de {
            leidos.de = de;
            leidos.tokens = match Tokens::leer(&self.carpeta) {
                Ok(tokens) => Some(tokens),
                Err(error) => {
                    tracing::error!(%error, "nadie entra por HTTP con un token");
                    None
                }
            };
        }
        leidos
    }

    fn ritmo(&self, clave: &str, coste: f64) -> Result<(), HttpResponse> {
        let mut ritmo = self.ritmo.lock().unwrap_or_else(PoisonError::into_inner);
        ritmo.pedir(Instant::now(), clave, coste).map_err(|espera| {
            let mut respuesta = problema(
                StatusCode::TOO_MANY_REQUESTS,
                "Demasiadas solicitudes",
                "repita en un momento",
            );
            let espera = espera.as_secs() + 1;
            let cabeceras = respuesta.headers_mut();
            cabeceras.insert(RETRY_AFTER, espera.into());
            respuesta
        })
    }

    /// A name that is not ours is some site's own: its page would read our answers as its
    /// own ones (DNS rebinding).
    fn anfitrion(&self, cabeceras: &HeaderMap) -> Result<(), HttpResponse> {
        let host = cabeceras.get(HOST).and_then(|host| host.to_str().ok());
        let nombre = nombre_de(host.unwrap_or_default()).to_lowercase();
        let nuestro = nombre == "localhost"
            || nombre.parse::<IpAddr>().is_ok()
            || self.nombres.contains(&nombre);
        if nuestro {
            return Ok(());
        }
        Err(problema(
            StatusCode::MISDIRECTED_REQUEST,
            "Nombre no reconocido",
            "este nodo no atiende con ese nombre; se añade en http.nombres",
        ))
    }

    fn sin_credencial(&self, peticion: &HttpRequest) -> HttpResponse {
        let acepta = peticion.headers().get(ACCEPT);
        let pagina = acepta.is_some_and(|acepta| {
            let acepta = acepta.to_str().unwrap_or_default();
            acepta.contains("text/html") && !peticion.path().starts_with("/v1/")
        });
        if pagina && peticion.method() == Method::GET {
            return HttpResponse::SeeOther()
                .insert_header(("Location", "/entrar"))
                .finish();
        }
        no_autorizado(
            "hace falta un token (biblioteca tokens nuevo); sin ninguno solo se atiende desde \
             este mismo PC",
        )
    }
}

fn no_autorizado(detalle: &str) -> HttpResponse {
    let mut respuesta = problema(StatusCode::UNAUTHORIZED, "Sin autorización", detalle);
    let nombre = HeaderName::from_static("www-authenticate");
    let valor = actix_web::http::header::HeaderValue::from_static("Bearer realm=\"biblioteca\"");
    respuesta.headers_mut().insert(nombre, valor);
    respuesta
}

/// The session's cookie.
pub(super) fn galleta(cabeceras: &HeaderMap) -> Option<String> {
    cabeceras
        .get_all(COOKIE)
        .filter_map(|texto| texto.to_str().ok())
        .flat_map(|texto| texto.split(';'))
        .find_map(|par| par.trim().strip_prefix(GALLETA)?.strip_prefix('='))
        .map(str::to_owned)
}

/// What would change something must come from a page of ours, or from no page at all.
fn origen(metodo: &Method, cabeceras: &HeaderMap) -> Result<(), HttpResponse> {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(metodo) {
        return Ok(());
    }
    let texto = |nombre: &HeaderName| {
        let valor = cabeceras.get(nombre)?;
        Some(valor.to_str().unwrap_or("?").to_owned())
    };
    let ajeno = match texto(&ORIGIN) {
        Some(origen) => {
            let sitio = origen.split_once("://").map(|(_, sitio)| sitio);
            sitio != texto(&HOST).as_deref()
        }
        None => texto(&HeaderName::from_static("sec-fetch-site"))
            .is_some_and(|sitio| sitio != "same-origin" && sitio != "none"),
    };
    if ajeno {
        return Err(problema(
            StatusCode::FORBIDDEN,
            "Origen no permitido",
            "la solicitud viene de una página de otro sitio",
        ));
    }
    Ok(())
}

/// Where it comes from, and whether that is this PC.
fn procedencia(peticion: &HttpRequest) -> (Option<IpAddr>, bool) {
    let ip = peticion.peer_addr().map(|par| par.ip().to_canonical());
    let aqui = ip.is_some_and(|ip| ip.is_loopback());
    (ip, aqui && !por_intermediario(peticion.headers()))
}

/// Somebody before us passes on what comes from anywhere: it is not from this PC.
fn por_intermediario(cabeceras: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-real-ip", "via"]
        .iter()
        .any(|nombre| cabeceras.contains_key(*nombre))
}

fn direccion(ip: Option<IpAddr>) -> String {
    ip.map_or_else(String::new, |ip| format!("ip:{ip}"))
}

/// The host without its port, IPv6 without brackets.
fn nombre_de(host: &str) -> &str {
    if let Some(resto) = host.strip_prefix('[') {
        return resto.split(']').next().unwrap_or_default();
    }
    host.rsplit_once(':').map_or(host, |(nombre, _)| nombre)
}

#[cfg(test)]
#[path = "acceso_tests.rs"]
mod tests;
