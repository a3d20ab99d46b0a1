//! Requests that are to be refused before they cost anything, and those that are to pass. `cargo test
//! attack -- --nocapture` says how long each takes.

use std::time::{Duration, Instant};

use async_graphql::{Request, Variables};
use serde_json::{Value, json};

use crate::graphql::{GraphqlLimits, schema::builder, validation::Validator};

pub(super) fn checked(query: &str, variables: Value) -> Result<u32, String> {
    let validator = Validator::new(GraphqlLimits::default());
    let variables = Variables::from_json(variables);
    let began = Instant::now();
    let result = validator.validate(&mut Request::new(query), &variables);
    let took = began.elapsed();
    told(took, query);
    // Ten times what the slowest takes unoptimised; what multiplies takes minutes.
    assert!(took < Duration::from_secs(2), "{took:?}: {query:.100}");
    result
        .map(|checked| checked.cost)
        .map_err(|error| error.message)
}

#[expect(clippy::print_stdout, reason = "shown by --nocapture")]
pub(super) fn told(took: Duration, what: &str) {
    let what: String = what.chars().take(70).collect();
    println!("{took:>12.1?}  {}", what.replace('\n', " "));
}

pub(super) fn cost(query: &str) -> u32 {
    checked(query, json!({})).unwrap()
}

pub(super) fn refused(query: &str) -> String {
    checked(query, json!({})).unwrap_err()
}

fn several(count: usize, what: fn(usize) -> String) -> String {
    (0..count).map(what).collect()
}

pub(super) fn nested(open: &str, inner: &str, close: &str, levels: usize) -> String {
    format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
}

/// Fragments each of which spreads the next one twice, and the last of which is `last`.
fn bomb(levels: usize, last: &str) -> String {
    let fragment = |n| format!("fragment f{n} on Query {{ ...f{0} ...f{0} }} ", n + 1);
    let fragments: String = (0..levels).map(fragment).collect();
    format!("{{ ...f0 }} {fragments} fragment f{levels} on Query {{ {last} }}")
}

#[test]
fn attack_by_size_of_the_text_is_refused() {
    let mebibyte = 1024 * 1024;
    for text in [
        format!("{{ a(b: \"{}\") }}", "x".repeat(mebibyte)),
        format!("{{ a }} #{}", "x".repeat(mebibyte)),
        format!("{{ a {} }}", " ".repeat(mebibyte)),
    ] {
        assert!(refused(&text).contains("bytes of query"));
    }
    // As large as may be, and nothing to be found in it.
    let most = 128 * 1024 - 100;
    let number = "1".repeat(most);
    for text in [
        format!("{{ __typename @skip(if: {number}) }}"),
        format!("{{ __typename @skip(if: {number}.0e1) }}"),
        format!("{{ __typename {} __typename }}", " ".repeat(most)),
        format!("{{ __typename {}\n__typename }}", "#\n".repeat(most / 2)),
        format!("{{ __typename {}\n__typename }}", "#\n".repeat(9000)),
        format!("{{ __typename @skip(if: \"{}\") }}", "é".repeat(most / 2)),
        format!(
            "{{ __typename @skip(if: \"\"\"{}\"\"\") }}",
            "\n  x".repeat(most / 4)
        ),
        format!(
            "{{ __typename @skip(if: \"\"\"{}\"\"\") }}",
            r#"\""""#.repeat(most / 4)
        ),
        format!(
            "{{ __typename @skip(if: \"{}\") }}",
            r"\u00e9".repeat(most / 6)
        ),
    ] {
        let _ = checked(&text, json!({}));
    }
}

#[test]
fn attack_by_depth_is_refused() {
    for (text, says) in [
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
        let message = refused(&text);
        assert!(message.contains(says), "{says}: {message}");
    }
    // Fragments reach deeper than any bracket.
    let fragment = |n| format!("fragment f{n} on Query {{ a {{ ...f{} }} }} ", n + 1);
    let fragments: String = (0..90).map(fragment).collect();
    let chain = format!("{{ ...f0 }} {fragments} fragment f90 on Query {{ a }}");
    assert!(refused(&chain).contains("levels of"));
}

#[test]
fn attack_by_fragments_is_refused() {
    for text in [
        bomb(30, "__typename"),
        // Nobody has counted a field then.
        bomb(30, "...nothing"),
        bomb(29, "... { ...nothing }"),
    ] {
        let message = refused(&text);
        assert!(message.starts_with("over a billion fields"), "{message}");
    }
    // Also where no operation reaches it.
    let unused = format!("{} {{ __typename }}", bomb(30, "__typename").split_off(10));
    assert!(refused(&unused).contains("fields in the document"));
    assert!(refused(&bomb(90, "a")).contains("levels of"));
    let fragment = |n| format!("fragment f{n} on Query {{ __typename }} ");
    let many: String = (0..101).map(fragment).collect();
    assert!(refused(&format!("{{ a }} {many}")).contains("101 fragments"));
    for cycle in [
        "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
        "{ ...a } fragment a on Query { ...a }",
        "{ __typename } fragment a on Query { ...b } fragment b on Query { ...a }",
    ] {
        assert!(refused(cycle).contains("spreads itself"));
    }
}

#[test]
fn attack_by_numbers_is_refused() {
    let aliases = several(101, |n| format!("a{n}: __typename "));
    let declared = several(101, |n| format!("$v{n}: Int "));
    let operations = several(21, |n| format!("query q{n} {{ a }} "));
    for (text, says) in [
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
            "query($a: Int $a: Int) { a(b: $a) }".into(),
            "declared twice",
        ),
        (operations, "21 operations"),
        (
            format!("{{ a(b: [{}]) }}", "$a ".repeat(1001)),
            "1001 uses of variables",
        ),
        (
            format!("{{ a({}) }}", several(21, |n| format!("b{n}: 1 "))),
            "21 arguments",
        ),
        (
            format!("{{ a @b({}) }}", several(21, |n| format!("b{n}: 1 "))),
            "21 arguments",
        ),
        (
            format!("{{ syncRuns {{ {} }} }}", several(21, |n| format!("x{n} "))),
            "21 fields that the schema",
        ),
        (
            format!("{{ __schema {{ {} }} }}", several(21, |n| format!("x{n} "))),
            "21 fields that the schema",
        ),
        (
            format!("{{ syncRuns {{ {} }} }}", "totalCount ".repeat(2000)),
            "2001 fields",
        ),
    ] {
        let message = refused(&text);
        assert!(message.contains(says), "{says}: {message}");
    }
    // Which fields are unknown below an unknown one is not said.
    let below = format!("{{ sincRuns {{ {} }} }}", several(30, |n| format!("x{n} ")));
    assert!(checked(&below, json!({})).is_ok());
}

#[test]
fn attack_by_fields_that_cannot_be_merged_is_refused() {
    let arguments = several(20, |n| format!("b{n}: 1 "));
    for text in [
        format!(
            "{{ syncRuns {{ totalCount({arguments}) {} }} }}",
            "totalCount ".repeat(1900)
        ),
        "{ syncRuns { a: totalCount } syncRuns { a: pageInfo } ... { syncRuns(first: 1) { a } } }"
            .into(),
        "{ ...a } fragment a on Query { b: syncRuns { a } b: syncEvents { a } }".into(),
        "query($a: Int) { syncRuns(first: $a) { a } syncRuns(first: 1) { a } }".into(),
    ] {
        assert!(refused(&text).contains("not as the same"));
    }
    let inline = nested("... { ", &"totalCount ".repeat(1900), "}", 29);
    assert!(refused(&format!("{{ syncRuns {{ {inline} }} }}")).contains("fields to merge"));
    assert!(checked("{ ... on A { a: b } ... on B { a: c } }", json!({})).is_ok());
}

#[test]
fn attack_by_variables_is_refused() {
    let ids: Vec<_> = (0..25_000)
        .map(|_| "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f")
        .collect();
    let list = "query($f: SyncRunFilter) { a: syncRuns(filter: $f) { totalCount } }";
    // Each use is a copy of it.
    let uses = several(5, |n| {
        format!("a{n}: syncRuns(filter: $f) {{ totalCount }} ")
    });
    let uses = format!("query($f: SyncRunFilter) {{ {uses} }}");
    let variables = json!({"f": {"id": ids}});
    assert!(checked(list, variables.clone()).is_ok());
    assert!(
        checked(&uses, variables)
            .unwrap_err()
            .contains("values in arguments")
    );
    let text = json!({"f": {"errorContains": "x".repeat(1_500_000)}});
    assert!(
        checked(&uses, text)
            .unwrap_err()
            .contains("values in arguments")
    );
    // A row of a page is another one.
    let each = "query($f: SyncEventFilter) { syncRuns(first: 100) { nodes { events(filter: $f) { nodes { id } } } } }";
    let types = json!({"f": {"eventType": vec!["x"; 10_000]}});
    assert!(
        checked(each, types)
            .unwrap_err()
            .contains("fields to resolve")
    );
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    let deep = (0..60).fold(json!([]), |inner, _| json!([inner]));
    let many: serde_json::Map<_, _> = (0..100_000).map(|n| (n.to_string(), json!(n))).collect();
    for ids in [deep, json!(many), json!(vec![json!([]); 300_000])] {
        assert!(checked(nodes, json!({"ids": ids})).is_err());
    }
    assert!(checked("{ __typename }", Value::Object(many)).is_ok());
}

/// What passes the checks, the library can check without taking long.
#[tokio::test]
async fn attack_by_what_is_just_allowed_takes_the_library_no_time() {
    let uses = "$a ".repeat(990);
    let operations = several(19, |n| format!("query q{n}($a: Int) {{ ...F }} "));
    let chain = several(27, |n| {
        let next = n + 1;
        format!("fragment f{n} on SyncRunConnection {{ totalCount ...f{next} }} ")
    });
    let fields = "totalCount ".repeat(1500);
    for text in [
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
        let passes = checked(&text, json!({}));
        let began = Instant::now();
        let response = builder().finish().execute(text.as_str()).await;
        let took = began.elapsed();
        told(took, &format!("by the library, {passes:?}"));
        assert!(took < Duration::from_secs(2), "{took:?}: {text:.100}");
        assert!(!response.errors.is_empty());
    }
}
