//! `biblioteca comprobar`: the configuration in force, where each value came from, and all that
//! is wrong with it at once. It opens no door; of the addresses that this node is to connect
//! to, it tries whether anybody is there.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use comfy_table::{Table, presets};

use crate::db::postgres::Sitio;
use crate::nodo;
use crate::nodo::almacenamiento::buscador;
use crate::ordenes::{Salida, SalidaError};
use crate::role::Role;
use crate::settings::endpoint::Endpoint;
use crate::settings::load::{Examen, Fuentes, Valor, examinar_nodo};
use crate::settings::validate::{avisos, escuchas, red};
use crate::settings::{Ajustes, Aviso};
use crate::sistema::motivo;
use crate::sistema::salida::decir;

/// How long one address may take: a handshake on any network of a library, twice over.
const PRUEBA_MAX: Duration = Duration::from_secs(2);

/// When it is over for all of them, names that nobody resolves included.
const PRUEBAS_MAX: Duration = Duration::from_secs(4);

/// Most addresses that are tried: each has a thread for that long.
const DIRECCIONES_MAX: usize = 64;

/// Prints the configuration, what is wrong and what looks wrong.
///
/// # Errors
/// [`SalidaError::Uso`] with everything that is wrong, a line each.
pub fn comprobar(fuentes: &Fuentes) -> Result<Salida, SalidaError> {
    let Examen {
        ajustes,
        faltas,
        valores,
    } = examinar_nodo(fuentes);
    decir(tabla(&valores))?;
    if let Some(ajustes) = &ajustes {
        decir(format!("\n{}", resumen(ajustes)))?;
        let mut dudas = avisos(ajustes);
        // What is wrong is mended first: its addresses may be others then.
        if faltas.is_empty() {
            dudas.extend(sin_respuesta(direcciones(ajustes)));
        }
        for Aviso { clave, causa } in dudas {
            decir(format!("aviso: {clave}: {causa}"))?;
        }
    }
    let mut faltas: Vec<_> = faltas.iter().map(ToString::to_string).collect();
    let claves = ajustes.as_ref().map(nodo::contexto);
    faltas.extend(claves.and_then(Result::err).map(|mala| mala.to_string()));
    if faltas.is_empty() {
        decir("La configuración sirve.")?;
        return Ok(Salida::Bien);
    }
    Err(SalidaError::Uso(faltas.join("\nerror: ")))
}

fn tabla(valores: &[Valor]) -> Table {
    let mut tabla = Table::new();
    tabla.load_preset(presets::NOTHING);
    tabla.set_header(["clave", "valor", "de dónde"]);
    for valor in valores {
        let origen = valor.origen.as_deref().unwrap_or("de fábrica");
        tabla.add_row([valor.clave.as_str(), valor.valor.as_str(), origen]);
    }
    tabla
}

/// What this node would be, in two lines.
fn resumen(ajustes: &Ajustes) -> String {
    let roles: Vec<_> = ajustes.roles().iter().map(|rol| rol.palabra()).collect();
    let puertas: Vec<_> = escuchas(ajustes)
        .into_iter()
        .map(|(clave, endpoint)| format!("{} ({clave})", endpoint.direccion()))
        .collect();
    let puertas = match puertas.is_empty() {
        true => "no escucha a nadie".to_owned(),
        false => format!("escucha en {}", puertas.join(", ")),
    };
    format!("{}: {}\n{puertas}", ajustes.nodo.id, roles.join(", "))
}

/// Somebody whom this node is to connect to.
struct Direccion {
    /// Which setting says so.
    clave: &'static str,
    /// As a person knows it.
    nombre: String,
    sitio: Sitio,
}

/// What this node's roles connect to, but for its own doors.
fn direcciones(ajustes: &Ajustes) -> Vec<Direccion> {
    let roles = ajustes.roles();
    let actores = roles.iter().any(|rol| rol.es_actor());
    let propias = escuchas(ajustes);
    let propia = |endpoint: &Endpoint| {
        propias
            .iter()
            .any(|(_, escucha)| red::puede_ser(escucha, endpoint))
    };
    let mut direcciones: Vec<_> = red::conocidas(ajustes)
        .into_iter()
        .filter(|(clave, _)| match *clave {
            "solicitante.cargas" => roles.contains(&Role::Solicitante),
            _ => actores,
        })
        .flat_map(|(clave, lista)| lista.iter().map(move |endpoint| (clave, endpoint)))
        .filter(|(_, endpoint)| !propia(endpoint))
        .map(|(clave, endpoint)| Direccion {
            clave,
            nombre: endpoint.direccion(),
            sitio: Sitio::Red(endpoint.direccion()),
        })
        .collect();
    if roles.contains(&Role::Almacenamiento)
        && let Ok(Some(buscador)) = buscador(ajustes)
    {
        let servidores = buscador.sitios().into_iter();
        direcciones.extend(servidores.map(|(nombre, sitio)| Direccion {
            clave: "almacenamiento.base_datos",
            nombre,
            sitio,
        }));
    }
    direcciones.truncate(DIRECCIONES_MAX);
    direcciones
}

/// Those at which nobody took a connection, tried all at once.
fn sin_respuesta(direcciones: Vec<Direccion>) -> Vec<Aviso> {
    let (contar, contadas) = mpsc::channel();
    for (lugar, Direccion { sitio, .. }) in direcciones.iter().enumerate() {
        let (contar, sitio) = (contar.clone(), sitio.clone());
        // Never joined: a resolver may take minutes, and the process ends before.
        std::thread::spawn(move || {
            // Nobody listens any more when it was too late.
            let _ = contar.send((lugar, probar(&sitio)));
        });
    }
    drop(contar);
    let limite = Instant::now() + PRUEBAS_MAX;
    let mut dichos: Vec<Option<io::Result<()>>> = direcciones.iter().map(|_| None).collect();
    while let Ok((lugar, dicho)) =
        contadas.recv_timeout(limite.saturating_duration_since(Instant::now()))
    {
        dichos[lugar] = Some(dicho);
    }
    direcciones
        .into_iter()
        .zip(dichos)
        .filter_map(|(Direccion { clave, nombre, .. }, dicho)| {
            let motivo = match dicho {
                Some(Ok(())) => return None,
                Some(Err(causa)) => motivo(&causa),
                None => format!("sin noticia en {} s", PRUEBAS_MAX.as_secs()),
            };
            let causa = format!("en {nombre} nadie responde ahora ({motivo})");
            Some(Aviso { clave, causa })
        })
        .collect()
}

fn probar(sitio: &Sitio) -> io::Result<()> {
    let direccion = match sitio {
        Sitio::Red(direccion) => direccion,
        Sitio::Archivo(ruta) => return UnixStream::connect(ruta).map(drop),
    };
    let mut ultimo = io::Error::other("el nombre no tiene dirección");
    for numero in direccion.to_socket_addrs()? {
        match TcpStream::connect_timeout(&numero, PRUEBA_MAX) {
            Ok(_) => return Ok(()),
            Err(causa) => ultimo = causa,
        }
    }
    Err(ultimo)
}
