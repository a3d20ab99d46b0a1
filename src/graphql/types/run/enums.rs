//! The stored words as enums of the API.
//!
//! Each has one value more than the column has words: another writer may store a text that none of
//! them is, and the row that holds it must not take its page down. `errorMessage` then says which
//! text it is.

use std::str::FromStr;

use async_graphql::Enum;
use serde::Serialize;
use strum::{AsRefStr, EnumString};

use crate::runs::{Error, Result, filter::EnumFilter};

/// What a run synchronises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum, AsRefStr, EnumString, Serialize)]
#[strum(serialize_all = "lowercase")]
#[serde(rename_all = "UPPERCASE")]
pub enum SyncEntityType {
    /// Items for sale.
    Product,
    /// Sizes and weights.
    Measurement,
    /// Quantities on hand.
    Stock,
    /// Price lists.
    Pricing,
    /// Makers of items.
    Manufacturer,
    /// Buyers.
    Customer,
    /// Sales.
    Order,
    /// Vehicle fitment data of the Auto Care Association.
    Autocare,
    /// The stored text is none of the above; `errorMessage` says which it is. Filters may ask for it.
    #[default]
    Unknown,
}

/// The system a run reads from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum, AsRefStr, EnumString, Serialize)]
#[strum(serialize_all = "lowercase")]
#[serde(rename_all = "UPPERCASE")]
pub enum SyncSource {
    /// The AS/400.
    #[graphql(name = "AS400")]
    As400,
    /// FileMaker.
    Filemaker,
    /// A web API.
    Api,
    /// A file.
    File,
    /// Anything else outside.
    External,
    /// The stored text is none of the above; `errorMessage` says which it is. Filters may ask for it.
    #[default]
    Unknown,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum, AsRefStr, EnumString, Serialize)]
#[strum(serialize_all = "lowercase")]
#[serde(rename_all = "UPPERCASE")]
pub enum SyncStatus {
    /// Announced, not started.
    Pending,
    /// Under way.
    Running,
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed,
    /// Ended by a person.
    Cancelled,
    /// The stored text is none of the above; `errorMessage` says which it is. Filters may ask for it.
    #[default]
    Unknown,
}

/// The statuses a run can be completed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum SyncOutcome {
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed,
    /// Ended by a person.
    Cancelled,
}

/// The stored text as a value.
pub(crate) fn from_stored<W: FromStr + Default>(text: &str) -> W {
    text.parse().unwrap_or_default()
}

impl From<SyncOutcome> for entity::SyncStatus {
    fn from(outcome: SyncOutcome) -> Self {
        match outcome {
            SyncOutcome::Completed => Self::Completed,
            SyncOutcome::Failed => Self::Failed,
            SyncOutcome::Cancelled => Self::Cancelled,
        }
    }
}

/// The word that a client gave as `name`, to be stored or compared with.
pub(crate) fn parse_enum<W: FromStr>(name: &str, value: impl AsRef<str>) -> Result<W> {
    value.as_ref().parse().map_err(|_| {
        Error::BadInput(format!(
            "{name} is UNKNOWN, which only describes texts that other writers stored; give one of \
             the other values"
        ))
    })
}

/// The words that a client filters by.
pub(crate) fn enum_filter<W: FromStr, V: AsRef<str>>(values: &[V]) -> EnumFilter<W> {
    let known: Vec<W> = values
        .iter()
        .filter_map(|value| value.as_ref().parse().ok())
        .collect();
    let unknown = known.len() < values.len();
    EnumFilter { known, unknown }
}
