//! Bounded reads of the tables behind the feed: the change log `sync_change`, and `sync_event`.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use entity::{FromRow, change, event, run};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QueryResult,
    QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use super::{
    change::{AddedEvent, Change},
    origin::{self, FeedOrigin},
    position::FeedCursor,
};
use crate::{
    db::{
        Database,
        error::{ResultTooLarge, wrapped},
        keyset::{PageRequest, Position},
    },
    events::Event,
    runs::{self, Error, Run},
    store::{
        FeedPosition, RunColumns, Store,
        feed::{self as store, FeedTable},
        read_all, select_events,
    },
};

/// Events of an interval, and the cursor to continue from; `None` at the end of the interval.
pub(super) type Events = (Vec<Arc<AddedEvent>>, Option<FeedCursor>);

/// Changes of an interval.
pub(super) struct Changes {
    pub(super) rows: Vec<Arc<Change>>,
    /// The cursor to continue from; `None` at the end of the interval.
    pub(super) next: Option<FeedCursor>,
    /// Whether all runs were removed among these changes, without their deletions being recorded.
    pub(super) is_truncated: bool,
}

const FORGED: &str = "this cursor was not issued by this server: pass a cursor unchanged";

/// The tables behind the feed of one database.
#[derive(Debug)]
pub(crate) struct ChangeLog {
    database: Database,
    origin: RwLock<FeedOrigin>,
}

impl ChangeLog {
    /// Opens the change log; starts it anew if the database has been moved here from another origin.
    pub(super) async fn open(database: Database) -> Result<Self, DbErr> {
        let origin = RwLock::new(origin::find(&database).await?);
        Ok(Self { database, origin })
    }

    /// Determines the origin again: another database may have taken the place of the one that was opened. Returns
    /// whether it has.
    pub(super) async fn reopen(&self) -> Result<bool, DbErr> {
        let found = origin::find(&self.database).await?;
        let mut origin = self.origin.write().unwrap_or_else(PoisonError::into_inner);
        let is_moved = found.feed != origin.feed;
        *origin = found;
        Ok(is_moved)
    }

    fn origin(&self) -> FeedOrigin {
        *self.origin.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the current position.
    pub(super) async fn position(&self) -> Result<FeedPosition, DbErr> {
        store::position(&self.database, self.database.read()).await
    }

    /// Returns whether the database still holds what it held at `position`; otherwise it has been restored to an
    /// earlier state since. `now` is its current position.
    pub(super) async fn holds(
        &self,
        position: &FeedPosition,
        now: &FeedPosition,
    ) -> Result<bool, DbErr> {
        let Some(newest) = position.newest.filter(|_| position.newest != now.newest) else {
            return Ok(true);
        };
        match store::find_change(&self.database, newest.seq).await? {
            Some(change) => Ok(change == newest),
            None => Ok(newest.seq <= origin::state(self.database.read()).await?.pruned_seq),
        }
    }

    /// Returns the cursor after everything committed by `position`.
    pub(super) fn cursor_at(&self, position: FeedPosition) -> FeedCursor {
        FeedCursor::at(self.origin().feed, position)
    }

    /// Returns the cursor before everything, in the interval that ends at `upto`.
    pub(super) fn beginning(&self, upto: FeedPosition) -> FeedCursor {
        FeedCursor::beginning(self.origin().feed, upto)
    }

    /// Validates that `cursor` belongs to this feed, and that the database still holds what is before it.
    ///
    /// # Errors
    /// Returns [`Error::CursorExpired`] otherwise, and [`Error::BadCursor`] if no database can have issued it.
    pub(super) async fn validate(
        &self,
        cursor: &FeedCursor,
        now: &FeedPosition,
    ) -> runs::Result<()> {
        if cursor.feed() != self.origin().feed {
            return Err(Error::CursorExpired);
        }
        if !cursor.is_comparable_to(now) {
            return Err(Error::BadCursor(FORGED));
        }
        let holds = self.holds(&cursor.upto, now).await?;
        holds.then_some(()).ok_or(Error::CursorExpired)
    }

    /// Validates in addition that the database still holds the event that `cursor` is after, and that the cursor is not
    /// ahead of `now`. Events need not come with changes.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate).
    pub(super) async fn validate_events(
        &self,
        cursor: &FeedCursor,
        now: &FeedPosition,
    ) -> runs::Result<()> {
        self.validate(cursor, now).await?;
        if cursor.upto.commit.is_ahead_of(&now.commit) {
            return Err(Error::CursorExpired);
        }
        let Some(id) = cursor.event else {
            return Ok(());
        };
        let select = event::Entity::find_by_id(id).filter(Expr::col("seq").eq(cursor.seq));
        let found = self.database.read().query_one(select.as_query()).await?;
        found.map(drop).ok_or(Error::CursorExpired)
    }

    /// Validates that no change after `cursor` has been pruned. Called after reading, this covers the rows
    /// just read.
    ///
    /// # Errors
    /// Returns [`Error::CursorExpired`] if one has been.
    pub(super) async fn validate_retained(&self, cursor: &FeedCursor) -> runs::Result<()> {
        let state = origin::state(self.database.read()).await?;
        let is_retained = state
            .pruned
            .and_then(|position| position.parse().ok())
            .is_none_or(|pruned| {
                // Either everything pruned is before the interval, or before the cursor within it.
                cursor.base.commit.includes(&pruned)
                    || cursor.upto.commit.includes(&pruned) && cursor.seq >= state.pruned_seq
            });
        is_retained.then_some(()).ok_or(Error::CursorExpired)
    }

    /// Returns up to `limit` changes after `cursor` in its interval; fewer if their rows are large.
    pub(super) async fn changes(
        &self,
        cursor: &FeedCursor,
        mut limit: u32,
    ) -> Result<Changes, DbErr> {
        loop {
            match self.read_changes(cursor, limit).await {
                Err(error) if can_read_fewer(limit, &error) => {
                    limit /= 2;
                }
                read => return read,
            }
        }
    }

    async fn read_changes(&self, cursor: &FeedCursor, limit: u32) -> Result<Changes, DbErr> {
        let select = change::Entity::find();
        let (rows, next) = self.read(FeedTable::Changes, select, cursor, limit).await?;
        let rows = rows.iter().map(change::Model::from_row);
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let is_truncated = rows.iter().any(change::Model::is_truncation);
        let runs = self.runs_of(&rows).await?;
        let changes = rows.into_iter().filter_map(|row| {
            let run = runs.get(&row.run_id);
            Change::new(cursor.after_row(row.seq), row, run).map(Arc::new)
        });
        Ok(Changes {
            rows: changes.collect(),
            next,
            is_truncated,
        })
    }

    /// Returns up to `limit` events after `cursor` in its interval: of one run, or of all runs; fewer if they are large.
    pub(super) async fn events(
        &self,
        cursor: &FeedCursor,
        run_id: Option<Uuid>,
        mut limit: u32,
    ) -> Result<Events, DbErr> {
        loop {
            match self.read_events(cursor, run_id, limit).await {
                Err(error) if can_read_fewer(limit, &error) => {
                    limit /= 2;
                }
                read => return read,
            }
        }
    }

    async fn read_events(
        &self,
        cursor: &FeedCursor,
        run_id: Option<Uuid>,
        limit: u32,
    ) -> Result<Events, DbErr> {
        let mut select = event::Entity::find();
        if let Some(run_id) = run_id {
            select = select.filter(event::Column::SyncId.eq(run_id));
        }
        let (rows, next) = self.read(FeedTable::Events, select, cursor, limit).await?;
        let events = rows.iter().map(|row| {
            let event = Event::from_row(row)?;
            let cursor = cursor.after_event(event.seq.unwrap_or_default(), event.id);
            Ok(Arc::new(AddedEvent { cursor, event }))
        });
        Ok((events.collect::<Result<_, DbErr>>()?, next))
    }

    /// Returns up to `limit` events of a run from before the feed, oldest first, after a position.
    pub(super) async fn adopted_events(
        &self,
        run_id: Uuid,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Event>, DbErr> {
        let Some(is_adopted) = store::is_adopted_event(&self.database, self.origin().moved_seq)
        else {
            return Ok(Vec::new());
        };
        let page = PageRequest {
            limit,
            offset: 0,
            after,
            before: None,
            from_end: false,
            fetch_extra: false,
        };
        let events = select_events()
            .and_where(event::Column::SyncId.eq(run_id))
            .and_where(is_adopted)
            .take();
        let order = Store::new(self.database.clone()).event_order(false);
        read_all(self.database.read(), &order.select(events, &page)).await
    }

    /// Returns a run without its details; `None` if there is no such run.
    pub(super) async fn run(&self, run_id: Uuid) -> Result<Option<Run>, DbErr> {
        let store = Store::new(self.database.clone());
        store.find_run(run_id, RunColumns::WithoutDetails).await
    }

    async fn runs_of(&self, rows: &[change::Model]) -> Result<HashMap<Uuid, Arc<Run>>, DbErr> {
        if rows.is_empty() {
            return Ok(HashMap::new());
        }
        let mut ids: Vec<Uuid> = rows.iter().map(|row| row.run_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let select = run::Entity::find().filter(run::Column::Id.is_in(ids));
        let rows = self.database.read().query_all(select.as_query()).await?;
        let runs = rows.iter().map(|row| {
            let run = Run::from_row(row)?;
            Ok((run.id, Arc::new(run)))
        });
        runs.collect()
    }

    /// Reads up to `limit` rows of `table` after `cursor` in its interval.
    async fn read<E: EntityTrait>(
        &self,
        table: FeedTable,
        select: Select<E>,
        cursor: &FeedCursor,
        limit: u32,
    ) -> Result<(Vec<QueryResult>, Option<FeedCursor>), DbErr> {
        let after = match table {
            FeedTable::Changes => cursor.seq,
            // Those up to it are adopted events.
            FeedTable::Events => Ord::max(cursor.seq, self.origin().moved_seq),
        };
        let seq = || Expr::col("seq");
        let select = select
            .filter(store::committed_between(table, &cursor.base, &cursor.upto))
            .filter(seq().gt(after))
            .order_by_asc(seq())
            .limit(u64::from(limit));
        let rows = self.database.read().query_all(select.as_query()).await?;
        let next = match rows.last() {
            Some(row) if rows.len() == limit as usize => {
                Some(cursor.after_row(row.try_get("", "seq")?))
            }
            _ => None,
        };
        Ok((rows, next))
    }
}

/// Returns whether fewer rows may be read after an error.
fn can_read_fewer(limit: u32, error: &DbErr) -> bool {
    limit > 1 && wrapped::<ResultTooLarge>(error).is_some()
}
