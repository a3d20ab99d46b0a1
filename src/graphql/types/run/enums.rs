//! Enums of runs.
//!
//! Each stored enum has the additional value `UNKNOWN`: another writer may store a text that this server
//! does not know, and such a row must not fail the page it is on. `errorMessage` then quotes the text.

use std::str::FromStr;

use async_graphql::Enum;
use serde::Serialize;
use strum::{AsRefStr, EnumString};

use crate::runs::{Error, Result, filter::EnumFilter};

/// The type of the records that a run transfers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum, AsRefStr, EnumString, Serialize)]
#[strum(serialize_all = "lowercase")]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum SyncEntityType {
    /// Products.
    Product,
    /// Product dimensions and weights.
    Measurement,
    /// Stock levels.
    Stock,
    /// Prices.
    Pricing,
    /// Manufacturers.
    Manufacturer,
    /// Customers.
    Customer,
    /// Orders.
    Order,
    /// Vehicle fitment data of the Auto Care Association.
    Autocare,
    /// The stored entity type is not known to this server; `errorMessage` quotes it. Valid in filters, not
    /// in other input.
    #[default]
    Unknown,
}

/// The system that a run transfers records from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum, AsRefStr, EnumString, Serialize)]
#[strum(serialize_all = "lowercase")]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum SyncSource {
    /// The AS/400.
    #[graphql(name = "AS400")]
    As400,
    /// FileMaker.
    Filemaker,
    /// A web API.
    Api,
    /// A file.
    File,
    /// Another external system.
    External,
    /// The stored source is not known to this server; `errorMessage` quotes it. Valid in filters, not in
    /// other input.
    #[default]
    Unknown,
}

/// The status of a run. An open run is PENDING or RUNNING; a run that has ended keeps its status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum, AsRefStr, EnumString, Serialize)]
#[strum(serialize_all = "lowercase")]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum SyncStatus {
    /// Created but not started.
    Pending,
    /// Started and not ended.
    Running,
    /// Ended successfully.
    Completed,
    /// Ended with an error.
    Failed,
    /// Cancelled by a person or an application.
    Cancelled,
    /// The stored status is not known to this server; `errorMessage` quotes it. Valid in filters, not in
    /// other input.
    #[default]
    Unknown,
}

/// The statuses that a run can end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum SyncOutcome {
    /// Ended successfully.
    Completed,
    /// Ended with an error.
    Failed,
    /// Cancelled by a person or an application.
    Cancelled,
}

/// Returns the value of a stored text, `UNKNOWN` if there is none.
pub(crate) fn from_stored<E: FromStr + Default>(text: &str) -> E {
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

/// Converts the value of the input field `name` to the domain's enum.
///
/// # Errors
/// Returns [`Error::BadInput`] if it is `UNKNOWN`.
pub(crate) fn parse_enum<E: FromStr>(name: &str, value: impl AsRef<str>) -> Result<E> {
    value.as_ref().parse().map_err(|_| {
        Error::BadInput(format!(
            "{name} is UNKNOWN, which is not valid here; use one of the other values"
        ))
    })
}

/// Converts the values of a filter. `UNKNOWN` matches every stored text that is not in the enum.
pub(crate) fn enum_filter<E: FromStr, V: AsRef<str>>(values: &[V]) -> EnumFilter<E> {
    let known: Vec<E> = values
        .iter()
        .filter_map(|value| value.as_ref().parse().ok())
        .collect();
    let unknown = known.len() < values.len();
    EnumFilter { known, unknown }
}
