//! Statements for PostgreSQL.

mod events;
pub(super) mod feed;
pub(super) mod heartbeats;
mod stats;

pub(super) use events::{
    add_events, count_events, decode_event_page, event_order, join_event_page, read_event_pages,
    read_last_reports,
};
pub(super) use stats::{read_percentiles, select_percentiles};

use chrono::{DateTime, Utc};
use entity::{instant, merge_details, run};
use sea_orm::sea_query::{
    Expr, ExprTrait, InsertStatement, JoinType, LockType, Query, ReturningClause, SelectStatement,
    UpdateStatement,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr, StatementBuilder, Value};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::{
    DetailsMerge, Pair, RunColumns, UpdateResult,
    read::{RUN, query_all, read_details, select_runs},
    stats::{BUCKET, BucketRange},
    text_search::{postgres_key_pattern, postgres_pattern},
};
use crate::db::{
    Postgres, SEARCH_KEY,
    error::{Failure, classify},
    keyset::PAGE_ID,
};

/// The end of a run that has ended, exactly as the index on it has it: NULL if the run is open, whatever another writer
/// has stored in `completed_at`.
pub(super) fn ended_at() -> Expr {
    Expr::cust("(CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN completed_at END)")
}

/// The duration of a run that has ended, exactly as the index on it has it: NULL if the run is open or its times are
/// infinite, never negative.
pub(super) fn duration() -> Expr {
    Expr::cust(
        "(CASE WHEN status IN ('completed', 'failed', 'cancelled') \
         AND isfinite(completed_at) AND isfinite(started_at) \
         THEN greatest(completed_at - started_at, interval '0') END)",
    )
}

/// Returns a number of microseconds as an operand to compare with [`duration`].
pub(super) fn duration_operand(micros: i64) -> Expr {
    Expr::cust_with_values("($1::bigint * interval '1 microsecond')", [micros])
}

/// The [`duration`] in microseconds.
pub(super) fn duration_micros() -> Expr {
    let seconds = Expr::cust_with_exprs("extract(epoch FROM $1)", [duration()]);
    Expr::cust_with_exprs("($1::double precision * 1e6)::bigint", [seconds])
}

/// Returns the number of the period of this many seconds since 1970 in which a run started; NULL if that is infinite.
pub(super) fn period(seconds: i64) -> Expr {
    Expr::cust_with_values(
        "CASE WHEN isfinite(started_at) \
         THEN floor(extract(epoch FROM started_at) / $1::bigint)::bigint END",
        [seconds],
    )
}

/// Selects from the runs in these ranges, with the index of the start of their bucket as [`BUCKET`].
pub(super) fn bucket_runs(
    runs: &mut SelectStatement,
    ranges: &[BucketRange],
    starts: &[DateTime<Utc>],
) {
    // What is between two ranges is in no bucket.
    let mut bounds = Vec::with_capacity(2 * ranges.len());
    let mut buckets = Vec::with_capacity(2 * ranges.len());
    for range in ranges {
        if bounds.last() == Some(&range.from) {
            bounds.pop();
            buckets.pop();
        }
        bounds.extend([range.from, range.to]);
        buckets.extend([starts.binary_search(&range.start).ok(), None]);
    }
    let bounds = bounds
        .iter()
        .map(|bound| format!("{:?}", instant::to_rfc3339(*bound)));
    let buckets = buckets
        .iter()
        .map(|bucket| bucket.map_or_else(|| "NULL".to_owned(), |bucket| bucket.to_string()));
    let array = |items: Vec<String>, ty: &'static str| {
        let text = format!("{{{}}}", items.join(","));
        Expr::val(text).cast_as("text").cast_as(ty)
    };
    let arrays = Query::select()
        .expr_as(array(buckets.collect(), "integer[]"), "buckets")
        .expr_as(array(bounds.collect(), "timestamptz[]"), "bounds")
        // Prevents the planner from parsing the texts again for each run.
        .offset(0)
        .take();
    let first_and_last = ranges.first().zip(ranges.last());
    if let Some((first, last)) = first_and_last {
        runs.and_where(run::Column::StartedAt.gte(first.from));
        runs.and_where(run::Column::StartedAt.lt(last.to));
    }
    let bucket = Expr::cust("buckets[width_bucket(started_at, bounds)]");
    runs.expr_as(bucket, BUCKET)
        .from(run::Entity)
        .from_subquery(arrays, "arrays");
}

/// Before all other instants.
pub(super) const FIRST_INSTANT: &str = "CAST('-infinity' AS timestamptz)";

/// The rows of [`pair_instants`].
pub(super) const PAIR_INSTANTS: &str = "json_to_recordset(CAST($1 AS json)) \
     AS looked_up (position bigint, entity_type text, source text, at timestamptz)";

/// Returns pairs and instants as JSON.
pub(super) fn pair_instants(instants: &[(Pair, DateTime<Utc>)]) -> String {
    let rows = instants.iter().enumerate().map(|(position, (pair, at))| {
        serde_json::json!({
            "position": position,
            "entity_type": pair.entity_type.as_ref(),
            "source": pair.source.as_ref(),
            "at": instant::to_rfc3339(*at),
        })
    });
    Json::Array(rows.collect()).to_string()
}

/// Returns the condition that `column` contains `text`, ignoring case.
pub(super) fn contains_text(column: Expr, text: &str) -> Expr {
    let pattern = Expr::val(postgres_pattern(text));
    // Regular expressions do not support the nondeterministic collation that a column may have.
    Expr::cust_with_exprs("$1 COLLATE \"C\" ~ $2", [column, pattern])
}

/// Returns the condition on the indexed text of runs that those meet whose error message contains `text`, and some others;
/// `None` if the index does not support it.
pub(super) fn key_contains_text(text: &str) -> Option<Expr> {
    let pattern = Expr::val(postgres_key_pattern(text)?);
    // The planner takes the result of a subquery to be rare: the index is used whatever the pattern.
    let condition = format!("(error_message IS NOT NULL AND {SEARCH_KEY} LIKE (SELECT $1))");
    Some(Expr::cust_with_exprs(condition, [pattern]))
}

/// Returns the condition that a run is one of those that meet [`key_contains_text`] at present; `None` if they are more than
/// `limit`.
pub(super) async fn few_candidates(
    connection: &impl ConnectionTrait,
    text: &str,
    limit: u32,
) -> Result<Option<Expr>, DbErr> {
    let Some(condition) = key_contains_text(text) else {
        return Ok(None);
    };
    let select = Query::select()
        .column(run::Column::Id)
        .from(run::Entity)
        .and_where(condition)
        .limit(u64::from(limit) + 1)
        .take();
    let rows = query_all(connection, &select).await?;
    let ids = rows.iter().map(|row| row.try_get("", "id"));
    let ids = ids.collect::<Result<Vec<Uuid>, _>>()?;
    let is_few = ids.len() <= limit as usize;
    Ok(is_few.then(|| {
        let id = Expr::col(run::Column::Id);
        Expr::cust_with_exprs("$1 = ANY($2::uuid[])", [id, Expr::val(ids)])
    }))
}

/// Returns the condition that the text of a run's details contains `text`.
pub(super) fn details_contain(text: &str) -> Expr {
    Expr::cust_with_values("strpos(details::text, $1) > 0", [text])
}

/// Converts a text to `json`.
pub(super) fn json(text: Expr) -> Expr {
    text.cast_as("json")
}

/// Returns a select of these columns of the runs whose IDs `ids` selects. Joined without a limit, the planner would read all
/// runs, since it expects a tenth of them.
pub(super) fn select_page(columns: RunColumns, ids: SelectStatement) -> SelectStatement {
    const PAGE: &str = "page";
    let run = select_runs(columns)
        .and_where(Expr::col(run::Column::Id).equals((PAGE, PAGE_ID)))
        .limit(1)
        .take();
    Query::select()
        .expr(columns.list())
        .from_subquery(ids, PAGE)
        .join_lateral(JoinType::InnerJoin, run, RUN, Expr::custom_keyword("TRUE"))
        .take()
}

/// Executes the insert of a run, and returns the run if it was inserted.
pub(super) async fn insert_run(
    database: &Postgres,
    mut insert: InsertStatement,
    columns: RunColumns,
) -> Result<Option<run::Model>, DbErr> {
    insert.returning(returning(columns));
    Ok(write_runs(database.write(), &insert, columns).await?.pop())
}

/// Executes an update of one run, and returns the run if it was updated. `details` are merged into those of the run.
///
/// A single statement merges them. It updates nothing if the merged details might be too large. PostgreSQL fails to
/// merge if the stored details are no object, or hold a text that it cannot decode, such as one with `\u0000`. Only then
/// a transaction reads them and merges them here.
pub(super) async fn update_run(
    database: &Postgres,
    id: Uuid,
    mut update: UpdateStatement,
    details: Option<DetailsMerge>,
    columns: RunColumns,
) -> Result<UpdateResult, DbErr> {
    update.returning(returning(columns));
    let Some(details) = details else {
        let updated = write_runs(database.write(), &update, columns).await?;
        return Ok(updated.into_iter().next().into());
    };
    let mut merging = update.clone();
    merging.value(run::Column::Details, merged(&details.given));
    merging.and_where(fits(&details));
    match write_runs(database.write(), &merging, columns).await {
        Err(error) if classify(&error) == Failure::Data => {}
        written => {
            if let Some(run) = written?.pop() {
                return Ok(UpdateResult::Updated(Box::new(run)));
            }
        }
    }
    database
        .transaction(move |transaction| {
            Box::pin(async move {
                let stored = read_details(transaction, id).await?;
                let merged = merge_details(stored.as_deref(), &details.given);
                if merged.len() > details.max_bytes {
                    return Ok(UpdateResult::DetailsTooLarge(merged.len()));
                }
                update.value(run::Column::Details, json(Expr::val(merged)));
                let updated = write_runs(transaction, &update, columns).await?;
                Ok(updated.into_iter().next().into())
            })
        })
        .await
}

/// Returns the condition that the merged details fit even if no key is replaced.
fn fits(details: &DetailsMerge) -> Expr {
    let given = Json::Object(details.given.clone()).to_string().len();
    let rest = details.max_bytes.saturating_sub(given);
    Expr::cust_with_values(
        "coalesce(octet_length(details::text), 0) <= $1",
        [i64::try_from(rest).unwrap_or(i64::MAX)],
    )
}

/// Executes an update of the runs whose IDs `ids` selects, and returns these columns of the updated runs.
pub(super) async fn update_runs(
    database: &Postgres,
    mut ids: SelectStatement,
    mut update: UpdateStatement,
    columns: RunColumns,
) -> Result<Vec<run::Model>, DbErr> {
    // Locked in the order of the select, so that two such updates do not deadlock.
    ids.lock(LockType::Update);
    update
        .and_where(Expr::col(run::Column::Id).in_subquery(ids))
        .returning(returning(columns));
    write_runs(database.write(), &update, columns).await
}

async fn write_runs(
    connection: &impl ConnectionTrait,
    statement: &impl StatementBuilder,
    columns: RunColumns,
) -> Result<Vec<run::Model>, DbErr> {
    let statement = DbBackend::Postgres.build(statement);
    let rows = connection.query_all_raw(statement).await?;
    rows.iter().map(|row| columns.decode(row)).collect()
}

fn returning(columns: RunColumns) -> ReturningClause {
    Query::returning().expr(columns.list())
}

/// Returns the details of a run with these keys set. Other writers store JSON `null` where there are none. The values of all
/// other keys keep their text, which `jsonb` would not.
fn merged(details: &Map<String, Json>) -> Expr {
    let keys: Vec<String> = details.keys().cloned().collect();
    let given = Json::Object(details.clone()).to_string();
    Expr::cust_with_values(
        "CASE WHEN details IS NULL OR json_typeof(details::json) = 'null' THEN $1::json ELSE (\
            SELECT json_object_agg(key, value) FROM (\
                SELECT key, value FROM json_each(details::json) WHERE key <> ALL ($2::text[]) \
                UNION ALL SELECT key, value FROM json_each($1::json)) AS field) END",
        [Value::from(given), Value::from(keys)],
    )
}
