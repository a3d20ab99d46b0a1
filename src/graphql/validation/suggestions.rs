//! Suggestions of similar names for fields and arguments that the schema does not define.

use std::collections::HashMap;

use apollo_compiler::{
    Name, Schema,
    ast::{self, Definition, Selection},
    parser::SourceSpan,
};

/// Length in bytes of the longest name for which similar ones are looked up.
const MAX_NAME: usize = 60;
/// Names for which similar ones are looked up.
const MAX_NAMES: usize = 20;
/// Similarity from which a name is suggested, between 0 and 1.
const MIN_SIMILARITY: f64 = 0.75;

/// Sentences to append to error messages.
#[derive(Debug, Default)]
pub(super) struct Suggestions {
    /// By the offset of the name in the document.
    sentences: HashMap<usize, String>,
    /// Names for which similar ones were looked up.
    names: usize,
}

impl Suggestions {
    pub(super) fn get(&self, location: SourceSpan) -> Option<&str> {
        self.sentences.get(&location.offset()).map(String::as_str)
    }

    /// Suggests one of the `defined` names in place of `name`. Errors refer to `location`.
    fn add<'a>(
        &mut self,
        name: &Name,
        location: Option<SourceSpan>,
        defined: impl Iterator<Item = &'a Name>,
    ) {
        if name.len() > MAX_NAME || self.names >= MAX_NAMES {
            return;
        }
        self.names += 1;
        let similar = defined
            .map(|other| (strsim::jaro_winkler(name, other), other))
            .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
            .max_by(|(one, _), (other, _)| one.total_cmp(other));
        if let (Some((_, other)), Some(location)) = (similar, location) {
            let suggestion = format!(". Did you mean `{other}`?");
            self.sentences.insert(location.offset(), suggestion);
        }
    }
}

/// Collects suggestions for a document.
pub(super) fn collect(document: &ast::Document, schema: &Schema) -> Suggestions {
    let mut visitor = Visitor {
        schema,
        suggestions: Suggestions::default(),
    };
    for definition in &document.definitions {
        match definition {
            Definition::OperationDefinition(operation) => {
                let root = schema.root_operation(operation.operation_type);
                visitor.selections(&operation.selection_set, root);
            }
            Definition::FragmentDefinition(fragment) => {
                visitor.selections(&fragment.selection_set, Some(&fragment.type_condition));
            }
            _ => {}
        }
    }
    visitor.suggestions
}

struct Visitor<'a> {
    schema: &'a Schema,
    suggestions: Suggestions,
}

impl<'a> Visitor<'a> {
    fn selections(&mut self, selections: &'a [Selection], parent: Option<&'a Name>) {
        for selection in selections {
            match selection {
                Selection::Field(field) => {
                    if let Some(parent) = parent {
                        self.field(field, parent);
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let parent = fragment.type_condition.as_ref().or(parent);
                    self.selections(&fragment.selection_set, parent);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    fn field(&mut self, field: &'a ast::Field, parent: &Name) {
        use apollo_compiler::schema::ExtendedType;
        let Ok(definition) = self.schema.type_field(parent, &field.name) else {
            let fields = match self.schema.types.get(parent) {
                Some(ExtendedType::Object(object)) => &object.fields,
                Some(ExtendedType::Interface(interface)) => &interface.fields,
                _ => return,
            };
            let location = field.name.location();
            self.suggestions.add(&field.name, location, fields.keys());
            return;
        };
        for argument in &field.arguments {
            if definition.argument_by_name(&argument.name).is_none() {
                let defined = definition.arguments.iter().map(|defined| &defined.name);
                let location = argument.location();
                self.suggestions.add(&argument.name, location, defined);
            }
        }
        let ty = definition.ty.inner_named_type();
        self.selections(&field.selection_set, Some(ty));
    }
}
