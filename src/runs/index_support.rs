//! Which lists of runs cost the same however many runs there are.
//!
//! An index leads to a list, newest first, of what is one in one of `status`, `source`, `entityType`
//! and `triggeredById`, or in two of the first three; and to a list in any other order. A list of
//! several words is the lists of each, union_all.

use sea_orm::sea_query::{Expr, Query, SelectStatement, UnionType};
use strum::VariantArray;

use super::{
    RunOrderField,
    filter::{EnumFilter, RunFilter},
};

/// Lists that are union_all into one, at most: each is read a page deep.
const MERGED: usize = 8;

impl RunFilter {
    /// Whether an index leads to the runs that match, in this order: then a page costs the same however
    /// many runs there are.
    #[must_use]
    pub fn is_indexed(&self, order: RunOrderField) -> bool {
        if self.error_contains.is_some() || self.any_of.is_some() || self.not.is_some() {
            return false;
        }
        if self.id.is_some() {
            return true;
        }
        let words = [
            self.status.as_ref().map(EnumFilter::known),
            self.source.as_ref().map(EnumFilter::known),
            self.entity_type.as_ref().map(EnumFilter::known),
        ];
        let users = self.triggered_by_id.as_ref().map(|ids| Some(ids.len()));
        let ranges = [
            (RunOrderField::StartedAt, self.started_at.is_some()),
            (RunOrderField::CompletedAt, self.completed_at.is_some()),
            (RunOrderField::Duration, self.duration.is_some()),
            (
                RunOrderField::RecordsProcessed,
                self.records_processed.is_some(),
            ),
            (RunOrderField::RecordsFailed, self.records_failed.is_some()),
        ];
        let most = match order {
            RunOrderField::StartedAt if users.is_none() => 2,
            RunOrderField::StartedAt => 1,
            _ => 0,
        };
        let given = || words.iter().flatten().chain(&users);
        let lists = given().try_fold(1, |lists: usize, one| Some(lists.saturating_mul((*one)?)));
        given().count() <= most
            && lists.is_some_and(|lists| lists <= MERGED)
            && ranges
                .iter()
                .all(|(field, is_given)| *field == order || !is_given)
    }

    /// Whether an index leads to the runs that match, in any order, as it takes to count them.
    #[must_use]
    pub fn is_indexed_for_count(&self) -> bool {
        let mut orders = RunOrderField::VARIANTS.iter();
        orders.any(|order| self.is_indexed(*order))
    }

    /// Filters of one word each that no run matches two of, and that match together what this one
    /// matches; none where it is such a filter already.
    pub(super) fn split_by_value(&self) -> Option<Vec<Self>> {
        let mut all = vec![self.clone()];
        all = each(all, self.status.as_ref(), |filter, word| {
            filter.status = Some(word);
        });
        all = each(all, self.source.as_ref(), |filter, word| {
            filter.source = Some(word);
        });
        all = each(all, self.entity_type.as_ref(), |filter, word| {
            filter.entity_type = Some(word);
        });
        if let Some(ids) = &self.triggered_by_id {
            let mut ids = ids.clone();
            ids.sort_unstable();
            ids.dedup();
            let with = |id, filter: &Self| Self {
                triggered_by_id: Some(vec![id]),
                ..filter.clone()
            };
            let ids = ids.into_iter();
            all = ids
                .flat_map(|id| all.iter().map(move |filter| with(id, filter)))
                .collect();
        }
        (self.id.is_none() && all.len() != 1).then_some(all)
    }
}

/// The filters, each with each of the words.
fn each<W: Copy + PartialEq>(
    filters: Vec<RunFilter>,
    words: Option<&EnumFilter<W>>,
    set: impl Fn(&mut RunFilter, EnumFilter<W>),
) -> Vec<RunFilter> {
    let Some(words) = words else {
        return filters;
    };
    let mut known: Vec<W> = Vec::with_capacity(words.known.len());
    for word in &words.known {
        if !known.contains(word) {
            known.push(*word);
        }
    }
    let mut all = Vec::with_capacity(filters.len() * known.len());
    for word in known {
        for filter in &filters {
            let mut filter = filter.clone();
            let known = vec![word];
            set(
                &mut filter,
                EnumFilter {
                    known,
                    unknown: false,
                },
            );
            all.push(filter);
        }
    }
    all
}

impl<W> EnumFilter<W> {
    /// How many words, if the known ones are all.
    fn known(&self) -> Option<usize> {
        (!self.unknown).then_some(self.known.len())
    }
}

/// Several lists that have no run in common, of each of which an index has the runs in order, as one; none
/// if there are none. One statement: a run that goes from one status to another is in exactly one of them.
pub(super) fn union_all(lists: impl Iterator<Item = SelectStatement>) -> Option<SelectStatement> {
    lists.map(part).reduce(|mut union, part| {
        union.union(UnionType::All, part);
        union
    })
}

/// A select as a part of a union: SQLite gives such a part an order and a limit in a subselect only.
fn part(select: SelectStatement) -> SelectStatement {
    Query::select()
        .expr(Expr::cust("*"))
        .from_subquery(select, "part")
        .take()
}
