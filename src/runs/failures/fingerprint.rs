//! Fingerprints of error messages.

use std::fmt;

use sha2::{Digest, Sha256};

use super::normalize::normalize;
use crate::runs::{Error, Result, Run};

/// Hexadecimal digits of a fingerprint.
const DIGITS: usize = 16;
/// Characters of an invalid fingerprint that an error message quotes.
const MAX_QUOTED_CHARS: usize = 50;

/// Identifies a normalised error message: the first 64 bits of its SHA-256. The same in every release and database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Returns the fingerprint of an error message; `None` stands for a failed run without one, which has that of the empty
    /// message.
    #[must_use]
    pub fn of(message: Option<&str>) -> Self {
        Self::of_normalized(&normalize(message.unwrap_or_default()))
    }

    /// Returns the fingerprint of a normalised message.
    pub(super) fn of_normalized(normalized: &str) -> Self {
        let digest = Sha256::digest(normalized);
        let first = digest.iter().take(8);
        Self(first.fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// Returns the fingerprint of a run; `None` if it has neither an error message nor failed.
    #[must_use]
    pub fn of_run(run: &Run) -> Option<Self> {
        let has_failed = || run.status() == Ok(entity::SyncStatus::Failed);
        let message = run.error_message.as_deref();
        (message.is_some() || has_failed()).then(|| Self::of(message))
    }

    /// Parses the text form.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`] if the text is no fingerprint.
    pub fn parse(text: &str) -> Result<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_valid = text.len() == DIGITS && text.bytes().all(is_digit);
        let value = is_valid
            .then(|| u64::from_str_radix(text, 16).ok())
            .flatten();
        value.map(Self).ok_or_else(|| {
            let text: String = text.chars().take(MAX_QUOTED_CHARS).collect();
            Error::BadInput(format!(
                "errorFingerprint has `{text}`, which is no fingerprint: {DIGITS} hexadecimal digits in lower case, as \
                 syncFailureGroups returns them"
            ))
        })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0DIGITS$x}", self.0)
    }
}
