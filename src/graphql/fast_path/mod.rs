//! The fast path of response writing.
//!
//! async-graphql creates and joins a future for each field of each object, which costs more than most
//! fields do. A type that implements [`FastFields`] lists its fields in one table: for each, the columns
//! it needs, how it is resolved, and its cost. Scalars are written as JSON directly, nested objects
//! too, and fields that need a lookup are resolved for a whole list at once. A field without an entry is
//! resolved by async-graphql and is assumed to need all columns.

mod batch_field;
mod cost;
mod fast;
mod field;
mod selection_plan;

pub(crate) use batch_field::BatchField;
pub(crate) use cost::{FieldCost, Multiplier, ROW, STATEMENT};
pub(crate) use fast::{Fast, FastList};
pub(crate) use field::{FastFields, Field, NestedWriter};
pub(crate) use selection_plan::SelectionPlan;
