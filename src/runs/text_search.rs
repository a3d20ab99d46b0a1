//! How runs are found whose error message contains a text.
//!
//! The regular expression of [`RunFilter::candidates`] decides which runs match. Two things keep the database from
//! evaluating it for each run with a message: a text that is frequent fills a page from the newest of these runs, and one that
//! is rare is found by an index, which selects few runs. What is neither is a scan in the order of the list.

use std::borrow::Cow;

use sea_orm::sea_query::Expr;

use super::{
    Result, RunColumns, RunOrder, RunOrderField, RunSelection, Runs,
    filter::{RunFilter, TextMatch},
};
use crate::db::{ScanBudget, keyset::PageRequest};

/// Runs with an error message that are read in the order of the list, before an index is used.
const NEWEST: u32 = 1000;
/// Runs that an index selects, at most: each is looked up, and all are sorted.
const MAX_CANDIDATES: u32 = 3000;

/// How to read a page of runs.
#[derive(Debug)]
pub(super) enum Search {
    /// In the order of the list: no index supports a search, or there are few runs with a message.
    InOrder,
    /// By the index.
    ByIndex,
    /// In the order of the list to the end of this page; if that is not full, by the index.
    NewestFirst(PageRequest),
}

impl Runs {
    /// Decides how to read a page.
    pub(super) async fn search(
        &self,
        filter: &RunFilter,
        order: RunOrder,
        page: &PageRequest,
        budget: &ScanBudget,
    ) -> Result<Search> {
        if !self.preselects(filter) {
            return Ok(Search::InOrder);
        }
        // Runs with a message are indexed in this order only.
        if order.field != RunOrderField::StartedAt {
            return Ok(Search::ByIndex);
        }
        let with_message = RunFilter {
            error_contains: Some(TextMatch::new(String::new())),
            started_at: filter.started_at,
            ..RunFilter::default()
        };
        let last = PageRequest {
            limit: 1,
            offset: NEWEST,
            fetch_extra: false,
            ..*page
        };
        let columns = RunSelection::from(RunColumns::WithoutDetails);
        let last = self.page(&with_message, order, &last, &columns, budget);
        let Some(last) = last.await?.rows.pop() else {
            return Ok(Search::InOrder);
        };
        let mut newest = *page;
        let end = if page.from_end {
            &mut newest.after
        } else {
            &mut newest.before
        };
        *end = Some(order.field.position(&last.run));
        Ok(Search::NewestFirst(newest))
    }

    /// Restricts a filter to the runs that an index selects, if these are few.
    pub(super) async fn with_candidates<'a>(
        &self,
        filter: &'a RunFilter,
        search: &Search,
        budget: &ScanBudget,
    ) -> Result<Cow<'a, RunFilter>> {
        let text = match (search, &filter.error_contains) {
            (Search::ByIndex | Search::NewestFirst(_), Some(text)) => text.text(),
            _ => return Ok(Cow::Borrowed(filter)),
        };
        let few = self.store.preselected_runs(text, MAX_CANDIDATES, budget);
        Ok(match few.await? {
            None => Cow::Borrowed(filter),
            few => Cow::Owned(RunFilter {
                preselection: few,
                ..filter.clone()
            }),
        })
    }

    /// Lets an index select the runs that match, in any order.
    pub(super) fn with_preselection<'a>(&self, filter: &'a RunFilter) -> Cow<'a, RunFilter> {
        match self.preselection(filter) {
            None => Cow::Borrowed(filter),
            preselection => Cow::Owned(RunFilter {
                preselection,
                ..filter.clone()
            }),
        }
    }

    fn preselects(&self, filter: &RunFilter) -> bool {
        self.preselection(filter).is_some()
    }

    fn preselection(&self, filter: &RunFilter) -> Option<Expr> {
        // Runs with these IDs are few.
        if filter.id.is_some() {
            return None;
        }
        let text = filter.error_contains.as_ref()?;
        self.store.preselects_text(text.text())
    }
}
