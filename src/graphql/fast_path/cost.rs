//! Costs of fields, in resolved fields of about 0.6 µs each.

/// Cost of reading a row.
pub(crate) const ROW: u64 = 2;
/// Base cost of a statement.
pub(crate) const STATEMENT: u64 = 50;

/// Cost of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldCost {
    /// Cost of the field itself.
    pub(crate) base: u64,
    /// How often its selection is resolved.
    pub(crate) multiplier: Multiplier,
}

/// The number of times a field's selection is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Multiplier {
    /// Lists in the selection have a page of rows; its size is `first` or `last` if the field is a
    /// connection.
    Page,
    /// Lists in the selection have this many rows.
    Rows(u64),
    /// Lists in the selection have as many rows as the argument `first` says, or this many without it.
    First(u64),
    /// Lists in the selection have a row for each item of this list in the argument `input`.
    Input(&'static str),
    /// Lists in the selection have a row for each item of this list in the argument `input`, which takes a statement
    /// that writes.
    Statements(&'static str),
    /// The field is a list with a row for each item of this argument.
    Argument(&'static str),
    /// The field is a list of this average length.
    Average(u64),
    /// One in this many parts of the selection is not null.
    Fraction(u64),
    /// The field counts rows, up to its argument `upTo`.
    Count,
}

impl FieldCost {
    /// The cost of a field that needs no lookup.
    pub(crate) const SCALAR: Self = Self::page(1);

    /// Creates the cost of a field whose lists have a page of rows.
    pub(crate) const fn page(base: u64) -> Self {
        Self {
            base,
            multiplier: Multiplier::Page,
        }
    }
}

impl Multiplier {
    /// Returns whether it is the length of the field's own list, which the parent field does not determine.
    pub(crate) fn is_own_length(self) -> bool {
        matches!(self, Self::Argument(_) | Self::Average(_))
    }
}
