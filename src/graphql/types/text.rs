//! Texts of other writers, which may be of any length.

use std::borrow::Cow;

/// Bytes of a stored text that are served.
const MAX_BYTES: usize = 1024 * 1024;

/// Returns a stored text; a longer one than [`MAX_BYTES`] is cut, and says so.
pub(crate) fn served_text(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_BYTES {
        return Cow::Borrowed(text);
    }
    let start = &text[..text.floor_char_boundary(MAX_BYTES)];
    let bytes = text.len();
    Cow::Owned(format!("{start}… (cut: the stored text has {bytes} bytes)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "é".repeat(MAX_BYTES / 2) + "x";
        let served = served_text(&text);
        let rest = served.strip_prefix(&text[..MAX_BYTES]);
        assert_eq!(rest, Some("… (cut: the stored text has 1048577 bytes)"));
        assert_eq!(served_text(&text[..MAX_BYTES]), text[..MAX_BYTES]);
        let odd = "xé".to_owned() + &text;
        assert!(served_text(&odd).starts_with("xéé"));
    }
}
