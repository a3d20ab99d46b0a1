//! Parsing of GraphQL requests, by the GraphQL over HTTP specification.

use std::pin::pin;

use async_graphql::{Request, Value, Variables};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Query,
    http::{
        HeaderMap, HeaderName, StatusCode, Uri,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
};
use futures_util::FutureExt;
use serde::Deserialize;
use serde_json::error::Category;
use tokio::time;

use super::{content_negotiation::is_json, limits::HttpLimits, state::AppState};
use crate::{clock::Clock, graphql::LossyNumbers, request_id::RequestId};

/// Header with the id of the request, which the log has too.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Maximum nesting depth of a variable. Values that are stored as `details` must be readable again, inside
/// their surrounding objects.
const MAX_VARIABLE_DEPTH: usize = 64;

/// Returns the id that the client or a proxy has given the request, or a new one.
pub(super) fn id(headers: &HeaderMap, clock: &dyn Clock) -> RequestId {
    let mut given = headers.get_all(REQUEST_ID).iter();
    let id = match (given.next(), given.next()) {
        (Some(id), None) => RequestId::parse(id.as_bytes()),
        _ => None,
    };
    id.unwrap_or_else(|| RequestId::new(clock.new_id()))
}

/// Why an HTTP request is not a valid GraphQL request.
#[derive(Debug)]
pub(super) enum RequestError {
    /// The request is malformed.
    Malformed {
        /// The status of the response.
        status: StatusCode,
        /// What is wrong.
        message: String,
    },
    /// The request names a document instead of sending it. Clients then send the document.
    PersistedQuery,
}

impl RequestError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self::Malformed {
            status,
            message: message.into(),
        }
    }

    fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

/// The parameters of a request. Each is deserialized as any value first, so that the error names the one
/// that is wrong.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Parameters {
    query: Value,
    operation_name: Value,
    variables: Value,
    extensions: Value,
    /// The identifier of a persisted document, by the draft of GraphQL over HTTP.
    document_id: Value,
    /// The same of Relay.
    #[serde(rename = "doc_id")]
    relay_document_id: Value,
}

impl Parameters {
    /// Returns whether the request names a persisted document and does not contain it.
    fn is_persisted(&self) -> bool {
        let has_document = !matches!(&self.query, Value::Null)
            && !matches!(&self.query, Value::String(query) if query.is_empty());
        let persisted_query = match &self.extensions {
            Value::Object(extensions) => extensions.get("persistedQuery"),
            _ => None,
        };
        let ids = [
            Some(&self.document_id),
            Some(&self.relay_document_id),
            persisted_query,
        ];
        !has_document && ids.into_iter().flatten().any(|id| *id != Value::Null)
    }

    fn into_request(self) -> Result<Request, RequestError> {
        if self.is_persisted() {
            return Err(RequestError::PersistedQuery);
        }
        let Value::String(query) = self.query else {
            return Err(RequestError::bad_request(
                "`query` must be a string with a GraphQL document",
            ));
        };
        let mut request = Request::new(query);
        match self.operation_name {
            Value::Null => {}
            // HTML forms and some clients send an empty name instead of none.
            Value::String(name) if name.is_empty() => {}
            Value::String(name) => request = request.operation_name(name),
            _ => {
                return Err(RequestError::bad_request(
                    "`operationName` must be a string",
                ));
            }
        }
        validate_object("variables", &self.variables)?;
        // The object that holds the variables is one level itself.
        if is_deeper_than(MAX_VARIABLE_DEPTH + 1, &self.variables) {
            return Err(RequestError::bad_request(format!(
                "`variables` is nested more than {MAX_VARIABLE_DEPTH} levels deep"
            )));
        }
        validate_object("extensions", &self.extensions)?;
        Ok(request.variables(Variables::from_value(self.variables)))
    }
}

fn is_deeper_than(depth: usize, value: &Value) -> bool {
    let mut children: Box<dyn Iterator<Item = &Value>> = match value {
        Value::List(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => return false,
    };
    depth == 0 || children.any(|value| is_deeper_than(depth - 1, value))
}

fn validate_object(name: &str, value: &Value) -> Result<(), RequestError> {
    match value {
        Value::Null | Value::Object(_) => Ok(()),
        _ => Err(RequestError::bad_request(format!(
            "`{name}` must be a JSON object"
        ))),
    }
}

/// Parses a request in JSON.
pub(super) fn from_json(text: &str, limits: &HttpLimits) -> Result<Request, RequestError> {
    validate_value_count(text, limits.max_json_values)?;
    if text.trim_start().starts_with('[') {
        return Err(RequestError::bad_request(
            "batching is not supported; send one operation per request",
        ));
    }
    let parameters: Parameters = serde_json::from_str(text).map_err(|error| {
        RequestError::bad_request(match error.classify() {
            Category::Data => "the request body must be a JSON object with `query`".to_owned(),
            _ => format!("the request body is not valid JSON: {error}"),
        })
    })?;
    let request = parameters.into_request()?;
    Ok(LossyNumbers::find(text).attach_to(request))
}

/// Rejects JSON with too many values: each needs far more memory and time than its bytes.
pub(super) fn validate_value_count(text: &str, max: usize) -> Result<(), RequestError> {
    // There are at most as many values as delimiters, and as bytes.
    if text.len() <= max || count_delimiters(text) <= max {
        return Ok(());
    }
    Err(RequestError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the JSON has more than {max} values and names; send less per request"),
    ))
}

/// Counts the delimiters that precede a value or follow a name, also in malformed JSON.
fn count_delimiters(text: &str) -> usize {
    let mut count = 0;
    let mut in_string = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => _ = bytes.next(),
            b',' | b':' | b'[' | b'{' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}

/// Reads the body of a POST request.
pub(super) async fn read_body(
    headers: &HeaderMap,
    body: Body,
    state: &AppState,
) -> Result<Bytes, RequestError> {
    validate_content_type(headers)?;
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return Err(RequestError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the request body without a content encoding",
        ));
    }
    receive(body, state).await
}

/// Parses the body of a POST request.
pub(super) fn from_body(body: &[u8], limits: &HttpLimits) -> Result<Request, RequestError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        RequestError::bad_request(format!("the request body is not UTF-8: {error}"))
    })?;
    from_json(text, limits)
}

/// Receives a body within its timeout, which is shorter during shutdown.
async fn receive(body: Body, state: &AppState) -> Result<Bytes, RequestError> {
    let limits = &state.limits;
    let mut body = pin!(to_bytes(body, limits.max_body_bytes));
    let shutdown = async {
        state.shutdown.cancelled().await;
        time::sleep(limits.shutdown_read_timeout).await;
    };
    // Most bodies arrive together with their head and need no timer.
    let received = if let Some(received) = body.as_mut().now_or_never() {
        Some(received)
    } else {
        tokio::select! {
            received = time::timeout(limits.body_timeout, body) => received.ok(),
            () = shutdown => None,
        }
    };
    match received {
        Some(Ok(bytes)) => Ok(bytes),
        Some(Err(_)) => Err(RequestError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "the request body is incomplete or exceeds {} bytes; send less per request",
                limits.max_body_bytes
            ),
        )),
        None => Err(RequestError::new(
            StatusCode::REQUEST_TIMEOUT,
            "the request body did not arrive in time",
        )),
    }
}

/// Accepts only JSON: browsers send other types across origins without a preflight request.
fn validate_content_type(headers: &HeaderMap) -> Result<(), RequestError> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if content_type.is_some_and(is_json) {
        Ok(())
    } else {
        Err(RequestError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the request as `Content-Type: application/json` in UTF-8",
        ))
    }
}

/// Parses the query string of a GET request.
pub(super) fn from_uri(uri: &Uri, limits: &HttpLimits) -> Result<Request, RequestError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct QueryString {
        query: Option<String>,
        operation_name: Option<String>,
        variables: Option<String>,
        extensions: Option<String>,
        document_id: Option<String>,
        #[serde(rename = "doc_id")]
        doc_id: Option<String>,
    }
    let Query(parameters) = Query::<QueryString>::try_from_uri(uri).map_err(|error| {
        RequestError::bad_request(format!("cannot parse the query string of the URL: {error}"))
    })?;
    let string = |text: Option<String>| text.map_or(Value::Null, Value::String);
    let json = |name: &str, text: Option<String>| match text.as_deref() {
        None | Some("") => Ok(Value::Null),
        Some(text) => {
            validate_value_count(text, limits.max_json_values)?;
            serde_json::from_str(text).map_err(|error| {
                RequestError::bad_request(format!("`{name}` is not valid JSON: {error}"))
            })
        }
    };
    let parameters = Parameters {
        query: string(parameters.query),
        operation_name: string(parameters.operation_name),
        variables: json("variables", parameters.variables)?,
        extensions: json("extensions", parameters.extensions)?,
        document_id: string(parameters.document_id),
        relay_document_id: string(parameters.doc_id),
    };
    parameters.into_request()
}
