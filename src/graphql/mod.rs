//! The ledger as GraphQL. `query`, `mutation` and `subscription` are the table of contents; each
//! noun has its folder with its type, filter and inputs. Nothing here decides anything: a resolver
//! reads its arguments, makes one call to the domain, and maps the answer. `execute` stands between
//! the library and the transports: what it lets in is sound, what it lets out is as specified.

use std::time::Duration;

use async_graphql::{SDLExportOptions, Schema, SchemaBuilder, ValidationMode};

mod context;
mod cursor;
mod error;
mod event;
mod executor;
mod gathering;
mod goes_on;
mod live;
mod loaders;
mod mutation;
mod node;
mod objects;
mod page;
mod query;
mod request;
mod response;
mod run;
mod scalars;
mod schema_types;
mod subscription;
mod user;
mod validation;
mod viewer;
mod written;

pub use error::{ErrorCode, error_response};
pub use executor::Executor;
pub use live::{Frame, Output};
pub use page::PageLimits;
pub use request::PreparedRequest;
pub use response::{was_executed, write, write_errors};
pub use validation::DocumentLimits;

use crate::{feed::ChangeFeed, runs::Runs};
use loaders::Loaders;
use mutation::Mutation;
use query::Query;
use subscription::Subscription;

/// How much may be asked for at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of lists.
    pub pages: PageLimits,
    /// Of documents.
    pub documents: DocumentLimits,
    /// How long a query or mutation may take.
    pub operation_time: Duration,
    /// Whether the schema is told to those who ask for it.
    pub introspection: bool,
    /// Whether those who mistype a name are suggested another.
    pub suggestions: bool,
    /// How long a subscription's client that fell behind may take to catch up.
    pub catch_up_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pages: PageLimits::default(),
            documents: DocumentLimits::default(),
            operation_time: Duration::from_secs(30),
            introspection: true,
            suggestions: true,
            catch_up_time: Duration::from_mins(1),
        }
    }
}

/// The schema.
type LedgerSchema = Schema<Query, Mutation, Subscription>;

/// The schema over a ledger.
fn schema(
    runs: Runs,
    feed: ChangeFeed,
    loaders: Loaders,
    limits: &Limits,
    validation: ValidationMode,
) -> LedgerSchema {
    let mut builder = builder();
    if !limits.introspection {
        builder = builder.disable_introspection();
    }
    if !limits.suggestions {
        builder = builder.disable_suggestions();
    }
    builder
        .validation_mode(validation)
        .data(loaders)
        .data(runs)
        .data(feed)
        .data(limits.pages)
        .finish()
}

/// The schema as a text, which `schema.graphql` holds.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new().prefer_single_line_descriptions();
    builder().finish().sdl_with_options(options)
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    // ErrorCode stands in errors, which no field has the type of.
    Schema::build(Query, Mutation, Subscription).register_output_type::<ErrorCode>()
}
