//! What the change feed is kept by: which database its transaction ids are of, and how far back it
//! still goes.

use sea_orm_migration::prelude::*;

use crate::execute;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        execute(manager, POSTGRES, SQLITE).await
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration(
            "what the change feed is kept by is never taken away".into(),
        ))
    }
}

// home: the cluster and database in which the rows' xid mean something. moved_seq: events up to this
// seq came from elsewhere, and their xid means nothing here. pruned: the moment by which what was
// committed is no longer kept; pruned_seq: the highest seq of a change that is gone. A moment is taken every so often, so that the one a retention time ago
// is known; taken_at counts seconds since 1970 by the database's clock.
const POSTGRES: &str = "
ALTER TABLE sync_history.sync_feed
    ADD COLUMN home text,
    ADD COLUMN moved_seq bigint NOT NULL DEFAULT 0,
    ADD COLUMN pruned text,
    ADD COLUMN pruned_seq bigint NOT NULL DEFAULT 0;
CREATE TABLE sync_history.sync_moment (
    taken_at double precision NOT NULL PRIMARY KEY,
    head text NOT NULL
);
";

const SQLITE: &str = "
ALTER TABLE sync_feed ADD COLUMN home text;
ALTER TABLE sync_feed ADD COLUMN moved_seq integer NOT NULL DEFAULT 0;
ALTER TABLE sync_feed ADD COLUMN pruned text;
ALTER TABLE sync_feed ADD COLUMN pruned_seq integer NOT NULL DEFAULT 0;
CREATE TABLE sync_moment (
    taken_at real NOT NULL PRIMARY KEY,
    head text NOT NULL
);
";
