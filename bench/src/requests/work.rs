//! The kinds of work: what is asked of the server, and the same of the floor.

use clap::ValueEnum;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{sample::Sample, template::Template};

const STATUSES: [&str; 5] = ["completed", "failed", "cancelled", "running", "pending"];
const SOURCES: [&str; 5] = ["as400", "api", "file", "filemaker", "external"];
const ENTITY_TYPES: [&str; 4] = ["stock", "pricing", "order", "autocare"];
/// Events of one request that adds several.
const EVENTS: usize = 100;

const LIST: &str = "query($status: [SyncStatus!], $source: [SyncSource!]) { \
    syncRuns(filter: {status: $status, source: $source}, first: 20) { nodes { \
    id entityType source status startedAt completedAt durationSeconds recordsProcessed \
    recordsCreated recordsUpdated recordsFailed errorMessage triggeredById version } } }";
const NESTED: &str = "query($source: [SyncSource!], $before: DateTime) { \
    syncRuns(filter: {source: $source, startedAt: {lt: $before}}, first: 20) { nodes { \
    id status startedAt recordsProcessed triggeredBy { id email fullName } \
    events(first: 10) { nodes { id eventType timestamp message } } } } }";
const RUN: &str = "query($id: ID!) { syncRun(id: $id) { \
    id entityType source status startedAt completedAt durationSeconds recordsProcessed \
    recordsCreated recordsUpdated recordsFailed errorMessage triggeredById version } }";
const DEEP: &str = "query($after: String!) { syncRuns(first: 20, after: $after) { nodes { \
    id entityType source status startedAt completedAt durationSeconds recordsProcessed \
    recordsCreated recordsUpdated recordsFailed errorMessage triggeredById version } } }";
const CREATE: &str = "mutation($input: CreateSyncRunInput!) { \
    createSyncRun(input: $input) { replayed run { id status version } } }";
const COMPLETE: &str = "mutation($input: CompleteSyncRunInput!) { \
    completeSyncRun(input: $input) { replayed run { id status version } } }";
const EVENT: &str = "mutation($input: AddSyncEventInput!) { \
    addSyncEvent(input: $input) { replayed run { id status version } } }";
const EVENTS_OF_RUN: &str = "mutation($input: AddSyncEventsInput!) { \
    addSyncEvents(input: $input) { replayedCount run { id status version } } }";

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// 20 runs by status and source, newest first
    List,
    /// 20 runs with who started them and ten events of each
    Nested,
    /// One run by its id
    Run,
    /// 20 runs far behind the first of the list
    Deep,
    /// Create a run
    Create,
    /// Complete a run
    Complete,
    /// Add an event
    Event,
    /// Add a hundred events
    Events,
}

/// The same request to the server and to the floor.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) floor: Template,
    pub(crate) server: Template,
}

impl Work {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Nested => "nested",
            Self::Run => "run",
            Self::Deep => "deep",
            Self::Create => "create",
            Self::Complete => "complete",
            Self::Event => "event",
            Self::Events => "events",
        }
    }

    /// How many times the floor's CPU the server may take.
    pub(crate) fn limit(self) -> f64 {
        match self {
            Self::Nested | Self::Event => 1.3,
            Self::List | Self::Deep => 1.4,
            Self::Run | Self::Create | Self::Complete => 1.5,
            Self::Events => 1.2,
        }
    }

    /// Whether it writes, under ids that no request had before.
    pub(crate) fn writes(self) -> bool {
        !matches!(self, Self::List | Self::Nested | Self::Run | Self::Deep)
    }

    /// Where the server's answer has what the floor's is.
    pub(crate) fn answer(self) -> &'static str {
        match self {
            Self::List | Self::Nested | Self::Deep => "/data/syncRuns/nodes",
            Self::Run => "/data/syncRun",
            Self::Create => "/data/createSyncRun",
            Self::Complete => "/data/completeSyncRun",
            Self::Event => "/data/addSyncEvent",
            Self::Events => "/data/addSyncEvents",
        }
    }

    /// What is asked, by turns.
    pub(crate) fn questions(self, sample: &Sample) -> Vec<Question> {
        let variables: Vec<_> = match self {
            Self::List => list(),
            Self::Nested => nested(sample),
            Self::Run => sample.ids().map(|id| same(json!({"id": id}))).collect(),
            Self::Deep => deep(sample),
            Self::Create => create(),
            Self::Complete => complete(),
            Self::Event => sample.ids().map(event).collect(),
            Self::Events => sample.ids().map(events).collect(),
        };
        let questions = variables.into_iter().map(|[server, floor]| Question {
            server: Template::new(
                "/graphql",
                &json!({"query": self.query(), "variables": server}),
            ),
            floor: Template::new(&format!("/{}", self.name()), &floor),
        });
        questions.collect()
    }

    fn query(self) -> &'static str {
        match self {
            Self::List => LIST,
            Self::Nested => NESTED,
            Self::Run => RUN,
            Self::Deep => DEEP,
            Self::Create => CREATE,
            Self::Complete => COMPLETE,
            Self::Event => EVENT,
            Self::Events => EVENTS_OF_RUN,
        }
    }
}

/// The server's variables, and the floor's.
type Variables = [Value; 2];

fn same(variables: Value) -> Variables {
    [variables.clone(), variables]
}

/// A word as GraphQL has it, which the database has in lower case.
fn word(stored: &str) -> String {
    stored.to_uppercase()
}

fn list() -> Vec<Variables> {
    let all = STATUSES
        .iter()
        .flat_map(|status| SOURCES.map(|source| (status, source)));
    let variables = all.map(|(status, source)| {
        [
            json!({"status": word(status), "source": word(source)}),
            json!({"status": status, "source": source}),
        ]
    });
    variables.collect()
}

fn nested(sample: &Sample) -> Vec<Variables> {
    let places = sample.places.iter().zip(SOURCES.iter().cycle());
    let variables = places.map(|((before, _), source)| {
        [
            json!({"source": word(source), "before": before}),
            json!({"source": source, "before": before}),
        ]
    });
    variables.collect()
}

fn deep(sample: &Sample) -> Vec<Variables> {
    let places = sample.deep.iter().map(|((started_at, id), cursor)| {
        [
            json!({"after": cursor}),
            json!({"startedAt": started_at, "id": id}),
        ]
    });
    places.collect()
}

fn create() -> Vec<Variables> {
    let all = ENTITY_TYPES
        .iter()
        .flat_map(|kind| SOURCES.map(|source| (kind, source)));
    let variables = all.enumerate().map(|(n, (entity_type, source))| {
        let details = json!({"host": format!("edge-{n}"), "attempt": 1});
        let expected = 100 + n;
        [
            json!({"input": {"id": Uuid::nil(), "entityType": word(entity_type),
                "source": word(source), "status": "RUNNING", "recordsExpected": expected,
                "details": details}}),
            json!({"id": Uuid::nil(), "entityType": entity_type, "source": source,
                "recordsExpected": expected, "details": details}),
        ]
    });
    variables.collect()
}

fn complete() -> Vec<Variables> {
    let variables = (100..150).map(|records| {
        [
            json!({"input": {"runId": Uuid::nil(), "counts":
                {"recordsProcessed": records, "recordsUpdated": records - 1}}}),
            json!({"runId": Uuid::nil(), "recordsProcessed": records,
                "recordsUpdated": records - 1}),
        ]
    });
    variables.collect()
}

fn event(run_id: Uuid) -> Variables {
    let event = json!({"id": Uuid::nil(), "eventType": "chunk",
        "message": "Chunk 3/7 imported, 1064 rows"});
    let asked = json!({"runId": run_id, "event": event});
    [json!({"input": asked}), asked]
}

fn events(run_id: Uuid) -> Variables {
    let events = (1..=EVENTS).map(|n| {
        json!({"id": Uuid::nil(), "eventType": "chunk",
            "message": format!("Chunk {n}/{EVENTS} imported, 1064 rows")})
    });
    let asked = json!({"runId": run_id, "events": events.collect::<Vec<_>>()});
    [json!({"input": asked}), asked]
}
