//! What is told of a request before it is executed.

use std::sync::Arc;

use async_graphql::{Request, ServerError, Variables, parser::types::OperationType};

use super::{
    cost, document,
    given::Given,
    known::{Document, KnownDocuments},
    limits::{DocumentLimits, at_most},
    shape::{FieldTypes, Shape},
    text,
    variables::InputTypes,
};
use crate::graphql::{Limits, page::PageLimits, sdl};

/// All checks, and what they have to know of the schema.
pub(super) struct Checks {
    fields: FieldTypes,
    inputs: InputTypes,
    documents: DocumentLimits,
    pages: PageLimits,
    known: KnownDocuments,
}

/// What was told of a request that may be executed.
#[derive(Debug)]
pub(super) struct Checked {
    /// None if it cannot be told which operation is meant.
    pub(super) operation: Option<OperationType>,
    pub(super) cost: u32,
    pub(super) document: Arc<Document>,
}

impl Checks {
    pub(super) fn new(limits: Limits) -> Self {
        let sdl = sdl();
        Self {
            fields: FieldTypes::of(&sdl),
            inputs: InputTypes::of(&sdl),
            documents: limits.documents,
            pages: limits.pages,
            known: KnownDocuments::default(),
        }
    }

    /// Checks a request whose variables are told apart. Each check relies on those before it.
    pub(super) fn check(
        &self,
        request: &mut Request,
        variables: &Variables,
    ) -> Result<Checked, ServerError> {
        let known = self.known.find(request);
        let document = match known {
            Some(known) if known.holds_with(variables, &self.documents) => known,
            _ => self.read(request, variables)?,
        };
        let operation = document.operation(request);
        let mut cost = 0;
        if let Some(operation) = operation {
            self.inputs.check(operation, variables)?;
            let mut given = Given::new(Some(operation), variables);
            let parsed = &document.parsed;
            cost = cost::of(operation, parsed, &self.fields, &mut given, self.pages);
        }
        let count = usize::try_from(cost).unwrap_or(usize::MAX);
        let what = "fields to resolve, or as much work as they are";
        at_most(self.documents.cost as usize, count, what, None)?;
        request.set_parsed_query(document.parsed.clone());
        Ok(Checked {
            operation: operation.map(|operation| operation.ty),
            cost: u32::try_from(cost).unwrap_or(u32::MAX),
            document,
        })
    }

    /// Reads a document, checks it, and keeps it in mind.
    fn read(
        &self,
        request: &mut Request,
        variables: &Variables,
    ) -> Result<Arc<Document>, ServerError> {
        text::check(&request.query, &self.documents)?;
        let name = request.operation_name.clone();
        let parsed = request.parsed_query()?;
        let operation = document::operation(parsed, name.as_deref());
        let mut given = Given::new(operation, variables);
        let counts = document::check(parsed, &self.fields, &mut given, &self.documents)?;
        let shape = Shape::of(parsed, name.as_deref(), &self.fields);
        let document = Arc::new(Document::new(parsed.clone(), counts, shape));
        self.known.keep(&request.query, &document);
        Ok(document)
    }
}
