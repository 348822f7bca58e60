//! Machinery that knows nothing of libraries: actors kept alive, endpoints judged.

pub mod breaker;
pub mod guardian;
pub mod recibidos;
