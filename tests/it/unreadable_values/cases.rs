//! Values that a database accepts and the API cannot represent.

use std::fmt;

use super::BAD;
use crate::support::{DatabaseKind, Postgres, Sqlite, Value};

/// Returns the values that a database accepts in the columns of a run.
pub(super) fn of(database: DatabaseKind) -> impl Iterator<Item = Case> {
    let cases = match database {
        Postgres => postgres(),
        Sqlite => sqlite(),
    };
    cases.into_iter()
}

/// A value that another writer stores in a column of a run.
pub(super) struct Case {
    pub(super) column: &'static str,
    pub(super) literal: &'static str,
    /// The field of the API and its value.
    pub(super) field: &'static str,
    pub(super) expected: Value,
    /// The value as `errorMessage` quotes it.
    pub(super) quoted: &'static str,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.column, self.literal)
    }
}

fn case(
    column: &'static str,
    literal: &'static str,
    field: &'static str,
    expected: impl Into<Value>,
    quoted: &'static str,
) -> Case {
    Case {
        column,
        literal,
        field,
        expected: expected.into(),
        quoted,
    }
}

pub(super) const FIRST: &str = "0000-01-01T00:00:00.000000Z";
pub(super) const LAST: &str = "9999-12-31T23:59:59.999999Z";

fn postgres() -> Vec<Case> {
    let instants = [
        ("'infinity'", LAST, "infinity"),
        ("'-infinity'", FIRST, "-infinity"),
        ("'12026-01-01 00:00:00Z'", LAST, "12026-01-01 00:00:00+00"),
        ("'294276-12-31 23:59:59Z'", LAST, "294276-12-31 23:59:59+00"),
        (
            "'4713-01-01 00:00:00Z BC'",
            FIRST,
            "4713-01-01 00:00:00+00 BC",
        ),
    ];
    let cases = instants.map(|(literal, nearest, quoted)| {
        [
            case("started_at", literal, "startedAt", nearest, quoted),
            case("updated_at", literal, "updatedAt", nearest, quoted),
            case("completed_at", literal, "completedAt", Value::Null, quoted),
        ]
    });
    cases.into_iter().flatten().collect()
}

fn sqlite() -> Vec<Case> {
    let mut cases = Vec::new();
    for (literal, nearest, quoted) in [
        ("'yesterday'", LAST, "yesterday"),
        ("'!'", FIRST, "!"),
        ("x'00'", LAST, "x'00'"),
        (
            "'-001-01-01T00:00:00+00:00'",
            FIRST,
            "-001-01-01T00:00:00+00:00",
        ),
    ] {
        cases.extend([
            case("started_at", literal, "startedAt", nearest, quoted),
            case("updated_at", literal, "updatedAt", nearest, quoted),
            case("completed_at", literal, "completedAt", Value::Null, quoted),
        ]);
    }
    for (literal, nearest, quoted) in [
        ("3000000000", i32::MAX, "3000000000"),
        ("-3000000000", i32::MIN, "-3000000000"),
        ("3.5", 3, "3.5"),
        ("9e999", i32::MAX, "inf"),
        ("'many'", 0, "many"),
        ("x'ff'", 0, "x'ff'"),
    ] {
        for (column, field) in [
            ("records_processed", "recordsProcessed"),
            ("records_created", "recordsCreated"),
            ("records_updated", "recordsUpdated"),
            ("records_failed", "recordsFailed"),
            ("version", "version"),
        ] {
            cases.push(case(column, literal, field, nearest, quoted));
        }
        cases.push(case(
            "records_expected",
            literal,
            "recordsExpected",
            Value::Null,
            quoted,
        ));
    }
    for (literal, nearest, quoted) in [
        ("CAST(x'61ff' AS text)", "a\u{fffd}", "a\u{fffd}"),
        ("x'61ff'", "a\u{fffd}", "x'61ff'"),
    ] {
        for (column, field) in [
            ("entity_type", "entityType"),
            ("source", "source"),
            ("status", "status"),
        ] {
            cases.push(case(column, literal, field, "UNKNOWN", quoted));
        }
        let message = format!(
            "The stored error_message is `{quoted}`, which cannot be represented. {nearest}"
        );
        cases.push(case(
            "error_message",
            literal,
            "errorMessage",
            message,
            quoted,
        ));
    }
    for (literal, quoted) in [("'someone'", "someone"), ("x'00'", "x'00'"), ("7", "7")] {
        cases.push(case(
            "triggered_by_id",
            literal,
            "triggeredById",
            Value::Null,
            quoted,
        ));
        cases.push(case("creation_digest", literal, "id", BAD, quoted));
    }
    cases
}
