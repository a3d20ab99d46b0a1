//! Tests of the whole server: the real router over a real database that belongs to the test, on
//! SQLite and on PostgreSQL. One file per subject; a test's name says what is promised.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

mod access;
mod adoption;
mod bad_input;
mod clients;
mod durability;
mod event_stream;
mod events;
mod filters;
mod flat;
mod foreign_writers;
mod healing;
mod health;
mod lifecycle;
mod lists;
mod other_sites;
mod people;
mod process;
mod quotas;
mod race;
mod readme;
mod scans;
mod schema;
mod selections;
mod sharing;
mod statements;
mod subscriptions;
mod transport;
mod unsound_requests;
mod upkeep;
mod write_queue;
