//! The operations under way on one socket. They advance only as far as their messages are taken.

use std::{collections::HashMap, sync::Arc};

use async_graphql::parser::types::OperationType;
use axum::extract::ws::Message;
use futures_util::{
    Stream, StreamExt,
    stream::{self, AbortHandle, BoxStream, SelectAll, abortable},
};

use super::protocol::{CloseReason, Operation};
use crate::{
    auth::Principal,
    graphql::{
        ErrorCode, Frame, Output, PreparedRequest, error_response, was_executed, write,
        write_errors,
    },
    http::{AppState, request},
};

/// Bytes of an operation's id, which is said again with each of its messages.
const LONGEST_ID: usize = 256;

/// The operations under way on one socket.
#[derive(Default)]
pub(super) struct Operations {
    running: HashMap<Arc<str>, AbortHandle>,
    outgoing: SelectAll<BoxStream<'static, Outgoing>>,
}

/// What an operation has to say.
pub(super) enum Outgoing {
    /// These; more may follow.
    Messages(Vec<Message>),
    /// These; then the operation with this id has ended.
    Last(Arc<str>, Vec<Message>),
    /// That the client does not keep up.
    TooSlow,
    /// That the database does not answer.
    Unavailable,
}

impl Operations {
    /// Starts an operation; tells what to answer at once.
    pub(super) fn start(
        &mut self,
        id: String,
        payload: &str,
        principal: &Arc<Principal>,
        state: &AppState,
    ) -> Result<Option<Message>, CloseReason> {
        if self.running.contains_key(id.as_str()) {
            return Err(CloseReason::DuplicateOperation);
        }
        if id.len() > LONGEST_ID {
            return Err(CloseReason::BadMessage(
                "the id of the operation is too long",
            ));
        }
        let id: Arc<str> = id.into();
        let operation = Operation::new(&id);
        let most = state.limits.max_operations_per_socket;
        if self.running.len() >= most {
            let message =
                format!("{most} operations are under way on this socket; that is all it takes");
            let errors = write_errors(&error_response(ErrorCode::RateLimited, message));
            return Ok(Some(operation.error(&errors)));
        }
        let request = request::from_json(payload, &state.limits)
            .map_err(|_| CloseReason::BadMessage("the payload of subscribe is no request"))?;
        let request_id = state.clock.new_id().to_string();
        let outgoing = match state.graphql.prepare(request, principal, &request_id) {
            Err(response) => {
                let error = operation.error(&write_errors(&response));
                stream::iter([Outgoing::Last(Arc::clone(&id), vec![error])]).boxed()
            }
            Ok(prepared) => match state.rate_limiter.start_operation(principal, prepared.cost) {
                Err(error) => {
                    let response = error_response(ErrorCode::RateLimited, error.message);
                    let error = operation.error(&write_errors(&response));
                    stream::iter([Outgoing::Last(Arc::clone(&id), vec![error])]).boxed()
                }
                Ok(slot) => {
                    let outgoing = execute(operation, Arc::clone(&id), prepared, state, request_id);
                    let held = move |outgoing| {
                        let _ = &slot;
                        outgoing
                    };
                    outgoing.map(held).boxed()
                }
            },
        };
        let (outgoing, handle) = abortable(outgoing);
        self.outgoing.push(outgoing.boxed());
        self.running.insert(id, handle);
        Ok(None)
    }

    /// Ends an operation; nothing more is heard of it.
    pub(super) fn stop(&mut self, id: &str) {
        if let Some(handle) = self.running.remove(id) {
            handle.abort();
        }
    }

    /// What one of them has to say; none if there are none.
    pub(super) async fn next(&mut self) -> Option<Outgoing> {
        let outgoing = self.outgoing.next().await?;
        if let Outgoing::Last(id, _) = &outgoing {
            self.stop(&Arc::clone(id));
        }
        Some(outgoing)
    }
}

/// Executes an operation.
fn execute(
    operation: Operation,
    id: Arc<str>,
    prepared: PreparedRequest,
    state: &AppState,
    request_id: String,
) -> BoxStream<'static, Outgoing> {
    if prepared.operation == Some(OperationType::Subscription) {
        let said = state.graphql.subscribe(prepared, None, request_id);
        return follow(operation, id, said).boxed();
    }
    let answer = answer(operation, id, prepared, state.clone(), request_id);
    stream::once(answer).boxed()
}

/// Executes a query or mutation.
async fn answer(
    operation: Operation,
    id: Arc<str>,
    prepared: PreparedRequest,
    state: AppState,
    request_id: String,
) -> Outgoing {
    let response = state.graphql.execute(prepared, &request_id).await;
    let messages = if was_executed(&response) {
        vec![operation.next(&write(&response)), operation.complete()]
    } else {
        vec![operation.error(&write_errors(&response))]
    };
    Outgoing::Last(id, messages)
}

/// Says what a subscription says, until it ends.
fn follow(
    operation: Operation,
    id: Arc<str>,
    said: impl Stream<Item = Output>,
) -> impl Stream<Item = Outgoing> {
    said.map(Some)
        .chain(stream::iter([None]))
        .map(move |said| match said {
            Some(Output::Frames(frames, first)) => {
                let messages = |frame: &Frame| match &frame.errors {
                    Some(errors) => operation.error(errors),
                    None => operation.next(&frame.json),
                };
                let frames = &frames[first..];
                let messages = frames.iter().map(messages).collect();
                if frames.last().is_some_and(|frame| frame.errors.is_some()) {
                    Outgoing::Last(Arc::clone(&id), messages)
                } else {
                    Outgoing::Messages(messages)
                }
            }
            Some(Output::TooSlow) => Outgoing::TooSlow,
            Some(Output::Unavailable) => Outgoing::Unavailable,
            None => Outgoing::Last(Arc::clone(&id), vec![operation.complete()]),
        })
}
