//! Dates, times of day and durations.

use super::{digits, vocabulary};

/// Numbers with units in a compound duration.
const MAX_PARTS: usize = 6;

/// Returns the length of a date at the beginning of a text, with the time of day that follows it.
pub(super) fn date(text: &str) -> Option<usize> {
    let length = numeric_date(text)?;
    Some(length + time_after_date(&text[length..]))
}

/// Returns the length of the time of day after a date; 0 if there is none.
fn time_after_date(text: &str) -> usize {
    for separator in ["T", " ", "_", "-", ", ", " at ", " um "] {
        let Some(rest) = text.strip_prefix(separator) else {
            continue;
        };
        if let Some(length) = time(rest, separator == "-" || separator == "_") {
            return separator.len() + length;
        }
    }
    0
}

/// Year, month and day with separators, in this order or the reverse.
fn numeric_date(text: &str) -> Option<usize> {
    let first = digits(text);
    let separator = text[first..]
        .chars()
        .next()
        .filter(|char| matches!(char, '-' | '.' | '/'))?;
    let rest = &text[first + 1..];
    let second = digits(rest);
    let rest = rest[second..].strip_prefix(separator)?;
    let third = digits(rest);
    let length = first + second + third + 2;
    let part = |from: usize, length: usize| text[from..from + length].parse::<u32>().ok();
    let (one, two) = (part(0, first)?, part(first + 1, second)?);
    let three = part(first + second + 2, third)?;
    let is_date = match (first, second, third) {
        (4, 1..=2, 1..=2) => {
            (1900..2200).contains(&one) && (1..=12).contains(&two) && (1..=31).contains(&three)
        }
        (1..=2, 1..=2, 4) => {
            (1900..2200).contains(&three)
                && one.max(two) <= 31
                && one.min(two) <= 12
                && one * two > 0
        }
        (2, 2, 2) => one.max(two) <= 31 && one.min(two) <= 12 && one * two > 0,
        _ => false,
    };
    is_date.then_some(length)
}

/// Returns the length of a time of day at the beginning of a text, with its zone; with seconds unless it is after a date.
fn time(text: &str, has_dots: bool) -> Option<usize> {
    let separator = if has_dots { [':', '.'] } else { [':', ':'] };
    let hours = digits(text);
    let minutes = text[hours..]
        .strip_prefix(separator)
        .filter(|rest| digits(rest) == 2)?;
    if !(1..=2).contains(&hours) || text[..hours].parse::<u32>().ok()? > 24 {
        return None;
    }
    let mut length = hours + 3;
    if let Some(seconds) = minutes[2..].strip_prefix(separator)
        && digits(seconds) == 2
    {
        length += 3 + fraction(&seconds[2..]);
    }
    Some(length + zone(&text[length..]))
}

/// Returns the length of a time of day with seconds.
pub(super) fn time_of_day(text: &str) -> Option<usize> {
    let length = time(text, false)?;
    let colons = text[..length].bytes().filter(|byte| *byte == b':').count();
    (colons >= 2).then_some(length)
}

fn fraction(text: &str) -> usize {
    let length = text.strip_prefix(['.', ',']).map_or(0, digits);
    if length > 0 { length + 1 } else { 0 }
}

fn zone(text: &str) -> usize {
    for zone in [
        "Z", " UTC", " GMT", " CEST", " CET", " Uhr", " AM", " PM", "AM", "PM", " Z",
    ] {
        if let Some(rest) = text.strip_prefix(zone)
            && !rest.starts_with(|char: char| char.is_ascii_alphanumeric())
        {
            return zone.len();
        }
    }
    let start = usize::from(text.starts_with(' '));
    match text[start..].strip_prefix(['+', '-']) {
        Some(offset) if digits(offset) == 4 => start + 5,
        Some(offset) if digits(offset) == 2 => {
            let minutes = offset[2..]
                .strip_prefix(':')
                .is_some_and(|rest| digits(rest) == 2);
            start + 3 + if minutes { 3 } else { 0 }
        }
        _ => 0,
    }
}

/// Returns the length of a day, year and time after the name of a month: ` 5 10:30:00 2026`.
pub(super) fn after_month(text: &str) -> Option<usize> {
    let day = text.strip_prefix([' ', '-', '.'])?;
    let day = day.trim_start_matches(' ');
    let start = text.len() - day.len();
    let length = digits(day);
    if !(1..=4).contains(&length) {
        return None;
    }
    let mut end = start + length;
    end += time_after_date(&text[end..]);
    for separator in [", ", " "] {
        if let Some(year) = text[end..].strip_prefix(separator)
            && digits(year) == 4
        {
            end += separator.len() + 4;
            break;
        }
    }
    end += time_after_date(&text[end..]);
    Some(end + zone(&text[end..]))
}

/// Returns the length of the unit of time after a number, with the space before it.
pub(super) fn time_unit(text: &str) -> Option<usize> {
    let word = text.trim_start_matches(' ');
    let spaces = text.len() - word.len();
    let length = word
        .find(|char: char| !(char.is_alphabetic() || char == 'µ'))
        .unwrap_or(word.len());
    let is_unit = vocabulary::is_time_unit(&word[..length]);
    let is_apart = word[length..]
        .chars()
        .next()
        .is_none_or(|next| !next.is_ascii_alphanumeric() && next != '_');
    // A single letter after a space is rather a word.
    let is_unit =
        is_unit && is_apart && spaces <= 1 && (spaces == 0 || length > 1 || &word[..length] == "s");
    is_unit.then_some(spaces + length)
}

/// Returns the length of a duration such as `1h2m3.5s`: at least two numbers with units.
pub(super) fn compound_duration(text: &str) -> Option<usize> {
    let mut at = 0;
    let mut parts = 0;
    while parts < MAX_PARTS {
        let number = digits(&text[at..]);
        let number = number + fraction(&text[at + number..]);
        let unit = text[at + number..]
            .bytes()
            .take_while(u8::is_ascii_lowercase)
            .count();
        if number == 0
            || !matches!(
                &text[at + number..at + number + unit],
                "d" | "h" | "m" | "s" | "ms" | "us" | "ns"
            )
        {
            break;
        }
        at += number + unit;
        parts += 1;
    }
    let is_apart = !text[at..].starts_with(|char: char| char.is_ascii_alphanumeric());
    (parts > 1 && is_apart).then_some(at)
}
