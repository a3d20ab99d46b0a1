//! Builds the schema and exports its SDL.

use apollo_compiler::validation::Valid;
use async_graphql::{SDLExportOptions, Schema, SchemaBuilder, ValidationMode};

use super::{
    error::ErrorCode, limits::GraphqlLimits, loaders::Loaders, mutation::Mutation, query::Query,
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

/// Returns the schema definition that `schema.graphql` holds.
#[must_use]
pub fn sdl() -> String {
    builder().finish().sdl_with_options(SDLExportOptions::new())
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
    // No field returns `ErrorCode`; registering it documents `errors[].extensions.code`.
    Schema::build(Query, Mutation, Subscription).register_output_type::<ErrorCode>()
}
