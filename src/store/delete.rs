//! Deleting runs: statements that both databases share.

use entity::{change, event, run};
use sea_orm::sea_query::{Expr, ExprTrait, LockType, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr};
use uuid::Uuid;

use super::{
    RunColumns,
    read::{query_all, select_runs},
};

/// Deletes a run with its events, and returns the run as it was, without its details; `None` if it does not exist.
/// `verify` receives the run before that; its error undoes the write. The texts that the change log holds of it are removed
/// in any case: another program may have deleted the run.
pub(super) async fn delete_run<E: From<DbErr>>(
    transaction: &impl ConnectionTrait,
    id: Uuid,
    verify: impl FnOnce(&run::Model) -> Result<(), E>,
) -> Result<Option<run::Model>, E> {
    let columns = RunColumns::WithoutDetails;
    let mut select = select_runs(columns);
    select.and_where(run::Column::Id.eq(id));
    // Until the transaction ends, nobody changes the run or adds events to it.
    if transaction.get_database_backend() == DbBackend::Postgres {
        select.lock(LockType::Update);
    }
    let rows = query_all(transaction, &select).await?;
    let run = rows.first().map(|row| columns.decode(row)).transpose()?;
    if let Some(run) = &run {
        verify(run)?;
        let events = Query::delete()
            .from_table(event::Entity)
            .and_where(event::Column::SyncId.eq(id))
            .take();
        transaction.execute(&events).await?;
        let run = Query::delete()
            .from_table(run::Entity)
            .and_where(run::Column::Id.eq(id))
            .take();
        transaction.execute(&run).await?;
    }
    let null = || Expr::custom_keyword("NULL");
    // The condition is that of the index on texts.
    let has_text = change::Column::ErrorMessage
        .is_not_null()
        .or(change::Column::PreviousErrorMessage.is_not_null());
    let texts = Query::update()
        .table(change::Entity)
        .value(change::Column::ErrorMessage, null())
        .value(change::Column::PreviousErrorMessage, null())
        .and_where(change::Column::RunId.eq(id))
        .and_where(has_text)
        .take();
    transaction.execute(&texts).await?;
    Ok(run)
}
