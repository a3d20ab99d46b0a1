//! API keys: their format, storage and cache.

mod cache;
mod key;
mod store;

pub(super) use cache::ApiKeyCache;
pub(super) use key::has_prefix;
pub use store::{ApiKey, ApiKeyError, NewApiKey, create, list, revoke};
