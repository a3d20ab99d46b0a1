//! Case-insensitive search for a text, by Unicode's simple case folding in memory and on both databases.
//!
//! PostgreSQL's `ILIKE` folds case by the locale of the database, and SQLite's `LIKE` that of ASCII letters only. Regular
//! expressions that list the cases of each letter do not depend on either.

use icu_casemap::CaseMapper;
use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

/// Folds the case of a text. A text contains another one, ignoring case, if it does so once both are folded.
pub(crate) fn fold_case(text: &str) -> String {
    let mapper = CaseMapper::new();
    text.chars().map(|char| mapper.simple_fold(char)).collect()
}

/// Returns the regular expression of PostgreSQL that finds `text`.
pub(super) fn postgres_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() * 4);
    for character in text.chars() {
        let cases = cases(character);
        match cases.as_slice() {
            [_] if character.is_ascii_punctuation() => pattern.extend(['\\', character]),
            [_] => pattern.push(character),
            // Letters and marks, which have no meaning of their own between brackets.
            cases => {
                pattern.push('[');
                pattern.extend(cases);
                pattern.push(']');
            }
        }
    }
    pattern
}

/// Characters of a text that the pattern for search keys has, at most. The rest hardly selects fewer runs.
const MAX_KEY_CHARS: usize = 100;

/// Returns the `LIKE` pattern of PostgreSQL that the search keys of all texts that contain `text` match, and some others;
/// `None` if an index of trigrams does not support it. See [`SEARCH_KEY`](crate::db::SEARCH_KEY).
pub(super) fn postgres_key_pattern(text: &str) -> Option<String> {
    let mapper = CaseMapper::new();
    let mut pattern = String::from("%");
    let (mut word, mut longest_word, mut was_exact) = (0, 0, false);
    for character in text.chars().take(MAX_KEY_CHARS) {
        let key = mapper.simple_fold(character);
        word = if key.is_ascii_alphanumeric() {
            word + 1
        } else {
            0
        };
        longest_word = longest_word.max(word);
        let is_exact = key.is_ascii();
        if is_exact {
            if matches!(key, '\\' | '%' | '_') {
                pattern.push('\\');
            }
            pattern.push(key);
        } else if was_exact {
            // Any of its cases, which search keys distinguish.
            pattern.push('%');
        }
        was_exact = is_exact;
    }
    if was_exact {
        pattern.push('%');
    }
    (longest_word >= TRIGRAM).then_some(pattern)
}

/// The characters of a trigram.
const TRIGRAM: usize = 3;
/// Trigrams that a query of SQLite has, at most.
const MAX_TRIGRAMS: usize = 24;

/// Returns trigrams that are evenly spread over the folded text; none if it is shorter. All texts that contain it have these.
pub(super) fn trigrams(text: &str) -> Vec<String> {
    let folded: Vec<char> = fold_case(text).chars().take(MAX_KEY_CHARS).collect();
    let windows: Vec<_> = folded.windows(TRIGRAM).collect();
    let step = windows.len().div_ceil(MAX_TRIGRAMS).max(1);
    let trigrams = windows.iter().rev().step_by(step);
    trigrams.map(|window| window.iter().collect()).collect()
}

/// Returns the regular expression that finds `text` in the hexadecimal digits of a text. Applied to the text itself,
/// SQLite's `REGEXP` fails if another writer has stored bytes that are not UTF-8.
pub(super) fn hex_pattern(text: &str) -> String {
    let characters = text.chars().map(|character| {
        let cases: Vec<_> = cases(character).into_iter().map(hex).collect();
        format!("(?:{})", cases.join("|"))
    });
    // Bytes begin at even positions.
    let text = characters.collect::<Vec<_>>().concat();
    format!("^(?:[0-9A-F]{{2}})*?{text}")
}

/// Returns the characters that equal a character when case is folded, in ascending order.
fn cases(character: char) -> Vec<char> {
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(character, character)]);
    // Fails without Unicode's tables, which a feature of the library includes.
    if class.try_case_fold_simple().is_err() {
        return vec![character];
    }
    let ranges = class.iter();
    ranges
        .flat_map(|range| range.start()..=range.end())
        .collect()
}

/// Returns the hexadecimal digits of a character in UTF-8, as SQLite's `hex` does.
fn hex(character: char) -> String {
    let bytes = character.to_string().into_bytes().into_iter();
    let digits = bytes.map(|byte| format!("{byte:02X}"));
    digits.collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn patterns_list_the_cases_of_each_letter() {
        assert_eq!(postgres_pattern("Äp 1"), "[Ää][Pp] 1");
        // The Kelvin sign, the long s, and the three forms of sigma.
        assert_eq!(postgres_pattern("ksσ"), "[Kk\u{212a}][Ss\u{17f}][Σςσ]");
        // No simple case folding.
        assert_eq!(postgres_pattern("İı"), "İı");
        assert_eq!(postgres_pattern(r"_%.*\[(^$"), r"\_\%\.\*\\\[\(\^\$");
        assert_eq!(hex_pattern("ä1"), "^(?:[0-9A-F]{2})*?(?:C384|C3A4)(?:31)");
    }

    /// Every character that differs from another only by its case, and all of ASCII.
    #[test]
    fn the_cases_of_every_character_are_those_that_are_found_in_memory() {
        let mut folded = 0;
        for character in '\0'..=char::MAX {
            let cases = cases(character);
            if cases.len() == 1 && !character.is_ascii() {
                continue;
            }
            folded += usize::from(cases.len() > 1);
            let text = character.to_string();
            let found: String = cases.iter().collect();
            let in_memory = |other: char| fold_case(&other.to_string()) == fold_case(&text);
            let in_digits = Regex::new(&hex_pattern(&text)).unwrap();
            for case in &cases {
                assert!(in_memory(*case), "{text} {case}");
                assert!(in_digits.is_match(&hex(*case)), "{text} {case}");
                assert_eq!(super::cases(*case), cases, "{text} {case}");
            }
            // No other letter is found.
            let others = [text.to_lowercase(), text.to_uppercase()].concat();
            for other in others.chars().filter(|other| !found.contains(*other)) {
                assert!(!in_memory(other), "{text} {other}");
            }
        }
        assert!(folded > 2700, "{folded}");
    }

    #[test]
    fn search_keys_are_selected_by_the_characters_that_every_locale_treats_alike() {
        for (text, expected) in [
            ("Timed OUT", Some("%timed out%")),
            ("\u{212a}iſſ", Some("%kiss%")),
            ("Prüfsumme", Some("%pr%fsumme%")),
            ("Ärger", Some("%rger%")),
            ("100% of_a\\bcd%", Some(r"%100\% of\_a\\bcd\%%")),
            ("abÄÖcd", None),
            ("ab cd", None),
            ("сбой", None),
            ("", None),
        ] {
            assert_eq!(postgres_key_pattern(text).as_deref(), expected, "{text}");
        }
        let long = postgres_key_pattern(&"abc".repeat(1000));
        assert_eq!(long.map(|pattern| pattern.len()), Some(102));
    }

    /// What [`SEARCH_KEY`](crate::db::SEARCH_KEY) makes of a character decides by its folded case alone whether the pattern
    /// has it.
    #[test]
    fn the_search_key_folds_all_characters_that_fold_to_ascii() {
        let key = |char: char| match char {
            '\u{212a}' => 'k',
            '\u{17f}' => 's',
            char => char.to_ascii_lowercase(),
        };
        for char in '\0'..=char::MAX {
            let folded = CaseMapper::new().simple_fold(char);
            if folded.is_ascii() || key(char).is_ascii() {
                assert_eq!(key(char), folded, "{char:?}");
            }
        }
    }

    #[test]
    fn digits_are_found_at_the_boundaries_of_bytes() {
        let found = |text, bytes: &[u8]| {
            let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            let pattern = Regex::new(&hex_pattern(text)).unwrap();
            pattern.is_match(&digits.concat())
        };
        assert!(found("Ä", b"x\xff\xc3\xa4\xff"));
        assert!(found("a\nB", b"A\nb"));
        assert!(found("", b""));
        // The digits of `!` are 21.
        assert!(!found("!", b"\x52\x13"));
    }
}
