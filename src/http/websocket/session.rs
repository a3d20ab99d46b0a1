//! The session of one WebSocket, from its first message to its end.

use std::sync::Arc;

use axum::{
    extract::ws::{Message, WebSocket},
    http::HeaderMap,
};
use futures_util::{
    FutureExt, SinkExt,
    future::{BoxFuture, pending},
};
use serde_json::{Value, value::RawValue};
use tokio::time::{self, Instant};

use super::{
    operations::{OperationOutput, Operations},
    protocol::{ClientMessage, ClientMessageKind, CloseReason, ServerMessage},
};
use crate::{
    auth::Principal,
    http::{
        auth,
        connection::Client,
        rate_limit::{Charge, SocketSlot},
        request,
        state::AppState,
    },
};

/// Number of unanswered pings after which the socket is closed.
const MAX_UNANSWERED_PINGS: u32 = 2;

const MISSING_ID: CloseReason = CloseReason::InvalidMessage("the message requires an operation id");

/// The end of a session: the reason if the server closes it, `None` if the client has.
type End = Option<CloseReason>;

pub(super) struct Session {
    state: Arc<AppState>,
    /// Headers of the upgrade request, until `connection_init` is received.
    headers: Option<HeaderMap>,
    client: Client,
    /// Set by `connection_init`.
    principal: Option<Arc<Principal>>,
    /// Held for the rate limit while the socket is open.
    slot: Option<SocketSlot>,
    unanswered_pings: u32,
    operations: Operations,
}

impl Session {
    pub(super) fn new(state: Arc<AppState>, headers: HeaderMap, client: Client) -> Self {
        Self {
            state,
            headers: Some(headers),
            client,
            principal: None,
            slot: None,
            unanswered_pings: 0,
            operations: Operations::default(),
        }
    }

    /// Exchanges messages until either side ends the session.
    pub(super) async fn run(mut self, socket: &mut WebSocket) -> End {
        let shutdown = self.state.shutdown.clone().cancelled_owned();
        let timer = time::sleep(self.state.limits.init_timeout);
        tokio::pin!(shutdown, timer);
        let mut invalidated = pending().boxed();
        loop {
            let step = tokio::select! {
                () = &mut shutdown => return Some(CloseReason::GoingAway),
                () = &mut invalidated => return Some(CloseReason::Unauthorized),
                () = &mut timer => {
                    timer.as_mut().reset(self.next_ping());
                    self.on_timer(socket).await
                }
                received = socket.recv() => match received {
                    Some(Ok(message)) => {
                        let was_authenticated = self.principal.is_some();
                        let step = self.on_message(socket, message).await;
                        if let (false, Some(principal)) = (was_authenticated, &self.principal) {
                            timer.as_mut().reset(self.next_ping());
                            invalidated = until_invalidated(Arc::clone(principal), &self.state);
                        }
                        step
                    }
                    Some(Err(error)) => return CloseReason::of_read_error(error),
                    None => return None,
                },
                Some(output) = self.operations.next() => match output {
                    OperationOutput::Messages(messages) | OperationOutput::Last(_, messages) => {
                        send(&self.state, socket, messages).await
                    }
                    OperationOutput::Response(_, messages, _budget) => {
                        send(&self.state, socket, messages).await
                    }
                    OperationOutput::TooSlow => Err(Some(CloseReason::TooSlow)),
                    OperationOutput::Unavailable => Err(Some(CloseReason::TryAgainLater)),
                },
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    fn next_ping(&self) -> Instant {
        Instant::now() + self.state.limits.ping_interval
    }

    /// Sends a ping, or ends the session if the client has not initialised it or does not respond.
    async fn on_timer(&mut self, socket: &mut WebSocket) -> Result<(), End> {
        if self.principal.is_none() {
            return Err(Some(CloseReason::InitTimeout));
        }
        if self.unanswered_pings == MAX_UNANSWERED_PINGS {
            return Err(Some(CloseReason::PingTimeout));
        }
        self.unanswered_pings += 1;
        send(&self.state, socket, [ServerMessage::Ping.into()]).await
    }

    async fn on_message(&mut self, socket: &mut WebSocket, message: Message) -> Result<(), End> {
        match message {
            Message::Text(text) if text.len() > self.state.limits.max_body_bytes => {
                Err(Some(CloseReason::MessageTooBig))
            }
            Message::Text(text) => {
                let charge = self.charge(text.len()).await?;
                let reply = self.handle(&text, charge).await.map_err(Some)?;
                send(&self.state, socket, reply).await
            }
            Message::Binary(_) => Err(Some(CloseReason::InvalidMessage("messages must be text"))),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(None),
        }
    }

    /// Charges the client for a message, and waits if it sends them too fast.
    async fn charge(&mut self, bytes: usize) -> Result<Charge, End> {
        let key = match &self.principal {
            Some(principal) => Arc::clone(&principal.id),
            None => self
                .state
                .auth
                .anonymous(true, &self.client.address)
                .id
                .clone(),
        };
        tokio::select! {
            biased;
            charge = self.state.rate_limiter.receive_message(&key, bytes) => Ok(charge),
            () = self.state.shutdown.cancelled() => Err(Some(CloseReason::GoingAway)),
        }
    }

    /// Handles a message and returns the immediate reply.
    async fn handle(&mut self, text: &str, charge: Charge) -> Result<Option<Message>, CloseReason> {
        self.unanswered_pings = 0;
        let max_values = self.state.limits.max_json_values;
        let message: ClientMessage = serde_json::from_str(text).map_err(|_| {
            CloseReason::InvalidMessage("not a message of the protocol graphql-transport-ws")
        })?;
        let payload = message.payload.map_or("null", RawValue::get);
        match message.kind {
            ClientMessageKind::ConnectionInit => {
                let payload = parse_payload(payload, max_values)?;
                self.initialise(&payload).await?;
                Ok(Some(ServerMessage::ConnectionAck.into()))
            }
            ClientMessageKind::Ping => {
                parse_payload(payload, max_values)?;
                Ok(Some(ServerMessage::Pong.into()))
            }
            ClientMessageKind::Pong => parse_payload(payload, max_values).map(|_| None),
            ClientMessageKind::Subscribe => {
                let id = message.id.ok_or(MISSING_ID)?;
                let principal = self.principal.as_ref().ok_or(CloseReason::Unauthorized)?;
                let started = self
                    .operations
                    .start(id, payload, principal, charge, &self.state);
                // Boxed, so that its state does not take up memory for as long as the socket is open.
                Box::pin(started).await
            }
            ClientMessageKind::Complete => {
                self.operations.stop(&message.id.ok_or(MISSING_ID)?);
                Ok(None)
            }
        }
    }

    async fn initialise(&mut self, payload: &Value) -> Result<(), CloseReason> {
        let headers = self.headers.take().ok_or(CloseReason::SecondInit)?;
        // Boxed, so that its state does not take up memory for as long as the socket is open.
        let authenticated = Box::pin(self.authenticate(&headers, payload)).await;
        let principal = authenticated.map_err(CloseReason::from)?;
        // It could keep the socket open and not do anything with it.
        if principal.scopes.is_empty() {
            return Err(CloseReason::Unauthorized);
        }
        self.client.place.keep_for(&principal);
        let slot = self.state.rate_limiter.open_socket(&principal);
        self.slot = Some(slot.map_err(|_| CloseReason::TooManySockets)?);
        self.principal = Some(principal);
        Ok(())
    }

    /// Authenticates by the payload of `connection_init`, or else by the headers of the upgrade request.
    async fn authenticate(
        &mut self,
        headers: &HeaderMap,
        payload: &Value,
    ) -> Result<Arc<Principal>, auth::Rejection> {
        let address = self.client.address;
        match auth::authenticate_payload(payload, address, &self.state).await {
            Some(result) => result,
            None => auth::authenticate(headers, address, &self.state).await,
        }
    }
}

/// Sends messages within the send timeout.
async fn send(
    state: &AppState,
    socket: &mut WebSocket,
    messages: impl IntoIterator<Item = Message>,
) -> Result<(), End> {
    let sending = async {
        for message in messages {
            socket.feed(message).await?;
        }
        socket.flush().await
    };
    tokio::select! {
        biased;
        sent = time::timeout(state.limits.send_timeout, sending) => match sent {
            Ok(sent) => sent.map_err(|_| None),
            Err(_) => Err(Some(CloseReason::TooSlow)),
        },
        () = state.shutdown.cancelled() => Err(Some(CloseReason::GoingAway)),
    }
}

/// Waits until the principal's credential expires or is revoked.
fn until_invalidated(principal: Arc<Principal>, state: &AppState) -> BoxFuture<'static, ()> {
    if !principal.can_be_invalidated() {
        return pending().boxed();
    }
    let now = state.auth.clock().now();
    async move { principal.invalidated(now).await }.boxed()
}

/// Parses an optional payload.
fn parse_payload(payload: &str, max_values: usize) -> Result<Value, CloseReason> {
    request::validate_value_count(payload, max_values).map_err(|_| CloseReason::MessageTooBig)?;
    match serde_json::from_str(payload) {
        Ok(payload @ (Value::Null | Value::Object(_))) => Ok(payload),
        _ => Err(CloseReason::InvalidMessage("payloads must be objects")),
    }
}
