//! Request validation, run before execution.

mod arguments;
mod complexity;
mod document;
mod document_cache;
mod document_stats;
mod field_costs;
mod field_merging;
mod lexer;
pub(super) mod limits;
mod operation;
#[cfg(test)]
mod tests;
mod variables;

use std::sync::Arc;

use async_graphql::{Request, ServerError, Variables, parser::types::OperationType};

use super::{response::Shape, schema_types::FieldTypes, types::PageLimits};
use arguments::Arguments;
use document_cache::DocumentCache;
use limits::check_limit;
use variables::InputTypes;

pub use limits::DocumentLimits;
pub(super) use {document_cache::PreparedDocument, operation::select_operation};

/// Validates requests against the schema and the limits.
pub(super) struct Validator {
    fields: FieldTypes,
    inputs: InputTypes,
    document_limits: DocumentLimits,
    page_limits: PageLimits,
    cache: DocumentCache,
}

/// The properties of a valid request.
#[derive(Debug)]
pub(super) struct Validated {
    /// `None` if the request does not identify an operation.
    pub(super) operation: Option<OperationType>,
    /// Cost in resolved fields.
    pub(super) cost: u32,
    pub(super) document: Arc<PreparedDocument>,
}

impl Validator {
    /// Creates a validator for the schema that `sdl` defines.
    pub(super) fn new(sdl: &str, document_limits: DocumentLimits, page_limits: PageLimits) -> Self {
        Self {
            fields: FieldTypes::from_sdl(sdl),
            inputs: InputTypes::from_sdl(sdl),
            document_limits,
            page_limits,
            cache: DocumentCache::default(),
        }
    }

    /// Validates a request, and sets its parsed document. `variables` are its variables, which a
    /// caller takes out of it, since parsing borrows the request.
    ///
    /// The order matters: each step relies on the limits that the steps before it enforce.
    pub(super) fn validate(
        &self,
        request: &mut Request,
        variables: &Variables,
    ) -> Result<Validated, ServerError> {
        let document = match self.cache.get(request) {
            Some(cached) if cached.is_within_limits(variables, &self.document_limits) => cached,
            _ => self.prepare_document(request, variables)?,
        };
        let operation = document.operation(request);
        let mut cost = 0;
        if let Some(operation) = operation {
            self.inputs.validate(operation, variables)?;
            let mut arguments = Arguments::new(Some(operation), variables);
            cost = complexity::cost(
                operation,
                &document.parsed,
                &self.fields,
                &mut arguments,
                self.page_limits,
            );
        }
        let count = usize::try_from(cost).unwrap_or(usize::MAX);
        let what = "fields to resolve, or equivalent work";
        check_limit(self.document_limits.cost as usize, count, what, None)?;
        request.set_parsed_query(document.parsed.clone());
        Ok(Validated {
            operation: operation.map(|operation| operation.ty),
            cost: u32::try_from(cost).unwrap_or(u32::MAX),
            document,
        })
    }

    /// Parses a document, checks it against the limits, and caches it.
    fn prepare_document(
        &self,
        request: &mut Request,
        variables: &Variables,
    ) -> Result<Arc<PreparedDocument>, ServerError> {
        lexer::validate(&request.query, &self.document_limits)?;
        let name = request.operation_name.clone();
        let parsed = request.parsed_query()?;
        let operation = select_operation(parsed, name.as_deref());
        let mut arguments = Arguments::new(operation, variables);
        let stats =
            document::validate(parsed, &self.fields, &mut arguments, &self.document_limits)?;
        let shape = Shape::new(parsed, operation, &self.fields);
        let document = Arc::new(PreparedDocument::new(parsed.clone(), stats, shape));
        self.cache.insert(&request.query, &document);
        Ok(document)
    }
}
