//! A selected field of several objects.

use async_graphql::{
    Context, ContextSelectionSet, Error, OutputType, Positioned, ServerError, ServerResult, Value,
    parser::types::Field as SelectedField,
};
use futures_util::future::join_all;

use super::{Fast, FastFields, SelectionPlan};
use crate::graphql::response::json::json_values;

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

    /// Resolves the selection on the field's value of each object.
    pub(crate) async fn resolve<T: FastFields>(
        &self,
        values: Vec<Option<T>>,
    ) -> ServerResult<Vec<Value>> {
        let fragments = &self.objects.query_env.fragments;
        let set = &self.field.node.selection_set.node;
        if let Some(plan) = SelectionPlan::without_lookups(set, fragments) {
            let values = json_values(values, |json, value| {
                if let Some(value) = value {
                    plan.write(json, &value);
                }
            });
            return values.map_err(|error| Error::from(error).into_server_error(self.field.pos));
        }
        let values = values.into_iter().enumerate();
        let values = values.map(async |(index, value)| match value {
            Some(value) => self.resolve_one(index, &Fast(value)).await,
            None => Value::Null,
        });
        Ok(join_all(values).await)
    }

    async fn resolve_one(&self, index: usize, value: &impl OutputType) -> Value {
        let ctx = context_at(self.objects, index, self.is_list);
        let ctx = ctx.with_field(self.field);
        let ctx = ctx.with_selection_set(&self.field.node.selection_set);
        let resolved = value.resolve(&ctx, self.field).await;
        resolved.unwrap_or_else(|error| {
            ctx.add_error(ctx.set_error_path(error));
            Value::Null
        })
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
