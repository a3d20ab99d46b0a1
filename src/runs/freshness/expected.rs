//! Configured intervals.

use std::{collections::HashMap, str::FromStr};

use chrono::TimeDelta;
use strum::VariantArray;

use super::Pair;

/// The longest interval, which keeps deadlines within the years of the API.
const MAX_INTERVAL: TimeDelta = TimeDelta::days(10 * 366);

/// The interval at which a pair is expected to succeed, such as `stock/as400=2h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedInterval {
    pair: Pair,
    interval: TimeDelta,
}

/// Why a text is no expected interval, or several contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidExpectation {
    /// It has another form.
    #[error("`{0}` does not have the form ENTITY_TYPE/SOURCE=DURATION, such as stock/as400=2h")]
    Form(String),
    /// An enum has no such value.
    #[error("`{name}` is no {kind}; use one of {values}")]
    Name {
        /// What is named.
        kind: &'static str,
        /// The name.
        name: String,
        /// The values of the enum.
        values: String,
    },
    /// The duration cannot be parsed.
    #[error("`{text}` is no duration, such as 2h or 1day 6h: {reason}")]
    Duration {
        /// The text.
        text: String,
        /// Why it is none.
        reason: String,
    },
    /// The duration is 0.
    #[error("the interval of {0} is 0; it must be longer")]
    Zero(Pair),
    /// The duration is too long.
    #[error("the interval of {0} is longer than ten years")]
    TooLong(Pair),
    /// A pair has several intervals.
    #[error("{0} has two intervals; give one")]
    Duplicate(Pair),
}

impl FromStr for ExpectedInterval {
    type Err = InvalidExpectation;

    fn from_str(text: &str) -> Result<Self, InvalidExpectation> {
        let form = || InvalidExpectation::Form(text.to_owned());
        let (pair, duration) = text.split_once('=').ok_or_else(form)?;
        let (entity_type, source) = pair.split_once('/').ok_or_else(form)?;
        let pair = Pair {
            entity_type: parse_name("entity type", entity_type)?,
            source: parse_name("source", source)?,
        };
        let interval = humantime::parse_duration(duration.trim());
        let interval = interval.map_err(|error| InvalidExpectation::Duration {
            text: duration.to_owned(),
            reason: error.to_string(),
        })?;
        let interval = TimeDelta::from_std(interval).unwrap_or(TimeDelta::MAX);
        // Instants have microseconds.
        if interval < TimeDelta::microseconds(1) {
            return Err(InvalidExpectation::Zero(pair));
        }
        if interval > MAX_INTERVAL {
            return Err(InvalidExpectation::TooLong(pair));
        }
        Ok(Self { pair, interval })
    }
}

fn parse_name<E>(kind: &'static str, name: &str) -> Result<E, InvalidExpectation>
where
    E: FromStr + VariantArray + AsRef<str>,
{
    let parsed = name.trim().to_ascii_lowercase().parse();
    parsed.map_err(|_| {
        let values: Vec<_> = E::VARIANTS.iter().map(AsRef::as_ref).collect();
        InvalidExpectation::Name {
            kind,
            name: name.to_owned(),
            values: values.join(", "),
        }
    })
}

/// The intervals at which pairs are expected to succeed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedIntervals(HashMap<Pair, TimeDelta>);

impl ExpectedIntervals {
    /// Returns the interval of a pair; `None` if none is configured.
    #[must_use]
    pub fn get(&self, pair: Pair) -> Option<TimeDelta> {
        self.0.get(&pair).copied()
    }
}

impl TryFrom<&[ExpectedInterval]> for ExpectedIntervals {
    type Error = InvalidExpectation;

    fn try_from(intervals: &[ExpectedInterval]) -> Result<Self, InvalidExpectation> {
        let mut by_pair = HashMap::new();
        for ExpectedInterval { pair, interval } in intervals {
            if by_pair.insert(*pair, *interval).is_some() {
                return Err(InvalidExpectation::Duplicate(*pair));
            }
        }
        Ok(Self(by_pair))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[&str]) -> Result<ExpectedIntervals, String> {
        let intervals = texts.iter().map(|text| text.parse());
        let intervals: Result<Vec<ExpectedInterval>, _> = intervals.collect();
        let intervals = intervals.map_err(|error| error.to_string())?;
        ExpectedIntervals::try_from(intervals.as_slice()).map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_those_of_the_api_in_any_case() {
        let parsed = parse(&["stock/as400=2h", "PRICING / FileMaker = 1day 30m"]).unwrap();
        let intervals: Vec<_> = Pair::all()
            .filter_map(|pair| Some((pair.to_string(), parsed.get(pair)?)))
            .collect();
        let expected = [
            ("stock/as400".to_owned(), TimeDelta::hours(2)),
            (
                "pricing/filemaker".to_owned(),
                TimeDelta::minutes(24 * 60 + 30),
            ),
        ];
        assert_eq!(intervals, expected);
    }

    #[test]
    fn errors_name_what_is_wrong() {
        for (texts, expected) in [
            (&["stock=2h"] as &[&str], "form ENTITY_TYPE/SOURCE=DURATION"),
            (&["stock/as400"], "form ENTITY_TYPE/SOURCE=DURATION"),
            (&[""], "form ENTITY_TYPE/SOURCE=DURATION"),
            (
                &["stok/as400=2h"],
                "`stok` is no entity type; use one of product, measurement, stock",
            ),
            (
                &["stock/as500=2h"],
                "`as500` is no source; use one of as400, filemaker, api",
            ),
            (&["stock/unknown=2h"], "`unknown` is no source"),
            (&["stock/as400=2"], "`2` is no duration"),
            (&["stock/as400=soon"], "`soon` is no duration"),
            (&["stock/as400="], "`` is no duration"),
            (&["stock/as400=0s"], "the interval of stock/as400 is 0"),
            (&["stock/as400=0"], "the interval of stock/as400 is 0"),
            (&["stock/as400=10ns"], "the interval of stock/as400 is 0"),
            (&["stock/as400=11years"], "longer than ten years"),
            (
                &["stock/as400=1h", "STOCK/AS400=2h"],
                "stock/as400 has two intervals",
            ),
        ] {
            let error = parse(texts).unwrap_err();
            assert!(error.contains(expected), "{texts:?}: {error}");
        }
    }
}
