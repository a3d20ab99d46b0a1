//! Inserting runs and events: what both databases share.

use entity::{event, run, user};
use sea_orm::sea_query::{
    Expr, ExprTrait, InsertStatement, IntoTableRef, OnConflict, Query, SelectStatement, TableRef,
};
use sea_orm::{ActiveModelTrait, ActiveValue, ColumnTrait, DbErr, Iterable};
use uuid::Uuid;

use super::{EventBatch, RunColumns, read::select_runs};

/// The column that holds the ID of a row, in every table.
const ID: &str = "id";

/// Returns the statement that inserts a run unless its ID is taken: by a run, or by an event or a user if the caller chose
/// the ID. `details` converts a text to the type of that column.
pub(super) fn insert_run(
    row: &run::ActiveModel,
    chosen_id: Option<Uuid>,
    details: fn(Expr) -> Expr,
) -> Result<InsertStatement, DbErr> {
    let mut values = Query::select();
    let mut columns = Vec::new();
    for column in run::Column::iter() {
        if let ActiveValue::Set(value) | ActiveValue::Unchanged(value) = row.get(column) {
            let value = Expr::val(value);
            columns.push(column);
            values.expr(match column {
                run::Column::Details => details(value),
                _ => value,
            });
        }
    }
    // SQLite reads ON CONFLICT as a part of a select without a condition.
    values.and_where(Expr::custom_keyword("TRUE"));
    if let Some(id) = chosen_id {
        let is_taken = || Expr::col(ID).eq(id);
        values.and_where(no_row(event::Entity.into_table_ref(), is_taken()));
        values.and_where(no_row(user::Entity.into_table_ref(), is_taken()));
    }
    let mut insert = Query::insert();
    insert
        .into_table(run::Entity)
        .columns(columns)
        .select_from(values)
        .map_err(|error| DbErr::Custom(error.to_string()))?
        .on_conflict(OnConflict::column(run::Column::Id).do_nothing().to_owned());
    Ok(insert)
}

/// Returns the select of the run that receives a batch of events: of no row if the run does not exist or is of no allowed
/// source, or if one of the IDs that the caller chose is that of a run or a user. `is_one_of` compares an ID with several.
pub(super) fn select_receiver(
    batch: &EventBatch,
    columns: Option<RunColumns>,
    is_one_of: fn(Expr, &[Uuid]) -> Expr,
) -> SelectStatement {
    let mut run = match columns {
        Some(columns) => select_runs(columns),
        None => Query::select()
            .column(run::Column::Id)
            .from(run::Entity)
            .take(),
    };
    run.and_where(run::Column::Id.eq(batch.run_id));
    if let Some(sources) = &batch.allowed_sources {
        run.and_where(run::Column::Source.is_in(sources.iter().map(AsRef::as_ref)));
    }
    if !batch.chosen_ids.is_empty() {
        let is_taken = || is_one_of(Expr::col(ID), &batch.chosen_ids);
        run.and_where(no_row(run::Entity.into_table_ref(), is_taken()));
        run.and_where(no_row(user::Entity.into_table_ref(), is_taken()));
    }
    run
}

/// Returns the condition that no row of a table meets a condition.
fn no_row(table: TableRef, condition: Expr) -> Expr {
    let rows = Query::select()
        .expr(Expr::val(1))
        .from(table)
        .and_where(condition)
        .take();
    Expr::exists(rows).not()
}
