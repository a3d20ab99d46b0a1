//! Messages of rejected documents.

use serde_json::{Value, json};

use super::attacks::{rejection, validate};

#[test]
fn a_syntax_error_is_one_line_that_names_what_is_unexpected_and_where() {
    for (text, expected) in [
        (
            "{ viewer { name",
            "syntax error: unexpected end of the document at line 1, column 16; expected `}`",
        ),
        (
            "{\n  viewer { name: } }",
            "syntax error: unexpected `}` at line 2, column 18; expected a Name",
        ),
        (
            "{ viewer { name } } garbage",
            "syntax error: unexpected `garbage` at line 1, column 21; expected definition",
        ),
        (
            "{ syncRuns(first: 1 last) { totalCount } }",
            "syntax error: unexpected `last` at line 1, column 21",
        ),
        (
            "",
            "syntax error: unexpected end of the document at line 1, column 1",
        ),
    ] {
        assert_eq!(rejection(text), expected);
    }
}

#[test]
fn the_same_mistake_has_the_same_message_as_literal_and_as_variable() {
    let cases: [(&str, &str, &str, Value); 6] = [
        ("Int", "first", "\"x\"", json!("x")),
        ("Int", "first", "3000000000", json!(3_000_000_000_u32)),
        (
            "SyncRunFilter",
            "filter",
            "{status: FALED}",
            json!({"status": "FALED"}),
        ),
        (
            "SyncRunFilter",
            "filter",
            "{startedAt: {gte: \"2026-11-23\"}}",
            json!({"startedAt": {"gte": "2026-11-23"}}),
        ),
        (
            "SyncRunFilter",
            "filter",
            "{anyOf: [{sauce: API}]}",
            json!({"anyOf": [{"sauce": "API"}]}),
        ),
        ("SyncRunFilter", "filter", "1", json!(1)),
    ];
    for (ty, argument, literal, variable) in cases {
        let text = format!("{{ syncRuns({argument}: {literal}) {{ totalCount }} }}");
        let with_variable =
            format!("query($v: {ty}) {{ syncRuns({argument}: $v) {{ totalCount }} }}");
        let message = validate(&with_variable, json!({"v": variable})).unwrap_err();
        assert_eq!(rejection(&text), message);
    }
}

#[test]
fn a_message_suggests_a_similar_name() {
    for (text, expected) in [
        ("{ viewer { nam } }", "Did you mean `name`?"),
        (
            "{ syncRuns(frist: 1) { totalCount } }",
            "Did you mean `first`?",
        ),
    ] {
        let message = rejection(text);
        assert!(message.contains(expected), "{message}");
    }
    assert!(!rejection("{ viewer { zzz } }").contains("Did you mean"));
}
