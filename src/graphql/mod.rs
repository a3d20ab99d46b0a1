//! The GraphQL API. `query`, `mutation` and `subscription` hold the root fields; `types` holds
//! one folder or file per type. A resolver reads its arguments, makes one call to the domain and maps
//! the result; it decides nothing.
//!
//! Around async-graphql stand `validation` (before execution), `executor`, `response` (shape and
//! serialisation), `fast_path` (writes objects as JSON without a future per field), `loaders` (batched
//! lookups) and `live` (subscriptions).

mod admission;
mod auth_guard;
mod context;
mod error;
mod executor;
mod fast_path;
mod limits;
mod live;
mod loaders;
mod lossy_numbers;
mod mutation;
mod query;
mod request;
mod response;
mod schema;
mod spawn_on_drop;
mod subscription;
mod types;
mod validation;

pub use error::{
    ErrorCode, error_response, has_error_code, persisted_query_not_supported, rate_limited,
    retry_after,
};
pub use executor::{ExecutedRequest, Executor};
pub use limits::GraphqlLimits;
pub use live::{Frame, Output};
pub use lossy_numbers::LossyNumbers;
pub use request::{PrepareError, PreparedRequest};
pub use response::{ResponseBudget, ResponseLimits, was_executed, write, write_errors};
pub use schema::sdl;
pub use types::PageLimits;
pub use validation::DocumentLimits;
