//! Conditions on the details of runs.

use async_graphql::{InputObject, MaybeUndefined};

use crate::{
    graphql::{lossy_numbers::LossyNumbers, types::scalars::Json},
    runs::{
        Error, Result,
        filter::{DetailsFilter, DetailsTest},
    },
};

/// Conditions in one list.
const MAX_CONDITIONS: usize = 20;
/// Keys of a path.
const MAX_KEYS: usize = 16;
/// Characters of a key.
const MAX_KEY_CHARS: usize = 200;
/// Bytes of a value to compare with, as JSON.
const MAX_VALUE_BYTES: usize = 64 * 1024;

/// A condition on the details of a run: on the value at a path of keys. Exactly one of `equals` and `exists` is given.
#[derive(Clone, Debug, InputObject)]
pub(crate) struct SyncDetailsFilter {
    /// The keys of objects from the outside in, such as `["batch", "id"]`: 1 to 16 keys of at most 200 characters. Items of
    /// arrays have no keys.
    path: Vec<String>,
    /// Matches if there is a value at the path that equals this one. Numbers are compared by value (1, 1.0 and 1e0 are equal),
    /// arrays by their items in order, objects by their keys in any order; null equals a null that is stored.
    equals: MaybeUndefined<Json>,
    /// True matches if there is a value at the path, which may be null; false if there is none.
    exists: Option<bool>,
}

impl SyncDetailsFilter {
    fn parse(self, lossy: &LossyNumbers) -> Result<DetailsFilter> {
        let (path, keys) = (self.path, 1..=MAX_KEYS);
        let mut lengths = path.iter().map(|key| key.chars().count());
        if !keys.contains(&path.len()) || lengths.any(|chars| chars > MAX_KEY_CHARS) {
            return Err(Error::BadInput(format!(
                "path takes 1 to {MAX_KEYS} keys of at most {MAX_KEY_CHARS} characters"
            )));
        }
        let equals = match self.equals {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(serde_json::Value::Null),
            MaybeUndefined::Value(value) => Some(value.into_operand(lossy)?),
        };
        let test = match (equals, self.exists) {
            (Some(value), None) => DetailsTest::Equals(value),
            (None, Some(exists)) => DetailsTest::Exists(exists),
            _ => {
                return Err(Error::BadInput(
                    "details takes exactly one of equals and exists in each condition".into(),
                ));
            }
        };
        if let DetailsTest::Equals(value) = &test
            && value.to_string().len() > MAX_VALUE_BYTES
        {
            return Err(Error::BadInput(format!(
                "equals takes a value of at most {MAX_VALUE_BYTES} bytes as JSON"
            )));
        }
        Ok(DetailsFilter { path, test })
    }
}

/// Converts conditions on details to those of the domain.
///
/// # Errors
/// Returns [`Error::BadInput`] if one is invalid or there are too many.
pub(super) fn parse_details(
    conditions: Vec<SyncDetailsFilter>,
    lossy: &LossyNumbers,
) -> Result<Vec<DetailsFilter>> {
    if conditions.len() > MAX_CONDITIONS {
        return Err(Error::BadInput(format!(
            "details has {} conditions; a filter takes {MAX_CONDITIONS}",
            conditions.len()
        )));
    }
    let conditions = conditions.into_iter();
    conditions.map(|condition| condition.parse(lossy)).collect()
}
