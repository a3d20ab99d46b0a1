//! Case-insensitive search for a text, in memory.

use icu_casemap::CaseMapper;

/// Matches texts that contain a given text, ignoring case as Unicode's simple case folding defines.
#[derive(Clone, Debug)]
pub struct TextMatch {
    text: String,
    folded: String,
}

/// A text whose case is folded.
#[derive(Debug)]
pub(super) struct FoldedText(String);

impl TextMatch {
    /// Matches texts that contain `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        let folded = fold(&text);
        Self { text, folded }
    }

    /// Returns the text to search for.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn matches(&self, text: &FoldedText) -> bool {
        text.0.contains(&self.folded)
    }
}

impl FoldedText {
    pub(super) fn new(text: &str) -> Self {
        Self(fold(text))
    }
}

fn fold(text: &str) -> String {
    let mapper = CaseMapper::new();
    text.chars().map(|char| mapper.simple_fold(char)).collect()
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::store::text_pattern;

    fn matches(text: &str, part: &str) -> bool {
        TextMatch::new(part.to_owned()).matches(&FoldedText::new(text))
    }

    #[test]
    fn case_is_ignored_as_in_the_database() {
        let mut compared = 0;
        for char in '\0'..=char::MAX {
            let others = char
                .to_lowercase()
                .chain(char.to_uppercase())
                .chain(fold(&char.to_string()).chars().collect::<Vec<_>>());
            for other in others.filter(|other| *other != char) {
                let (text, part) = (char.to_string(), other.to_string());
                let pattern = Regex::new(&text_pattern(&part)).unwrap();
                assert_eq!(
                    matches(&text, &part),
                    pattern.is_match(&text),
                    "{text} {part}"
                );
                compared += 1;
            }
        }
        assert!(compared > 2000, "{compared}");
    }

    #[test]
    fn a_text_is_found_anywhere() {
        for (text, part, expected) in [
            ("Prüfsumme FALSCH", "SUMME f", true),
            ("Prüfsumme", "prüfsummen", false),
            ("STRAẞE", "straße", true),
            ("STRASSE", "straße", false),
            ("Σ", "ς", true),
            ("İ", "i", false),
            ("a.b", "A.B", true),
            ("axb", "a.b", false),
            ("", "", true),
        ] {
            assert_eq!(matches(text, part), expected, "{text} {part}");
        }
    }
}
