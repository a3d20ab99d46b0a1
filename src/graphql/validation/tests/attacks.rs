//! Malicious documents are rejected before they take time. `cargo test attack -- --nocapture` prints how long
//! each takes.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use async_graphql::{Request, Variables};
use serde_json::{Value, json};

use crate::graphql::{
    GraphqlLimits,
    validation::{Validated, ValidationError, Validator},
};

/// Returns a validator with the default limits.
pub(super) fn validator() -> Validator {
    Validator::new(&GraphqlLimits::default())
}

/// Returns the cost of a request, or the message with which it is rejected.
pub(super) fn validate(query: &str, variables: Value) -> Result<u32, String> {
    let validator = validator();
    let request = Request::new(query).variables(Variables::from_json(variables));
    let start = Instant::now();
    let result = validate_with(&validator, request);
    let elapsed = start.elapsed();
    print_timing(elapsed, query);
    // Ten times the slowest in a debug build; a document that is not rejected early takes minutes.
    assert!(
        elapsed < Duration::from_secs(2),
        "{elapsed:?}: {query:.100}"
    );
    result.map(|validated| validated.cost)
}

/// Validates a request, and returns the message with which it is rejected.
pub(super) fn validate_with(validator: &Validator, request: Request) -> Result<Validated, String> {
    let validated = validator.validate(request, true, |_| Ok::<_, Infallible>(()));
    validated.map_err(|error| {
        let ValidationError::Invalid(errors) = error;
        errors[0].message.clone()
    })
}

#[expect(clippy::print_stdout, reason = "visible with --nocapture")]
pub(super) fn print_timing(elapsed: Duration, label: &str) {
    let label: String = label.chars().take(70).collect();
    println!("{elapsed:>12.1?}  {}", label.replace('\n', " "));
}

pub(super) fn cost(query: &str) -> u32 {
    validate(query, json!({})).unwrap()
}

pub(super) fn rejection(query: &str) -> String {
    validate(query, json!({})).unwrap_err()
}

fn repeated(count: usize, part: fn(usize) -> String) -> String {
    (0..count).map(part).collect()
}

pub(super) fn nested(open: &str, inner: &str, close: &str, levels: usize) -> String {
    format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
}

/// A chain of fragments, each of which spreads the next one twice; the last one selects `last`.
fn bomb(levels: usize, last: &str) -> String {
    let fragment = |n| format!("fragment f{n} on Query {{ ...f{0} ...f{0} }} ", n + 1);
    let fragments: String = (0..levels).map(fragment).collect();
    format!("{{ ...f0 }} {fragments} fragment f{levels} on Query {{ {last} }}")
}

#[test]
fn attack_by_text_size_is_rejected() {
    let mebibyte = 1024 * 1024;
    for text in [
        format!("{{ a(b: \"{}\") }}", "x".repeat(mebibyte)),
        format!("{{ a }} #{}", "x".repeat(mebibyte)),
        format!("{{ a {} }}", " ".repeat(mebibyte)),
    ] {
        assert!(rejection(&text).contains("bytes of query text"));
    }
    // The largest texts, valid or not, are parsed quickly.
    let max = 128 * 1024 - 100;
    let number = "1".repeat(max);
    for text in [
        format!("{{ __typename @skip(if: {number}) }}"),
        format!("{{ __typename @skip(if: {number}.0e1) }}"),
        format!("{{ __typename {} __typename }}", " ".repeat(max)),
        format!("{{ __typename {}\n__typename }}", "#\n".repeat(max / 2)),
        format!("{{ __typename {}\n__typename }}", "#\n".repeat(9000)),
        format!("{{ __typename @skip(if: \"{}\") }}", "é".repeat(max / 2)),
        format!(
            "{{ __typename @skip(if: \"\"\"{}\"\"\") }}",
            "\n  x".repeat(max / 4)
        ),
        format!(
            "{{ __typename @skip(if: \"\"\"{}\"\"\") }}",
            r#"\""""#.repeat(max / 4)
        ),
        format!(
            "{{ __typename @skip(if: \"{}\") }}",
            r"\u00e9".repeat(max / 6)
        ),
    ] {
        let _ = validate(&text, json!({}));
    }
}

#[test]
fn attack_by_depth_is_rejected() {
    for (text, expected) in [
        (nested("{ syncRuns ", "", "}", 200), "levels of brackets"),
        (nested("{ a ", "", "}", 3000), "levels of brackets"),
        (nested("{ a ", "{ a }", "}", 20), "levels of fields"),
        (nested("{ ... ", "{ a }", "}", 40), "levels of selections"),
        (
            format!(
                "{{ syncRuns(filter: {}) {{ totalCount }} }}",
                nested("{not: ", "{}", "}", 200)
            ),
            "levels of brackets",
        ),
        (
            format!("query($a: {}) {{ a }}", nested("[", "Int", "]", 200)),
            "levels of brackets",
        ),
    ] {
        let message = rejection(&text);
        assert!(message.contains(expected), "{expected}: {message}");
    }
    // What follows is not parsed.
    for open in ["{ a ", "{ a(b: [", "{ a(b: {c: ", "query($a: [[[[[[["] {
        let text = format!(
            "{} }} query b {{ a }} fragment c on D {{ e }}",
            open.repeat(70)
        );
        assert!(validate(&text, json!({})).is_err());
    }
    // Fragments nest deeper than brackets.
    let fragment = |n| format!("fragment f{n} on Query {{ a {{ ...f{} }} }} ", n + 1);
    let fragments: String = (0..90).map(fragment).collect();
    let chain = format!("{{ ...f0 }} {fragments} fragment f90 on Query {{ a }}");
    assert!(rejection(&chain).contains("levels of"));
}

#[test]
fn attack_by_fragments_is_rejected() {
    for text in [
        bomb(30, "__typename"),
        // These contain no fields.
        bomb(30, "...nothing"),
        bomb(29, "... { ...nothing }"),
    ] {
        let message = rejection(&text);
        assert!(message.starts_with("over a billion fields"), "{message}");
    }
    // The same without an operation that spreads it.
    let unused = format!("{} {{ __typename }}", bomb(30, "__typename").split_off(10));
    assert!(rejection(&unused).contains("fields in the document"));
    assert!(rejection(&bomb(90, "a")).contains("levels of"));
    let fragment = |n| format!("fragment f{n} on Query {{ __typename }} ");
    let many: String = (0..101).map(fragment).collect();
    assert!(rejection(&format!("{{ a }} {many}")).contains("101 fragments"));
    for cycle in [
        "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
        "{ ...a } fragment a on Query { ...a }",
        "{ __typename } fragment a on Query { ...b } fragment b on Query { ...a }",
    ] {
        assert!(rejection(cycle).contains("spreads itself"));
    }
}

#[test]
fn attack_by_repetition_is_rejected() {
    let aliases = repeated(101, |n| format!("a{n}: __typename "));
    let declared = repeated(101, |n| format!("$v{n}: Int "));
    let operations = repeated(21, |n| format!("query q{n} {{ a }} "));
    for (text, expected) in [
        (format!("{{ {} }}", "a:b ".repeat(10_000)), "30002 tokens"),
        (format!("{{ syncRuns {{ {aliases} }} }}"), "101 aliases"),
        (
            format!("{{ {} }}", "__typename ".repeat(21)),
            "21 fields at the root",
        ),
        (
            "{ ...f ...f ...f } fragment f on Query { a a a a a a a }".into(),
            "21 fields at the root",
        ),
        (
            format!("{{ a {} }}", "@include(if: true) ".repeat(1400)),
            "1400 directives",
        ),
        (
            format!("query {} {{ a }}", "@a ".repeat(51)),
            "51 directives",
        ),
        (format!("query({declared}) {{ a }}"), "101 variables"),
        (
            "query($a: Int $a: Int) { syncRuns(first: $a) { totalCount } }".into(),
            "declared multiple times",
        ),
        (operations, "21 operations"),
        (
            format!("{{ a(b: [{}]) }}", "$a ".repeat(1001)),
            "1001 uses of variables",
        ),
        (
            format!("{{ a({}) }}", repeated(21, |n| format!("b{n}: 1 "))),
            "21 arguments",
        ),
        (
            format!("{{ a @b({}) }}", repeated(21, |n| format!("b{n}: 1 "))),
            "21 arguments",
        ),
        (
            format!(
                "{{ a(b: {{c: [{{{}}}]}}) }}",
                repeated(201, |n| format!("d{n}: 1 "))
            ),
            "201 fields in one object literal",
        ),
        (
            format!("{{ syncRuns {{ {} }} }}", "totalCount ".repeat(2000)),
            "2001 fields",
        ),
    ] {
        let message = rejection(&text);
        assert!(message.contains(expected), "{expected}: {message}");
    }
    // A document with many errors is rejected with the first ones.
    let unknown = repeated(1900, |n| format!("x{n} "));
    assert!(rejection(&format!("{{ syncRuns {{ {unknown} }} }}")).contains("x0"));
}

#[test]
fn attack_by_conflicting_fields_is_rejected() {
    let fields = "totalCount ".repeat(1900);
    for text in [
        format!("{{ syncRuns {{ totalCount(upTo: 1) {fields} }} }}"),
        "{ syncRuns { a: totalCount } syncRuns { a: feedCursor } ... { syncRuns { a: __typename } } }"
            .into(),
        "{ ...a } fragment a on Query { b: syncRuns { feedCursor } b: syncEvents { totalCount } }"
            .into(),
        "query($a: Int) { syncRuns(first: $a) { feedCursor } syncRuns(first: 1) { feedCursor } }"
            .into(),
    ] {
        let message = rejection(&text);
        assert!(message.contains("same alias") || message.contains("same name"), "{message}");
    }
    let inline = nested("... { ", &fields, "}", 29);
    assert!(validate(&format!("{{ syncRuns {{ {inline} }} }}"), json!({})).is_ok());
}

#[test]
fn attack_by_variables_is_rejected() {
    let ids: Vec<_> = (0..25_000)
        .map(|_| "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f")
        .collect();
    let list = "query($f: SyncRunFilter) { a: syncRuns(filter: $f) { totalCount } }";
    // Each use copies the value.
    let uses = repeated(5, |n| {
        format!("a{n}: syncRuns(filter: $f) {{ totalCount }} ")
    });
    let uses = format!("query($f: SyncRunFilter) {{ {uses} }}");
    let variables = json!({"f": {"id": ids}});
    assert!(validate(list, variables.clone()).is_ok());
    assert!(
        validate(&uses, variables.clone())
            .unwrap_err()
            .contains("values in arguments")
    );
    // Filters of filters.
    let nested = format!(
        "query($f: SyncRunFilter!) {{ syncRuns(filter: {{anyOf: [{}]}}) {{ totalCount }} }}",
        "$f ".repeat(990)
    );
    assert!(
        validate(&nested, variables.clone())
            .unwrap_err()
            .contains("24751982 values in arguments")
    );
    let text = json!({"f": {"errorContains": "x".repeat(1_500_000)}});
    assert!(
        validate(&uses, text)
            .unwrap_err()
            .contains("values in arguments")
    );
    // Each row of a page uses the filter.
    let each = "query($f: SyncEventFilter) { syncRuns(first: 100) { nodes { events(filter: $f) { nodes { id } } } } }";
    let types = json!({"f": {"eventType": vec!["x"; 10_000]}});
    assert!(
        validate(each, types)
            .unwrap_err()
            .contains("fields to resolve")
    );
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    let deep = (0..60).fold(json!([]), |inner, _| json!([inner]));
    let many: serde_json::Map<_, _> = (0..100_000).map(|n| (n.to_string(), json!(n))).collect();
    for ids in [deep, json!(many), json!(vec![json!([]); 300_000])] {
        assert!(validate(nodes, json!({"ids": ids})).is_err());
    }
    assert!(validate("{ __typename }", Value::Object(many)).is_ok());
}

/// Documents at the limits are validated in a short time.
#[test]
fn attack_at_the_limits_takes_little_time() {
    let uses = "$a ".repeat(990);
    let operations = repeated(19, |n| format!("query q{n}($a: Int) {{ ...F }} "));
    let chain = repeated(27, |n| {
        let next = n + 1;
        format!("fragment f{n} on SyncRunConnection {{ totalCount ...f{next} }} ")
    });
    let fields = "totalCount ".repeat(1500);
    let object = repeated(200, |n| format!("a{n}: 1 "));
    let create = format!(
        "createSyncRun(input: {{entityType: STOCK source: API details: {{{object}}}}}) {{ replayed }} "
    );
    let mutations = repeated(20, |n| format!("mutation m{n} {{ ...F }} "));
    let wrong = format!("events({}) {{ totalCount }} ", "first: \"\" ".repeat(20));
    for text in [
        format!(
            "{mutations} fragment F on Mutation {{ {} }}",
            create.repeat(15)
        ),
        // Each conflict reports the first value.
        format!(
            "{{ syncRuns {{ nodes {{ events(after: \"{}\") {{ totalCount }} {} }} }} }}",
            "x".repeat(95_000),
            "events(after: \"\") { totalCount }".repeat(960)
        ),
        format!("{{ syncRuns {{ nodes {{ {} }} }} }}", wrong.repeat(150)),
        format!(
            "{{ syncRuns {{ {} }} }}",
            repeated(1900, |n| format!("{n:x>59} "))
        ),
        format!(
            "{operations} fragment F on Query {{ nodes(ids: [{}]) {{ id }} }}",
            "$a ".repeat(50)
        ),
        format!("query($b: Int) {{ nodes(ids: [{uses}]) {{ id }} }}"),
        format!(
            "{{ syncRuns {{ ...f0 }} }} {chain} fragment f27 on SyncRunConnection {{ {fields} x }}"
        ),
        format!(
            "{{ syncRuns {{ {} x }} }}",
            nested("... { ", &fields, "}", 28)
        ),
        format!(
            "{{ syncRuns {{ {} }} }}",
            format!("{} ", "x".repeat(100)).repeat(20)
        ),
    ] {
        assert!(validate(&text, json!({})).is_err());
    }
}
