//! The words stored in text columns: lower case in the database.

use std::str::FromStr;

use strum::{AsRefStr, Display, EnumString, VariantArray};

/// What a run synchronises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantArray)]
#[strum(serialize_all = "lowercase")]
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
}

/// The system a run reads from.
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
    /// Anything else outside.
    External,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantArray)]
#[strum(serialize_all = "lowercase")]
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
}

/// What a row of `sync_change` reports of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, AsRefStr, Display, EnumString, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum SyncChangeKind {
    /// The run was inserted.
    Created,
    /// Its status changed.
    Status,
    /// Anything else of it changed.
    Progress,
}

/// A stored text that none of an enum's words matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord {
    /// The column that holds it.
    pub column: &'static str,
    /// The text as stored.
    pub text: String,
}

/// Reads the word stored in `column`.
pub(crate) fn read<W: FromStr>(column: &'static str, text: &str) -> Result<W, UnknownWord> {
    text.parse().map_err(|_| UnknownWord {
        column,
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_stored_in_lower_case_and_read_back() {
        assert_eq!(SyncSource::As400.as_ref(), "as400");
        assert_eq!(SyncEntityType::Autocare.to_string(), "autocare");
        for status in SyncStatus::VARIANTS {
            assert_eq!(read("status", status.as_ref()), Ok(*status));
        }
    }

    #[test]
    fn an_unknown_word_names_its_column_and_text() {
        let unknown = read::<SyncStatus>("status", "archived");
        assert_eq!(
            unknown,
            Err(UnknownWord {
                column: "status",
                text: "archived".into()
            })
        );
    }
}
