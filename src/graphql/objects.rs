//! Objects resolved in one pass.
//!
//! The library makes a future of each field of each object and joins them all, which costs more than
//! most fields do: they are plain, something the object has. Here those are resolved as they are come
//! to, and only those that wait for something, or are objects themselves, the library's way.

use std::borrow::Cow;

use async_graphql::{
    ContainerType, ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value,
    indexmap::IndexMap,
    parser::types::{Field, Selection, SelectionSet},
    registry::Registry,
    resolver_utils::{resolve_container, resolve_list},
};
use futures_util::{FutureExt, future::try_join_all};

/// A type of which some fields are plain.
pub(super) trait Plain: ContainerType + OutputType {
    /// The other ones: those that wait for something, or are objects themselves.
    const APART: &'static [&'static str];
}

/// An object.
#[derive(Clone, Debug)]
pub(super) struct Object<T>(pub(super) T);

/// A list of objects.
#[derive(Debug)]
pub(super) struct Objects<'a, T>(pub(super) &'a [T]);

/// What is selected of objects of one type.
#[derive(Default)]
struct Selected<'a> {
    /// In the order in which they are answered; None stands for one that is resolved apart.
    fields: IndexMap<&'a Name, Option<&'a Positioned<Field>>>,
    apart: Vec<Positioned<Selection>>,
}

impl<'a> Selected<'a> {
    /// None if it can only be told object by object, as where fragments are on interfaces.
    fn of<T: Plain>(ctx: &ContextSelectionSet<'a>) -> Option<Self> {
        let mut selected = Self::default();
        let tells = selected.add::<T>(&T::type_name(), ctx, &ctx.item.node);
        tells.then_some(selected)
    }

    fn add<T: Plain>(
        &mut self,
        ty: &str,
        ctx: &ContextSelectionSet<'a>,
        set: &'a SelectionSet,
    ) -> bool {
        set.items.iter().all(|item| match &item.node {
            Selection::Field(field) => {
                self.add_field::<T>(item, field);
                true
            }
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref();
                condition.is_none_or(|condition| condition.node.on.node == ty)
                    && self.add::<T>(ty, ctx, &fragment.node.selection_set.node)
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                let fragment = ctx.query_env.fragments.get(name);
                fragment.is_some_and(|fragment| {
                    fragment.node.type_condition.node.on.node == ty
                        && self.add::<T>(ty, ctx, &fragment.node.selection_set.node)
                })
            }
        })
    }

    fn add_field<T: Plain>(&mut self, item: &Positioned<Selection>, field: &'a Positioned<Field>) {
        let key = &field.node.response_key().node;
        let is_apart =
            T::APART.contains(&field.node.name.node.as_str()) || !field.node.directives.is_empty();
        if is_apart {
            self.fields.insert(key, None);
            self.apart.push(item.clone());
        } else {
            self.fields.entry(key).or_insert(Some(field));
        }
    }

    /// An object's plain fields; in the places of the others is null.
    fn plain<T: Plain>(&self, ctx: &ContextSelectionSet<'_>, object: &T) -> IndexMap<Name, Value> {
        let mut values = IndexMap::with_capacity(self.fields.len());
        for (key, field) in &self.fields {
            let value = match field {
                None => Ok(None),
                Some(field) if field.node.name.node == "__typename" => {
                    Ok(Some(Value::String(T::type_name().into_owned())))
                }
                Some(field) => {
                    let resolved = object.resolve_field(&ctx.with_field(field)).now_or_never();
                    resolved.unwrap_or_else(|| {
                        unreachable!("{}.{key} waits, and is not resolved apart", T::type_name())
                    })
                }
            };
            match value {
                Ok(value) => _ = values.insert((*key).clone(), value.unwrap_or_default()),
                // Its place is found by the path of the error.
                Err(error) => ctx.add_error(error),
            }
        }
        values
    }

    /// Puts what was resolved apart in its places.
    fn fill(&self, values: &mut IndexMap<Name, Value>, apart: Value) {
        let Value::Object(mut apart) = apart else {
            return self.fill(values, Value::Object(IndexMap::new()));
        };
        for (key, field) in &self.fields {
            if field.is_some() {
                continue;
            }
            match apart.swap_remove(*key) {
                Some(value) => _ = values.insert((*key).clone(), value),
                // It failed.
                None => _ = values.shift_remove(*key),
            }
        }
    }

    async fn resolve<T: Plain>(
        &mut self,
        ctx: &ContextSelectionSet<'_>,
        objects: &[T],
        is_list: bool,
    ) -> ServerResult<Vec<Value>> {
        let at = |index| {
            if is_list {
                ctx.with_index(index)
            } else {
                ctx.clone()
            }
        };
        let indexed = || objects.iter().enumerate();
        let plain = indexed().map(|(index, object)| self.plain(&at(index), object));
        let mut values: Vec<_> = plain.collect();
        if !self.apart.is_empty() {
            let items = std::mem::take(&mut self.apart);
            let selection = Positioned::new(SelectionSet { items }, ctx.item.pos);
            let (at, selection) = (&at, &selection);
            let apart = indexed().map(|(index, object)| async move {
                let ctx = at(index);
                resolve_container(&ctx.with_selection_set(selection), object).await
            });
            for (values, apart) in values.iter_mut().zip(try_join_all(apart).await?) {
                self.fill(values, apart);
            }
        }
        Ok(values.into_iter().map(Value::Object).collect())
    }
}

impl<T: Plain> OutputType for Object<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let Some(mut selected) = Selected::of::<T>(ctx) else {
            return self.0.resolve(ctx, field).await;
        };
        let objects = std::slice::from_ref(&self.0);
        let mut values = selected.resolve(ctx, objects, false).await?;
        Ok(values.pop().unwrap_or_default())
    }
}

impl<T: Plain> OutputType for Objects<'_, T> {
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
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        match Selected::of::<T>(ctx) {
            Some(mut selected) => {
                let values = selected.resolve(ctx, self.0, true).await?;
                Ok(Value::List(values))
            }
            None => resolve_list(ctx, field, self.0, Some(self.0.len())).await,
        }
    }
}
