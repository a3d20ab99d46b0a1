//! Instants that a database holds and RFC 3339 cannot express: PostgreSQL's `infinity`, and years before 0 or
//! after 9999.
//!
//! They keep their order and are compared like any other instant. Only where they are shown they are clamped.

use chrono::{DateTime, Datelike, NaiveDateTime, SecondsFormat, Utc};

/// PostgreSQL's `infinity`.
pub const INFINITY: DateTime<Utc> = DateTime::<Utc>::MAX_UTC;
/// PostgreSQL's `-infinity`.
pub const NEGATIVE_INFINITY: DateTime<Utc> = DateTime::<Utc>::MIN_UTC;
/// 2000-01-01T00:00:00Z, from which PostgreSQL counts, in microseconds since 1970.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
/// The 400 years after which the calendar repeats itself, in microseconds.
const CALENDAR_CYCLE: i64 = 146_097 * 86_400 * 1_000_000;
/// 0000-01-01T00:00:00Z in seconds since 1970.
const YEAR_0: i64 = -62_167_219_200;
/// 10000-01-01T00:00:00Z in seconds since 1970.
const YEAR_10000: i64 = 253_402_300_800;

/// Returns whether RFC 3339 can express an instant: whether its year is 0 to 9999.
#[must_use]
pub fn is_representable(instant: DateTime<Utc>) -> bool {
    (YEAR_0..YEAR_10000).contains(&instant.timestamp())
}

/// Returns the nearest instant that RFC 3339 can express with microseconds.
#[must_use]
pub fn clamp(instant: DateTime<Utc>) -> DateTime<Utc> {
    if is_representable(instant) {
        return instant;
    }
    let nearest = if instant.timestamp() < YEAR_0 {
        YEAR_0 * 1_000_000
    } else {
        YEAR_10000 * 1_000_000 - 1
    };
    DateTime::from_timestamp_micros(nearest).unwrap_or(instant)
}

/// Formats an instant as RFC 3339 with microseconds; the nearest one if RFC 3339 cannot express it.
#[must_use]
pub fn to_rfc3339(instant: DateTime<Utc>) -> String {
    clamp(instant).to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Returns whether an instant is one of PostgreSQL's infinities.
#[must_use]
pub fn is_infinite(instant: DateTime<Utc>) -> bool {
    instant == INFINITY || instant == NEGATIVE_INFINITY
}

/// Converts PostgreSQL's representation, in microseconds since 2000. All instants after the last year of `chrono`,
/// 262142, become one.
#[must_use]
pub fn from_postgres(micros: i64) -> DateTime<Utc> {
    match micros {
        i64::MAX => INFINITY,
        i64::MIN => NEGATIVE_INFINITY,
        _ => micros
            .checked_add(POSTGRES_EPOCH)
            .and_then(DateTime::from_timestamp_micros)
            .unwrap_or(INFINITY - chrono::Duration::seconds(1)),
    }
}

/// Parses an instant as SQLite stores it, in UTC if it has no offset; `None` if it is none.
#[must_use]
pub fn parse(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.to_utc());
    }
    let mut formats = ["%FT%T%.f", "%F %T%.f", "%FT%R", "%F %R"].into_iter();
    let instant = formats.find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    Some(instant?.and_utc())
}

/// Returns the instant that stands for a text that is none, on the side on which SQLite sorts the text.
#[must_use]
pub fn place_of(text: &[u8]) -> DateTime<Utc> {
    if text < b"9999".as_slice() {
        NEGATIVE_INFINITY
    } else {
        INFINITY
    }
}

/// Describes an instant of PostgreSQL, given in microseconds since 2000, as PostgreSQL prints it.
pub(crate) fn describe_postgres(micros: i64) -> String {
    match micros {
        i64::MAX => return "infinity".to_owned(),
        i64::MIN => return "-infinity".to_owned(),
        _ => {}
    }
    // The calendar repeats itself: this finds the date in a year that `chrono` has.
    let cycles = if micros > 0 { 100 } else { 0 };
    let micros = micros - cycles * CALENDAR_CYCLE + POSTGRES_EPOCH;
    let instant = DateTime::from_timestamp_micros(micros).unwrap_or(NEGATIVE_INFINITY);
    let year = i64::from(instant.year()) + cycles * 400;
    let rest = instant.format("%m-%d %H:%M:%S%.f+00");
    if year > 0 {
        format!("{year:04}-{rest}")
    } else {
        format!("{:04}-{rest} BC", 1 - year)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Microseconds since 2000.
    const YEAR_1_MICROS: i64 = 31_556_952_000_000;

    #[test]
    fn instants_of_postgresql_keep_their_order() {
        let micros = [
            i64::MIN,
            -211_813_488_000_000_000, // The earliest that PostgreSQL stores.
            -2001 * YEAR_1_MICROS,
            0,
            8000 * YEAR_1_MICROS,
            250_000 * YEAR_1_MICROS,
            9_223_371_331_199_999_999, // The latest.
            i64::MAX,
        ];
        let instants = micros.map(from_postgres);
        assert!(
            instants.is_sorted_by(|one, other| one < other),
            "{instants:?}"
        );
        let representable = instants.map(is_representable);
        assert_eq!(
            representable,
            [false, false, false, true, false, false, false, false]
        );
        for instant in instants {
            assert!(is_representable(clamp(instant)), "{instant}");
        }
    }

    #[test]
    fn instants_are_clamped_to_the_years_0_and_9999() {
        let clamped = |instant| clamp(instant).to_string();
        assert_eq!(clamped(INFINITY), "9999-12-31 23:59:59.999999 UTC");
        assert_eq!(clamped(NEGATIVE_INFINITY), "0000-01-01 00:00:00 UTC");
        assert_eq!(clamped(DateTime::UNIX_EPOCH), "1970-01-01 00:00:00 UTC");
        assert_eq!(to_rfc3339(INFINITY), "9999-12-31T23:59:59.999999Z");
        assert_eq!(to_rfc3339(NEGATIVE_INFINITY), "0000-01-01T00:00:00.000000Z");
    }

    #[test]
    fn instants_of_postgresql_are_described_as_it_prints_them() {
        for (micros, expected) in [
            (i64::MAX, "infinity"),
            (i64::MIN, "-infinity"),
            (9_223_371_331_199_999_999, "294276-12-31 23:59:59.999999+00"),
            (252_455_616_000_000_000, "10000-01-01 00:00:00+00"),
            (-63_113_904_000_000_000, "0001-01-01 00:00:00+00 BC"),
            (-211_813_488_000_000_000, "4714-11-24 00:00:00+00 BC"),
        ] {
            assert_eq!(describe_postgres(micros), expected);
        }
    }
}
