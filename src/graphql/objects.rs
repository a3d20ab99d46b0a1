//! Objects resolved in one pass.
//!
//! The library makes a future of each field of each object and joins them all, which costs more than
//! most fields do: they are plain, something the object has. Here those are written as they are come to
//! (see [`written`](super::written)), and only those that wait for something, or are objects themselves,
//! are resolved the library's way.

use std::borrow::Cow;

use async_graphql::{
    ContainerType, Context, ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value,
    indexmap::IndexMap,
    parser::types::{Field, Selection, SelectionSet},
    registry::Registry,
    resolver_utils::{resolve_container, resolve_list},
};
use futures_util::{FutureExt, future::try_join_all};
use serde::Serialize;

use super::written::{Form, put, put_all, put_key, put_value, written};

/// Bytes that a field takes, about.
const FIELD: usize = 32;

/// A type of which most fields are plain.
pub(super) trait Plain: ContainerType + OutputType {
    /// How the field of this name is written; none if it waits for something, or is an object itself.
    fn plain(field: &str) -> Option<Write<Self>>;
}

/// Writes a plain field of an object, in the context of that field.
pub(super) type Write<T> = fn(&T, &Context<'_>, &mut Vec<u8>);

/// Writes what a resolver answers that neither waits nor fails. (The library takes the context of all
/// resolvers, and makes a result of what they answer.)
pub(super) fn put_resolved(
    json: &mut Vec<u8>,
    resolver: impl Future<Output = async_graphql::Result<impl Serialize>>,
) {
    match resolver.now_or_never() {
        Some(Ok(value)) => put(json, value),
        _ => unreachable!("a plain field waits, or fails"),
    }
}

/// An object.
#[derive(Clone, Debug)]
pub(super) struct Object<T>(pub(super) T);

/// A list of objects.
#[derive(Debug)]
pub(super) struct Objects<'a, T>(pub(super) &'a [T]);

/// What is selected of objects of one type.
struct Selected<'a, T> {
    /// In the order in which they are answered.
    fields: IndexMap<&'a Name, How<'a, T>>,
    /// Those that are resolved the library's way.
    apart: Vec<Positioned<Selection>>,
}

/// How a field is answered.
enum How<'a, T> {
    Plain(Write<T>, Context<'a>),
    TypeName,
    Apart,
}

impl<'a, T: Plain> Selected<'a, T> {
    /// None if it can only be told object by object, as where fragments are on interfaces.
    fn of(ctx: &'a ContextSelectionSet<'a>) -> Option<Self> {
        let mut selected = Self {
            fields: IndexMap::with_capacity(ctx.item.node.items.len()),
            apart: Vec::new(),
        };
        let tells = selected.add(&T::type_name(), ctx, &ctx.item.node);
        tells.then_some(selected)
    }

    fn add(&mut self, ty: &str, ctx: &'a ContextSelectionSet<'a>, set: &'a SelectionSet) -> bool {
        set.items.iter().all(|item| match &item.node {
            Selection::Field(field) => {
                self.add_field(ctx, item, field);
                true
            }
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref();
                condition.is_none_or(|condition| condition.node.on.node == ty)
                    && self.add(ty, ctx, &fragment.node.selection_set.node)
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                let fragment = ctx.query_env.fragments.get(name);
                fragment.is_some_and(|fragment| {
                    fragment.node.type_condition.node.on.node == ty
                        && self.add(ty, ctx, &fragment.node.selection_set.node)
                })
            }
        })
    }

    fn add_field(
        &mut self,
        ctx: &'a ContextSelectionSet<'a>,
        item: &Positioned<Selection>,
        field: &'a Positioned<Field>,
    ) {
        let how = match field.node.name.node.as_str() {
            _ if !field.node.directives.is_empty() => How::Apart,
            "__typename" => How::TypeName,
            name => match T::plain(name) {
                Some(write) => How::Plain(write, ctx.with_field(field)),
                None => How::Apart,
            },
        };
        if matches!(how, How::Apart) {
            self.apart.push(item.clone());
        }
        self.fields
            .entry(&field.node.response_key().node)
            .or_insert(how);
    }

    /// Writes an object, of which `apart` was resolved apart.
    fn put(&self, json: &mut Vec<u8>, object: &T, apart: &Value) {
        put_all(json, [b'{', b'}'], &self.fields, |json, (key, how)| {
            put_key(json, key);
            match how {
                How::Apart => put_value(json, field(apart, key)),
                how => how.put(json, object),
            }
        });
    }

    /// The map of an object's fields, of which `apart` were resolved apart; without those that failed.
    fn map(&self, object: &T, mut apart: Value) -> Value {
        let mut fields = IndexMap::with_capacity(self.fields.len());
        for (key, how) in &self.fields {
            let value = match (how, &mut apart) {
                (How::Apart, Value::Object(apart)) => apart.swap_remove(*key),
                (How::Apart, _) => None,
                (how, _) => Some(written(FIELD, |json| how.put(json, object))),
            };
            if let Some(value) = value {
                fields.insert((*key).clone(), value);
            }
        }
        Value::Object(fields)
    }

    async fn resolve(
        &mut self,
        ctx: &ContextSelectionSet<'_>,
        objects: &[T],
        is_list: bool,
    ) -> ServerResult<Value> {
        let mut apart = self.resolve_apart(ctx, objects, is_list).await?;
        let room = objects.len() * self.fields.len() * FIELD;
        if may_write(ctx) {
            let objects = objects.iter().enumerate();
            let put = |json: &mut Vec<u8>, (index, object)| {
                self.put(json, object, apart.get(index).unwrap_or(&Value::Null));
            };
            return Ok(written(room, |json| {
                if is_list {
                    put_all(json, [b'[', b']'], objects, put);
                } else {
                    objects.for_each(|object| put(json, object));
                }
            }));
        }
        apart.resize(objects.len(), Value::Null);
        let objects = objects.iter().zip(apart);
        let mut maps = objects.map(|(object, apart)| self.map(object, apart));
        Ok(if is_list {
            Value::List(maps.collect())
        } else {
            maps.next().unwrap_or_default()
        })
    }

    /// Of each object what is resolved the library's way; nothing if nothing is.
    async fn resolve_apart(
        &mut self,
        ctx: &ContextSelectionSet<'_>,
        objects: &[T],
        is_list: bool,
    ) -> ServerResult<Vec<Value>> {
        if self.apart.is_empty() {
            return Ok(Vec::new());
        }
        let items = std::mem::take(&mut self.apart);
        let selection = &Positioned::new(SelectionSet { items }, ctx.item.pos);
        let resolved = objects
            .iter()
            .enumerate()
            .map(|(index, object)| async move {
                let ctx = if is_list {
                    ctx.with_index(index)
                } else {
                    ctx.clone()
                };
                resolve_container(&ctx.with_selection_set(selection), object).await
            });
        try_join_all(resolved).await
    }
}

impl<T: Plain> How<'_, T> {
    fn put(&self, json: &mut Vec<u8>, object: &T) {
        match self {
            Self::Plain(write, ctx) => write(object, ctx, json),
            Self::TypeName => put(json, T::type_name()),
            Self::Apart => unreachable!("it was resolved apart"),
        }
    }
}

fn field<'a>(object: &'a Value, key: &Name) -> &'a Value {
    match object {
        Value::Object(fields) => fields.get(key).unwrap_or(&Value::Null),
        _ => &Value::Null,
    }
}

/// Whether nothing has failed, and nothing is merged: then what is written need not be looked into.
fn may_write(ctx: &ContextSelectionSet<'_>) -> bool {
    let errors = ctx.query_env.errors.lock();
    ctx.data_opt::<Form>() == Some(&Form::Written) && errors.is_ok_and(|errors| errors.is_empty())
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
        match Selected::of(ctx) {
            Some(mut selected) => {
                let objects = std::slice::from_ref(&self.0);
                selected.resolve(ctx, objects, false).await
            }
            None => self.0.resolve(ctx, field).await,
        }
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
        match Selected::of(ctx) {
            Some(mut selected) => selected.resolve(ctx, self.0, true).await,
            None => resolve_list(ctx, field, self.0, Some(self.0.len())).await,
        }
    }
}
