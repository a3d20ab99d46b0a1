//! The operations under way on one socket.

use std::{collections::HashMap, pin::pin};

use async_graphql::{Response, parser::types::OperationType};
use axum::extract::ws::Message;
use futures_util::StreamExt;
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
};

use super::message::{Bare, Close, ServerMessage};
use crate::{
    graphql::{ErrorCode, refused, was_executed},
    http::{Services, request::Envelope, response::Body},
};

/// Messages of operations that wait for the client to take them; their operations wait with them.
const OUTBOX: usize = 16;
/// Bytes of an operation's id, which is said again with each of its messages.
const LONGEST_ID: usize = 256;

/// The operations under way on one socket.
pub(super) struct Operations {
    running: HashMap<String, (u64, AbortHandle)>,
    started: u64,
    tasks: JoinSet<()>,
    outbox: mpsc::Sender<Outgoing>,
}

/// An operation's message, and whether it is its last.
pub(super) struct Outgoing {
    operation: Operation,
    pub(super) message: Message,
    last: bool,
}

/// An operation: the client's id for it, and a number of its own, since the client may use an id again.
#[derive(Clone)]
struct Operation {
    id: String,
    number: u64,
}

impl Operations {
    /// No operations yet, and where their messages come out.
    pub(super) fn new() -> (Self, mpsc::Receiver<Outgoing>) {
        let (outbox, inbox) = mpsc::channel(OUTBOX);
        let operations = Self {
            running: HashMap::new(),
            started: 0,
            tasks: JoinSet::new(),
            outbox,
        };
        (operations, inbox)
    }

    /// Starts an operation; tells what to answer at once.
    pub(super) fn start(
        &mut self,
        id: String,
        payload: Envelope,
        services: &Services,
    ) -> Result<Option<Message>, Close> {
        if self.running.contains_key(&id) {
            return Err(Close::DuplicateOperation);
        }
        if id.len() > LONGEST_ID {
            return Err(Close::BadMessage("the id of the operation is too long"));
        }
        let most = services.limits.operations_per_socket;
        if self.running.len() >= most {
            let message =
                format!("{most} operations are under way on this socket; that is all it takes");
            let errors = refused(ErrorCode::RateLimited, message).errors;
            let error = ServerMessage::Error {
                id: &id,
                payload: errors,
            };
            return Ok(Some(error.write()));
        }
        let request = payload
            .into_request()
            .map_err(|_| Close::BadMessage("the payload of subscribe is no request"))?;
        self.started += 1;
        let number = self.started;
        let operation = Operation {
            id: id.clone(),
            number,
        };
        let execution = execute(operation, request, services.clone(), self.outbox.clone());
        let task = self.tasks.spawn(execution);
        self.running.insert(id, (number, task));
        Ok(None)
    }

    /// Ends an operation that the client wants no more of.
    pub(super) fn stop(&mut self, id: &str) {
        if let Some((_, task)) = self.running.remove(id) {
            task.abort();
        }
    }

    /// Waits until one has ended, to let go of it.
    pub(super) async fn ended(&mut self) -> Option<()> {
        self.tasks.join_next().await.map(drop)
    }

    /// Whether a message is of an operation that is still running: the client may have completed it
    /// while the message waited. An operation's last message ends it.
    pub(super) fn may_send(&mut self, outgoing: &Outgoing) -> bool {
        let Operation { id, number } = &outgoing.operation;
        let is_running = self
            .running
            .get(id)
            .is_some_and(|(running, _)| running == number);
        if is_running && outgoing.last {
            self.running.remove(id);
        }
        is_running
    }
}

/// Executes an operation, and says what comes of it until it ends.
async fn execute(
    operation: Operation,
    request: async_graphql::Request,
    services: Services,
    outbox: mpsc::Sender<Outgoing>,
) {
    let id = operation.id.as_str();
    let say = |message, last| {
        let operation = operation.clone();
        outbox.send(Outgoing {
            operation,
            message,
            last,
        })
    };
    let request_id = services.clock.new_id().to_string();
    let error = |response: &Response| {
        let payload = &response.errors;
        say(ServerMessage::Error { id, payload }.write(), true)
    };
    // Whatever cannot be said, since the socket is gone, needs not be said.
    let prepared = match services.graphql.prepare(request, &request_id) {
        Ok(prepared) => prepared,
        Err(response) => {
            let _ = error(&response).await;
            return;
        }
    };
    let is_live = prepared.operation == Some(OperationType::Subscription);
    let responses = services.graphql.execute_stream(prepared, request_id);
    let mut responses = pin!(responses);
    while let Some(response) = responses.next().await {
        if !was_executed(&response) || is_live && has_lost_its_source(&response) {
            let _ = error(&response).await;
            return;
        }
        let payload = Body::from(&response);
        if say(ServerMessage::Next { id, payload }.write(), false)
            .await
            .is_err()
        {
            return;
        }
    }
    let _ = say(Bare::Complete { id }.write(), true).await;
}

/// Whether a subscription itself failed, not a field of one of its responses.
fn has_lost_its_source(response: &Response) -> bool {
    response.errors.iter().any(|error| error.path.len() == 1)
}
