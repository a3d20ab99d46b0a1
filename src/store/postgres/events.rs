//! Events on PostgreSQL.

use std::sync::Arc;

use entity::{Details, event, instant, run};
use sea_orm::sea_query::extension::postgres::PgFunc;
use sea_orm::sea_query::{
    Asterisk, Condition, Expr, ExprTrait, JoinType, Query, SelectStatement, Value,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, RuntimeErr, Statement};
use sqlx::{Decode, Row, Type, postgres::PgRow};
use uuid::Uuid;

use crate::{
    db::{
        Postgres,
        error::{Failure, classify},
        keyset::{KeysetOrder, PageRows, Tie},
    },
    store::{
        EventBatch, EventPage, EventPageSpec, InsertedEvents,
        heartbeats::select_last_report,
        insert::select_receiver,
        read::{self, POSITION, RUN, events_of_run, page_of_events, read_by_ids},
    },
};

/// The alias of the subquery that aggregates the events of a run.
const EVENTS: &str = "events";
/// The columns of that subquery: arrays, since rows are what takes time.
const IDS: &str = "event_ids";
const TYPES: &str = "event_types";
const TIMESTAMPS: &str = "event_timestamps";
const MESSAGES: &str = "event_messages";
const DETAILS: &str = "event_details";
const SEQS: &str = "event_seqs";

/// As in the indexes on events. Events from before adoption have no `seq`.
pub(in crate::store) fn event_order(descending: bool) -> KeysetOrder {
    let seq = Tie {
        by: Expr::cust("coalesce(seq, 0)"),
        value: |position| Expr::val(position.seq),
    };
    let id = Tie {
        by: Expr::col(event::Column::Id),
        value: |position| Expr::val(position.id),
    };
    read::event_order(vec![seq, id], descending)
}

/// Joins the page of events of each run of a select.
pub(in crate::store) fn join_event_page(select: &mut SelectStatement, page: &EventPage) {
    let events = aggregate(page, Expr::col((RUN, run::Column::Id)));
    select.column((EVENTS, Asterisk)).join_lateral(
        JoinType::InnerJoin,
        events,
        EVENTS,
        Expr::custom_keyword("TRUE"),
    );
}

/// Reads a page of events for each of these runs, as a row with the position of the run.
pub(in crate::store) async fn read_event_pages(
    connection: &impl ConnectionTrait,
    run_ids: &[Uuid],
    page: &EventPage,
) -> Result<Vec<QueryResult>, DbErr> {
    let events = aggregate(page, Expr::col((RUN, run::Column::Id)));
    read_per_run(connection, run_ids, &events).await
}

/// Counts the matching events of each of these runs, up to `limit`, as a row with the position of the run.
pub(in crate::store) async fn count_events(
    connection: &impl ConnectionTrait,
    run_ids: &[Uuid],
    condition: &Condition,
    limit: u32,
) -> Result<Vec<QueryResult>, DbErr> {
    let mut events = events_of_run(condition, Expr::col((RUN, run::Column::Id)));
    events.column(event::Column::Id).limit(limit.into());
    read_per_run(connection, run_ids, &read::count_all(events)).await
}

/// Reads the time of the latest report among the events of each of these runs, as a row with the position of the run.
pub(in crate::store) async fn read_last_reports(
    connection: &impl ConnectionTrait,
    run_ids: &[Uuid],
) -> Result<Vec<QueryResult>, DbErr> {
    let last = select_last_report(&Expr::col((RUN, run::Column::Id)));
    read_per_run(connection, run_ids, &last).await
}

/// Returns the select that aggregates a page of the events of one run to a single row.
fn aggregate(page: &EventPage, run_id: Expr) -> SelectStatement {
    use event::Column;
    let mut events = events_of_run(&page.condition, run_id);
    // An array of a domain or an enum type of another application is of no type that the driver knows.
    let array = |column: Column, ty| PgFunc::array_agg(Expr::col(column).cast_as(ty));
    events.columns([
        Column::Id,
        Column::EventType,
        Column::Timestamp,
        Column::Message,
        Column::Seq,
    ]);
    let mut select = Query::select();
    select
        .expr_as(array(Column::Id, "uuid"), IDS)
        .expr_as(array(Column::EventType, "text"), TYPES)
        .expr_as(array(Column::Timestamp, "timestamptz"), TIMESTAMPS)
        .expr_as(array(Column::Message, "text"), MESSAGES)
        .expr_as(array(Column::Seq, "bigint"), SEQS);
    if page.spec.with_details {
        events.column(Column::Details);
        select.expr_as(array(Column::Details, "text"), DETAILS);
    }
    let events = event_order(false).select(events, &page.spec.page);
    select.from_subquery(events, "event").take()
}

/// Executes `select` for each of these runs in one statement: their IDs are a single parameter, so that PostgreSQL
/// plans the statement once for any number of runs.
async fn read_per_run(
    connection: &impl ConnectionTrait,
    run_ids: &[Uuid],
    select: &SelectStatement,
) -> Result<Vec<QueryResult>, DbErr> {
    let Statement { sql, values, .. } = DbBackend::Postgres.build(select);
    let mut values = values.map_or_else(Vec::new, |values| values.0);
    values.push(run_ids.to_vec().into());
    let sql = format!(
        "SELECT run.position - 1 AS {POSITION}, events.* \
         FROM unnest(${}::uuid[]) WITH ORDINALITY AS run (id, position) \
         CROSS JOIN LATERAL ({sql}) AS events",
        values.len()
    );
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    connection.query_all_raw(statement).await
}

/// Decodes the page of events that a row holds.
pub(in crate::store) fn decode_event_page(
    row: &QueryResult,
    run_id: Uuid,
    spec: EventPageSpec,
) -> Result<PageRows<event::Model>, DbErr> {
    let row = row.try_as_pg_row();
    let row = row.ok_or_else(|| DbErr::Type("not a row of PostgreSQL".to_owned()))?;
    // NULL if there are no events.
    let ids: Vec<Uuid> = array(row, IDS)?;
    // Another application may allow null in any of them.
    let mut types = array::<Option<String>>(row, TYPES)?.into_iter();
    // The driver panics on a timestamp that `chrono` lacks, but not on its microseconds.
    let mut timestamps = array::<Option<i64>>(row, TIMESTAMPS)?.into_iter();
    let mut messages = array::<Option<String>>(row, MESSAGES)?.into_iter();
    let mut seqs = array::<Option<i64>>(row, SEQS)?.into_iter();
    let mut details = if spec.with_details {
        array::<Option<String>>(row, DETAILS)?.into_iter()
    } else {
        Vec::new().into_iter()
    };
    let events = ids.into_iter().map(|id| {
        let micros = timestamps.next()?;
        let event = event::Model {
            id,
            sync_id: run_id,
            event_type: types.next()?.unwrap_or_default(),
            timestamp: micros.map_or(instant::NEGATIVE_INFINITY, instant::from_postgres),
            message: messages.next()?.unwrap_or_default(),
            details: match details.next() {
                Some(text) => text.map_or(Details::Null, |text| Details::parse(text.as_bytes())),
                None => Details::NotLoaded,
            },
            seq: seqs.next()?,
        };
        Some((micros, event))
    });
    Ok(page_of_events(events.flatten().collect(), &spec.page))
}

fn array<T>(row: &PgRow, column: &str) -> Result<Vec<T>, DbErr>
where
    Vec<T>: Type<sqlx::Postgres> + for<'row> Decode<'row, sqlx::Postgres>,
{
    let array: Option<Vec<T>> = row
        .try_get_unchecked(column)
        .map_err(|error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))))?;
    Ok(array.unwrap_or_default())
}

/// Adds events to a run; `None` if the run does not exist or is of no allowed source. `verify` receives the events as
/// they are stored if some of them had been stored before; if it fails, nothing is added.
///
/// A single statement adds the events, or fails if the ID of one is taken. Only then a transaction finds out whether
/// the stored events are the same.
pub(in crate::store) async fn add_events<E>(
    database: &Postgres,
    batch: EventBatch,
    verify: impl FnOnce(&[event::Model]) -> Result<(), E> + Send + 'static,
) -> Result<Option<InsertedEvents>, E>
where
    E: From<DbErr> + Send + 'static,
{
    let insert = insert_events(
        &batch,
        "RETURNING seq",
        "run.*, ARRAY(SELECT seq FROM added ORDER BY seq) AS seqs",
    );
    match database.write().query_all_raw(insert).await {
        Ok(rows) => {
            let Some(row) = rows.first() else {
                return Ok(None);
            };
            return Ok(Some(InsertedEvents {
                replayed: 0,
                stored: Vec::new(),
                // Committed already: an error would deny it.
                seqs: row.try_get("", "seqs").unwrap_or_default(),
                run: decode_run(&batch, row)?,
            }));
        }
        Err(error) if classify(&error) == Failure::Duplicate => {}
        Err(error) => return Err(error.into()),
    }
    database
        .transaction(move |connection| Box::pin(add_missing(connection, batch, verify)))
        .await
}

/// Adds those events whose IDs are not taken.
async fn add_missing<E: From<DbErr>>(
    connection: &impl ConnectionTrait,
    batch: EventBatch,
    verify: impl FnOnce(&[event::Model]) -> Result<(), E>,
) -> Result<Option<InsertedEvents>, E> {
    let insert = insert_events(
        &batch,
        "ON CONFLICT (id) DO NOTHING RETURNING 1",
        "run.*, (SELECT count(*) FROM added) AS inserted",
    );
    let Some(row) = connection.query_one_raw(insert).await? else {
        return Ok(None);
    };
    let ids: Vec<Uuid> = batch.events.iter().map(|event| event.id).collect();
    let stored = read_by_ids::<event::Entity>(connection, &ids).await?;
    verify(&stored)?;
    let inserted: i64 = row.try_get("", "inserted")?;
    let inserted = usize::try_from(inserted).unwrap_or_default();
    Ok(Some(InsertedEvents {
        replayed: batch.events.len() - inserted,
        stored,
        seqs: Vec::new(),
        run: decode_run(&batch, &row)?,
    }))
}

/// Returns the statement that adds the events to their run and returns the run. It returns no row, and adds nothing,
/// if the run does not exist or is of no allowed source, or an ID is taken by a run or user.
fn insert_events(batch: &EventBatch, on_conflict: &str, columns: &str) -> Statement {
    // A single parameter, so that there is one statement for any number of IDs.
    let run = select_receiver(batch, batch.run, |id, ids| id.eq(PgFunc::any(ids.to_vec())));
    let Statement {
        sql: run, values, ..
    } = DbBackend::Postgres.build(&run);
    let mut values = values.map_or_else(Vec::new, |values| values.0);
    let first = values.len() + 1;
    let [ids, types, timestamps, messages, details] = [0, 1, 2, 3, 4].map(|index| first + index);
    // A single row takes PostgreSQL less time than arrays of one value.
    let source = if let [event] = batch.events.as_slice() {
        values.extend(row(event));
        format!(
            "(VALUES (${ids}::uuid, ${types}::text, ${timestamps}::timestamptz, ${messages}::text, \
                ${details}::text))"
        )
    } else {
        values.extend(arrays(&batch.events));
        format!(
            "unnest(${ids}::uuid[], ${types}::text[], ${timestamps}::timestamptz[], ${messages}::text[], \
                ${details}::text[])"
        )
    };
    // Joining a single run keeps the order of the events.
    let sql = format!(
        "WITH run AS ({run}), added AS (\
            INSERT INTO sync_event (sync_id, id, event_type, \"timestamp\", message, details) \
            SELECT run.id, event.id, type, at, event.message, nullif(event.details, '')::json \
            FROM run, {source} AS event (id, type, at, message, details) \
            {on_conflict}) \
        SELECT {columns} FROM run"
    );
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

/// Returns the values of an event.
fn row(event: &event::Model) -> [Value; 5] {
    [
        event.id.into(),
        event.event_type.as_str().into(),
        event.timestamp.into(),
        event.message.as_str().into(),
        details(event).into(),
    ]
}

/// Returns an array of values for each column of the events.
fn arrays(events: &[event::Model]) -> [Value; 5] {
    let texts = |text: fn(&event::Model) -> String| events.iter().map(text).collect::<Vec<_>>();
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    let timestamps: Vec<_> = events.iter().map(|event| event.timestamp).collect();
    [
        ids.into(),
        texts(|event| event.event_type.clone()).into(),
        timestamps.into(),
        texts(|event| event.message.clone()).into(),
        texts(details).into(),
    ]
}

/// Returns the details as text; empty if there are none.
fn details(event: &event::Model) -> String {
    match &event.details {
        Details::Json(text) | Details::Unreadable { text, .. } => text.clone(),
        Details::NotLoaded | Details::Null => String::new(),
    }
}

fn decode_run(batch: &EventBatch, row: &QueryResult) -> Result<Option<run::Model>, DbErr> {
    batch.run.map(|columns| columns.decode(row)).transpose()
}
