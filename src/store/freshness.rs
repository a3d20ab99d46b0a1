//! The statements of freshness: the newest runs of pairs of an entity type and a source.
//!
//! An index on completed and failed runs supports them. It is partial, so the statuses are literals.

use std::{cmp::Reverse, fmt};

use chrono::{DateTime, Utc};
use entity::{RowReader, SyncEntityType, SyncSource};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use strum::VariantArray;
use uuid::Uuid;

use super::{Store, postgres, sqlite};
use crate::db::Database;

/// An entity type and a source: the runs of a pair transfer the same data again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// The entity type.
    pub entity_type: SyncEntityType,
    /// The source.
    pub source: SyncSource,
}

impl Pair {
    /// Returns all pairs, ordered by entity type and source.
    pub fn all() -> impl Iterator<Item = Self> {
        let entity_types = SyncEntityType::VARIANTS.iter();
        entity_types.flat_map(|entity_type| {
            SyncSource::VARIANTS.iter().map(|source| Self {
                entity_type: *entity_type,
                source: *source,
            })
        })
    }
}

impl Pair {
    /// Returns what pairs are ordered by.
    pub(crate) fn order(self) -> impl Ord {
        (self.entity_type as usize, self.source as usize)
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.entity_type, self.source)
    }
}

/// The successes of a pair around an instant, by when they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// The last one that started until then.
    pub previous: Option<DateTime<Utc>>,
    /// The first two that started later.
    pub next: [Option<DateTime<Utc>>; 2],
}

/// How much of a pair's history to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HistoryLimits {
    /// Maximum number of successes.
    pub(crate) successes: usize,
    /// Maximum number of failures that are counted.
    pub(crate) failures: u32,
}

/// The newest runs of a pair.
#[derive(Clone, Debug, Default)]
pub(crate) struct PairHistory {
    /// The newest run.
    pub(crate) last_run: Option<Uuid>,
    /// The newest runs that completed, newest first.
    pub(crate) successes: Vec<EndedRun>,
    /// Runs that failed and started after the newest success, up to a limit.
    pub(crate) failures: u32,
}

/// A run that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndedRun {
    pub(crate) id: Uuid,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) completed_at: Option<DateTime<Utc>>,
}

const NEWEST: &str = "ORDER BY started_at DESC, id DESC LIMIT";

impl Store {
    /// Reads the newest runs of these pairs, in one statement.
    pub(crate) async fn pair_histories(
        &self,
        pairs: &[Pair],
        limits: HistoryLimits,
    ) -> Result<Vec<PairHistory>, DbErr> {
        let mut histories = vec![PairHistory::default(); pairs.len()];
        if pairs.is_empty() {
            return Ok(histories);
        }
        let pairs = pairs.iter().enumerate();
        let selects = pairs.flat_map(|(index, pair)| self.select_history(index, *pair, limits));
        let sql = selects.collect::<Vec<_>>().join(" UNION ALL ");
        let statement = Statement::from_string(self.read().get_database_backend(), sql);
        for row in self.read().query_all_raw(statement).await? {
            let mut row = RowReader::new(&row)?;
            let index = usize::try_from(row.long("pair")?).unwrap_or(usize::MAX);
            let id = row.optional_uuid("id")?;
            let started_at = row.optional_instant("started_at")?;
            let completed_at = row.optional_instant("completed_at")?;
            let failures = row.optional_long("failures")?;
            let Some(history) = histories.get_mut(index) else {
                continue;
            };
            if let Some(failures) = failures {
                history.failures = u32::try_from(failures).unwrap_or_default();
                history.last_run = id;
            } else if let (Some(id), Some(started_at)) = (id, started_at) {
                history.successes.push(EndedRun {
                    id,
                    started_at,
                    completed_at,
                });
            }
        }
        for history in &mut histories {
            let successes = &mut history.successes;
            successes.sort_by_key(|run| Reverse((run.started_at, run.id)));
        }
        Ok(histories)
    }

    /// Returns the selects of a pair's history: of its last run and failures, and of its successes.
    fn select_history(&self, index: usize, pair: Pair, limits: HistoryLimits) -> [String; 2] {
        let Pair {
            entity_type,
            source,
        } = pair;
        let runs = format!(
            "FROM sync_history WHERE entity_type = '{entity_type}' AND source = '{source}'"
        );
        let successes = format!("{runs} AND status = 'completed' {NEWEST}");
        let first_instant = match &self.database {
            Database::Postgres(_) => postgres::FIRST_INSTANT,
            Database::Sqlite(_) => sqlite::FIRST_INSTANT,
        };
        let failures = format!(
            "SELECT count(*) FROM (SELECT 1 {runs} AND status = 'failed' \
             AND started_at > coalesce((SELECT started_at {successes} 1), {first_instant}) \
             {NEWEST} {max}) AS failed",
            max = limits.failures,
        );
        [
            format!(
                "SELECT CAST({index} AS bigint) AS pair, (SELECT id {runs} {NEWEST} 1) AS id, \
                 NULL AS started_at, NULL AS completed_at, ({failures}) AS failures"
            ),
            format!(
                "SELECT CAST({index} AS bigint), id, started_at, completed_at, NULL \
                 FROM (SELECT id, started_at, completed_at {successes} {max}) AS success",
                max = limits.successes,
            ),
        ]
    }

    /// Finds the successes of pairs around instants, in one statement, in the order of the instants.
    pub(crate) async fn successes_around(
        &self,
        instants: &[(Pair, DateTime<Utc>)],
    ) -> Result<Vec<Neighbours>, DbErr> {
        let mut all = vec![Neighbours::default(); instants.len()];
        if instants.is_empty() {
            return Ok(all);
        }
        let (rows, json) = match &self.database {
            Database::Postgres(_) => (postgres::PAIR_INSTANTS, postgres::pair_instants(instants)),
            Database::Sqlite(_) => (sqlite::PAIR_INSTANTS, sqlite::pair_instants(instants)),
        };
        let success = "(SELECT completed_at FROM sync_history WHERE entity_type = looked_up.entity_type \
             AND source = looked_up.source AND status = 'completed'";
        let sql = format!(
            "SELECT position, \
             {success} AND started_at <= looked_up.at ORDER BY started_at DESC, id DESC LIMIT 1), \
             {success} AND started_at > looked_up.at ORDER BY started_at ASC, id ASC LIMIT 1), \
             {success} AND started_at > looked_up.at ORDER BY started_at ASC, id ASC LIMIT 1 OFFSET 1) \
             FROM {rows}"
        );
        let backend = self.read().get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, [json.into()]);
        for row in self.read().query_all_raw(statement).await? {
            let mut row = RowReader::new(&row)?;
            let position = usize::try_from(row.long("position")?).unwrap_or(usize::MAX);
            let neighbours = Neighbours {
                previous: row.optional_instant("completed_at")?,
                next: [
                    row.optional_instant("completed_at")?,
                    row.optional_instant("completed_at")?,
                ],
            };
            if let Some(found) = all.get_mut(position) {
                *found = neighbours;
            }
        }
        Ok(all)
    }
}
