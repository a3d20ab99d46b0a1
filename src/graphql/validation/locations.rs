//! Lines and columns of positions in a document.

use apollo_compiler::parser::SourceSpan;
use async_graphql::Pos;

/// The text of a document, indexed by lines.
#[derive(Debug)]
pub(super) struct Locations {
    text: String,
    /// The offset of each line in bytes.
    lines: Vec<usize>,
}

impl Locations {
    pub(super) fn new(text: &str) -> Self {
        let starts = text.match_indices('\n').map(|(index, _)| index + 1);
        Self {
            text: text.to_owned(),
            lines: std::iter::once(0).chain(starts).collect(),
        }
    }

    /// Returns the position of the start of a span. Lines and columns count from 1, columns in
    /// characters.
    pub(super) fn pos(&self, span: Option<SourceSpan>) -> Option<Pos> {
        self.pos_at(span?.offset())
    }

    /// Returns the position of a byte.
    pub(super) fn pos_at(&self, offset: usize) -> Option<Pos> {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = *self.lines.get(line.checked_sub(1)?)?;
        let column = self.text.get(start..offset)?.chars().count() + 1;
        Some(Pos { line, column })
    }
}
