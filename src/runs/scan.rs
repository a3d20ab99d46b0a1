//! Lists and counts by conditions that the database does not evaluate, such as those on details: candidates are read in the order of the
//! list until the page is full.

use std::{collections::HashMap, ops::ControlFlow};

use uuid::Uuid;

use super::{
    Error, LoadedRun, Result, RunColumns, RunOrder, RunOrderField, RunSelection, Runs,
    filter::RunFilter,
};
use crate::db::{
    ScanBudget,
    keyset::{PageRequest, PageRows},
};

/// Candidates of the first batch. Most are runs that match.
const FIRST_BATCH: u32 = 200;
/// Candidates of later batches, at most.
const MAX_BATCH: u32 = 2_000;

/// The order of scans whose order does not matter.
pub(super) const NEWEST_FIRST: RunOrder = RunOrder {
    field: RunOrderField::StartedAt,
    descending: true,
};

impl Runs {
    /// Returns a page of the runs that match, with their selected parts.
    pub(super) async fn scan_page(
        &self,
        filter: &RunFilter,
        order: RunOrder,
        page: &PageRequest,
        selection: &RunSelection,
        budget: &ScanBudget,
    ) -> Result<PageRows<LoadedRun>> {
        let (mut skip, limit) = (page.offset, page.fetch_limit());
        let mut found = Vec::new();
        self.scan(filter, order, page, budget, |run| {
            if skip > 0 {
                skip -= 1;
            } else if (found.len() as u64) < limit {
                found.push(run);
            }
            if found.len() as u64 == limit {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .await?;
        if selection.user || selection.events.is_some() {
            self.load_relations(&mut found, selection, budget).await?;
        }
        Ok(PageRows::from_read(found, page))
    }

    /// Counts the runs that match, up to `limit`.
    pub(super) async fn scan_count(
        &self,
        filter: &RunFilter,
        limit: u32,
        budget: &ScanBudget,
    ) -> Result<u32> {
        let mut count = 0;
        self.scan(
            filter,
            NEWEST_FIRST,
            &PageRequest::default(),
            budget,
            |_| {
                count += 1;
                if count == limit {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        )
        .await?;
        Ok(count)
    }

    /// Returns the IDs of the runs that match, `limit` at most.
    pub(super) async fn scan_ids(
        &self,
        filter: &RunFilter,
        limit: usize,
        budget: &ScanBudget,
    ) -> Result<Vec<Uuid>> {
        let mut ids = Vec::new();
        self.scan(
            filter,
            NEWEST_FIRST,
            &PageRequest::default(),
            budget,
            |loaded| {
                ids.push(loaded.run.id);
                if ids.len() == limit {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        )
        .await?;
        Ok(ids)
    }

    /// Passes the runs that match to `visit`, from the cursors of a page on in its direction, until it breaks.
    pub(super) async fn scan(
        &self,
        filter: &RunFilter,
        order: RunOrder,
        page: &PageRequest,
        budget: &ScanBudget,
        mut visit: impl FnMut(LoadedRun) -> ControlFlow<()>,
    ) -> Result<()> {
        let selection = RunSelection::from(RunColumns::All);
        let mut batch = PageRequest {
            limit: FIRST_BATCH,
            offset: 0,
            fetch_extra: false,
            ..*page
        };
        loop {
            let read = self.page(filter, order, &batch, &selection, budget).await;
            let mut rows = match read {
                // Details may be large.
                Err(Error::RowsTooLarge(_)) if batch.limit > 1 => {
                    batch.limit /= 2;
                    continue;
                }
                read => read?.rows,
            };
            if page.from_end {
                rows.reverse();
            }
            let is_last = rows.len() < batch.limit as usize;
            let position = rows.last().map(|row| order.field.position(&row.run));
            for row in rows {
                if filter.matches(&row.run) && visit(row).is_break() {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
            if page.from_end {
                batch.before = position;
            } else {
                batch.after = position;
            }
            batch.limit = (batch.limit * 4).min(MAX_BATCH);
        }
    }

    /// Loads the selected users and events of runs.
    async fn load_relations(
        &self,
        runs: &mut [LoadedRun],
        selection: &RunSelection,
        budget: &ScanBudget,
    ) -> Result<()> {
        let filter = RunFilter {
            id: Some(runs.iter().map(|loaded| loaded.run.id).collect()),
            ..RunFilter::default()
        };
        let page = PageRequest {
            limit: u32::try_from(runs.len()).unwrap_or(u32::MAX),
            ..PageRequest::default()
        };
        let loaded = self
            .page(&filter, NEWEST_FIRST, &page, selection, budget)
            .await?;
        let loaded = loaded.rows.into_iter().map(|row| (row.run.id, row));
        let mut loaded: HashMap<_, _> = loaded.collect();
        for row in runs {
            // None if the run has been deleted meanwhile: its events are looked up when they are resolved.
            if let Some(LoadedRun { user, events, .. }) = loaded.remove(&row.run.id) {
                (row.user, row.events) = (user, events);
            }
        }
        Ok(())
    }
}
