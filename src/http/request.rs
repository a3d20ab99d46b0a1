//! Reading a GraphQL request out of an HTTP request, by the rules of GraphQL over HTTP.

use std::pin::pin;

use async_graphql::{Request, Value, Variables};
use axum::{
    body::{Body, Bytes, to_bytes},
    http::{
        HeaderMap, StatusCode, Uri,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
};
use futures_util::FutureExt;
use serde::Deserialize;
use serde_json::error::Category;
use tokio::time;

use super::{AppState, HttpLimits, content_negotiation::is_json};

/// Why a request is not executed: with this status, and as bad input.
#[derive(Debug)]
pub(super) struct RequestError {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl RequestError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

/// A request as JSON. Each part is read as any value first, to say which one is wrong.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Envelope {
    query: Value,
    operation_name: Value,
    variables: Value,
    extensions: Value,
}

impl Envelope {
    /// The request, if every part is of its kind.
    fn into_request(self) -> Result<Request, RequestError> {
        let Value::String(query) = self.query else {
            return Err(RequestError::bad(
                "`query` must be a string that holds a GraphQL document",
            ));
        };
        let mut request = Request::new(query);
        match self.operation_name {
            Value::Null => {}
            Value::String(name) => request = request.operation_name(name),
            _ => return Err(RequestError::bad("`operationName` must be a string")),
        }
        check_object("variables", &self.variables)?;
        // The object around the variables is one level more.
        if is_deeper_than(DEEPEST + 1, &self.variables) {
            return Err(RequestError::bad(format!(
                "`variables` is more than {DEEPEST} levels deep"
            )));
        }
        check_object("extensions", &self.extensions)?;
        Ok(request.variables(Variables::from_value(self.variables)))
    }
}

/// Levels of a variable: what is stored as details must be read again, with what is around it.
const DEEPEST: usize = 64;

fn is_deeper_than(depth: usize, value: &Value) -> bool {
    let mut inner: Box<dyn Iterator<Item = &Value>> = match value {
        Value::List(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => return false,
    };
    depth == 0 || inner.any(|value| is_deeper_than(depth - 1, value))
}

fn check_object(name: &str, value: &Value) -> Result<(), RequestError> {
    match value {
        Value::Null | Value::Object(_) => Ok(()),
        _ => Err(RequestError::bad(format!("`{name}` must be a JSON object"))),
    }
}

/// The request in a JSON text.
pub(super) fn from_json(text: &str, limits: &HttpLimits) -> Result<Request, RequestError> {
    check_values(text, limits.max_json_values)?;
    if text.trim_start().starts_with('[') {
        return Err(RequestError::bad(
            "batches are not supported; send one operation a request",
        ));
    }
    let envelope: Envelope = serde_json::from_str(text).map_err(|error| {
        RequestError::bad(match error.classify() {
            Category::Data => "the request's body must be a JSON object with `query`".to_owned(),
            _ => format!("the request's body is not JSON: {error}"),
        })
    })?;
    envelope.into_request()
}

/// Refuses a text of too many values, of which each takes far more room and time than its bytes do.
pub(super) fn check_values(text: &str, most: usize) -> Result<(), RequestError> {
    // Each value has a mark beside it.
    if text.len() <= most || marks(text) <= most {
        return Ok(());
    }
    Err(RequestError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("more than {most} values and names in JSON; send less at once"),
    ))
}

/// How many marks there are that stand before a value, or behind a name. In what is no JSON, too.
fn marks(text: &str) -> usize {
    let mut marks = 0;
    let mut in_string = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => _ = bytes.next(),
            b',' | b':' | b'[' | b'{' if !in_string => marks += 1,
            _ => {}
        }
    }
    marks
}

/// The request in a POST's body.
pub(super) async fn from_body(
    headers: &HeaderMap,
    body: Body,
    state: &AppState,
) -> Result<Request, RequestError> {
    check_content_type(headers)?;
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return Err(RequestError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the request's body without a content encoding",
        ));
    }
    let bytes = receive(body, state).await?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| RequestError::bad(format!("the request's body is not UTF-8: {error}")))?;
    from_json(text, &state.limits)
}

/// A body that arrives in time, and sooner when the server is about to stop.
async fn receive(body: Body, state: &AppState) -> Result<Bytes, RequestError> {
    let limits = &state.limits;
    let mut body = pin!(to_bytes(body, limits.max_body_bytes));
    let stopped = async {
        state.shutdown.cancelled().await;
        time::sleep(limits.shutdown_read_timeout).await;
    };
    // Most have come with their head, and need no clock.
    let received = if let Some(received) = body.as_mut().now_or_never() {
        Some(received)
    } else {
        tokio::select! {
            received = time::timeout(limits.body_timeout, body) => received.ok(),
            () = stopped => None,
        }
    };
    match received {
        Some(Ok(bytes)) => Ok(bytes),
        Some(Err(_)) => Err(RequestError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "the request's body was not received whole, or exceeds {} bytes; send less at once",
                limits.max_body_bytes
            ),
        )),
        None => Err(RequestError::new(
            StatusCode::REQUEST_TIMEOUT,
            "the request's body did not arrive in time",
        )),
    }
}

/// Nothing but JSON is executed: a browser sends any other type across sites without asking.
fn check_content_type(headers: &HeaderMap) -> Result<(), RequestError> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if content_type.is_some_and(is_json) {
        Ok(())
    } else {
        Err(RequestError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the request as `Content-Type: application/json`, in UTF-8",
        ))
    }
}

/// The request in a GET's URL.
pub(super) fn from_uri(uri: &Uri, limits: &HttpLimits) -> Result<Request, RequestError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Parameters {
        query: Option<String>,
        operation_name: Option<String>,
        variables: Option<String>,
        extensions: Option<String>,
    }
    let parameters = axum::extract::Query::<Parameters>::try_from_uri(uri)
        .map_err(|error| {
            RequestError::bad(format!("the URL's parameters cannot be read: {error}"))
        })?
        .0;
    let text = |text: Option<String>| text.map_or(Value::Null, Value::String);
    let json = |name: &str, text: Option<String>| match text.as_deref() {
        None | Some("") => Ok(Value::Null),
        Some(text) => {
            check_values(text, limits.max_json_values)?;
            serde_json::from_str(text)
                .map_err(|error| RequestError::bad(format!("`{name}` is not JSON: {error}")))
        }
    };
    let envelope = Envelope {
        query: text(parameters.query),
        // A form leaves its field in the URL when it is empty.
        operation_name: text(parameters.operation_name.filter(|name| !name.is_empty())),
        variables: json("variables", parameters.variables)?,
        extensions: json("extensions", parameters.extensions)?,
    };
    envelope.into_request()
}
