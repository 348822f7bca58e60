//! A TCP address as people write it: `[tcp://]host:port`.
//!
//! Parsed here once; `Display` is what ZeroMQ wants. Nothing is resolved or opened.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// One address. Port 0 lets the system choose and makes sense only for listening; host `*`
/// is every interface, and likewise.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// Lower case, IPv6 without its brackets.
    host: String,
    port: u16,
}

/// Why a text is no address; its `Display` is the Spanish sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointInvalido {
    /// Another transport than TCP.
    #[error("la dirección '{0}' no es tcp://")]
    Transporte(String),
    /// No port, or none that is a number up to 65535.
    #[error("a la dirección '{0}' le falta un puerto de 0 a 65535: se escribe host:puerto")]
    Puerto(String),
    /// No host, or characters that no host has.
    #[error(
        "la dirección '{0}' no tiene un host válido: se escribe host:puerto, IPv6 entre corchetes"
    )]
    Host(String),
}

impl Endpoint {
    /// An address on this PC, IPv4.
    #[must_use]
    pub fn local(port: u16) -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port,
        }
    }

    /// Name or number of the host, IPv6 without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port; 0 lets the system choose.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The same host with another port, for tests that let the system choose.
    #[must_use]
    pub fn con_puerto(&self, port: u16) -> Self {
        Self {
            host: self.host.clone(),
            port,
        }
    }

    /// `host:port` without the transport, IPv6 in brackets: what an HTTP server binds.
    #[must_use]
    pub fn direccion(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether only this PC can reach it: loopback numbers and `localhost`. A name is not
    /// resolved, so any other one counts as the network.
    #[must_use]
    pub fn es_local(&self) -> bool {
        self.host == "localhost"
            || self
                .host
                .parse::<IpAddr>()
                .is_ok_and(|numero| numero.is_loopback())
    }

    /// Whether it stands for every interface of its PC.
    #[must_use]
    pub fn es_de_todos(&self) -> bool {
        ["*", "0.0.0.0", "::"].contains(&self.host())
    }

    /// Whether somebody can connect to it: a real port at a real host.
    #[must_use]
    pub fn es_alcanzable(&self) -> bool {
        self.port != 0 && self.host != "*"
    }

    /// Reads a comma-separated list; empty pieces are skipped.
    ///
    /// # Errors
    /// [`EndpointInvalido`] for the first piece that is no address.
    pub fn lista(texto: &str) -> Result<Vec<Self>, EndpointInvalido> {
        texto
            .split(',')
            .map(str::trim)
            .filter(|pieza| !pieza.is_empty())
            .map(str::parse)
            .collect()
    }
}

impl FromStr for Endpoint {
    type Err = EndpointInvalido;

    fn from_str(texto: &str) -> Result<Self, EndpointInvalido> {
        let texto = texto.trim();
        let resto = match texto.split_once("://") {
            Some(("tcp", resto)) => resto,
            Some(_) => return Err(EndpointInvalido::Transporte(texto.to_owned())),
            None => texto,
        };
        let (host, port) = resto
            .rsplit_once(':')
            .ok_or_else(|| EndpointInvalido::Puerto(texto.to_owned()))?;
        // `u16::from_str` takes a leading plus sign.
        let port = Some(port)
            .filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|port| port.parse().ok())
            .ok_or_else(|| EndpointInvalido::Puerto(texto.to_owned()))?;
        let host = host_de(host).ok_or_else(|| EndpointInvalido::Host(texto.to_owned()))?;
        Ok(Self { host, port })
    }
}

/// The host as it is kept, or none when it can't be one.
fn host_de(host: &str) -> Option<String> {
    if let Some(dentro) = host
        .strip_prefix('[')
        .and_then(|resto| resto.strip_suffix(']'))
    {
        return dentro
            .parse::<Ipv6Addr>()
            .ok()
            .map(|numero| numero.to_string());
    }
    let valido = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let nombre = !host.is_empty() && host.bytes().all(valido);
    (nombre || host == "*").then(|| host.to_ascii_lowercase())
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tcp://{}", self.direccion())
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texto = String::deserialize(deserializer)?;
        texto.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn endpoint(texto: &str) -> Endpoint {
        texto.parse().unwrap()
    }

    #[test]
    fn both_ways_of_writing_are_one_address() {
        assert_eq!(endpoint("PC1:5570"), endpoint(" tcp://pc1:5570 "));
        assert_eq!(endpoint("pc1:5570").to_string(), "tcp://pc1:5570");
        assert_eq!(endpoint("[::1]:0").to_string(), "tcp://[::1]:0");
        assert_eq!(endpoint("[0:0::1]:7"), endpoint("[::1]:7"));
    }

    #[test]
    fn what_is_no_address_is_told_why() {
        for (texto, error) in [
            ("pc1", "puerto"),
            ("pc1:", "puerto"),
            ("pc1:65536", "puerto"),
            ("pc1:+5", "puerto"),
            (":5555", "host"),
            ("::1:5555", "host"),
            ("[::1:5555", "host"),
            ("dos palabras:1", "host"),
            ("ipc:///tmp/x", "tcp://"),
        ] {
            let dicho = texto.parse::<Endpoint>().unwrap_err().to_string();
            assert!(dicho.contains(error), "{texto}: {dicho}");
        }
    }

    #[test]
    fn loopback_is_known_by_number_and_by_the_one_name() {
        for texto in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"] {
            assert!(endpoint(texto).es_local(), "{texto}");
        }
        for texto in ["*:1", "0.0.0.0:1", "192.168.1.11:1", "pc1:1", "[::]:1"] {
            assert!(!endpoint(texto).es_local(), "{texto}");
        }
        assert!(!endpoint("*:1").es_alcanzable());
        assert!(!endpoint("pc1:0").es_alcanzable());
    }

    #[test]
    fn a_list_is_comma_separated() {
        assert_eq!(
            Endpoint::lista("pc1:5570, pc2:5570,").unwrap(),
            [endpoint("pc1:5570"), endpoint("pc2:5570")]
        );
    }
}
