//! What is selected of objects, found out once for all of a list.

use async_graphql::{
    Context, ContextSelectionSet, Name, Positioned, ServerResult, Value,
    indexmap::IndexMap,
    parser::types::{Field, Selection, SelectionSet},
    resolver_utils::resolve_container,
};
use futures_util::future::{join_all, try_join_all};

use super::{
    BatchResolver, FIELD, FastFields, Fragments, Write, WriteInner,
    batch_field::{BatchField, at},
};
use crate::graphql::response::json::{
    Encoding, encoded_len, json_value, write_all, write_json, write_key, write_value,
};

/// What is selected of objects of one type.
pub(crate) struct SelectionPlan<'a, T> {
    /// In the order in which they are answered.
    fields: IndexMap<&'a Name, FieldPlan<'a, T>>,
    together: Vec<(&'a Positioned<Field>, BatchResolver<T>)>,
    /// Those that are resolved the library's way.
    apart: Vec<Positioned<Selection>>,
    form: Encoding,
}

/// How a field is answered.
enum FieldPlan<'a, T> {
    Inline(Write<T>),
    Inner(WriteInner<'a, T>),
    TypeName,
    /// The one of this number.
    BatchResolver(usize),
    Apart,
}

/// What was not written of several objects but resolved before.
struct Resolved {
    /// Of each field, what it is of each object; nothing where it failed.
    together: Vec<Vec<Value>>,
    /// Of each object the other fields; nothing if there are none.
    apart: Vec<Value>,
}

impl<'a, T: FastFields> SelectionPlan<'a, T> {
    /// What is selected of the objects that are resolved in this context; none if it can only be told object
    /// by object, as where fragments are on interfaces.
    pub(crate) fn of(ctx: &ContextSelectionSet<'a>) -> Option<Self> {
        let form = ctx.data_opt().copied().unwrap_or(Encoding::Tree);
        Self::read(&ctx.item.node, &ctx.query_env.fragments, form)
    }

    fn read(set: &'a SelectionSet, fragments: &'a Fragments, form: Encoding) -> Option<Self> {
        let mut selected = Self {
            fields: IndexMap::with_capacity(set.items.len()),
            together: Vec::new(),
            apart: Vec::new(),
            form,
        };
        selected
            .add(&T::type_name(), set, fragments)
            .then_some(selected)
    }

    /// What is selected of objects that can be written as they are; none if they cannot.
    pub(crate) fn plain(set: &'a SelectionSet, fragments: &'a Fragments) -> Option<Self> {
        let selected = Self::read(set, fragments, Encoding::Json)?;
        (selected.together.is_empty() && selected.apart.is_empty()).then_some(selected)
    }

    fn add(&mut self, ty: &str, set: &'a SelectionSet, fragments: &'a Fragments) -> bool {
        set.items.iter().all(|item| match &item.node {
            Selection::Field(field) => {
                self.add_field(item, field, fragments);
                true
            }
            Selection::InlineFragment(inline) => {
                let condition = inline.node.type_condition.as_ref();
                condition.is_none_or(|condition| condition.node.on.node == ty)
                    && self.add(ty, &inline.node.selection_set.node, fragments)
            }
            Selection::FragmentSpread(spread) => {
                let fragment = fragments.get(&spread.node.fragment_name.node);
                fragment.is_some_and(|fragment| {
                    fragment.node.type_condition.node.on.node == ty
                        && self.add(ty, &fragment.node.selection_set.node, fragments)
                })
            }
        })
    }

    fn add_field(
        &mut self,
        item: &Positioned<Selection>,
        field: &'a Positioned<Field>,
        fragments: &'a Fragments,
    ) {
        let key = &field.node.response_key().node;
        let how = self.how(field, fragments);
        if matches!(how, FieldPlan::Apart) {
            self.apart.push(item.clone());
        }
        // Under one name it is the same field; the library merges what is selected of it.
        self.fields.entry(key).or_insert(how);
    }

    fn how(&mut self, field: &'a Positioned<Field>, fragments: &'a Fragments) -> FieldPlan<'a, T> {
        let name = field.node.name.node.as_str();
        if !field.node.directives.is_empty() {
            return FieldPlan::Apart;
        }
        if name == "__typename" {
            return FieldPlan::TypeName;
        }
        if let Some(write) = T::plain(name) {
            return FieldPlan::Inline(write);
        }
        if self.form == Encoding::Tree {
            return FieldPlan::Apart;
        }
        if let Some(write) = T::inner(&field.node, fragments) {
            return FieldPlan::Inner(write);
        }
        match T::together(name) {
            Some(together) => {
                self.together.push((field, together));
                FieldPlan::BatchResolver(self.together.len() - 1)
            }
            None => FieldPlan::Apart,
        }
    }

    /// Writes an object that can be written as it is.
    pub(crate) fn put(&self, json: &mut Vec<u8>, object: &T, ctx: &Context<'_>) {
        self.put_with(json, object, ctx, |_| &Value::Null);
    }

    /// Writes objects that can be written as they are.
    pub(crate) fn put_list(&self, json: &mut Vec<u8>, objects: &[T], ctx: &Context<'_>) {
        write_all(json, [b'[', b']'], objects, |json, object| {
            self.put(json, object, ctx);
        });
    }

    /// Writes an object, of which `resolved` tells the fields that were resolved before.
    fn put_with<'v>(
        &self,
        json: &mut Vec<u8>,
        object: &T,
        ctx: &Context<'_>,
        resolved: impl Fn((&Name, &FieldPlan<'a, T>)) -> &'v Value,
    ) {
        write_all(json, [b'{', b'}'], &self.fields, |json, (key, how)| {
            write_key(json, key);
            if !how.put(json, object, ctx) {
                write_value(json, resolved((key, how)));
            }
        });
    }

    /// The map of an object's fields, without those that failed.
    fn map(&self, object: &T, ctx: &Context<'_>, resolved: &Resolved, index: usize) -> Value {
        let mut fields = IndexMap::with_capacity(self.fields.len());
        for (key, how) in &self.fields {
            let mut json = Vec::new();
            let value = if how.put(&mut json, object, ctx) {
                Some(Value::Binary(json.into()))
            } else {
                resolved.field(key, how, index).cloned()
            };
            if let Some(value) = value {
                fields.insert((*key).clone(), value);
            }
        }
        Value::Object(fields)
    }

    /// Resolves what is selected of them.
    pub(crate) async fn resolve(
        mut self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
        objects: &[T],
        is_list: bool,
    ) -> ServerResult<Value> {
        let resolved = Resolved {
            together: self.resolve_together(ctx, objects, is_list).await,
            apart: self.resolve_apart(ctx, objects, is_list).await?,
        };
        let of_all = &ctx.with_field(field);
        let indexed = objects.iter().enumerate();
        if self.form == Encoding::Tree || has_failed(ctx) {
            let mut maps =
                indexed.map(|(index, object)| self.map(object, of_all, &resolved, index));
            return Ok(if is_list {
                Value::List(maps.collect())
            } else {
                maps.next().unwrap_or_default()
            });
        }
        let put = |json: &mut Vec<u8>, (index, object)| {
            self.put_with(json, object, of_all, |(key, how)| {
                resolved.field(key, how, index).unwrap_or(&Value::Null)
            });
        };
        let room = objects.len() * self.fields.len() * FIELD + resolved.bytes();
        Ok(json_value(room, |json| {
            if is_list {
                write_all(json, [b'[', b']'], indexed, put);
            } else {
                indexed.for_each(|object| put(json, object));
            }
        }))
    }

    async fn resolve_together(
        &self,
        ctx: &ContextSelectionSet<'_>,
        objects: &[T],
        is_list: bool,
    ) -> Vec<Vec<Value>> {
        let fields = self.together.iter().map(async |(field, together)| {
            let field = BatchField {
                objects: ctx,
                field,
                is_list,
            };
            let resolved = together(objects, &field).await;
            resolved.unwrap_or_else(|error| {
                (0..objects.len()).for_each(|index| field.fail(index, error.clone()));
                Vec::new()
            })
        });
        join_all(fields).await
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
                let ctx = at(ctx, index, is_list);
                resolve_container(&ctx.with_selection_set(selection), object).await
            });
        try_join_all(resolved).await
    }
}

impl<T: FastFields> FieldPlan<'_, T> {
    /// Writes the field, unless it is one that has to be resolved before.
    fn put(&self, json: &mut Vec<u8>, object: &T, ctx: &Context<'_>) -> bool {
        match self {
            Self::Inline(write) => write(object, ctx, json),
            Self::Inner(write) => write(object, ctx, json),
            Self::TypeName => write_json(json, T::type_name()),
            Self::BatchResolver(_) | Self::Apart => return false,
        }
        true
    }
}

impl Resolved {
    /// How many are written already.
    fn bytes(&self) -> usize {
        let values = self.together.iter().flatten();
        values.map(encoded_len).sum()
    }

    /// What was resolved of an object's field, unless it failed.
    fn field<T>(&self, key: &Name, how: &FieldPlan<'_, T>, index: usize) -> Option<&Value> {
        if let FieldPlan::BatchResolver(number) = how {
            return self.together[*number].get(index);
        }
        match self.apart.get(index) {
            Some(Value::Object(fields)) => fields.get(key),
            _ => None,
        }
    }
}

/// Whether something has failed: then the answer has to be looked into.
fn has_failed(ctx: &ContextSelectionSet<'_>) -> bool {
    let errors = ctx.query_env.errors.lock();
    errors.is_ok_and(|errors| !errors.is_empty())
}
