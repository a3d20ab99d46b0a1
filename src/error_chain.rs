//! Messages of errors with their causes.

use std::{error::Error, iter};

/// Returns the messages of an error and of its causes.
pub(crate) fn messages(error: &dyn Error) -> String {
    let errors = iter::successors(Some(error), |error: &&dyn Error| (*error).source());
    let messages: Vec<_> = errors.map(ToString::to_string).collect();
    messages.join(": ")
}
