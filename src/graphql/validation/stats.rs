//! Limits on a document with its fragments expanded. The expanded size is computed without expanding:
//! each fragment is visited once, since a kilobyte of nested fragments expands to billions of fields.

use std::collections::{HashMap, HashSet};

use apollo_compiler::{
    Name, Node,
    ast::{Argument, Definition, DirectiveList, Document, Field, FragmentDefinition, Selection},
    executable::{self, SelectionSet},
    parser::SourceSpan,
};
use async_graphql::ServerError;

use super::{
    limits::{DocumentLimits, check_limit},
    locations::Locations,
    values::literal_size,
};
use crate::graphql::error::{ErrorCode, request_error};

/// Nesting depth of selections and fragments.
const MAX_LEVELS: usize = 32;

/// Statistics of a selection with its fragments expanded.
#[derive(Clone, Copy, Debug, Default)]
struct Stats {
    /// Fields and fragments.
    fields: usize,
    /// Fields of the selected object, without those of nested objects.
    own_fields: usize,
    aliases: usize,
    directives: usize,
    values: usize,
    variable_uses: usize,
    /// Nesting depth of fields.
    depth: usize,
    /// Nesting depth of selections and fragments.
    levels: usize,
}

/// Checks a document against the limits, and that no fragment spreads itself.
pub(super) fn check(
    document: &Document,
    limits: &DocumentLimits,
    locations: &Locations,
) -> Result<(), ServerError> {
    let mut visitor = Visitor {
        fragments: document
            .definitions
            .iter()
            .filter_map(|definition| match definition {
                Definition::FragmentDefinition(fragment) => Some((&fragment.name, &**fragment)),
                _ => None,
            })
            .collect(),
        limits,
        locations,
        visited: HashMap::new(),
        spread: HashSet::new(),
    };
    let count = document.definitions.len();
    let fragments = visitor.fragments.len();
    let what = "operations in the document";
    check_limit(limits.operations, count - fragments.min(count), what, None)?;
    check_limit(
        limits.fragments,
        fragments,
        "fragments in the document",
        None,
    )?;
    visitor.document(document)?.check(limits)
}

impl Stats {
    fn add(&mut self, other: Self) {
        for (count, other) in [
            (&mut self.fields, other.fields),
            (&mut self.own_fields, other.own_fields),
            (&mut self.aliases, other.aliases),
            (&mut self.directives, other.directives),
            (&mut self.values, other.values),
            (&mut self.variable_uses, other.variable_uses),
        ] {
            *count = count.saturating_add(other);
        }
        self.depth = self.depth.max(other.depth);
        self.levels = self.levels.max(other.levels);
    }

    #[rustfmt::skip]
    fn check(&self, limits: &DocumentLimits) -> Result<(), ServerError> {
        for (max, count, what) in [
            (MAX_LEVELS, self.levels, "levels of selections and fragments"),
            (limits.depth, self.depth, "levels of fields"),
            (limits.fields, self.fields, "fields in the document"),
            (limits.aliases, self.aliases, "aliases in the document"),
            (limits.directives, self.directives, "directives in the document"),
            (limits.variable_uses, self.variable_uses, "uses of variables"),
            (limits.values, self.values, "values in arguments"),
        ] {
            check_limit(max, count, what, None)?;
        }
        Ok(())
    }
}

/// Visits a document, and each of its fragments once.
struct Visitor<'a> {
    fragments: HashMap<&'a Name, &'a FragmentDefinition>,
    limits: &'a DocumentLimits,
    locations: &'a Locations,
    /// `None` while the fragment is being visited: reaching it again is a cycle.
    visited: HashMap<&'a Name, Option<Stats>>,
    /// Fragments that are spread.
    spread: HashSet<&'a Name>,
}

impl<'a> Visitor<'a> {
    /// Visits the operations, and the fragments that are not spread, which are validated too.
    fn document(&mut self, document: &'a Document) -> Result<Stats, ServerError> {
        let mut total = Stats::default();
        let mut variables = 0;
        for definition in &document.definitions {
            let Definition::OperationDefinition(operation) = definition else {
                continue;
            };
            let mut stats = self.selection(&operation.selection_set, 1)?;
            let what = "fields at the root of an operation";
            check_limit(self.limits.root_fields, stats.own_fields, what, None)?;
            self.add_directives(&mut stats, &operation.directives)?;
            variables += operation.variables.len();
            for definition in &operation.variables {
                self.add_directives(&mut stats, &definition.directives)?;
                let default = definition.default_value.iter();
                stats.values += default
                    .map(|value| literal_size(value).values)
                    .sum::<usize>();
            }
            total.add(stats);
        }
        let what = "variables declared in the document";
        check_limit(self.limits.variables, variables, what, None)?;
        let names: Vec<_> = self.fragments.keys().copied().collect();
        for name in names {
            self.fragment(name, None, 0)?;
        }
        for (name, stats) in &self.visited {
            if let (Some(stats), false) = (stats, self.spread.contains(name)) {
                total.add(*stats);
            }
        }
        Ok(total)
    }

    fn selection(
        &mut self,
        selections: &'a [Selection],
        level: usize,
    ) -> Result<Stats, ServerError> {
        let mut stats = Stats::default();
        if selections.is_empty() {
            return Ok(stats);
        }
        check_limit(
            MAX_LEVELS,
            level,
            "levels of selections and fragments",
            None,
        )?;
        for selection in selections {
            stats.add(match selection {
                Selection::Field(field) => self.field(field, level)?,
                Selection::InlineFragment(inline) => {
                    let mut stats = self.selection(&inline.selection_set, level + 1)?;
                    stats.fields = stats.fields.saturating_add(1);
                    self.add_directives(&mut stats, &inline.directives)?;
                    stats
                }
                Selection::FragmentSpread(spread) => {
                    self.spread.insert(&spread.fragment_name);
                    let location = spread.location();
                    let mut stats = self.fragment(&spread.fragment_name, location, level)?;
                    // An undefined fragment counts too, or nested spreads of it would cost nothing.
                    stats.fields = stats.fields.saturating_add(1);
                    self.add_directives(&mut stats, &spread.directives)?;
                    stats
                }
            });
        }
        stats.levels += 1;
        Ok(stats)
    }

    fn field(&mut self, field: &'a Node<Field>, level: usize) -> Result<Stats, ServerError> {
        let mut stats = self.selection(&field.selection_set, level + 1)?;
        stats.own_fields = 1;
        stats.fields = stats.fields.saturating_add(1);
        stats.depth += 1;
        stats.aliases = stats
            .aliases
            .saturating_add(usize::from(field.alias.is_some()));
        self.add_arguments(&mut stats, &field.arguments, field.location())?;
        self.add_directives(&mut stats, &field.directives)?;
        Ok(stats)
    }

    fn fragment(
        &mut self,
        name: &Name,
        spread: Option<SourceSpan>,
        level: usize,
    ) -> Result<Stats, ServerError> {
        let Some((&name, &fragment)) = self.fragments.get_key_value(name) else {
            // Validation reports undefined fragments.
            return Ok(Stats::default());
        };
        match self.visited.get(name) {
            Some(Some(stats)) => return Ok(*stats),
            Some(None) => {
                let message = format!("the fragment `{name}` spreads itself");
                let pos = self.locations.pos(spread);
                return Err(request_error(ErrorCode::BadInput, message, pos));
            }
            None => {}
        }
        self.visited.insert(name, None);
        let mut stats = self.selection(&fragment.selection_set, level + 1)?;
        self.add_directives(&mut stats, &fragment.directives)?;
        self.visited.insert(name, Some(stats));
        Ok(stats)
    }

    fn add_directives(
        &self,
        stats: &mut Stats,
        directives: &DirectiveList,
    ) -> Result<(), ServerError> {
        stats.directives = stats.directives.saturating_add(directives.len());
        for directive in directives {
            self.add_arguments(stats, &directive.arguments, directive.location())?;
        }
        Ok(())
    }

    fn add_arguments(
        &self,
        stats: &mut Stats,
        arguments: &[Node<Argument>],
        location: Option<SourceSpan>,
    ) -> Result<(), ServerError> {
        let (max, count) = (self.limits.arguments, arguments.len());
        if count > max {
            let what = "arguments of one field or directive";
            check_limit(max, count, what, self.locations.pos(location))?;
        }
        for argument in arguments {
            let size = literal_size(&argument.value);
            let (max, count) = (self.limits.object_fields, size.object_fields);
            if count > max {
                let what = "fields in one object literal";
                check_limit(max, count, what, self.locations.pos(argument.location()))?;
            }
            stats.values = stats.values.saturating_add(size.values);
            stats.variable_uses = stats.variable_uses.saturating_add(size.variable_uses);
        }
        Ok(())
    }
}

/// Returns the number of fields and argument values in a normalised selection.
pub(super) fn size(set: &SelectionSet) -> usize {
    let selections = set.selections.iter().map(|selection| match selection {
        executable::Selection::Field(field) => {
            let arguments = field.arguments.iter();
            let values = arguments.map(|argument| literal_size(&argument.value).values);
            1 + values.sum::<usize>() + size(&field.selection_set)
        }
        executable::Selection::InlineFragment(fragment) => size(&fragment.selection_set),
        executable::Selection::FragmentSpread(_) => 0,
    });
    selections.sum()
}
