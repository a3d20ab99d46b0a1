//! The ledger as GraphQL. `query`, `mutation` and `subscription` are the table of contents; each
//! noun has its folder with its type, filter and inputs. Nothing here decides anything: a resolver
//! reads its arguments, makes one call to the domain, and maps the answer.

use async_graphql::{
    SDLExportOptions, Schema, SchemaBuilder,
    parser::{
        parse_schema,
        types::{TypeKind, TypeSystemDefinition},
    },
};

mod context;
mod cursor;
mod document;
mod error;
mod event;
mod executor;
mod loaders;
mod mutation;
mod node;
mod page;
mod query;
mod resume;
mod run;
mod scalars;
mod shape;
mod subscription;
mod user;
mod variables;

pub use document::DocumentLimits;
pub use error::{ErrorCode, refused};
pub use executor::{Executor, Prepared, was_executed};
pub use page::PageLimits;
pub use resume::take_place;

use crate::runs::Runs;
use mutation::Mutation;
use query::Query;
use subscription::Subscription;

/// The schema.
type LedgerSchema = Schema<Query, Mutation, Subscription>;

/// The schema over a ledger.
fn schema(runs: Runs, pages: PageLimits) -> LedgerSchema {
    builder()
        .data(loaders::Loaders::new(runs.clone()))
        .data(runs)
        .data(pages)
        .finish()
}

/// The schema as a text, which `schema.graphql` holds.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new().prefer_single_line_descriptions();
    builder().finish().sdl_with_options(options)
}

/// The types that a schema's text defines, by name.
fn definitions(sdl: &str) -> impl Iterator<Item = (String, TypeKind)> {
    let document = parse_schema(sdl).into_iter();
    document
        .flat_map(|document| document.definitions)
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => {
                let definition = definition.node;
                Some((definition.name.node.to_string(), definition.kind))
            }
            _ => None,
        })
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    // ErrorCode stands in errors, which no field has the type of.
    Schema::build(Query, Mutation, Subscription).register_output_type::<ErrorCode>()
}
