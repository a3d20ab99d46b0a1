//! Case-insensitive search for a text, in memory.

use crate::store::fold_case;

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
        let folded = fold_case(&text);
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
        Self(fold_case(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(text: &str, part: &str) -> bool {
        TextMatch::new(part.to_owned()).matches(&FoldedText::new(text))
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
