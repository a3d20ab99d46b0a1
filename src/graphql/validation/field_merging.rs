//! Fields under one response name must be the same field with the same arguments.
//!
//! async-graphql checks this rule too, but reports an error for each pair of fields and each argument:
//! ten thousand tokens produce millions of errors. This check stops at the first one.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Pos, ServerError,
    parser::types::{ExecutableDocument, Field, Selection, SelectionSet},
};

use super::limits::check_limit;
use crate::graphql::error::{ErrorCode, request_error};

/// Checks all selections of a document. Compares at most `max` fields.
pub(super) fn validate(document: &ExecutableDocument, max: usize) -> Result<(), ServerError> {
    let mut visitor = MergeVisitor {
        document,
        max,
        compared: 0,
    };
    for fragment in document.fragments.values() {
        visitor.visit(&fragment.node.selection_set.node)?;
    }
    for (_, operation) in document.operations.iter() {
        visitor.visit(&operation.node.selection_set.node)?;
    }
    Ok(())
}

struct MergeVisitor<'a> {
    document: &'a ExecutableDocument,
    max: usize,
    compared: usize,
}

/// The fields of a selection set.
#[derive(Default)]
struct MergedFields<'a> {
    /// The first field under each type condition and response name.
    fields: HashMap<(Option<&'a str>, &'a str), &'a Field>,
    /// Fragments that the selection set includes.
    fragments: HashSet<&'a str>,
}

impl<'a> MergeVisitor<'a> {
    fn visit(&mut self, selection: &'a SelectionSet) -> Result<(), ServerError> {
        self.merge(&mut MergedFields::default(), None, selection)?;
        for item in &selection.items {
            match &item.node {
                Selection::Field(field) => self.visit(&field.node.selection_set.node)?,
                Selection::InlineFragment(inline) => {
                    self.visit(&inline.node.selection_set.node)?;
                }
                Selection::FragmentSpread(_) => {}
            }
        }
        Ok(())
    }

    /// Merges a selection with the type condition `on`.
    fn merge(
        &mut self,
        merged: &mut MergedFields<'a>,
        on: Option<&'a str>,
        selection: &'a SelectionSet,
    ) -> Result<(), ServerError> {
        for item in &selection.items {
            self.compared += 1;
            check_limit(self.max, self.compared, "fields to merge", Some(item.pos))?;
            match &item.node {
                Selection::Field(field) => {
                    let key = (on, field.node.response_key().node.as_str());
                    let first = merged.fields.entry(key).or_insert(&field.node);
                    check_same(first, &field.node, item.pos)?;
                }
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref();
                    let on = condition.map(|condition| condition.node.on.node.as_str());
                    self.merge(merged, on, &inline.node.selection_set.node)?;
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.document.fragments.get(name)
                        && merged.fragments.insert(name)
                    {
                        let on = fragment.node.type_condition.node.on.node.as_str();
                        self.merge(merged, Some(on), &fragment.node.selection_set.node)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn check_same(first: &Field, other: &Field, pos: Pos) -> Result<(), ServerError> {
    let is_same = std::ptr::eq(first, other)
        || first.name.node == other.name.node
            && first.arguments.len() == other.arguments.len()
            && first.arguments.iter().all(|(name, value)| {
                let other = other.get_argument(&name.node);
                other.is_some_and(|other| other.node == value.node)
            });
    if is_same {
        return Ok(());
    }
    let (key, name) = (&other.response_key().node, &other.name.node);
    let message = format!(
        "`{key}` is selected twice with different fields or arguments; use an alias, as in \
         `other: {name}`"
    );
    Err(request_error(ErrorCode::BadInput, message, Some(pos)))
}
