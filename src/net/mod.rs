//! ZeroMQ. The only folder that names tmq or zmq.
//!
//! `socket` sets every option; `server` owns a ROUTER, `client` a DEALER, `news` a PUB;
//! `curve` decides who may connect and speak, where there are keys. Each
//! socket belongs to one task that awaits nothing but its closed set of events; what arrives
//! is handed to a synchronous callback, what leaves comes through a bounded channel.

pub mod client;
pub mod curve;
pub mod news;
pub mod server;
pub mod socket;

/// Until that instant; for ever without one.
async fn llega(cuando: Option<tokio::time::Instant>) {
    match cuando {
        Some(cuando) => tokio::time::sleep_until(cuando).await,
        None => std::future::pending().await,
    }
}
