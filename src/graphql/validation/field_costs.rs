//! What fields cost, in fields resolved: of some 0.6 µs each. All that costs more than that stands
//! here; a new field that reads the database, or answers a list, is one more line.

/// Of a row that is read.
pub(super) const ROW: u64 = 2;
/// Values in arguments that cost as much as a field.
pub(super) const VALUES: u64 = 4;
/// How often the price of introspection is too high: it is told from averages of the schema, and
/// most of what is asked for in it is null.
const NULLS: u64 = 4;
/// Of a statement, however little it reads.
const STATEMENT: u64 = 50;
/// Rows counted that cost as much as a field.
const COUNTED: u64 = 50;
/// Rows that a count is charged for at most; nobody has more.
const MOST_COUNTED: i64 = 1_000_000;

/// What a field costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FieldCost {
    /// Once.
    pub(super) base: u64,
    /// What comes of it more than once.
    pub(super) many: Multiplier,
}

/// How often what is below a field is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Multiplier {
    /// Lists below it have a page of rows: as `first` or `last` says if it is a connection.
    Page,
    /// Lists below it have so many rows.
    Rows(u64),
    /// Lists below it have a row for each item of this list in the argument `input`.
    Input(&'static str),
    /// It is itself a list, of a row for each item of this argument.
    Argument(&'static str),
    /// It is itself a list, of about so many.
    Itself(u64),
    /// A part of it is null.
    OneIn(u64),
    /// It counts rows, as far as `upTo` says.
    Count,
}

impl Multiplier {
    /// Whether it says itself how long its list is, rather than the field above it.
    pub(super) fn is_told_by_itself(self) -> bool {
        matches!(self, Self::Argument(_) | Self::Itself(_))
    }
}

/// What a field of a type costs.
pub(super) fn of(parent: &str, field: &str) -> FieldCost {
    let (base, many) = match (parent, field) {
        ("Query", "syncRuns" | "syncEvents" | "syncRun") => (STATEMENT, Multiplier::Page),
        // Three statements: looked for among runs, events and users.
        ("Query", "node") => (3 * STATEMENT, Multiplier::Page),
        ("Query", "nodes") => (3 * STATEMENT, Multiplier::Argument("ids")),
        ("SyncRun", "events") => (5, Multiplier::Page),
        // One of many that are looked up together.
        ("SyncRun", "triggeredBy") | ("SyncEvent", "run") => (1 + ROW, Multiplier::Page),
        ("SyncRunConnection" | "SyncEventConnection", "totalCount") => (1, Multiplier::Count),
        ("Mutation", "addSyncEvents") => (2 * STATEMENT, Multiplier::Input("events")),
        ("Mutation", "cancelActiveSyncRuns") => (2 * STATEMENT, Multiplier::Rows(100)),
        ("Mutation" | "Subscription", _) => (2 * STATEMENT, Multiplier::Page),
        ("Query", "__schema" | "__type") => (1, Multiplier::OneIn(NULLS)),
        _ if parent.starts_with("__") => (1, of_introspection(field)),
        _ => (1, Multiplier::Page),
    };
    FieldCost { base, many }
}

/// How many there are of what introspection lists, on an average.
fn of_introspection(field: &str) -> Multiplier {
    Multiplier::Itself(match field {
        "types" => 60,
        "fields" => 6,
        "directives" => 3,
        "inputFields" | "enumValues" | "locations" => 2,
        _ => 1,
    })
}

/// What counting up to so many rows costs.
pub(super) fn of_count(up_to: i64) -> u64 {
    up_to.clamp(0, MOST_COUNTED).unsigned_abs() / COUNTED
}

/// What a part of the filter of a field of `parent` costs, however many rows it is asked of.
pub(super) fn of_filter(parent: &str, part: &str) -> u64 {
    match (parent, part) {
        // Looks through the texts of one run's events, or of all there are.
        ("SyncRun", "messageContains") => 400,
        (_, "errorContains" | "messageContains") => 1000,
        _ => 10,
    }
}
