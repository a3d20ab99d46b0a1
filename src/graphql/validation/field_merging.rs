//! Fields that are answered under one name must be the same field with the same arguments. The
//! library checks that too, but writes an error for each pair and each argument: ten thousand tokens
//! make millions of them. Here the first ends it.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Pos, ServerError,
    parser::types::{ExecutableDocument, Field, Selection, SelectionSet},
};

use super::limits::check_limit;
use crate::graphql::error::{ErrorCode, request_error};

type Checked = Result<(), ServerError>;

/// Checks all selections of a document, looking at no more than `most` fields.
pub(super) fn check(document: &ExecutableDocument, most: usize) -> Checked {
    let mut merging = MergeCheck {
        document,
        most,
        looked_at: 0,
    };
    for fragment in document.fragments.values() {
        merging.check(&fragment.node.selection_set.node)?;
    }
    for (_, operation) in document.operations.iter() {
        merging.check(&operation.node.selection_set.node)?;
    }
    Ok(())
}

struct MergeCheck<'a> {
    document: &'a ExecutableDocument,
    most: usize,
    looked_at: usize,
}

/// The fields of a selection, each under the type it is asked of and its name in the answer.
#[derive(Default)]
struct Fields<'a> {
    known: HashMap<(Option<&'a str>, &'a str), &'a Field>,
    spread: HashSet<&'a str>,
}

impl<'a> MergeCheck<'a> {
    fn check(&mut self, selection: &'a SelectionSet) -> Checked {
        self.merge(&mut Fields::default(), None, selection)?;
        for item in &selection.items {
            match &item.node {
                Selection::Field(field) => self.check(&field.node.selection_set.node)?,
                Selection::InlineFragment(inline) => {
                    self.check(&inline.node.selection_set.node)?;
                }
                Selection::FragmentSpread(_) => {}
            }
        }
        Ok(())
    }

    /// Adds a selection on a type to the fields of one answer.
    fn merge(
        &mut self,
        fields: &mut Fields<'a>,
        on: Option<&'a str>,
        selection: &'a SelectionSet,
    ) -> Checked {
        for item in &selection.items {
            self.looked_at += 1;
            let what = "fields to merge";
            check_limit(self.most, self.looked_at, what, Some(item.pos))?;
            match &item.node {
                Selection::Field(field) => {
                    let key = (on, field.node.response_key().node.as_str());
                    let first = fields.known.entry(key).or_insert(&field.node);
                    check_same(first, &field.node, item.pos)?;
                }
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref();
                    let on = condition.map(|condition| condition.node.on.node.as_str());
                    self.merge(fields, on, &inline.node.selection_set.node)?;
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.document.fragments.get(name)
                        && fields.spread.insert(name)
                    {
                        let on = fragment.node.type_condition.node.on.node.as_str();
                        self.merge(fields, Some(on), &fragment.node.selection_set.node)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn check_same(first: &Field, other: &Field, pos: Pos) -> Checked {
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
    let key = &other.response_key().node;
    let message = format!(
        "`{key}` is asked for twice, and not as the same; give one a name of its own, as in \
         `other: {}`",
        other.name.node
    );
    Err(request_error(ErrorCode::BadInput, message, Some(pos)))
}
