//! Builds the schema and exports its SDL.

use apollo_compiler::validation::Valid;
use async_graphql::{SDLExportOptions, Schema, SchemaBuilder, ValidationMode};

use super::{
    limits::GraphqlLimits, loaders::Loaders, mutation::Mutation, query::Query,
    subscription::Subscription,
};
use crate::{events::Events, feed::ChangeFeed, runs::Runs};

/// The executable schema.
pub(crate) type AppSchema = Schema<Query, Mutation, Subscription>;

/// Builds the executable schema. It executes validated requests only, and no introspection.
pub(crate) fn build(
    runs: Runs,
    feed: ChangeFeed,
    loaders: Loaders,
    limits: &GraphqlLimits,
) -> AppSchema {
    builder()
        .validation_mode(ValidationMode::Fast)
        .disable_introspection()
        .data(loaders)
        .data(Events::new(&runs))
        .data(runs)
        .data(feed)
        .data(limits.pages)
        .finish()
}

/// The description of the schema.
const DESCRIPTION: &str = "\
The record of data synchronisation: runs, each of which transfers records of one entity type from one
source system, and the events of these runs. Workers report runs by mutations, which are safe to repeat;
front ends list runs by queries, and follow them by subscriptions, which resume after any disconnect.

IDs are UUIDs, times are in UTC, and lists are connections as Relay defines them. The code of an error
is one of `ErrorCode`, in `extensions.code`.";

/// Returns the schema definition that `schema.graphql` holds.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new().include_specified_by();
    let sdl = builder().finish().sdl_with_options(options);
    // async-graphql has no description of the schema itself.
    let described = format!("\n\"\"\"\n{DESCRIPTION}\n\"\"\"\nschema {{");
    sdl.replacen("\nschema {", &described, 1)
}

/// The introspection field that apollo-compiler lacks. No input object of the schema is a `@oneOf` type.
const IS_ONE_OF: &str = "extend type __Type { isOneOf: Boolean }";

/// Returns the schema as apollo-compiler validates documents against it.
#[expect(
    clippy::expect_used,
    reason = "async-graphql exports valid SDL, as each test proves"
)]
pub(crate) fn parsed() -> Valid<apollo_compiler::Schema> {
    apollo_compiler::Schema::parse_and_validate(sdl() + IS_ONE_OF, "schema.graphql")
        .expect("valid SDL")
}

/// Returns a builder of the schema without data and limits.
pub(crate) fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query, Mutation, Subscription)
}
