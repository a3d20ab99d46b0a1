//! A field of several objects.

use async_graphql::{
    Context, ContextSelectionSet, OutputType, Positioned, ServerError, Value, parser::types::Field,
};
use futures_util::future::join_all;

use super::{Fast, FastFields, SelectionPlan};
use crate::graphql::response::json::json_values;

/// A field of the objects of a list, or of a single one.
pub(crate) struct BatchField<'a> {
    pub(crate) objects: &'a ContextSelectionSet<'a>,
    pub(crate) field: &'a Positioned<Field>,
    pub(crate) is_list: bool,
}

impl BatchField<'_> {
    /// The field's context, with no more of its path than the objects have in common.
    pub(crate) fn context(&self) -> Context<'_> {
        self.objects.with_field(self.field)
    }

    /// The values of the field, of which this is each object's.
    pub(crate) async fn resolve<T: FastFields>(&self, values: Vec<Option<T>>) -> Vec<Value> {
        let fragments = &self.objects.query_env.fragments;
        if let Some(selected) = SelectionPlan::plain(&self.field.node.selection_set.node, fragments)
        {
            let ctx = self.context();
            return json_values(values, |json, value| {
                if let Some(value) = value {
                    selected.put(json, &value, &ctx);
                }
            });
        }
        let values = values.into_iter().enumerate();
        let values = values.map(async |(index, value)| match value {
            Some(value) => self.resolve_one(index, &Fast(value)).await,
            None => Value::Null,
        });
        join_all(values).await
    }

    async fn resolve_one(&self, index: usize, value: &impl OutputType) -> Value {
        let ctx = at(self.objects, index, self.is_list);
        let ctx = ctx.with_field(self.field);
        let ctx = ctx.with_selection_set(&self.field.node.selection_set);
        let resolved = value.resolve(&ctx, self.field).await;
        resolved.unwrap_or_else(|error| {
            ctx.add_error(ctx.set_error_path(error));
            Value::Null
        })
    }

    /// Notes that the field of an object failed.
    pub(crate) fn fail(&self, index: usize, error: ServerError) {
        let ctx = at(self.objects, index, self.is_list);
        let ctx = ctx.with_field(self.field);
        ctx.add_error(ctx.set_error_path(error));
    }
}

/// The context of one of several objects.
pub(crate) fn at<'a>(
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
