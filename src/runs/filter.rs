//! Filters of runs.
//!
//! A filter is evaluated in the database for lists and in memory for the change feed. Each kind of filter
//! therefore implements both, side by side, and a test compares them. Both use two-valued logic: a
//! comparison with a value that a run does not have is false, and its negation is true.
//!
//! Conditions on details are evaluated in memory for lists, too: for them, the database only selects candidates.

use std::cell::OnceCell;

use chrono::{DateTime, Utc};
use entity::{Details, RawObject, SyncEntityType, SyncSource, SyncStatus, run::Column};
use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Condition, Expr, ExprTrait};
use strum::VariantArray;
use uuid::Uuid;

use super::{
    Run, duration_micros, ended_at, failures::Fingerprint, text_match::FoldedText, updated_at,
};
use crate::store::Store;

pub use super::{
    details_filter::{DetailsFilter, DetailsTest},
    failures::FingerprintFilter,
    id_prefix::IdPrefix,
    range::Range,
    text_match::TextMatch,
};

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
    /// The ID begins with these digits.
    pub id_starts_with: Option<IdPrefix>,
    /// The status is one of these.
    pub status: Option<EnumFilter<SyncStatus>>,
    /// The source is one of these.
    pub source: Option<EnumFilter<SyncSource>>,
    /// The entity type is one of these.
    pub entity_type: Option<EnumFilter<SyncEntityType>>,
    /// The run was triggered by one of these users.
    pub triggered_by_id: Option<Vec<Uuid>>,
    /// Whether a user triggered the run.
    pub triggered_by_user: Option<bool>,
    /// Start time.
    pub started_at: Range<DateTime<Utc>>,
    /// End time.
    pub completed_at: Range<DateTime<Utc>>,
    /// Time of the latest change.
    pub updated_at: Range<DateTime<Utc>>,
    /// Duration in microseconds.
    pub duration: Range<i64>,
    /// Number of records processed.
    pub records_processed: Range<i32>,
    /// Number of records created.
    pub records_created: Range<i32>,
    /// Number of records updated.
    pub records_updated: Range<i32>,
    /// Number of records that failed.
    pub records_failed: Range<i32>,
    /// The error message contains this text.
    pub error_contains: Option<TextMatch>,
    /// A condition that all matching runs meet, with which the database finds them faster.
    pub(crate) preselection: Option<Expr>,
    /// The error message has one of these fingerprints.
    pub error_fingerprint: Option<FingerprintFilter>,
    /// The details match all of these.
    pub details: Vec<DetailsFilter>,
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
    /// Returns the condition that selects the matching runs; if the filter
    /// [is evaluated in memory](Self::is_evaluated_in_memory), those that may match.
    pub(super) fn candidates(&self, store: &Store) -> Condition {
        self.condition(store, true)
    }

    /// Returns whether the filter has conditions on details, which a database does not evaluate.
    #[must_use]
    pub fn tests_details(&self) -> bool {
        !self.details.is_empty()
            || self.any_of.iter().flatten().any(Self::tests_details)
            || self.not.as_deref().is_some_and(Self::tests_details)
    }

    /// Returns whether the filter has conditions that a database does not evaluate, as far as they are resolved.
    pub(super) fn is_evaluated_in_memory(&self) -> bool {
        self.tests_details() || self.any_fingerprints(|fingerprints| !fingerprints.is_resolved())
    }

    /// Conditions that a database does not evaluate evaluate to `assumed`, and to its negation within `not`.
    fn condition(&self, store: &Store, assumed: bool) -> Condition {
        let mut all = Condition::all();
        let ids = [
            (Column::Id, &self.id),
            (Column::TriggeredById, &self.triggered_by_id),
        ];
        for (column, ids) in ids {
            all = all.add_option(ids.as_ref().map(|ids| column.is_in(ids.iter().copied())));
        }
        if let Some(IdPrefix { first, last }) = self.id_starts_with {
            all = all.add(Column::Id.gte(first)).add(Column::Id.lte(last));
        }
        all = all.add_option(self.triggered_by_user.map(|by_user| {
            if by_user {
                Column::TriggeredById.is_not_null()
            } else {
                Column::TriggeredById.is_null()
            }
        }));
        for condition in self.enum_conditions() {
            all = all.add_option(condition);
        }
        for condition in self.range_conditions(store) {
            all = all.add(condition);
        }
        if let Some(part) = &self.error_contains {
            let column = Expr::col(Column::ErrorMessage);
            // Redundant, but it makes the partial index on runs with a message applicable.
            all = all.add(Column::ErrorMessage.is_not_null());
            if !part.text().is_empty() {
                all = all.add(store.contains_text(column, part.text()));
            }
        }
        all = all.add_option(self.preselection.clone());
        let fingerprints = self.error_fingerprint.as_ref();
        all = all.add_option(fingerprints.map(|one| one.condition(assumed)));
        for details in &self.details {
            all = all.add(if assumed {
                details.candidates(store)
            } else {
                never()
            });
        }
        if let Some(filters) = &self.any_of {
            let any = filters.iter().fold(never(), |any, filter| {
                any.add(filter.condition(store, assumed))
            });
            all = all.add(any);
        }
        if let Some(filter) = &self.not {
            let inner = Expr::from(filter.condition(store, !assumed));
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

    fn range_conditions(&self, store: &Store) -> impl Iterator<Item = Expr> {
        let column = Expr::col::<Column>;
        let times = [
            (column(Column::StartedAt), &self.started_at),
            (store.ended_at(), &self.completed_at),
            (store.updated_at(), &self.updated_at),
        ];
        let times = times.map(|(value, range)| range.conditions(&value, Expr::val));
        let counts = [
            (Column::RecordsProcessed, &self.records_processed),
            (Column::RecordsCreated, &self.records_created),
            (Column::RecordsUpdated, &self.records_updated),
            (Column::RecordsFailed, &self.records_failed),
        ];
        let counts = counts.map(|(name, range)| range.conditions(&column(name), Expr::val));
        let operand = store.duration_operand();
        let duration = self.duration.conditions(&store.duration(), operand);
        let ranges = times.into_iter().chain(counts).chain([duration]);
        ranges.flatten().flatten()
    }

    /// Returns whether `run` matches.
    #[must_use]
    pub fn matches(&self, run: &Run) -> bool {
        self.matches_with(run, &run.details)
    }

    /// Returns whether `run` matches with these details, whatever its own.
    #[must_use]
    pub fn matches_with(&self, run: &Run, details: &Details) -> bool {
        debug_assert!(*details != Details::NotLoaded || !self.tests_details());
        self.evaluate(&Subject::new(run, details), None)
    }

    /// Returns whether `run`, whose texts and details are not known, matches with some texts and details.
    #[must_use]
    pub fn may_match(&self, run: &Run) -> bool {
        self.evaluate(&Subject::new(run, &run.details), Some(true))
    }

    /// Evaluates the filter. Conditions on texts and details evaluate to `assumed` if it is given, and to its negation within
    /// `not`.
    fn evaluate(&self, subject: &Subject<'_>, assumed: Option<bool>) -> bool {
        let run = subject.run;
        let part = |part: &TextMatch| {
            assumed.unwrap_or_else(|| subject.message().is_some_and(|text| part.matches(text)))
        };
        let details =
            |details: &DetailsFilter| assumed.unwrap_or_else(|| details.matches(subject.details()));
        let fingerprints = |fingerprints: &FingerprintFilter| {
            assumed.unwrap_or_else(|| fingerprints.matches(subject.fingerprint()))
        };
        self.ids_match(run)
            && self.enums_match(run)
            && self.ranges_match(run)
            && self.error_contains.as_ref().is_none_or(part)
            && self.error_fingerprint.as_ref().is_none_or(fingerprints)
            && self.details.iter().all(details)
            && self
                .any_of
                .as_ref()
                .is_none_or(|any| any.iter().any(|one| one.evaluate(subject, assumed)))
            && self
                .not
                .as_ref()
                .is_none_or(|not| !not.evaluate(subject, assumed.map(|assumed| !assumed)))
    }

    fn ids_match(&self, run: &Run) -> bool {
        let is_one_of = |ids: &Option<Vec<Uuid>>, id: Option<Uuid>| {
            ids.as_ref()
                .is_none_or(|ids| ids.iter().any(|one| Some(*one) == id))
        };
        is_one_of(&self.id, Some(run.id))
            && is_one_of(&self.triggered_by_id, run.triggered_by_id)
            && self
                .id_starts_with
                .is_none_or(|prefix| prefix.matches(run.id))
            && self
                .triggered_by_user
                .is_none_or(|by_user| run.triggered_by_id.is_some() == by_user)
    }

    fn enums_match(&self, run: &Run) -> bool {
        self.status
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
    }

    fn ranges_match(&self, run: &Run) -> bool {
        self.started_at.holds(Some(run.started_at))
            && self.completed_at.holds(ended_at(run))
            && self.updated_at.holds(Some(updated_at(run)))
            && self.duration.holds(duration_micros(run))
            && self.records_processed.holds(Some(run.records_processed))
            && self.records_created.holds(Some(run.records_created))
            && self.records_updated.holds(Some(run.records_updated))
            && self.records_failed.holds(Some(run.records_failed))
    }
}

/// A run that is compared with a filter.
struct Subject<'a> {
    run: &'a Run,
    details: &'a Details,
    /// Its details, parsed at most once for all conditions on them.
    object: OnceCell<Option<RawObject<'a>>>,
    /// Its error message, folded at most once for all texts to search for.
    message: OnceCell<Option<FoldedText>>,
    /// Its fingerprint, computed at most once.
    fingerprint: OnceCell<Option<Fingerprint>>,
}

impl<'a> Subject<'a> {
    fn new(run: &'a Run, details: &'a Details) -> Self {
        Self {
            run,
            details,
            object: OnceCell::new(),
            message: OnceCell::new(),
            fingerprint: OnceCell::new(),
        }
    }

    fn message(&self) -> Option<&FoldedText> {
        let fold = || self.run.error_message.as_deref().map(FoldedText::new);
        self.message.get_or_init(fold).as_ref()
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        let compute = || Fingerprint::of_run(self.run);
        *self.fingerprint.get_or_init(compute)
    }

    fn details(&self) -> Option<&RawObject<'a>> {
        self.object.get_or_init(|| self.details.object()).as_ref()
    }
}

/// The start of a disjunction: SQL has no empty one.
fn never() -> Condition {
    Condition::any().add(Expr::val(1).eq(2))
}
