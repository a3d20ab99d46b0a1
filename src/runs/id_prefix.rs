//! The beginning of an ID.

use uuid::Uuid;

use super::{Error, Result};

/// Hexadecimal digits that the beginning of an ID has at least.
const MIN_DIGITS: u32 = 4;
/// Hexadecimal digits of an ID.
const DIGITS: u32 = 32;
/// Numbers of digits before a dash.
const DASHES: [u32; 4] = [8, 12, 16, 20];

/// The IDs that begin with given hexadecimal digits: a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdPrefix {
    pub(crate) first: Uuid,
    pub(crate) last: Uuid,
}

impl IdPrefix {
    /// Parses the beginning of a UUID, with or without dashes.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`] if it is none, or has fewer than 4 digits.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = || {
            Error::BadInput(format!(
                "idStartsWith takes the first {MIN_DIGITS} to {DIGITS} hexadecimal digits of a UUID, with or without its \
                 dashes, such as 0197d2c4-8a3e"
            ))
        };
        let (mut value, mut digits, mut after_dash) = (0_u128, 0, false);
        for character in text.chars() {
            if character == '-' {
                if after_dash || !DASHES.contains(&digits) {
                    return Err(invalid());
                }
                after_dash = true;
                continue;
            }
            let digit = character.to_digit(16).filter(|_| digits < DIGITS);
            value = value << 4 | u128::from(digit.ok_or_else(invalid)?);
            digits += 1;
            after_dash = false;
        }
        if digits < MIN_DIGITS {
            return Err(invalid());
        }
        let open_bits = 4 * (DIGITS - digits);
        let first = value << open_bits;
        Ok(Self {
            first: Uuid::from_u128(first),
            last: Uuid::from_u128(first | ((1 << open_bits) - 1)),
        })
    }

    /// Returns whether an ID begins with the digits.
    pub(super) fn matches(&self, id: Uuid) -> bool {
        (self.first..=self.last).contains(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_range_of_ids() {
        for (text, first, last) in [
            (
                "0197",
                "01970000-0000-0000-0000-000000000000",
                "0197ffff-ffff-ffff-ffff-ffffffffffff",
            ),
            (
                "0197D2C4-",
                "0197d2c4-0000-0000-0000-000000000000",
                "0197d2c4-ffff-ffff-ffff-ffffffffffff",
            ),
            (
                "0197d2c48a3e7",
                "0197d2c4-8a3e-7000-0000-000000000000",
                "0197d2c4-8a3e-7fff-ffff-ffffffffffff",
            ),
            (
                "FFFFFFFF-ffff-ffff-ffff-ffffffffffff",
                "ffffffff-ffff-ffff-ffff-ffffffffffff",
                "ffffffff-ffff-ffff-ffff-ffffffffffff",
            ),
        ] {
            let prefix = IdPrefix::parse(text).unwrap();
            assert_eq!(prefix.first, Uuid::parse_str(first).unwrap(), "{text}");
            assert_eq!(prefix.last, Uuid::parse_str(last).unwrap(), "{text}");
        }
        for text in [
            "",
            "019",
            "01-97",
            "0197d2c4--8a3e",
            "-0197",
            "0197 ",
            "0197g",
            "{0197",
            "0197%",
            "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f0",
            "٠١٩٧",
        ] {
            assert!(IdPrefix::parse(text).is_err(), "{text}");
        }
    }
}
