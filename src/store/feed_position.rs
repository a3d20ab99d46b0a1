//! Positions in the feed: what had been committed, and the newest change of it.

use chrono::{DateTime, Utc};
use entity::RowReader;
use sea_orm::{DbErr, QueryResult};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::CommitPosition;

/// A commit position of the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FeedPosition {
    pub(crate) commit: CommitPosition,
    /// The newest change that had been committed by then; `None` if the change log was empty.
    pub(crate) newest: Option<NewestChange>,
}

/// Identifies the newest change of a position. If the change log does not hold it any more, the database has been
/// restored to an earlier state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NewestChange {
    pub(crate) seq: i64,
    /// Checksum of the change: a restored database gives the same `seq` to another one.
    checksum: u32,
    /// The transaction that wrote it; 0 on SQLite.
    pub(super) xid: u64,
}

impl FeedPosition {
    /// Returns the position before the first commit, on the kind of database that this position is of.
    pub(crate) fn beginning(&self) -> Self {
        Self {
            commit: self.commit.beginning(),
            newest: None,
        }
    }
}

impl NewestChange {
    /// The columns that [`read`](Self::read) expects, in this order, after `xid`.
    pub(super) const COLUMNS: &str = "seq, run_id, version, status, changed_at";

    /// Reads the columns of a change; `None` if they are null.
    pub(super) fn read(columns: &mut RowReader<'_>) -> Result<Option<Self>, DbErr> {
        let xid = columns.optional_text("xid")?;
        let xid = xid.and_then(|xid| xid.parse().ok()).unwrap_or_default();
        let Some(seq) = columns.optional_long("seq")? else {
            return Ok(None);
        };
        let run_id = columns.uuid("run_id")?;
        let version = columns.integer("version")?;
        let status = columns.text("status")?;
        let changed_at = columns.instant("changed_at")?;
        Ok(Some(Self {
            seq,
            checksum: checksum(run_id, version, &status, changed_at),
            xid,
        }))
    }

    /// Reads a row that consists of these columns.
    pub(super) fn from_row(row: &QueryResult) -> Result<Option<Self>, DbErr> {
        Self::read(&mut RowReader::new(row)?)
    }
}

fn checksum(run_id: Uuid, version: i32, status: &str, changed_at: DateTime<Utc>) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(run_id.as_bytes());
    hasher.update(&version.to_le_bytes());
    hasher.update(&changed_at.timestamp_micros().to_le_bytes());
    hasher.update(status.as_bytes());
    hasher.finalize()
}
