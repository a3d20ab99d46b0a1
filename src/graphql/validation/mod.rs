//! Validation of requests, and their preparation for execution.
//!
//! A document is parsed and validated by apollo-compiler as the specification defines (`document`), and
//! its size is limited (`stats`). Variables are coerced (`variables`). The selected operation is
//! normalised (`normalize`), so that async-graphql executes it correctly, and converted for it
//! (`convert`). Introspection is executed here (`introspection`). Valid documents and normalised
//! operations are cached (`document_cache`).

mod complexity;
mod convert;
mod descriptions;
mod document;
mod document_cache;
mod field_costs;
mod input;
mod introspection;
pub(super) mod limits;
mod literals;
mod locations;
mod normalize;
mod spelling;
mod stats;
mod suggestions;
mod syntax;
#[cfg(test)]
mod tests;
mod tokens;
mod values;
mod variable_positions;
mod variables;

use std::sync::{Arc, OnceLock};

use apollo_compiler::{Schema, executable::Operation, validation::Valid};
use async_graphql::{Request, ServerError, Variables};

use super::{limits::GraphqlLimits, response::Shape, schema, types::PageLimits};
use complexity::{Complexity, complexity};
use document::Document;
use document_cache::DocumentCache;
use introspection::Introspection;
use limits::check_limit;
use locations::Locations;
use normalize::Normalizer;
use spelling::Spelling;

pub use limits::DocumentLimits;
pub(super) use {document_cache::PreparedDocument, introspection::Results as IntrospectionResults};

/// Validates requests against the schema and the limits.
pub(super) struct Validator {
    schema: Valid<Schema>,
    spelling: Spelling,
    introspection: Introspection,
    document_limits: DocumentLimits,
    page_limits: PageLimits,
    cache: DocumentCache,
}

/// Why a request is not valid.
#[derive(Debug)]
pub(super) enum ValidationError<E> {
    Invalid(Vec<ServerError>),
    /// The caller does not allow the work.
    Limited(E),
}

impl<E> From<ServerError> for ValidationError<E> {
    fn from(error: ServerError) -> Self {
        Self::Invalid(vec![error])
    }
}

/// A valid request.
#[derive(Debug)]
pub(super) struct Validated {
    pub(super) document: Arc<PreparedDocument>,
    /// The coerced variables.
    pub(super) variables: Variables,
    /// Cost in resolved fields.
    pub(super) cost: u32,
    pub(super) introspection: introspection::Results,
}

impl Validator {
    /// Creates a validator for the schema of the API.
    pub(super) fn new(limits: &GraphqlLimits) -> Self {
        let schema = schema::parsed();
        Self {
            introspection: Introspection::new(&schema, limits.introspection),
            spelling: Spelling::new(&schema),
            schema,
            document_limits: limits.documents,
            page_limits: limits.pages,
            cache: DocumentCache::default(),
        }
    }

    /// Validates a request. Error messages suggest similar names if `suggest` is true. `spend` is called with the
    /// complexity of parsing the document, unless it is cached.
    pub(super) fn validate<E>(
        &self,
        request: Request,
        suggest: bool,
        spend: impl FnOnce(u32) -> Result<(), E>,
    ) -> Result<Validated, ValidationError<E>> {
        let text = request.query.as_str();
        let cached = self.cache.document(text, || {
            spend(document::cost(text)).map_err(ValidationError::Limited)?;
            let limits = &self.document_limits;
            Document::parse(text, &self.schema, &self.spelling, limits, suggest)
                .map_err(ValidationError::Invalid)
        })?;
        let name = request.operation_name.as_deref();
        let operation = cached.document.operation(name)?;
        let given = request.variables;
        let locations = &cached.document.locations;
        let variables = variables::coerce(operation, given, &self.schema, locations)?;
        let document = self.cache.prepared(&cached, operation, &variables, || {
            self.prepare(&cached.document, operation, &variables)
        });
        let cost = self.check_complexity(&document, &variables)?;
        let introspection = self.introspect(&document, &variables, locations)?;
        Ok(Validated {
            document,
            variables,
            cost,
            introspection,
        })
    }

    /// Executes introspection, once per document without variables.
    fn introspect(
        &self,
        document: &PreparedDocument,
        variables: &Variables,
        locations: &Locations,
    ) -> Result<IntrospectionResults, ServerError> {
        if let Some(results) = document.introspection.get() {
            return Ok(results.clone());
        }
        let operation = &document.operation;
        let results = self
            .introspection
            .execute(&self.schema, operation, variables, locations)?;
        if operation.variables.is_empty() {
            // Another request may have set them meanwhile.
            let _ = document.introspection.set(results.clone());
        }
        Ok(results)
    }

    /// Normalises an operation and converts it for execution.
    fn prepare(
        &self,
        document: &Document,
        operation: &Operation,
        variables: &Variables,
    ) -> PreparedDocument {
        let normalizer = Normalizer {
            schema: &self.schema,
            document: &document.valid,
            variables,
        };
        let operation = normalizer.operation(operation);
        PreparedDocument {
            executable: convert::executable(&operation, &document.locations),
            shape: Shape::new(&operation.selection_set, &self.schema),
            operation_type: convert::operation_type(operation.operation_type),
            size: stats::size(&operation.selection_set)
                + introspection::result_size(&operation.selection_set),
            introspection: OnceLock::new(),
            operation,
        }
    }

    fn check_complexity(
        &self,
        document: &PreparedDocument,
        variables: &Variables,
    ) -> Result<u32, ServerError> {
        let limits = &self.document_limits;
        let operation = &document.operation;
        let Complexity {
            cost,
            values,
            search_chars,
        } = complexity(operation, variables, self.page_limits, limits.values);
        check_limit(limits.values, values, "values in arguments", None)?;
        let what = "characters to search for";
        check_limit(limits.search_chars, search_chars, what, None)?;
        let count = usize::try_from(cost).unwrap_or(usize::MAX);
        let what = "fields to resolve, or equivalent work";
        check_limit(limits.cost as usize, count, what, None)?;
        Ok(u32::try_from(cost).unwrap_or(u32::MAX))
    }
}
