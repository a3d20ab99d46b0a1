//! Pages and counts of runs.

use std::borrow::Cow;

use entity::run;
use sea_orm::DbErr;

use super::{
    LoadedRun, Result, RunColumns, RunOrder, RunSelection, Runs, filter::RunFilter, groups::groups,
    text_search::Search,
};
use crate::{
    db::{
        ScanBudget, StatementPool,
        keyset::{KeysetOrder, PageRequest, PageRows, PageSelect, Slice},
    },
    store::{UnknownValues, count, count_rows, select_runs},
};

/// Rows of merged lists that a page may skip without being a scan: all of them are sorted.
const MAX_MERGED_ROWS: u64 = 20_000;

/// IDs that begin with the same digits and are looked up one by one.
const MAX_IDS: usize = 1000;

/// How a list is read.
struct ListPlan {
    order: RunOrder,
    keyset: KeysetOrder,
    /// The parts of its groups that the page may include.
    slices: Vec<Slice>,
    is_indexed: bool,
}

impl Runs {
    /// Returns a page of the runs that match, with their selected parts.
    ///
    /// # Errors
    /// Returns [`Error::TooMuchToRead`](super::Error::TooMuchToRead) if no index supports the list and `budget` is
    /// spent, and an error if the database is unavailable.
    pub async fn list(
        &self,
        filter: &RunFilter,
        order: RunOrder,
        page: &PageRequest,
        selection: &RunSelection,
        budget: &ScanBudget,
    ) -> Result<PageRows<LoadedRun>> {
        let filter = &*self.with_fingerprints(filter).await?;
        let filter = &*self.with_ids(filter).await?;
        let read = async |filter: &RunFilter, page: &_, selection| {
            if filter.is_evaluated_in_memory() {
                self.scan_page(filter, order, page, selection, budget).await
            } else {
                self.page(filter, order, page, selection, budget).await
            }
        };
        let search = self.search(filter, order, page, budget).await?;
        if let Search::NewestFirst(newest) = &search {
            let rows = read(filter, newest, selection).await?;
            if rows.is_full(newest) {
                return Ok(rows);
            }
        }
        let filter = &*self.with_candidates(filter, &search, budget).await?;
        let rows = read(filter, page, selection).await?;
        let columns = RunSelection::from(RunColumns::WithoutDetails);
        if rows.is_beyond(page)
            && read(filter, &page.first_row(), &columns)
                .await?
                .rows
                .is_empty()
        {
            return Ok(PageRows::none());
        }
        Ok(rows)
    }

    /// Returns a page of the runs that match, whatever their details.
    pub(super) async fn page(
        &self,
        filter: &RunFilter,
        order: RunOrder,
        page: &PageRequest,
        selection: &RunSelection,
        budget: &ScanBudget,
    ) -> Result<PageRows<LoadedRun>> {
        let mut plan = self.plan(filter, order, page).await?;
        let query = self
            .store
            .query(plan.is_indexed, budget, async move |pool| {
                let skip = plan.skip(pool, page).await?;
                self.read_page(pool, plan, page, skip, selection).await
            });
        Ok(query.await?)
    }

    async fn plan(
        &self,
        filter: &RunFilter,
        order: RunOrder,
        page: &PageRequest,
    ) -> Result<ListPlan> {
        let mut is_indexed = filter.is_indexed(order.field);
        let mut unknown = UnknownValues::Any;
        // A list of runs with these IDs is short.
        if is_indexed
            && filter.id.is_none()
            && let Some(column) = filter.unknown_group(order.field)
        {
            unknown = self.store.unknown_values(column).await?;
            is_indexed = unknown != UnknownValues::Any;
        }
        let groups = groups(filter, order, &unknown, is_indexed, &self.store);
        let keyset = order.keyset(&self.store);
        let slices = keyset.slices(groups, page);
        let is_indexed = is_indexed && slices.iter().all(|slice| is_shallow(slice, page));
        Ok(ListPlan {
            order,
            keyset,
            slices,
            is_indexed,
        })
    }

    /// Reads a page from the slices of a plan, without `skip` rows of the first one.
    async fn read_page(
        &self,
        pool: &StatementPool,
        plan: ListPlan,
        page: &PageRequest,
        skip: u32,
        selection: &RunSelection,
    ) -> std::result::Result<PageRows<LoadedRun>, DbErr> {
        let ListPlan {
            order,
            keyset,
            slices,
            ..
        } = plan;
        let relations = selection.relations(&self.store);
        let select = select_runs(selection.columns);
        let (select, is_sorted) = match keyset.select_slices(select, slices, page, skip) {
            None => return Ok(PageRows::from_read(Vec::new(), page)),
            Some(PageSelect::Rows(select)) => (select, self.store.keeps_order(&relations)),
            Some(PageSelect::Ids(ids)) => (self.store.select_page(selection.columns, ids), false),
        };
        let columns = selection.columns;
        let mut runs = self
            .store
            .read_runs(pool, select, columns, &relations)
            .await?;
        if !is_sorted {
            order.sort(&mut runs);
            if page.from_end {
                runs.reverse();
            }
        }
        Ok(PageRows::from_read(runs, page))
    }

    /// Counts the runs that match, up to `limit`.
    ///
    /// # Errors
    /// Returns [`Error::TooMuchToRead`](super::Error::TooMuchToRead) if no index supports the filter and `budget` is
    /// spent, and an error if the database is unavailable.
    pub async fn count(&self, filter: &RunFilter, limit: u32, budget: &ScanBudget) -> Result<u32> {
        let filter = &*self.with_fingerprints(filter).await?;
        let filter = &*self.with_ids(filter).await?;
        let filter = &*self.with_preselection(filter);
        if filter.is_evaluated_in_memory() {
            return self.scan_count(filter, limit, budget).await;
        }
        let is_indexed = filter.is_indexed_for_count();
        let query = self.store.query(is_indexed, budget, async |pool| {
            let condition = filter.candidates(&self.store);
            count::<run::Entity>(pool, condition, limit).await
        });
        Ok(query.await?)
    }

    /// Replaces the beginning of an ID by the IDs that begin so, if these are few: then an index supports every list.
    async fn with_ids<'a>(&self, filter: &'a RunFilter) -> Result<Cow<'a, RunFilter>> {
        let Some(prefix) = &filter.id_starts_with else {
            return Ok(Cow::Borrowed(filter));
        };
        let ids = if let Some(ids) = &filter.id {
            let ids = ids.iter().copied();
            Some(ids.filter(|id| prefix.matches(*id)).collect())
        } else {
            let range = prefix.first..=prefix.last;
            self.store.ids_between(range, MAX_IDS).await?
        };
        Ok(match ids {
            None => Cow::Borrowed(filter),
            ids => Cow::Owned(RunFilter {
                id: ids,
                id_starts_with: None,
                ..filter.clone()
            }),
        })
    }
}

impl ListPlan {
    /// Drops the slices that a page skips as a whole, and returns the number of rows to skip of the first one that is left.
    async fn skip(
        &mut self,
        pool: &StatementPool,
        page: &PageRequest,
    ) -> std::result::Result<u32, DbErr> {
        let mut skip = page.offset;
        while skip > 0 && self.slices.len() > 1 {
            let mut rows = 0;
            for list in &self.slices[0].lists {
                let first = self.keyset.first_rows(list, page, skip - rows);
                rows += count_rows(pool, first, skip - rows).await?;
                if rows == skip {
                    return Ok(skip);
                }
            }
            skip -= rows;
            self.slices.remove(0);
        }
        Ok(skip)
    }
}

/// Returns whether few enough rows are sorted to skip those before the page.
fn is_shallow(slice: &Slice, page: &PageRequest) -> bool {
    let depth = u64::from(page.offset) + page.fetch_limit();
    slice.lists.len() == 1 || depth.saturating_mul(slice.lists.len() as u64) <= MAX_MERGED_ROWS
}
