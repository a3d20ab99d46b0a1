//! Bad input gets its code and a message that says what to do, and leaves the database as it was.

use crate::support::{Kind, Ledger, Postgres, Sqlite, Value, code, json, rstest};

const UNKNOWN: &str = "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f";

/// All that the ledger holds of its runs and events.
async fn everything(ledger: &Ledger) -> Value {
    ledger
        .data(
            "{ syncRuns { nodes { id status version updatedAt details recordsProcessed } }
            syncEvents { nodes { id message } } }",
            json!({}),
        )
        .await
}

#[rstest]
#[tokio::test]
async fn a_mutation_with_bad_input_is_refused_and_changes_nothing(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let run = ledger.create_stock().await;
    let create =
        "mutation($input: CreateSyncRunInput!) { createSyncRun(input: $input) { replayed } }";
    let add = "mutation($input: AddSyncEventInput!) { addSyncEvent(input: $input) { replayed } }";
    let add_all =
        "mutation($input: AddSyncEventsInput!) { addSyncEvents(input: $input) { replayedCount } }";
    let progress = "mutation($input: ReportSyncProgressInput!) { reportSyncProgress(input: $input) { run { id } } }";
    let complete =
        "mutation($input: CompleteSyncRunInput!) { completeSyncRun(input: $input) { replayed } }";
    let cancel =
        "mutation($input: CancelSyncRunInput!) { cancelSyncRun(input: $input) { replayed } }";
    let event = |field: &str, value: Value| {
        let mut event = json!({"eventType": "chunk", "message": "x"});
        event[field] = value;
        json!({"runId": run, "event": event})
    };
    let new = |field: &str, value: Value| {
        let mut input = json!({"entityType": "STOCK", "source": "AS400"});
        input[field] = value;
        input
    };
    let of = |field: &str, value: Value| json!({"runId": run, field: value});
    let many: Vec<Value> = vec![json!({"eventType": "x", "message": "x"}); 1001];
    let large = json!({"text": "x".repeat(64 * 1024)});
    let cases = [
        (
            create,
            new("id", json!("not-a-uuid")),
            "BAD_INPUT",
            "is not a UUID",
        ),
        (
            create,
            new("status", json!("COMPLETED")),
            "BAD_INPUT",
            "completeSyncRun",
        ),
        (
            create,
            new("source", json!("UNKNOWN")),
            "BAD_INPUT",
            "one of the other values",
        ),
        (
            create,
            new("startedAt", json!("2026-11-23T09:00:00")),
            "BAD_INPUT",
            "with an offset",
        ),
        (
            create,
            new("startedAt", json!("yesterday")),
            "BAD_INPUT",
            "with an offset",
        ),
        (
            create,
            new("startedAt", json!(1_700_000_000)),
            "BAD_INPUT",
            "DateTime",
        ),
        (
            create,
            new("recordsExpected", json!(-1)),
            "BAD_INPUT",
            "cannot be negative",
        ),
        (
            create,
            new("triggeredById", json!(UNKNOWN)),
            "NOT_FOUND",
            "no user",
        ),
        (
            create,
            new("details", json!([1])),
            "BAD_INPUT",
            "JSON object",
        ),
        (
            create,
            new("details", json!("text")),
            "BAD_INPUT",
            "JSON object",
        ),
        (create, new("details", large.clone()), "BAD_INPUT", "65536"),
        (
            create,
            new("details", json!({"a": ["\0"]})),
            "BAD_INPUT",
            "U+0000",
        ),
        (
            create,
            new("details", json!({"\0": 1})),
            "BAD_INPUT",
            "U+0000",
        ),
        (create, new("color", json!("red")), "BAD_INPUT", "color"),
        (
            create,
            json!({"entityType": "STOCK"}),
            "BAD_INPUT",
            "source",
        ),
        (
            create,
            new("entityType", json!("PLANETS")),
            "BAD_INPUT",
            "SyncEntityType",
        ),
        (
            add,
            json!({"runId": UNKNOWN, "event": {"eventType": "x", "message": "x"}}),
            "NOT_FOUND",
            "no run",
        ),
        (add, event("eventType", json!("")), "BAD_INPUT", "1 to 50"),
        (
            add,
            event("eventType", json!("é".repeat(51))),
            "BAD_INPUT",
            "51 characters",
        ),
        (add, event("message", json!("a\0b")), "BAD_INPUT", "U+0000"),
        (add, event("details", json!(5)), "BAD_INPUT", "JSON object"),
        (add, event("details", large.clone()), "BAD_INPUT", "65536"),
        (
            add,
            event("timestamp", json!("2026-11-23 09:00")),
            "BAD_INPUT",
            "with an offset",
        ),
        (
            add_all,
            json!({"runId": run, "events": many}),
            "BAD_INPUT",
            "at most 1000",
        ),
        (
            add_all,
            json!({"runId": UNKNOWN, "events": []}),
            "NOT_FOUND",
            "no run",
        ),
        (
            add_all,
            json!({"runId": run, "events": [{"eventType": "x", "message": "good"},
            {"eventType": "", "message": "bad"}]}),
            "BAD_INPUT",
            "1 to 50",
        ),
        (progress, json!({"runId": UNKNOWN}), "NOT_FOUND", "no run"),
        (
            progress,
            of("counts", json!({"recordsProcessed": -1})),
            "BAD_INPUT",
            "recordsProcessed is -1",
        ),
        (
            progress,
            of("counts", json!({"recordsFailed": 2_147_483_648_u32})),
            "BAD_INPUT",
            "Int",
        ),
        (
            progress,
            of("recordsExpected", json!(-5)),
            "BAD_INPUT",
            "recordsExpected is -5",
        ),
        (
            progress,
            of("details", json!([])),
            "BAD_INPUT",
            "JSON object",
        ),
        (complete, json!({"runId": UNKNOWN}), "NOT_FOUND", "no run"),
        (
            complete,
            json!({"runId": "x"}),
            "BAD_INPUT",
            "is not a UUID",
        ),
        (
            complete,
            of("completedAt", json!("2026-11-23T08:59:59Z")),
            "BAD_INPUT",
            "before",
        ),
        (
            complete,
            of("counts", json!({"recordsCreated": -1})),
            "BAD_INPUT",
            "recordsCreated is -1",
        ),
        (
            complete,
            of("status", json!("RUNNING")),
            "BAD_INPUT",
            "SyncOutcome",
        ),
        (
            complete,
            of("errorMessage", json!("\0")),
            "BAD_INPUT",
            "U+0000",
        ),
        (complete, of("details", large), "BAD_INPUT", "65536"),
        (cancel, json!({"runId": UNKNOWN}), "NOT_FOUND", "no run"),
        (cancel, of("reason", json!("\0")), "BAD_INPUT", "U+0000"),
    ];
    let before = everything(&ledger).await;
    for (mutation, input, expected, says) in cases {
        let error = ledger.error(mutation, json!({"input": input})).await;
        let message = error["message"].as_str().unwrap();
        assert_eq!(code(&error), expected, "{error} for {}", truncated(&input));
        assert!(message.contains(says), "{message:?} does not say {says:?}");
        assert!(message.len() < 500, "{message}");
    }
    assert_eq!(everything(&ledger).await, before);
}

fn truncated(value: &Value) -> String {
    value.to_string().chars().take(200).collect()
}

#[rstest]
#[tokio::test]
async fn a_query_with_bad_input_is_refused(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    ledger.create_stock().await;
    let cursors = ledger
        .data(
            "{ syncRuns { feedCursor pageInfo { endCursor } }
            other: syncRuns(orderBy: {field: RECORDS_FAILED}) { pageInfo { endCursor } } }",
            json!({}),
        )
        .await;
    let cursor = cursors["syncRuns"]["pageInfo"]["endCursor"]
        .as_str()
        .unwrap();
    let other = cursors["other"]["pageInfo"]["endCursor"].as_str().unwrap();
    let feed = cursors["syncRuns"]["feedCursor"].as_str().unwrap();
    let deep = (0..20).fold("{}".to_owned(), |inner, _| format!("{{not: {inner}}}"));
    let cases = [
        (
            "{ syncRuns(first: 0) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "first is 0",
        ),
        (
            "{ syncRuns(first: -1) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "first is -1",
        ),
        (
            "{ syncRuns(first: 101) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "1 to 100",
        ),
        (
            "{ syncRuns(last: 101) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "last is 101",
        ),
        (
            "{ syncRuns(first: 1, last: 1) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "first and last",
        ),
        (
            "{ syncEvents(last: 0) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "last is 0",
        ),
        (
            "{ syncRuns { nodes { events(first: 1000) { totalCount } } } }".to_owned(),
            "BAD_INPUT",
            "1 to 100",
        ),
        (
            "{ syncRuns { totalCount(upTo: 0) } }".to_owned(),
            "BAD_INPUT",
            "upTo is 0",
        ),
        (
            format!("{{ syncRuns(after: \"{other}\") {{ totalCount }} }}"),
            "BAD_CURSOR",
            "orderBy",
        ),
        (
            format!("{{ syncRuns(before: \"{feed}\") {{ totalCount }} }}"),
            "BAD_CURSOR",
            "cursor",
        ),
        (
            format!("{{ syncEvents(after: \"{cursor}\") {{ totalCount }} }}"),
            "BAD_CURSOR",
            "cursor",
        ),
        (
            format!(
                "{{ syncRuns(after: \"{}\") {{ totalCount }} }}",
                &cursor[1..]
            ),
            "BAD_CURSOR",
            "cursor",
        ),
        (
            "{ syncRuns(after: \"\") { totalCount } }".to_owned(),
            "BAD_CURSOR",
            "cursor",
        ),
        (
            "{ syncRuns(after: \"🦀\") { totalCount } }".to_owned(),
            "BAD_CURSOR",
            "cursor",
        ),
        (
            "{ syncRun(id: \"42\") { id } }".to_owned(),
            "BAD_INPUT",
            "is not a UUID",
        ),
        (
            "{ node(id: \"\") { id } }".to_owned(),
            "BAD_INPUT",
            "is not a UUID",
        ),
        (
            "{ syncRuns(filter: {id: \"x\"}) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "is not a UUID",
        ),
        (
            "{ syncRuns(filter: {startedAt: {gte: \"2026-11-23\"}}) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "with an offset",
        ),
        (
            format!("{{ syncRuns(filter: {deep}) {{ totalCount }} }}"),
            "BAD_INPUT",
            "flatter",
        ),
        (
            format!(
                "{{ syncRuns(filter: {{errorContains: \"{}\"}}) {{ totalCount }} }}",
                "x".repeat(501)
            ),
            "BAD_INPUT",
            "500",
        ),
        (
            "{ syncRuns(filter: {errorContains: \"\\u0000\"}) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "U+0000",
        ),
        (
            "{ syncEvents(filter: {messageContains: \"\\u0000\"}) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "U+0000",
        ),
        (
            "{ syncEvents(filter: {eventType: \"\\u0000\"}) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "U+0000",
        ),
        ("{ nope }".to_owned(), "BAD_INPUT", "nope"),
        ("{".to_owned(), "BAD_INPUT", "expected"),
        (String::new(), "BAD_INPUT", "expected"),
    ];
    for (query, expected, says) in cases {
        let error = ledger.error(&query, json!({})).await;
        let message = error["message"].as_str().unwrap();
        assert_eq!(code(&error), expected, "{error} for {query}");
        assert!(message.contains(says), "{message:?} does not say {says:?}");
    }
}

#[rstest]
#[tokio::test]
async fn unknown_ids_are_null_where_null_may_stand(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let run = ledger.create_stock().await;
    let data = ledger
        .data(
            "query($ids: [ID!]!, $id: ID!) { syncRun(id: $id) { id } node(id: $id) { id }
            nodes(ids: $ids) { __typename id } }",
            json!({"id": UNKNOWN, "ids": [run, UNKNOWN, run]}),
        )
        .await;
    let node = json!({"__typename": "SyncRun", "id": run});
    assert_eq!(
        data,
        json!({"syncRun": null, "node": null, "nodes": [node, null, node]})
    );
}

#[rstest]
#[tokio::test]
async fn a_request_that_is_none_is_refused_with_its_status() {
    let Some(ledger) = Ledger::start(Sqlite).await else {
        return;
    };
    let graphql = "application/graphql-response+json";
    let mut invalid_utf8 = br#"{"query": "{ syncRuns { totalCount } }", "x": ""#.to_vec();
    invalid_utf8.extend([0xff, b'"', b'}']);
    let mut huge = br#"{"query": "{ syncRuns { totalCount } }", "variables": {"x": ""#.to_vec();
    huge.extend(vec![b'x'; 1024 * 1024]);
    huge.extend(b"\"}}");
    let cases: [(Vec<u8>, u16, &str); 8] = [
        (b"{".to_vec(), 400, "not JSON"),
        (b"\"text\"".to_vec(), 400, "JSON object"),
        (
            b"[{\"query\": \"{ __typename }\"}]".to_vec(),
            400,
            "batches",
        ),
        (b"{}".to_vec(), 400, "`query`"),
        (br#"{"query": 5}"#.to_vec(), 400, "`query`"),
        (
            br#"{"query": "{ __typename }", "variables": [1]}"#.to_vec(),
            400,
            "`variables`",
        ),
        (invalid_utf8, 400, "not UTF-8"),
        (huge, 413, "1048576 bytes"),
    ];
    for (body, status, says) in cases {
        let response = ledger.post(graphql, body).await;
        assert_eq!(response.status(), status, "{says}");
        let answer: Value = response.json().await.unwrap();
        assert!(answer.get("data").is_none());
        assert_eq!(code(&answer["errors"][0]), "BAD_INPUT");
        assert!(
            answer["errors"][0]["message"]
                .as_str()
                .unwrap()
                .contains(says),
            "{answer}"
        );
    }
}

/// Requests that are small, and would cost the server its stack or seconds of its time.
#[rstest]
#[tokio::test]
async fn a_document_or_variable_that_is_too_deep_or_too_large_is_refused_at_once() {
    let Some(ledger) = Ledger::start(Sqlite).await else {
        return;
    };
    let deep = |open: &str, close: &str, n: usize| open.repeat(n) + &close.repeat(n);
    let literal = |n| format!("{{ __typename @skip(if: {}) }}", deep("[", "]", n));
    let filter = |n| {
        format!(
            "{{ syncRuns(filter: {}) {{ totalCount }} }}",
            deep("{anyOf: [{not: ", "}]}", n)
        )
    };
    let selection = |n| deep("{ a ", "}", n);
    let fragment = |n: usize| format!("fragment f{n} on Query {{ ...f{0} ...f{0} }} ", n + 1);
    let bomb: String = (0..31).map(fragment).collect();
    let bomb = format!("{{ ...f0 }} {bomb} fragment f31 on Query {{ __typename }}");
    let chained: String = (0..5000).map(fragment).collect();
    let cycle = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }".to_owned();
    let many = format!("{{ {} }}", "a: __typename ".repeat(3000));
    for (query, expected) in [
        (literal(100), "QUERY_TOO_COMPLEX"),
        (literal(100_000), "QUERY_TOO_COMPLEX"),
        (filter(20_000), "QUERY_TOO_COMPLEX"),
        (selection(100_000), "QUERY_TOO_COMPLEX"),
        (bomb, "QUERY_TOO_COMPLEX"),
        (format!("{{ ...f0 }} {chained}"), "QUERY_TOO_COMPLEX"),
        (many, "QUERY_TOO_COMPLEX"),
        (cycle, "BAD_INPUT"),
    ] {
        let error = ledger.error(&query, json!({})).await;
        assert_eq!(code(&error), expected, "{error}");
    }
    let list = "query($filter: SyncRunFilter) { syncRuns(filter: $filter) { totalCount } }";
    let wide = json!({"anyOf": vec![json!({"recordsFailed": {"gte": 1}}); 1000]});
    let nested = (0..40).fold(json!({}), |inner, _| json!({"anyOf": [{"not": inner}]}));
    let error = ledger.error(list, json!({"filter": wide})).await;
    assert!(
        error["message"].as_str().unwrap().contains("100 filters"),
        "{error}"
    );
    let request = json!({"query": list, "variables": {"filter": nested}});
    let response = ledger.post("application/json", request.to_string()).await;
    assert_eq!(response.status(), 400);
    let answer: Value = response.json().await.unwrap();
    assert!(
        answer["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("levels deep")
    );
    // Just within what is allowed.
    let ninety = json!({"anyOf": vec![json!({"not": {"recordsFailed": {"gte": 1}}}); 49]});
    ledger.data(list, json!({"filter": ninety})).await;
    ledger
        .data(
            &format!("{{ {} }}", "a: __typename ".repeat(2000)),
            json!({}),
        )
        .await;
}

/// Whatever can be stored can be read again.
#[rstest]
#[tokio::test]
async fn details_that_are_too_deep_to_be_read_are_not_stored(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let run = ledger.create_stock().await;
    let add = |levels: usize| {
        let details = format!("{{a: {}{}}}", "[".repeat(levels), "]".repeat(levels));
        format!(
            "mutation {{ addSyncEvent(input: {{runId: \"{run}\", event: {{eventType: \"x\",
                message: \"x\", details: {details}}}}}) {{ replayed }} }}"
        )
    };
    assert!(
        ledger
            .answer(&add(40), json!({}))
            .await
            .get("errors")
            .is_none()
    );
    assert_eq!(
        code(&ledger.error(&add(63), json!({})).await),
        "QUERY_TOO_COMPLEX"
    );
    let data = ledger
        .data("{ syncEvents { nodes { details } } }", json!({}))
        .await;
    assert_eq!(data["syncEvents"]["nodes"].as_array().unwrap().len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_request_that_makes_no_sense_is_not_half_executed(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let two = "mutation($a: CreateSyncRunInput!, $b: CreateSyncRunInput!) {
        a: createSyncRun(input: $a) { replayed } b: createSyncRun(input: $b) { replayed } }";
    let good = json!({"entityType": "STOCK", "source": "AS400"});
    for bad in [
        Value::Null,
        json!(1),
        json!({"entityType": "STOCK"}),
        json!({"entityType": "STOCK", "source": "AS400", "startedAt": "today"}),
        json!({"entityType": "STOCK", "source": "AS400", "recordsExpected": 3_000_000_000_u32}),
    ] {
        let answer = ledger.answer(two, json!({"a": good, "b": bad})).await;
        assert_eq!(code(&answer["errors"][0]), "BAD_INPUT");
        assert!(answer.get("data").is_none(), "{answer}");
    }
    let twice = "mutation { createSyncRun(input: {entityType: STOCK, source: AS400}) { replayed }
        createSyncRun(input: {entityType: STOCK, source: AS400}) { run { id } } }";
    assert_eq!(code(&ledger.error(twice, json!({})).await), "BAD_INPUT");
    let data = ledger.data("{ syncRuns { totalCount } }", json!({})).await;
    assert_eq!(data["syncRuns"]["totalCount"], 0);
}

#[rstest]
#[tokio::test]
async fn instants_that_have_no_year_of_four_digits_are_refused(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let create = "mutation($input: CreateSyncRunInput!) {
        createSyncRun(input: $input) { run { startedAt } } }";
    for instant in [
        "9999-12-31T23:59:59-23:59",
        "0000-01-01T00:00:00+23:59",
        "+12026-01-01T00:00:00Z",
    ] {
        let input = json!({"entityType": "STOCK", "source": "AS400", "startedAt": instant});
        let error = ledger.error(create, json!({"input": input})).await;
        assert_eq!(code(&error), "BAD_INPUT", "{instant}");
    }
    for (instant, answered) in [
        (
            "9999-12-31T23:59:59.9999999Z",
            "9999-12-31T23:59:59.999999Z",
        ),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000000Z"),
    ] {
        let input = json!({"entityType": "STOCK", "source": "AS400", "startedAt": instant});
        let data = ledger.data(create, json!({"input": input})).await;
        assert_eq!(data["createSyncRun"]["run"]["startedAt"], answered);
    }
    let pages = "{ syncRuns(first: 1) { pageInfo { endCursor } } }";
    let after = ledger.data(pages, json!({})).await["syncRuns"]["pageInfo"]["endCursor"].take();
    let rest = "query($after: String) { syncRuns(after: $after) { nodes { startedAt } } }";
    let rest = ledger.data(rest, json!({"after": after})).await;
    assert_eq!(rest["syncRuns"]["nodes"].as_array().unwrap().len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_page_of_another_site_opens_no_socket() {
    use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};
    let Some(ledger) = Ledger::start(Sqlite).await else {
        return;
    };
    let host = ledger.url.strip_prefix("http://").unwrap();
    for (origin, opens) in [
        (format!("http://{host}"), true),
        ("https://evil.example".to_owned(), false),
        ("null".to_owned(), false),
    ] {
        let mut request = format!("ws://{host}/graphql")
            .into_client_request()
            .unwrap();
        let headers = request.headers_mut();
        headers.insert(
            "sec-websocket-protocol",
            "graphql-transport-ws".parse().unwrap(),
        );
        headers.insert("origin", origin.parse().unwrap());
        assert_eq!(connect_async(request).await.is_ok(), opens, "{origin}");
    }
}
