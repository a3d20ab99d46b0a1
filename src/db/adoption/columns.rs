//! The columns that the server uses in tables that may exist already, on PostgreSQL.

/// A column.
pub(super) struct Column {
    pub(super) table: &'static str,
    pub(super) name: &'static str,
    /// The types that work; the first is what to change others to.
    pub(super) types: &'static [&'static str],
    pub(super) usage: Usage,
}

/// How the server uses a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// Reads it.
    Read,
    /// Reads and writes it.
    Write,
    /// Reads and writes it, and cannot work with rows that have no value.
    WriteNotNull,
    /// Like [`Usage::Write`]. A migration adds it if it is missing.
    Added,
}

use Usage::{Added, Read, Write, WriteNotNull};

pub(super) const RUNS: &str = "sync_history.sync_history";
pub(super) const EVENTS: &str = "sync_history.sync_event";
pub(super) const USERS: &str = "user.user";

const TEXT: &[&str] = &["text", "varchar"];
const USER_TEXT: &[&str] = &["text", "varchar", "citext"];
const JSON: &[&str] = &["json", "jsonb"];
const SECONDS: &[&str] = &["float8", "float4", "numeric"];
const TIMESTAMP: &[&str] = &["timestamptz"];
const COUNT: &[&str] = &["int4"];
const ID: &[&str] = &["uuid"];

const fn column(
    table: &'static str,
    name: &'static str,
    types: &'static [&'static str],
    usage: Usage,
) -> Column {
    Column {
        table,
        name,
        types,
        usage,
    }
}

pub(super) const COLUMNS: &[Column] = &[
    column(RUNS, "id", ID, WriteNotNull),
    column(RUNS, "entity_type", TEXT, WriteNotNull),
    column(RUNS, "source", TEXT, WriteNotNull),
    column(RUNS, "status", TEXT, WriteNotNull),
    column(RUNS, "started_at", TIMESTAMP, WriteNotNull),
    column(RUNS, "completed_at", TIMESTAMP, Write),
    column(RUNS, "records_processed", COUNT, WriteNotNull),
    column(RUNS, "records_created", COUNT, WriteNotNull),
    column(RUNS, "records_updated", COUNT, WriteNotNull),
    column(RUNS, "records_failed", COUNT, WriteNotNull),
    column(RUNS, "sync_duration", SECONDS, Write),
    column(RUNS, "triggered_by_id", ID, Write),
    column(RUNS, "error_message", TEXT, Write),
    column(RUNS, "details", JSON, Write),
    column(RUNS, "version", COUNT, Added),
    column(RUNS, "updated_at", TIMESTAMP, Added),
    column(RUNS, "records_expected", COUNT, Added),
    column(RUNS, "creation_digest", ID, Added),
    column(RUNS, "created_by_name", TEXT, Added),
    column(RUNS, "created_by_key", ID, Added),
    column(RUNS, "ended_by_name", TEXT, Added),
    column(RUNS, "heartbeat_timeout_seconds", COUNT, Added),
    column(RUNS, "last_heartbeat_at", TIMESTAMP, Added),
    column(RUNS, "lost_at", TIMESTAMP, Added),
    column(RUNS, "recovered_at", TIMESTAMP, Added),
    column(RUNS, "error_fingerprint", TEXT, Added),
    column(EVENTS, "id", ID, WriteNotNull),
    column(EVENTS, "sync_id", ID, WriteNotNull),
    column(EVENTS, "event_type", TEXT, WriteNotNull),
    column(EVENTS, "timestamp", TIMESTAMP, WriteNotNull),
    column(EVENTS, "message", TEXT, WriteNotNull),
    column(EVENTS, "details", JSON, Write),
    column(EVENTS, "seq", &["int8"], Added),
    column(EVENTS, "xid", &["xid8"], Added),
    column(EVENTS, "reported_at", TIMESTAMP, Added),
    column(USERS, "id", ID, Read),
    column(USERS, "email", USER_TEXT, Read),
    column(USERS, "full_name", USER_TEXT, Read),
];

#[cfg(test)]
mod tests {
    use entity::{event, run, user};
    use sea_orm::{IdenStatic, Iterable};

    use super::{COLUMNS, EVENTS, RUNS, USERS};

    #[test]
    fn every_column_of_the_entities_is_checked() {
        let runs = run::Column::iter().map(|column| (RUNS, column.as_str()));
        let events = event::Column::iter().map(|column| (EVENTS, column.as_str()));
        let users = user::Column::iter().map(|column| (USERS, column.as_str()));
        for (table, name) in runs.chain(events).chain(users) {
            let is_checked = COLUMNS
                .iter()
                .any(|column| column.table == table && column.name == name);
            assert!(is_checked, "{table}.{name}");
        }
    }
}
