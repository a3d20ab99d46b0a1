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
    descriptions,
    limits::{DocumentLimits, check_limit},
    literals,
    locations::Locations,
    spelling::Spelling,
    stats, suggestions, syntax,
    tokens::{Token, tokens, without_ignored},
    variable_positions,
};
use crate::graphql::error::{ErrorCode, request_error};

/// The name under which apollo-compiler refers to a document.
const SOURCE_NAME: &str = "query";
/// Cost of a byte of text, most of which is tokens, and of the longest document that the limits allow: about 2 µs a
/// token, 20 ms in all.
const BYTE_COST: u32 = 2;
const MAX_COST: u32 = 50_000;
/// Errors in the response to one document.
const MAX_ERRORS: usize = 10;

/// A valid document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) valid: Valid<ExecutableDocument>,
    pub(super) locations: Locations,
}

/// Returns the most that parsing and validating a text costs, in units of complexity.
pub(super) fn cost(text: &str) -> u32 {
    let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
    bytes.saturating_mul(BYTE_COST).min(MAX_COST)
}

impl Document {
    /// Parses and validates a document. Error messages suggest similar names if `suggest` is true.
    ///
    /// The order matters: each step relies on the limits that the steps before it enforce.
    pub(super) fn parse(
        text: &str,
        schema: &Valid<Schema>,
        spelling: &Spelling,
        limits: &DocumentLimits,
        suggest: bool,
    ) -> Result<Self, Vec<ServerError>> {
        check_limit(limits.bytes, text.len(), "bytes of query text", None).map_err(one)?;
        let locations = Locations::new(text);
        let described = limits.operations + limits.fragments + limits.variables;
        let text = &descriptions::remove(text, described);
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
        let validated = match spelling.keep(&ast, text) {
            Some(spelled) => spelled.to_executable_validate(&spelling.schema),
            None => document.clone().validate(schema),
        };
        if let Err(error) = validated
            && !subscribes_to_one_field(&document, &error.errors)
        {
            return Err(report(&error.errors));
        }
        variable_positions::check(&document, schema, &locations).map_err(one)?;
        Ok(Self {
            valid: Valid::assume_valid(document),
            locations,
        })
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

/// Returns whether the only error is that a subscription selects its root field several times, with the
/// same arguments. apollo-compiler counts selections before they are merged.
fn subscribes_to_one_field(document: &ExecutableDocument, errors: &DiagnosticList) -> bool {
    let is_count = |error: &DiagnosticData| {
        error.unstable_error_name() == Some("SubscriptionUsesMultipleFields")
    };
    let selects_one = |operation: &Operation| {
        let fields = operation.root_fields(document);
        let keys: HashSet<_> = fields.map(|field| field.response_key()).collect();
        keys.len() == 1
    };
    let mut subscriptions = document
        .operations
        .iter()
        .filter(|one| one.is_subscription());
    subscriptions.all(|operation| selects_one(operation))
        && errors.iter().all(|diagnostic| is_count(diagnostic.error))
}

fn one(error: ServerError) -> Vec<ServerError> {
    vec![error]
}

fn parse(
    text: &str,
    limits: &DocumentLimits,
    locations: &Locations,
) -> Result<ast::Document, Vec<ServerError>> {
    let count = tokens(text).count();
    check_limit(limits.tokens, count, "tokens in the document", None).map_err(one)?;
    let mut parser = Parser::new().recursion_limit(limits.nesting);
    let parsed = parser.parse_ast(without_ignored(text), SOURCE_NAME);
    if parser.recursion_reached() > limits.nesting {
        let message = format!(
            "the document has more than {} levels of brackets",
            limits.nesting
        );
        return Err(one(request_error(
            ErrorCode::QueryTooComplex,
            message,
            None,
        )));
    }
    let document = parsed.map_err(|error| {
        // What follows the first syntax error is a guess of the parser.
        let first = error.errors.iter().next();
        let location = first.as_ref().and_then(|first| first.error.location());
        let offset = location.map_or(0, |location| location.offset());
        let problem = first.map_or_else(String::new, |first| first.error.to_string());
        let message = syntax::message(&problem, text, offset, locations);
        one(request_error(
            ErrorCode::BadInput,
            message,
            locations.pos_at(offset),
        ))
    })?;
    match unparsed_token(text, &document.to_string()) {
        None => Ok(document),
        Some(token) => {
            let message = syntax::unexpected(Some(token), text, locations);
            let pos = locations.pos_at(token.offset);
            Err(one(request_error(ErrorCode::BadInput, message, pos)))
        }
    }
}

/// Returns the first token of a text that the parser dropped, given the text of its syntax tree.
fn unparsed_token<'a>(text: &'a str, parsed: &str) -> Option<Token<'a>> {
    let mut parsed = without_shorthand(parsed);
    without_shorthand(text)
        .find(|token| !parsed.next().is_some_and(|parsed| parsed.is_like(*token)))
}

/// Returns the tokens of a document without the keyword `query` where it may be left out.
fn without_shorthand(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut following = tokens(text).skip(1);
    tokens(text).filter(move |token| {
        let next = following.next();
        token.text != "query" || next.is_none_or(|next| next.text != "{")
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
