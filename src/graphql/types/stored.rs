//! Values of other writers, which may be of any length.

use std::{borrow::Cow, sync::Arc};

use async_graphql::{
    ContextSelectionSet, Error, OutputType, Positioned, ServerResult, Value,
    parser::types::Field as SelectedField, registry::Registry,
};

use super::scalars::Json;
use crate::{
    graphql::response::{ResponseBudget, json::JsonWriter},
    runs,
};

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

/// A stored text as async-graphql resolves it: its bytes are charged to the response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredText<'a>(pub(crate) &'a str);

/// Stored JSON as async-graphql resolves it: returned as it is, and charged to the response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredJson<'a>(pub(crate) &'a str);

impl OutputType for StoredText<'_> {
    fn type_name() -> Cow<'static, str> {
        <str as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <str as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<SelectedField>,
    ) -> ServerResult<Value> {
        write(ctx, field, |json| json.scalar(served_text(self.0)))
    }
}

impl OutputType for StoredJson<'_> {
    fn type_name() -> Cow<'static, str> {
        <Json as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Json as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<SelectedField>,
    ) -> ServerResult<Value> {
        write(ctx, field, |json| {
            json.raw(Ok::<_, runs::Error>(Some(self.0)));
        })
    }
}

/// Encodes the value of a field.
fn write(
    ctx: &ContextSelectionSet<'_>,
    field: &Positioned<SelectedField>,
    write: impl FnOnce(&mut JsonWriter),
) -> ServerResult<Value> {
    let mut json = JsonWriter::new(0, ctx.data_opt::<Arc<ResponseBudget>>());
    write(&mut json);
    json.into_value().map_err(|error| {
        let error = Error::from(error).into_server_error(field.pos);
        ctx.set_error_path(error)
    })
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
