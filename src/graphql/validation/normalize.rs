//! Normalisation of an operation before execution.
//!
//! async-graphql executes some valid operations incorrectly: it resolves a field twice that is selected
//! twice, returns null for an object without selected fields, and takes an omitted variable for null. A
//! normalised operation avoids these cases:
//!
//! - The selections of each response key are merged into one, and fragments are expanded.
//! - Selections on an abstract type are listed per object type, in an inline fragment each.
//! - `@skip` and `@include` are evaluated, and no directives are left.
//! - Arguments and input fields whose value is an omitted variable are left out.
//! - An object without selected fields, and each object of an abstract type, selects `__typename` under
//!   [`HIDDEN_KEY`], which is removed from the response.
//! - An object whose fields cannot be collected, since a condition is null, selects `__typename` under
//!   [`FAILED_KEY`], for which the response gets an error.

use std::collections::HashSet;

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema,
    ast::{Argument, Value},
    collections::IndexMap,
    executable::{DirectiveList, Field, InlineFragment, Operation, Selection, SelectionSet},
    schema::ExtendedType,
};
use async_graphql::{Value as VariableValue, Variables};

use crate::graphql::response::{FAILED_KEY, HIDDEN_KEY};

/// Normalises operations of a document.
pub(super) struct Normalizer<'a> {
    pub(super) schema: &'a Schema,
    pub(super) document: &'a ExecutableDocument,
    /// The coerced variables. Only the values of those in directives matter, and which are omitted.
    pub(super) variables: &'a Variables,
}

/// A condition of `@skip` or `@include` is null.
struct NullCondition;

/// The fields selected under each response key, in the order of the response.
type Grouped<'a> = IndexMap<&'a Name, Vec<&'a Node<Field>>>;

impl<'a> Normalizer<'a> {
    /// Normalises an operation of the document.
    pub(super) fn operation(&self, operation: &'a Operation) -> Operation {
        let set = &operation.selection_set;
        Operation {
            operation_type: operation.operation_type,
            name: None,
            variables: operation.variables.clone(),
            directives: DirectiveList::default(),
            selection_set: self.object(&set.ty, &[set], false),
        }
    }

    /// Merges selections on a composite type.
    fn composite(&self, ty: &Name, sets: &[&'a SelectionSet]) -> SelectionSet {
        let is_abstract = matches!(
            self.schema.types.get(ty),
            Some(ExtendedType::Interface(_) | ExtendedType::Union(_))
        );
        if !is_abstract {
            return self.object(ty, sets, false);
        }
        let mut merged = SelectionSet::new(ty.clone());
        for (name, definition) in &self.schema.types {
            if definition.is_object() && self.schema.is_subtype(ty, name) {
                let mut fragment = InlineFragment::with_type_condition(name.clone());
                fragment.selection_set = self.object(name, sets, true);
                merged.push(fragment);
            }
        }
        merged
    }

    /// Merges selections on an object type. Selects the hidden key if there are no fields, or if
    /// `is_hidden_selected` is true.
    fn object(
        &self,
        ty: &Name,
        sets: &[&'a SelectionSet],
        is_hidden_selected: bool,
    ) -> SelectionSet {
        let mut grouped = Grouped::default();
        let mut visited = HashSet::new();
        let mut sets = sets.iter();
        let collected = sets.try_for_each(|set| self.collect(ty, set, &mut visited, &mut grouped));
        let mut merged = SelectionSet::new(ty.clone());
        if grouped.is_empty() || is_hidden_selected {
            merged.extend(type_name_field(HIDDEN_KEY, ty, self.schema));
        }
        match collected {
            Ok(()) => merged.extend(grouped.values().filter_map(|fields| self.field(ty, fields))),
            Err(NullCondition) => merged.extend(type_name_field(FAILED_KEY, ty, self.schema)),
        }
        merged
    }

    /// Collects the fields that apply to an object type, as the specification's `CollectFields` does.
    fn collect(
        &self,
        ty: &Name,
        set: &'a SelectionSet,
        visited: &mut HashSet<&'a Name>,
        grouped: &mut Grouped<'a>,
    ) -> Result<(), NullCondition> {
        for selection in &set.selections {
            // The conditions of a fragment that has been spread already do not matter.
            let is_repeated = matches!(selection, Selection::FragmentSpread(spread)
                if visited.contains(&spread.fragment_name));
            if is_repeated || !self.is_included(selection.directives())? {
                continue;
            }
            let (condition, set) = match selection {
                Selection::Field(field) => {
                    grouped.entry(field.response_key()).or_default().push(field);
                    continue;
                }
                Selection::InlineFragment(fragment) => {
                    (fragment.type_condition.as_ref(), &fragment.selection_set)
                }
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.document.fragments.get(&spread.fragment_name) else {
                        continue;
                    };
                    visited.insert(&spread.fragment_name);
                    (Some(fragment.type_condition()), &fragment.selection_set)
                }
            };
            if condition.is_none_or(|on| on == ty || self.schema.is_subtype(on, ty)) {
                self.collect(ty, set, visited, grouped)?;
            }
        }
        Ok(())
    }

    /// Merges the selections of one response key; `None` if the schema has no such field.
    fn field(&self, ty: &Name, fields: &[&'a Node<Field>]) -> Option<Node<Field>> {
        let first = fields.first()?;
        // A field selected through an interface is executed as the field of the object type.
        let definition = self.schema.type_field(ty, &first.name).ok()?;
        let inner = definition.ty.inner_named_type();
        let sets: Vec<_> = fields.iter().map(|field| &field.selection_set).collect();
        let is_leaf = self
            .schema
            .types
            .get(inner)
            .is_none_or(ExtendedType::is_leaf);
        let selection_set = if is_leaf {
            SelectionSet::new(inner.clone())
        } else {
            self.composite(inner, &sets)
        };
        Some(first.same_location(Field {
            definition: definition.node.clone(),
            alias: first.alias.clone(),
            name: first.name.clone(),
            arguments: self.arguments(&first.arguments),
            directives: DirectiveList::default(),
            selection_set,
        }))
    }

    /// Evaluates `@skip` and `@include`.
    fn is_included(&self, directives: &DirectiveList) -> Result<bool, NullCondition> {
        for (name, excluded) in [("skip", true), ("include", false)] {
            let Some(directive) = directives.get(name) else {
                continue;
            };
            let condition = directive.specified_argument_by_name("if");
            let condition = condition.and_then(|value| match &**value {
                Value::Variable(name) => match self.variables.get(name.as_str()) {
                    Some(VariableValue::Boolean(condition)) => Some(*condition),
                    _ => None,
                },
                value => value.to_bool(),
            });
            if condition.ok_or(NullCondition)? == excluded {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn arguments(&self, arguments: &[Node<Argument>]) -> Vec<Node<Argument>> {
        let given = arguments.iter().filter_map(|argument| {
            let value = self.value(&argument.value)?;
            Some(argument.same_location(Argument {
                name: argument.name.clone(),
                value,
            }))
        });
        given.collect()
    }

    /// Returns a value without the omitted variables in it; `None` if it is one.
    fn value(&self, value: &Node<Value>) -> Option<Node<Value>> {
        match &**value {
            Value::Variable(name) if !self.variables.contains_key(name.as_str()) => None,
            Value::Object(fields) => {
                let fields = fields
                    .iter()
                    .filter_map(|(name, value)| Some((name.clone(), self.value(value)?)));
                Some(value.same_location(Value::Object(fields.collect())))
            }
            Value::List(items) => {
                // An item cannot be left out.
                let items = items
                    .iter()
                    .map(|item| self.value(item).unwrap_or_else(|| Node::new(Value::Null)));
                Some(value.same_location(Value::List(items.collect())))
            }
            _ => Some(value.clone()),
        }
    }
}

/// Selects `__typename` under a response key.
fn type_name_field(key: &str, ty: &Name, schema: &Schema) -> Option<Node<Field>> {
    let definition = schema.type_field(ty, "__typename").ok()?;
    Some(Node::new(Field {
        definition: definition.node.clone(),
        alias: Some(Name::new_unchecked(key)),
        name: definition.name.clone(),
        arguments: Vec::new(),
        directives: DirectiveList::default(),
        selection_set: SelectionSet::new(definition.ty.inner_named_type().clone()),
    }))
}

/// Returns the names of the variables in `@skip` and `@include` of a document.
pub(super) fn condition_variables(document: &ExecutableDocument) -> HashSet<Name> {
    let mut names = HashSet::new();
    for operation in document.operations.iter() {
        add_condition_variables(&operation.selection_set, &mut names);
    }
    for fragment in document.fragments.values() {
        add_condition_variables(&fragment.selection_set, &mut names);
    }
    names
}

fn add_condition_variables(set: &SelectionSet, names: &mut HashSet<Name>) {
    for selection in &set.selections {
        let directives = selection.directives().iter();
        let arguments = directives.flat_map(|directive| &directive.arguments);
        names.extend(arguments.filter_map(|argument| argument.value.as_variable().cloned()));
        match selection {
            Selection::Field(field) => add_condition_variables(&field.selection_set, names),
            Selection::InlineFragment(fragment) => {
                add_condition_variables(&fragment.selection_set, names);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}
