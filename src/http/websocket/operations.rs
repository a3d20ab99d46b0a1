//! The operations of one WebSocket. They make progress only as fast as their messages are sent.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Request, Response as GraphQlResponse, parser::types::OperationType};
use axum::extract::ws::Message;
use futures_util::{
    FutureExt, Stream, StreamExt, future,
    stream::{self, AbortHandle, BoxStream, SelectAll, abortable},
};

use tokio_util::task::AbortOnDropHandle;

use super::protocol::{CloseReason, OperationMessages};
use crate::{
    auth::Principal,
    graphql::{
        ErrorCode, Frame, Output, PrepareError, PreparedRequest, ResponseBudget, error_response,
        persisted_query_not_supported, rate_limited, write_errors,
    },
    http::{
        rate_limit::{Charge, OperationSlot, RateLimitError},
        request::{self, RequestError},
        state::AppState,
    },
    request_id::RequestId,
};

/// Maximum length of an operation id in bytes: it is repeated in each message.
const MAX_ID_BYTES: usize = 256;

/// The running operations of one WebSocket.
#[derive(Default)]
pub(super) struct Operations {
    running: HashMap<Arc<str>, AbortHandle>,
    outputs: SelectAll<BoxStream<'static, OperationOutput>>,
}

/// Output of an operation.
pub(super) enum OperationOutput {
    /// Messages, after which more may follow.
    Messages(Vec<Message>),
    /// The last messages of the operation with this id.
    Last(Arc<str>, Vec<Message>),
    /// The messages of a query or mutation with this id, and the budget to hold until they are sent.
    Response(Arc<str>, Vec<Message>, Arc<ResponseBudget>),
    /// The client receives too slowly.
    TooSlow,
    /// The database is unavailable.
    Unavailable,
}

impl Operations {
    /// Starts an operation; a subscription delivers what is committed after this returns. Returns the
    /// error message if the operation limit of the socket is exceeded.
    pub(super) async fn start(
        &mut self,
        id: String,
        payload: &str,
        principal: &Arc<Principal>,
        charge: Charge,
        state: &Arc<AppState>,
    ) -> Result<Option<Message>, CloseReason> {
        if self.running.contains_key(id.as_str()) {
            return Err(CloseReason::DuplicateOperation);
        }
        if id.len() > MAX_ID_BYTES {
            return Err(CloseReason::InvalidMessage("the operation id is too long"));
        }
        let messages = OperationMessages::new(&id);
        let max = state.limits.max_operations_per_socket;
        if self.running.len() >= max {
            let message = format!("limit of {max} concurrent operations per WebSocket exceeded");
            let errors = write_errors(&error_response(ErrorCode::RateLimited, message));
            return Ok(Some(messages.error(&errors)));
        }
        let request = match request::from_json(payload, &state.limits) {
            Ok(request) => request,
            Err(RequestError::PersistedQuery) => {
                let errors = write_errors(&persisted_query_not_supported());
                return Ok(Some(messages.error(&errors)));
            }
            Err(RequestError::Malformed { .. }) => {
                let reason = "the payload of subscribe is not a GraphQL request";
                return Err(CloseReason::InvalidMessage(reason));
            }
        };
        let request_id = RequestId::new(state.clock.new_id());
        let id: Arc<str> = id.into();
        let operation = Operation {
            id: Arc::clone(&id),
            messages,
            request_id,
        };
        let request_id = operation.request_id.clone();
        let prepared = request_id.sync_scope(|| prepare(request, principal, charge, state));
        let output = match prepared {
            Ok((prepared, slot)) => {
                let executed = operation.execute(prepared, slot, state);
                request_id.scope(executed).await?
            }
            Err(response) => operation.reject(&response),
        };
        let (output, handle) = abortable(output);
        self.outputs.push(output.boxed());
        self.running.insert(id, handle);
        Ok(None)
    }

    /// Stops an operation and discards its further output.
    pub(super) fn stop(&mut self, id: &str) {
        if let Some(handle) = self.running.remove(id) {
            handle.abort();
        }
    }

    /// Returns the next output of any operation, or `None` if no operation is running.
    pub(super) async fn next(&mut self) -> Option<OperationOutput> {
        let output = self.outputs.next().await?;
        if let OperationOutput::Last(id, _) | OperationOutput::Response(id, ..) = &output {
            self.stop(&Arc::clone(id));
        }
        Some(output)
    }
}

/// Validates a request and applies the rate limit.
fn prepare(
    request: Request,
    principal: &Arc<Principal>,
    mut charge: Charge,
    state: &AppState,
) -> Result<(PreparedRequest, OperationSlot), Box<GraphQlResponse>> {
    let limiter = &state.rate_limiter;
    let rejected = |error: RateLimitError| Box::new(rate_limited(error.message, error.retry_after));
    let spend = |units| limiter.spend(&mut charge, units);
    let prepared = state.graphql.prepare(request, principal, spend);
    let prepared = prepared.map_err(|error| match error {
        PrepareError::Invalid(response) => response,
        PrepareError::Limited(error) => rejected(error),
    })?;
    let slot = limiter.start_operation(principal, charge, prepared.cost);
    Ok((prepared, slot.map_err(rejected)?))
}

struct Operation {
    id: Arc<str>,
    messages: OperationMessages,
    request_id: RequestId,
}

impl Operation {
    fn reject(self, response: &GraphQlResponse) -> BoxStream<'static, OperationOutput> {
        let error = self.messages.error(&write_errors(response));
        stream::iter([OperationOutput::Last(self.id, vec![error])]).boxed()
    }

    /// Executes the operation. The slot is held until it ends.
    async fn execute(
        self,
        prepared: PreparedRequest,
        slot: OperationSlot,
        state: &Arc<AppState>,
    ) -> Result<BoxStream<'static, OperationOutput>, CloseReason> {
        if prepared.operation == OperationType::Subscription {
            let hold_slot = move |output| {
                let _ = &slot;
                output
            };
            let output = state.graphql.subscribe(prepared, None).await;
            let output = output.map_err(|_| CloseReason::TryAgainLater)?;
            let request_id = self.request_id.clone();
            let output = request_id.scope_stream(self.follow(output));
            return Ok(output.map(hold_slot).boxed());
        }
        // On a task of its own: requests of other clients wait for the lookups that it has begun, and
        // must not depend on how fast this client reads.
        let execution = tokio::spawn(self.request_id.clone().scope(self.execute_once(
            prepared,
            slot,
            Arc::clone(state),
        )));
        let output = AbortOnDropHandle::new(execution).map(Result::ok);
        let output = stream::once(output).filter_map(future::ready);
        Ok(output.boxed())
    }

    /// Executes a query or mutation.
    async fn execute_once(
        self,
        prepared: PreparedRequest,
        slot: OperationSlot,
        state: Arc<AppState>,
    ) -> OperationOutput {
        let executed = state.graphql.execute(prepared, slot).await;
        let messages = if executed.rejection().is_none() {
            vec![
                self.messages.next(&executed.write()),
                self.messages.complete(),
            ]
        } else {
            vec![self.messages.error(&executed.write_errors())]
        };
        OperationOutput::Response(self.id, messages, executed.into_budget())
    }

    /// Converts the output of a subscription to messages.
    fn follow(self, output: impl Stream<Item = Output>) -> impl Stream<Item = OperationOutput> {
        output
            .map(Some)
            .chain(stream::iter([None]))
            .map(move |output| match output {
                Some(Output::Frames(frames, first)) => self.frames(&frames[first..]),
                Some(Output::TooSlow) => OperationOutput::TooSlow,
                Some(Output::Unavailable) => OperationOutput::Unavailable,
                None => OperationOutput::Last(Arc::clone(&self.id), vec![self.messages.complete()]),
            })
    }

    fn frames(&self, frames: &[Frame]) -> OperationOutput {
        let message = |frame: &Frame| match &frame.errors {
            Some(errors) => self.messages.error(errors),
            None => self.messages.next(&frame.json),
        };
        let messages = frames.iter().map(message).collect();
        if frames.last().is_some_and(|frame| frame.errors.is_some()) {
            OperationOutput::Last(Arc::clone(&self.id), messages)
        } else {
            OperationOutput::Messages(messages)
        }
    }
}
