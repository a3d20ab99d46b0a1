//! A selected field of several objects.

use async_graphql::{
    Context, ContextSelectionSet, Positioned, ServerError, parser::types::Field as SelectedField,
};

/// A selected field of the objects of a list, or of a single object.
pub(crate) struct BatchField<'a> {
    pub(super) objects: &'a ContextSelectionSet<'a>,
    pub(super) field: &'a Positioned<SelectedField>,
    pub(super) is_list: bool,
}

impl BatchField<'_> {
    /// Returns the context of the field. Its path ends at the list and does not name an object.
    pub(crate) fn context(&self) -> Context<'_> {
        self.objects.with_field(self.field)
    }

    /// Records that the field of one object failed.
    pub(super) fn add_error(&self, index: usize, error: ServerError) {
        let ctx = context_at(self.objects, index, self.is_list);
        let ctx = ctx.with_field(self.field);
        ctx.add_error(ctx.set_error_path(error));
    }
}

/// Returns the context of one of several objects.
pub(super) fn context_at<'a>(
    objects: &'a ContextSelectionSet<'a>,
    index: usize,
    is_list: bool,
) -> ContextSelectionSet<'a> {
    if is_list {
        objects.with_index(index)
    } else {
        objects.clone()
    }
}
