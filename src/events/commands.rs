//! Events to add, and the checks that need no database.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::runs::{
    Error, Limits, Result,
    commands::{check_details, check_text},
};

/// An event to add.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The worker's own id makes the call safe to repeat.
    pub id: Option<Uuid>,
    /// At most 50 characters.
    pub event_type: String,
    /// For people.
    pub message: String,
    /// Now, unless given.
    pub timestamp: Option<DateTime<Utc>>,
    /// A JSON object.
    pub details: Option<Json>,
}

impl NewEvent {
    pub(crate) fn check(&self, limits: &Limits) -> Result<()> {
        let length = self.event_type.chars().count();
        if length == 0 || length > limits.event_type_chars {
            return Err(Error::BadInput(format!(
                "eventType has {length} characters; give it 1 to {}",
                limits.event_type_chars
            )));
        }
        check_text("eventType", &self.event_type)?;
        check_text("message", &self.message)?;
        check_details(self.details.as_ref(), limits)
    }
}
