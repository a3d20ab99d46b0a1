//! Objects and lists of objects that are resolved on the fast path.

use std::{borrow::Cow, ops::Deref};

use async_graphql::{
    ContextSelectionSet, Error, OutputType, Positioned, ServerResult, Value,
    parser::types::Field as SelectedField, registry::Registry,
};
use futures_util::future::join_all;

use super::{
    batch_field::{BatchField, context_at},
    field::FastFields,
    selection_plan::SelectionPlan,
};
use crate::graphql::response::json::json_values;

/// An object that is resolved on the fast path.
#[derive(Clone, Debug)]
pub(crate) struct Fast<T>(pub(crate) T);

/// A list of objects that is resolved on the fast path: owned or borrowed.
#[derive(Debug)]
pub(crate) struct FastList<L>(pub(crate) L);

impl<T: FastFields> OutputType for Fast<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        _: &Positioned<SelectedField>,
    ) -> ServerResult<Value> {
        let objects = std::slice::from_ref(&self.0);
        SelectionPlan::new(&ctx.item.node)
            .resolve(ctx, objects, false)
            .await
    }
}

impl<L, T> OutputType for FastList<L>
where
    L: Deref<Target = [T]> + Send + Sync,
    T: FastFields,
{
    fn type_name() -> Cow<'static, str> {
        Vec::<T>::type_name()
    }

    fn qualified_type_name() -> String {
        Vec::<T>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Vec::<T>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        _: &Positioned<SelectedField>,
    ) -> ServerResult<Value> {
        SelectionPlan::new(&ctx.item.node)
            .resolve(ctx, &self.0, true)
            .await
    }
}

impl BatchField<'_> {
    /// Resolves the selection on the field's value of each object.
    pub(crate) async fn resolve<T: FastFields>(
        &self,
        values: Vec<Option<T>>,
    ) -> ServerResult<Vec<Value>> {
        let set = &self.field.node.selection_set.node;
        if let Some(plan) = SelectionPlan::without_lookups(set) {
            let budget = self.objects.data_opt();
            let values = json_values(values, budget, |json, value| {
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
}
