//! What is told of a request before it is executed.

use async_graphql::{Request, ServerError, Variables, parser::types::OperationType};

use super::{
    cost, document,
    given::Given,
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
}

/// What was told of a request that may be executed.
#[derive(Debug)]
pub(super) struct Checked {
    /// None if it cannot be told which operation is meant.
    pub(super) operation: Option<OperationType>,
    pub(super) cost: u32,
    pub(super) shape: Shape,
}

impl Checks {
    pub(super) fn new(limits: Limits) -> Self {
        let sdl = sdl();
        Self {
            fields: FieldTypes::of(&sdl),
            inputs: InputTypes::of(&sdl),
            documents: limits.documents,
            pages: limits.pages,
        }
    }

    /// Checks a request whose variables are told apart. Each check relies on those before it.
    pub(super) fn check(
        &self,
        request: &mut Request,
        variables: &Variables,
    ) -> Result<Checked, ServerError> {
        text::check(&request.query, &self.documents)?;
        let name = request.operation_name.clone();
        let document = request.parsed_query()?;
        let operation = document::operation(document, name.as_deref());
        let mut given = Given::new(operation, variables);
        document::check(document, &self.fields, &mut given, &self.documents)?;
        let mut cost = 0;
        if let Some(operation) = operation {
            self.inputs.check(operation, variables)?;
            cost = cost::of(operation, document, &self.fields, &mut given, self.pages);
        }
        let count = usize::try_from(cost).unwrap_or(usize::MAX);
        let what = "fields to resolve, or as much work as they are";
        at_most(self.documents.cost as usize, count, what, None)?;
        Ok(Checked {
            operation: operation.map(|operation| operation.ty),
            cost: u32::try_from(cost).unwrap_or(u32::MAX),
            shape: Shape::of(document, name.as_deref(), &self.fields),
        })
    }
}
