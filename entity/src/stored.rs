//! Stored values that are not of their column's type.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::instant;

/// Maximum number of characters and bytes of a value to quote.
const MAX_QUOTED: usize = 100;

/// A value as stored, of another type than its column's.
pub(crate) enum Stored {
    Null,
    Integer(i64),
    Real(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Stored {
    /// Returns the text, with replacement characters for bytes that are not UTF-8; `None` if it is no text.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Text(bytes) | Self::Blob(bytes) => {
                Some(String::from_utf8_lossy(bytes).into_owned())
            }
            Self::Null | Self::Integer(_) | Self::Real(_) => None,
        }
    }

    /// Returns an instant that is not representable, on the side on which SQLite sorts the value.
    pub(crate) fn place_of_instant(&self) -> DateTime<Utc> {
        match self {
            Self::Text(text) => instant::place_of(text),
            Self::Blob(_) => instant::INFINITY,
            Self::Null | Self::Integer(_) | Self::Real(_) => instant::NEGATIVE_INFINITY,
        }
    }
}

/// Formats the value as in SQL, shortened, and a text without quotes.
impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Integer(integer) => integer.fmt(f),
            Self::Real(real) => real.fmt(f),
            Self::Text(bytes) => {
                let text = String::from_utf8_lossy(bytes);
                let end = text.char_indices().nth(MAX_QUOTED);
                f.write_str(&text[..end.map_or(text.len(), |(end, _)| end)])
            }
            Self::Blob(bytes) => {
                f.write_str("x'")?;
                let mut quoted = bytes.iter().take(MAX_QUOTED);
                quoted.try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("'")
            }
        }
    }
}
