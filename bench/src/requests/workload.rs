//! Workloads: a kind of request to the server, and the equivalent one to the baseline.

use clap::ValueEnum;
use serde_json::{Value, json};
use uuid::Uuid;

use super::sample::Sample;
use crate::load::RequestTemplate;

const STATUSES: [&str; 5] = ["completed", "failed", "cancelled", "running", "pending"];
const SOURCES: [&str; 5] = ["as400", "api", "file", "filemaker", "external"];
const ENTITY_TYPES: [&str; 4] = ["stock", "pricing", "order", "autocare"];
/// Events that one request of [`Workload::Events`] adds.
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
const ADD_EVENT: &str = "mutation($input: AddSyncEventInput!) { \
    addSyncEvent(input: $input) { replayed run { id status version } } }";
const ADD_EVENTS: &str = "mutation($input: AddSyncEventsInput!) { \
    addSyncEvents(input: $input) { replayedCount run { id status version } } }";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// 20 runs by status and source, newest first
    List,
    /// 20 runs, each with its user and first ten events
    Nested,
    /// One run by its id
    Run,
    /// 20 runs far from the start of the list
    Deep,
    /// Create a run
    Create,
    /// Complete a run
    Complete,
    /// Add an event
    Event,
    /// Add 100 events
    Events,
}

/// Equivalent requests to the baseline and to the server.
#[derive(Debug)]
pub(crate) struct RequestPair {
    pub(crate) baseline: RequestTemplate,
    pub(crate) server: RequestTemplate,
}

/// Variables of the server's operation, and the body of the baseline's request.
type Inputs = [Value; 2];

impl Workload {
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

    /// Returns the greatest ratio of the server's CPU time to the baseline's that is aimed for.
    pub(crate) fn target(self) -> f64 {
        match self {
            Self::Nested | Self::Event => 1.3,
            Self::List | Self::Deep => 1.4,
            Self::Run | Self::Create | Self::Complete => 1.5,
            Self::Events => 1.2,
        }
    }

    pub(crate) fn writes(self) -> bool {
        !matches!(self, Self::List | Self::Nested | Self::Run | Self::Deep)
    }

    /// Returns where the server's response holds what the baseline's consists of.
    pub(crate) fn pointer(self) -> &'static str {
        match self {
            Self::List | Self::Nested | Self::Deep => "/data/syncRuns/nodes",
            Self::Run => "/data/syncRun",
            Self::Create => "/data/createSyncRun",
            Self::Complete => "/data/completeSyncRun",
            Self::Event => "/data/addSyncEvent",
            Self::Events => "/data/addSyncEvents",
        }
    }

    /// Returns the requests, which are sent in turn.
    pub(crate) fn requests(self, sample: &Sample) -> Vec<RequestPair> {
        let (operation, inputs): (_, Vec<Inputs>) = match self {
            Self::List => (LIST, list()),
            Self::Nested => (NESTED, nested(sample)),
            Self::Run => (
                RUN,
                sample
                    .ids()
                    .map(|id| [json!({"id": id}), json!({"id": id})])
                    .collect(),
            ),
            Self::Deep => (DEEP, deep(sample)),
            Self::Create => (CREATE, create()),
            Self::Complete => (COMPLETE, complete()),
            Self::Event => (ADD_EVENT, sample.ids().map(add_event).collect()),
            Self::Events => (ADD_EVENTS, sample.ids().map(add_events).collect()),
        };
        let path = format!("/{}", self.name());
        let pairs = inputs.iter().map(|[variables, body]| RequestPair {
            baseline: RequestTemplate::new(&*path, body),
            server: RequestTemplate::graphql(operation, variables),
        });
        pairs.collect()
    }
}

/// Returns the GraphQL value of an enum value in the database.
fn enum_value(stored: &str) -> String {
    stored.to_uppercase()
}

fn list() -> Vec<Inputs> {
    let all = STATUSES
        .iter()
        .flat_map(|status| SOURCES.map(|source| (status, source)));
    let inputs = all.map(|(status, source)| {
        [
            json!({"status": enum_value(status), "source": enum_value(source)}),
            json!({"status": status, "source": source}),
        ]
    });
    inputs.collect()
}

fn nested(sample: &Sample) -> Vec<Inputs> {
    let inputs = sample
        .runs
        .iter()
        .zip(SOURCES.iter().cycle())
        .map(|(run, source)| {
            [
                json!({"source": enum_value(source), "before": run.started_at}),
                json!({"source": source, "before": run.started_at}),
            ]
        });
    inputs.collect()
}

fn deep(sample: &Sample) -> Vec<Inputs> {
    let inputs = sample.deep.iter().map(|run| {
        [
            json!({"after": run.cursor}),
            json!({"startedAt": run.started_at, "id": run.id}),
        ]
    });
    inputs.collect()
}

fn create() -> Vec<Inputs> {
    let all = ENTITY_TYPES
        .iter()
        .flat_map(|entity_type| SOURCES.map(|source| (entity_type, source)));
    let inputs = all.enumerate().map(|(n, (entity_type, source))| {
        let details = json!({"host": format!("edge-{n}"), "attempt": 1});
        let expected = 100 + n;
        [
            json!({"input": {"id": Uuid::nil(), "entityType": enum_value(entity_type),
                "source": enum_value(source), "status": "RUNNING", "recordsExpected": expected,
                "details": details}}),
            json!({"id": Uuid::nil(), "entityType": entity_type, "source": source,
                "recordsExpected": expected, "details": details}),
        ]
    });
    inputs.collect()
}

fn complete() -> Vec<Inputs> {
    let inputs = (100..150).map(|records| {
        [
            json!({"input": {"runId": Uuid::nil(), "counts":
                {"recordsProcessed": records, "recordsUpdated": records - 1}}}),
            json!({"runId": Uuid::nil(), "recordsProcessed": records,
                "recordsUpdated": records - 1}),
        ]
    });
    inputs.collect()
}

fn add_event(run_id: Uuid) -> Inputs {
    let event = json!({"id": Uuid::nil(), "eventType": "chunk",
        "message": "Chunk 3/7 imported, 1064 rows"});
    let input = json!({"runId": run_id, "event": event});
    [json!({"input": input}), input]
}

fn add_events(run_id: Uuid) -> Inputs {
    let events = (1..=EVENTS).map(|n| {
        json!({"id": Uuid::nil(), "eventType": "chunk",
            "message": format!("Chunk {n}/{EVENTS} imported, 1064 rows")})
    });
    let input = json!({"runId": run_id, "events": events.collect::<Vec<_>>()});
    [json!({"input": input}), input]
}
