//! Parsing and validation of a document.

use std::collections::HashSet;

use apollo_compiler::{
    ExecutableDocument, Schema, ast,
    diagnostic::ToCliReport,
    executable::Operation,
    parser::Parser,
    validation::{DiagnosticData, DiagnosticList, Valid},
};
use async_graphql::ServerError;

use super::{
    commas,
    limits::{DocumentLimits, check_limit},
    literals,
    locations::Locations,
    stats, suggestions,
};
use crate::graphql::error::{ErrorCode, request_error};

/// The name under which apollo-compiler refers to a document.
const SOURCE_NAME: &str = "query";
/// Errors in the response to one document.
const MAX_ERRORS: usize = 10;
/// Tokens of apollo-compiler per token of the limit: it counts whitespace and commas too.
const TOKENS_WITH_WHITESPACE: usize = 3;

/// A valid document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) valid: Valid<ExecutableDocument>,
    pub(super) locations: Locations,
}

impl Document {
    /// Parses and validates a document. Error messages suggest similar names if `suggest` is true.
    ///
    /// The order matters: each step relies on the limits that the steps before it enforce.
    pub(super) fn parse(
        text: &str,
        schema: &Valid<Schema>,
        limits: &DocumentLimits,
        suggest: bool,
    ) -> Result<Self, Vec<ServerError>> {
        check_limit(limits.bytes, text.len(), "bytes of query text", None).map_err(one)?;
        let locations = Locations::new(text);
        let ast = parse(text, limits, &locations)?;
        stats::check(&ast, limits, &locations).map_err(one)?;
        let report = |errors: &DiagnosticList| {
            let suggestions = if suggest {
                suggestions::collect(&ast, schema)
            } else {
                suggestions::Suggestions::default()
            };
            report(errors, &locations, &suggestions)
        };
        let document = ast
            .to_executable(schema)
            .map_err(|error| report(&error.errors))?;
        literals::check(&document, schema, &locations)?;
        let valid = document
            .validate(schema)
            .or_else(|error| {
                subscribes_to_one_field(error.partial, &error.errors).ok_or(error.errors)
            })
            .map_err(|errors| report(&errors))?;
        Ok(Self { valid, locations })
    }

    /// Returns the operation that a request selects by `name`.
    pub(super) fn operation(&self, name: Option<&str>) -> Result<&Operation, ServerError> {
        let operation = self.valid.operations.get(name);
        operation.map(AsRef::as_ref).map_err(|_| {
            let message = match name {
                Some(name) => format!("the document has no operation named `{name}`"),
                None if self.valid.operations.is_empty() => {
                    "the document has no operation".to_owned()
                }
                None => {
                    "the document has several operations; select one by `operationName`".to_owned()
                }
            };
            request_error(ErrorCode::BadInput, message, None)
        })
    }
}

/// Accepts a document whose only error is that a subscription selects its root field several times, with
/// the same arguments. apollo-compiler counts selections before they are merged.
fn subscribes_to_one_field(
    document: ExecutableDocument,
    errors: &DiagnosticList,
) -> Option<Valid<ExecutableDocument>> {
    let is_count = |error: &DiagnosticData| {
        error.unstable_error_name() == Some("SubscriptionUsesMultipleFields")
    };
    let selects_one = |operation: &Operation| {
        let fields = operation.root_fields(&document);
        let keys: HashSet<_> = fields.map(|field| field.response_key()).collect();
        keys.len() == 1
    };
    let mut subscriptions = document
        .operations
        .iter()
        .filter(|one| one.is_subscription());
    let is_valid = subscriptions.all(|operation| selects_one(operation))
        && errors.iter().all(|diagnostic| is_count(diagnostic.error));
    drop(subscriptions);
    is_valid.then(|| Valid::assume_valid(document))
}

fn one(error: ServerError) -> Vec<ServerError> {
    vec![error]
}

fn parse(
    text: &str,
    limits: &DocumentLimits,
    locations: &Locations,
) -> Result<ast::Document, Vec<ServerError>> {
    let mut parser = Parser::new()
        .recursion_limit(limits.nesting)
        .token_limit(limits.tokens * TOKENS_WITH_WHITESPACE);
    let parsed = parser.parse_ast(commas::to_spaces(text), SOURCE_NAME);
    for (reached, max, counted_per_one, what) in [
        (
            parser.tokens_reached(),
            limits.tokens,
            TOKENS_WITH_WHITESPACE,
            "tokens",
        ),
        (
            parser.recursion_reached(),
            limits.nesting,
            1,
            "levels of brackets",
        ),
    ] {
        if reached > max * counted_per_one {
            let message = format!("the document has more than {max} {what}");
            return Err(one(request_error(
                ErrorCode::QueryTooComplex,
                message,
                None,
            )));
        }
    }
    parsed.map_err(|error| {
        // What follows the first syntax error is a guess of the parser.
        let first = error.errors.iter().next();
        let pos = first
            .as_ref()
            .and_then(|first| locations.pos(first.error.location()));
        let message = first.map_or_else(
            || "the document cannot be parsed".to_owned(),
            |first| first.error.to_string(),
        );
        vec![request_error(ErrorCode::BadInput, message, pos)]
    })
}

fn report(
    errors: &DiagnosticList,
    locations: &Locations,
    suggestions: &suggestions::Suggestions,
) -> Vec<ServerError> {
    let errors = errors.iter().take(MAX_ERRORS).map(|diagnostic| {
        let location = diagnostic.error.location();
        let mut message = diagnostic.error.to_string();
        if let Some(suggestion) = location.and_then(|location| suggestions.get(location)) {
            message.push_str(suggestion);
        }
        request_error(ErrorCode::BadInput, message, locations.pos(location))
    });
    errors.collect()
}
