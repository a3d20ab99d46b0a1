//! Statistics of a document with its fragments expanded, collected in one pass.

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

/// Nesting depth of selections and fragments, the maximum of async-graphql.
pub(super) const MAX_LEVELS: usize = 32;
/// Fields of the introspection types.
const INTROSPECTION_FIELDS: [&str; 31] = [
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

/// Represents all introspection types, which have no fields of the same name and different types.
pub(super) const INTROSPECTION: &str = "__Introspection";

/// Statistics of a selection with its fragments expanded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DocumentStats {
    /// Fields and fragment spreads; async-graphql takes time for each.
    pub(super) fields: usize,
    /// Fields of the selected object, without those of nested objects.
    own_fields: usize,
    pub(super) aliases: usize,
    pub(super) directives: usize,
    pub(super) values: usize,
    pub(super) variable_uses: usize,
    /// Nesting depth of fields.
    pub(super) depth: usize,
    /// Nesting depth of selections and fragments.
    pub(super) levels: usize,
}

impl DocumentStats {
    /// Collects the statistics of a document.
    ///
    /// Fails if the document nests too deep, has a fragment cycle, or exceeds a limit that applies to a single
    /// field or operation.
    pub(super) fn collect<'a>(
        document: &'a ExecutableDocument,
        types: &'a FieldTypes,
        arguments: &mut Arguments<'a>,
        limits: &'a DocumentLimits,
    ) -> Result<Self, ServerError> {
        let mut visitor = StatsVisitor {
            document,
            types,
            arguments,
            limits,
            fragments: HashMap::new(),
            spread: HashSet::new(),
            unknown_fields: 0,
        };
        visitor.document()
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

/// Visits a document, and each of its fragments once.
struct StatsVisitor<'a, 'g> {
    document: &'a ExecutableDocument,
    types: &'a FieldTypes,
    arguments: &'g mut Arguments<'a>,
    limits: &'a DocumentLimits,
    /// `None` while the fragment is being visited: reaching it again is a cycle.
    fragments: HashMap<&'a Name, Option<DocumentStats>>,
    /// Fragments that are spread.
    spread: HashSet<&'a Name>,
    unknown_fields: usize,
}

/// The context of a selection.
#[derive(Clone, Copy)]
struct SelectionContext<'a> {
    /// The type of the selected object, if it is known.
    parent: Option<&'a str>,
    /// Nesting depth of the selection.
    level: usize,
}

impl<'a> StatsVisitor<'a, '_> {
    /// Visits the operations, and the fragments that are not spread, which async-graphql validates too.
    fn document(&mut self) -> Result<DocumentStats, ServerError> {
        let mut total = DocumentStats::default();
        for (_, operation) in self.document.operations.iter() {
            let operation = &operation.node;
            let selection = &operation.selection_set;
            let parent = Some(root_type(operation.ty));
            let mut stats =
                self.selection(&selection.node, SelectionContext { parent, level: 1 })?;
            let what = "fields at the root of an operation";
            let pos = Some(selection.pos);
            check_limit(self.limits.root_fields, stats.own_fields, what, pos)?;
            self.add_directives(&mut stats, &operation.directives)?;
            for definition in &operation.variable_definitions {
                self.add_directives(&mut stats, &definition.node.directives)?;
            }
            total.add(stats);
        }
        for name in self.document.fragments.keys() {
            self.fragment(name, Pos::default(), 0)?;
        }
        for (name, stats) in &self.fragments {
            if let (Some(stats), false) = (stats, self.spread.contains(name)) {
                total.add(*stats);
            }
        }
        Ok(total)
    }

    fn selection(
        &mut self,
        selection: &'a SelectionSet,
        context: SelectionContext<'a>,
    ) -> Result<DocumentStats, ServerError> {
        let mut stats = DocumentStats::default();
        if selection.items.is_empty() {
            return Ok(stats);
        }
        let what = "levels of selections and fragments";
        check_limit(
            MAX_LEVELS,
            context.level,
            what,
            selection.items.first().map(|item| item.pos),
        )?;
        for item in &selection.items {
            stats.add(match &item.node {
                Selection::Field(field) => self.field(&field.node, item.pos, context)?,
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref();
                    let parent = match condition {
                        Some(condition) => self.known_type(&condition.node.on.node),
                        None => context.parent,
                    };
                    let level = context.level + 1;
                    let selection = &inline.node.selection_set.node;
                    let mut stats =
                        self.selection(selection, SelectionContext { parent, level })?;
                    stats.fields = stats.fields.saturating_add(1);
                    self.add_directives(&mut stats, &inline.node.directives)?;
                    stats
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    self.spread.insert(name);
                    let mut stats = self.fragment(name, item.pos, context.level)?;
                    // An undefined fragment counts too, or nested spreads of it would cost nothing.
                    stats.fields = stats.fields.saturating_add(1);
                    self.add_directives(&mut stats, &spread.node.directives)?;
                    stats
                }
            });
        }
        stats.levels += 1;
        Ok(stats)
    }

    fn field(
        &mut self,
        field: &'a Field,
        pos: Pos,
        context: SelectionContext<'a>,
    ) -> Result<DocumentStats, ServerError> {
        let parent = self.type_of(field, pos, context.parent)?;
        let level = context.level + 1;
        let mut stats = self.selection(
            &field.selection_set.node,
            SelectionContext { parent, level },
        )?;
        stats.own_fields = 1;
        stats.fields = stats.fields.saturating_add(1);
        stats.depth += 1;
        let alias = usize::from(field.alias.is_some());
        stats.aliases = stats.aliases.saturating_add(alias);
        self.add_arguments(&mut stats, &field.arguments, pos)?;
        self.add_directives(&mut stats, &field.directives)?;
        Ok(stats)
    }

    /// Returns the type of a field of `parent`, or `None` if it is not known.
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
        if INTROSPECTION_FIELDS.contains(&name) {
            return Ok(Some(INTROSPECTION));
        }
        self.unknown_fields += 1;
        let what = "fields that the schema does not define";
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
            // async-graphql reports undefined fragments.
            return Ok(DocumentStats::default());
        };
        match self.fragments.get(name) {
            Some(Some(stats)) => return Ok(*stats),
            Some(None) => {
                let message = format!("the fragment `{name}` spreads itself");
                return Err(request_error(ErrorCode::BadInput, message, Some(pos)));
            }
            None => {}
        }
        self.fragments.insert(name, None);
        let parent = self.known_type(&fragment.node.type_condition.node.on.node);
        let level = level + 1;
        let selection = &fragment.node.selection_set.node;
        let mut stats = self.selection(selection, SelectionContext { parent, level })?;
        self.add_directives(&mut stats, &fragment.node.directives)?;
        self.fragments.insert(name, Some(stats));
        Ok(stats)
    }

    fn add_directives(
        &mut self,
        stats: &mut DocumentStats,
        directives: &'a [Positioned<Directive>],
    ) -> Result<(), ServerError> {
        stats.directives = stats.directives.saturating_add(directives.len());
        for directive in directives {
            self.add_arguments(stats, &directive.node.arguments, directive.pos)?;
        }
        Ok(())
    }

    fn add_arguments(
        &mut self,
        stats: &mut DocumentStats,
        arguments: &'a [(Positioned<Name>, Positioned<Literal>)],
        pos: Pos,
    ) -> Result<(), ServerError> {
        let what = "arguments of one field or directive";
        check_limit(self.limits.arguments, arguments.len(), what, Some(pos))?;
        for (_, value) in arguments {
            let (values, uses) = self.arguments.size(&value.node);
            stats.values = stats.values.saturating_add(values);
            stats.variable_uses = stats.variable_uses.saturating_add(uses);
        }
        Ok(())
    }
}
