//! Ranges of values.

use std::ops::Bound;

use sea_orm::sea_query::{Expr, ExprTrait};

/// A range of values. A value that a run does not have is in no range, unless the range has no bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Range<T> {
    lower: Bound<T>,
    upper: Bound<T>,
}

/// All values.
impl<T> Default for Range<T> {
    fn default() -> Self {
        Self {
            lower: Bound::Unbounded,
            upper: Bound::Unbounded,
        }
    }
}

impl<T: Copy + PartialOrd> Range<T> {
    /// Returns the values that are greater than `gt`, at least `gte`, less than `lt` and at most `lte`, if these are given.
    #[must_use]
    pub fn new(gt: Option<T>, gte: Option<T>, lt: Option<T>, lte: Option<T>) -> Self {
        Self {
            lower: match (gt, gte) {
                (Some(gt), Some(gte)) if gt < gte => Bound::Included(gte),
                (Some(gt), _) => Bound::Excluded(gt),
                (None, Some(gte)) => Bound::Included(gte),
                (None, None) => Bound::Unbounded,
            },
            upper: match (lt, lte) {
                (Some(lt), Some(lte)) if lt > lte => Bound::Included(lte),
                (Some(lt), _) => Bound::Excluded(lt),
                (None, Some(lte)) => Bound::Included(lte),
                (None, None) => Bound::Unbounded,
            },
        }
    }

    /// Returns whether it has a bound.
    pub(crate) fn is_some(&self) -> bool {
        !matches!(
            (self.lower, self.upper),
            (Bound::Unbounded, Bound::Unbounded)
        )
    }

    /// Returns whether it contains a value.
    pub(super) fn holds(&self, value: Option<T>) -> bool {
        let Some(value) = value else {
            return !self.is_some();
        };
        let above = match self.lower {
            Bound::Included(lower) => value >= lower,
            Bound::Excluded(lower) => value > lower,
            Bound::Unbounded => true,
        };
        let below = match self.upper {
            Bound::Included(upper) => value <= upper,
            Bound::Excluded(upper) => value < upper,
            Bound::Unbounded => true,
        };
        above && below
    }

    /// Returns the conditions that it contains the value of an expression; `operand` converts a bound.
    pub(crate) fn conditions(
        &self,
        value: &Expr,
        operand: impl Fn(T) -> Expr,
    ) -> [Option<Expr>; 2] {
        let value = || value.clone();
        [
            match self.lower {
                Bound::Included(lower) => Some(value().gte(operand(lower))),
                Bound::Excluded(lower) => Some(value().gt(operand(lower))),
                Bound::Unbounded => None,
            },
            match self.upper {
                Bound::Included(upper) => Some(value().lte(operand(upper))),
                Bound::Excluded(upper) => Some(value().lt(operand(upper))),
                Bound::Unbounded => None,
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_given_bounds_hold() {
        let bounds = || [None, Some(1), Some(2), Some(3)].into_iter();
        for (gt, gte) in bounds().flat_map(|gt| bounds().map(move |gte| (gt, gte))) {
            for (lt, lte) in bounds().flat_map(|lt| bounds().map(move |lte| (lt, lte))) {
                let range = Range::new(gt, gte, lt, lte);
                for value in 0..=4 {
                    let expected = gt.is_none_or(|gt| value > gt)
                        && gte.is_none_or(|gte| value >= gte)
                        && lt.is_none_or(|lt| value < lt)
                        && lte.is_none_or(|lte| value <= lte);
                    assert_eq!(range.holds(Some(value)), expected, "{range:?} {value}");
                }
                let is_unbounded = [gt, gte, lt, lte].iter().all(Option::is_none);
                assert_eq!(range.holds(None), is_unbounded, "{range:?}");
            }
        }
    }
}
