//! sync-history: the ledger of data synchronisation.
//!
//! The map of the house. Arrows point one way, `http → graphql → feed → runs → entity`, with `db` beside
//! them:
//!
//! - [`cli`] and [`config`]: what was asked for; [`telemetry`]: what is logged.
//! - [`server`]: connections: accepted, limited, drained. Alone knows hyper.
//! - [`http`]: GraphQL over HTTP, WebSocket and server-sent events; the explorer, probes; who may ask
//!   from where. Alone imports axum (with [`server`]).
//! - [`graphql`]: the contract; `query`, `mutation` and `subscription` are its table of contents.
//!   Alone imports async-graphql (with `http`, which reads requests and writes responses). Its
//!   `execute` checks what comes in and shapes what goes out.
//! - [`runs`]: the domain: the rules of a run, filters, reads, writes.
//! - [`feed`]: the change feed: committed changes, as they are read by who follows them.
//! - [`auth`]: who is asking, and what they may do: API keys, tokens of an issuer, scopes.
//! - [`db`]: the database opened, migrated, paged; writes committed together; its errors classified.
//! - [`clock`]: time and ids.
//! - The crates `entity` (rows and the words stored in them) and `migration` (frozen history).
//!
//! To add a filter, touch `graphql/run/filter.rs` and `runs/filter.rs` (and `runs/index_support.rs` with an index
//! in a new migration). To add a mutation: `graphql/mutation.rs`, an input and a payload under its noun, a
//! method in `runs/write.rs`. To add a column: a migration, `entity` (`columns.rs` too), and the noun's
//! type, with how it is written (`Plain`). A field that reads the database has its price in
//! `graphql/execute/prices.rs`. After any change of the schema: `cargo run -- schema > schema.graphql`.

pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod events;
pub mod feed;
pub mod graphql;
pub mod http;
pub mod runs;
pub mod server;
pub(crate) mod store;
pub mod telemetry;
