//! Costs of operations; typical operations stay far below the limit.

use std::{sync::Arc, time::Duration};

use async_graphql::{Request, Variables};
use serde_json::json;

use super::attacks::{cost, nested, print_timing, rejection, validate, validate_with, validator};

/// An introspection query that selects the fields of all types, nested `times` times.
fn introspection(times: usize) -> String {
    let open = "fields { type { ofType { ";
    let inner = nested(open, "fields { name }", "} } }", times);
    format!("{{ __schema {{ types {{ {inner} }} }} }}")
}

#[test]
fn cost_grows_with_fields_and_rows() {
    for (query, expected) in [
        ("{ __typename }", 1),
        (
            "{ syncRuns(first: 10) { nodes { id status } } }",
            50 + 10 * (2 + 3),
        ),
        ("{ syncRuns { nodes { id } } }", 50 + 25 * (2 + 2)),
        (
            "{ syncRuns(last: 3) { edges { cursor node { id } } } }",
            50 + 3 * (2 + 4),
        ),
        (
            "{ syncRuns(first: 1000) { pageInfo { hasNextPage } } }",
            50 + 2 + 100 * 2,
        ),
        ("{ syncRuns(first: 1) { totalCount } }", 50 + 2 + 1 + 200),
        (
            "{ syncRuns(first: 1) { totalCount(upTo: 100) } }",
            50 + 2 + 1 + 2,
        ),
        (
            "{ syncRuns(first: 1, offset: 10000) { nodes { id } } }",
            50 + 4 + 2500,
        ),
        (
            "{ syncEvents(last: 1, offset: 40) { nodes { id } } }",
            50 + 4 + 10,
        ),
        ("{ users(first: 3) { nodes { id } } }", 50 + 3 * (2 + 2)),
        (
            "{ users(first: 3, search: \"ab\") { nodes { id } totalCount(upTo: 50) } }",
            50 + 3 * (2 + 2) + 1 + 1 + 1000 + 2 * 6,
        ),
        (
            "{ nodes(ids: [\"a\", \"b\"]) { id ... on SyncRun { status } } }",
            150 + 2 * (2 + 2),
        ),
        (
            "{ ...a ...a } fragment a on Query { node(id: 1) { id } }",
            151,
        ),
        (
            "{ syncRuns(first: 2) { ...f } } fragment f on SyncRunConnection { nodes { id } }",
            50 + 2 * (2 + 2),
        ),
        (
            "subscription { syncRunChanged { cursor run { id } } }",
            100 + 3,
        ),
    ] {
        assert!(
            cost(query).abs_diff(expected) <= 1,
            "{query}: {}",
            cost(query)
        );
    }
    let sized = "query($n: Int = 2) { syncRuns(first: $n) { nodes { id } } }";
    for (variables, rows) in [
        (json!({}), 2),
        (json!({"n": 7}), 7),
        (json!({"n": null}), 25),
        (json!({"n": 1000}), 100),
        (json!({"n": -1}), 100),
    ] {
        assert_eq!(validate(sized, variables).unwrap(), 50 + rows * 4);
    }
}

#[test]
fn text_filters_and_mutations_cost_more() {
    let filtered = |filter: &str| {
        cost(&format!(
            "{{ syncRuns(filter: {filter}) {{ totalCount }} }}"
        ))
    };
    let plain = filtered("{}");
    assert!(filtered("{errorContains: \"x\"}") >= plain + 1000);
    let details = "{details: [{path: [\"a\"], equals: {errorContains: \"x\"}}, {path: [\"b\"], exists: true}]}";
    assert!((plain + 2000..plain + 2010).contains(&filtered(details)));
    assert!(filtered("{not: {details: {path: [\"a\"], exists: true}}}") >= plain + 1000);
    let both = "{anyOf: [{errorContains: \"x\"}, {not: {errorContains: \"y\"}}]}";
    assert!(filtered(both) >= plain + 2000);
    let add = "mutation($e: [SyncEventInput!]!) {
        addSyncEvents(input: {runId: \"0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f\", events: $e}) {
            events { id eventType message timestamp details } } }";
    let event = json!({"eventType": "x", "message": "y", "details": {"not": {"a": [1, 2, 3]}}});
    let one = validate(add, json!({"e": [event]})).unwrap();
    let thousand = validate(add, json!({"e": vec![event; 1000]})).unwrap();
    assert!((100..150).contains(&one), "{one}");
    assert!((5000..20_000).contains(&thousand), "{thousand}");
}

/// Each run takes a statement of its own.
#[test]
fn writing_several_runs_costs_as_much_as_writing_each() {
    let cancel = "mutation($ids: [ID!]!) {
        cancelSyncRuns(input: {runIds: $ids}) { results { errorCode run { id status } } } }";
    let delete =
        "mutation($ids: [ID!]!) { deleteSyncRuns(input: {runIds: $ids}) { deletedRunIds } }";
    for mutation in [cancel, delete] {
        let cost = |ids: usize| validate(mutation, json!({"ids": vec!["x"; ids]})).unwrap();
        assert!((100..120).contains(&cost(1)), "{}", cost(1));
        assert!((10_000..12_000).contains(&cost(100)), "{}", cost(100));
        // More are rejected.
        assert!(cost(1000) < 12_000, "{}", cost(1000));
    }
}

#[test]
fn texts_to_search_for_are_priced_and_bounded() {
    let watch = "subscription($f: SyncRunFilter) { syncRunChanged(filter: $f) { kind } }";
    let texts = |count: usize, chars: usize| {
        let text = json!({"errorContains": "é".repeat(chars)});
        json!({"f": {"not": {"anyOf": vec![text; count]}}})
    };
    let few = validate(watch, texts(4, 10)).unwrap();
    let many = validate(watch, texts(4, 500)).unwrap();
    assert!(many >= few + 4 * 490 * 6, "{few} {many}");
    for error in [
        validate(watch, texts(45, 490)).unwrap_err(),
        rejection(&format!(
            "{{ a: syncEvents(filter: {{messageContains: \"{0}\"}}) {{ totalCount }} \
               b: syncEvents(filter: {{messageContains: \"{0}\"}}) {{ totalCount }} }}",
            "x".repeat(1001)
        )),
    ] {
        assert!(
            error.contains("characters to search for; at most 2000"),
            "{error}"
        );
    }
}

#[test]
fn pages_within_pages_are_accepted_and_deeper_nesting_is_rejected() {
    let run = "id entityType source status startedAt completedAt updatedAt durationSeconds
        recordsProcessed recordsCreated recordsUpdated recordsFailed recordsExpected progress
        errorMessage details version triggeredById triggeredBy { fullName email }";
    let events =
        "events(first: 10) { nodes { id eventType timestamp message details __typename } }";
    let listed = cost(&format!(
        "{{ syncRuns(first: 100) {{ nodes {{ {run} {events} }} }} }}"
    ));
    assert!((8000..20_000).contains(&listed), "{listed}");
    cost("{ syncRuns(first: 100) { nodes { id events(first: 1) { totalCount } } } }");
    for query in [
        "{ syncRuns(first: 100) { nodes { events(first: 100) { nodes { run { events(first: 100) { nodes { id } } } } } } } }",
        &introspection(4),
    ] {
        let message = rejection(query);
        assert!(message.contains("fields to resolve"), "{message}");
        assert!(message.contains("at most 50000"), "{message}");
    }
}

#[test]
fn documented_operations_and_the_introspection_query_are_cheap() {
    let introspection = include_str!("introspection.graphql");
    assert!(cost(introspection) < 10_000);
    let readme = include_str!("../../../../README.md").split("```graphql\n");
    let tutorial = include_str!("../../../../docs/tutorial.md").split("```graphql\n");
    let examples = include_str!("../../../../web/src/graphiql/examples.ts").split("query: `");
    // No operation contains a backtick.
    for operation in readme
        .skip(1)
        .chain(tutorial.skip(1))
        .chain(examples.skip(1))
    {
        let query = operation.split('`').next().unwrap();
        let variables = json!({"runId": "x", "since": "2026-11-01T00:00:00Z"});
        let cost = validate(query, variables).unwrap();
        print_timing(Duration::ZERO, &format!("costs {cost}: {query}"));
        // The freshness of all pairs is the only complex query: it reads the history of each.
        let max = if query.contains("syncFreshness") {
            10_000
        } else {
            2000
        };
        assert!(cost < max, "{cost}: {query}");
    }
}

#[test]
fn lists_at_the_root_cost_their_statements_and_rows() {
    for (query, expected) in [
        ("{ syncRunStats { runs failed } }", 2 * 50 + 1000 + 100 * 2),
        ("{ syncFreshness { state } }", 2 * 50 + 5000 + 40),
        (
            "subscription { syncFreshnessChanged { state } }",
            2 * 50 + 5000 + 40,
        ),
    ] {
        assert_eq!(cost(query), expected, "{query}");
    }
}

#[test]
fn a_cached_document_is_validated_with_the_variables_of_each_request() {
    let validator = validator();
    let query =
        "query($f: SyncRunFilter, $n: Int) { syncRuns(filter: $f, first: $n) { nodes { id } } }";
    let check = |variables| {
        let request = Request::new(query).variables(Variables::from_json(variables));
        validate_with(&validator, request)
            .map(|validated| (validated.cost, Arc::as_ptr(&validated.document)))
    };
    let (one, document) = check(json!({"n": 1})).unwrap();
    let (hundred, same) = check(json!({"n": 100})).unwrap();
    assert_eq!(document, same);
    assert!(hundred > 50 + one);
    let wrong = check(json!({"n": "1"})).unwrap_err();
    assert!(wrong.starts_with("expected Int"), "{wrong}");
    let many = check(json!({"f": {"errorContains": "x".repeat(10_000_000)}})).unwrap_err();
    assert!(many.contains("values in arguments"), "{many}");
}

#[test]
fn the_operation_name_selects_the_operation_of_a_cached_document() {
    let validator = validator();
    let operation = |name: Option<&str>| {
        let mut request = Request::new("mutation a { startSyncRun(runId: 1) { replayed } }");
        request.operation_name = name.map(str::to_owned);
        validate_with(&validator, request).is_ok()
    };
    assert!(operation(Some("a")));
    assert!(operation(None));
    assert!(!operation(Some("b")));
    assert!(operation(Some("a")));
}
