//! Origin of the feed's rows. Transaction ids have a meaning only in the cluster that gave them: after a
//! dump is restored elsewhere, those of its rows have none, or a wrong one. So the database remembers its
//! origin, and a server that finds another one deletes the changes, and treats all events as adopted, as if
//! they were from before the feed.

use entity::{change, feed, feed_position};
use sea_orm::sea_query::Expr;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QuerySelect};
use tracing::warn;
use uuid::Uuid;

use crate::{db::Database, store::feed as store};

/// Identity of the feed.
#[derive(Clone, Copy, Debug)]
pub(super) struct FeedOrigin {
    /// Identity of the feed at its origin: differs for a dump restored elsewhere, and for a copy in the
    /// same cluster.
    pub(super) feed: Uuid,
    /// Events up to this `seq` were written elsewhere.
    pub(super) moved_seq: i64,
}

/// Returns the identity of the feed; starts the feed anew if its rows come from another origin.
pub(super) async fn find(database: &Database) -> Result<FeedOrigin, DbErr> {
    let mut state = state(database.read()).await?;
    // A role that may not know the origin takes the one that is stored.
    let origin = store::origin(database)
        .await?
        .or_else(|| state.home.clone());
    let origin = origin.unwrap_or_default();
    if state.home.as_ref() != Some(&origin) {
        let (owned, origin) = (database.clone(), origin.clone());
        let set = database.transaction(move |transaction| {
            Box::pin(async move { set_origin(&owned, transaction, &origin).await })
        });
        state.moved_seq = set.await?;
    }
    Ok(FeedOrigin {
        feed: Uuid::new_v5(&state.id, origin.as_bytes()),
        moved_seq: state.moved_seq,
    })
}

/// Returns the state of the feed.
pub(super) async fn state(connection: &impl ConnectionTrait) -> Result<feed::Model, DbErr> {
    let state = feed::Entity::find().one(connection).await?;
    state.ok_or_else(is_empty)
}

/// Stores the origin, unless another server has stored it meanwhile. Returns the highest `seq` of an event
/// that was written elsewhere.
async fn set_origin(
    database: &Database,
    transaction: &DatabaseTransaction,
    origin: &str,
) -> Result<i64, DbErr> {
    let state = feed::Entity::find()
        .lock_exclusive()
        .one(transaction)
        .await?
        .ok_or_else(is_empty)?;
    let mut moved_seq = state.moved_seq;
    if state.home.is_some_and(|home| home != origin) {
        warn!("this database was moved here: the change feed starts anew");
        moved_seq = store::lock_events(database, transaction).await?;
        clear(transaction).await?;
    }
    feed::Entity::update_many()
        .col_expr(feed::Column::Home, Expr::value(origin))
        .col_expr(feed::Column::MovedSeq, Expr::value(moved_seq))
        .exec(transaction)
        .await?;
    Ok(moved_seq)
}

/// Deletes the changes, and what is known of their age.
async fn clear(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    change::Entity::delete_many().exec(transaction).await?;
    feed_position::Entity::delete_many()
        .exec(transaction)
        .await?;
    let never = Expr::value(None::<String>);
    feed::Entity::update_many()
        .col_expr(feed::Column::Pruned, never)
        .exec(transaction)
        .await?;
    Ok(())
}

fn is_empty() -> DbErr {
    DbErr::RecordNotFound("the table sync_feed is empty".to_owned())
}
