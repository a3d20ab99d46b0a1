//! Cache of prepared documents. Clients send few documents, with changing variables; parsing and
//! validating one takes longer than executing most.

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

/// Documents in the cache. A parsed document takes up to about 50 times the memory of its text.
const MAX_DOCUMENTS: NonZeroUsize = NonZeroUsize::new(128).unwrap();
/// Bytes of a cached document's text. Longer ones are mostly generated with their values as literals,
/// and are seldom sent twice.
const MAX_TEXT: usize = 4 * 1024;

/// A parsed and validated document.
#[derive(Debug)]
pub(in crate::graphql) struct PreparedDocument {
    pub(in crate::graphql) parsed: ExecutableDocument,
    pub(in crate::graphql) shape: Shape,
    pub(in crate::graphql) encoding: Encoding,
    stats: DocumentStats,
    has_executed: AtomicBool,
}

impl PreparedDocument {
    pub(super) fn new(parsed: ExecutableDocument, stats: DocumentStats, shape: Shape) -> Self {
        let encoding = if shape.is_merged() {
            Encoding::Tree
        } else {
            Encoding::Json
        };
        Self {
            parsed,
            shape,
            encoding,
            stats,
            has_executed: AtomicBool::new(false),
        }
    }

    /// Returns the operation that a request selects, or `None` if there is no such operation.
    pub(super) fn operation(&self, request: &Request) -> Option<&OperationDefinition> {
        select_operation(&self.parsed, request.operation_name.as_deref())
    }

    /// Returns whether the document has been executed, and so need not be validated again.
    pub(in crate::graphql) fn has_executed(&self) -> bool {
        self.has_executed.load(Ordering::Relaxed)
    }

    /// Records that the document has been executed.
    pub(in crate::graphql) fn mark_executed(&self) {
        self.has_executed.store(true, Ordering::Relaxed);
    }

    /// Returns whether the document stays within the limits with these variables. Only the number of
    /// values depends on them; this is an upper bound of it.
    pub(super) fn is_within_limits(&self, variables: &Variables, limits: &DocumentLimits) -> bool {
        let values: usize = variables.values().map(arguments::size).sum();
        let used = values.saturating_mul(self.stats.variable_uses);
        used.saturating_add(self.stats.values) <= limits.values
    }
}

/// The documents used last, by their text. Holds only documents of a single operation.
pub(super) struct DocumentCache(Mutex<LruCache<String, Arc<PreparedDocument>>>);

impl Default for DocumentCache {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MAX_DOCUMENTS)))
    }
}

impl DocumentCache {
    /// Returns the document of a request, or `None` if it is not cached or has no operation of the
    /// requested name.
    pub(super) fn get(&self, request: &Request) -> Option<Arc<PreparedDocument>> {
        let cached = self.lock().get(&request.query).map(Arc::clone)?;
        cached.operation(request).is_some().then_some(cached)
    }

    /// Caches a document, unless its text is too long or it has several operations.
    pub(super) fn insert(&self, text: &str, document: &Arc<PreparedDocument>) {
        if text.len() <= MAX_TEXT && document.parsed.operations.iter().count() == 1 {
            self.lock().put(text.to_owned(), Arc::clone(document));
        }
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<String, Arc<PreparedDocument>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
