//! The statements of failures: runs with an error message, and failed runs without one.

use chrono::{DateTime, Utc};
use entity::{RowReader, SyncStatus, run};
use sea_orm::sea_query::{
    Condition, Expr, ExprTrait, Func, LockBehavior, LockType, Order, Query, SelectStatement,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};
use uuid::Uuid;

use super::{Store, read::query_all};
use crate::db::{ScanBudget, SlowQueryError, StatementPool};

/// The column that holds the fingerprint of a run's error message. It is no column of the entity, since nothing returns it
/// with a run. A trigger sets it to NULL when another writer changes the message.
pub(crate) const FINGERPRINT: &str = "error_fingerprint";
/// Characters of an error message that determine its fingerprint.
pub(crate) const MAX_MESSAGE_CHARS: usize = 8_000;
/// The alias of the part of the message that is read.
const MESSAGE: &str = "unindexed_message";

/// The alias of the time at which a run failed.
const FAILED_AT: &str = "failed_at";

/// Runs that are indexed together.
pub(crate) type FailureBatch = [UnindexedFailure];

/// Runs and the fingerprint to store with them.
#[derive(Clone, Debug)]
pub(crate) struct FingerprintedRuns {
    pub(crate) fingerprint: String,
    pub(crate) run_ids: Vec<Uuid>,
}

/// Computes the fingerprints of a batch.
type Index = fn(&FailureBatch) -> Vec<FingerprintedRuns>;

/// A failure that is not indexed yet.
#[derive(Clone, Debug)]
pub(crate) struct UnindexedFailure {
    pub(crate) run_id: Uuid,
    /// The beginning of the error message.
    pub(crate) message: Option<String>,
}

/// Returns the condition on runs that have a fingerprint, stored or not.
pub(crate) fn is_failure() -> Condition {
    Condition::any()
        .add(run::Column::ErrorMessage.is_not_null())
        .add(run::Column::Status.eq(SyncStatus::Failed.as_ref()))
}

/// Returns the condition on failures whose fingerprint is not stored, exactly as the index on them has it.
pub(crate) fn is_unindexed() -> Condition {
    Condition::all()
        .add(Expr::col(FINGERPRINT).is_null())
        .add(Expr::cust(
            "(error_message IS NOT NULL OR status = 'failed')",
        ))
}

/// Returns the beginning of the error message that determines its fingerprint.
fn message_beginning() -> Expr {
    Expr::cust(format!("substr(error_message, 1, {MAX_MESSAGE_CHARS})"))
}

/// A failed run, as far as it is grouped.
#[derive(Clone, Debug)]
pub(crate) struct FailedRun {
    pub(crate) id: Uuid,
    pub(crate) entity_type: String,
    pub(crate) source: String,
    /// Its end; its start if that is not known.
    pub(crate) failed_at: DateTime<Utc>,
    /// `None` if it is not stored.
    pub(crate) fingerprint: Option<String>,
}

impl Store {
    /// Returns the newest runs that meet a condition, `limit` at most.
    pub(crate) async fn failed_runs(
        &self,
        condition: Condition,
        limit: u64,
        budget: &ScanBudget,
    ) -> Result<Vec<FailedRun>, SlowQueryError> {
        let failed_at = Func::coalesce([self.ended_at(), Expr::col(run::Column::StartedAt)]);
        let select = Query::select()
            .columns([
                run::Column::Id,
                run::Column::EntityType,
                run::Column::Source,
            ])
            .expr_as(failed_at, FAILED_AT)
            .column(FINGERPRINT)
            .from(run::Entity)
            .cond_where(condition)
            .order_by(run::Column::StartedAt, Order::Desc)
            .order_by(run::Column::Id, Order::Desc)
            .limit(limit)
            .take();
        let query = self
            .database
            .statistics(budget, async move |pool| query_all(pool, &select).await);
        let rows = query.await?;
        let runs = rows.iter().map(|row| {
            let mut columns = RowReader::new(row)?;
            Ok(FailedRun {
                id: columns.uuid("id")?,
                entity_type: columns.text("entity_type")?,
                source: columns.text("source")?,
                failed_at: columns.instant(FAILED_AT)?,
                fingerprint: columns.optional_text(FINGERPRINT)?,
            })
        });
        let runs: Result<Vec<_>, DbErr> = runs.collect();
        runs.map_err(SlowQueryError::Database)
    }

    /// Reads the beginnings of the messages of these runs, those that exist.
    pub(crate) async fn messages(
        &self,
        ids: &[Uuid],
        budget: &ScanBudget,
    ) -> Result<Vec<UnindexedFailure>, SlowQueryError> {
        let select = Query::select()
            .column(run::Column::Id)
            .expr_as(message_beginning(), MESSAGE)
            .from(run::Entity)
            .and_where(run::Column::Id.is_in(ids.iter().copied()))
            .take();
        let query = async move |pool: &StatementPool| read_unindexed(pool, &select).await;
        self.database.statistics(budget, query).await
    }

    /// Returns whether there are failures whose fingerprint is not stored.
    pub(crate) async fn has_unindexed_failures(&self) -> Result<bool, DbErr> {
        let rows = query_all(self.read(), &select_unindexed(1)).await?;
        Ok(!rows.is_empty())
    }

    /// Reads failures whose fingerprint is not stored, newest first, `limit` at most.
    pub(crate) async fn unindexed_failures(
        &self,
        limit: u64,
    ) -> Result<Vec<UnindexedFailure>, DbErr> {
        read_unindexed(self.read(), &select_unindexed(limit)).await
    }

    /// Stores what `index` returns for a batch of failures: fingerprints, each with its runs. Returns the size of the batch,
    /// `limit` at most. Runs that another transaction has locked are left for later.
    ///
    /// This is the one place where failures become indexed.
    pub(crate) async fn index_failures(&self, limit: u64, index: Index) -> Result<u64, DbErr> {
        let write = self.database.transaction(move |transaction| {
            Box::pin(async move { index_batch(transaction, limit, index).await })
        });
        write.await
    }
}

async fn index_batch(
    transaction: &DatabaseTransaction,
    limit: u64,
    index: Index,
) -> Result<u64, DbErr> {
    let mut select = select_unindexed(limit);
    if transaction.get_database_backend() == DbBackend::Postgres {
        // Events of the run may be added meanwhile.
        select.lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked);
    }
    let batch = read_unindexed(transaction, &select).await?;
    for FingerprintedRuns {
        fingerprint,
        run_ids,
    } in index(&batch)
    {
        let update = Query::update()
            .table(run::Entity)
            .value(FINGERPRINT, fingerprint)
            .and_where(run::Column::Id.is_in(run_ids))
            .take();
        transaction.execute(&update).await?;
    }
    Ok(batch.len() as u64)
}

fn select_unindexed(limit: u64) -> SelectStatement {
    Query::select()
        .column(run::Column::Id)
        .expr_as(message_beginning(), MESSAGE)
        .from(run::Entity)
        .cond_where(is_unindexed())
        .order_by(run::Column::StartedAt, Order::Desc)
        .order_by(run::Column::Id, Order::Desc)
        .limit(limit)
        .take()
}

async fn read_unindexed(
    connection: &impl ConnectionTrait,
    select: &SelectStatement,
) -> Result<Vec<UnindexedFailure>, DbErr> {
    let rows = query_all(connection, select).await?;
    let failures = rows.iter().map(|row| {
        let mut columns = RowReader::new(row)?;
        Ok(UnindexedFailure {
            run_id: columns.uuid("id")?,
            message: columns.optional_text(MESSAGE)?,
        })
    });
    failures.collect()
}
