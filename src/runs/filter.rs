//! Which runs are wanted.
//!
//! A filter of runs is asked twice: by the database, for lists, and in memory, for the change
//! feed. Each part therefore says both, side by side, and a test holds the two together. Both are
//! two-valued: a comparison with a value that a run does not have is false, and its negation true.

use chrono::{DateTime, Utc};
use entity::{SyncEntityType, SyncSource, SyncStatus, run::Column};
use regex::Regex;
use sea_orm::sea_query::extension::postgres::PgExpr;
use sea_orm::sea_query::{Condition, Expr, ExprTrait};
use sea_orm::{ColumnTrait, DbBackend};
use strum::VariantArray;
use uuid::Uuid;

use super::{Run, duration};

/// Lower bound included, upper bound as the field says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Range<T> {
    /// The smallest value that matches.
    pub from: Option<T>,
    /// The bound above.
    pub to: Option<T>,
}

/// EnumFilter to match, and whether to match what is none of the known ones.
#[derive(Clone, Debug)]
pub struct EnumFilter<W> {
    /// Any of these.
    pub known: Vec<W>,
    /// Or a stored text that is no known word.
    pub unknown: bool,
}

/// A part of a text, in whatever case.
#[derive(Clone, Debug)]
pub struct TextMatch {
    text: String,
    pattern: Regex,
}

/// All given parts must hold.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Any of these ids.
    pub id: Option<Vec<Uuid>>,
    /// Any of these statuses.
    pub status: Option<EnumFilter<SyncStatus>>,
    /// Any of these sources.
    pub source: Option<EnumFilter<SyncSource>>,
    /// Any of these entity types.
    pub entity_type: Option<EnumFilter<SyncEntityType>>,
    /// Triggered by any of these users.
    pub triggered_by_id: Option<Vec<Uuid>>,
    /// from <= x < to
    pub started_at: Range<DateTime<Utc>>,
    /// from <= x < to
    pub completed_at: Range<DateTime<Utc>>,
    /// Microseconds; from <= x <= to
    pub duration: Range<i64>,
    /// from <= x <= to
    pub records_processed: Range<i32>,
    /// from <= x <= to
    pub records_failed: Range<i32>,
    /// Part of the error message.
    pub error_contains: Option<TextMatch>,
    /// Any of these must hold.
    pub any_of: Option<Vec<RunFilter>>,
    /// This must not hold.
    pub not: Option<Box<RunFilter>>,
}

impl TextMatch {
    /// Looks for `text`, in whatever case.
    ///
    /// # Errors
    /// The text is too long to search for.
    pub fn new(text: String) -> Result<Self, regex::Error> {
        let pattern = Regex::new(&pattern(&text))?;
        Ok(Self { text, pattern })
    }
}

fn pattern(text: &str) -> String {
    format!("(?i){}", regex::escape(text))
}

/// The condition that `column` contains `text` in whatever case. SQLite's LIKE knows the case of
/// ASCII alone, so its connections carry a REGEXP that knows all of Unicode.
pub(crate) fn contains(column: Expr, text: &str, backend: DbBackend) -> Expr {
    match backend {
        DbBackend::Postgres => {
            // The backslash is LIKE's escape unless told otherwise.
            let escaped = text
                .replace('\\', "\\\\")
                .replace('%', "\\%")
                .replace('_', "\\_");
            column.ilike(format!("%{escaped}%"))
        }
        _ => Expr::cust_with_exprs("? REGEXP ?", [column, Expr::val(pattern(text))]),
    }
}

impl<W: AsRef<str> + VariantArray> EnumFilter<W> {
    fn condition(&self, column: Column) -> Condition {
        let any = Condition::any().add(column.is_in(self.known.iter().map(AsRef::as_ref)));
        if self.unknown {
            any.add(column.is_not_in(W::VARIANTS.iter().map(AsRef::as_ref)))
        } else {
            any
        }
    }

    fn matches(&self, text: &str) -> bool {
        let is = |word: &W| word.as_ref() == text;
        self.known.iter().any(is) || self.unknown && !W::VARIANTS.iter().any(is)
    }
}

impl RunFilter {
    /// The filter as the database asks it.
    #[must_use]
    pub fn condition(&self, backend: DbBackend) -> Condition {
        let mut all = Condition::all();
        let ids = [
            (Column::Id, &self.id),
            (Column::TriggeredById, &self.triggered_by_id),
        ];
        for (column, ids) in ids {
            all = all.add_option(ids.as_ref().map(|ids| column.is_in(ids.iter().copied())));
        }
        let words = [
            self.status
                .as_ref()
                .map(|words| words.condition(Column::Status)),
            self.source
                .as_ref()
                .map(|words| words.condition(Column::Source)),
            self.entity_type
                .as_ref()
                .map(|words| words.condition(Column::EntityType)),
        ];
        for condition in words {
            all = all.add_option(condition);
        }
        let instants = [
            (Column::StartedAt, self.started_at),
            (Column::CompletedAt, self.completed_at),
        ];
        for (column, range) in instants {
            all = all.add_option(range.from.map(|from| column.gte(from)));
            all = all.add_option(range.to.map(|to| column.lt(to)));
        }
        let length = || duration::expression(backend);
        let operand = |micros| duration::operand(backend, micros);
        all = all.add_option(self.duration.from.map(|from| length().gte(operand(from))));
        all = all.add_option(self.duration.to.map(|to| length().lte(operand(to))));
        let counts = [
            (Column::RecordsProcessed, self.records_processed),
            (Column::RecordsFailed, self.records_failed),
        ];
        for (column, range) in counts {
            all = all.add_option(range.from.map(|from| column.gte(from)));
            all = all.add_option(range.to.map(|to| column.lte(to)));
        }
        if let Some(part) = &self.error_contains {
            let column = Expr::col(Column::ErrorMessage);
            // Said again for the index on runs that have a message.
            all = all.add(Column::ErrorMessage.is_not_null());
            all = all.add(contains(column, &part.text, backend));
        }
        if let Some(filters) = &self.any_of {
            let any = filters
                .iter()
                .fold(never(), |any, filter| any.add(filter.condition(backend)));
            all = all.add(any);
        }
        if let Some(filter) = &self.not {
            let inner = Expr::from(filter.condition(backend));
            all = all.add(inner.is_not(Expr::custom_keyword("TRUE")));
        }
        all
    }

    /// The filter as the change feed asks it.
    #[must_use]
    pub fn matches(&self, run: &Run) -> bool {
        let ids = |ids: &Option<Vec<Uuid>>, id: Option<Uuid>| {
            ids.as_ref()
                .is_none_or(|ids| ids.iter().any(|one| Some(*one) == id))
        };
        let part = |part: &TextMatch| {
            let message = run.error_message.as_deref();
            message.is_some_and(|message| part.pattern.is_match(message))
        };
        ids(&self.id, Some(run.id))
            && ids(&self.triggered_by_id, run.triggered_by_id)
            && self
                .status
                .as_ref()
                .is_none_or(|words| words.matches(&run.status))
            && self
                .source
                .as_ref()
                .is_none_or(|words| words.matches(&run.source))
            && self
                .entity_type
                .as_ref()
                .is_none_or(|words| words.matches(&run.entity_type))
            && self.started_at.holds(Some(run.started_at), |x, to| x < to)
            && self.completed_at.holds(run.completed_at, |x, to| x < to)
            && self.duration.holds(run.duration_micros(), |x, to| x <= to)
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
                .is_none_or(|any| any.iter().any(|one| one.matches(run)))
            && self.not.as_ref().is_none_or(|not| !not.matches(run))
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

/// An alternative of nothing; SQL has none, so it starts with what is false.
fn never() -> Condition {
    Condition::any().add(Expr::val(1).eq(2))
}
