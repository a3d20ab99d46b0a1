//! Differences that apollo-compiler does not see in validation.
//!
//! Two selections of one field conflict if their arguments are spelled differently: as a string and as a
//! block string, or as lists of different lengths. A variable whose default is null cannot be used where
//! null is not allowed.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use apollo_compiler::{
    Name, Node, Schema,
    ast::{
        Argument, Definition, DirectiveList, Document, FieldDefinition, InputValueDefinition,
        Selection, Type, Value, VariableDefinition,
    },
    name,
    schema::{Component, ExtendedType},
    validation::Valid,
};

const BLOCK_QUOTES: &str = r#"""""#;
/// Bytes of a text that may hold long values: apollo-compiler copies the value in each conflict.
const LONG_TEXT: usize = 4096;
/// The argument that stands for the spelling of all others.
const SPELLING: Name = name!("__spelling");

/// Documents and the schema to validate in place of those of requests.
pub(super) struct Spelling {
    /// The schema, in which fields have the argument [`SPELLING`].
    pub(super) schema: Valid<Schema>,
    hashes: RandomState,
}

impl Spelling {
    pub(super) fn new(schema: &Schema) -> Self {
        let mut schema = schema.clone();
        for ty in schema.types.values_mut() {
            match ty {
                ExtendedType::Object(object) => {
                    object.make_mut().fields.values_mut().for_each(add_argument);
                }
                ExtendedType::Interface(interface) => {
                    let fields = &mut interface.make_mut().fields;
                    fields.values_mut().for_each(add_argument);
                }
                _ => {}
            }
        }
        Self {
            schema: Valid::assume_valid(schema),
            hashes: RandomState::new(),
        }
    }

    /// Returns a document to validate instead of `document`: fields with arguments have [`SPELLING`]
    /// besides, and defaults that are null are left out. Returns `None` if there is no difference.
    pub(super) fn keep(&self, document: &Document, text: &str) -> Option<Document> {
        let is_needed = text.len() > LONG_TEXT
            || [BLOCK_QUOTES, "[", "null"]
                .iter()
                .any(|part| text.contains(part));
        if !is_needed {
            return None;
        }
        let speller = Speller {
            text,
            hashes: &self.hashes,
        };
        let mut document = document.clone();
        for definition in &mut document.definitions {
            match definition {
                Definition::OperationDefinition(operation) => {
                    let operation = operation.make_mut();
                    let variables = operation.variables.iter_mut();
                    variables.for_each(without_null_default);
                    speller.selections(&mut operation.selection_set);
                }
                Definition::FragmentDefinition(fragment) => {
                    speller.selections(&mut fragment.make_mut().selection_set);
                }
                _ => {}
            }
        }
        Some(document)
    }
}

fn add_argument(field: &mut Component<FieldDefinition>) {
    let argument = InputValueDefinition {
        description: None,
        name: SPELLING,
        ty: Node::new(Type::Named(name!("String"))),
        default_value: None,
        directives: DirectiveList::default(),
    };
    field.node.make_mut().arguments.push(Node::new(argument));
}

fn without_null_default(variable: &mut Node<VariableDefinition>) {
    if variable
        .default_value
        .as_ref()
        .is_some_and(|value| value.is_null())
    {
        variable.make_mut().default_value = None;
    }
}

struct Speller<'a> {
    text: &'a str,
    hashes: &'a RandomState,
}

impl Speller<'_> {
    fn selections(&self, selections: &mut [Selection]) {
        for selection in selections {
            match selection {
                Selection::Field(field) => {
                    let field = field.make_mut();
                    if !field.arguments.is_empty() && !field.name.starts_with("__") {
                        // Compared first.
                        let spelling = self.spelling(&field.arguments);
                        field.arguments.insert(0, spelling);
                    }
                    self.selections(&mut field.selection_set);
                }
                Selection::InlineFragment(fragment) => {
                    self.selections(&mut fragment.make_mut().selection_set);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    /// Returns the argument that stands for the spelling of all others.
    fn spelling(&self, arguments: &[Node<Argument>]) -> Node<Argument> {
        let mut hasher = self.hashes.build_hasher();
        let arguments = arguments
            .iter()
            .map(|argument| (&argument.name, &argument.value));
        self.hash_fields(arguments, &mut hasher);
        let value = Value::String(hasher.finish().to_string());
        Node::new(Argument {
            name: SPELLING,
            value: Node::new(value),
        })
    }

    /// Hashes fields, whose order does not matter.
    fn hash_fields<'b>(
        &self,
        fields: impl Iterator<Item = (&'b Name, &'b Node<Value>)>,
        hasher: &mut impl Hasher,
    ) {
        let mut fields: Vec<_> = fields.collect();
        fields.sort_by_key(|(name, _)| *name);
        fields.len().hash(hasher);
        for (name, value) in fields {
            name.hash(hasher);
            self.hash_value(value, hasher);
        }
    }

    fn hash_value(&self, value: &Node<Value>, hasher: &mut impl Hasher) {
        std::mem::discriminant(&**value).hash(hasher);
        match &**value {
            Value::List(items) => {
                items.len().hash(hasher);
                for item in items {
                    self.hash_value(item, hasher);
                }
            }
            Value::Object(fields) => {
                self.hash_fields(fields.iter().map(|(name, value)| (name, value)), hasher);
            }
            Value::String(text) => {
                self.is_block(value).hash(hasher);
                text.hash(hasher);
            }
            value => value.hash(hasher),
        }
    }

    /// Returns whether a string is spelled as a block string.
    fn is_block(&self, value: &Node<Value>) -> bool {
        let offset = value.location().map(|location| location.offset());
        let source = offset.and_then(|offset| self.text.get(offset..));
        source.is_some_and(|text| text.starts_with(BLOCK_QUOTES))
    }
}
