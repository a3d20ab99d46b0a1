//! Builds the schema and exports its SDL.

use async_graphql::{SDLExportOptions, Schema, SchemaBuilder, ValidationMode};

use super::{
    error::ErrorCode, limits::GraphqlLimits, loaders::Loaders, mutation::Mutation, query::Query,
    subscription::Subscription,
};
use crate::{events::Events, feed::ChangeFeed, runs::Runs};

/// The executable schema.
pub(crate) type AppSchema = Schema<Query, Mutation, Subscription>;

/// Builds the executable schema.
pub(crate) fn build(
    runs: Runs,
    feed: ChangeFeed,
    loaders: Loaders,
    limits: &GraphqlLimits,
    validation: ValidationMode,
) -> AppSchema {
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

/// Returns a builder of the schema without data and limits.
pub(crate) fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    // No field returns `ErrorCode`; registering it documents `errors[].extensions.code`.
    Schema::build(Query, Mutation, Subscription).register_output_type::<ErrorCode>()
}
