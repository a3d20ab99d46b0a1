//! sync-history: the record of data synchronisation, as a GraphQL API.
//!
//! # Layers
//!
//! Imports point downwards only; a layer does not know those above it.
//!
//! | module | responsibility |
//! |---|---|
//! | [`cli`], [`config`], [`telemetry`] | the command line, settings, logging; [`cli`] assembles the server in `serve` |
//! | [`server`] | connections: accept, limit, time out, drain |
//! | [`http`] | GraphQL over HTTP, server-sent events and WebSocket; origin policy, rate limits, GraphiQL, health checks |
//! | [`graphql`] | the API: types and root fields, validation, execution, responses, subscriptions |
//! | [`feed`] | the change feed: delivers every committed change once, in order |
//! | [`runs`], [`events`] | the domain: rules of a run, filters, lists, writes |
//! | `store` | statements of the domain, one module per database where they differ |
//! | [`db`] | connections, transactions, SQLite's write queue, keyset pagination, errors, migrations |
//! | [`auth`] | API keys, access tokens, principals and scopes |
//! | [`clock`], [`request_id`] | time and ids; the id of the request that is being served |
//! | `keyed_counter`, `fair_queue` | counts by key and queues served in turn, of which limits per principal and address are made |
//! | `outage`, `error_chain` | for the log: failures that repeat, and errors with their causes |
//!
//! [`graphql`] alone imports async-graphql (with [`http`], which parses requests); [`http`] and [`server`] alone
//! import axum and hyper; the domain knows neither. The crate `entity` defines tables and columns, the crate
//! `migration` creates them.
//!
//! # Where to start
//!
//! `graphql/query.rs`, `graphql/mutation.rs` and `graphql/subscription.rs` are the table of contents of the API.
//! `docs/architecture.md` follows three requests through the layers. `CONTRIBUTING.md` has recipes for common
//! changes, with the files they touch.

pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub(crate) mod error_chain;
pub mod events;
pub(crate) mod fair_queue;
pub mod feed;
pub mod graphql;
pub mod http;
pub(crate) mod keyed_counter;
pub(crate) mod outage;
pub mod request_id;
pub mod runs;
pub mod server;
pub(crate) mod store;
pub mod telemetry;
