//! The user on whose behalf statements are executed, which all that users share takes turns by.
//!
//! It accompanies the work instead of each call, since every statement of an operation has the same, and nothing but the
//! order of waiting depends on it.

use std::sync::{Arc, LazyLock};

use tokio::task_local;

task_local! {
    static USER: Arc<str>;
}

/// The server itself: its tail, and what its users share. It has a turn like a user.
static SERVER: LazyLock<Arc<str>> = LazyLock::new(|| "server".into());

/// Executes work on behalf of a user.
pub(crate) fn on_behalf_of<F: Future>(user: Arc<str>, work: F) -> impl Future<Output = F::Output> {
    USER.scope(user, work)
}

/// Returns the user on whose behalf the caller executes statements.
pub(super) fn current() -> Arc<str> {
    let user = USER.try_with(Arc::clone);
    user.unwrap_or_else(|_| Arc::clone(&SERVER))
}
