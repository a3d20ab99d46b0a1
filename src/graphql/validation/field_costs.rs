//! Costs of fields, in resolved fields of about 0.6 µs each. A field that reads the database or returns
//! a list has an entry here; all others cost 1.

/// Cost of reading a row.
pub(super) const ROW: u64 = 2;
/// Argument values that cost as much as one field.
pub(super) const VALUES_PER_FIELD: u64 = 4;
/// Factor by which the costs of introspection fields overestimate: they are averages over the schema,
/// and most introspection fields are null.
const INTROSPECTION_OVERESTIMATE: u64 = 4;
/// Base cost of a statement.
const STATEMENT: u64 = 50;
/// Counted rows that cost as much as one field.
const COUNTED_ROWS_PER_FIELD: u64 = 50;
/// Counted rows that contribute to the cost of a count; larger tables are not expected.
const MAX_COUNTED_ROWS: i64 = 1_000_000;

/// Cost of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FieldCost {
    /// Cost of the field itself.
    pub(super) base: u64,
    /// How often its selection is resolved.
    pub(super) multiplier: Multiplier,
}

/// The number of times a field's selection is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Multiplier {
    /// Lists in the selection have a page of rows; its size is `first` or `last` if the field is a
    /// connection.
    Page,
    /// Lists in the selection have this many rows.
    Rows(u64),
    /// Lists in the selection have a row for each item of this list in the argument `input`.
    Input(&'static str),
    /// The field is a list with a row for each item of this argument.
    Argument(&'static str),
    /// The field is a list of this average length.
    Average(u64),
    /// One in this many parts of the selection is not null.
    Fraction(u64),
    /// The field counts rows, up to its argument `upTo`.
    Count,
}

impl Multiplier {
    /// Returns whether it is the length of the field's own list, which the parent field does not determine.
    pub(super) fn is_own_length(self) -> bool {
        matches!(self, Self::Argument(_) | Self::Average(_))
    }
}

/// Returns the cost of a field of the type `parent`.
pub(super) fn field_cost(parent: &str, field: &str) -> FieldCost {
    let (base, multiplier) = match (parent, field) {
        ("Query", "syncRuns" | "syncEvents" | "syncRun") => (STATEMENT, Multiplier::Page),
        // One statement each for runs, events and users.
        ("Query", "node") => (3 * STATEMENT, Multiplier::Page),
        ("Query", "nodes") => (3 * STATEMENT, Multiplier::Argument("ids")),
        ("SyncRun", "events") => (5, Multiplier::Page),
        // Batched by a data loader.
        ("SyncRun", "triggeredBy") | ("SyncEvent", "run") => (1 + ROW, Multiplier::Page),
        ("SyncRunConnection" | "SyncEventConnection", "totalCount") => (1, Multiplier::Count),
        ("Mutation", "addSyncEvents") => (2 * STATEMENT, Multiplier::Input("events")),
        ("Mutation", "cancelActiveSyncRuns") => (2 * STATEMENT, Multiplier::Rows(100)),
        ("Mutation" | "Subscription", _) => (2 * STATEMENT, Multiplier::Page),
        ("Query", "__schema" | "__type") => (1, Multiplier::Fraction(INTROSPECTION_OVERESTIMATE)),
        _ if parent.starts_with("__") => (1, introspection_length(field)),
        _ => (1, Multiplier::Page),
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

/// Returns the cost of an input field of the filter of a field of the type `parent`.
pub(super) fn filter_cost(parent: &str, input_field: &str) -> u64 {
    match (parent, input_field) {
        // Scans the messages of one run's events; the next entry scans those of all.
        ("SyncRun", "messageContains") => 400,
        (_, "errorContains" | "messageContains") => 1000,
        _ => 10,
    }
}
