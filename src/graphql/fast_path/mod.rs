//! Objects resolved in one pass.
//!
//! The library makes a future of each field of each object and joins them all, which costs more than most
//! fields do. Here a field that is plain, something the object has, is written as it is come to (see
//! [`written`](super::written)); one that has to be looked up is looked up for all objects of a list at once;
//! only the rest is resolved the library's way.

mod batch_field;
mod selection_plan;

use std::{borrow::Cow, collections::HashMap};

use async_graphql::{
    ContainerType, Context, ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value,
    parser::types::{Field, FragmentDefinition},
    registry::Registry,
    resolver_utils::resolve_list,
};
use futures_util::{FutureExt, future::BoxFuture};
use serde::Serialize;

use super::response::json::write_json;
pub(crate) use batch_field::BatchField;
pub(crate) use selection_plan::SelectionPlan;

/// Bytes that a field takes, about.
const FIELD: usize = 32;

/// A type of which some fields are not resolved the library's way.
pub(crate) trait FastFields: ContainerType + OutputType + Sized {
    /// How the field of this name is written, if it neither waits nor is an object itself.
    fn plain(field: &str) -> Option<Write<Self>> {
        let _ = field;
        None
    }

    /// How a field is written that is made of objects which the object has, if these can be written.
    fn inner<'a>(field: &'a Field, fragments: &'a Fragments) -> Option<WriteInner<'a, Self>> {
        let _ = (field, fragments);
        None
    }

    /// How the field of this name is resolved of several objects at once.
    fn together(field: &str) -> Option<BatchResolver<Self>> {
        let _ = field;
        None
    }
}

/// Writes a plain field of an object. The context is that of all objects, not of this one or its field.
pub(crate) type Write<T> = fn(&T, &Context<'_>, &mut Vec<u8>);

/// The same of a field that is made of objects.
pub(crate) type WriteInner<'a, T> = Box<dyn Fn(&T, &Context<'_>, &mut Vec<u8>) + Send + Sync + 'a>;

/// Resolves a field of objects: a value for each, in their order.
pub(crate) type BatchResolver<T> =
    for<'a> fn(&'a [T], &'a BatchField<'a>) -> BoxFuture<'a, ServerResult<Vec<Value>>>;

/// The fragments of a document, by name.
pub(crate) type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// Writes what a resolver answers that neither waits nor fails. (The library takes the context of all
/// resolvers, and makes a result of what they answer.)
pub(crate) fn put_resolved(
    json: &mut Vec<u8>,
    resolver: impl Future<Output = async_graphql::Result<impl Serialize>>,
) {
    match resolver.now_or_never() {
        Some(Ok(value)) => write_json(json, value),
        _ => unreachable!("a plain field waits, or fails"),
    }
}

/// An object.
#[derive(Clone, Debug)]
pub(crate) struct Fast<T>(pub(crate) T);

/// A list of objects.
#[derive(Debug)]
pub(crate) struct FastList<'a, T>(pub(crate) &'a [T]);

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
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        match SelectionPlan::of(ctx) {
            Some(selected) => {
                let objects = std::slice::from_ref(&self.0);
                selected.resolve(ctx, field, objects, false).await
            }
            None => self.0.resolve(ctx, field).await,
        }
    }
}

impl<T: FastFields> OutputType for FastList<'_, T> {
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
        match SelectionPlan::of(ctx) {
            Some(selected) => selected.resolve(ctx, field, self.0, true).await,
            None => resolve_list(ctx, field, self.0, Some(self.0.len())).await,
        }
    }
}
