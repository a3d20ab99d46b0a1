//! Filters of runs.
//!
//! A filter is evaluated in the database for lists and in memory for the change feed. Each kind of filter
//! therefore implements both, side by side, and a test compares them. Both use two-valued logic: a
//! comparison with a value that a run does not have is false, and its negation is true.

use std::cell::OnceCell;

use chrono::{DateTime, Utc};
use entity::{SyncEntityType, SyncSource, SyncStatus, run::Column};
use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Condition, Expr, ExprTrait};
use strum::VariantArray;
use uuid::Uuid;

use super::{Run, duration_micros, ended_at, text_match::FoldedText};
use crate::store::Store;

pub use super::text_match::TextMatch;

/// A range of values. The lower bound is inclusive; the field says whether the upper bound is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Range<T> {
    /// Lower bound.
    pub from: Option<T>,
    /// Upper bound.
    pub to: Option<T>,
}

/// Values of an enum column to match.
#[derive(Clone, Debug)]
pub struct EnumFilter<T> {
    /// Matches any of these values.
    pub known: Vec<T>,
    /// Whether to match also a stored text that is no value of the enum.
    pub unknown: bool,
}

/// A filter of runs. A run matches if it matches every field that is set.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// The ID is one of these.
    pub id: Option<Vec<Uuid>>,
    /// The status is one of these.
    pub status: Option<EnumFilter<SyncStatus>>,
    /// The source is one of these.
    pub source: Option<EnumFilter<SyncSource>>,
    /// The entity type is one of these.
    pub entity_type: Option<EnumFilter<SyncEntityType>>,
    /// The run was triggered by one of these users.
    pub triggered_by_id: Option<Vec<Uuid>>,
    /// Start time, `from <= x < to`.
    pub started_at: Range<DateTime<Utc>>,
    /// End time, `from <= x < to`.
    pub completed_at: Range<DateTime<Utc>>,
    /// Duration in microseconds, `from <= x <= to`.
    pub duration: Range<i64>,
    /// Number of records processed, `from <= x <= to`.
    pub records_processed: Range<i32>,
    /// Number of records that failed, `from <= x <= to`.
    pub records_failed: Range<i32>,
    /// The error message contains this text.
    pub error_contains: Option<TextMatch>,
    /// The run matches at least one of these filters.
    pub any_of: Option<Vec<RunFilter>>,
    /// The run does not match this filter.
    pub not: Option<Box<RunFilter>>,
}

impl<T: AsRef<str> + VariantArray> EnumFilter<T> {
    fn condition(&self, column: Column) -> Condition {
        let any = Condition::any().add(column.is_in(self.known.iter().map(AsRef::as_ref)));
        if self.unknown {
            any.add(column.is_not_in(T::VARIANTS.iter().map(AsRef::as_ref)))
        } else {
            any
        }
    }

    fn matches(&self, text: &str) -> bool {
        let is = |value: &T| value.as_ref() == text;
        self.known.iter().any(is) || self.unknown && !T::VARIANTS.iter().any(is)
    }
}

impl RunFilter {
    /// Returns the condition that selects the matching runs.
    pub(super) fn condition(&self, store: &Store) -> Condition {
        let mut all = Condition::all();
        let ids = [
            (Column::Id, &self.id),
            (Column::TriggeredById, &self.triggered_by_id),
        ];
        for (column, ids) in ids {
            all = all.add_option(ids.as_ref().map(|ids| column.is_in(ids.iter().copied())));
        }
        for condition in self.enum_conditions() {
            all = all.add_option(condition);
        }
        for condition in self.range_conditions(store) {
            all = all.add_option(condition);
        }
        if let Some(part) = &self.error_contains {
            let column = Expr::col(Column::ErrorMessage);
            // Redundant, but it makes the partial index on runs with a message applicable.
            all = all.add(Column::ErrorMessage.is_not_null());
            all = all.add(store.contains_text(column, part.text()));
        }
        if let Some(filters) = &self.any_of {
            let any = filters
                .iter()
                .fold(never(), |any, filter| any.add(filter.condition(store)));
            all = all.add(any);
        }
        if let Some(filter) = &self.not {
            let inner = Expr::from(filter.condition(store));
            all = all.add(inner.is_not(Expr::custom_keyword("TRUE")));
        }
        all
    }

    fn enum_conditions(&self) -> [Option<Condition>; 3] {
        [
            self.status
                .as_ref()
                .map(|values| values.condition(Column::Status)),
            self.source
                .as_ref()
                .map(|values| values.condition(Column::Source)),
            self.entity_type
                .as_ref()
                .map(|values| values.condition(Column::EntityType)),
        ]
    }

    fn range_conditions(&self, store: &Store) -> [Option<Expr>; 10] {
        let Self {
            started_at,
            completed_at,
            duration,
            records_processed,
            records_failed,
            ..
        } = self;
        let operand = store.duration_operand();
        [
            started_at.from.map(|from| Column::StartedAt.gte(from)),
            started_at.to.map(|to| Column::StartedAt.lt(to)),
            completed_at.from.map(|from| store.ended_at().gte(from)),
            completed_at.to.map(|to| store.ended_at().lt(to)),
            duration
                .from
                .map(|from| store.duration().gte(operand(from))),
            duration.to.map(|to| store.duration().lte(operand(to))),
            records_processed
                .from
                .map(|from| Column::RecordsProcessed.gte(from)),
            records_processed
                .to
                .map(|to| Column::RecordsProcessed.lte(to)),
            records_failed
                .from
                .map(|from| Column::RecordsFailed.gte(from)),
            records_failed.to.map(|to| Column::RecordsFailed.lte(to)),
        ]
    }

    /// Returns whether `run` matches.
    #[must_use]
    pub fn matches(&self, run: &Run) -> bool {
        self.evaluate(&Subject::new(run), None)
    }

    /// Returns whether `run`, whose texts are not known, matches with some text.
    #[must_use]
    pub fn may_match(&self, run: &Run) -> bool {
        self.evaluate(&Subject::new(run), Some(true))
    }

    /// Evaluates the filter. Conditions on texts evaluate to `assumed` if it is given, and to its negation within `not`.
    fn evaluate(&self, subject: &Subject<'_>, assumed: Option<bool>) -> bool {
        let run = subject.run;
        let ids = |ids: &Option<Vec<Uuid>>, id: Option<Uuid>| {
            ids.as_ref()
                .is_none_or(|ids| ids.iter().any(|one| Some(*one) == id))
        };
        let part = |part: &TextMatch| {
            assumed.unwrap_or_else(|| subject.message().is_some_and(|text| part.matches(text)))
        };
        ids(&self.id, Some(run.id))
            && ids(&self.triggered_by_id, run.triggered_by_id)
            && self
                .status
                .as_ref()
                .is_none_or(|values| values.matches(&run.status))
            && self
                .source
                .as_ref()
                .is_none_or(|values| values.matches(&run.source))
            && self
                .entity_type
                .as_ref()
                .is_none_or(|values| values.matches(&run.entity_type))
            && self.started_at.holds(Some(run.started_at), |x, to| x < to)
            && self.completed_at.holds(ended_at(run), |x, to| x < to)
            && self.duration.holds(duration_micros(run), |x, to| x <= to)
            && self
                .records_processed
                .holds(Some(run.records_processed), |x, to| x <= to)
            && self
                .records_failed
                .holds(Some(run.records_failed), |x, to| x <= to)
            && self.error_contains.as_ref().is_none_or(part)
            && self
                .any_of
                .as_ref()
                .is_none_or(|any| any.iter().any(|one| one.evaluate(subject, assumed)))
            && self
                .not
                .as_ref()
                .is_none_or(|not| !not.evaluate(subject, assumed.map(|assumed| !assumed)))
    }
}

/// A run that is compared with a filter.
struct Subject<'a> {
    run: &'a Run,
    /// Its error message, folded at most once for all texts to search for.
    message: OnceCell<Option<FoldedText>>,
}

impl<'a> Subject<'a> {
    fn new(run: &'a Run) -> Self {
        let message = OnceCell::new();
        Self { run, message }
    }

    fn message(&self) -> Option<&FoldedText> {
        let fold = || self.run.error_message.as_deref().map(FoldedText::new);
        self.message.get_or_init(fold).as_ref()
    }
}

impl<T: PartialOrd> Range<T> {
    pub(super) fn is_some(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    fn holds(&self, value: Option<T>, below: impl Fn(&T, &T) -> bool) -> bool {
        let Some(value) = value else {
            return self.from.is_none() && self.to.is_none();
        };
        self.from.as_ref().is_none_or(|from| value >= *from)
            && self.to.as_ref().is_none_or(|to| below(&value, to))
    }
}

/// The start of a disjunction: SQL has no empty one.
fn never() -> Condition {
    Condition::any().add(Expr::val(1).eq(2))
}
