//! Exact values of number literals.

/// The exact value of a number literal: its sign, its digits from the first to the last that is not 0, and the power of ten
/// of the last.
#[derive(Debug, PartialEq, Eq)]
pub struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Parses a literal; `None` if it is no number, or its exponent is out of range.
    #[must_use]
    pub fn parse(literal: &str) -> Option<Self> {
        let (mantissa, exponent) = literal.split_once(['e', 'E']).unwrap_or((literal, "0"));
        let unsigned = mantissa.trim_start_matches(['+', '-']);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let significant = digits.trim_end_matches('0');
        let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
        let places = i64::try_from(fraction.len()).ok()?;
        let exponent: i64 = exponent.parse().ok()?;
        let digits = significant.trim_start_matches('0');
        let exponent = exponent.checked_sub(places)?.checked_add(zeros)?;
        let is_zero = digits.is_empty();
        Some(Self {
            is_negative: mantissa.starts_with('-') && !is_zero,
            digits: digits.to_owned(),
            exponent: if is_zero { 0 } else { exponent },
        })
    }
}
