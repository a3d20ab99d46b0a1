//! The call that created a run: how a repeated call is distinguished from another one with the same ID.
//!
//! A run stores a digest of the call, and not its content, some of which reports change. Which fields of another call
//! differ is found by trying the values that the first one may have had.

use entity::DetailsNotLoaded;
use serde_json::Value as Json;
use uuid::Uuid;

use super::{Run, commands::NewRun};

/// The fields of a call that are part of its digest.
const FIELDS: [&str; 8] = [
    "entityType",
    "source",
    "status",
    "startedAt",
    "recordsExpected",
    "triggeredById",
    "details",
    "heartbeatTimeoutSeconds",
];

/// Values of these fields, in JSON.
type Values = [String; FIELDS.len()];

const NULL: &str = "null";
/// The statuses that a run is created with.
const PENDING: &str = "\"pending\"";
const RUNNING: &str = "\"running\"";

/// Returns a digest of a call, which a repeated call shares and any other call does not.
pub(super) fn digest(new: &NewRun) -> Uuid {
    digest_of(&values(new).each_ref().map(String::as_str))
}

/// Returns the fields of `new` that differ from those of the call that created `run`. If that call is not found, since
/// reports have changed what it gave, returns the fields that differ from what the run holds now.
///
/// # Errors
/// Returns [`DetailsNotLoaded`] if the run was read without its details.
pub(super) fn differing_fields(
    new: &NewRun,
    run: &Run,
) -> Result<Vec<&'static str>, DetailsNotLoaded> {
    let (given, stored) = (values(new), stored_values(run)?);
    let first = find_first_call(run.creation_digest, &given, &stored);
    let first = first.unwrap_or_else(|| present_values(&given, &stored));
    let fields = FIELDS.into_iter().zip(given.iter().zip(first));
    let differing = fields.filter(|(_, (given, first))| *given != first);
    Ok(differing.map(|(name, _)| name).collect())
}

fn values(new: &NewRun) -> Values {
    values_of([
        new.entity_type.as_ref().into(),
        new.source.as_ref().into(),
        new.status.as_ref().into(),
        new.started_at.map(|at| at.timestamp_micros()).into(),
        new.records_expected.into(),
        new.triggered_by_id.map(|id| id.to_string()).into(),
        new.details.clone().into(),
        new.heartbeat_timeout_seconds.into(),
    ])
}

fn stored_values(run: &Run) -> Result<Values, DetailsNotLoaded> {
    Ok(values_of([
        run.entity_type.as_str().into(),
        run.source.as_str().into(),
        run.status.as_str().into(),
        run.started_at.timestamp_micros().into(),
        run.records_expected.into(),
        run.triggered_by_id.map(|id| id.to_string()).into(),
        run.details.value()?.into(),
        run.heartbeat_timeout_seconds.into(),
    ]))
}

fn values_of(values: [Json; FIELDS.len()]) -> Values {
    values.map(|value| value.to_string())
}

fn digest_of(values: &[&str; FIELDS.len()]) -> Uuid {
    // Earlier releases had no timeout.
    let [without_timeout @ .., timeout] = values;
    let values = if *timeout == NULL {
        without_timeout.as_slice()
    } else {
        values.as_slice()
    };
    let text = format!("[{}]", values.join(","));
    Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes())
}

/// Finds the values of the call with this digest, if each is one that the call may have had.
fn find_first_call<'a>(
    digest: Option<Uuid>,
    given: &'a Values,
    stored: &'a Values,
) -> Option<[&'a str; FIELDS.len()]> {
    let digest = digest?;
    let possible = possible_values(given, stored);
    let mut calls = vec![[NULL; FIELDS.len()]];
    for (field, values) in possible.iter().enumerate() {
        let with = |call: [&'a str; FIELDS.len()], value| {
            let mut call = call;
            call[field] = value;
            call
        };
        let calls_with = |call| values.iter().map(move |value| with(call, *value));
        calls = calls.into_iter().flat_map(calls_with).collect();
    }
    calls.into_iter().find(|call| digest_of(call) == digest)
}

/// Returns the values that the call that created a run may have given: those that nothing changes are stored; others are
/// tried as they are given now, absent, and as they are stored.
fn possible_values<'a>(given: &'a Values, stored: &'a Values) -> [Vec<&'a str>; FIELDS.len()] {
    let [
        entity_type,
        source,
        status,
        started_at,
        _,
        triggered_by,
        _,
        timeout,
    ] = stored.each_ref().map(String::as_str);
    let any = |field: usize| {
        let mut values = vec![given[field].as_str(), NULL, &stored[field]];
        values.sort_unstable();
        values.dedup();
        values
    };
    [
        vec![entity_type],
        vec![source],
        if status == PENDING {
            vec![status]
        } else {
            vec![PENDING, RUNNING]
        },
        vec![started_at, NULL],
        any(4),
        vec![triggered_by],
        any(6),
        vec![timeout],
    ]
}

/// Returns what a run holds now, and the given value where that says nothing about the call that created the run.
fn present_values<'a>(given: &'a Values, stored: &'a Values) -> [&'a str; FIELDS.len()] {
    let mut values = stored.each_ref().map(String::as_str);
    if values[2] != PENDING {
        values[2] = &given[2];
    }
    if given[3] == NULL {
        values[3] = &given[3];
    }
    values
}
