//! What the side door asks of the node behind it.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::panorama::Panorama;
use crate::panorama::vigia::Vista;

/// A node, from another thread. None is the answer of one that does not answer; whoever asks
/// waits no longer than it wants to.
pub trait Nodo: Send + Sync {
    /// Whether this process is a carga: the only role with pages and an API.
    fn con_carga(&self) -> bool;
    /// What the pages are to know of this node.
    fn ficha(&self) -> &Ficha;
    /// How its roles are now.
    fn salud(&self) -> BoxFuture<'static, Option<Salud>>;
    /// How its roles are now, as gauges in Prometheus' text format.
    fn galgas(&self) -> BoxFuture<'static, Option<String>>;
    /// How the whole library is now, as its doors tell.
    fn panorama(&self) -> BoxFuture<'static, Option<Arc<Panorama>>>;
    /// The same, kept up to date for as long as the view is held.
    fn seguir(&self) -> BoxFuture<'static, Option<Vista>>;
    /// Asks its carga on behalf of `quien`, whose requests count as one connection's: the
    /// JSON of contract §2 there and back, through the admission of 5555, within the
    /// request's deadline.
    fn pedir(&self, quien: &str, solicitud: Vec<u8>) -> BoxFuture<'static, Option<Vec<u8>>>;
}

/// What the pages are to know of the node that gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ficha {
    /// `nodo.id`.
    pub nodo: String,
    /// The branch of requests that name none.
    pub sede: String,
    /// How long an open breaker stays so, in s.
    pub abierto_s: u32,
    /// Side doors of the other cargas, `http://host:port`: a desk goes on there.
    pub otras: Vec<String>,
}

/// How the roles of a process are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salud {
    /// `nodo.id`.
    pub nodo: String,
    /// Each of them.
    pub roles: Vec<SaludDeRol>,
}

/// How one role is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaludDeRol {
    /// Its word, with a number for an actor.
    pub rol: String,
    /// Whether it can do its job now.
    pub listo: bool,
    /// Why not, or what is to be known of one that can; Spanish.
    pub detalle: Option<String>,
}
