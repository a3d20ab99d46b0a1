//! Costs of fields, in resolved fields of about 0.6 µs each. Types on the fast path list the costs of
//! their fields themselves; root fields, introspection and filters have an entry here.

use crate::graphql::{
    fast_path::{FastFields, FieldCost, Multiplier, STATEMENT},
    types::{
        connection::Connection, event::SyncEvent, freshness::SyncFreshness, run::SyncRun,
        user::UserConnection,
    },
};

/// Argument values that cost as much as one field.
pub(super) const VALUES_PER_FIELD: u64 = 4;
/// Factor by which the costs of introspection fields overestimate: they are averages over the schema,
/// and most introspection fields are null.
const INTROSPECTION_OVERESTIMATE: u64 = 4;
/// Cost of statistics, which read all runs that match.
const STATS: u64 = 1000;
/// Rows of statistics that are expected: a month by day, grouped by something.
const STATS_ROWS: u64 = 100;
/// Cost of the freshness of all pairs, whose newest runs are read.
const FRESHNESS: u64 = 5000;
/// The number of pairs of an entity type and a source.
const PAIRS: u64 = 40;
/// Pairs of an entity type and a source that fail alike, on average.
const FAILING_PAIRS: u64 = 4;
/// Counted rows that cost as much as one field.
const COUNTED_ROWS_PER_FIELD: u64 = 50;
/// Counted rows that contribute to the cost of a count; larger tables are not expected.
const MAX_COUNTED_ROWS: i64 = 1_000_000;

/// Skipped rows that cost as much as one field: more than counted rows, since they are read.
const SKIPPED_ROWS_PER_FIELD: u64 = 4;
/// Skipped rows that contribute to the cost of a page. The resolver rejects more.
const MAX_SKIPPED_ROWS: i64 = 10_000;

/// Cost of a condition that is evaluated for all runs.
const SCAN: u64 = 1000;
/// Cost of a character of a text to search for, which the database compiles to a regular expression.
const SEARCH_CHAR: u64 = 6;

/// Returns the cost of a field of the type `parent`.
pub(super) fn field_cost(parent: &str, field: &str) -> FieldCost {
    let listed = match parent {
        "SyncRun" => SyncRun::cost(field),
        "SyncEvent" => SyncEvent::cost(field),
        "SyncRunConnection" => Connection::<SyncRun>::cost(field),
        "SyncEventConnection" => Connection::<SyncEvent>::cost(field),
        "SyncFreshness" => SyncFreshness::cost(field),
        "UserConnection" => UserConnection::cost(field),
        _ => None,
    };
    listed.unwrap_or_else(|| unlisted_cost(parent, field))
}

fn unlisted_cost(parent: &str, field: &str) -> FieldCost {
    let (base, multiplier) = match (parent, field) {
        // A statement for the buckets that have runs, and one for the statistics.
        ("Query", "syncRunStats") => (2 * STATEMENT + STATS, Multiplier::Average(STATS_ROWS)),
        // A statement for the newest runs of each pair, and one for those of earlier weeks.
        ("Query", "syncFreshness") | ("Subscription", "syncFreshnessChanged") => {
            (2 * STATEMENT + FRESHNESS, Multiplier::Average(PAIRS))
        }
        // Statements for the runs, for messages without a fingerprint, and for the run of each group.
        ("Query", "syncFailureGroups") => (3 * STATEMENT + STATS, Multiplier::First(20)),
        ("SyncFailureGroup", "pairs") => (1, Multiplier::Average(FAILING_PAIRS)),
        ("Query", "syncRuns" | "syncEvents" | "syncRun" | "users") => (STATEMENT, Multiplier::Page),
        // One statement each for runs, events and users.
        ("Query", "node") => (3 * STATEMENT, Multiplier::Page),
        ("Query", "nodes") => (3 * STATEMENT, Multiplier::Argument("ids")),
        ("Mutation", "addSyncEvents") => (2 * STATEMENT, Multiplier::Input("events")),
        ("Mutation", "cancelSyncRuns" | "deleteSyncRuns") => (0, Multiplier::Statements("runIds")),
        ("Mutation", "cancelActiveSyncRuns") => (2 * STATEMENT, Multiplier::Rows(1000)),
        ("Mutation" | "Subscription", _) => (2 * STATEMENT, Multiplier::Page),
        ("Query", "__schema" | "__type") => (1, Multiplier::Fraction(INTROSPECTION_OVERESTIMATE)),
        _ if parent.starts_with("__") => (1, introspection_length(field)),
        _ => return FieldCost::SCALAR,
    };
    FieldCost { base, multiplier }
}

/// Returns the average length of an introspection field.
fn introspection_length(field: &str) -> Multiplier {
    Multiplier::Average(match field {
        "types" => 60,
        "fields" => 6,
        "directives" => 3,
        "inputFields" | "enumValues" | "locations" => 2,
        _ => 1,
    })
}

/// Returns the cost of counting up to this many rows.
pub(super) fn count_cost(up_to: i64) -> u64 {
    up_to.clamp(0, MAX_COUNTED_ROWS).unsigned_abs() / COUNTED_ROWS_PER_FIELD
}

/// Returns the cost of skipping this many rows.
pub(super) fn skip_cost(offset: i64) -> u64 {
    offset.clamp(0, MAX_SKIPPED_ROWS).unsigned_abs() / SKIPPED_ROWS_PER_FIELD
}

/// Returns the cost of this many conditions on details: each parses the details of all runs that may match.
pub(super) fn details_filter_cost(conditions: usize) -> u64 {
    (conditions as u64).saturating_mul(SCAN)
}

/// Returns whether an argument, or an input field of a filter, holds a text to search for.
pub(super) fn is_search(input_field: &str) -> bool {
    matches!(input_field, "errorContains" | "messageContains" | "search")
}

/// Returns the cost of an input field of the filter of a field of the type `parent`, which holds this many characters to
/// search for.
pub(super) fn filter_cost(parent: &str, input_field: &str, search_chars: usize) -> u64 {
    let base = match (parent, input_field) {
        // Scans the messages of one run's events; the next entry scans those of all.
        ("SyncRun", "messageContains") => 400,
        (_, field) if is_search(field) => SCAN,
        _ => 10,
    };
    (search_chars as u64)
        .saturating_mul(SEARCH_CHAR)
        .saturating_add(base)
}
