//! StatsVisitor what a document holds, in one pass however often its fragments are spread.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Pos, Positioned, ServerError,
    parser::types::{Directive, ExecutableDocument, Field, Selection, SelectionSet},
};
use async_graphql_value::Value as Literal;

use super::{
    arguments::Arguments,
    limits::{DocumentLimits, check_limit},
};
use crate::graphql::{
    error::{ErrorCode, request_error},
    schema_types::{FieldTypes, named_type, root_type},
};

/// Selections within one another, fragments included: the library goes no deeper.
pub(super) const MAX_LEVELS: usize = 32;
/// The fields of the types that introspection answers with.
const OF_INTROSPECTION: [&str; 31] = [
    "__schema",
    "__type",
    "__typename",
    "args",
    "defaultValue",
    "deprecationReason",
    "description",
    "directives",
    "enumValues",
    "fields",
    "inputFields",
    "interfaces",
    "isDeprecated",
    "isOneOf",
    "isRepeatable",
    "kind",
    "locations",
    "mutationType",
    "name",
    "ofType",
    "possibleTypes",
    "queryType",
    "specifiedByURL",
    "subscriptionType",
    "type",
    "types",
    "onField",
    "onFragment",
    "onOperation",
    "specifiedByUrl",
    "visibleDirectives",
];

/// Stands for all types of introspection: no two of them have fields of one name that differ in type.
pub(super) const INTROSPECTION: &str = "__Introspection";

type Checked = Result<(), ServerError>;

/// What there is in a selection, fragments expanded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DocumentStats {
    /// Fields and spreads; each costs the library time, whatever is behind it.
    pub(super) fields: usize,
    /// Fields of the selected object itself.
    own_fields: usize,
    pub(super) aliases: usize,
    pub(super) directives: usize,
    pub(super) values: usize,
    pub(super) variable_uses: usize,
    /// Levels of fields.
    pub(super) depth: usize,
    /// Levels of selections and fragments.
    pub(super) levels: usize,
}

impl DocumentStats {
    /// What there is in a document, as far as it can be told without going too deep.
    pub(super) fn of<'a>(
        document: &'a ExecutableDocument,
        types: &'a FieldTypes,
        arguments: &mut Arguments<'a>,
        limits: &'a DocumentLimits,
    ) -> Result<Self, ServerError> {
        let mut counting = StatsVisitor {
            document,
            types,
            arguments,
            limits,
            known: HashMap::new(),
            spread: HashSet::new(),
            unknown_fields: 0,
        };
        counting.whole()
    }

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
}

/// DocumentStats what a document holds, in one pass: a fragment is counted once and then known.
struct StatsVisitor<'a, 'g> {
    document: &'a ExecutableDocument,
    types: &'a FieldTypes,
    arguments: &'g mut Arguments<'a>,
    limits: &'a DocumentLimits,
    /// None while it is being counted: who asks then stands in a cycle.
    known: HashMap<&'a Name, Option<DocumentStats>>,
    spread: HashSet<&'a Name>,
    unknown_fields: usize,
}

/// A selection to be counted.
#[derive(Clone, Copy)]
struct At<'a> {
    /// The type it is made on, if that is known.
    parent: Option<&'a str>,
    /// How deep it lies.
    level: usize,
}

impl<'a> StatsVisitor<'a, '_> {
    /// The whole document: its operations, and the fragments that nothing spreads, which are
    /// checked as well.
    fn whole(&mut self) -> Result<DocumentStats, ServerError> {
        let mut whole = DocumentStats::default();
        for (_, operation) in self.document.operations.iter() {
            let operation = &operation.node;
            let selection = &operation.selection_set;
            let parent = Some(root_type(operation.ty));
            let mut counts = self.selection(&selection.node, At { parent, level: 1 })?;
            let what = "fields at the root of an operation";
            let pos = Some(selection.pos);
            check_limit(self.limits.root_fields, counts.own_fields, what, pos)?;
            self.add_directives(&mut counts, &operation.directives)?;
            for definition in &operation.variable_definitions {
                self.add_directives(&mut counts, &definition.node.directives)?;
            }
            whole.add(counts);
        }
        for name in self.document.fragments.keys() {
            self.fragment(name, Pos::default(), 0)?;
        }
        for (name, counts) in &self.known {
            if let (Some(counts), false) = (counts, self.spread.contains(name)) {
                whole.add(*counts);
            }
        }
        Ok(whole)
    }

    fn selection(
        &mut self,
        selection: &'a SelectionSet,
        at: At<'a>,
    ) -> Result<DocumentStats, ServerError> {
        let mut counts = DocumentStats::default();
        if selection.items.is_empty() {
            return Ok(counts);
        }
        let what = "levels of selections and fragments";
        check_limit(
            MAX_LEVELS,
            at.level,
            what,
            selection.items.first().map(|item| item.pos),
        )?;
        for item in &selection.items {
            counts.add(match &item.node {
                Selection::Field(field) => self.field(&field.node, item.pos, at)?,
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref();
                    let parent = match condition {
                        Some(condition) => self.known_type(&condition.node.on.node),
                        None => at.parent,
                    };
                    let level = at.level + 1;
                    let selection = &inline.node.selection_set.node;
                    let mut counts = self.selection(selection, At { parent, level })?;
                    counts.fields = counts.fields.saturating_add(1);
                    self.add_directives(&mut counts, &inline.node.directives)?;
                    counts
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    self.spread.insert(name);
                    let mut counts = self.fragment(name, item.pos, at.level)?;
                    // Also if there is none: a tree of spreads has leaves as well.
                    counts.fields = counts.fields.saturating_add(1);
                    self.add_directives(&mut counts, &spread.node.directives)?;
                    counts
                }
            });
        }
        counts.levels += 1;
        Ok(counts)
    }

    fn field(
        &mut self,
        field: &'a Field,
        pos: Pos,
        at: At<'a>,
    ) -> Result<DocumentStats, ServerError> {
        let parent = self.type_of(field, pos, at.parent)?;
        let level = at.level + 1;
        let mut counts = self.selection(&field.selection_set.node, At { parent, level })?;
        counts.own_fields = 1;
        counts.fields = counts.fields.saturating_add(1);
        counts.depth += 1;
        let alias = usize::from(field.alias.is_some());
        counts.aliases = counts.aliases.saturating_add(alias);
        self.add_arguments(&mut counts, &field.arguments, pos)?;
        self.add_directives(&mut counts, &field.directives)?;
        Ok(counts)
    }

    /// The type of a field of `parent`, as far as it is known.
    fn type_of(
        &mut self,
        field: &Field,
        pos: Pos,
        parent: Option<&str>,
    ) -> Result<Option<&'a str>, ServerError> {
        let name = field.name.node.as_str();
        let Some(parent) = parent else {
            return Ok(None);
        };
        if let Some(ty) = self.types.get(parent, name) {
            return Ok(Some(named_type(ty)));
        }
        if OF_INTROSPECTION.contains(&name) {
            return Ok(Some(INTROSPECTION));
        }
        self.unknown_fields += 1;
        let what = "fields that the schema does not have";
        check_limit(
            self.limits.unknown_fields,
            self.unknown_fields,
            what,
            Some(pos),
        )?;
        Ok(None)
    }

    fn known_type(&self, name: &'a str) -> Option<&'a str> {
        (self.types.contains(name) || name.starts_with("__")).then_some(name)
    }

    fn fragment(
        &mut self,
        name: &Name,
        pos: Pos,
        level: usize,
    ) -> Result<DocumentStats, ServerError> {
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else {
            // Validation will say that there is none.
            return Ok(DocumentStats::default());
        };
        match self.known.get(name) {
            Some(Some(counts)) => return Ok(*counts),
            Some(None) => {
                let message = format!("the fragment `{name}` spreads itself");
                return Err(request_error(ErrorCode::BadInput, message, Some(pos)));
            }
            None => {}
        }
        self.known.insert(name, None);
        let parent = self.known_type(&fragment.node.type_condition.node.on.node);
        let level = level + 1;
        let selection = &fragment.node.selection_set.node;
        let mut counts = self.selection(selection, At { parent, level })?;
        self.add_directives(&mut counts, &fragment.node.directives)?;
        self.known.insert(name, Some(counts));
        Ok(counts)
    }

    fn add_directives(
        &mut self,
        counts: &mut DocumentStats,
        directives: &'a [Positioned<Directive>],
    ) -> Checked {
        counts.directives = counts.directives.saturating_add(directives.len());
        for directive in directives {
            self.add_arguments(counts, &directive.node.arguments, directive.pos)?;
        }
        Ok(())
    }

    fn add_arguments(
        &mut self,
        counts: &mut DocumentStats,
        arguments: &'a [(Positioned<Name>, Positioned<Literal>)],
        pos: Pos,
    ) -> Checked {
        let what = "arguments of one field or directive";
        check_limit(self.limits.arguments, arguments.len(), what, Some(pos))?;
        for (_, value) in arguments {
            let (values, uses) = self.arguments.size(&value.node);
            counts.values = counts.values.saturating_add(values);
            counts.variable_uses = counts.variable_uses.saturating_add(uses);
        }
        Ok(())
    }
}
