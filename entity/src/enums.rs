//! Enums of text columns, stored in lower case.

use std::str::FromStr;

use strum::{AsRefStr, Display, EnumString, VariantArray};

/// The kind of record that a run synchronises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum SyncEntityType {
    /// Products for sale.
    Product,
    /// Sizes and weights of products.
    Measurement,
    /// Stock levels.
    Stock,
    /// Price lists.
    Pricing,
    /// Manufacturers of products.
    Manufacturer,
    /// Customers.
    Customer,
    /// Orders.
    Order,
    /// Vehicle fitment data of the Auto Care Association.
    Autocare,
}

/// The system that a run reads from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum SyncSource {
    /// The AS/400.
    As400,
    /// FileMaker.
    Filemaker,
    /// A web API.
    Api,
    /// A file.
    File,
    /// Any other external system.
    External,
}

/// The status of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum SyncStatus {
    /// Created, not yet started.
    Pending,
    /// In progress.
    Running,
    /// Ended successfully.
    Completed,
    /// Ended with an error.
    Failed,
    /// Ended by a user.
    Cancelled,
}

/// The kind of change that a row of `sync_change` records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum SyncChangeKind {
    /// The run was inserted.
    Created,
    /// The status changed.
    Status,
    /// Any other column changed.
    Progress,
    /// The run was deleted.
    Deleted,
}

/// A stored text that is no value of its column's enum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownValue {
    /// Name of the column.
    pub column: &'static str,
    /// The text as stored.
    pub text: String,
}

/// Parses the text stored in `column`.
pub(crate) fn parse<T: FromStr>(column: &'static str, text: &str) -> Result<T, UnknownValue> {
    text.parse().map_err(|_| UnknownValue {
        column,
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_stored_in_lower_case_and_parsed_back() {
        assert_eq!(SyncSource::As400.as_ref(), "as400");
        assert_eq!(SyncEntityType::Autocare.to_string(), "autocare");
        for status in SyncStatus::VARIANTS {
            assert_eq!(parse("status", status.as_ref()), Ok(*status));
        }
    }

    #[test]
    fn an_unknown_value_names_its_column_and_text() {
        let unknown = parse::<SyncStatus>("status", "archived");
        assert_eq!(
            unknown,
            Err(UnknownValue {
                column: "status",
                text: "archived".into()
            })
        );
    }
}
