//! Integration tests: the real router over a real database of the test's own, on SQLite and
//! PostgreSQL. One file per subject.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod support;

mod adoption_checks;
mod attacks;
mod authentication;
mod authorization;
mod authors;
mod bulk;
mod cli;
mod client_requests;
mod clients;
mod configuration;
mod conformance;
mod connections;
mod database_errors;
mod deletions;
mod details_filters;
mod documentation;
mod durability;
mod enum_orders;
mod event_order;
mod event_subscriptions;
mod events;
mod examples;
mod external_values;
mod external_writers;
mod failure_fingerprints;
mod failure_groups;
mod fairness;
mod feed_concurrency;
mod field_selection;
mod filters;
mod forged_cursors;
mod freshness;
mod freshness_subscriptions;
mod front_ends;
mod health;
mod heartbeats;
mod id_prefixes;
mod idempotency;
mod input_validation;
mod lifecycle;
mod logs;
mod malformed_requests;
mod migrations;
mod numbered_pages;
mod oidc;
mod origin_policy;
mod pages;
mod pagination;
mod postgres_adoption;
mod query_plans;
mod query_validation;
mod rate_limits;
mod reconnect;
mod replaced_files;
mod replayed_feed;
mod response_size;
mod restored_databases;
mod retention;
mod reverse_proxy;
mod scaling;
mod schema;
mod secrets;
mod shared_subscriptions;
mod slow_queries;
mod specification;
mod sse;
mod startup;
mod statistics;
mod stored_details;
mod subscriptions;
mod text_search;
mod unreadable_values;
mod users;
mod websocket_errors;
mod write_queue;
mod write_scope;
