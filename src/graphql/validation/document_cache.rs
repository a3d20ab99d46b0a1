//! Documents that were read before. Clients send the same few again and again, with other variables:
//! to parse and check one takes longer than to execute most.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_graphql::{
    Request, Variables,
    parser::types::{ExecutableDocument, OperationDefinition},
};
use lru::LruCache;

use super::{
    arguments, document_stats::DocumentStats, limits::DocumentLimits, operation::select_operation,
};
use crate::graphql::response::{Shape, json::Encoding};

/// Documents that are kept in mind, those used last. Parsed, one takes up to some fifty times its text.
const MOST: NonZeroUsize = NonZeroUsize::new(128).unwrap();
/// Bytes of the text of one. What people and clients write is shorter; what is written by programs,
/// with its values in it, is seldom sent twice.
const LONGEST: usize = 4 * 1024;

/// A document that was read and checked.
#[derive(Debug)]
pub(in crate::graphql) struct PreparedDocument {
    pub(in crate::graphql) parsed: ExecutableDocument,
    /// What the answer looks like.
    pub(in crate::graphql) shape: Shape,
    /// What becomes of the objects in it.
    pub(in crate::graphql) encoding: Encoding,
    counts: DocumentStats,
    /// It has been executed, so that it need not be compared with the schema again.
    has_executed: AtomicBool,
}

impl PreparedDocument {
    pub(super) fn new(parsed: ExecutableDocument, counts: DocumentStats, shape: Shape) -> Self {
        let encoding = if shape.is_merged() {
            Encoding::Tree
        } else {
            Encoding::Json
        };
        Self {
            parsed,
            shape,
            encoding,
            counts,
            has_executed: AtomicBool::new(false),
        }
    }

    /// The operation that is to be executed, if that can be told.
    pub(super) fn operation(&self, request: &Request) -> Option<&OperationDefinition> {
        select_operation(&self.parsed, request.operation_name.as_deref())
    }

    pub(in crate::graphql) fn has_executed(&self) -> bool {
        self.has_executed.load(Ordering::Relaxed)
    }

    /// Notes that it has been executed.
    pub(in crate::graphql) fn mark_executed(&self) {
        self.has_executed.store(true, Ordering::Relaxed);
    }

    /// Whether what was told of it holds with these variables too. That depends on nothing but how many
    /// values they stand for, of which here are rather too many than too few counted.
    pub(super) fn is_within_limits(&self, variables: &Variables, limits: &DocumentLimits) -> bool {
        let values: usize = variables.values().map(arguments::size).sum();
        let used = values.saturating_mul(self.counts.variable_uses);
        used.saturating_add(self.counts.values) <= limits.values
    }
}

/// Documents of a single operation, by their text.
pub(super) struct DocumentCache(Mutex<LruCache<String, Arc<PreparedDocument>>>);

impl Default for DocumentCache {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MOST)))
    }
}

impl DocumentCache {
    /// The document that a request sends.
    pub(super) fn get(&self, request: &Request) -> Option<Arc<PreparedDocument>> {
        let known = self.documents().get(&request.query).map(Arc::clone)?;
        known.operation(request).is_some().then_some(known)
    }

    pub(super) fn insert(&self, text: &str, document: &Arc<PreparedDocument>) {
        if text.len() <= LONGEST && document.parsed.operations.iter().count() == 1 {
            self.documents().put(text.to_owned(), Arc::clone(document));
        }
    }

    fn documents(&self) -> MutexGuard<'_, LruCache<String, Arc<PreparedDocument>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
