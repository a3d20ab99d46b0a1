//! Bookkeeping of the change feed: the database to which its transaction ids belong, and its retention.

use crate::Script;

pub(crate) fn migration() -> Script {
    Script::new(file!(), POSTGRES, SQLITE)
}

// home: the cluster and database that assigned the transaction ids. moved_seq: events up to this seq were restored
// from another database, so their xid has no meaning here. pruned: changes committed by this commit position have
// been deleted; pruned_seq: the highest seq of a deleted change. sync_moment samples the commit position at regular
// intervals, so that the position of one retention period ago is known. taken_at is in seconds since 1970, by the
// database's clock.
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
