//! Machinery that knows nothing of libraries: actors kept alive, endpoints judged, metrics.

pub mod breaker;
pub mod guardian;
pub mod metricas;
pub mod recibidos;
