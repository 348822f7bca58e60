//! biblioteca: the circulation engine of a library with several branches (sedes), and the
//! map of its code.
//!
//! A loan, return, renewal or lookup is born at a `solicitante` (or any ZeroMQ client), goes
//! through a `carga` (load manager) to one `actor` of its kind, and on to an `almacenamiento`
//! (storage supervisor), the only role that opens the database. Answers go back on the same
//! links. Each role is one or more actix actors; each arrow may cross PCs.
//!
//! ```text
//! solicitante ──5555──> carga ──5557──> actores ──5570──> almacenamiento ──> db
//! ```
//!
//! # Where things are
//!
//! | module | its one job |
//! |---|---|
//! | [`domain`] | the rules, pure: no clock, no I/O, nothing of ours imported |
//! | [`wire`] | what travels between processes, and how it is written |
//! | [`net`] | ZeroMQ sockets, each owned by one task; [`net::curve`], who may use them |
//! | [`db`] | the database: the trait and its durability contract, SQLite, PostgreSQL; the diario's file |
//! | [`runtime`] | actors kept alive (guardian), endpoints judged (breaker), metrics |
//! | [`solicitante`] | 1. requests are born: files, retries, receipts, reports |
//! | [`carga`] | 2. who gets which operation; the diario; one answer for each request |
//! | [`actores`] | 3. one actor for three operations; finds an almacenamiento |
//! | [`almacenamiento`] | 4. admission, one commit for many operations, standby |
//! | [`panorama`] | the whole library at one moment, as its doors tell it, and what that means |
//! | [`http`] | the side door: health, metrics, the API under `/v1`, the panel and the desk, and who may |
//! | [`nodo`] | the roles of one process put together, started and drained |
//! | [`ordenes`] | what each verb of the command line does |
//! | [`plantado`] | bugs that tests put in, and nobody else can |
//! | [`sistema`] | what the operating system says, in Spanish; standard output and error |
//! | [`cli`], [`settings`], [`role`], [`telemetry`] | arguments, configuration, role words, logs |
//!
//! # What holds everywhere
//!
//! - Imports point one way: `domain` ← `wire` ← `net`, `db`, `runtime` ← roles ← `nodo` ←
//!   `ordenes`. A role never imports another role; they meet in `wire`. A test checks it.
//! - `sqlx` is named only in `db`, ZeroMQ only in `net`, actix_web only in `http`, bincode only
//!   in `wire::codec`.
//! - Whoever asks a carga, over ZeroMQ or HTTP, comes through the same [`carga::admision`].
//! - What decides is pure, `paso(ahora, entrada) -> salidas`: [`carga::nucleo`]
//!   ([`carga::reparto`], [`carga::diario`]), [`actores::relevo`], [`runtime::breaker`],
//!   [`solicitante::reintento`], [`domain`]. The actors and socket tasks around them are shells
//!   that hold no rule.
//! - A refusal is [`domain::rechazo::Rechazo`], an answer; a failure is [`db::Fallo`] or
//!   [`wire::respuesta::Causa`], never a refusal.
//! - Nothing is acknowledged before it is committed; effect and stored answer commit together.
//! - Every queue has a bound, and full means `OCUPADO`, at once or, to a connection that was told
//!   so a moment ago, a few milliseconds later. The bound of an actor's mailbox is the admission
//!   in front of it: a place for the answer is reserved first.
//! - With keys, what a peer may say is decided by the key that its handshake proved, again for
//!   every message and by the list as it then stands ([`net::curve`]).
//! - Whoever was admitted is answered exactly once, even if its actor dies:
//!   [`carga::responder`] answers on drop.

pub mod actores;
pub mod almacenamiento;
pub mod carga;
pub mod cli;
pub mod db;
pub mod domain;
pub mod http;
pub mod net;
pub mod nodo;
pub mod ordenes;
pub mod panorama;
pub mod plantado;
pub mod role;
pub mod runtime;
pub mod settings;
pub mod sistema;
pub mod solicitante;
pub mod telemetry;
pub mod wire;
