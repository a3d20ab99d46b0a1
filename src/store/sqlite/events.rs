//! Events on SQLite.

use std::sync::Arc;

use entity::{Details, event, instant, run};
use sea_orm::sea_query::{
    Condition, Expr, ExprTrait, Func, InsertStatement, OnConflict, Query, SelectStatement,
    SubQueryStatement, ValueTuple,
};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbBackend, DbErr, IdenStatic, Iterable, QueryResult,
    RuntimeErr, Statement,
};
use serde::Deserialize;
use sqlx::Row;
use uuid::Uuid;

use crate::{
    db::{
        Sqlite,
        keyset::{KeysetOrder, PageRows, Tie},
    },
    store::{
        EventBatch, EventPage, EventPageSpec, InsertedEvents, RunColumns,
        heartbeats::{REPORTED_AT, select_last_report},
        insert::select_receiver,
        read::{self, COUNT, POSITION, RUN, events_of_run, page_of_events, read_by_ids},
        sqlite::{changes, heartbeats::now, write_and_read},
    },
};

/// The column that holds the events of a run: a JSON array of arrays, since SQLite has no arrays.
const EVENTS: &str = "events";
/// The column that holds the number of events that were inserted.
const INSERTED: &str = "inserted";
/// The column that holds the `seq` of the last of them. They are consecutive, since SQLite has one writer.
const LAST_SEQ: &str = "last_seq";

/// As in the indexes on events. The generated column `sequence` equals `seq`, which is unique: SQLite does not compare rows
/// by an index on its primary key.
pub(in crate::store) fn event_order(descending: bool) -> KeysetOrder {
    let seq = Tie {
        by: Expr::col("sequence"),
        value: |position| Expr::val(position.seq),
    };
    read::event_order(vec![seq], descending)
}

/// Adds the page of events of each run to a select of runs.
pub(in crate::store) fn select_event_page(select: &mut SelectStatement, page: &EventPage) {
    let events = aggregate(page, Expr::col((RUN, run::Column::Id)));
    let events = SubQueryStatement::SelectStatement(events);
    select.expr_as(Expr::SubQuery(None, Box::new(events)), EVENTS);
}

/// Reads a page of events for each of these runs, as a row with the position of the run.
pub(in crate::store) async fn read_event_pages(
    connection: &impl ConnectionTrait,
    run_ids: &[Uuid],
    page: &EventPage,
) -> Result<Vec<QueryResult>, DbErr> {
    let events = aggregate(page, listed_run_id());
    read_per_run(connection, run_ids, &events, EVENTS).await
}

/// Counts the matching events of each of these runs, up to `limit`, as a row with the position of the run.
pub(in crate::store) async fn count_events(
    connection: &impl ConnectionTrait,
    run_ids: &[Uuid],
    condition: &Condition,
    limit: u32,
) -> Result<Vec<QueryResult>, DbErr> {
    let mut events = events_of_run(condition, listed_run_id());
    events.column(event::Column::Id).limit(limit.into());
    let count = read::count_all(events);
    read_per_run(connection, run_ids, &count, COUNT).await
}

/// Reads the time of the latest report among the events of each of these runs, as a row with the position of the run.
pub(in crate::store) async fn read_last_reports(
    connection: &impl ConnectionTrait,
    run_ids: &[Uuid],
) -> Result<Vec<QueryResult>, DbErr> {
    let last = select_last_report(&listed_run_id());
    read_per_run(connection, run_ids, &last, REPORTED_AT).await
}

/// Returns the select that aggregates a page of the events of one run to a single value. A blob that another writer
/// stored is no JSON value; as text it is.
fn aggregate(page: &EventPage, run_id: Expr) -> SelectStatement {
    use event::Column;
    let mut events = events_of_run(&page.condition, run_id);
    events.columns([
        Column::Id,
        Column::EventType,
        Column::Timestamp,
        Column::Message,
        Column::Seq,
    ]);
    let text = |column: Column| Expr::col(column).cast_as("text");
    let mut columns = vec![
        Expr::from(Func::cust("hex").arg(Expr::col(Column::Id))),
        text(Column::EventType),
        text(Column::Timestamp),
        text(Column::Message),
        Expr::col(Column::Seq),
    ];
    if page.spec.with_details {
        events.column(Column::Details);
        columns.push(text(Column::Details));
    }
    let events = event_order(false).select(events, &page.spec.page);
    let event = Func::cust("json_array").args(columns);
    Query::select()
        .expr(Func::cust("json_group_array").arg(event))
        .from_subquery(events, "event")
        .take()
}

/// The ID of the run in [`read_per_run`].
fn listed_run_id() -> Expr {
    Expr::from(Func::cust("unhex").arg(Expr::col((RUN, "value"))))
}

/// Executes `select`, of one value, for each of these runs in one statement: their IDs are a single parameter.
async fn read_per_run(
    connection: &impl ConnectionTrait,
    run_ids: &[Uuid],
    select: &SelectStatement,
    column: &str,
) -> Result<Vec<QueryResult>, DbErr> {
    let Statement { sql, values, .. } = DbBackend::Sqlite.build(select);
    let mut values = values.map_or_else(Vec::new, |values| values.0);
    let ids: Vec<_> = run_ids.iter().map(|id| id.simple().to_string()).collect();
    let ids = serde_json::to_string(&ids).map_err(|error| DbErr::Json(error.to_string()))?;
    values.push(ids.into());
    let sql = format!("SELECT run.key AS {POSITION}, ({sql}) AS {column} FROM json_each(?) AS run");
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
    connection.query_all_raw(statement).await
}

/// An event in the JSON that [`aggregate`] returns.
#[derive(Deserialize)]
struct EventRow(
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    i64,
    #[serde(default)] Option<String>,
);

/// Decodes the page of events that a row holds.
pub(in crate::store) fn decode_event_page(
    row: &QueryResult,
    run_id: Uuid,
    spec: EventPageSpec,
) -> Result<PageRows<event::Model>, DbErr> {
    let row = row.try_as_sqlite_row();
    let row = row.ok_or_else(|| DbErr::Type("not a row of SQLite".to_owned()))?;
    let json: &[u8] = row
        .try_get_unchecked(EVENTS)
        .map_err(|error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))))?;
    // Other writers may store bytes that are not UTF-8.
    let events = serde_json::from_str(&String::from_utf8_lossy(json));
    let events: Vec<EventRow> = events.map_err(|error| DbErr::Json(error.to_string()))?;
    let events = events.into_iter().map(|event| {
        let EventRow(id, event_type, timestamp, message, seq, details) = event;
        let timestamp = timestamp.unwrap_or_default();
        let event = event::Model {
            id: id.parse().unwrap_or_default(),
            sync_id: run_id,
            event_type: event_type.unwrap_or_default(),
            timestamp: instant::parse(&timestamp)
                .unwrap_or_else(|| instant::place_of(timestamp.as_bytes())),
            message: message.unwrap_or_default(),
            details: match details {
                _ if !spec.with_details => Details::NotLoaded,
                Some(text) => Details::parse(text.as_bytes()),
                None => Details::Null,
            },
            seq: Some(seq),
        };
        (timestamp, event)
    });
    Ok(page_of_events(events.collect(), &spec.page))
}

/// Adds events to a run; `None` if the run does not exist or is of no allowed source. `verify` receives the events as
/// they are stored if some of them had been stored before; if it fails, nothing is added.
pub(in crate::store) async fn add_events<E>(
    database: &Sqlite,
    batch: EventBatch,
    verify: impl FnOnce(&[event::Model]) -> Result<(), E> + Send + 'static,
) -> Result<Option<InsertedEvents>, E>
where
    E: From<DbErr> + Send + 'static,
{
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
    let columns = batch.run.unwrap_or(RunColumns::WithoutDetails);
    let mut run = select_receiver(&batch, Some(columns), |id, ids| {
        id.is_in(ids.iter().copied())
    });
    let ids: Vec<Uuid> = batch.events.iter().map(|event| event.id).collect();
    let insert = insert_events(batch.events, run.clone())?;
    run.expr_as(changes(), INSERTED)
        .expr_as(Func::cust("last_insert_rowid"), LAST_SEQ);
    let rows = write_and_read(connection, &insert, &run).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let run = columns.decode(row)?;
    let inserted: i64 = row.try_get("", INSERTED)?;
    let last_seq: i64 = row.try_get("", LAST_SEQ)?;
    let replayed = ids.len() - usize::try_from(inserted).unwrap_or_default();
    let stored = if replayed > 0 {
        read_by_ids::<event::Entity>(connection, &ids).await?
    } else {
        Vec::new()
    };
    verify(&stored)?;
    Ok(Some(InsertedEvents {
        replayed,
        stored,
        seqs: (last_seq - inserted + 1..=last_seq).collect(),
        run: batch.run.map(|_| run),
    }))
}

/// Returns the statement that adds those events whose IDs are not taken, if their run exists.
fn insert_events(
    events: Vec<event::Model>,
    run: SelectStatement,
) -> Result<InsertStatement, DbErr> {
    let rows = events.into_iter().map(|event| {
        let mut row = event::ActiveModel::from(event);
        let values = event::Column::iter().filter_map(|column| row.take(column).into_value());
        ValueTuple::Many(values.collect())
    });
    // SQLite names the columns of a list of values by their numbers.
    let columns = (1..).zip(event::Column::iter());
    let rows = Query::select()
        .columns(columns.map(|(number, _)| format!("column{number}")))
        .expr(now())
        .from_values(rows, "event")
        .and_where(Expr::exists(run))
        .take();
    let mut insert = Query::insert();
    insert
        .into_table(event::Entity)
        .columns(
            event::Column::iter()
                .map(|column| column.as_str())
                .chain([REPORTED_AT]),
        )
        .select_from(rows)
        .map_err(|error| DbErr::Custom(error.to_string()))?
        .on_conflict(
            OnConflict::column(event::Column::Id)
                .do_nothing()
                .to_owned(),
        );
    Ok(insert)
}
