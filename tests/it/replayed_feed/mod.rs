//! The feed, replayed from its beginning, leads to what the lists return: with equal timestamps, in databases of other
//! locales, and whoever writes.

mod filters;

use std::{cmp::Ordering, collections::BTreeMap};

use crate::support::{
    Cluster, DatabaseKind, TestServer, Value, apply, json, on_both_databases, socket::Socket,
};
use filters::filters;

const FIELDS: &str = "id entityType source status startedAt completedAt updatedAt durationSeconds recordsProcessed
    recordsCreated recordsUpdated recordsFailed recordsExpected progress errorMessage details triggeredById version";

/// Few times, so that many are equal.
const TIMES: [&str; 3] = [
    "2026-11-23T08:00:00.000001Z",
    "2026-11-23T08:00:00Z",
    "2026-11-23T07:00:00Z",
];

/// Letters whose case depends on the locale or on the Unicode version of a database, and characters with a meaning of
/// their own in patterns.
const MESSAGES: [&str; 10] = [
    "İzmir FEHLGESCHLAGEN",
    "ızgara fehlgeschlagen",
    "IZMIR",
    "STRAẞE [1] 100%",
    "straße (2) 100_",
    "ΟΔΟΣ\nÄPFEL",
    "οδος äpfel",
    "273 \u{212a}",
    "Ǆ \u{1e9e} ﬃ",
    "a\\b.*c",
];

/// Writes runs and events, through the API and as another program does.
struct Writer<'a> {
    server: &'a TestServer,
    runs: Vec<String>,
}

impl Writer<'_> {
    async fn write(&mut self) {
        for number in 0..24 {
            let time = TIMES[number % 3];
            let entity_type = ["STOCK", "ORDER"][number % 2];
            let source = ["AS400", "API", "FILE"][number % 3];
            let status = ["PENDING", "RUNNING"][number % 2];
            let input = json!({"entityType": entity_type, "source": source, "status": status, "startedAt": time});
            let run = match number % 4 {
                0 | 1 => self.server.create_run(input).await,
                _ => self.insert(number, time).await,
            };
            self.runs.push(run);
        }
        for number in 0..72 {
            let run = self.runs[number * 7 % self.runs.len()].clone();
            self.change(&run, number).await;
            self.add_events(&run, number).await;
        }
    }

    /// Inserts a run that may have ended, whose status may be unknown, or that has an end although it is open.
    async fn insert(&self, number: usize, started_at: &str) -> String {
        let id = format!(
            "{:08x}-0000-4000-8000-{number:012}",
            number * 0x9e37_79b9 % 0xffff_fff1
        );
        let status = ["completed", "failed", "running", "archived", "pending"][number % 5];
        let message = MESSAGES[number % MESSAGES.len()];
        let sql = format!(
            "INSERT INTO {} (id, entity_type, source, status, started_at, completed_at, records_processed,
                records_created, records_updated, records_failed, error_message)
            VALUES ({}, 'stock', 'as400', '{status}', '{started_at}', '{}', {}, 0, 0, {}, '{message}')",
            self.server.table("sync_history"),
            self.server.id_literal(&id),
            TIMES[number % 2],
            number % 3,
            number % 2,
        );
        self.server.execute_sql(&sql).await;
        id
    }

    async fn change(&self, run: &str, number: usize) {
        let message = MESSAGES[number % MESSAGES.len()];
        let counts = json!({"recordsProcessed": number % 4, "recordsFailed": number % 2});
        // Rejected if the run has ended.
        let progress = "mutation($input: ReportSyncProgressInput!) { reportSyncProgress(input: $input) { run { id } } }";
        let cancel =
            "mutation($input: CancelSyncRunInput!) { cancelSyncRun(input: $input) { run { id } } }";
        match number % 8 {
            0 | 1 => {
                let input = json!({"runId": run, "counts": counts, "details": {"n": number}});
                self.server.execute(progress, json!({"input": input})).await;
            }
            2 => {
                let outcome =
                    json!({"status": "FAILED", "errorMessage": message, "completedAt": TIMES[0]});
                self.server.complete_run(run, outcome).await;
            }
            3 => {
                self.server
                    .complete_run(run, json!({"counts": counts}))
                    .await;
            }
            4 => {
                let input = json!({"runId": run, "reason": message});
                self.server.execute(cancel, json!({"input": input})).await;
            }
            5 if number % 16 < 8 => self.update(run, "status = 'running'").await,
            5 => {
                let time = TIMES[number % 3];
                let set = format!("source = 'file', entity_type = 'order', started_at = '{time}'");
                self.update(run, &set).await;
            }
            6 => {
                let set = format!(
                    "error_message = '{message}', records_processed = {}",
                    number % 3
                );
                self.update(run, &set).await;
            }
            _ => {
                let set = format!(
                    "status = 'completed', completed_at = '{}'",
                    TIMES[number % 2]
                );
                self.update(run, &set).await;
            }
        }
    }

    async fn update(&self, run: &str, set: &str) {
        let (table, id) = (
            self.server.table("sync_history"),
            self.server.id_literal(run),
        );
        let sql = format!("UPDATE {table} SET {set} WHERE id = {id}");
        self.server.execute_sql(&sql).await;
    }

    /// Adds three events at once.
    async fn add_events(&self, run: &str, number: usize) {
        let time = TIMES[number % 3];
        if number.is_multiple_of(2) {
            let event = json!({"eventType": "a", "message": "m", "timestamp": time});
            self.server
                .add_events(run, json!([event, event, event]))
                .await;
            return;
        }
        let insert = |index| {
            format!(
                "INSERT INTO {} (id, sync_id, event_type, \"timestamp\", message)
                VALUES ({}, {}, 'b', '{time}', 'n');",
                self.server.table("sync_event"),
                self.server
                    .id_literal(&format!("{:08x}-0000-4000-8000-{number:012}", 900 - index)),
                self.server.id_literal(run)
            )
        };
        let inserts: String = (0..3).map(insert).collect();
        self.server
            .execute_sql(&format!("BEGIN; {inserts} COMMIT;"))
            .await;
    }
}

/// Replays the feed until a run is created, and returns the runs that match the filter in the end.
async fn replay(
    server: &TestServer,
    after: &Value,
    filter: &Value,
    end: &str,
) -> BTreeMap<String, Value> {
    let watch = format!(
        "subscription($filter: SyncRunFilter, $after: String) {{ syncRunChanged(filter: $filter, after: $after,
            kinds: [CREATED, STATUS, PROGRESS]) {{ matchesFilter run {{ {FIELDS} }} }} }}"
    );
    let filter = json!({"anyOf": [filter, {"id": end}]});
    let mut socket = Socket::open(&server.url).await;
    socket
        .subscribe(&watch, json!({"filter": filter, "after": after}))
        .await;
    let mut runs = BTreeMap::new();
    loop {
        let change = socket.data().await["syncRunChanged"].take();
        let id = change["run"]["id"].as_str().unwrap().to_owned();
        if id == end {
            return runs;
        }
        if change["matchesFilter"] == true {
            runs.insert(id, change["run"].clone());
        } else {
            runs.remove(&id);
        }
    }
}

/// Compares two runs in an order: runs without a value come last, ties are broken by the ID. Those with the same status,
/// entity type or source are ordered newest first.
fn compare(field: &str, descending: bool, one: &Value, other: &Value) -> Ordering {
    if ["status", "entityType", "source"].contains(&field) && one[field] != other[field] {
        let unknown = |run: &Value| run[field] == "UNKNOWN";
        let by_name = one[field].as_str().cmp(&other[field].as_str());
        let by_name = if descending {
            by_name.reverse()
        } else {
            by_name
        };
        return unknown(one).cmp(&unknown(other)).then(by_name);
    }
    if ["status", "entityType", "source"].contains(&field) {
        return compare("startedAt", true, one, other);
    }
    let values = match (&one[field], &other[field]) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => return Ordering::Greater,
        (_, Value::Null) => return Ordering::Less,
        (Value::String(one), Value::String(other)) => one.cmp(other),
        (one, other) => one.as_f64().unwrap().total_cmp(&other.as_f64().unwrap()),
    };
    let ordering = values.then_with(|| one["id"].as_str().cmp(&other["id"].as_str()));
    if descending {
        ordering.reverse()
    } else {
        ordering
    }
}

/// Returns the rows of a list, read in pages from its beginning or its end.
async fn paginate(
    server: &TestServer,
    list: &str,
    variables: &Value,
    fields: &str,
    from_end: bool,
) -> Vec<Value> {
    let (page, cursor) = if from_end {
        ("last: 7, before: $cursor", "startCursor")
    } else {
        ("first: 7, after: $cursor", "endCursor")
    };
    let query = format!(
        "query($cursor: String, $filter: SyncRunFilter, $order: SyncRunOrder, $run: ID!) {{ node(id: $run) {{ id }}
            runs: syncRuns(first: 0, filter: $filter, orderBy: $order) {{ totalCount }}
            {} }} fragment Page on {} {{ nodes {{ {fields} }} pageInfo {{ cursor: {cursor} }} }}",
        list.replace("PAGE", page),
        if list.contains("vents") { "SyncEventConnection" } else { "SyncRunConnection" }
    );
    let (mut rows, mut variables) = (Vec::new(), variables.clone());
    loop {
        let data = server.data(&query, variables.clone()).await;
        let page = data.get("page").unwrap_or(&data["syncRun"]["page"]);
        let nodes = page["nodes"].as_array().unwrap().clone();
        if nodes.is_empty() {
            return rows;
        }
        rows = if from_end {
            [nodes, rows].concat()
        } else {
            [rows, nodes].concat()
        };
        variables["cursor"] = page["pageInfo"]["cursor"].clone();
    }
}

/// Fields of a run, and the orders by them.
const ORDERS: [(&str, &str); 8] = [
    ("startedAt", "STARTED_AT"),
    ("completedAt", "COMPLETED_AT"),
    ("durationSeconds", "DURATION"),
    ("recordsProcessed", "RECORDS_PROCESSED"),
    ("recordsFailed", "RECORDS_FAILED"),
    ("status", "STATUS"),
    ("entityType", "ENTITY_TYPE"),
    ("source", "SOURCE"),
];

async fn assert_runs_agree(server: &TestServer, after: &Value, runs: &[String], end: &str) {
    let list = "page: syncRuns(filter: $filter, orderBy: $order, PAGE) { ...Page }";
    for (number, filter) in filters(runs).into_iter().enumerate() {
        let replayed = replay(server, after, &filter, end).await;
        // In turns, since there are many.
        let orders = if number == 0 {
            &ORDERS[..]
        } else {
            &ORDERS[number % ORDERS.len()..][..1]
        };
        for ((field, order), descending) in orders
            .iter()
            .flat_map(|order| [(order, false), (order, true)])
        {
            let mut expected: Vec<_> = replayed.values().cloned().collect();
            expected.sort_by(|one, other| compare(field, descending, one, other));
            let direction = if descending { "DESC" } else { "ASC" };
            let order = json!({"field": order, "direction": direction});
            let variables = json!({"filter": filter, "order": order, "run": end});
            for from_end in [false, true] {
                let mut listed = paginate(server, list, &variables, FIELDS, from_end).await;
                listed.retain(|run| run["id"] != end);
                assert_eq!(listed, expected, "{filter} by {order}, {from_end}");
            }
        }
    }
}

async fn assert_events_agree(server: &TestServer, runs: &[String]) {
    let fields = "id eventType timestamp message";
    let watch = format!(
        "subscription($id: ID!) {{ syncEventAdded(runId: $id) {{ event {{ {fields} }} }} }}"
    );
    let count = "query($run: ID!) { syncRun(id: $run) { events { totalCount } } }";
    for run in runs {
        let counted = server.data(count, json!({"run": run})).await;
        let count = counted["syncRun"]["events"]["totalCount"].as_u64().unwrap();
        let mut socket = server.subscribe(&watch, json!({"id": run})).await;
        let mut replayed = Vec::new();
        for _ in 0..count {
            replayed.push(socket.data().await["syncEventAdded"]["event"].take());
        }
        // Those of the same time keep their order.
        replayed.sort_by_key(|event| event["timestamp"].to_string());
        let reversed: Vec<_> = replayed.iter().rev().cloned().collect();
        for (list, expected) in [
            (
                "syncRun(id: $run) { page: events(PAGE) { ...Page } }",
                &replayed,
            ),
            (
                "page: syncEvents(filter: {runId: [$run]}, PAGE) { ...Page }",
                &reversed,
            ),
        ] {
            for from_end in [false, true] {
                let listed = paginate(server, list, &json!({"run": run}), fields, from_end).await;
                assert_eq!(listed, *expected, "{list}, {from_end}");
            }
        }
    }
}

async fn assert_feed_and_lists_agree(server: &TestServer) {
    let after = server.feed_cursor().await;
    let mut writer = Writer {
        server,
        runs: Vec::new(),
    };
    writer.write().await;
    let end = server.create_stock_run().await;
    assert_runs_agree(server, &after, &writer.runs, &end).await;
    assert_events_agree(server, &writer.runs).await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn the_replayed_feed_leads_to_what_the_lists_return(database: DatabaseKind) {
    assert_feed_and_lists_agree(&TestServer::start(database).await).await;
}

#[tokio::test]
async fn the_replayed_feed_leads_to_what_the_lists_return_in_any_locale_on_postgres() {
    for options in [
        "LOCALE 'C'",
        "LOCALE_PROVIDER icu ICU_LOCALE 'tr' LOCALE 'C.UTF-8'",
    ] {
        let url = Cluster::get().empty_database_with(options).await;
        assert_feed_and_lists_agree(&TestServer::open(url).await).await;
    }
}
