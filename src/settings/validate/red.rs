//! Addresses against one another: repeated, of two uses at once, of hosts that cannot be, and
//! what looks wrong and may be right.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Faltas, mal};
use crate::role::Role;
use crate::settings::endpoint::Endpoint;
use crate::settings::{Ajustes, Aviso};

/// Checks the lists of addresses.
pub(super) fn listas(ajustes: &Ajustes, faltas: &mut Faltas) {
    let listas = conocidas(ajustes);
    for (clave, lista) in listas {
        if lista.is_empty() {
            faltas.push(mal(clave, "la lista está vacía"));
        }
        for (lugar, endpoint) in lista.iter().enumerate() {
            if !endpoint.es_alcanzable() {
                faltas.push(mal(
                    clave,
                    format!(
                        "a {endpoint} nadie puede conectarse: hacen falta un host y un puerto concretos"
                    ),
                ));
            } else if lista[..lugar].contains(endpoint) {
                faltas.push(mal(clave, format!("{endpoint} está repetido")));
            }
        }
    }
    // Of two lists one is wrong: no address is a carga's and an almacenamiento's, nor a door
    // of clients and one of actors.
    for (lugar, (clave, lista)) in listas.into_iter().enumerate() {
        for (otra, anterior) in &listas[..lugar] {
            for endpoint in lista.iter().filter(|endpoint| anterior.contains(endpoint)) {
                faltas.push(mal(
                    clave,
                    format!(
                        "{endpoint} está también en {otra}, y una dirección es de una sola cosa"
                    ),
                ));
            }
        }
    }
}

/// Every list of addresses to connect to, with its key.
#[must_use]
pub fn conocidas(ajustes: &Ajustes) -> [(&'static str, &[Endpoint]); 3] {
    [
        ("actores.cargas", &ajustes.actores.cargas),
        ("actores.almacenamientos", &ajustes.actores.almacenamientos),
        ("solicitante.cargas", &ajustes.solicitante.cargas),
    ]
}

/// With SQLite every almacenamiento runs on the PC that has the file. Only a node that serves
/// that file can be sure of it: an actor needs no `base_datos`, and its own may be the factory's.
pub(super) fn un_solo_pc(ajustes: &Ajustes, faltas: &mut Faltas) {
    let sirve = ajustes.roles().contains(&Role::Almacenamiento);
    if !sirve || ajustes.ruta_sqlite().is_none() {
        return;
    }
    let hosts = hosts(&ajustes.actores.almacenamientos);
    if hosts.len() > 1 && hosts.iter().all(|host| es_numero_de_red(host)) {
        faltas.push(mal("actores.almacenamientos", en_varios(&hosts)));
    }
}

fn en_varios(hosts: &BTreeSet<&str>) -> String {
    let hosts: Vec<_> = hosts.iter().copied().collect();
    format!(
        "están en varios equipos ({}), y con sqlite: todos van en el que tiene el archivo; en varios equipos la base de datos es postgres:",
        hosts.join(", ")
    )
}

/// Hosts of a list, all the ways to say "this PC" being one.
fn hosts(lista: &[Endpoint]) -> BTreeSet<&str> {
    lista
        .iter()
        .map(|endpoint| match endpoint.es_local() {
            true => "127.0.0.1",
            false => endpoint.host(),
        })
        .collect()
}

/// A name may be any host, and loopback this one: only two numbers are surely two.
fn es_numero_de_red(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok_and(|ip| !ip.is_loopback())
}

/// What looks wrong and may be right.
pub(super) fn avisos(ajustes: &Ajustes, avisos: &mut Vec<Aviso>) {
    let hosts = hosts(&ajustes.actores.almacenamientos);
    let seguro = ajustes.roles().contains(&Role::Almacenamiento)
        && hosts.iter().all(|host| es_numero_de_red(host));
    if ajustes.ruta_sqlite().is_some() && hosts.len() > 1 && !seguro {
        avisos.push(Aviso {
            clave: "actores.almacenamientos",
            causa: format!(
                "{}; si estos nombres son el mismo equipo, o la base de datos se dice en otro nodo, está bien",
                en_varios(&hosts)
            ),
        });
    }
    let roles = ajustes.roles();
    let (carga, almacenamiento) = (&ajustes.carga, &ajustes.almacenamiento);
    let actores = roles.iter().any(|rol| rol.es_actor());
    let parejas = [
        (
            Role::Carga,
            "actores.cargas",
            &carga.trabajo,
            &ajustes.actores.cargas,
        ),
        (
            Role::Almacenamiento,
            "actores.almacenamientos",
            &almacenamiento.escucha,
            &ajustes.actores.almacenamientos,
        ),
    ];
    for (rol, clave, escucha, lista) in parejas {
        if actores && roles.contains(&rol) && !lista.iter().any(|uno| puede_ser(escucha, uno)) {
            avisos.push(Aviso {
                clave,
                causa: format!(
                    "los actores de este mismo proceso no conocen {escucha}, donde escucha su {rol}: se conectan solo a otros"
                ),
            });
        }
    }
}

/// Whether connecting to `destino` may reach what listens at `escucha`: of another host's name
/// nobody can tell without asking.
#[must_use]
pub fn puede_ser(escucha: &Endpoint, destino: &Endpoint) -> bool {
    let otro_numero = |endpoint: &Endpoint| endpoint.host().parse::<IpAddr>().is_ok();
    escucha.port() == destino.port()
        && (escucha.es_de_todos()
            || escucha.host() == destino.host()
            || escucha.es_local() && destino.es_local()
            || !otro_numero(escucha)
            || !otro_numero(destino))
}
