//! Caches of documents. Clients send few documents, with changing variables; validating one takes
//! longer than executing most.

use std::{
    collections::HashSet,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use apollo_compiler::{Name, executable::Operation};
use async_graphql::{
    Request, Value, Variables,
    parser::types::{ExecutableDocument, OperationType, SelectionSet},
};
use quick_cache::{Weighter, sync::Cache};

use super::{
    document::Document, introspection::Results as IntrospectionResults,
    normalize::condition_variables,
};
use crate::graphql::response::Shape;

/// Memory of each cache in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Estimated number of cached documents.
const ESTIMATED_DOCUMENTS: usize = 1000;
/// Memory of a valid document per byte of its text, as measured with short names.
const BYTES_PER_TEXT_BYTE: u64 = 60;
/// Memory of a field or an argument value of a prepared document.
const BYTES_PER_FIELD: u64 = 1500;
/// Memory of an entry besides.
const BYTES_PER_ENTRY: u64 = 2000;

/// An operation that is ready to be executed.
#[derive(Debug)]
pub(in crate::graphql) struct PreparedDocument {
    /// What async-graphql executes.
    pub(super) executable: ExecutableDocument,
    /// The shape of the response.
    pub(in crate::graphql) shape: Shape,
    pub(in crate::graphql) operation_type: OperationType,
    /// The normalised operation.
    pub(super) operation: Operation,
    /// Fields and argument values.
    pub(super) size: usize,
    /// The results of introspection, if they do not depend on variables.
    pub(super) introspection: OnceLock<IntrospectionResults>,
}

impl PreparedDocument {
    /// Returns the text of the normalised operation. Operations with the same text have the same
    /// responses to the same variables.
    pub(in crate::graphql) fn text(&self) -> String {
        self.operation.serialize().no_indent().to_string()
    }

    /// Returns the selection of the operation's root.
    pub(in crate::graphql) fn root_selection(&self) -> Option<&SelectionSet> {
        let (_, operation) = self.executable.operations.iter().next()?;
        Some(&operation.node.selection_set.node)
    }

    /// Creates a request that executes the operation.
    pub(in crate::graphql) fn to_request(&self, variables: &Variables) -> Request {
        let mut request = Request::new(String::new()).variables(variables.clone());
        request.set_parsed_query(self.executable.clone());
        request
    }
}

/// Identifies a prepared document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PreparedKey {
    /// Number of the document.
    document: u64,
    operation: Option<Name>,
    /// For each declared variable, what the normalised operation depends on.
    variables: Vec<Dependency>,
}

/// What a normalised operation depends on in a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Dependency {
    /// Nothing, since it has a value.
    Given,
    /// That it has none.
    Omitted,
    /// The value of a condition; `None` is null.
    Condition(Option<bool>),
}

/// A valid document in the cache.
pub(super) struct CachedDocument {
    pub(super) document: Document,
    /// Distinguishes documents in the keys of prepared ones.
    number: u64,
    /// Variables in `@skip` and `@include`.
    conditions: HashSet<Name>,
}

impl CachedDocument {
    fn key(&self, operation: &Operation, variables: &Variables) -> PreparedKey {
        let dependency = |name: &Name| match variables.get(name.as_str()) {
            None => Dependency::Omitted,
            Some(Value::Boolean(value)) if self.conditions.contains(name) => {
                Dependency::Condition(Some(*value))
            }
            Some(_) if self.conditions.contains(name) => Dependency::Condition(None),
            Some(_) => Dependency::Given,
        };
        let names = operation.variables.iter().map(|variable| &variable.name);
        PreparedKey {
            document: self.number,
            operation: operation.name.clone(),
            variables: names.map(dependency).collect(),
        }
    }
}

/// The documents used last, by text, and their operations as prepared for execution.
pub(super) struct DocumentCache {
    documents: Cache<String, Arc<CachedDocument>, Weight>,
    prepared: Cache<PreparedKey, Arc<PreparedDocument>, Weight>,
    next_number: AtomicU64,
}

impl Default for DocumentCache {
    fn default() -> Self {
        Self {
            documents: Cache::with_weighter(ESTIMATED_DOCUMENTS, MAX_BYTES, Weight),
            prepared: Cache::with_weighter(ESTIMATED_DOCUMENTS, MAX_BYTES, Weight),
            next_number: AtomicU64::default(),
        }
    }
}

impl DocumentCache {
    /// Returns the document of a text, which `parse` creates if it is not cached.
    pub(super) fn document<E>(
        &self,
        text: &str,
        parse: impl FnOnce() -> Result<Document, E>,
    ) -> Result<Arc<CachedDocument>, E> {
        if let Some(cached) = self.documents.get(text) {
            return Ok(cached);
        }
        let document = parse()?;
        let document = Arc::new(CachedDocument {
            number: self.next_number.fetch_add(1, Ordering::Relaxed),
            conditions: condition_variables(&document.valid),
            document,
        });
        self.documents
            .insert(text.to_owned(), Arc::clone(&document));
        Ok(document)
    }

    /// Returns an operation as prepared for execution with these variables; `prepare` prepares it if it
    /// is not cached.
    pub(super) fn prepared(
        &self,
        document: &CachedDocument,
        operation: &Operation,
        variables: &Variables,
        prepare: impl FnOnce() -> PreparedDocument,
    ) -> Arc<PreparedDocument> {
        let key = document.key(operation, variables);
        if let Some(cached) = self.prepared.get(&key) {
            return cached;
        }
        let prepared = Arc::new(prepare());
        self.prepared.insert(key, Arc::clone(&prepared));
        prepared
    }
}

/// Estimates the memory of an entry in bytes.
#[derive(Clone)]
struct Weight;

impl Weighter<String, Arc<CachedDocument>> for Weight {
    fn weight(&self, text: &String, _: &Arc<CachedDocument>) -> u64 {
        BYTES_PER_ENTRY + text.len() as u64 * BYTES_PER_TEXT_BYTE
    }
}

impl Weighter<PreparedKey, Arc<PreparedDocument>> for Weight {
    fn weight(&self, key: &PreparedKey, prepared: &Arc<PreparedDocument>) -> u64 {
        let parts = key.variables.len() + prepared.size;
        BYTES_PER_ENTRY + parts as u64 * BYTES_PER_FIELD
    }
}
